//! Commands: what a person asks for, and the edits that it comes to.
//!
//! A command is planned against the record as it stands on this device: the plan says which fields
//! of which documents to write, or why it must not be done. The replica turns a plan into changes.
//! What a person wrote is in a command as [`Said`], or as a [`NamedField`], and never as plain text.

mod again;
mod dispute;
mod import;
mod photo;

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
use crate::record::{
    EventKind, HEADER_PATHS, Header, Kind, SCHEMA, Said, events, hazard, last_event_at, note_edits,
    patrol, task, vault,
};
use crate::time::Millis;
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
        /// Code of the status that it is in.
        from: String,
    },
    /// An agreement must be recorded before the case can end this way.
    #[error("an agreement is needed first")]
    NeedsAgreement,
    /// Contested fields must be settled first.
    #[error("contested fields must be settled first")]
    Contested,
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
                let by = &desk.me().person;
                desk.body.extend(patrol::checkin_edits(id, by, now, new));
                Ok(())
            }
            Self::Count { counter, more, .. } => {
                desk.must_be(&["active", "paused"])?;
                let actor = desk.context.actor;
                desk.body.extend(patrol::count_edits(
                    &desk.current.body,
                    actor,
                    *counter,
                    *more,
                ));
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
                desk.body.push(Edit::new("finding", new.finding.as_str()));
                desk.body.push(Edit::new("mode", new.mode.as_str()));
                desk.step("done", &new.text)
            }
            Self::Step { to, reason, .. } => desk.step(to, reason),
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

/// A record laid open for writing: collects edits and keeps track of the status on the way.
pub(super) struct Desk<'a, 'd> {
    pub(super) context: &'a mut Context<'d>,
    pub(super) current: &'a Current,
    pub(super) record: RecordId,
    pub(super) header: Header,
    pub(super) status: String,
    pub(super) body: Vec<Edit>,
    pub(super) vault: Vec<Edit>,
    pub(super) more: Vec<Plan>,
    last_event: Millis,
}

impl<'a, 'd> Desk<'a, 'd> {
    fn open(
        context: &'a mut Context<'d>,
        record: RecordId,
        current: &'a Current,
    ) -> Result<Self, Denial> {
        let header = Header::fold(&current.body).map_err(|_| Denial::NotHere)?;
        if header.schema > SCHEMA {
            return Err(Denial::Newer);
        }
        context.may_begin(header.kind, &header.grid)?;
        let events = events(&current.body);
        let status = access::machine(header.kind).fold(&events).status;
        let last_event = last_event_at(&current.body);
        Ok(Self {
            context,
            current,
            record,
            header,
            status,
            body: Vec::new(),
            vault: Vec::new(),
            more: Vec::new(),
            last_event,
        })
    }

    pub(super) fn me(&self) -> &'d Member {
        &self.context.directory.me
    }

    pub(super) const fn now(&self) -> Millis {
        self.context.fresh.now
    }

    /// The id of a new item, later than every event that the writer has seen: the order of ids is
    /// thus never against the order of cause, even where a clock is behind.
    pub(super) fn item(&mut self) -> ItemId {
        let now = self.context.fresh.now;
        let at = now.max(self.last_event.plus(1));
        self.last_event = at;
        self.context.fresh.now = at;
        let id = self.context.fresh.id();
        self.context.fresh.now = now;
        id
    }

    pub(super) fn must_be(&self, statuses: &[&str]) -> Result<(), Denial> {
        if statuses.contains(&self.status.as_str()) {
            Ok(())
        } else {
            Err(Denial::Status {
                from: self.status.clone(),
            })
        }
    }

    /// Takes one step, if the status and the member's roles allow it.
    pub(super) fn step(&mut self, to: &str, reason: &Said) -> Result<(), Denial> {
        let machine = access::machine(self.header.kind);
        let denied = || Denial::Status {
            from: self.status.clone(),
        };
        let rule = machine.rule(&self.status, to).ok_or_else(denied)?;
        if !self.me().has_any(rule.roles) {
            return Err(Denial::NotYourRole);
        }
        let step = Step {
            from: self.status.clone(),
            to: to.to_owned(),
            reason: reason.as_str().to_owned(),
            dropped: false,
        };
        let (id, now) = (self.item(), self.now());
        self.body
            .extend(step_edits(id, &self.me().person, now, &step));
        to.clone_into(&mut self.status);
        Ok(())
    }

    /// Takes several steps, or none.
    pub(super) fn steps(&mut self, way: &[&str]) -> Result<(), Denial> {
        way.iter()
            .try_for_each(|to| self.step(to, &Said::default()))
    }

    fn drop_step(&mut self, event: ItemId) -> Result<(), Denial> {
        let found = events(&self.current.body)
            .into_iter()
            .find(|known| known.id == event);
        match found.map(|known| known.what) {
            Some(EventKind::Step(step)) if !step.dropped => {
                self.body
                    .push(Edit::new(format!("ev/{event}/dropped"), Value::Bool(true)));
                Ok(())
            }
            _ => Err(Denial::Nothing),
        }
    }

    fn settle(&mut self, part: Part, path: &str, value: &Value) -> Result<(), Denial> {
        let tree = match part {
            Part::Body => Some(&self.current.body),
            Part::Vault => self.current.vault.as_ref(),
        };
        let field = tree
            .and_then(|tree| tree.field(path))
            .ok_or(Denial::Nothing)?;
        let claimed = field.values.iter().any(|written| written.value == *value);
        if !field.is_conflict() || !claimed || (part == Part::Body && HEADER_PATHS.contains(&path))
        {
            return Err(Denial::Nothing);
        }
        let edit = Edit {
            path: path.to_owned(),
            value: value.clone(),
        };
        match part {
            Part::Body => self.body.push(edit),
            Part::Vault => self.vault.push(edit),
        }
        Ok(())
    }

    fn close(self) -> Vec<Plan> {
        let parts = [(Part::Body, self.body), (Part::Vault, self.vault)];
        let edits = parts
            .into_iter()
            .filter(|(_, edits)| !edits.is_empty())
            .collect();
        let mut plans = vec![Plan {
            record: self.record,
            edits,
        }];
        plans.extend(self.more);
        plans
    }
}

/// The first edits of a vault. Its parties are named by their place: nobody else writes a vault's
/// first change, and random names would be most of its bytes on the wire.
pub(super) fn vault_edits(record: RecordId, parties: &[Party]) -> Vec<Edit> {
    let places = (1..=u8::MAX).map(vault::first_party);
    let named: Vec<_> = places.zip(parties).collect();
    vault::register_edits(record, &named)
}
