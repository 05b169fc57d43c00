//! Records that an administrator took out of use: junk that a device brought.
//!
//! Nothing of them is deleted. Their entries leave the log, and with it lists, rows, counts, frames and
//! sums; their changes stay as they came, and giving a record back appends them to the log again, so
//! that every device gets them.

use std::collections::BTreeSet;

use domain::id::{ChangeHash, DeviceId, DocId, Part, RecordId, UnitId};
use domain::sync::sum::{Mark, Sums};
use domain::time::Millis;
use sqlx::{Row, SqliteConnection};

use super::{bytes, log, org, sums};

/// The records that this device brought first, in a span of time; retired ones are left out.
///
/// # Errors
/// When the database fails.
pub async fn brought_by(
    db: &mut SqliteConnection,
    device: DeviceId,
    (since, until): (Millis, Millis),
) -> Result<Vec<RecordId>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT d.record FROM doc d JOIN change c ON c.doc = d.id JOIN entry e ON e.change = c.id \
         WHERE d.part = 0 GROUP BY d.id HAVING c.id = MIN(c.id) AND c.device = ? \
         AND c.received_at >= ? AND c.received_at < ? ORDER BY d.record",
    )
    .bind(device.0.as_slice())
    .bind(since.0)
    .bind(until.0)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| bytes::<16>(row, 0).map(RecordId::from_bytes))
        .collect()
}

/// Of these records those that are out of use.
///
/// # Errors
/// When the database fails.
pub async fn among(
    db: &mut SqliteConnection,
    records: &[RecordId],
) -> Result<BTreeSet<RecordId>, sqlx::Error> {
    let names: Vec<String> = records.iter().map(|id| log::hex(&id.bytes())).collect();
    let rows = sqlx::query(
        "SELECT r.record FROM json_each(?) j JOIN retired r ON r.record = unhex(j.value)",
    )
    .bind(serde_json::to_string(&names).unwrap_or_default())
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| bytes::<16>(row, 0).map(RecordId::from_bytes))
        .collect()
}

/// Takes a record out of use; false when there is none in use under this name.
///
/// # Errors
/// When the database fails.
pub async fn retire(
    db: &mut SqliteConnection,
    record: RecordId,
    now: Millis,
) -> Result<bool, sqlx::Error> {
    let entries = sqlx::query(
        "SELECT e.stream, d.part, c.hash, c.damaged_at IS NULL FROM doc d \
         JOIN change c ON c.doc = d.id JOIN entry e ON e.change = c.id WHERE d.record = ?",
    )
    .bind(record.bytes().as_slice())
    .fetch_all(&mut *db)
    .await?;
    let Some(first) = entries.first() else {
        return Ok(false);
    };
    let stream: UnitId = org::code(first, 0)?;
    let mut gone = Sums::new();
    for row in &entries {
        // What was set aside is in no sum.
        if !row.try_get::<bool, _>(3)? {
            continue;
        }
        let mark = mark(record, row.try_get(1)?, bytes::<32>(row, 2)?);
        gone.entry(org::code(row, 0)?).or_default().add(mark);
    }
    sums::take(db, &gone).await?;
    for statement in [
        "INSERT INTO retired_entry (seq, change) SELECT e.seq, e.change FROM doc d \
         JOIN change c ON c.doc = d.id JOIN entry e ON e.change = c.id WHERE d.record = ?",
        "DELETE FROM entry WHERE change IN (SELECT c.id FROM doc d JOIN change c ON c.doc = d.id \
         WHERE d.record = ?)",
        "DELETE FROM row WHERE record = ?",
    ] {
        sqlx::query(statement)
            .bind(record.bytes().as_slice())
            .execute(&mut *db)
            .await?;
    }
    sqlx::query("INSERT INTO retired (record, at) VALUES (?, ?) ON CONFLICT DO NOTHING")
        .bind(record.bytes().as_slice())
        .bind(now.0)
        .execute(&mut *db)
        .await?;
    tell(db, record, (&stream, true)).await?;
    Ok(true)
}

/// Gives a record back; false when it was not out of use.
///
/// # Errors
/// When the database fails.
pub async fn restore(db: &mut SqliteConnection, record: RecordId) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query("DELETE FROM retired WHERE record = ?")
        .bind(record.bytes().as_slice())
        .execute(&mut *db)
        .await?;
    if taken.rows_affected() == 0 {
        return Ok(false);
    }
    let changes = sqlx::query(
        "SELECT d.stream, d.part, c.hash, c.id, c.damaged_at IS NULL FROM doc d \
         JOIN change c ON c.doc = d.id WHERE d.record = ? AND EXISTS (SELECT 1 FROM retired_entry r WHERE r.change = c.id) \
         AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.change = c.id) ORDER BY c.id",
    )
    .bind(record.bytes().as_slice())
    .fetch_all(&mut *db)
    .await?;
    if let Some(first) = changes.first() {
        tell(db, record, (&org::code(first, 0)?, false)).await?;
    }
    let mut back = Sums::new();
    for row in &changes {
        let stream: UnitId = org::code(row, 0)?;
        let place = log::next_place(db).await?;
        sqlx::query("INSERT INTO entry (seq, stream, change) VALUES (?, ?, ?)")
            .bind(place)
            .bind(stream.as_str())
            .bind(row.try_get::<i64, _>(3)?)
            .execute(&mut *db)
            .await?;
        if row.try_get::<bool, _>(4)? {
            let mark = mark(record, row.try_get(1)?, bytes::<32>(row, 2)?);
            back.entry(stream).or_default().add(mark);
        }
    }
    sums::add(db, &back).await?;
    Ok(true)
}

fn mark(record: RecordId, part: i64, hash: [u8; 32]) -> Mark {
    let part = if part == 0 { Part::Body } else { Part::Vault };
    Mark::of(DocId { record, part }, ChangeHash(hash))
}

/// Takes a place of the log for devices to hear at what became of a record.
async fn tell(
    db: &mut SqliteConnection,
    record: RecordId,
    (stream, gone): (&UnitId, bool),
) -> Result<(), sqlx::Error> {
    let place = log::next_place(db).await?;
    sqlx::query("INSERT INTO retired_event (seq, record, stream, gone) VALUES (?, ?, ?, ?)")
        .bind(place)
        .bind(record.bytes().as_slice())
        .bind(stream.as_str())
        .bind(gone)
        .execute(&mut *db)
        .await?;
    // The place is taken for good.
    sqlx::query("UPDATE sqlite_sequence SET seq = MAX(seq, ?) WHERE name = 'entry'")
        .bind(place)
        .execute(db)
        .await?;
    Ok(())
}

/// What became of records of these streams after one place of the log and up to another, at most so
/// many: where it was, which, and whether it is out of use.
///
/// # Errors
/// When the database fails.
pub async fn told(
    db: &mut SqliteConnection,
    streams: &[UnitId],
    (after, to): (u64, u64),
    most: i64,
) -> Result<Vec<(u64, RecordId, bool)>, sqlx::Error> {
    if streams.is_empty() || after >= to {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "SELECT seq, record, gone FROM retired_event WHERE seq > ? AND seq <= ? \
         AND stream IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?",
    )
    .bind(log::seq_to(after))
    .bind(log::seq_to(to))
    .bind(serde_json::to_string(streams).unwrap_or_default())
    .bind(most)
    .fetch_all(db)
    .await?;
    let one = |row: &sqlx::sqlite::SqliteRow| {
        let record = RecordId::from_bytes(bytes::<16>(row, 1)?);
        Ok((log::seq_of(row.try_get(0)?), record, row.try_get(2)?))
    };
    rows.iter().map(one).collect()
}
