//! A first load from hand to hand: what the server confirmed to one device, for another that begins.
//!
//! Pages are answers like the server's own, made by a colleague's device; they go through the same
//! checks, and the sums of the next exchange tell whether the server holds the same. Until then what
//! came so is marked: it counts as confirmed by nobody, goes no further, and what the server turns out
//! not to have is set aside.

use std::collections::{BTreeSet, VecDeque};

use super::applying::Applying;
use super::exchange::Phase;
use super::{Cause, Effect, Replica, StoreFault, StoredRecord, Ticket};
use crate::access::{self, Reach};
use crate::document::Hashed;
use crate::id::{PersonId, RecordId, UnitId};
use crate::sync::bundle::Load;
use crate::sync::message::{Answer, Entry, PAGE_KIB_MAX};
use crate::time::Millis;

/// The most bytes of changes in a page, but for a last one that is larger than what is left.
const PAGE_BYTES: usize = PAGE_KIB_MAX as usize * 1024;

/// Why a first load was not taken in; what came of it before stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TakeInError {
    /// Nobody knows yet who this device's person is.
    #[error("the device has not joined")]
    NotJoined,
    /// The person's work is not with these records.
    #[error("not for this person")]
    NotAllowed,
    /// It holds no page that can be read.
    #[error("damaged")]
    Damaged,
    /// The store failed.
    #[error(transparent)]
    Store(StoreFault),
}

/// A first load in the making.
#[derive(Debug, Default)]
pub struct LoadWriter {
    grids: Vec<UnitId>,
    cursor: Vec<u8>,
    authors: Vec<PersonId>,
    entries: Vec<Entry>,
    bytes: usize,
    pages: Vec<Vec<u8>>,
    records: u32,
}

impl LoadWriter {
    /// Adds a record's confirmed changes; one of another grid, or of which only the row is here, adds
    /// nothing.
    pub fn add(&mut self, stored: &StoredRecord) {
        let Some(row) = &stored.row else { return };
        if !self.grids.contains(&row.grid) {
            return;
        }
        if stored.is_ahead() {
            // Whoever takes this in would never be sent what is missing.
            self.cursor.clear();
            return;
        }
        if stored.changes().any(|(_, change)| change.way.by_hand) {
            // What came by hand and the server has not confirmed goes no further, nor does the place
            // at which it would be missing.
            self.cursor.clear();
        }
        let confirmed = stored.changes().filter(|(_, change)| !change.way.by_hand);
        let placed = confirmed.filter_map(|(doc, change)| Some((change.seq?, doc, change)));
        let mut changes: Vec<_> = placed.collect();
        // In the order of the log, in which each change comes after those that it follows.
        changes.sort_unstable_by_key(|(seq, doc, _)| (*seq, *doc));
        self.records += u32::from(!changes.is_empty());
        for (seq, doc, change) in changes {
            if self.bytes + change.bytes.len() > PAGE_BYTES {
                self.turn(Vec::new());
            }
            self.bytes += change.bytes.len();
            let author = self.author(&change.author);
            self.entries.push(Entry {
                seq,
                doc,
                author,
                received_at: Millis(0),
                change: Hashed::of(change.bytes.clone()),
                passed_on: change.way.passed_on.clone(),
            });
        }
    }

    /// The bytes of its pages so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.pages.iter().map(Vec::len).sum()
    }

    fn author(&mut self, person: &PersonId) -> u16 {
        let known = self.authors.iter().position(|known| known == person);
        let place = known.unwrap_or_else(|| {
            self.authors.push(person.clone());
            self.authors.len() - 1
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    /// Ends a page and begins the next one.
    fn turn(&mut self, cursor: Vec<u8>) {
        let answer = Answer {
            authors: core::mem::take(&mut self.authors),
            entries: core::mem::take(&mut self.entries),
            cursor: (!cursor.is_empty()).then_some(cursor),
            ..Answer::receipt_alone(Millis(0), None)
        };
        self.bytes = 0;
        self.pages.push(answer.encode(true));
    }

    /// The first load, and how many records are in it; `None` when there are none.
    #[must_use]
    pub fn finish(mut self) -> Option<(Load, u32)> {
        let cursor = core::mem::take(&mut self.cursor);
        self.turn(cursor);
        let Self {
            grids,
            pages,
            records,
            ..
        } = self;
        (records > 0).then_some((Load { grids, pages }, records))
    }
}

/// A first load on its way into the store.
#[derive(Debug)]
pub(super) struct Handed {
    ticket: Ticket,
    pages: VecDeque<Vec<u8>>,
    /// The person's own grids: changes of others are not taken.
    mine: Vec<UnitId>,
    /// Whether nothing is missing for this person where the last page ends.
    covers: bool,
    now: Millis,
    records: BTreeSet<RecordId>,
}

impl Handed {
    /// Whether a record of this grid is taken.
    pub(super) fn takes(&self, grid: &UnitId) -> bool {
        self.mine.contains(grid)
    }
}

impl Replica {
    /// Begins a first load of what the server confirmed in these grids. Every record in them is to be
    /// read after this and added, or its device would miss what comes between.
    #[must_use]
    pub fn hand(&self, grids: Vec<UnitId>) -> LoadWriter {
        LoadWriter {
            grids,
            cursor: self.cursor.clone(),
            ..LoadWriter::default()
        }
    }

    /// Takes a colleague's first load, to be applied when nothing else is under way.
    pub(super) fn take_in(
        &mut self,
        ticket: Ticket,
        load: Load,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) {
        let may = match &self.directory {
            None => Err(TakeInError::NotJoined),
            Some(known) if access::reach(&known.me) == Reach::Documents => Ok(known),
            Some(_) => Err(TakeInError::NotAllowed),
        };
        let mine: Vec<_> = match may {
            Ok(known) => known.grids.iter().map(|grid| grid.id.clone()).collect(),
            Err(error) => {
                let result = Err(error);
                return effects.push(Effect::TookIn { ticket, result });
            }
        };
        self.handed.push_back(Handed {
            ticket,
            covers: mine.iter().all(|grid| load.grids.contains(grid)),
            mine,
            pages: load.pages.into(),
            now,
            records: BTreeSet::new(),
        });
        if matches!(self.phase, Phase::Idle) {
            self.wake(Cause::Button, now, effects);
        } else {
            self.again = true;
        }
    }

    /// Goes on with what was handed over; false when there is nothing.
    pub(super) fn next_handed(&mut self, effects: &mut Vec<Effect>) -> bool {
        while let Some(mut handed) = self.handed.pop_front() {
            let Some(page) = handed.pages.pop_front() else {
                Self::end_handed(&handed, None, effects);
                continue;
            };
            let Ok(mut lean) = Answer::decode(&page) else {
                Self::end_handed(&handed, Some(TakeInError::Damaged), effects);
                continue;
            };
            // Only changes are taken from a colleague, and where they end.
            let cursor = lean.answer.cursor.take().filter(|_| handed.covers);
            let authors = core::mem::take(&mut lean.answer.authors);
            lean.answer = Answer {
                authors,
                cursor,
                ..Answer::receipt_alone(handed.now, None)
            };
            lean.rows.clear();
            let records: BTreeSet<RecordId> = lean.docs().map(|doc| doc.record).collect();
            let ticket = self.ticket();
            let records: Vec<_> = records.into_iter().collect();
            effects.push(Effect::Load {
                ticket,
                records: records.clone(),
            });
            let now = handed.now;
            let applying = Applying {
                handed: Some(handed),
                ..self.applying(ticket, lean, records, now)
            };
            self.phase = Phase::Applying(Box::new(applying));
            return true;
        }
        false
    }

    /// A page was written: the next one follows.
    pub(super) fn handed_applied(
        &mut self,
        mut handed: Handed,
        applying: Applying,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) {
        self.sums = applying.sums;
        self.ahead = applying.ahead;
        self.by_hand = applying.by_hand;
        if let Some(cursor) = applying.answer.cursor {
            self.cursor = cursor;
        }
        handed.records.extend(&applying.changed);
        if !applying.changed.is_empty() {
            effects.push(Effect::Changed {
                records: applying.changed,
            });
        }
        self.handed.push_front(handed);
        self.wake(Cause::Button, now, effects);
    }

    /// Ends what is being applied; the exchange goes on.
    pub(super) fn give_up_handed(
        &mut self,
        error: TakeInError,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) {
        if let Phase::Applying(applying) = core::mem::replace(&mut self.phase, Phase::Idle)
            && let Some(handed) = applying.handed
        {
            Self::end_handed(&handed, Some(error), effects);
        }
        self.wake(Cause::Button, now, effects);
    }

    /// What was handed over is done with, well or not.
    fn end_handed(handed: &Handed, error: Option<TakeInError>, effects: &mut Vec<Effect>) {
        let records = u32::try_from(handed.records.len()).unwrap_or(u32::MAX);
        let result = error.map_or(Ok(records), Err);
        effects.push(Effect::TookIn {
            ticket: handed.ticket,
            result,
        });
    }
}
