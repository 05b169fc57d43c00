//! The stores of both databases and the steps that lead from one version to the next.

use wasm_bindgen::JsValue;
use web_sys::{IdbDatabase, IdbIndexParameters, IdbObjectStore, IdbObjectStoreParameters};

use super::bridge::strings;

/// Changes by document and hash.
pub(crate) const CHANGES: &str = "changes";
/// List rows by record.
pub(crate) const ROWS: &str = "rows";
/// Changes that the server does not have, in the order of their making.
pub(crate) const OUTBOX: &str = "outbox";
/// Unfinished forms as JSON text.
pub(crate) const DRAFTS: &str = "drafts";
/// Small facts of the device: who it is, what it has seen.
pub(crate) const META: &str = "meta";
/// Bytes that are damaged or were refused, kept with the reason.
pub(crate) const ASIDE: &str = "aside";
/// What is known of photos, by record and photo.
pub(crate) const PHOTOS: &str = "photos";
/// Pictures by their hash.
pub(crate) const PICTURES: &str = "pictures";
/// Requests of others that this phone carries, in the order in which they came.
pub(crate) const CARRIED: &str = "carried";
/// The people who joined on this phone (index database).
pub(crate) const IDENTITIES: &str = "identities";
/// Which of them uses it (index database).
pub(crate) const SETTINGS: &str = "settings";

/// Rows by time of the last change, newest first.
pub(crate) const BY_NEWEST: &str = "newest";
/// Rows of a kind by time of the last change, newest first.
pub(crate) const BY_KIND: &str = "kind";
/// Rows with a due date, the earliest first.
pub(crate) const BY_DUE: &str = "due";

/// One step: what a database of the version before needs. A step that was released is never edited.
type Step = fn(&IdbDatabase) -> Result<(), JsValue>;

/// A database's shape: as many versions as there are steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema {
    /// Every store of the newest version.
    pub(crate) stores: &'static [&'static str],
    steps: &'static [Step],
}

/// The database of one identity.
pub(crate) const IDENTITY: Schema = Schema {
    stores: &[
        CHANGES, ROWS, OUTBOX, DRAFTS, META, ASIDE, PHOTOS, PICTURES, CARRIED,
    ],
    steps: &[first_stores, photo_stores, carried_store],
};

/// The database that knows the identities.
pub(crate) const INDEX: Schema = Schema {
    stores: &[IDENTITIES, SETTINGS],
    steps: &[first_index],
};

impl Schema {
    /// The newest version.
    pub(crate) fn version(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(u32::MAX)
    }

    /// Runs the steps that a database of version `from` has not seen.
    pub(crate) fn upgrade(&self, database: &IdbDatabase, from: u32) -> Result<(), JsValue> {
        let done = usize::try_from(from).unwrap_or(usize::MAX);
        self.steps
            .iter()
            .skip(done)
            .try_for_each(|step| step(database))
    }
}

fn first_stores(database: &IdbDatabase) -> Result<(), JsValue> {
    for plain in [CHANGES, DRAFTS, META] {
        database.create_object_store(plain)?;
    }
    let rows = database.create_object_store(ROWS)?;
    index(&rows, BY_NEWEST, &JsValue::from_str("newest"))?;
    index(&rows, BY_KIND, &strings(&["kind", "newest"]))?;
    index(&rows, BY_DUE, &JsValue::from_str("due"))?;
    counted(database, OUTBOX)?;
    counted(database, ASIDE)
}

fn photo_stores(database: &IdbDatabase) -> Result<(), JsValue> {
    database.create_object_store(PHOTOS)?;
    database.create_object_store(PICTURES)?;
    Ok(())
}

fn carried_store(database: &IdbDatabase) -> Result<(), JsValue> {
    counted(database, CARRIED)
}

fn first_index(database: &IdbDatabase) -> Result<(), JsValue> {
    database.create_object_store(IDENTITIES)?;
    database.create_object_store(SETTINGS)?;
    Ok(())
}

fn index(store: &IdbObjectStore, name: &str, path: &JsValue) -> Result<(), JsValue> {
    let settings = IdbIndexParameters::new();
    settings.set_unique(false);
    store.create_index_with_str_sequence_and_optional_parameters(name, path, &settings)?;
    Ok(())
}

/// A store whose keys are counted by the browser: they give the order and are never used twice.
fn counted(database: &IdbDatabase, name: &str) -> Result<(), JsValue> {
    let settings = IdbObjectStoreParameters::new();
    settings.set_auto_increment(true);
    database.create_object_store_with_optional_parameters(name, &settings)?;
    Ok(())
}
