//! Access: one table of who may read and write what, used alike by phone and server.

use serde::{Deserialize, Serialize};

use crate::document::{DecodeError, Effect, Lens, Tree};
use crate::id::Part;
use crate::record::{
    EVENT_FIELDS, EVENTS, Event, EventKind, HEADER_PATHS, Header, Kind, dispute, events, hazard,
    patrol,
};
use crate::record::{status::Machine, task};
use crate::unit::{Level, Member, Role};

/// What a member may take from the grids in his or her scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nothing at all: administrators and auditors see no case.
    Nothing,
    /// Rows without personal data, and counts.
    PublicRows,
    /// Whole documents, with the party vaults.
    Documents,
}

/// Why the server, or the phone before it, does not take a change. Numbers are never used again.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    thiserror::Error,
    Serialize,
    Deserialize,
)]
pub enum Refusal {
    /// The bytes are not a sound change.
    #[error("damaged")]
    Damaged,
    /// The change or the record is beyond a limit.
    #[error("too large")]
    TooLarge,
    /// The grid does not exist.
    #[error("unknown grid")]
    UnknownGrid,
    /// The grid is not in the writer's scope.
    #[error("not your grid")]
    NotYourGrid,
    /// None of the writer's roles may do this.
    #[error("not your role")]
    NotYourRole,
    /// The change follows others that the server does not have.
    #[error("changes missing")]
    MissingDeps,
    /// The change contradicts another one of the same author.
    #[error("contradicts")]
    Contradicts,
    /// The change says that somebody else wrote it.
    #[error("written in another name")]
    AnotherName,
    /// The change alters what stays as it was first written.
    #[error("alters what is fixed")]
    Fixed,
    /// The document is not a record of any known kind.
    #[error("not a record")]
    NotARecord,
    /// An administrator took the record out of use.
    #[error("taken out of use")]
    Retired,
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::TooLarge => Self::TooLarge,
            DecodeError::Contradicts => Self::Contradicts,
            DecodeError::Waiting => Self::MissingDeps,
            DecodeError::Malformed
            | DecodeError::Checksum
            | DecodeError::Compressed
            | DecodeError::Actor
            | DecodeError::Bounds
            | DecodeError::Operation
            | DecodeError::History => Self::Damaged,
        }
    }
}

/// The roles that work in grids of their own.
const OFFICERS: &[Role] = &[
    Role::GridWorker,
    Role::AuxOfficer,
    Role::Mediator,
    Role::CommunityPolice,
];
/// The roles that work with all grids of a station.
const STATION: &[Role] = &[Role::StationDuty, Role::StationHead, Role::JudicialOffice];

/// What a member may take, by role.
#[must_use]
pub fn reach(member: &Member) -> Reach {
    if member.has_any(OFFICERS) || member.has_any(STATION) {
        Reach::Documents
    } else if member.has_any(&[Role::Supervisor]) {
        Reach::PublicRows
    } else {
        Reach::Nothing
    }
}

/// Whether a member sees the merged picture of a station.
#[must_use]
pub fn is_station_staff(member: &Member) -> bool {
    member.has_any(&[Role::StationDuty, Role::StationHead])
}

/// Whether a member sees the de-identified picture of a unit.
#[must_use]
pub fn is_supervisor(member: &Member) -> bool {
    reach(member) == Reach::PublicRows
}

/// The highest level of unit whose grids a membership reaches; below it, every grid does.
///
/// Officers hold grids (or the posts above them), staff a station, supervisors any unit: a
/// membership in a unit of a higher level than its role works at gives nothing.
#[must_use]
pub fn scope_top(member: &Member) -> Level {
    if member.has_any(&[Role::Supervisor, Role::Admin, Role::Auditor]) {
        Level::City
    } else if member.has_any(STATION) {
        Level::Station
    } else {
        Level::Post
    }
}

/// Whether a member may write a kind of record at all; its grid must be in scope besides.
///
/// # Errors
/// [`Refusal::NotYourRole`] where no role allows it.
pub fn may_write(member: &Member, kind: Kind, part: Part) -> Result<(), Refusal> {
    let allowed = match (kind, part) {
        (Kind::Dispute, Part::Body | Part::Vault) | (Kind::Task, Part::Body) => {
            member.has_any(OFFICERS) || member.has_any(STATION)
        }
        (Kind::Patrol, Part::Body) => {
            member.has_any(OFFICERS) || member.has_any(&[Role::StationDuty, Role::StationHead])
        }
        (Kind::Hazard, Part::Body) => {
            member.has_any(OFFICERS) || member.has_any(&[Role::StationDuty, Role::StationHead])
        }
        (Kind::Patrol | Kind::Hazard | Kind::Task, Part::Vault) => false,
    };
    if allowed {
        Ok(())
    } else {
        Err(Refusal::NotYourRole)
    }
}

/// The state machine of a kind of record.
#[must_use]
pub const fn machine(kind: Kind) -> &'static Machine {
    match kind {
        Kind::Dispute => &dispute::MACHINE,
        Kind::Patrol => &patrol::MACHINE,
        Kind::Hazard => &hazard::MACHINE,
        Kind::Task => &task::MACHINE,
    }
}

/// Whether a member may take a step with a record in this status: a screen offers no other.
#[must_use]
pub fn may_step(member: &Member, kind: Kind, (from, to): (&str, &str)) -> bool {
    let rule = machine(kind).rule(from, to);
    rule.is_some_and(|rule| member.has_any(rule.roles))
}

/// What [`judge`] looks at in a body: the header, and the events that a change touches.
pub const BODY_LENS: Lens = Lens {
    fields: &HEADER_PATHS,
    container: EVENTS,
    item_fields: &EVENT_FIELDS,
};

/// What is looked at in a vault: the record that it belongs to.
pub const VAULT_LENS: Lens = Lens {
    fields: &["of"],
    container: "",
    item_fields: &[],
};

/// Judges a change to a body by what [`BODY_LENS`] shows of it.
///
/// # Errors
/// As [`judge`]; and when events were made to lie where one could hide another, or when a later
/// change touches the container of all events, which only the first change of a record makes.
pub fn judge_effect(member: &Member, effect: &Effect) -> Result<Kind, Refusal> {
    match effect.before {
        None if effect.twice => return Err(Refusal::NotARecord),
        Some(_) if effect.twice || effect.container => return Err(Refusal::Fixed),
        None | Some(_) => {}
    }
    judge(member, effect.before.as_ref(), &effect.after)
}

/// Judges a change to a body by its effect: what stood before, what stands after.
///
/// # Errors
/// When the header was altered, when an event bears another name than its writer's, or when a step
/// was taken that none of the writer's roles may take.
pub fn judge(member: &Member, before: Option<&Tree>, after: &Tree) -> Result<Kind, Refusal> {
    let header = Header::fold(after).map_err(|_| Refusal::NotARecord)?;
    match before {
        None if header.by != member.person => return Err(Refusal::AnotherName),
        None => {}
        Some(before) => {
            let altered = |path: &str| {
                let field = after.field(path);
                field != before.field(path) || field.is_some_and(|field| field.values.len() != 1)
            };
            if HEADER_PATHS.iter().any(|path| altered(path)) {
                return Err(Refusal::Fixed);
            }
        }
    }
    let old = before.map(events).unwrap_or_default();
    let new = events(after);
    let stays = |known: &Event| new.iter().any(|event| event.id == known.id);
    if !old.iter().all(stays) {
        return Err(Refusal::Fixed);
    }
    let machine = machine(header.kind);
    for event in &new {
        match old.iter().find(|known| known.id == event.id) {
            None => judge_new(member, machine, event)?,
            Some(known) if known == event => {}
            Some(known) => judge_altered(known, event)?,
        }
    }
    Ok(header.kind)
}

fn judge_new(member: &Member, machine: &Machine, event: &Event) -> Result<(), Refusal> {
    if event.by != member.person {
        return Err(Refusal::AnotherName);
    }
    let EventKind::Step(step) = &event.what else {
        return Ok(());
    };
    // A step that no rule knows changes nothing and waits for review; a newer version may know it.
    match machine.rule(&step.from, &step.to) {
        Some(rule) if !member.has_any(rule.roles) => Err(Refusal::NotYourRole),
        Some(_) | None => Ok(()),
    }
}

/// An event stays as it was written; only a step may be dropped in favour of another.
fn judge_altered(known: &Event, event: &Event) -> Result<(), Refusal> {
    let (EventKind::Step(old), EventKind::Step(new)) = (&known.what, &event.what) else {
        return Err(Refusal::Fixed);
    };
    let same = known.at == event.at
        && known.by == event.by
        && (&old.from, &old.to, &old.reason) == (&new.from, &new.to, &new.reason);
    if same { Ok(()) } else { Err(Refusal::Fixed) }
}
