//! Records: typed folds over documents, the forms that make them, and what may happen to them.

pub mod dispute;
pub mod hazard;
pub mod patrol;
pub mod photo;
mod said;
pub mod status;
pub mod task;
pub mod vault;

use serde::{Deserialize, Serialize};

use crate::document::{Edit, Tree, Value};
use crate::id::{ItemId, PersonId, RecordId, UnitId};
use crate::time::Millis;

pub use said::{SAID_CHARS_MAX, Said};

/// The version of the documents' shape that this program writes.
///
/// A document with a higher number is shown but not edited; its unknown fields stay as they are.
pub const SCHEMA: i64 = 1;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A dispute and its mediation.
    Dispute,
    /// A patrol.
    Patrol,
    /// A hazard.
    Hazard,
    /// A task with a due date, such as a return visit.
    Task,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Dispute, Self::Patrol, Self::Hazard, Self::Task];

    /// The word that documents store.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Dispute => "dispute",
            Self::Patrol => "patrol",
            Self::Hazard => "hazard",
            Self::Task => "task",
        }
    }

    /// The kind with this word.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The containers that the first change of its body makes.
    #[must_use]
    pub const fn containers(self) -> &'static [&'static str] {
        match self {
            Self::Dispute => &["ev", "sessions", "agreements", "terms", "x"],
            Self::Patrol => &["ev", "checkins", "counts", "x"],
            Self::Hazard | Self::Task => &["ev", "x"],
        }
    }
}

/// A field of a form, so that an error can stand beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    missing_docs,
    reason = "each name is the field's own word in the glossary"
)]
pub enum FieldName {
    Grid,
    Category,
    Place,
    FoundAt,
    Brief,
    PartyAName,
    PartyAPhone,
    PartyBName,
    PartyBPhone,
    Level,
    EventKind,
    Text,
    SessionAt,
    SessionPlace,
    Mode,
    Statements,
    Result,
    NextAt,
    Consent,
    Notice,
    Form,
    Terms,
    Due,
    Outcome,
    Summary,
    Remedies,
    Checkpoint,
    Log,
    Description,
    Target,
    Finding,
    Title,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Problem {
    /// Nothing was entered.
    Missing,
    /// More than so many characters.
    TooLong(usize),
    /// Holds what looks like an identity number, which is never stored.
    IdentityNumber,
    /// Not a telephone number.
    NotAPhone,
    /// Not a date or a time.
    NotATime,
    /// A time that has not come yet.
    InFuture,
    /// A time that lies before what it must follow.
    InPast,
    /// A code that the list does not have.
    UnknownCode,
}

/// A field and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldError {
    /// Where.
    pub field: FieldName,
    /// What.
    pub problem: Problem,
}

/// Collects the errors of a form, so that all are shown at once.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    errors: Vec<FieldError>,
}

impl Checker {
    pub(crate) fn fail(&mut self, field: FieldName, problem: Problem) {
        self.errors.push(FieldError { field, problem });
    }

    /// What was read, or nothing and what is wrong with it.
    fn take(&mut self, field: FieldName, read: Result<Said, Problem>) -> Said {
        read.unwrap_or_else(|problem| {
            self.fail(field, problem);
            Said::default()
        })
    }

    fn filled(&mut self, field: FieldName, read: Result<Said, Problem>) -> Said {
        let said = self.take(field, read);
        if said.is_empty() && !self.has(field) {
            self.fail(field, Problem::Missing);
        }
        said
    }

    /// Whether something is wrong with a field.
    pub(crate) fn has(&self, field: FieldName) -> bool {
        self.errors.iter().any(|error| error.field == field)
    }

    /// Text that may be left empty.
    pub(crate) fn optional(&mut self, field: FieldName, typed: &str, max: usize) -> Said {
        self.take(field, Said::read(typed, max))
    }

    /// Text that must be there.
    pub(crate) fn required(&mut self, field: FieldName, typed: &str, max: usize) -> Said {
        self.filled(field, Said::read(typed, max))
    }

    /// One line that may be left empty.
    pub(crate) fn line(&mut self, field: FieldName, typed: &str, max: usize) -> Said {
        self.take(field, Said::read_line(typed, max))
    }

    /// One line that must be there.
    pub(crate) fn required_line(&mut self, field: FieldName, typed: &str, max: usize) -> Said {
        self.filled(field, Said::read_line(typed, max))
    }

    /// A telephone number, as its digits; it may be left empty.
    pub(crate) fn phone(&mut self, field: FieldName, typed: &str) -> Said {
        self.take(field, Said::read_phone(typed))
    }

    /// A code of a list that must be chosen.
    pub(crate) fn code(
        &mut self,
        field: FieldName,
        list: crate::codelist::List,
        typed: &str,
    ) -> Said {
        self.take(field, Said::read_code(list, typed))
    }

    /// A moment that has come; `now` when nothing was entered.
    pub(crate) fn moment(&mut self, field: FieldName, typed: &str, now: Millis) -> Millis {
        /// A phone's clock and a person's watch differ by some minutes.
        const TOLERANCE_MS: i64 = 10 * crate::time::MINUTE_MS;
        if typed.trim().is_empty() {
            return now;
        }
        match Millis::from_local_text(typed.trim()) {
            None => self.fail(field, Problem::NotATime),
            Some(at) if at > now.plus(TOLERANCE_MS) => self.fail(field, Problem::InFuture),
            Some(at) => return at,
        }
        now
    }

    /// A day to come, or none; its last moment.
    pub(crate) fn due(&mut self, field: FieldName, typed: &str, now: Millis) -> Option<Millis> {
        let typed = typed.trim();
        if typed.is_empty() {
            return None;
        }
        let Ok(day) = typed.parse::<crate::time::Day>() else {
            self.fail(field, Problem::NotATime);
            return None;
        };
        if day < now.day() {
            self.fail(field, Problem::InPast);
        }
        Some(day.end())
    }

    pub(crate) fn grid(&mut self, typed: &str) -> Option<UnitId> {
        let grid = typed.parse().ok();
        if grid.is_none() {
            self.fail(FieldName::Grid, Problem::Missing);
        }
        grid
    }

    /// Takes back what was found wrong with fields that this form did not change.
    pub(crate) fn forgive(&mut self, unchanged: impl Fn(FieldName) -> bool) {
        self.errors.retain(|error| !unchanged(error.field));
    }

    /// `value` when no error was found.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Vec<FieldError>> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(self.errors),
        }
    }
}

/// Why a document cannot be read as a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// A field that every record has is missing or of another type.
    #[error("a field that every record has is missing")]
    Header,
    /// The document is a record of another kind than asked for.
    #[error("a record of another kind")]
    Kind,
}

/// What every record begins with; written once by its first change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What the record is about.
    pub kind: Kind,
    /// The shape that its writer used.
    pub schema: i64,
    /// The grid that it belongs to.
    pub grid: UnitId,
    /// The provisional number: four characters of the device, four of the record.
    pub number: String,
    /// Who made it.
    pub by: PersonId,
    /// When it was made, by the device's clock.
    pub created_at: Millis,
}

/// The paths of a record's header: no later change may touch them.
pub const HEADER_PATHS: [&str; 6] = ["kind", "schema", "grid", "number", "by", "created_at"];

impl Header {
    /// Reads the header of a body.
    ///
    /// # Errors
    /// When one of its fields is missing.
    pub fn fold(tree: &Tree) -> Result<Self, FoldError> {
        let header = || {
            Some(Self {
                kind: Kind::from_code(tree.text("kind")?)?,
                schema: tree.int("schema")?,
                grid: tree.text("grid")?.parse().ok()?,
                number: tree.text("number")?.to_owned(),
                by: tree.text("by")?.parse().ok()?,
                created_at: tree.at("created_at")?,
            })
        };
        header().ok_or(FoldError::Header)
    }

    /// The first edits of a body: containers and header.
    #[must_use]
    pub fn edits(&self) -> Vec<Edit> {
        let mut edits: Vec<Edit> = self
            .kind
            .containers()
            .iter()
            .map(|name| Edit::new(format!("{name}/*"), Value::Null))
            .collect();
        edits.extend([
            Edit::new("kind", self.kind.code()),
            Edit::new("schema", Value::Int(self.schema)),
            Edit::new("grid", self.grid.as_str()),
            Edit::new("number", self.number.as_str()),
            Edit::new("by", self.by.as_str()),
            Edit::new("created_at", self.created_at),
        ]);
        edits
    }
}

/// One line of a record's course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name inside the record.
    pub id: ItemId,
    /// When it happened.
    pub at: Millis,
    /// Who wrote it.
    pub by: PersonId,
    /// What it is.
    pub what: EventKind,
}

/// What an event tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A note, with the code of its kind.
    Note {
        /// Code in the list of event kinds.
        kind: String,
        /// What was done or found.
        text: String,
    },
    /// A step from one status to another.
    Step(status::Step),
    /// A photo was added.
    Photo(photo::Photo),
    /// The photo with this name was taken away.
    PhotoRemoved(ItemId),
}

/// The container of a record's events.
pub const EVENTS: &str = "ev";
/// All fields of an event, those of a photo among them.
pub const EVENT_FIELDS: [&str; 14] = [
    "t", "at", "by", "text", "from", "to", "dropped", "full", "bytes", "w", "h", "thumb", "tbytes",
    "of",
];

/// Reads the events of a body, in the order of their ids, those that were withdrawn left out.
#[must_use]
pub fn events(tree: &Tree) -> Vec<Event> {
    tree.items(EVENTS)
        .filter_map(|key| event(tree, key))
        .collect()
}

fn event(tree: &Tree, key: &str) -> Option<Event> {
    let field = |name: &str| format!("ev/{key}/{name}");
    let id = key.parse().ok()?;
    let at = tree.at(&field("at"))?;
    let by = tree.text(&field("by"))?.parse().ok()?;
    let text = tree.text(&field("text")).unwrap_or_default().to_owned();
    let what = match tree.text(&field("t"))? {
        "status" => EventKind::Step(status::Step {
            from: tree.text(&field("from"))?.to_owned(),
            to: tree.text(&field("to"))?.to_owned(),
            reason: text,
            dropped: tree.flag(&field("dropped")).unwrap_or(false),
        }),
        word if photo::is_about(word) => photo::event(tree, key, word)?,
        kind => EventKind::Note {
            kind: kind.to_owned(),
            text,
        },
    };
    Some(Event { id, at, by, what })
}

/// The edits that add a note to a record.
#[must_use]
pub fn note_edits(id: ItemId, by: &PersonId, at: Millis, kind: &str, text: &str) -> Vec<Edit> {
    let field = |name: &str| format!("ev/{id}/{name}");
    let mut edits = vec![
        Edit::new(field("t"), kind),
        Edit::new(field("at"), at),
        Edit::new(field("by"), by.as_str()),
    ];
    if !text.is_empty() {
        edits.push(Edit::new(field("text"), text));
    }
    edits
}

/// The last moment that a record's events name, so that the next one can be made to follow it even
/// on a phone whose clock is behind.
#[must_use]
pub fn last_event_at(tree: &Tree) -> Millis {
    tree.items("ev")
        .filter_map(|key| key.parse::<RecordId>().ok())
        .map(RecordId::created_at)
        .max()
        .unwrap_or_default()
}

/// Puts a text unless it is empty: an empty optional field is not written at all.
pub(crate) fn put_text(edits: &mut Vec<Edit>, path: impl Into<String>, text: &str) {
    if !text.is_empty() {
        edits.push(Edit::new(path, text));
    }
}
