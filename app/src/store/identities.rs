//! The people who joined on this phone, and which of them uses it.
//!
//! Each has a database of their own, so that a second person never touches the first one's outbox.

use domain::id::DeviceId;
use domain::sync::message::Secret;
use domain::time::Millis;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use web_sys::IdbDatabase;

use super::Fault;
use super::indexed_db::bridge::{from_js, to_js};
use super::indexed_db::read::Reads;
use super::indexed_db::save::{self, Plan};
use super::indexed_db::schema::{IDENTITIES, INDEX, SETTINGS};
use super::indexed_db::{Listener, OpenError, encode, open};
use crate::platform::signer::Signer;

/// The index of all databases.
const NAME: &str = "fengge";
/// The key of the device that is used.
const CURRENT: &str = "current";

/// The beginning of the names of keys to sign with.
const KEY: &str = "key-";

/// Somebody who joined on this phone, with what is needed to offer the choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The device that this phone is for that person.
    pub device: DeviceId,
    /// What the device proves itself with.
    pub secret: Secret,
    /// The name on the roster; empty until the first join has been answered.
    pub name: String,
    /// Where: the name of the station, or of the unit that is looked after.
    pub home: String,
    /// When the person joined.
    pub joined: Millis,
}

/// The index database.
#[derive(Debug)]
pub struct Identities {
    database: IdbDatabase,
    reads: Reads,
}

impl Identities {
    /// Opens the index.
    ///
    /// # Errors
    /// When the browser does not open it.
    pub async fn open(listener: &Listener) -> Result<Self, OpenError> {
        let database = open::open(NAME, INDEX, listener).await?;
        match Reads::open(NAME, INDEX).await {
            Ok(reads) => Ok(Self { database, reads }),
            Err(error) => {
                database.close();
                Err(error)
            }
        }
    }

    /// Closes the index; it is needed at the start and when somebody joins, and else in the way of
    /// a newer version.
    pub fn close(self) {
        self.database.close();
        self.reads.close();
    }

    /// Everybody who joined, the first one first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn all(&self) -> Result<Vec<Known>, Fault> {
        let entries = self.reads.range(IDENTITIES, None, None).await?;
        let decode = |value: &JsValue| postcard::from_bytes(&from_js(value)?).ok();
        let mut known: Vec<Known> = entries
            .iter()
            .filter_map(|entry| decode(&entry.value))
            .collect();
        known.sort_unstable_by_key(|identity| identity.joined);
        Ok(known)
    }

    /// Who uses the phone: the one chosen last, or else the one who joined last.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn current(&self) -> Result<Option<Known>, Fault> {
        let chosen = self.reads.one(SETTINGS, CURRENT).await?;
        let chosen = chosen.and_then(|value| value.as_string());
        let mut all = self.all().await?;
        let place = all
            .iter()
            .position(|known| Some(known.device.hex()) == chosen);
        Ok(match place {
            Some(place) => Some(all.swap_remove(place)),
            None => all.pop(),
        })
    }

    /// Writes down somebody who joins and makes them the one who uses the phone; committed to the
    /// disk, since the server will know the device from now on.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn remember(&self, known: &Known) -> Result<(), Fault> {
        let bytes = postcard::to_allocvec(known).map_err(|_| Fault::Aborted)?;
        let device = known.device.hex();
        let writes = vec![
            encode::put(IDENTITIES, &device, to_js(&bytes)),
            encode::put(SETTINGS, CURRENT, device.into()),
        ];
        save::save(
            &self.database,
            Plan {
                writes,
                ..Plan::default()
            },
        )
        .await
    }

    /// The key that a device signs with, made at the first start; `None` where the browser makes none.
    /// For one that cannot be kept or read back and is made anew, the server wants an invitation.
    pub async fn signer(&self, device: DeviceId) -> Option<Signer> {
        let name = format!("{KEY}{}", device.hex());
        if let Ok(Some(pair)) = self.reads.one(SETTINGS, &name).await
            && let Some(kept) = Signer::of(pair).await
        {
            return Some(kept);
        }
        let fresh = Signer::fresh().await?;
        // Without it the next start makes another one.
        let _kept = self.reads.put(SETTINGS, &name, fresh.pair()).await;
        Some(fresh)
    }

    /// Chooses who uses the phone from now on.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn choose(&self, device: DeviceId) -> Result<(), Fault> {
        self.reads
            .put(SETTINGS, CURRENT, &device.hex().into())
            .await
    }

    /// Forgets an invitation that came to nothing: nobody joined with this device.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn forget(&self, device: DeviceId) -> Result<(), Fault> {
        self.reads.remove(IDENTITIES, &device.hex()).await
    }
}

/// The name of one identity's database.
#[must_use]
pub fn database_name(device: DeviceId) -> String {
    format!("{NAME}-{}", device.hex())
}
