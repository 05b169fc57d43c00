//! Frames of the first load: what they are made from, and as they are kept.

use std::collections::BTreeMap;

use domain::id::{RecordId, UnitId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::log::{Read, entry, hex, seq_of, seq_to};
use super::{bytes, damage};
use crate::cursor::First;
use crate::limits;

/// What a frame is kept under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// The four bytes that stand for the scope.
    pub(crate) scope: [u8; 4],
    /// The place in the log that the frames bring everything up to.
    pub(crate) seq: u64,
    /// Where it begins.
    pub(crate) first: First,
}

/// The newest place that frames of a scope were made for.
///
/// # Errors
/// When the database fails.
pub(crate) async fn newest(
    db: &mut SqliteConnection,
    scope: [u8; 4],
) -> Result<Option<u64>, sqlx::Error> {
    let seq: Option<i64> = sqlx::query_scalar("SELECT MAX(seq) FROM frame WHERE scope = ?")
        .bind(scope.as_slice())
        .fetch_one(db)
        .await?;
    Ok(seq.map(seq_of))
}

/// A frame.
///
/// # Errors
/// When the database fails.
pub(crate) async fn get(
    db: &mut SqliteConnection,
    key: &Key,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT bytes, hash FROM frame \
         WHERE scope = ? AND seq = ? AND rows = ? AND top = ? AND within = ?",
    )
    .bind(key.scope.as_slice())
    .bind(seq_to(key.seq))
    .bind(key.first.rows)
    .bind(seq_to(key.first.top))
    .bind(seq_to(key.first.within))
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let packed: Vec<u8> = row.try_get(0)?;
    if row.try_get::<&[u8], _>(1)? == damage::sum(&packed) {
        return Ok(Some(packed));
    }
    tracing::error!("a kept frame is damaged: it is made anew");
    Ok(None)
}

/// Keeps a frame, and drops those that were made for an earlier place. Of one place only so many are
/// kept as a whole load has: what is asked for beyond that is made anew each time.
///
/// # Errors
/// When the database fails.
pub(crate) async fn put(
    db: &mut SqliteConnection,
    key: &Key,
    packed: &[u8],
) -> Result<(), sqlx::Error> {
    // A device that began earlier still asks for the old ones: nobody else will.
    if newest(db, key.scope)
        .await?
        .is_some_and(|seq| seq > key.seq)
    {
        return Ok(());
    }
    sqlx::query("DELETE FROM frame WHERE scope = ? AND seq < ?")
        .bind(key.scope.as_slice())
        .bind(seq_to(key.seq))
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "INSERT INTO frame (scope, seq, rows, top, within, bytes, hash) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?8 \
         WHERE (SELECT COUNT(*) FROM frame WHERE scope = ?1 AND seq = ?2) < ?7 \
         ON CONFLICT DO UPDATE SET bytes = excluded.bytes, hash = excluded.hash",
    )
    .bind(key.scope.as_slice())
    .bind(seq_to(key.seq))
    .bind(key.first.rows)
    .bind(seq_to(key.first.top))
    .bind(seq_to(key.first.within))
    .bind(packed)
    .bind(limits::FRAMES_PER_PLACE_MAX)
    .bind(damage::sum(packed).as_slice())
    .execute(db)
    .await?;
    Ok(())
}

/// Drops all of them: they are made again from the log as devices ask.
///
/// # Errors
/// When the database fails.
pub(crate) async fn drop_all(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM frame").execute(db).await?;
    Ok(())
}

/// How many entries some streams have before a place, counted up to `enough`.
///
/// # Errors
/// When the database fails.
pub(crate) async fn count(
    db: &mut SqliteConnection,
    streams: &[UnitId],
    (before, enough): (u64, u64),
) -> Result<u64, sqlx::Error> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM (SELECT 1 FROM entry \
         WHERE stream IN (SELECT value FROM json_each(?)) AND seq < ? LIMIT ?)",
    )
    .bind(serde_json::to_string(streams).unwrap_or_default())
    .bind(seq_to(before))
    .bind(seq_to(enough))
    .fetch_one(db)
    .await?;
    Ok(seq_of(count))
}

/// A record, and the place of its last change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latest {
    /// The record.
    pub(crate) record: RecordId,
    /// The place.
    pub(crate) seq: u64,
}

/// The records of some streams, as the log stands at `seq`, whose last change lies at `top` or
/// before it: the last first, at most `count`.
///
/// # Errors
/// When the database fails.
pub(crate) async fn latest(
    db: &mut SqliteConnection,
    streams: &[UnitId],
    (seq, top): (u64, u64),
    count: usize,
) -> Result<Vec<Latest>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT d.record, MAX(e.seq) AS last \
         FROM entry e JOIN change c ON c.id = e.change JOIN doc d ON d.id = c.doc \
         WHERE e.seq <= ? AND e.stream IN (SELECT value FROM json_each(?)) \
         GROUP BY d.record HAVING last <= ? ORDER BY last DESC LIMIT ?",
    )
    .bind(seq_to(seq))
    .bind(serde_json::to_string(streams).unwrap_or_default())
    .bind(seq_to(top))
    .bind(i64::try_from(count).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    let latest = |row: &SqliteRow| {
        Ok(Latest {
            record: RecordId::from_bytes(bytes::<16>(row, 0)?),
            seq: seq_of(row.try_get(1)?),
        })
    };
    rows.iter().map(latest).collect()
}

fn names(records: &[Latest]) -> String {
    let names: Vec<String> = records.iter().map(|of| hex(&of.record.bytes())).collect();
    serde_json::to_string(&names).unwrap_or_default()
}

/// Rows by their records: those that are what was written, and the records of the others.
pub(crate) type Rows = (BTreeMap<RecordId, Vec<u8>>, Vec<RecordId>);

/// The rows of records, as they are stored.
///
/// # Errors
/// When the database fails.
pub(crate) async fn rows_of(
    db: &mut SqliteConnection,
    records: &[Latest],
) -> Result<Rows, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT r.record, r.bytes, r.hash FROM json_each(?) j JOIN row r ON r.record = unhex(j.value)",
    )
    .bind(names(records))
    .fetch_all(db)
    .await?;
    let (mut sound, mut altered) = (BTreeMap::new(), Vec::new());
    for row in &rows {
        let record = RecordId::from_bytes(bytes::<16>(row, 0)?);
        let stored: Vec<u8> = row.try_get(1)?;
        if row.try_get::<&[u8], _>(2)? == damage::sum(&stored) {
            sound.insert(record, stored);
        } else {
            altered.push(record);
        }
    }
    Ok((sound, altered))
}

/// The entries of records up to a place, in the order of the log, without their bytes.
///
/// # Errors
/// When the database fails.
pub(crate) async fn read_records(
    db: &mut SqliteConnection,
    records: &[Latest],
    to: u64,
) -> Result<BTreeMap<RecordId, Vec<Read>>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT e.seq, d.record, d.part, c.author, c.received_at, length(c.bytes), c.id, \
         c.passed_by, c.gap_from, c.gap_to \
         FROM json_each(?) j JOIN doc d ON d.record = unhex(j.value) \
         JOIN change c ON c.doc = d.id JOIN entry e ON e.change = c.id \
         WHERE e.seq <= ? AND c.damaged_at IS NULL ORDER BY e.seq",
    )
    .bind(names(records))
    .bind(seq_to(to))
    .fetch_all(db)
    .await?;
    let mut found: BTreeMap<RecordId, Vec<Read>> = BTreeMap::new();
    for row in &rows {
        let entry = entry(row)?;
        found.entry(entry.doc.record).or_default().push(entry);
    }
    Ok(found)
}

/// Kept frames that do not fit their hashes.
///
/// # Errors
/// When the database fails.
pub(crate) async fn damaged(db: &mut SqliteConnection) -> Result<Vec<Key>, sqlx::Error> {
    let keys = sqlx::query("SELECT scope, seq, rows, top, within FROM frame")
        .fetch_all(&mut *db)
        .await?;
    let mut damaged = Vec::new();
    for row in &keys {
        let key = Key {
            scope: bytes::<4>(row, 0)?,
            seq: seq_of(row.try_get(1)?),
            first: First {
                rows: row.try_get(2)?,
                top: seq_of(row.try_get(3)?),
                within: seq_of(row.try_get(4)?),
            },
        };
        if get(db, &key).await?.is_none() {
            damaged.push(key);
        }
    }
    Ok(damaged)
}

/// Drops frames: they are made anew when a device asks for them.
///
/// # Errors
/// When the database fails.
pub(crate) async fn forget(db: &mut SqliteConnection, keys: &[Key]) -> Result<(), sqlx::Error> {
    for key in keys {
        sqlx::query(
            "DELETE FROM frame WHERE scope = ? AND seq = ? AND rows = ? AND top = ? AND within = ?",
        )
        .bind(key.scope.as_slice())
        .bind(seq_to(key.seq))
        .bind(key.first.rows)
        .bind(seq_to(key.first.top))
        .bind(seq_to(key.first.within))
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}
