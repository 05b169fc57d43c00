//! One identity's database in the browser.

pub(crate) mod bridge;
pub(crate) mod encode;
pub(crate) mod open;
pub(crate) mod read;
pub(crate) mod save;
pub(crate) mod schema;

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::id::{DocId, RecordId};
use domain::replica::{Aside, Meta, MetaKey, OutboxItem, StoredChange, StoredRecord, WriteBatch};
use domain::view::Row;
use gloo::events::EventListener;
use rexie::KeyRange;
use wasm_bindgen::JsValue;
use web_sys::IdbDatabase;

use self::bridge::{field, from_js};
use self::open::Shut;
use self::read::{Entry, Reads, Stored};
use self::save::Plan;
use self::schema::{
    ASIDE, BY_DUE, BY_KIND, BY_NEWEST, CHANGES, DRAFTS, IDENTITY, META, OUTBOX, ROWS,
};
use super::mend::{self, Ways};
use super::{Fault, List, Outbox, Place, Store, codec};

pub use open::{Listener, Notice, OpenError, delete};

/// The database of one identity: our own connection for saves, rexie's for the rest.
pub struct IndexedDb {
    database: Rc<Shut<IdbDatabase>>,
    reads: Reads,
    _listening: [EventListener; 2],
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
        let database = open::open(name, IDENTITY, listener).await?;
        let listening = open::watch(&database, listener);
        match Reads::open(name, IDENTITY).await {
            Ok(reads) => {
                let database = Rc::new(Shut::new(database));
                Ok(Self {
                    database,
                    reads,
                    _listening: listening,
                })
            }
            Err(error) => {
                database.close();
                Err(error)
            }
        }
    }

    /// Closes both connections; what is being written ends first.
    pub fn close(&self) {
        if let Some(database) = self.database.take() {
            database.close();
        }
        self.reads.close();
    }

    async fn save(&self, plan: Plan) -> Result<(), Fault> {
        let database = self.database.with(Clone::clone).ok_or(Fault::Closed)?;
        save::save(&database, plan).await
    }

    /// Sets aside what cannot be read where it lies; the rest is as it was.
    async fn set_aside(&self, damaged: Vec<Damaged>) {
        let mut plan = Plan::default();
        for Damaged { place, key, bytes } in damaged {
            let store = match place {
                Place::Changes => CHANGES,
                Place::Rows => ROWS,
            };
            plan.writes.push(encode::delete(store, &key));
            let aside = codec::unreadable(place, &key, bytes);
            plan.writes
                .push(encode::append(ASIDE, &codec::encode_aside(&aside)));
        }
        // Where even this cannot be written, the same bytes are met again at the next read.
        let _kept = self.save(plan).await;
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
        let mut damaged = Vec::new();
        let mut mended = Vec::new();
        for (key, bytes, rev) in broken {
            if !codec::is_other_version(&bytes) {
                damaged.push(Damaged {
                    place: Place::Rows,
                    key: key.clone(),
                    bytes,
                });
            }
            let Ok(id) = key.parse() else { continue };
            let stored = self.reads.records(&[id]).await?;
            let record = stored.into_iter().next().map(|stored| sorted(id, stored).0);
            mended.extend(record.and_then(|record| mend::row(&record, rev, &ways)));
        }
        self.set_aside(damaged).await;
        let writes = mended.iter().map(encode::row).collect();
        // A mended row that cannot be stored is mended again at the next read.
        let _kept = self
            .save(Plan {
                expect: Vec::new(),
                writes,
            })
            .await;
        Ok(mended)
    }

    async fn bytes_of(&self, store: &str) -> Result<Vec<(JsValue, Vec<u8>)>, Fault> {
        let entries = self.reads.range(store, None, None).await?;
        let bytes = |entry: Entry| Some((entry.key, from_js(&entry.value)?));
        Ok(entries.into_iter().filter_map(bytes).collect())
    }
}

/// Something that cannot be read.
#[derive(Debug)]
struct Damaged {
    place: Place,
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
            None => damaged.push(Damaged {
                place: Place::Changes,
                key,
                bytes,
            }),
        }
    }
    (record, damaged)
}

impl Store for IndexedDb {
    async fn load(&self, ids: &[RecordId]) -> Result<Vec<StoredRecord>, Fault> {
        let mut records = Vec::with_capacity(ids.len());
        let mut all_damaged = Vec::new();
        for (id, mut stored) in ids.iter().zip(self.reads.records(ids).await?) {
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

    async fn rows(&self, list: List, limit: u32) -> Result<Vec<Row>, Fault> {
        let limit = Some(limit);
        let entries = match list {
            List::Newest => self.reads.indexed(ROWS, BY_NEWEST, None, limit).await?,
            List::Due => self.reads.indexed(ROWS, BY_DUE, None, limit).await?,
            List::OfKind(kind) => {
                let range = kind_range(kind.code())?;
                self.reads
                    .indexed(ROWS, BY_KIND, Some(range), limit)
                    .await?
            }
        };
        let mut rows = self.decode_rows(entries).await?;
        match list {
            // Rows that had to be folded again stand at the end.
            List::Newest | List::OfKind(_) => rows.sort_by_key(|row| -row.updated_at.0),
            List::Due => rows.sort_by_key(|row| row.due),
        }
        Ok(rows)
    }

    async fn rows_of(&self, ids: &[RecordId]) -> Result<Vec<Row>, Fault> {
        let keys = ids.iter().map(|id| id.to_string().into()).collect();
        let entries = self.reads.several(ROWS, keys).await?;
        self.decode_rows(entries).await
    }

    async fn outbox(&self, bytes_max: usize, items_max: usize) -> Result<Outbox, Fault> {
        let mut records = BTreeSet::new();
        let mut waiting = Vec::new();
        for (key, bytes) in self.bytes_of(OUTBOX).await? {
            let Some(entry) = codec::decode_waiting(&bytes) else {
                continue;
            };
            records.insert(entry.0.record);
            waiting.push((place(&key), entry));
        }
        let records = u32::try_from(records.len()).unwrap_or(u32::MAX);
        waiting.truncate(items_max);
        let keys = waiting
            .iter()
            .map(|(_, (doc, _, hash))| codec::change_key(*doc, *hash).into());
        let found = self.reads.several(CHANGES, keys.collect()).await?;
        let mut items: Vec<OutboxItem> = Vec::new();
        let mut bytes = 0_usize;
        let mut found = found.iter().filter_map(change).peekable();
        for (n, (doc, grid, hash)) in waiting {
            // A change that was damaged and set aside is not there any more.
            let Some((_, change)) = found.next_if(|(of, change)| (*of, change.hash) == (doc, hash))
            else {
                continue;
            };
            bytes = bytes.saturating_add(change.bytes.len());
            if bytes > bytes_max && !items.is_empty() {
                break;
            }
            items.push(OutboxItem {
                n,
                doc,
                grid,
                hash,
                bytes: change.bytes,
            });
        }
        Ok(Outbox { items, records })
    }

    async fn meta(&self) -> Result<Meta, Fault> {
        let keys = MetaKey::ALL.iter().map(|key| key.name().into()).collect();
        let entries = self.reads.several(META, keys).await?;
        Ok(Meta::decode(|key| {
            let found = entries
                .iter()
                .find(|entry| entry.key.as_string().as_deref() == Some(key.name()));
            found.and_then(|entry| from_js(&entry.value))
        }))
    }

    async fn commit(&self, batch: &WriteBatch) -> Result<(), Fault> {
        self.save(encode::plan(batch)).await
    }

    async fn put_draft(&self, key: &str, text: &str) -> Result<(), Fault> {
        self.reads.put(DRAFTS, &key.into(), &text.into()).await
    }

    async fn remove_draft(&self, key: &str) -> Result<(), Fault> {
        self.reads.remove(DRAFTS, key.into()).await
    }

    async fn drafts(&self) -> Result<Vec<(String, String)>, Fault> {
        let entries = self.reads.range(DRAFTS, None, None).await?;
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
        self.reads.count(ASIDE).await
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
