//! Commands: what a person asks for, and the edits that it comes to.
//!
//! A command is planned against the record as it stands on this device: the plan says which fields
//! of which documents to write, or why it must not be done. The replica turns a plan into changes.
//! What a person wrote is in a command as [`Said`], or as a [`NamedField`], and never as plain text.

mod again;
mod desk;
mod dispute;
mod import;
mod photo;

use desk::Desk;

use crate::access;
use crate::document::{Edit, Tree, Value};
use crate::id::{ActorKey, DeviceId, DocId, Fresh, ItemId, Part, RecordId, UnitId};
use crate::record::dispute::{NewAgreement, NewClosing, NewDispute, NewEvent, NewSession};
use crate::record::hazard::{NewHazard, NewStep};
use crate::record::patrol::{Counter, NewCheckin, NewPatrol};
use crate::record::photo::Photo;
use crate::record::status::{Step, step_edits};
use crate::record::task::{NewReport, NewTask};
use crate::record::vault::Party;
use crate::record::{Header, Kind, SCHEMA, Said, hazard, note_edits, patrol, task, vault};
use crate::unit::{Directory, Member};

pub use import::NamedField;

/// What a person asks for. A new record's id is made when its form is opened, so that sending the
/// same form twice makes one record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are the record that is meant and what to write there"
)]
pub enum Command {
    /// Registers a dispute with its parties.
    RegisterDispute { id: RecordId, new: NewDispute },
    /// Takes over a dispute that was kept elsewhere, with fields that the quick register lacks.
    ImportDispute {
        id: RecordId,
        new: NewDispute,
        more: Vec<NamedField>,
    },
    /// Writes fields of a dispute's register, or such as another system brought along.
    PutFields {
        id: RecordId,
        fields: Vec<NamedField>,
    },
    /// Writes the fields in which `new` differs from `base`, the copy that the form began with.
    EditDispute {
        id: RecordId,
        base: NewDispute,
        new: NewDispute,
    },
    /// Adds a party, or rewrites one.
    PutParty {
        id: RecordId,
        item: Option<ItemId>,
        party: Party,
    },
    /// Adds a note to a record's course.
    AddEvent { id: RecordId, new: NewEvent },
    /// Records a session of mediation, with consent and notice where this is the first.
    RecordSession { id: RecordId, new: NewSession },
    /// Records an agreement; a return visit follows from it.
    RecordAgreement { id: RecordId, new: NewAgreement },
    /// Marks a term of an agreement as performed.
    PerformTerm { id: RecordId, term: ItemId },
    /// Closes a case.
    CloseDispute { id: RecordId, new: NewClosing },
    /// Starts a patrol.
    StartPatrol { id: RecordId, new: NewPatrol },
    /// Records a check-in.
    CheckIn { id: RecordId, new: NewCheckin },
    /// Adds to a counter of a patrol.
    Count {
        id: RecordId,
        counter: Counter,
        more: i64,
    },
    /// Ends a patrol with what there is to say.
    FinishPatrol { id: RecordId, log: Said },
    /// Registers a hazard.
    RegisterHazard { id: RecordId, new: NewHazard },
    /// Takes a step with a hazard.
    StepHazard { id: RecordId, new: NewStep },
    /// Gives a task.
    GiveTask { id: RecordId, new: NewTask },
    /// Reports a task as done.
    ReportTask { id: RecordId, new: NewReport },
    /// Takes a plain step: pause, resume, accept, refer, review.
    Step {
        id: RecordId,
        to: &'static str,
        reason: Said,
    },
    /// Adds a photo; its name inside the record is made when it is taken, so that adding it again
    /// adds nothing, even after it was taken away.
    AddPhoto {
        id: RecordId,
        item: ItemId,
        photo: Photo,
    },
    /// Takes a photo away.
    RemovePhoto { id: RecordId, photo: ItemId },
    /// Decides that a step does not hold, in favour of another one.
    DropStep { id: RecordId, event: ItemId },
    /// Settles a field that several people wrote with one of their values.
    Settle {
        doc: DocId,
        path: String,
        value: Value,
    },
}

/// Why a command is not carried out; nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The record is not on this device.
    #[error("the record is not here")]
    NotHere,
    /// The record was written by a newer version of the app.
    #[error("written by a newer version")]
    Newer,
    /// The grid is not in the member's scope.
    #[error("not your grid")]
    NotYourGrid,
    /// None of the member's roles may do this.
    #[error("not your role")]
    NotYourRole,
    /// The record's status does not allow the step.
    #[error("not in status {from}")]
    Status {
        /// What the record is about: its code is in the list of that kind.
        kind: Kind,
        /// Code of the status that it is in.
        from: String,
    },
    /// An agreement must be recorded before the case can end this way.
    #[error("an agreement is needed first")]
    NeedsAgreement,
    /// What was agreed is not performed yet, so the case cannot end as settled.
    #[error("terms are open")]
    OpenTerms(
        /// The open terms, as they were typed.
        Vec<String>,
    ),
    /// An agreement has two sides.
    #[error("both sides are needed first")]
    NeedsParties,
    /// Nobody has said that every party consents and was told of rights and duties.
    #[error("consent and notice are needed first")]
    NeedsConsent,
    /// Nobody has said that the parties were told of the other ways.
    #[error("the other ways must be told first")]
    NeedsRemedies,
    /// Contested fields must be settled first.
    #[error("contested fields must be settled first")]
    Contested,
    /// Whoever found or mended a hazard does not pass it alone.
    #[error("another person must do this")]
    NeedsAnother,
    /// The same check-in was recorded within the minute before.
    #[error("recorded just now")]
    Repeated,
    /// The record has as many photos as it may have.
    #[error("too many photos")]
    TooManyPhotos,
    /// The record of this form was saved before and says something else.
    #[error("saved before with other words")]
    SavedBefore,
    /// There is nothing to settle or to mark.
    #[error("nothing to do")]
    Nothing,
}

/// Who asks, on which device, and when.
#[derive(Debug)]
pub struct Context<'a> {
    /// Who and where.
    pub directory: &'a Directory,
    /// The device.
    pub device: DeviceId,
    /// The start of the app.
    pub actor: ActorKey,
    /// The time and fresh ids.
    pub fresh: Fresh,
}

/// A record as it stands.
#[derive(Debug)]
pub struct Current {
    /// The fields of its body.
    pub body: Tree,
    /// The fields of its vault, where it is here.
    pub vault: Option<Tree>,
}

/// What to write to one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The record.
    pub record: RecordId,
    /// The fields to write, by document; the body first.
    pub edits: Vec<(Part, Vec<Edit>)>,
}

impl Command {
    /// The record that the command is about.
    #[must_use]
    pub const fn record(&self) -> RecordId {
        match self {
            Self::RegisterDispute { id, .. }
            | Self::ImportDispute { id, .. }
            | Self::PutFields { id, .. }
            | Self::EditDispute { id, .. }
            | Self::PutParty { id, .. }
            | Self::AddEvent { id, .. }
            | Self::RecordSession { id, .. }
            | Self::RecordAgreement { id, .. }
            | Self::PerformTerm { id, .. }
            | Self::CloseDispute { id, .. }
            | Self::StartPatrol { id, .. }
            | Self::CheckIn { id, .. }
            | Self::Count { id, .. }
            | Self::FinishPatrol { id, .. }
            | Self::RegisterHazard { id, .. }
            | Self::StepHazard { id, .. }
            | Self::GiveTask { id, .. }
            | Self::ReportTask { id, .. }
            | Self::Step { id, .. }
            | Self::AddPhoto { id, .. }
            | Self::RemovePhoto { id, .. }
            | Self::DropStep { id, .. } => *id,
            Self::Settle { doc, .. } => doc.record,
        }
    }

    /// Plans the command; the plan of the record itself comes first.
    ///
    /// # Errors
    /// When it must not be done as things stand.
    pub fn plan(
        &self,
        context: &mut Context<'_>,
        current: Option<&Current>,
    ) -> Result<Vec<Plan>, Denial> {
        if let Some(beginning) = self.beginning() {
            let (kind, grid) = beginning.place();
            context.may_begin(kind, grid)?;
            return match current {
                None => Ok(self.begin(&beginning, context)),
                Some(current) => self.begun_twice(&beginning, context, current),
            };
        }
        let current = current.ok_or(Denial::NotHere)?;
        let mut desk = Desk::open(context, self.record(), current)?;
        self.write(&mut desk)?;
        Ok(desk.close())
    }

    /// What the command begins, if it makes a new record.
    fn beginning(&self) -> Option<Beginning<'_>> {
        match self {
            Self::RegisterDispute { new, .. } => Some(Beginning::Dispute(new, &[])),
            Self::ImportDispute { new, more, .. } => Some(Beginning::Dispute(new, more)),
            Self::StartPatrol { new, .. } => Some(Beginning::Patrol(new)),
            Self::RegisterHazard { new, .. } => Some(Beginning::Hazard(new)),
            Self::GiveTask { new, .. } => Some(Beginning::Task(new)),
            Self::EditDispute { .. }
            | Self::PutFields { .. }
            | Self::PutParty { .. }
            | Self::AddEvent { .. }
            | Self::RecordSession { .. }
            | Self::RecordAgreement { .. }
            | Self::PerformTerm { .. }
            | Self::CloseDispute { .. }
            | Self::CheckIn { .. }
            | Self::Count { .. }
            | Self::FinishPatrol { .. }
            | Self::StepHazard { .. }
            | Self::ReportTask { .. }
            | Self::Step { .. }
            | Self::AddPhoto { .. }
            | Self::RemovePhoto { .. }
            | Self::DropStep { .. }
            | Self::Settle { .. } => None,
        }
    }

    fn begin(&self, beginning: &Beginning<'_>, context: &mut Context<'_>) -> Vec<Plan> {
        let record = self.record();
        let body = |edits| Plan {
            record,
            edits: vec![(Part::Body, edits)],
        };
        let plan = match beginning {
            Beginning::Dispute(new, more) => return import::dispute(context, record, new, more),
            Beginning::Patrol(new) => body(patrol::start_edits(
                &context.header(record, Kind::Patrol, &new.grid),
                new,
            )),
            Beginning::Hazard(new) => {
                let header = context.header(record, Kind::Hazard, &new.grid);
                let mut edits = hazard::register_edits(&header, new);
                if !new.fixed.is_empty() {
                    let step = Step {
                        from: hazard::MACHINE.initial.to_owned(),
                        to: "onspot".to_owned(),
                        reason: new.fixed.as_str().to_owned(),
                        dropped: false,
                    };
                    let id = context.fresh.id();
                    edits.extend(step_edits(id, &header.by, context.fresh.now, &step));
                }
                body(edits)
            }
            Beginning::Task(new) => body(task::give_edits(
                &context.header(record, Kind::Task, &new.grid),
                new,
            )),
        };
        vec![plan]
    }

    /// The record is there already.
    fn begun_twice(
        &self,
        beginning: &Beginning<'_>,
        context: &mut Context<'_>,
        current: &Current,
    ) -> Result<Vec<Plan>, Denial> {
        if let Self::ImportDispute { id, new, more } = self {
            return again::import(context, *id, (new, more), current);
        }
        again::form(self.record(), beginning, current)
    }

    /// Whether the command may leave a note in another record.
    #[must_use]
    pub const fn may_note(&self) -> bool {
        matches!(self, Self::ReportTask { .. })
    }

    /// The record that the command leaves a note in besides its own, as that one stands.
    #[must_use]
    pub fn beside(&self, current: &Current) -> Option<RecordId> {
        let Self::ReportTask { .. } = self else {
            return None;
        };
        task::visits(&current.body)
    }

    /// Plans the note in that other record. One that is not here, is none of this person's, or was
    /// written by a newer version gets none: the report itself is never refused for it.
    #[must_use]
    pub fn plan_beside(
        &self,
        context: &mut Context<'_>,
        (beside, current): (RecordId, &Current),
    ) -> Option<Plan> {
        let Self::ReportTask { new, .. } = self else {
            return None;
        };
        let mut desk = Desk::open(context, beside, current).ok()?;
        dispute::note_visit(&mut desk, new)?;
        desk.close().into_iter().next()
    }

    fn write(&self, desk: &mut Desk<'_, '_>) -> Result<(), Denial> {
        match self {
            Self::RegisterDispute { .. }
            | Self::ImportDispute { .. }
            | Self::StartPatrol { .. }
            | Self::RegisterHazard { .. }
            | Self::GiveTask { .. } => Ok(()),
            Self::EditDispute { base, new, .. } => dispute::edit(desk, base, new),
            Self::PutFields { fields, .. } => import::put(desk, fields),
            Self::PutParty { item, party, .. } => dispute::put_party(desk, *item, party),
            Self::AddEvent { new, .. } => {
                let id = desk.item();
                let by = &desk.me().person;
                desk.body
                    .extend(note_edits(id, by, new.at, &new.kind, &new.text));
                Ok(())
            }
            Self::RecordSession { new, .. } => dispute::record_session(desk, new),
            Self::RecordAgreement { new, .. } => dispute::record_agreement(desk, new),
            Self::PerformTerm { term, .. } => dispute::perform_term(desk, *term),
            Self::CloseDispute { new, .. } => dispute::close(desk, new),
            Self::CheckIn { new, .. } => {
                desk.must_be(&["active", "paused"])?;
                let (id, now) = (desk.item(), desk.now());
                if patrol::is_repeated(&desk.current.body, now, new) {
                    return Err(Denial::Repeated);
                }
                let by = &desk.me().person;
                desk.body.extend(patrol::checkin_edits(id, by, now, new));
                Ok(())
            }
            Self::Count { counter, more, .. } => {
                desk.must_be(&["active", "paused"])?;
                let body = &desk.current.body;
                let edit = patrol::count_edit(body, desk.context.actor, *counter, *more);
                desk.body.push(edit.ok_or(Denial::Nothing)?);
                Ok(())
            }
            Self::FinishPatrol { log, .. } => {
                crate::record::put_text(&mut desk.body, "log", log);
                desk.step("finished", &Said::default())
            }
            Self::StepHazard { new, .. } => {
                crate::record::put_text(&mut desk.body, "target", &new.target);
                desk.step(&new.to, &new.text)
            }
            Self::ReportTask { new, .. } => {
                crate::record::put_text(&mut desk.body, "finding", &new.finding);
                crate::record::put_text(&mut desk.body, "mode", &new.mode);
                desk.step("done", &new.text)
            }
            Self::Step { to, reason, .. } => desk.plain_step(to, reason),
            Self::AddPhoto { item, photo, .. } => photo::add(desk, *item, photo),
            Self::RemovePhoto { photo, .. } => photo::remove(desk, *photo),
            Self::DropStep { event, .. } => desk.drop_step(*event),
            Self::Settle { doc, path, value } => desk.settle(doc.part, path, value),
        }
    }
}

/// A record that a command makes.
enum Beginning<'a> {
    Dispute(&'a NewDispute, &'a [NamedField]),
    Patrol(&'a NewPatrol),
    Hazard(&'a NewHazard),
    Task(&'a NewTask),
}

impl<'a> Beginning<'a> {
    const fn place(&self) -> (Kind, &'a UnitId) {
        match self {
            Self::Dispute(new, _) => (Kind::Dispute, &new.grid),
            Self::Patrol(new) => (Kind::Patrol, &new.grid),
            Self::Hazard(new) => (Kind::Hazard, &new.grid),
            Self::Task(new) => (Kind::Task, &new.grid),
        }
    }
}

impl Context<'_> {
    pub(super) fn me(&self) -> &Member {
        &self.directory.me
    }

    fn may_begin(&self, kind: Kind, grid: &UnitId) -> Result<(), Denial> {
        if self.directory.grid(grid).is_none() {
            return Err(Denial::NotYourGrid);
        }
        access::may_write(self.me(), kind, Part::Body).map_err(|_| Denial::NotYourRole)
    }

    pub(super) fn header(&self, record: RecordId, kind: Kind, grid: &UnitId) -> Header {
        Header {
            kind,
            schema: SCHEMA,
            grid: grid.clone(),
            number: number(self.device, record),
            by: self.me().person.clone(),
            created_at: self.fresh.now,
        }
    }
}

/// The provisional number: unique without asking anybody, short enough to read over the telephone.
fn number(device: DeviceId, record: RecordId) -> String {
    let device: String = device.hex().to_uppercase().chars().take(4).collect();
    let record = record.to_string();
    format!("{device}-{}", record.get(22..).unwrap_or_default())
}

/// The first edits of a vault. Its parties are named by their place: nobody else writes a vault's
/// first change, and random names would be most of its bytes on the wire.
pub(super) fn vault_edits(record: RecordId, parties: &[Party]) -> Vec<Edit> {
    let places = (1..=u8::MAX).map(vault::first_party);
    let named: Vec<_> = places.zip(parties).collect();
    vault::register_edits(record, &named)
}
