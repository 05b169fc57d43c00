//! Invitations and devices.

use domain::id::{DeviceId, PersonId, UnitId};
use domain::sync::message::normal_code;
use domain::time::Millis;
use sqlx::{Row, SqliteConnection};

use super::{bytes, log, org};
use crate::auth;
use crate::error::ApiError;
use crate::limits;

/// A device as the server knows it.
#[derive(Debug, Clone)]
pub struct Device {
    /// Its name.
    pub id: DeviceId,
    /// Whose it is.
    pub person: PersonId,
}

/// Writes down a fresh invitation and gives back its code; only the hash is kept.
///
/// # Errors
/// When the person is not active or the database fails.
pub async fn invite(
    db: &mut SqliteConnection,
    person: &PersonId,
    now: Millis,
) -> Result<String, org::OrgError> {
    if org::person(db, person).await?.is_none() {
        return Err(org::OrgError::NoPerson(person.clone()));
    }
    let code = auth::new_code();
    let normal = normal_code(&code).unwrap_or_default();
    sqlx::query(
        "INSERT INTO invitation (code_hash, person, created_at, expires_at) VALUES (?, ?, ?, ?)",
    )
    .bind(auth::hash(normal.as_bytes()).as_slice())
    .bind(person.as_str())
    .bind(now.0)
    .bind(now.plus(limits::INVITATION_MS).0)
    .execute(db)
    .await?;
    Ok(code)
}

/// What a code is good for.
#[derive(Debug, Clone)]
pub enum Invited {
    /// A device may join as this person.
    New(PersonId),
    /// The device that joined with it asks again: its first answer may have been lost on the way.
    Again(Device),
}

/// Looks what a code is good for; nothing is written.
///
/// # Errors
/// When the code is unknown, has run out or was used by another device.
pub async fn invited(
    db: &mut SqliteConnection,
    (device, secret): (DeviceId, &[u8]),
    code: &str,
    now: Millis,
) -> Result<Invited, ApiError> {
    let code_hash = code_hash(code)?;
    let row = sqlx::query("SELECT person, expires_at, used_by FROM invitation WHERE code_hash = ?")
        .bind(code_hash.as_slice())
        .fetch_optional(&mut *db)
        .await?
        .ok_or(ApiError::UnknownCode)?;
    let (expires_at, used_by): (i64, Option<&[u8]>) = (row.try_get(1)?, row.try_get(2)?);
    if let Some(used_by) = used_by {
        let again = used_by == device.0;
        return if again {
            find(db, device, secret).await.map(Invited::Again)
        } else {
            Err(ApiError::UsedCode)
        };
    }
    if expires_at <= now.0 {
        return Err(ApiError::ExpiredCode);
    }
    Ok(Invited::New(org::code(&row, 0)?))
}

fn code_hash(code: &str) -> Result<[u8; 32], ApiError> {
    let normal = normal_code(code).ok_or(ApiError::UnknownCode)?;
    Ok(auth::hash(normal.as_bytes()))
}

/// Joins a device with a code.
///
/// # Errors
/// As [`invited`].
pub async fn join(
    db: &mut SqliteConnection,
    (device, secret): (DeviceId, &[u8]),
    code: &str,
    now: Millis,
) -> Result<Device, ApiError> {
    let person = match invited(db, (device, secret), code, now).await? {
        Invited::Again(device) => return Ok(device),
        Invited::New(person) => person,
    };
    add(db, (device, secret), &person, now).await?;
    sqlx::query("UPDATE invitation SET used_by = ? WHERE code_hash = ?")
        .bind(device.0.as_slice())
        .bind(code_hash(code)?.as_slice())
        .execute(db)
        .await?;
    Ok(Device { id: device, person })
}

/// Joins a device as a person without an invitation, where the server itself vouches for it.
///
/// # Errors
/// When the device is another person's or the database fails.
pub async fn join_as(
    db: &mut SqliteConnection,
    device: (DeviceId, &[u8]),
    person: &PersonId,
    now: Millis,
) -> Result<Device, ApiError> {
    add(db, device, person, now).await?;
    Ok(Device {
        id: device.0,
        person: person.clone(),
    })
}

/// Writes down a new device. One that is there already joins again only as the same person.
async fn add(
    db: &mut SqliteConnection,
    (device, secret): (DeviceId, &[u8]),
    person: &PersonId,
    now: Millis,
) -> Result<(), ApiError> {
    let added = sqlx::query(
        "INSERT INTO device (id, secret_hash, person, joined_at, last_seen) \
         VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    )
    .bind(device.0.as_slice())
    .bind(auth::hash(secret).as_slice())
    .bind(person.as_str())
    .bind(now.0)
    .bind(now.0)
    .execute(&mut *db)
    .await?;
    if added.rows_affected() == 0 && find(db, device, secret).await?.person != *person {
        return Err(ApiError::NotAllowed);
    }
    Ok(())
}

/// The device with this name and secret.
///
/// # Errors
/// When there is none, the secret is wrong or the device was revoked.
pub async fn find(
    db: &mut SqliteConnection,
    device: DeviceId,
    secret: &[u8],
) -> Result<Device, ApiError> {
    let row = sqlx::query("SELECT secret_hash, person, revoked_at FROM device WHERE id = ?")
        .bind(device.0.as_slice())
        .fetch_optional(db)
        .await?;
    let stored = row
        .as_ref()
        .map_or(Ok([0; 32]), |row| bytes::<32>(row, 0))?;
    // The comparison also runs for a device that does not exist: both take the same time.
    let sound = auth::same(&stored, &auth::hash(secret));
    let (Some(row), true) = (row, sound) else {
        return Err(ApiError::UnknownDevice);
    };
    if row.try_get::<Option<i64>, _>(2)?.is_some() {
        return Err(ApiError::Revoked);
    }
    Ok(Device {
        id: device,
        person: org::code(&row, 1)?,
    })
}

/// Refuses a device from this moment on.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    db: &mut SqliteConnection,
    device: DeviceId,
    now: Millis,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query("UPDATE device SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL")
        .bind(now.0)
        .bind(device.0.as_slice())
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// All devices, whether they are still let in or not.
///
/// # Errors
/// When the database fails.
pub(crate) async fn all(db: &mut SqliteConnection) -> Result<Vec<Device>, sqlx::Error> {
    let rows = sqlx::query("SELECT id, person FROM device")
        .fetch_all(db)
        .await?;
    let device = |row: &sqlx::sqlite::SqliteRow| {
        Ok(Device {
            id: DeviceId(bytes::<16>(row, 0)?),
            person: org::code(row, 1)?,
        })
    };
    rows.iter().map(device).collect()
}

/// Whose device this is; none for one that is not there.
///
/// # Errors
/// When the database fails.
pub async fn person(
    db: &mut SqliteConnection,
    id: DeviceId,
) -> Result<Option<PersonId>, sqlx::Error> {
    let row = sqlx::query("SELECT person FROM device WHERE id = ?")
        .bind(id.0.as_slice())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(|row| org::code(row, 0)).transpose()
}

/// A device as the administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub id: DeviceId,
    /// When it was last heard of.
    pub last_seen: Millis,
    /// Whether it is refused.
    pub revoked: bool,
    /// When it was first seen to write in two places at once.
    pub forked_at: Option<Millis>,
}

/// The devices of a person.
///
/// # Errors
/// When the database fails.
pub async fn of_person(
    db: &mut SqliteConnection,
    person: &PersonId,
) -> Result<Vec<Listed>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT id, last_seen, revoked_at IS NOT NULL, forked_at FROM device WHERE person = ? \
         ORDER BY id",
    )
    .bind(person.as_str())
    .fetch_all(db)
    .await?;
    let listed = rows.iter().map(|row| {
        Ok(Listed {
            id: DeviceId(bytes::<16>(row, 0)?),
            last_seen: Millis(row.try_get(1)?),
            revoked: row.try_get(2)?,
            forked_at: row.try_get::<Option<i64>, _>(3)?.map(Millis),
        })
    });
    listed.collect()
}

/// What a visit of a device tells.
#[derive(Debug, Clone, Copy)]
pub struct Visit {
    /// The place of the log up to which it has everything; 0 for devices that are not a station's.
    pub acked: u64,
    /// When, by the server's clock.
    pub now: Millis,
}

/// Whether a visit tells more than what is written down already.
///
/// # Errors
/// When the database fails.
pub async fn is_noteworthy(
    db: &mut SqliteConnection,
    device: DeviceId,
    visit: Visit,
) -> Result<bool, sqlx::Error> {
    let row = sqlx::query("SELECT acked_seq, last_seen FROM device WHERE id = ?")
        .bind(device.0.as_slice())
        .fetch_one(db)
        .await?;
    let (acked, last_seen): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let stale = visit.now.0.saturating_sub(last_seen) > limits::LAST_SEEN_STEP_MS;
    Ok(visit.acked > log::seq_of(acked) || stale)
}

/// Writes a visit down.
///
/// # Errors
/// When the database fails.
pub async fn note_visit(
    db: &mut SqliteConnection,
    device: DeviceId,
    visit: Visit,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE device SET acked_seq = MAX(acked_seq, ?), last_seen = ? WHERE id = ?")
        .bind(log::seq_to(visit.acked))
        .bind(visit.now.0)
        .bind(device.0.as_slice())
        .execute(db)
        .await?;
    Ok(())
}

/// The place of the log up to which every one of these stations has everything on some device.
///
/// # Errors
/// When the database fails.
pub async fn seen(db: &mut SqliteConnection, stations: &[UnitId]) -> Result<u64, sqlx::Error> {
    let mut smallest = None;
    for station in stations {
        let greatest: i64 = sqlx::query_scalar(
            "SELECT COALESCE(MAX(d.acked_seq), 0) FROM membership m JOIN device d \
             ON d.person = m.person WHERE m.unit = ? AND d.revoked_at IS NULL",
        )
        .bind(station.as_str())
        .fetch_one(&mut *db)
        .await?;
        let greatest = log::seq_of(greatest);
        smallest = Some(smallest.map_or(greatest, |least: u64| least.min(greatest)));
    }
    Ok(smallest.unwrap_or(0))
}

/// Drops invitations that nobody used in time.
///
/// # Errors
/// When the database fails.
pub async fn drop_expired(db: &mut SqliteConnection, now: Millis) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM invitation WHERE used_by IS NULL AND expires_at < ?")
        .bind(now.plus(-limits::INVITATION_MS).0)
        .execute(db)
        .await?;
    Ok(())
}
