//! What each device brought on each day, and how much of it a device may bring.

use domain::id::{DeviceId, PersonId, UnitId};
use domain::time::{DAY_MS, Day, Millis};
use sqlx::{Row, SqliteConnection};

use super::{bytes, log, org};
use crate::error::ApiError;
use crate::limits;

/// How much a device may bring in one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Changes that are new.
    pub changes: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records that are new.
    pub records: u64,
    /// Changes that were refused.
    pub refused: u64,
    /// Bytes of photos.
    pub photo_bytes: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            changes: limits::DAILY_CHANGES,
            bytes: limits::DAILY_BYTES,
            records: limits::DAILY_RECORDS,
            refused: limits::DAILY_REFUSED,
            photo_bytes: limits::DAILY_PHOTO_BYTES,
        }
    }
}

/// What something took of a day, or what a day has taken so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Changes that are new.
    pub changes: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records that are new.
    pub records: u64,
    /// Changes that were refused.
    pub refused: u64,
    /// Bytes of photos.
    pub photo_bytes: u64,
}

impl Used {
    /// Whether no more records and changes are taken.
    const fn is_over(&self, quotas: &Quotas) -> bool {
        self.changes >= quotas.changes
            || self.bytes >= quotas.bytes
            || self.records >= quotas.records
            || self.refused >= quotas.refused
    }
}

/// What a device has brought today.
///
/// # Errors
/// When the database fails.
pub async fn of(
    db: &mut SqliteConnection,
    device: DeviceId,
    now: Millis,
) -> Result<Used, sqlx::Error> {
    let row = sqlx::query(
        "SELECT changes, bytes, records, refused, photo_bytes FROM usage \
         WHERE device = ? AND day = ?",
    )
    .bind(device.0.as_slice())
    .bind(now.day().0)
    .fetch_optional(db)
    .await?;
    let Some(row) = row else {
        return Ok(Used::default());
    };
    let number = |column| row.try_get(column).map(log::seq_of);
    Ok(Used {
        changes: number(0)?,
        bytes: number(1)?,
        records: number(2)?,
        refused: number(3)?,
        photo_bytes: number(4)?,
    })
}

/// Whether a device may bring records and changes.
///
/// # Errors
/// [`ApiError::Quota`] until the next day begins.
pub async fn check(
    db: &mut SqliteConnection,
    device: DeviceId,
    (quotas, now): (&Quotas, Millis),
) -> Result<(), ApiError> {
    match of(db, device, now).await?.is_over(quotas) {
        true => Err(over(now)),
        false => Ok(()),
    }
}

/// Whether a device may bring photos.
///
/// # Errors
/// [`ApiError::Quota`] until the next day begins.
pub async fn check_photos(
    db: &mut SqliteConnection,
    device: DeviceId,
    (quotas, now): (&Quotas, Millis),
) -> Result<(), ApiError> {
    match of(db, device, now).await?.photo_bytes >= quotas.photo_bytes {
        true => Err(over(now)),
        false => Ok(()),
    }
}

/// Refused until the next day begins.
fn over(now: Millis) -> ApiError {
    let next = Day(now.day().0.saturating_add(1)).start();
    let wait_s = u32::try_from(next.since(now).max(0) / 1000 + 1);
    ApiError::Quota {
        wait_s: wait_s.unwrap_or(u32::MAX),
    }
}

/// Counts what a device brought, within the write that keeps it; the day on which it reached a quota
/// is noted with the time.
///
/// # Errors
/// When the database fails.
pub async fn add(
    db: &mut SqliteConnection,
    (device, quotas): (DeviceId, &Quotas),
    used: Used,
    now: Millis,
) -> Result<(), sqlx::Error> {
    if used == Used::default() {
        return Ok(());
    }
    let day = now.day();
    let added = sqlx::query(
        "INSERT INTO usage (device, day, changes, bytes, records, refused, photo_bytes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET changes = changes + ?3, \
         bytes = bytes + ?4, records = records + ?5, refused = refused + ?6, \
         photo_bytes = photo_bytes + ?7",
    )
    .bind(device.0.as_slice())
    .bind(day.0)
    .bind(log::seq_to(used.changes))
    .bind(log::seq_to(used.bytes))
    .bind(log::seq_to(used.records))
    .bind(log::seq_to(used.refused))
    .bind(log::seq_to(used.photo_bytes))
    .execute(&mut *db)
    .await?;
    let all = of(db, device, now).await?;
    if added.rows_affected() > 0
        && (all.is_over(quotas) || all.photo_bytes >= quotas.photo_bytes)
        && note_over(db, device, now).await?
    {
        tracing::warn!(
            ?device,
            ?all,
            "a device has used up what it may bring in a day"
        );
    }
    // Once a day: what lies long back is of no use to anybody.
    if all == used {
        let old = day.0 - limits::USAGE_KEPT_MS / DAY_MS;
        sqlx::query("DELETE FROM usage WHERE day < ?")
            .bind(old)
            .execute(db)
            .await?;
    }
    Ok(())
}

/// Notes since when a device is over; false when that was known.
async fn note_over(
    db: &mut SqliteConnection,
    device: DeviceId,
    now: Millis,
) -> Result<bool, sqlx::Error> {
    let noted = sqlx::query(
        "UPDATE usage SET over_at = ? WHERE device = ? AND day = ? AND over_at IS NULL",
    )
    .bind(now.0)
    .bind(device.0.as_slice())
    .bind(now.day().0)
    .execute(db)
    .await?;
    Ok(noted.rows_affected() > 0)
}

/// Since when a device has used up its day; none where it has not.
///
/// # Errors
/// When the database fails.
pub async fn over_since(
    db: &mut SqliteConnection,
    device: DeviceId,
    now: Millis,
) -> Result<Option<Millis>, sqlx::Error> {
    let since: Option<Option<i64>> =
        sqlx::query_scalar("SELECT over_at FROM usage WHERE device = ? AND day = ?")
            .bind(device.0.as_slice())
            .bind(now.day().0)
            .fetch_optional(db)
            .await?;
    Ok(since.flatten().map(Millis))
}

/// A device that has used up its day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Over {
    /// The device.
    pub device: DeviceId,
    /// Whose it is.
    pub person: PersonId,
    /// The person's name.
    pub name: String,
    /// Since when.
    pub since: Millis,
}

/// The devices of people who work in these units that have used up their day.
///
/// # Errors
/// When the database fails.
pub async fn over_in(
    db: &mut SqliteConnection,
    units: &[UnitId],
    now: Millis,
) -> Result<Vec<Over>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT DISTINCT d.id, p.id, p.name, u.over_at FROM usage u JOIN device d ON d.id = u.device \
         JOIN person p ON p.id = d.person JOIN membership m ON m.person = p.id \
         WHERE u.day = ? AND u.over_at IS NOT NULL AND d.revoked_at IS NULL \
         AND m.unit IN (SELECT value FROM json_each(?)) ORDER BY u.over_at LIMIT ?",
    )
    .bind(now.day().0)
    .bind(serde_json::to_string(units).unwrap_or_default())
    .bind(limits::NOTICES_MAX)
    .fetch_all(db)
    .await?;
    let over = rows.iter().map(|row| {
        Ok(Over {
            device: DeviceId(bytes::<16>(row, 0)?),
            person: org::code(row, 1)?,
            name: row.try_get(2)?,
            since: Millis(row.try_get(3)?),
        })
    });
    over.collect()
}
