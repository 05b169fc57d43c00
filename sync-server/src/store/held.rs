//! Steps that were passed on and that the person who did so may not take: kept until the station
//! confirms them, and never dropped but by a person.

use domain::id::{ChangeHash, DeviceId, DocId, PersonId, RecordId, UnitId};
use domain::time::Millis;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{bytes, log, org};
use crate::healing::Gap;
use crate::limits;

/// A change that waits for the station's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its document.
    pub doc: DocId,
    /// Its name.
    pub hash: ChangeHash,
    /// The grid of its record.
    pub grid: UnitId,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// In whose name it was passed on.
    pub author: PersonId,
    /// By which device.
    pub device: DeviceId,
    /// Whose device it is.
    pub passed_by: PersonId,
    /// When.
    pub at: Millis,
    /// The gap that was to be filled.
    pub gap: Gap,
}

/// Holds a change, once however often it comes; false where there is no room, and then the device
/// that brought it goes on keeping it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn put(db: &mut SqliteConnection, held: &Held) -> Result<bool, sqlx::Error> {
    if count(db).await? >= limits::HELD_MAX {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO held (record, part, hash, grid, bytes, author, device, passed_by, at, \
         gap_from, gap_to) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(held.doc.record.bytes().as_slice())
    .bind(log::part_number(held.doc.part))
    .bind(held.hash.0.as_slice())
    .bind(held.grid.as_str())
    .bind(held.bytes.as_slice())
    .bind(held.author.as_str())
    .bind(held.device.0.as_slice())
    .bind(held.passed_by.as_str())
    .bind(held.at.0)
    .bind(held.gap.from.0)
    .bind(held.gap.to.0)
    .execute(db)
    .await?;
    Ok(true)
}

/// How many are held.
///
/// # Errors
/// When the database fails.
pub async fn count(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT COUNT(*) FROM held")
        .fetch_one(db)
        .await
}

/// Those that are held, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn all(db: &mut SqliteConnection) -> Result<Vec<Held>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT record, part, hash, grid, bytes, author, device, passed_by, at, gap_from, gap_to \
         FROM held ORDER BY at, record, hash",
    )
    .fetch_all(db)
    .await?;
    rows.iter().map(held).collect()
}

/// Those with this name: a change of two documents may have one.
///
/// # Errors
/// When the database fails.
pub async fn named(db: &mut SqliteConnection, hash: ChangeHash) -> Result<Vec<Held>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT record, part, hash, grid, bytes, author, device, passed_by, at, gap_from, gap_to \
         FROM held WHERE hash = ?",
    )
    .bind(hash.0.as_slice())
    .fetch_all(db)
    .await?;
    rows.iter().map(held).collect()
}

/// Drops a change: it is in the log, or a person said so.
///
/// # Errors
/// When the database fails.
pub(crate) async fn drop(
    db: &mut SqliteConnection,
    doc: DocId,
    hash: ChangeHash,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM held WHERE hash = ? AND record = ? AND part = ?")
        .bind(hash.0.as_slice())
        .bind(doc.record.bytes().as_slice())
        .bind(log::part_number(doc.part))
        .execute(db)
        .await?;
    Ok(())
}

fn held(row: &SqliteRow) -> Result<Held, sqlx::Error> {
    Ok(Held {
        doc: DocId {
            record: RecordId::from_bytes(bytes::<16>(row, 0)?),
            part: log::part(row.try_get(1)?)?,
        },
        hash: ChangeHash(bytes::<32>(row, 2)?),
        grid: org::code(row, 3)?,
        bytes: row.try_get(4)?,
        author: org::code(row, 5)?,
        device: DeviceId(bytes::<16>(row, 6)?),
        passed_by: org::code(row, 7)?,
        at: Millis(row.try_get(8)?),
        gap: Gap {
            from: Millis(row.try_get(9)?),
            to: Millis(row.try_get(10)?),
        },
    })
}
