//! A store in memory, for tests: the same contract, and nothing survives.

use core::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use domain::id::RecordId;
use domain::replica::{Aside, Meta, OutboxItem, StoredRecord, WriteBatch};
use domain::view::Row;

use super::codec::{self, Place};
use super::mend::{self, Ways};
use super::{Fault, List, Outbox, Store};

/// The store.
#[derive(Debug, Default)]
pub struct Memory {
    kept: RefCell<Kept>,
    next_fault: RefCell<Option<Fault>>,
}

#[derive(Debug, Default, Clone)]
struct Kept {
    changes: BTreeMap<String, Vec<u8>>,
    rows: BTreeMap<String, Vec<u8>>,
    outbox: BTreeMap<u64, Vec<u8>>,
    last_place: u64,
    meta: BTreeMap<&'static str, Vec<u8>>,
    aside: Vec<Vec<u8>>,
    drafts: BTreeMap<String, String>,
}

impl Memory {
    /// Makes the next commit fail in this way.
    pub fn fail_next(&self, fault: Fault) {
        *self.next_fault.borrow_mut() = Some(fault);
    }

    /// Overwrites stored bytes, as a bad disk would.
    pub fn spoil(&self, place: Place, key: &str, bytes: &[u8]) {
        let mut kept = self.kept.borrow_mut();
        let target = match place {
            Place::Changes => &mut kept.changes,
            Place::Rows => &mut kept.rows,
        };
        target.insert(key.to_owned(), bytes.to_vec());
    }
}

impl Kept {
    fn row(&mut self, id: RecordId) -> Option<Row> {
        let key = id.to_string();
        let bytes = self.rows.get(&key)?;
        if let Some(row) = codec::decode_row(&key, bytes) {
            return Some(row);
        }
        let bytes = self.rows.remove(&key)?;
        if !codec::is_other_version(&bytes) {
            let aside = codec::unreadable(Place::Rows, &key, bytes);
            self.aside.push(codec::encode_aside(&aside));
        }
        let ways = Ways::read(
            self.outbox.values().map(Vec::as_slice),
            self.aside.iter().map(Vec::as_slice),
        );
        let row = mend::row(&self.changes_of(id), 0, &ways)?;
        self.rows.insert(key, codec::encode_row(&row));
        Some(row)
    }

    fn all_rows(&mut self) -> Vec<Row> {
        let ids: Vec<RecordId> = self.rows.keys().filter_map(|key| key.parse().ok()).collect();
        ids.into_iter().filter_map(|id| self.row(id)).collect()
    }

    fn record(&mut self, id: RecordId) -> StoredRecord {
        let row = self.row(id);
        StoredRecord { row, ..self.changes_of(id) }
    }

    fn changes_of(&mut self, id: RecordId) -> StoredRecord {
        let mut record = StoredRecord::absent(id);
        let (first, last) = codec::change_range(id);
        let found = self.changes.range(first..=last);
        let found: Vec<_> = found.map(|(key, bytes)| (key.clone(), bytes.clone())).collect();
        for (key, bytes) in found {
            if let Some(change) = codec::decode_change(&key, &bytes) {
                codec::sort_in(&mut record, change);
            } else {
                self.changes.remove(&key);
                let aside = codec::unreadable(Place::Changes, &key, bytes);
                self.aside.push(codec::encode_aside(&aside));
            }
        }
        record
    }

    fn write(&mut self, batch: &WriteBatch) {
        for (doc, change) in &batch.changes {
            self.changes.insert(codec::change_key(*doc, change.hash), codec::encode_change(change));
        }
        for (doc, hash) in &batch.drop_changes {
            self.changes.remove(&codec::change_key(*doc, *hash));
        }
        for row in &batch.rows {
            self.rows.insert(row.id.to_string(), codec::encode_row(row));
        }
        for (doc, grid, hash) in &batch.outbox_add {
            self.last_place += 1;
            self.outbox.insert(self.last_place, codec::encode_waiting(*doc, grid, *hash));
        }
        for place in &batch.outbox_remove {
            self.outbox.remove(place);
        }
        for (key, bytes) in &batch.meta {
            self.meta.insert(key.name(), bytes.clone());
        }
        self.aside.extend(batch.aside.iter().map(codec::encode_aside));
        for key in &batch.drafts_remove {
            self.drafts.remove(key);
        }
    }
}

impl Store for Memory {
    async fn load(&self, ids: &[RecordId]) -> Result<Vec<StoredRecord>, Fault> {
        let mut kept = self.kept.borrow_mut();
        Ok(ids.iter().map(|id| kept.record(*id)).collect())
    }

    async fn rows(&self, list: List, limit: u32) -> Result<Vec<Row>, Fault> {
        let mut rows = self.kept.borrow_mut().all_rows();
        match list {
            List::Newest => rows.sort_by_key(|row| -row.updated_at.0),
            List::OfKind(kind) => {
                rows.retain(|row| row.kind == kind);
                rows.sort_by_key(|row| -row.updated_at.0);
            }
            List::Due => {
                rows.retain(|row| row.due.is_some());
                rows.sort_by_key(|row| row.due);
            }
        }
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(rows)
    }

    async fn rows_of(&self, ids: &[RecordId]) -> Result<Vec<Row>, Fault> {
        let mut kept = self.kept.borrow_mut();
        Ok(ids.iter().filter_map(|id| kept.row(*id)).collect())
    }

    async fn outbox(&self, bytes_max: usize, items_max: usize) -> Result<Outbox, Fault> {
        let kept = self.kept.borrow();
        let mut outbox = Outbox::default();
        let mut records = BTreeSet::new();
        let mut bytes = 0_usize;
        for (place, waiting) in &kept.outbox {
            let Some((doc, grid, hash)) = codec::decode_waiting(waiting) else { continue };
            records.insert(doc.record);
            let key = codec::change_key(doc, hash);
            let stored = kept.changes.get(&key).and_then(|stored| codec::decode_change(&key, stored));
            let Some((_, change)) = stored else { continue };
            bytes = bytes.saturating_add(change.bytes.len());
            let fits = bytes <= bytes_max || outbox.items.is_empty();
            if fits && outbox.items.len() < items_max {
                outbox.items.push(OutboxItem { n: *place, doc, grid, hash, bytes: change.bytes });
            }
        }
        outbox.records = u32::try_from(records.len()).unwrap_or(u32::MAX);
        Ok(outbox)
    }

    async fn meta(&self) -> Result<Meta, Fault> {
        let kept = self.kept.borrow();
        Ok(Meta::decode(|key| kept.meta.get(key.name()).cloned()))
    }

    async fn commit(&self, batch: &WriteBatch) -> Result<(), Fault> {
        let mut kept = self.kept.borrow_mut();
        for (id, expected) in &batch.expect {
            if kept.row(*id).map_or(0, |row| row.delivery.rev) != *expected {
                return Err(Fault::Stale);
            }
        }
        let mut written = kept.clone();
        written.write(batch);
        if let Some(fault) = self.next_fault.borrow_mut().take() {
            return Err(fault);
        }
        *kept = written;
        Ok(())
    }

    async fn put_draft(&self, key: &str, text: &str) -> Result<(), Fault> {
        self.kept.borrow_mut().drafts.insert(key.to_owned(), text.to_owned());
        Ok(())
    }

    async fn remove_draft(&self, key: &str) -> Result<(), Fault> {
        self.kept.borrow_mut().drafts.remove(key);
        Ok(())
    }

    async fn drafts(&self) -> Result<Vec<(String, String)>, Fault> {
        let kept = self.kept.borrow();
        Ok(kept.drafts.iter().map(|(key, text)| (key.clone(), text.clone())).collect())
    }

    async fn aside(&self) -> Result<Vec<Aside>, Fault> {
        let kept = self.kept.borrow();
        Ok(kept.aside.iter().filter_map(|bytes| codec::decode_aside(bytes)).collect())
    }

    async fn aside_count(&self) -> Result<u32, Fault> {
        Ok(u32::try_from(self.kept.borrow().aside.len()).unwrap_or(u32::MAX))
    }
}
