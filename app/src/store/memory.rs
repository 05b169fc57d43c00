//! A store in memory: the same contract, and nothing survives. For tests, and for a phone whose
//! database does not open.

use core::cell::RefCell;
use std::collections::BTreeSet;

use domain::id::RecordId;
use domain::replica::memory::{CommitError, MemoryStore};
use domain::replica::{Aside, Meta, StoreFault, StoredRecord, WriteBatch};
use domain::sync::repair::Held;
use domain::view::Row;

use super::{Fault, List, Outbox, Store};

/// The domain's own model of a store, asked as the app asks.
#[derive(Debug, Default)]
pub struct Memory {
    kept: RefCell<MemoryStore>,
    draft_keys: RefCell<BTreeSet<String>>,
}

impl Store for Memory {
    async fn load(&self, ids: &[RecordId]) -> Result<Vec<StoredRecord>, Fault> {
        let kept = self.kept.borrow();
        Ok(ids.iter().map(|id| kept.load(*id)).collect())
    }

    async fn rows(&self, list: List) -> Result<Vec<Row>, Fault> {
        let mut rows: Vec<Row> = self.kept.borrow().rows().cloned().collect();
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
        Ok(rows)
    }

    async fn rows_of(&self, ids: &[RecordId]) -> Result<Vec<Row>, Fault> {
        let kept = self.kept.borrow();
        Ok(ids.iter().filter_map(|id| kept.load(*id).row).collect())
    }

    async fn outbox(&self, bytes_max: usize, items_max: usize) -> Result<Outbox, Fault> {
        let (items, records) = self.kept.borrow().outbox(bytes_max, items_max);
        Ok(Outbox { items, records })
    }

    async fn held(&self) -> Result<Vec<Held>, Fault> {
        Ok(self.kept.borrow().held())
    }

    async fn meta(&self) -> Result<Meta, Fault> {
        Ok(self.kept.borrow().meta())
    }

    async fn commit(&self, batch: &WriteBatch) -> Result<(), Fault> {
        self.kept
            .borrow_mut()
            .commit(batch)
            .map_err(|error| match error {
                CommitError::Stale => Fault::Stale,
                CommitError::Fault(StoreFault::Full) => Fault::Full,
                CommitError::Fault(StoreFault::Closed) => Fault::Closed,
                CommitError::Fault(StoreFault::Aborted | StoreFault::Unreadable) => Fault::Aborted,
            })
    }

    async fn put_draft(&self, key: &str, text: &str) -> Result<(), Fault> {
        self.draft_keys.borrow_mut().insert(key.to_owned());
        self.kept.borrow_mut().put_draft(key, text);
        Ok(())
    }

    async fn remove_draft(&self, key: &str) -> Result<(), Fault> {
        let drafts_remove = vec![key.to_owned()];
        self.commit(&WriteBatch {
            drafts_remove,
            ..WriteBatch::default()
        })
        .await
    }

    async fn drafts(&self) -> Result<Vec<(String, String)>, Fault> {
        let kept = self.kept.borrow();
        let keys = self.draft_keys.borrow();
        let text = |key: &String| Some((key.clone(), kept.draft(key)?.to_owned()));
        Ok(keys.iter().filter_map(text).collect())
    }

    async fn aside(&self) -> Result<Vec<Aside>, Fault> {
        Ok(self.kept.borrow().aside().to_vec())
    }

    async fn aside_count(&self) -> Result<u32, Fault> {
        Ok(u32::try_from(self.kept.borrow().aside().len()).unwrap_or(u32::MAX))
    }
}
