//! A phone's store as browsers have it: transactions, and every way in which they fail.

use std::collections::{BTreeSet, VecDeque};

use domain::access::Refusal;
use domain::id::{ChangeHash, DocId, RecordId};
use domain::replica::memory::{CommitError, MemoryStore};
use domain::replica::{AsideReason, MetaKey, StoreFault, WriteBatch};

use super::bug::Bug;

/// How many states a lost tail may go back.
const TAIL_MAX: usize = 4;

/// What the next write meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// There is no room.
    Full,
    /// It is given up after each of its requests succeeded.
    Abort,
    /// The app dies while it is written; `true`: after its first transaction.
    Death(bool),
}

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// For good.
    Whole,
    /// Not at all: a row had changed.
    Stale,
    /// Not at all.
    Failed(StoreFault),
    /// The app died meanwhile.
    Died,
}

/// A store.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    /// What is on it.
    pub kept: MemoryStore,
    /// What was on it before each of the last writes.
    before: VecDeque<MemoryStore>,
    /// What the next write meets.
    pub trouble: Option<Trouble>,
    /// Whether the next read fails.
    pub unreadable: bool,
    /// "An exchange is under way", where somebody stores that (a planted bug).
    pub busy: bool,
}

impl Disk {
    /// A store that holds this.
    #[must_use]
    pub fn with(kept: MemoryStore) -> Self {
        Self {
            kept,
            ..Self::default()
        }
    }

    /// Writes a batch.
    pub fn write(&mut self, batch: &WriteBatch, bug: Option<Bug>) -> Written {
        let trouble = self.trouble.take();
        match trouble {
            Some(Trouble::Full) => return Written::Failed(StoreFault::Full),
            Some(Trouble::Abort) => return Written::Failed(StoreFault::Aborted),
            Some(Trouble::Death(false)) => return Written::Died,
            Some(Trouble::Death(true)) | None => {}
        }
        let state = self.kept.clone();
        for transaction in self.transactions(batch, bug) {
            match self.kept.commit(&transaction) {
                Ok(()) => {}
                Err(CommitError::Stale) => {
                    self.kept = state;
                    return Written::Stale;
                }
                Err(CommitError::Fault(fault)) => {
                    self.kept = state;
                    return Written::Failed(fault);
                }
            }
            if trouble.is_some() {
                return Written::Died;
            }
        }
        self.before.push_back(state);
        if self.before.len() > TAIL_MAX {
            self.before.pop_front();
        }
        Written::Whole
    }

    /// The transactions of a batch: one, unless a bug is planted here.
    fn transactions(&self, batch: &WriteBatch, bug: Option<Bug>) -> Vec<WriteBatch> {
        let mut batch = batch.clone();
        let news = batch.changes.iter().any(|(_, change)| change.seq.is_some());
        match bug {
            Some(Bug::SilentRefusal) => batch.aside.clear(),
            Some(Bug::GridMoveDropsOutbox) => batch
                .aside
                .retain(|aside| aside.reason != AsideReason::Refused(Refusal::NotYourGrid)),
            Some(Bug::EvidenceLost) => {
                batch.aside.iter_mut().for_each(|aside| aside.bytes.clear());
            }
            Some(Bug::LostUpdate) => batch.expect.clear(),
            Some(Bug::HandBelieved) => {
                let changes = batch.changes.iter_mut();
                changes.for_each(|(_, change)| change.way.by_hand = false);
            }
            Some(Bug::StaleRow) if news && batch.outbox_remove.is_empty() => batch.rows.clear(),
            Some(Bug::Orphan) if news && batch.changes.len() > 1 => {
                batch.changes.remove(0);
            }
            Some(Bug::OutboxTwice) => {
                let again = batch.outbox_add.clone();
                batch.outbox_add.extend(again);
            }
            Some(Bug::CursorFirst) => {
                let is_cursor = |(key, _): &(MetaKey, Vec<u8>)| *key == MetaKey::Cursor;
                let first = batch.meta.iter().filter(|meta| is_cursor(meta)).cloned();
                let first = WriteBatch {
                    meta: first.collect(),
                    ..WriteBatch::default()
                };
                return vec![first, batch];
            }
            Some(Bug::RowThenChange) => {
                let first = WriteBatch {
                    expect: std::mem::take(&mut batch.expect),
                    rows: std::mem::take(&mut batch.rows),
                    ..WriteBatch::default()
                };
                return vec![first, batch];
            }
            Some(Bug::RepeatIsNewRecord) => {
                let known: Vec<_> = batch
                    .rows
                    .iter()
                    .filter(|row| news && self.kept.rows().any(|known| known.id == row.id))
                    .cloned()
                    .collect();
                batch.rows.extend(known.into_iter().map(|mut row| {
                    let mut bytes = row.id.bytes();
                    bytes.reverse();
                    row.id = RecordId::from_bytes(bytes);
                    row
                }));
            }
            Some(Bug::ClockOrder) if news => {
                let latest = |id| self.kept.rows().find(|row| row.id == id);
                batch.changes.retain(|(doc, change)| {
                    let at = domain::document::check(&change.bytes).map(|head| head.at);
                    latest(doc.record).is_none_or(|row| at.is_ok_and(|at| at >= row.updated_at))
                        || self.kept.change(*doc, change.hash).is_some()
                });
            }
            _ => {}
        }
        vec![batch]
    }

    /// Empties the outbox, or the part of it that `which` names.
    pub fn drop_waiting(&mut self, which: impl Fn(DocId) -> bool) {
        let gone = self.kept.waiting().filter(|(_, doc, _)| which(*doc));
        let batch = WriteBatch {
            outbox_remove: gone.map(|(n, ..)| n).collect(),
            ..WriteBatch::default()
        };
        // Without rows to compare nothing can be stale.
        let _done = self.kept.commit(&batch);
    }

    /// Takes changes away, and nothing else.
    pub fn drop_changes(&mut self, which: impl Fn(DocId, ChangeHash) -> bool) -> bool {
        let all = self.kept.changes().map(|(doc, change)| (doc, change.hash));
        let batch = WriteBatch {
            drop_changes: all.filter(|(doc, hash)| which(*doc, *hash)).collect(),
            ..WriteBatch::default()
        };
        let _done = self.kept.commit(&batch);
        !batch.drop_changes.is_empty()
    }

    /// Goes back some writes; whether there were any.
    pub fn lose_tail(&mut self, writes: usize) -> bool {
        let mut found = false;
        for _ in 0..writes {
            if let Some(state) = self.before.pop_back() {
                self.kept = state;
                found = true;
            }
        }
        found
    }

    /// Whether a change waits to be sent.
    #[must_use]
    pub fn waits(&self, doc: DocId, hash: ChangeHash) -> bool {
        self.kept
            .waiting()
            .any(|(_, of, name)| of == doc && name == hash)
    }

    /// The names of what was set aside.
    #[must_use]
    pub fn set_aside(&self) -> BTreeSet<ChangeHash> {
        let names = self.kept.aside().iter().filter_map(|aside| aside.hash);
        names.collect()
    }
}
