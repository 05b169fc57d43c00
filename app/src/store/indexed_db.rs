//! One identity's database in the browser.

pub(crate) mod bridge;
mod carried;
mod connection;
pub(crate) mod encode;
pub(crate) mod open;
mod photos;
pub(crate) mod read;
pub(crate) mod save;
pub(crate) mod schema;

use std::collections::{BTreeMap, BTreeSet};

use domain::id::{DocId, RecordId};
use domain::replica::journal::Ledger;
use domain::replica::{Aside, Meta, MetaKey, OutboxItem, StoredChange, StoredRecord, WriteBatch};
use domain::sync::repair::Held;
use domain::view::Row;
use rexie::KeyRange;
use wasm_bindgen::JsValue;

use self::bridge::{field, from_js};
use self::connection::{Connection, Live};
use self::read::{Entry, Stored};
use self::save::{LEDGER, Plan};
use self::schema::{
    ASIDE, BY_DUE, BY_KIND, BY_NEWEST, CHANGES, DRAFTS, IDENTITY, META, OUTBOX, ROWS,
};
use super::mend::{self, Ways};
use super::{Fault, List, Outbox, Place, Store, codec};

pub use open::{Listener, Notice, OpenError, delete};

/// Rows that are mended in one save.
const MENDED_AT_ONCE: usize = 64;
/// Records that are read at a time when the whole store is read through.
const HELD_AT_ONCE: u32 = 128;

/// The database of one identity.
pub struct IndexedDb {
    connection: Connection,
}

impl core::fmt::Debug for IndexedDb {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("IndexedDb")
    }
}

impl IndexedDb {
    /// Opens the database `name`, upgrading it when it is older than this version of the app.
    ///
    /// `listener` hears when another window needs a newer version; it must then [`Self::close`]
    /// soon, since the other one waits.
    ///
    /// # Errors
    /// When the browser does not open it; nothing in it was changed then.
    pub async fn open(name: &str, listener: &Listener) -> Result<Self, OpenError> {
        let connection = Connection::open(name, IDENTITY, listener).await?;
        Ok(Self { connection })
    }

    /// Closes for good; what is being written ends first.
    pub fn close(&self) {
        self.connection.close();
    }

    /// Writes all of the batch or nothing, and counts what it puts into the outbox in the same
    /// transaction; the ledger after it where it counted.
    ///
    /// # Errors
    /// When nothing was written.
    pub async fn commit_counted(&self, batch: &WriteBatch) -> Result<Option<Ledger>, Fault> {
        let plan = encode::plan(batch);
        let tally = plan.tally.clone();
        self.connection.save(&plan).await?;
        Ok(tally.and_then(|tally| tally.after()))
    }

    /// How many changes were saved here.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn ledger(&self) -> Result<Ledger, Fault> {
        let entries = self.several(META, vec![LEDGER.into()]).await?;
        let bytes = entries.first().and_then(|entry| from_js(&entry.value));
        Ok(Ledger::decode(bytes.as_deref()))
    }

    /// Sets aside changes that cannot be read where they lie; the rest is as it was.
    async fn set_aside(&self, damaged: Vec<Damaged>) {
        let mut plan = Plan::default();
        for Damaged { key, bytes } in damaged {
            plan.writes.push(encode::delete(CHANGES, &key));
            let aside = codec::unreadable(Place::Changes, &key, bytes);
            plan.writes
                .push(encode::append(ASIDE, &codec::encode_aside(&aside)));
        }
        // Where even this cannot be written, the same bytes are met again at the next read.
        let _kept = self.connection.save(&plan).await;
    }

    /// The rows of these entries; those that cannot be read are folded again.
    async fn decode_rows(&self, entries: Vec<Entry>) -> Result<Vec<Row>, Fault> {
        let mut rows = Vec::with_capacity(entries.len());
        let mut broken = Vec::new();
        for entry in entries {
            let Some(key) = entry.key.as_string() else {
                continue;
            };
            let bytes = row_bytes(&entry.value);
            match codec::decode_row(&key, &bytes) {
                Some(row) => rows.push(row),
                None => broken.push((key, bytes, save::revision(&entry.value))),
            }
        }
        if !broken.is_empty() {
            rows.extend(self.mend(broken).await?);
        }
        Ok(rows)
    }

    async fn mend(&self, broken: Vec<(String, Vec<u8>, u32)>) -> Result<Vec<Row>, Fault> {
        let outbox = self.bytes_of(OUTBOX).await?;
        let aside = self.bytes_of(ASIDE).await?;
        let ways = Ways::read(
            outbox.iter().map(|(_, bytes)| bytes.as_slice()),
            aside.iter().map(|(_, bytes)| bytes.as_slice()),
        );
        let mut mended = Vec::new();
        // After an update all rows are of another version: some at a time, since each transaction costs
        // a write to the disk before the first screen is there.
        for some in broken.chunks(MENDED_AT_ONCE) {
            let plans = self.mending(some, &ways, &mut mended).await?;
            if self.connection.save(&Plan::together(&plans)).await.is_err() {
                // One of them was written meanwhile, and with it mended.
                for plan in plans {
                    // A mended row that cannot be stored is mended again at the next read.
                    let _kept = self.connection.save(&plan).await;
                }
            }
        }
        Ok(mended)
    }

    /// What to write for each of some rows that cannot be read; the rows themselves go to `mended`.
    async fn mending(
        &self,
        broken: &[(String, Vec<u8>, u32)],
        ways: &Ways,
        mended: &mut Vec<Row>,
    ) -> Result<Vec<Plan>, Fault> {
        let ids = broken.iter().filter_map(|(key, ..)| key.parse().ok());
        let ids: Vec<RecordId> = ids.collect();
        let stored = self
            .connection
            .on(async |live| live.reads.records(&ids).await)
            .await?;
        let stored = ids.into_iter().zip(stored);
        let mut records: BTreeMap<RecordId, Stored> = stored.collect();
        let mut plans = Vec::with_capacity(broken.len());
        for (key, bytes, rev) in broken {
            // Whoever has written the row meanwhile has mended it.
            let mut plan = Plan {
                expect: vec![(key.as_str().into(), *rev)],
                ..Plan::default()
            };
            let record = key.parse().ok().and_then(|id| {
                let stored = records.remove(&id)?;
                Some(sorted(id, stored).0)
            });
            let row = record.and_then(|record| mend::row(&record, *rev, ways));
            match &row {
                Some(row) => plan.writes.push(encode::row(row)),
                None => plan.writes.push(encode::delete(ROWS, key)),
            }
            if !codec::is_other_version(bytes) {
                let aside = codec::unreadable(Place::Rows, key, bytes.clone());
                plan.writes
                    .push(encode::append(ASIDE, &codec::encode_aside(&aside)));
            }
            plans.push(plan);
            mended.extend(row);
        }
        Ok(plans)
    }

    async fn several(&self, store: &str, keys: Vec<JsValue>) -> Result<Vec<Entry>, Fault> {
        self.connection
            .on(async |live| live.reads.several(store, &keys).await)
            .await
    }

    async fn bytes_of(&self, store: &str) -> Result<Vec<(JsValue, Vec<u8>)>, Fault> {
        let entries = self
            .connection
            .on(async |live| live.reads.range(store, None, None).await);
        let bytes = |entry: Entry| Some((entry.key, from_js(&entry.value)?));
        Ok(entries.await?.into_iter().filter_map(bytes).collect())
    }
}

/// A change that cannot be read.
#[derive(Debug)]
struct Damaged {
    key: String,
    bytes: Vec<u8>,
}

fn row_bytes(value: &JsValue) -> Vec<u8> {
    field(value, "bytes")
        .and_then(|bytes| from_js(&bytes))
        .unwrap_or_default()
}

/// A record's changes by document, and those that cannot be read; the row is left to the caller.
fn sorted(id: RecordId, stored: Stored) -> (StoredRecord, Vec<Damaged>) {
    let mut record = StoredRecord::absent(id);
    let mut damaged = Vec::new();
    for entry in stored.changes {
        let Some(key) = entry.key.as_string() else {
            continue;
        };
        let bytes = from_js(&entry.value).unwrap_or_default();
        match codec::decode_change(&key, &bytes) {
            Some(change) => codec::sort_in(&mut record, change),
            None => damaged.push(Damaged { key, bytes }),
        }
    }
    (record, damaged)
}

impl Store for IndexedDb {
    async fn load(&self, ids: &[RecordId]) -> Result<Vec<StoredRecord>, Fault> {
        let mut records = Vec::with_capacity(ids.len());
        let mut all_damaged = Vec::new();
        let found = self
            .connection
            .on(async |live| live.reads.records(ids).await)
            .await?;
        for (id, mut stored) in ids.iter().zip(found) {
            let row = stored.row.take();
            let (mut record, damaged) = sorted(*id, stored);
            all_damaged.extend(damaged);
            if let Some(value) = row {
                let entry = Entry {
                    key: id.to_string().into(),
                    value,
                };
                record.row = self.decode_rows(vec![entry]).await?.pop();
            }
            records.push(record);
        }
        if !all_damaged.is_empty() {
            self.set_aside(all_damaged).await;
        }
        Ok(records)
    }

    async fn rows(&self, list: List) -> Result<Vec<Row>, Fault> {
        let (index, range) = match list {
            List::Newest => (BY_NEWEST, None),
            List::Due => (BY_DUE, None),
            List::OfKind(kind) => (BY_KIND, Some(kind_range(kind.code())?)),
        };
        let read = async |live: &Live| live.reads.indexed(ROWS, index, range.clone(), None).await;
        let entries = self.connection.on(read).await?;
        let mut rows = self.decode_rows(entries).await?;
        // Rows that had to be folded again stand at the end.
        rows.sort_by(|a, b| match list {
            List::Newest | List::OfKind(_) => b.updated_at.cmp(&a.updated_at),
            List::Due => a.due.cmp(&b.due),
        });
        Ok(rows)
    }

    async fn rows_of(&self, ids: &[RecordId]) -> Result<Vec<Row>, Fault> {
        let keys = ids.iter().map(|id| id.to_string().into()).collect();
        let entries = self.several(ROWS, keys).await?;
        self.decode_rows(entries).await
    }

    async fn outbox(&self, bytes_max: usize, items_max: usize) -> Result<Outbox, Fault> {
        let mut waiting = Vec::new();
        for (key, bytes) in self.bytes_of(OUTBOX).await? {
            waiting.extend(codec::decode_waiting(&bytes).map(|entry| (place(&key), entry)));
        }
        let records: BTreeSet<_> = waiting.iter().map(|(_, (doc, ..))| doc.record).collect();
        let records = u32::try_from(records.len()).unwrap_or(u32::MAX);
        waiting.truncate(items_max);
        let keys = waiting
            .iter()
            .map(|(_, (doc, _, hash))| codec::change_key(*doc, *hash).into());
        let found = self.several(CHANGES, keys.collect()).await?;
        let mut found = found.iter().filter_map(change).peekable();
        let mut items: Vec<OutboxItem> = Vec::new();
        let mut orphans = Plan::default();
        let mut room = bytes_max;
        for (n, (doc, grid, hash)) in waiting {
            let is_it = |(of, change): &(DocId, StoredChange)| (*of, change.hash) == (doc, hash);
            let Some((_, StoredChange { bytes, author, .. })) = found.next_if(is_it) else {
                orphans.writes.push(encode::leave_outbox(n));
                continue;
            };
            if bytes.len() > room && !items.is_empty() {
                break;
            }
            room = room.saturating_sub(bytes.len());
            items.push(OutboxItem {
                n,
                doc,
                grid,
                author,
                hash,
                bytes,
            });
        }
        // Their changes were damaged and set aside: without this they would be counted for ever.
        let _left = self.connection.save(&orphans).await;
        Ok(Outbox { items, records })
    }

    async fn held(&self) -> Result<Vec<Held>, Fault> {
        // A part at a time: the whole store may be more than a small phone can hold at once.
        let mut held = Vec::new();
        let mut after: Option<JsValue> = None;
        loop {
            let range = match &after {
                Some(key) => {
                    Some(KeyRange::lower_bound(key, Some(true)).map_err(|_| Fault::Aborted)?)
                }
                None => None,
            };
            let read = async |live: &Live| {
                live.reads
                    .range(ROWS, range.clone(), Some(HELD_AT_ONCE))
                    .await
            };
            let entries = self.connection.on(read).await?;
            let Some(last) = entries.last() else { break };
            after = Some(last.key.clone());
            let rows = self.decode_rows(entries).await?;
            let ids: Vec<RecordId> = rows.iter().map(|row| row.id).collect();
            for (row, record) in rows.iter().zip(self.load(&ids).await?) {
                held.extend(record.held(&row.grid));
            }
        }
        Ok(held)
    }

    async fn meta(&self) -> Result<Meta, Fault> {
        let keys = MetaKey::ALL.iter().map(|key| key.name().into()).collect();
        let entries = self.several(META, keys).await?;
        Ok(Meta::decode(|key| {
            let found = entries
                .iter()
                .find(|entry| entry.key.as_string().as_deref() == Some(key.name()));
            found.and_then(|entry| from_js(&entry.value))
        }))
    }

    async fn commit(&self, batch: &WriteBatch) -> Result<(), Fault> {
        self.commit_counted(batch).await.map(drop)
    }

    async fn put_draft(&self, key: &str, text: &str) -> Result<(), Fault> {
        let write = encode::put(DRAFTS, key, text.into());
        self.connection.write_at_once(&write).await
    }

    async fn remove_draft(&self, key: &str) -> Result<(), Fault> {
        let write = encode::delete(DRAFTS, key);
        self.connection.write_at_once(&write).await
    }

    async fn drafts(&self) -> Result<Vec<(String, String)>, Fault> {
        let entries = self
            .connection
            .on(async |live| live.reads.range(DRAFTS, None, None).await)
            .await?;
        let texts = |entry: Entry| Some((entry.key.as_string()?, entry.value.as_string()?));
        Ok(entries.into_iter().filter_map(texts).collect())
    }

    async fn aside(&self) -> Result<Vec<Aside>, Fault> {
        let kept = self.bytes_of(ASIDE).await?;
        Ok(kept
            .iter()
            .filter_map(|(_, bytes)| codec::decode_aside(bytes))
            .collect())
    }

    async fn aside_count(&self) -> Result<u32, Fault> {
        self.connection
            .on(async |live| live.reads.count(ASIDE).await)
            .await
    }
}

fn change(entry: &Entry) -> Option<(DocId, StoredChange)> {
    codec::decode_change(&entry.key.as_string()?, &from_js(&entry.value)?)
}

fn place(key: &JsValue) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the browser counts from 1 up to 2^53"
    )]
    {
        key.as_f64().unwrap_or(0.0) as u64
    }
}

/// All rows of a kind: behind every number stands an empty list in the order of keys.
fn kind_range(kind: &str) -> Result<KeyRange, Fault> {
    let first = js_sys::Array::of1(&kind.into());
    let last = js_sys::Array::of2(&kind.into(), &js_sys::Array::new());
    KeyRange::bound(&first, &last, None, None).map_err(|_| Fault::Aborted)
}
