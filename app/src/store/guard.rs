//! The store that a session uses: the database, watched from outside, or in its place the journal
//! alone, when the database does not open.

mod carried;
mod photos;

use core::cell::RefCell;
use std::rc::Rc;

use domain::id::{ChangeHash, DeviceId, RecordId};
use domain::replica::journal::{self, Damage, Entry, Finding, Ledger, Marker};
use domain::replica::{Aside, Meta, MetaKey, StoredRecord, WriteBatch};
use domain::sync::repair::Held;
use domain::view::Row;

use super::indexed_db::IndexedDb;
use super::journal::Journal;
use super::memory::Memory;
use super::{Fault, List, Outbox, Store};
use crate::platform;

/// What the marker of a device is called.
const MARKER: &str = "fengge.saved.";

/// Where records are kept.
#[derive(Debug)]
enum Base {
    /// In the database.
    Disk(IndexedDb),
    /// In memory, with what waits to be sent in the journal: the database does not open.
    Spare(Memory),
}

/// A watched store.
#[derive(Debug)]
pub struct Guarded {
    base: Base,
    key: String,
    marker: RefCell<Option<Marker>>,
    journal: Option<Rc<Journal>>,
}

macro_rules! on {
    ($self:ident, $store:ident => $work:expr) => {
        match &$self.base {
            Base::Disk($store) => $work.await,
            Base::Spare($store) => $work.await,
        }
    };
}

impl Guarded {
    /// Watches a database that opened; tells what it has lost, after bringing back what can be.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn disk(store: IndexedDb, device: DeviceId) -> Result<(Self, Option<Damage>), Fault> {
        let mut guarded = Self::new(Base::Disk(store), device);
        let stored = guarded.ledger().await?;
        let (opened, entries) = match Journal::open(device).await {
            Some((journal, entries)) => (Some(Rc::new(journal)), entries),
            None => (None, Vec::new()),
        };
        if let Some(journal) = &opened {
            guarded.learn(journal).await?;
        }
        guarded.journal = opened;
        let finding = journal::find(*guarded.marker.borrow(), stored);
        let back = guarded.bring_back(&entries, finding).await?;
        let waiting = guarded.waiting(&entries, finding).await?;
        let marker = *guarded.marker.borrow();
        let damage = Damage::judge(
            (finding, stored),
            marker,
            waiting.saturating_sub(count(&back)),
            &back,
        );
        let ledger = guarded.ledger().await?;
        if damage.is_some() || marker.is_none() {
            let marker = Marker { ledger, waiting };
            guarded.mark(marker);
            if let Some(journal) = guarded.journal() {
                journal.mark(&marker).await;
            }
        }
        Ok((guarded, damage))
    }

    /// The journal alone; none where the browser has no place for it.
    pub async fn spare(device: DeviceId) -> Option<Self> {
        let (journal, entries) = Journal::open(device).await?;
        let mut guarded = Self::new(Base::Spare(Memory::default()), device);
        let directory = journal.directory().await?;
        let meta = vec![(MetaKey::Directory, directory)];
        let batch = WriteBatch {
            meta,
            ..WriteBatch::default()
        };
        on!(guarded, store => store.commit(&batch)).ok()?;
        guarded.bring_back(&entries, Finding::Whole).await.ok()?;
        guarded.journal = Some(Rc::new(journal));
        Some(guarded)
    }

    fn new(base: Base, device: DeviceId) -> Self {
        let key = format!("{MARKER}{}", device.hex());
        let marker = platform::setting(&key).and_then(|text| Marker::read(&text));
        Self {
            base,
            key,
            marker: RefCell::new(marker),
            journal: None,
        }
    }

    /// Learns from the journal what the store and the settings have lost: the directory, and a marker
    /// that the browser had not written yet.
    async fn learn(&self, journal: &Journal) -> Result<(), Fault> {
        let marked = journal.marker().await;
        let later = marked.filter(|later| {
            self.marker
                .borrow()
                .is_none_or(|known| known.ledger.saved < later.ledger.saved)
        });
        if later.is_some() {
            *self.marker.borrow_mut() = later;
        }
        if self.meta().await?.directory.is_none()
            && let Some(directory) = journal.directory().await
        {
            let meta = vec![(MetaKey::Directory, directory)];
            let batch = WriteBatch {
                meta,
                ..WriteBatch::default()
            };
            on!(self, store => store.commit(&batch))?;
        }
        Ok(())
    }

    /// The journal, where there is one.
    pub fn journal(&self) -> Option<Rc<Journal>> {
        self.journal.clone()
    }

    /// Whether the database stands behind this store.
    pub fn is_spare(&self) -> bool {
        matches!(self.base, Base::Spare(_))
    }

    /// Closes for good; what is being written ends first.
    pub fn close(&self) {
        if let Base::Disk(store) = &self.base {
            store.close();
        }
    }

    async fn ledger(&self) -> Result<Ledger, Fault> {
        match &self.base {
            Base::Disk(store) => store.ledger().await,
            Base::Spare(_) => Ok(Ledger::default()),
        }
    }

    /// Puts back what the journal has and the store has not, and after any loss asks the server for
    /// everything again.
    async fn bring_back(&self, entries: &[Entry], finding: Finding) -> Result<Vec<Entry>, Fault> {
        let mut ids: Vec<RecordId> = entries.iter().map(|entry| entry.doc.record).collect();
        ids.sort_unstable();
        ids.dedup();
        let all: Vec<&Entry> = entries.iter().collect();
        let mut back: Vec<ChangeHash> = Vec::new();
        for stored in on!(self, store => store.load(&ids))? {
            if let Some(batch) = journal::bring_back(&stored, &all) {
                on!(self, store => store.commit(&batch))?;
                back.extend(batch.outbox_add.iter().map(|(_, _, hash)| *hash));
            }
        }
        if finding != Finding::Whole || !back.is_empty() {
            let meta = vec![(MetaKey::Cursor, Vec::new())];
            let batch = WriteBatch {
                meta,
                ..WriteBatch::default()
            };
            on!(self, store => store.commit(&batch))?;
        }
        let is_back = |entry: &&Entry| back.contains(&entry.change.hash);
        Ok(entries.iter().filter(is_back).cloned().collect())
    }

    /// How many changes wait to be sent; what the journal still holds beside them was answered.
    async fn waiting(&self, entries: &[Entry], finding: Finding) -> Result<u64, Fault> {
        let marked = self.marker.borrow().map(|marker| marker.waiting);
        if entries.is_empty() && finding == Finding::Whole && marked.is_some() {
            return Ok(marked.unwrap_or(0));
        }
        let outbox = on!(self, store => store.outbox(usize::MAX, usize::MAX))?;
        let waits = |hash: &ChangeHash| outbox.items.iter().any(|item| item.hash == *hash);
        let done: Vec<_> = entries
            .iter()
            .map(|entry| entry.change.hash)
            .filter(|hash| !waits(hash))
            .collect();
        if let Some(journal) = &self.journal {
            journal.drop_answered(&done).await;
        }
        Ok(u64::try_from(outbox.items.len()).unwrap_or(u64::MAX))
    }

    /// Writes the marker; where storage is blocked damage goes unnoticed, and nothing else.
    fn mark(&self, marker: Marker) {
        *self.marker.borrow_mut() = Some(marker);
        platform::keep_setting(&self.key, &marker.to_string());
    }

    /// Notes what a committed batch means for the marker and the journal.
    fn note(&self, batch: &WriteBatch, ledger: Option<Ledger>) {
        let answered = journal::answered(batch);
        let left = u64::try_from(batch.outbox_remove.len()).unwrap_or(u64::MAX);
        let added = u64::try_from(batch.outbox_add.len()).unwrap_or(u64::MAX);
        // Another window may have written the marker since.
        let kept = platform::setting(&self.key).and_then(|text| Marker::read(&text));
        let before = kept.or(*self.marker.borrow()).unwrap_or_default();
        if left > 0 || added > 0 {
            self.mark(Marker {
                ledger: ledger.unwrap_or(before.ledger),
                waiting: before.waiting.saturating_add(added).saturating_sub(left),
            });
        }
        let Some(journal) = self.journal() else {
            return;
        };
        let adds = (added > 0).then(|| batch.clone());
        if adds.is_some() || !answered.is_empty() {
            // Beside the save: it is committed already, this is its second place.
            let marker = *self.marker.borrow();
            platform::spawn(async move {
                if let Some(batch) = adds {
                    journal.keep(&batch).await;
                }
                journal.drop_answered(&answered).await;
                if let Some(marker) = marker {
                    journal.mark(&marker).await;
                }
            });
        }
    }

    async fn commit_spare(&self, store: &Memory, batch: &WriteBatch) -> Result<(), Fault> {
        // Here the journal is the disk: nothing is saved before it is there.
        if let Some(journal) = &self.journal {
            if !journal.keep(batch).await {
                return Err(Fault::Full);
            }
            let committed = store.commit(batch).await;
            let dropped = if committed.is_ok() {
                journal::answered(batch)
            } else {
                batch.outbox_add.iter().map(|(_, _, hash)| *hash).collect()
            };
            journal.drop_answered(&dropped).await;
            return committed;
        }
        store.commit(batch).await
    }
}

fn count(entries: &[Entry]) -> u64 {
    u64::try_from(entries.len()).unwrap_or(u64::MAX)
}

impl Store for Guarded {
    async fn load(&self, ids: &[RecordId]) -> Result<Vec<StoredRecord>, Fault> {
        on!(self, store => store.load(ids))
    }

    async fn rows(&self, list: List) -> Result<Vec<Row>, Fault> {
        on!(self, store => store.rows(list))
    }

    async fn rows_of(&self, ids: &[RecordId]) -> Result<Vec<Row>, Fault> {
        on!(self, store => store.rows_of(ids))
    }

    async fn outbox(&self, bytes_max: usize, items_max: usize) -> Result<Outbox, Fault> {
        on!(self, store => store.outbox(bytes_max, items_max))
    }

    async fn held(&self) -> Result<Vec<Held>, Fault> {
        on!(self, store => store.held())
    }

    async fn meta(&self) -> Result<Meta, Fault> {
        on!(self, store => store.meta())
    }

    async fn commit(&self, batch: &WriteBatch) -> Result<(), Fault> {
        match &self.base {
            Base::Disk(store) => {
                let ledger = store.commit_counted(batch).await?;
                self.note(batch, ledger);
                Ok(())
            }
            Base::Spare(store) => self.commit_spare(store, batch).await,
        }
    }

    async fn put_draft(&self, key: &str, text: &str) -> Result<(), Fault> {
        on!(self, store => store.put_draft(key, text))
    }

    async fn remove_draft(&self, key: &str) -> Result<(), Fault> {
        on!(self, store => store.remove_draft(key))
    }

    async fn drafts(&self) -> Result<Vec<(String, String)>, Fault> {
        on!(self, store => store.drafts())
    }

    async fn aside(&self) -> Result<Vec<Aside>, Fault> {
        on!(self, store => store.aside())
    }

    async fn aside_count(&self) -> Result<u32, Fault> {
        on!(self, store => store.aside_count())
    }
}
