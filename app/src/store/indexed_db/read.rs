//! Reads and plain writes, through rexie.
//!
//! rexie opens a connection of its own at the version that our upgrade has made, so it never
//! changes a store. Nothing here promises "saved"; drafts and settings are content with less.

use domain::id::RecordId;
use rexie::{KeyRange, ObjectStore, Rexie, Transaction, TransactionMode};
use wasm_bindgen::JsValue;

use super::open::{OpenError, Shut};
use super::schema::{CHANGES, ROWS, Schema};
use crate::platform::outcome::within;
use crate::store::{Fault, codec};

/// The longest wait for a read or a plain write.
const READ_MS_MAX: u32 = 10_000;

/// What each of many keys or records may add to it.
const STEP_MS_MAX: u32 = 50;

/// A value and the key that it lies under.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: JsValue,
    /// The value.
    pub(crate) value: JsValue,
}

/// One record as it lies in the store.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Its row.
    pub(crate) row: Option<JsValue>,
    /// Its changes.
    pub(crate) changes: Vec<Entry>,
}

/// rexie's connection.
#[derive(Debug)]
pub(crate) struct Reads {
    rexie: Shut<Rexie>,
}

impl Reads {
    /// Connects to the database `name`, which our own upgrade has brought to `schema`.
    pub(crate) async fn open(name: &str, schema: Schema) -> Result<Self, OpenError> {
        let mut builder = Rexie::builder(name).version(schema.version());
        for store in schema.stores {
            // rexie would drop a store that it is not told of, should it ever have to upgrade.
            builder = builder.add_object_store(ObjectStore::new(store));
        }
        let opened = within(READ_MS_MAX, builder.build())
            .await
            .ok_or(OpenError::Stuck)?;
        let rexie = opened.map_err(|_| OpenError::Broken)?;
        Ok(Self {
            rexie: Shut::new(rexie),
        })
    }

    /// Closes the connection; running transactions end first.
    pub(crate) fn close(&self) {
        if let Some(rexie) = self.rexie.take() {
            rexie.close();
        }
    }

    fn transaction(&self, store: &str, mode: TransactionMode) -> Result<Transaction, Fault> {
        let begun = self.rexie.with(|rexie| rexie.transaction(&[store], mode));
        begun.ok_or(Fault::Closed)?.map_err(fault)
    }

    /// What lies under one key.
    pub(crate) async fn one(&self, store: &str, key: &str) -> Result<Option<JsValue>, Fault> {
        let transaction = self.transaction(store, TransactionMode::ReadOnly)?;
        limited(1, async { transaction.store(store)?.get(key.into()).await }).await
    }

    /// What lies under several keys; a key without a value is left out.
    pub(crate) async fn several(&self, store: &str, keys: &[JsValue]) -> Result<Vec<Entry>, Fault> {
        let transaction = self.transaction(store, TransactionMode::ReadOnly)?;
        limited(keys.len(), async {
            let source = transaction.store(store)?;
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                if let Some(value) = source.get(key.clone()).await? {
                    found.push(Entry {
                        key: key.clone(),
                        value,
                    });
                }
            }
            Ok(found)
        })
        .await
    }

    /// The first `limit` entries of a range of keys.
    pub(crate) async fn range(
        &self,
        store: &str,
        range: Option<KeyRange>,
        limit: Option<u32>,
    ) -> Result<Vec<Entry>, Fault> {
        let transaction = self.transaction(store, TransactionMode::ReadOnly)?;
        limited(1, async {
            let source = transaction.store(store)?;
            let keys = source.get_all_keys(range.clone(), limit).await?;
            let values = source.get_all(range, limit).await?;
            Ok(pair(keys, values))
        })
        .await
    }

    /// Rows and changes of these records, all from one moment.
    pub(crate) async fn records(&self, ids: &[RecordId]) -> Result<Vec<Stored>, Fault> {
        let begun = self
            .rexie
            .with(|rexie| rexie.transaction(&[ROWS, CHANGES], TransactionMode::ReadOnly));
        let transaction = begun.ok_or(Fault::Closed)?.map_err(fault)?;
        let work = async {
            let (rows, changes) = (transaction.store(ROWS)?, transaction.store(CHANGES)?);
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                let row = rows.get(id.to_string().into()).await?;
                let (first, last) = codec::change_range(*id);
                let range = KeyRange::bound(&first.into(), &last.into(), None, None)?;
                let keys = changes.get_all_keys(Some(range.clone()), None).await?;
                let values = changes.get_all(Some(range), None).await?;
                found.push(Stored {
                    row,
                    changes: pair(keys, values),
                });
            }
            Ok(found)
        };
        limited(ids.len(), work).await
    }

    /// The first `limit` entries of an index; their keys are those of the store.
    pub(crate) async fn indexed(
        &self,
        store: &str,
        index: &str,
        range: Option<KeyRange>,
        limit: Option<u32>,
    ) -> Result<Vec<Entry>, Fault> {
        let transaction = self.transaction(store, TransactionMode::ReadOnly)?;
        limited(1, async {
            let source = transaction.store(store)?.index(index)?;
            let keys = source.get_all_keys(range.clone(), limit).await?;
            let values = source.get_all(range, limit).await?;
            Ok(pair(keys, values))
        })
        .await
    }

    /// How many entries a store holds.
    pub(crate) async fn count(&self, store: &str) -> Result<u32, Fault> {
        let transaction = self.transaction(store, TransactionMode::ReadOnly)?;
        limited(1, async { transaction.store(store)?.count(None).await }).await
    }

    /// Stores a value, with the browser's everyday care.
    pub(crate) async fn put(&self, store: &str, key: &str, value: &JsValue) -> Result<(), Fault> {
        let transaction = self.transaction(store, TransactionMode::ReadWrite)?;
        limited(1, async {
            transaction
                .store(store)?
                .put(value, Some(&key.into()))
                .await?;
            transaction.commit().await
        })
        .await
    }

    /// Removes what lies under a key.
    pub(crate) async fn remove(&self, store: &str, key: &str) -> Result<(), Fault> {
        let transaction = self.transaction(store, TransactionMode::ReadWrite)?;
        limited(1, async {
            transaction.store(store)?.delete(key.into()).await?;
            transaction.commit().await
        })
        .await
    }
}

fn pair(keys: Vec<JsValue>, values: Vec<JsValue>) -> Vec<Entry> {
    keys.into_iter()
        .zip(values)
        .map(|(key, value)| Entry { key, value })
        .collect()
}

async fn limited<T>(
    steps: usize,
    work: impl Future<Output = rexie::Result<T>>,
) -> Result<T, Fault> {
    let steps = u32::try_from(steps).unwrap_or(u32::MAX);
    let wait_ms = steps
        .saturating_mul(STEP_MS_MAX)
        .saturating_add(READ_MS_MAX);
    within(wait_ms, work)
        .await
        .ok_or(Fault::Timeout)?
        .map_err(fault)
}

/// rexie keeps the browser's error inside its own; its text begins with the error's name.
fn fault(error: rexie::Error) -> Fault {
    if let rexie::Error::IdbError(error) = error {
        Fault::from_name(&error.to_string())
    } else {
        Fault::Aborted
    }
}
