//! Devices: who may come in, and what is noted of them.

use domain::id::{DeviceId, PersonId, UnitId};
use domain::time::Millis;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{bytes, log, org};
use crate::auth;
use crate::error::ApiError;
use crate::limits;

/// A device that may come in: not revoked, and its person and a unit of theirs are active. There is no
/// other way to one than the functions of this file that make sure of it.
#[derive(Debug, Clone)]
pub struct Device {
    id: DeviceId,
    person: PersonId,
}

impl Device {
    /// Its name.
    #[must_use]
    pub const fn id(&self) -> DeviceId {
        self.id
    }

    /// Whose it is.
    #[must_use]
    pub const fn person(&self) -> &PersonId {
        &self.person
    }
}

/// The device with this name, which has proven itself.
///
/// # Errors
/// [`ApiError::UnknownDevice`] when there is none, [`ApiError::Revoked`] when it may not come in.
pub async fn active(db: &mut SqliteConnection, id: DeviceId) -> Result<Device, ApiError> {
    let row = sqlx::query(
        "SELECT person, EXISTS (SELECT 1 FROM active_device a WHERE a.id = device.id) \
         FROM device WHERE id = ?",
    )
    .bind(id.0.as_slice())
    .fetch_optional(db)
    .await?
    .ok_or(ApiError::UnknownDevice)?;
    if row.try_get::<bool, _>(1)? {
        let person = org::code(&row, 0)?;
        Ok(Device { id, person })
    } else {
        Err(ApiError::Revoked)
    }
}

/// The device with this name and secret.
///
/// # Errors
/// When there is none, the secret is wrong or the device may not come in.
pub async fn find(
    db: &mut SqliteConnection,
    device: DeviceId,
    secret: &[u8],
) -> Result<Device, ApiError> {
    let row = sqlx::query("SELECT secret_hash FROM device WHERE id = ?")
        .bind(device.0.as_slice())
        .fetch_optional(&mut *db)
        .await?;
    let stored = row
        .as_ref()
        .map_or(Ok([0; 32]), |row| bytes::<32>(row, 0))?;
    // The comparison also runs for a device that does not exist: both take the same time.
    let sound = auth::same(&stored, &auth::hash(secret));
    if row.is_none() || !sound {
        return Err(ApiError::UnknownDevice);
    }
    active(db, device).await
}

/// Joins a device as a person for whom somebody vouches. One that is there already joins again only as
/// the same person.
///
/// # Errors
/// When the device is another person's or may not come in.
pub async fn join_as(
    db: &mut SqliteConnection,
    (device, secret): (DeviceId, &[u8]),
    person: &PersonId,
    now: Millis,
) -> Result<Device, ApiError> {
    sqlx::query(
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
    let found = find(db, device, secret).await?;
    if found.person == *person {
        Ok(found)
    } else {
        Err(ApiError::NotAllowed)
    }
}

/// Refuses a device from this moment on; whether it was not before.
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
        .execute(&mut *db)
        .await?;
    org::touch(db).await?;
    Ok(done.rows_affected() > 0)
}

/// The names of all devices, and whose they are, whether they are still let in or not.
///
/// # Errors
/// When the database fails.
pub(crate) async fn all(
    db: &mut SqliteConnection,
) -> Result<Vec<(DeviceId, PersonId)>, sqlx::Error> {
    let rows = sqlx::query("SELECT id, person FROM device")
        .fetch_all(db)
        .await?;
    let one = |row: &SqliteRow| Ok((DeviceId(bytes::<16>(row, 0)?), org::code(row, 1)?));
    rows.iter().map(one).collect()
}

/// How many devices ever joined.
///
/// # Errors
/// When the database fails.
pub(crate) async fn count(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT COUNT(*) FROM device")
        .fetch_one(db)
        .await
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
    /// Whose it is.
    pub person: PersonId,
    /// When it joined.
    pub joined_at: Millis,
    /// When it was last heard of.
    pub last_seen: Millis,
    /// When it was shut out.
    pub revoked_at: Option<Millis>,
    /// Whether it may come in: it does not, too, when its person or all units of theirs are retired.
    pub active: bool,
    /// When it was first seen to write in two places at once.
    pub forked_at: Option<Millis>,
}

/// The devices of a person, or of everybody.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &mut SqliteConnection,
    person: Option<&PersonId>,
) -> Result<Vec<Listed>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT id, person, joined_at, last_seen, revoked_at, \
         EXISTS (SELECT 1 FROM active_device a WHERE a.id = device.id), forked_at FROM device \
         WHERE ?1 IS NULL OR person = ?1 ORDER BY person, joined_at, id",
    )
    .bind(person.map(PersonId::as_str))
    .fetch_all(db)
    .await?;
    let time = |row: &SqliteRow, column| {
        let time = row.try_get::<Option<i64>, _>(column)?;
        Ok::<_, sqlx::Error>(time.map(Millis))
    };
    let listed = rows.iter().map(|row| {
        Ok(Listed {
            id: DeviceId(bytes::<16>(row, 0)?),
            person: org::code(row, 1)?,
            joined_at: Millis(row.try_get(2)?),
            last_seen: Millis(row.try_get(3)?),
            revoked_at: time(row, 4)?,
            active: row.try_get(5)?,
            forked_at: time(row, 6)?,
        })
    });
    listed.collect()
}

/// The devices whose names begin with these hexadecimal digits.
///
/// # Errors
/// When the database fails.
pub async fn named(
    db: &mut SqliteConnection,
    digits: &str,
) -> Result<Vec<(DeviceId, PersonId)>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT id, person FROM device WHERE lower(hex(id)) >= ?1 AND lower(hex(id)) < ?1 || 'g'",
    )
    .bind(digits)
    .fetch_all(db)
    .await?;
    let one = |row: &SqliteRow| Ok((DeviceId(bytes::<16>(row, 0)?), org::code(row, 1)?));
    rows.iter().map(one).collect()
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
            "SELECT COALESCE(MAX(d.acked_seq), 0) FROM membership m JOIN active_device d \
             ON d.person = m.person WHERE m.unit = ?",
        )
        .bind(station.as_str())
        .fetch_one(&mut *db)
        .await?;
        let greatest = log::seq_of(greatest);
        smallest = Some(smallest.map_or(greatest, |least: u64| least.min(greatest)));
    }
    Ok(smallest.unwrap_or(0))
}
