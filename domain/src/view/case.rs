//! One record for its page: its typed contents, who wrote each field, and what is contested.

use std::collections::BTreeMap;

use crate::access;
use crate::document::{DecodeError, Document, Span, Tree, Value};
use crate::id::{ChangeHash, DocId, ItemId, PersonId, RecordId};
use crate::record::dispute::Dispute;
use crate::record::hazard::Hazard;
use crate::record::patrol::Patrol;
use crate::record::photo;
use crate::record::status::{Standing, Step};
use crate::record::task::Task;
use crate::record::vault::{self, KeptParty};
use crate::record::{Event, EventKind, FoldError, Kind, SCHEMA, events};
use crate::replica::{StoredChange, StoredRecord};
use crate::sync::message::PassedOn;
use crate::time::Millis;
use crate::view::Row;

/// The typed contents of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// A dispute.
    Dispute(Box<Dispute>),
    /// A patrol.
    Patrol(Box<Patrol>),
    /// A hazard.
    Hazard(Box<Hazard>),
    /// A task.
    Task(Box<Task>),
}

/// One of the values that people wrote into the same field at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The value.
    pub value: Value,
    /// Who wrote it, if the change is known.
    pub by: Option<PersonId>,
    /// When, by the clock of the writer's device.
    pub at: Millis,
}

/// A field with several values that no person has settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The document.
    pub doc: DocId,
    /// The field's path in it.
    pub path: String,
    /// The values, the one that is shown meanwhile first.
    pub claims: Vec<Claim>,
}

/// Who wrote something and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writing {
    /// Who, if the change is known.
    pub by: Option<PersonId>,
    /// When, by the clock of the writer's device.
    pub at: Millis,
    /// Where somebody else's device brought it back to a server that had lost it.
    pub passed_on: Option<PassedOn>,
}

/// A record for its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its row, with how far it has come on its way.
    pub row: Row,
    /// Its typed contents.
    pub contents: Contents,
    /// The parties of a dispute; `None` when their vault is not here.
    pub parties: Option<Vec<KeptParty>>,
    /// Its photos.
    pub photos: Vec<photo::Kept>,
    /// The fields that people wrote at the same time.
    pub conflicts: Vec<Conflict>,
    /// Who wrote the shown value of each field of the body.
    pub writers: BTreeMap<String, Writing>,
    /// On which ways changes of it came back to a server that had lost them, and how many each.
    pub passed_on: BTreeMap<PassedOn, u32>,
    /// The record was written by a newer version: it is shown but not edited.
    pub newer: bool,
    /// Changes that others refer to and that have not come yet.
    pub missing: usize,
}

/// The open documents of a record.
#[derive(Debug)]
pub struct Opened {
    /// The body.
    pub body: Document,
    /// The vault, where it is here.
    pub vault: Option<Document>,
    /// Changes that could not be read, by document and hash.
    pub damaged: Vec<(DocId, ChangeHash, DecodeError)>,
}

impl Opened {
    /// Opens a record's documents from their stored changes.
    #[must_use]
    pub fn open(stored: &StoredRecord) -> Self {
        let mut damaged = Vec::new();
        let mut open = |doc: DocId, changes: &[StoredChange]| {
            let (document, bad) =
                Document::from_changes(changes.iter().map(|change| change.bytes.as_slice()));
            let named = bad.into_iter().filter_map(|(place, error)| {
                changes.get(place).map(|change| (doc, change.hash, error))
            });
            damaged.extend(named);
            document
        };
        let body = open(DocId::body(stored.id), &stored.body);
        let vault =
            (!stored.vault.is_empty()).then(|| open(DocId::vault(stored.id), &stored.vault));
        Self {
            body,
            vault,
            damaged,
        }
    }

    /// Folds the row, keeping the delivery state of `old`.
    ///
    /// # Errors
    /// When the body's header is missing or damaged.
    pub fn row(&mut self, id: RecordId, old: Option<&Row>) -> Result<Row, FoldError> {
        let vault = self.vault.as_mut().map(Document::tree);
        let mut row = Row::fold(id, &self.body.tree(), vault.as_ref())?;
        row.delivery = old.map(|row| row.delivery).unwrap_or_default();
        Ok(row)
    }
}

impl Case {
    /// Folds a record for its page.
    ///
    /// # Errors
    /// When the body's header is missing or damaged.
    pub fn fold(stored: &StoredRecord) -> Result<Self, FoldError> {
        let mut opened = Opened::open(stored);
        let row = opened.row(stored.id, stored.row.as_ref())?;
        let body = opened.body.tree();
        let vault = opened.vault.as_mut().map(Document::tree);
        let contents = match row.kind {
            Kind::Dispute => Contents::Dispute(Box::new(Dispute::fold(&body)?)),
            Kind::Patrol => Contents::Patrol(Box::new(Patrol::fold(&body)?)),
            Kind::Hazard => Contents::Hazard(Box::new(Hazard::fold(&body)?)),
            Kind::Task => Contents::Task(Box::new(Task::fold(&body)?)),
        };
        let mut conflicts = conflicts(DocId::body(stored.id), &body, stored);
        if let Some(vault) = &vault {
            conflicts.extend(self::conflicts(DocId::vault(stored.id), vault, stored));
        }
        let missing = opened.body.missing() + opened.vault.as_mut().map_or(0, Document::missing);
        Ok(Self {
            newer: row.schema > SCHEMA,
            row,
            contents,
            parties: vault.as_ref().map(vault::fold),
            photos: photo::of(&events(&body)),
            conflicts,
            writers: writers(&body, stored),
            passed_on: passed_on(stored),
            missing,
        })
    }
}

impl Contents {
    /// Where the record stands, and its course.
    #[must_use]
    pub const fn standing(&self) -> (&Standing, &[Event]) {
        match self {
            Self::Dispute(dispute) => (&dispute.standing, dispute.events.as_slice()),
            Self::Patrol(patrol) => (&patrol.standing, patrol.events.as_slice()),
            Self::Hazard(hazard) => (&hazard.standing, hazard.events.as_slice()),
            Self::Task(task) => (&task.standing, task.events.as_slice()),
        }
    }
}

/// Steps that exclude each other: those that hold, and those that wait for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// The status that holds.
    pub stands: String,
    /// The steps that led away from where the first waiting one begins: without them it is taken.
    /// Empty where none did, as with a step of a newer version.
    pub instead_of: Vec<ItemId>,
    /// The steps that wait, each with the status that it leads to.
    pub waiting: Vec<(ItemId, String)>,
}

impl Case {
    /// The steps that a person has to decide between, of a record of any kind.
    #[must_use]
    pub fn contradiction(&self) -> Option<Contradiction> {
        let (standing, events) = self.contents.standing();
        let step = |event: &Event| match &event.what {
            EventKind::Step(step) => Some(step.clone()),
            EventKind::Note { .. } | EventKind::Photo(_) | EventKind::PhotoRemoved(_) => None,
        };
        let waits = |event: &&Event| standing.review.contains(&event.id);
        let waiting = events.iter().filter(waits);
        let waiting: Vec<_> = waiting
            .filter_map(|event| Some((event.id, step(event)?)))
            .collect();
        let machine = access::machine(self.row.kind);
        let taken = machine.taken(events);
        let from = &waiting.first()?.1.from;
        let parts = taken.iter().rposition(|(_, step)| step.from == *from);
        let fits = |(_, step): &(ItemId, Step)| machine.rule(&step.from, &step.to).is_some();
        let parts = parts.filter(|_| waiting.first().is_some_and(fits));
        let instead_of = parts.and_then(|at| taken.get(at..)).unwrap_or_default();
        Some(Contradiction {
            stands: standing.status.clone(),
            instead_of: instead_of.iter().map(|(event, _)| event.id).collect(),
            waiting: waiting
                .into_iter()
                .map(|(event, step)| (event, step.to))
                .collect(),
        })
    }

    /// The way on which an item of the record came back, if it was lost: an event, a session, or by
    /// the name of a field of its header its registration.
    #[must_use]
    pub fn passed_on_at(&self, path: &str) -> Option<&PassedOn> {
        let from = self.writers.range(path.to_owned()..);
        let mut of_item = from.take_while(|(field, _)| field.starts_with(path));
        of_item.find_map(|(_, writing)| writing.passed_on.as_ref())
    }
}

fn passed_on(stored: &StoredRecord) -> BTreeMap<PassedOn, u32> {
    let mut ways = BTreeMap::new();
    for (_, change) in stored.changes() {
        if let Some(way) = &change.way.passed_on {
            *ways.entry(way.clone()).or_default() += 1;
        }
    }
    ways
}

fn change<'a>(stored: &'a StoredRecord, span: &Span) -> Option<&'a StoredChange> {
    let mut changes = stored.body.iter().chain(&stored.vault);
    changes.find(|change| change.hash == span.hash)
}

fn author<'a>(stored: &'a StoredRecord, span: &Span) -> Option<&'a PersonId> {
    change(stored, span).map(|change| &change.author)
}

fn conflicts(doc: DocId, tree: &Tree, stored: &StoredRecord) -> Vec<Conflict> {
    let contested = tree.fields().filter(|(_, field)| field.is_conflict());
    let conflict = |(path, field): (&str, &crate::document::Field)| {
        let claims = field.values.iter().map(|written| {
            let span = tree.span(written);
            Claim {
                value: written.value.clone(),
                by: span.and_then(|span| author(stored, span)).cloned(),
                at: span.map(|span| span.at).unwrap_or_default(),
            }
        });
        Conflict {
            doc,
            path: path.to_owned(),
            claims: claims.collect(),
        }
    };
    contested.map(conflict).collect()
}

fn writers(tree: &Tree, stored: &StoredRecord) -> BTreeMap<String, Writing> {
    let written = tree.fields().filter_map(|(path, field)| {
        let span = tree.span(field.winner()?)?;
        let writing = Writing {
            by: author(stored, span).cloned(),
            at: span.at,
            passed_on: change(stored, span).and_then(|change| change.way.passed_on.clone()),
        };
        Some((path.to_owned(), writing))
    });
    written.collect()
}
