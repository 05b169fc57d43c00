//! A store in memory with the rules that every store keeps: the model for the contract suite, and
//! the store of simulated phones.

use std::collections::BTreeMap;

use super::{Aside, Meta, MetaKey, OutboxItem, StoreFault, StoredChange, StoredRecord, WriteBatch};
use crate::id::{ChangeHash, DocId, Part, RecordId, UnitId};
use crate::sync::repair::Held;
use crate::view::Row;

/// Why a batch was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitError {
    /// A row is not at the revision that the batch was made from.
    Stale,
    /// The store failed.
    Fault(StoreFault),
}

/// A device's store in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    changes: BTreeMap<(DocId, ChangeHash), StoredChange>,
    rows: BTreeMap<RecordId, Row>,
    outbox: BTreeMap<u64, (DocId, UnitId, ChangeHash)>,
    outbox_last: u64,
    meta: BTreeMap<MetaKey, Vec<u8>>,
    aside: Vec<Aside>,
    drafts: BTreeMap<String, String>,
}

impl MemoryStore {
    /// What the device remembers.
    #[must_use]
    pub fn meta(&self) -> Meta {
        Meta::decode(|key| self.meta.get(&key).cloned())
    }

    /// Everything stored of one record.
    #[must_use]
    pub fn load(&self, id: RecordId) -> StoredRecord {
        let changes = |part| {
            let doc = DocId { record: id, part };
            let range = (doc, ChangeHash([0; 32]))..=(doc, ChangeHash([255; 32]));
            self.changes
                .range(range)
                .map(|(_, change)| change.clone())
                .collect()
        };
        StoredRecord {
            id,
            row: self.rows.get(&id).cloned(),
            body: changes(Part::Body),
            vault: changes(Part::Vault),
        }
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// The head of the outbox, and how many records have something in it.
    #[must_use]
    pub fn outbox(&self, bytes_max: usize, items_max: usize) -> (Vec<OutboxItem>, u32) {
        let mut records: Vec<RecordId> = self.outbox.values().map(|(doc, ..)| doc.record).collect();
        records.sort_unstable();
        records.dedup();
        let mut items = Vec::new();
        let mut bytes = 0;
        for (n, (doc, grid, hash)) in &self.outbox {
            let Some(change) = self.changes.get(&(*doc, *hash)) else {
                continue;
            };
            bytes += change.bytes.len();
            if items.len() >= items_max || (bytes > bytes_max && !items.is_empty()) {
                break;
            }
            items.push(OutboxItem {
                n: *n,
                doc: *doc,
                grid: grid.clone(),
                author: change.author.clone(),
                hash: *hash,
                bytes: change.bytes.clone(),
            });
        }
        (items, u32::try_from(records.len()).unwrap_or(u32::MAX))
    }

    /// Every change that the server confirmed, with the grid of its record.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        let confirmed = self
            .changes
            .iter()
            .filter(|(_, change)| change.seq.is_some());
        let held = confirmed.filter_map(|((doc, hash), _)| {
            let row = self.rows.get(&doc.record)?;
            Some(Held {
                grid: row.grid.clone(),
                doc: *doc,
                hash: *hash,
            })
        });
        held.collect()
    }

    /// Every change, by document and name.
    pub fn changes(&self) -> impl Iterator<Item = (DocId, &StoredChange)> {
        self.changes.iter().map(|((doc, _), change)| (*doc, change))
    }

    /// The change of a document with this name.
    #[must_use]
    pub fn change(&self, doc: DocId, hash: ChangeHash) -> Option<&StoredChange> {
        self.changes.get(&(doc, hash))
    }

    /// The names of what waits to be sent, oldest first, each with its place in the outbox.
    pub fn waiting(&self) -> impl Iterator<Item = (u64, DocId, ChangeHash)> {
        self.outbox
            .iter()
            .map(|(n, (doc, _, hash))| (*n, *doc, *hash))
    }

    /// What was set aside.
    #[must_use]
    pub fn aside(&self) -> &[Aside] {
        &self.aside
    }

    /// A draft.
    #[must_use]
    pub fn draft(&self, key: &str) -> Option<&str> {
        self.drafts.get(key).map(String::as_str)
    }

    /// Keeps a draft.
    pub fn put_draft(&mut self, key: &str, text: &str) {
        self.drafts.insert(key.to_owned(), text.to_owned());
    }

    /// Writes a batch, whole or not at all.
    ///
    /// # Errors
    /// [`CommitError::Stale`] when a row has changed since the batch was made.
    pub fn commit(&mut self, batch: &WriteBatch) -> Result<(), CommitError> {
        let holds = |(id, rev): &(RecordId, u32)| {
            self.rows.get(id).map_or(0, |row| row.delivery.rev) == *rev
        };
        if !batch.expect.iter().all(holds) {
            return Err(CommitError::Stale);
        }
        for (doc, change) in &batch.changes {
            self.changes.insert((*doc, change.hash), change.clone());
        }
        for key in &batch.drop_changes {
            self.changes.remove(key);
        }
        for row in &batch.rows {
            self.rows.insert(row.id, row.clone());
        }
        for row in &batch.rows_ahead {
            self.rows.entry(row.id).or_insert_with(|| row.clone());
        }
        for id in &batch.rows_drop {
            self.rows.remove(id);
        }
        for (doc, grid, hash) in &batch.outbox_add {
            self.outbox_last += 1;
            self.outbox
                .insert(self.outbox_last, (*doc, grid.clone(), *hash));
        }
        for n in &batch.outbox_remove {
            self.outbox.remove(n);
        }
        for (key, bytes) in &batch.meta {
            self.meta.insert(*key, bytes.clone());
        }
        self.aside.extend(batch.aside.iter().cloned());
        for key in &batch.drafts_remove {
            self.drafts.remove(key);
        }
        Ok(())
    }
}
