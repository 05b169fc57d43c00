//! What one person may take and write: worked out from the units, kept until the units change.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::access::{self, Reach};
use domain::id::{PersonId, UnitId};
use domain::unit::{Directory, Member};
use sha2::{Digest, Sha256};
use sqlx::SqliteConnection;

use crate::error::ApiError;
use crate::limits;
use crate::store::device::Device;
use crate::store::{self, directory, org};

/// A person's scope.
#[derive(Debug)]
pub struct Scope {
    /// Who and where, as the person's devices hold it.
    pub directory: Directory,
    /// Digest of the directory.
    pub directory_digest: [u8; 8],
    /// The grids whose changes the person's devices get, in order.
    pub streams: Vec<UnitId>,
}

impl Scope {
    /// Whether both let the same person see the same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.directory_digest == other.directory_digest && self.streams == other.streams
    }

    /// The person.
    #[must_use]
    pub const fn me(&self) -> &Member {
        &self.directory.me
    }

    /// Whether a grid is in scope.
    #[must_use]
    pub fn holds(&self, grid: &UnitId) -> bool {
        self.streams.binary_search(grid).is_ok()
    }

    /// The stations of the grids in scope.
    #[must_use]
    pub fn stations(&self) -> Vec<UnitId> {
        let mut stations: Vec<_> = self
            .directory
            .grids
            .iter()
            .map(|grid| grid.station.clone())
            .collect();
        stations.sort();
        stations.dedup();
        stations
    }
}

/// Scopes that were worked out lately.
#[derive(Debug, Default)]
pub struct Scopes(Mutex<Known>);

/// Scopes by person, each with the version of the units that it was worked out from.
type Known = BTreeMap<PersonId, (Vec<u8>, Arc<Scope>)>;

impl Scopes {
    /// The scope of a device's person.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(
        &self,
        db: &mut SqliteConnection,
        device: &Device,
    ) -> Result<Arc<Scope>, ApiError> {
        let person = device.person();
        let version = store::setting(db, org::VERSION).await?.unwrap_or_default();
        if let Some((known, scope)) = self.lock().get(person)
            && *known == version
        {
            return Ok(Arc::clone(scope));
        }
        let scope = Arc::new(of_person(db, person).await?);
        let mut known = self.lock();
        if known.len() >= limits::SCOPES_MAX {
            known.clear();
        }
        known.insert(person.clone(), (version, Arc::clone(&scope)));
        Ok(scope)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The scope of a person, worked out.
///
/// # Errors
/// When the person is not active or the database fails.
pub(crate) async fn of_person(
    db: &mut SqliteConnection,
    person: &PersonId,
) -> Result<Scope, ApiError> {
    let member = org::person(db, person).await?.ok_or(ApiError::Revoked)?;
    if member.units.is_empty() {
        return Err(ApiError::NotAllowed);
    }
    let reach = access::reach(&member);
    let demo = store::setting(db, store::DEMO).await?.is_some();
    let known = directory::of(db, member, demo).await?;
    let streams = match reach {
        Reach::Documents => known.grids.iter().map(|grid| grid.id.clone()).collect(),
        Reach::PublicRows | Reach::Nothing => Vec::new(),
    };
    Ok(Scope {
        directory_digest: known.digest(),
        directory: known,
        streams,
    })
}

/// The four bytes by which a cursor names these streams; they are written down when they are new.
///
/// # Errors
/// When the database fails, or the write is not allowed on this connection.
pub async fn digest(
    db: &mut SqliteConnection,
    streams: &[UnitId],
) -> Result<Option<[u8; 4]>, sqlx::Error> {
    let text = join(streams);
    for salt in 0..=u8::MAX {
        let digest = candidate(&text, salt);
        match streams_text(db, digest).await? {
            Some(known) if known == text => return Ok(Some(digest)),
            Some(_) => {}
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// Writes the streams down under the first digest that is free, and gives it back.
///
/// # Errors
/// When the database fails.
pub async fn remember(
    db: &mut SqliteConnection,
    streams: &[UnitId],
) -> Result<[u8; 4], sqlx::Error> {
    let text = join(streams);
    for salt in 0..=u8::MAX {
        let digest = candidate(&text, salt);
        sqlx::query("INSERT INTO scope (digest, streams) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(digest.as_slice())
            .bind(&text)
            .execute(&mut *db)
            .await?;
        if streams_text(db, digest).await?.as_ref() == Some(&text) {
            return Ok(digest);
        }
    }
    Err(store::damaged("no free scope digest".to_owned()))
}

/// The streams that a digest stands for; none when it is not known.
///
/// # Errors
/// When the database fails.
pub async fn streams(
    db: &mut SqliteConnection,
    digest: [u8; 4],
) -> Result<Option<Vec<UnitId>>, sqlx::Error> {
    let text = streams_text(db, digest).await?;
    Ok(text.map(|text| text.split(',').filter_map(|id| id.parse().ok()).collect()))
}

async fn streams_text(
    db: &mut SqliteConnection,
    digest: [u8; 4],
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT streams FROM scope WHERE digest = ?")
        .bind(digest.as_slice())
        .fetch_optional(db)
        .await
}

fn join(streams: &[UnitId]) -> String {
    streams
        .iter()
        .map(UnitId::as_str)
        .collect::<Vec<_>>()
        .join(",")
}

fn candidate(text: &str, salt: u8) -> [u8; 4] {
    let hash = Sha256::new()
        .chain_update(text)
        .chain_update([salt])
        .finalize();
    let mut digest = [0; 4];
    for (to, from) in digest.iter_mut().zip(hash.iter()) {
        *to = *from;
    }
    digest
}
