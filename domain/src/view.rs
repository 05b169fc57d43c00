//! Views: list rows and pages folded from documents; they can be thrown away and made again.

pub mod case;
pub mod cells;
pub mod figure;
pub mod matters;
pub mod supervisor;
pub mod weeks;

use serde::{Deserialize, Serialize};

use crate::document::{Field, Tree};
use crate::id::{PersonId, PhotoKey, RecordId, UnitId};
use crate::record::dispute::{self, Dispute};
use crate::record::hazard::{self, Hazard};
use crate::record::patrol::{self, Patrol};
use crate::record::photo;
use crate::record::status::Standing;
use crate::record::task::{self, Task};
use crate::record::{FoldError, Header, Kind, SAID_CHARS_MAX, events};
use crate::text;
use crate::time::Millis;

/// The version of [`Row`]: stored rows of another version are folded again.
pub const ROW_VERSION: u8 = 3;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DueKind {
    /// To accept or refuse a registered dispute.
    Accept,
    /// The next session of mediation.
    Session,
    /// To end the mediation.
    Finish,
    /// A term of an agreement.
    Term,
    /// A date to look at the case again.
    FollowUp,
    /// A return visit.
    Visit,
    /// Another task.
    Task,
    /// To put a hazard right.
    Rectify,
    /// To check again what was put right.
    Recheck,
}

/// Something due and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Due {
    /// The last moment.
    pub at: Millis,
    /// What.
    pub what: DueKind,
}

/// How far a record has come on its way; kept by the device, never part of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Delivery {
    /// Counts the writes of this row, so that a write based on an older one is noticed.
    pub rev: u32,
    /// Changes of this record that the server has not confirmed.
    pub unsent: u32,
    /// Changes of this record that the server refused; they are kept.
    pub refused: u32,
    /// The highest place of the record's changes in the server's log.
    pub seq: u64,
}

impl Delivery {
    /// Whether the record has not come yet: its row went before it, and every write of the device
    /// itself counts.
    #[must_use]
    pub const fn is_ahead(&self) -> bool {
        self.rev == 0
    }
}

/// The step of the ladder that a record has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryState {
    /// Typed and kept, but not yet saved as a record.
    Draft,
    /// Committed on this phone.
    OnPhone,
    /// On the server's disk.
    Sent,
    /// On a device of the station.
    Seen,
    /// Something was refused: a person must look.
    NeedsAttention,
}

impl Delivery {
    /// The step reached, where the station's devices hold the log up to `seen`.
    #[must_use]
    pub const fn state(&self, seen: u64) -> DeliveryState {
        if self.refused > 0 {
            DeliveryState::NeedsAttention
        } else if self.unsent > 0 || self.seq == 0 {
            DeliveryState::OnPhone
        } else if self.seq > seen {
            DeliveryState::Sent
        } else {
            DeliveryState::Seen
        }
    }
}

/// One line of a list: enough to show, sort, filter and search a record without loading it.
///
/// It holds no name, phone or address of a party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The record.
    pub id: RecordId,
    /// What it is about.
    pub kind: Kind,
    /// The shape that its writer used.
    pub schema: i64,
    /// The grid that it belongs to.
    pub grid: UnitId,
    /// Its provisional number.
    pub number: String,
    /// Its title, where it has one.
    pub title: String,
    /// Code of its category, in the list of its kind.
    pub category: String,
    /// Where, in words.
    pub place: String,
    /// Its text, whole, so that a search finds each word of it; lists show the beginning. Of a row
    /// that went before its record it is no more than a few characters.
    pub text: String,
    /// Code of its status, in the list of its kind.
    pub status: String,
    /// Code of its level, where its kind has one.
    pub level: String,
    /// Who made it.
    pub by: PersonId,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// When its matter was found or began.
    pub happened_at: Millis,
    /// When it was accepted, if it was.
    pub accepted_at: Option<Millis>,
    /// When it reached its last status, if that is a final one.
    pub closed_at: Option<Millis>,
    /// Whether something is still to be done.
    pub open: bool,
    /// What is due next.
    pub due: Option<Due>,
    /// Code of the outcome or of the finding.
    pub outcome: String,
    /// Fields that people wrote at the same time with different values.
    pub conflicts: u32,
    /// Steps that contradict each other and wait for a person.
    pub review: u32,
    /// The record that this one follows.
    pub link: Option<RecordId>,
    /// Of a patrol: check-ins.
    pub checkins: u32,
    /// Of a finished patrol: milliseconds, pauses left out.
    pub active_ms: i64,
    /// Its photos, in their order.
    pub photos: Vec<PhotoKey>,
    /// How far it has come on its way.
    pub delivery: Delivery,
}

impl Row {
    /// Folds a row from the fields of a body and, where it is here, of its vault.
    ///
    /// # Errors
    /// When the body's header is damaged.
    pub fn fold(id: RecordId, body: &Tree, vault: Option<&Tree>) -> Result<Self, FoldError> {
        let header = Header::fold(body)?;
        let mut row = Self::empty(id, &header);
        row.updated_at = [Some(body), vault]
            .into_iter()
            .flatten()
            .flat_map(Tree::spans)
            .map(|span| span.at)
            .max()
            .unwrap_or(header.created_at);
        let trees = [Some(body), vault];
        let fields = trees.into_iter().flatten().flat_map(Tree::fields);
        let conflicts = fields
            .filter(|(_, field)| Field::is_conflict(field))
            .count();
        row.conflicts = u32::try_from(conflicts).unwrap_or(u32::MAX);
        let photos = photo::of(&events(body));
        row.photos = photos.iter().map(|kept| kept.photo.full.key()).collect();
        match header.kind {
            Kind::Dispute => row.fill_dispute(&Dispute::fold(body)?),
            Kind::Patrol => row.fill_patrol(&Patrol::fold(body)?),
            Kind::Hazard => row.fill_hazard(&Hazard::fold(body)?),
            Kind::Task => row.fill_task(&Task::fold(body)?),
        }
        Ok(row)
    }

    fn empty(id: RecordId, header: &Header) -> Self {
        Self {
            id,
            kind: header.kind,
            schema: header.schema,
            grid: header.grid.clone(),
            number: header.number.clone(),
            title: String::new(),
            category: String::new(),
            place: String::new(),
            text: String::new(),
            status: String::new(),
            level: String::new(),
            by: header.by.clone(),
            created_at: header.created_at,
            updated_at: header.created_at,
            happened_at: header.created_at,
            accepted_at: None,
            closed_at: None,
            open: true,
            due: None,
            outcome: String::new(),
            conflicts: 0,
            review: 0,
            link: None,
            checkins: 0,
            active_ms: 0,
            photos: Vec::new(),
            delivery: Delivery::default(),
        }
    }

    fn stand(&mut self, standing: &Standing, open: bool) {
        self.status.clone_from(&standing.status);
        self.open = open;
        self.review = u32::try_from(standing.review.len()).unwrap_or(u32::MAX);
        self.closed_at = if open {
            None
        } else {
            standing.since.map(|(_, at)| at)
        };
    }

    fn fill_dispute(&mut self, dispute: &Dispute) {
        self.stand(
            &dispute.standing,
            dispute::MACHINE.is_open(&dispute.standing.status),
        );
        self.title.clone_from(&dispute.title);
        self.category.clone_from(&dispute.category);
        self.place.clone_from(&dispute.place);
        self.text = searched(&dispute.brief);
        self.level.clone_from(&dispute.level);
        self.happened_at = dispute.found_at;
        self.outcome.clone_from(&dispute.outcome);
        self.due = dispute.due();
        self.accepted_at = dispute.accepted_at();
    }

    fn fill_patrol(&mut self, patrol: &Patrol) {
        self.stand(
            &patrol.standing,
            patrol::MACHINE.is_open(&patrol.standing.status),
        );
        self.category.clone_from(&patrol.patrol_kind);
        self.text = searched(&patrol.log);
        self.happened_at = patrol.started_at;
        self.checkins = u32::try_from(patrol.visits()).unwrap_or(u32::MAX);
        self.active_ms = patrol.ended_at.map_or(0, |ended| patrol.active_ms(ended));
    }

    fn fill_hazard(&mut self, hazard: &Hazard) {
        self.stand(
            &hazard.standing,
            hazard::MACHINE.is_open(&hazard.standing.status),
        );
        self.category.clone_from(&hazard.category);
        self.place.clone_from(&hazard.place);
        self.text = searched(&hazard.description);
        self.level.clone_from(&hazard.level);
        self.due = hazard.due();
        self.link = hazard.patrol;
    }

    fn fill_task(&mut self, task: &Task) {
        self.stand(&task.standing, task::MACHINE.is_open(&task.standing.status));
        self.category.clone_from(&task.category);
        self.title.clone_from(&task.title);
        self.place.clone_from(&task.place);
        self.text = searched(&task.note);
        self.outcome.clone_from(&task.finding);
        self.due = task.due();
        self.link = task.link;
    }

    /// Whether something is due and its last moment has passed.
    #[must_use]
    pub fn is_overdue(&self, now: Millis) -> bool {
        self.open && self.due.is_some_and(|due| due.at < now)
    }

    /// Whether a person must decide between what several people wrote.
    #[must_use]
    pub const fn is_contested(&self) -> bool {
        self.conflicts > 0 || self.review > 0
    }

    /// Whether all words of `query` occur in the row or in `names`, the names of its codes and grid
    /// and its number as people read it.
    #[must_use]
    pub fn matches(&self, query: &str, names: &str) -> bool {
        let fields = [&self.number, &self.title, &self.place, &self.text, names];
        // No word holds a gap, so none is found across two fields.
        let fields = text::folded(&fields.join("\n"));
        let query = text::folded(query);
        query.split_whitespace().all(|word| fields.contains(word))
    }

    /// The row as bytes for a store, its version first.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![ROW_VERSION];
        bytes.extend(postcard::to_allocvec(self).unwrap_or_default());
        bytes
    }

    /// Reads a stored row; `None` when it is damaged or of another version, so that it is folded
    /// again from its documents.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        (*version == ROW_VERSION).then_some(())?;
        postcard::from_bytes(rest).ok()
    }
}

/// A text as a row has it: whole, as far as it is one that a form takes.
fn searched(text: &str) -> String {
    text.chars().take(SAID_CHARS_MAX).collect()
}

/// The patrol of a person that is under way, the newest if there are several: another one is not
/// started meanwhile.
pub fn running_patrol<'a>(
    rows: impl Iterator<Item = &'a Row>,
    person: &PersonId,
) -> Option<RecordId> {
    let runs = |row: &&Row| row.kind == Kind::Patrol && row.open && row.by == *person;
    rows.filter(runs).map(|row| row.id).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_never_claims_more_than_is_so() {
        let at = |unsent, refused, seq| Delivery {
            rev: 1,
            unsent,
            refused,
            seq,
        };
        assert_eq!(at(0, 0, 0).state(9), DeliveryState::OnPhone);
        assert_eq!(at(1, 0, 5).state(9), DeliveryState::OnPhone);
        assert_eq!(at(0, 0, 5).state(4), DeliveryState::Sent);
        assert_eq!(at(0, 0, 5).state(5), DeliveryState::Seen);
        assert_eq!(at(0, 1, 5).state(5), DeliveryState::NeedsAttention);
    }
}
