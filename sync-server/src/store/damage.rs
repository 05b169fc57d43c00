//! What is damaged on the disk: changes whose bytes do not fit their names are set aside, and put
//! back when a device brings them.
//!
//! The row of a change keeps its name, author, device, times and its place in the log; its bytes
//! move to `damaged`, and its mark leaves the sum of its stream, by which every device learns that
//! it is missing here.

use std::collections::BTreeSet;

use domain::document::Hashed;
use domain::id::{ChangeHash, DocId, RecordId, UnitId};
use domain::sync::sum::Mark;
use domain::time::Millis;
use sha2::{Digest as _, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Store, bytes, log, org, sums};
use crate::limits;

/// What other stored bytes than changes are compared with: the head of their SHA-256.
#[must_use]
pub fn sum(stored: &[u8]) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(stored).into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// A change that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Its document.
    pub doc: DocId,
    /// Its name.
    pub hash: ChangeHash,
    /// The grid of its record.
    pub stream: UnitId,
    /// When that was.
    pub at: Millis,
}

/// Sets changes aside whose bytes do not fit their names, each once; those that fit stay.
///
/// # Errors
/// When the database fails.
pub async fn set_aside(
    db: &mut SqliteConnection,
    changes: &[i64],
    now: Millis,
) -> Result<Vec<Aside>, sqlx::Error> {
    let mut aside = Vec::new();
    let mut streams = BTreeSet::new();
    for id in changes {
        let row = sqlx::query(
            "SELECT c.id, c.hash, c.bytes, d.record, d.part, d.stream, e.stream \
             FROM change c JOIN doc d ON d.id = c.doc LEFT JOIN entry e ON e.change = c.id \
             WHERE c.id = ? AND c.damaged_at IS NULL",
        )
        .bind(id)
        .fetch_optional(&mut *db)
        .await?;
        let Some(row) = row else { continue };
        // Somebody else may have put it right since it was found.
        if log::compared(&row, (1, 2))?.is_some() {
            continue;
        }
        let one = Aside {
            doc: DocId {
                record: RecordId::from_bytes(bytes::<16>(&row, 3)?),
                part: log::part(row.try_get(4)?)?,
            },
            hash: ChangeHash(bytes::<32>(&row, 1).unwrap_or_default()),
            stream: org::code(&row, 5)?,
            at: now,
        };
        if row.try_get::<Option<&str>, _>(6)?.is_some() {
            streams.insert(org::code(&row, 6)?);
        }
        sqlx::query(
            "INSERT INTO damaged (change, bytes, found_at) SELECT id, bytes, ? FROM change WHERE id = ?",
        )
        .bind(now.0)
        .bind(id)
        .execute(&mut *db)
        .await?;
        sqlx::query("UPDATE change SET bytes = x'', damaged_at = ? WHERE id = ?")
            .bind(now.0)
            .bind(id)
            .execute(&mut *db)
            .await?;
        tracing::error!(
            doc = %one.doc,
            hash = one.hash.hex(),
            "a stored change is damaged: set aside, and asked for from the devices that have it"
        );
        aside.push(one);
    }
    if !aside.is_empty() {
        sums::renew(db, &streams.into_iter().collect::<Vec<UnitId>>()).await?;
        // A device that brings the change back may make the very batch that it came in at first: an
        // old receipt would send it away.
        sqlx::query("DELETE FROM batch").execute(db).await?;
    }
    Ok(aside)
}

/// The same in a write of its own, where there is anything to set aside.
///
/// # Errors
/// When the database fails.
pub async fn note(store: &Store, changes: &[i64], now: Millis) -> Result<Vec<Aside>, sqlx::Error> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let mut write = store.begin().await?;
    let aside = set_aside(&mut write, changes, now).await?;
    write.commit().await?;
    Ok(aside)
}

/// Puts a change back whose bytes were set aside, at its own place and with its own author, device
/// and times. Whoever brought them: they are what the name stands for that was accepted before.
///
/// # Errors
/// When the database fails.
pub async fn restore(
    db: &mut SqliteConnection,
    (doc, change): (DocId, &Hashed),
    now: Millis,
) -> Result<(), sqlx::Error> {
    let id: Option<i64> = sqlx::query_scalar(
        "SELECT c.id FROM change c JOIN doc d ON d.id = c.doc \
         WHERE d.record = ? AND d.part = ? AND c.hash = ? AND c.damaged_at IS NOT NULL",
    )
    .bind(doc.record.bytes().as_slice())
    .bind(log::part_number(doc.part))
    .bind(change.hash().0.as_slice())
    .fetch_optional(&mut *db)
    .await?;
    let Some(id) = id else { return Ok(()) };
    sqlx::query("UPDATE change SET bytes = ?, damaged_at = NULL WHERE id = ?")
        .bind(change.bytes())
        .bind(id)
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE damaged SET mended_at = ? WHERE change = ? AND mended_at IS NULL")
        .bind(now.0)
        .bind(id)
        .execute(&mut *db)
        .await?;
    let stream: Option<String> = sqlx::query_scalar("SELECT stream FROM entry WHERE change = ?")
        .bind(id)
        .fetch_optional(&mut *db)
        .await?;
    if let Some(stream) = stream.and_then(|code| code.parse::<UnitId>().ok()) {
        sums::renew(db, &[stream]).await?;
    }
    // Devices may have gone past its place while it was not there: none has seen it until it says so
    // anew.
    sqlx::query(
        "UPDATE device SET acked_seq = (SELECT seq - 1 FROM entry WHERE change = ?1) \
         WHERE acked_seq >= (SELECT seq FROM entry WHERE change = ?1)",
    )
    .bind(id)
    .execute(&mut *db)
    .await?;
    // Frames that were made in the meantime lack it.
    sqlx::query("DELETE FROM frame").execute(db).await?;
    tracing::info!(%doc, hash = change.hash().hex(), "a damaged change is back");
    Ok(())
}

/// How many changes that were set aside are back, and whether others are not.
///
/// # Errors
/// When the database fails.
pub async fn back(db: &mut SqliteConnection) -> Result<(u64, bool), sqlx::Error> {
    let row = sqlx::query("SELECT COUNT(mended_at), COUNT(*) FROM damaged")
        .fetch_one(db)
        .await?;
    let (back, all): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok((log::seq_of(back), back < all))
}

/// The first place in some streams of a change that was set aside in these last days and is not back.
/// What nobody has brought back for longer than that, nobody is waited for.
///
/// # Errors
/// When the database fails.
pub async fn first_missing(
    db: &mut SqliteConnection,
    streams: &[UnitId],
    now: Millis,
) -> Result<Option<u64>, sqlx::Error> {
    let first: Option<i64> = sqlx::query_scalar(
        "SELECT MIN(e.seq) FROM change c JOIN entry e ON e.change = c.id \
         WHERE c.damaged_at IS NOT NULL AND c.damaged_at > ? \
         AND e.stream IN (SELECT value FROM json_each(?))",
    )
    .bind(now.plus(-limits::DAMAGED_AWAITED_MS).0)
    .bind(serde_json::to_string(streams).unwrap_or_default())
    .fetch_one(db)
    .await?;
    Ok(first.map(log::seq_of))
}

/// The changes of some streams, or of all, that were set aside and are not back.
///
/// # Errors
/// When the database fails.
pub async fn missing(
    db: &mut SqliteConnection,
    streams: Option<&[UnitId]>,
) -> Result<Vec<Aside>, sqlx::Error> {
    let list = streams.map(|streams| serde_json::to_string(streams).unwrap_or_default());
    let rows = sqlx::query(
        "SELECT d.record, d.part, c.hash, d.stream, c.damaged_at FROM change c \
         JOIN doc d ON d.id = c.doc WHERE c.damaged_at IS NOT NULL \
         AND (?1 IS NULL OR d.stream IN (SELECT value FROM json_each(?1))) ORDER BY c.id",
    )
    .bind(list)
    .fetch_all(db)
    .await?;
    rows.iter().map(aside).collect()
}

/// What the devices of a scope are asked for: changes that were set aside, by the first halves of
/// their marks. Where there are many, each minute it is others.
///
/// # Errors
/// When the database fails.
pub async fn wanted(
    db: &mut SqliteConnection,
    streams: &[UnitId],
    now: Millis,
) -> Result<Vec<[u8; 16]>, sqlx::Error> {
    // Nothing is missing, nearly always: no list of streams is written for that.
    let any: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM change WHERE damaged_at IS NOT NULL)")
            .fetch_one(&mut *db)
            .await?;
    if !any {
        return Ok(Vec::new());
    }
    let missing = missing(db, Some(streams)).await?;
    let marks = missing
        .iter()
        .map(|one| Mark::of(one.doc, one.hash).short());
    let marks: Vec<_> = marks.collect();
    let pieces = marks.chunks(limits::WANTED_BACK_MAX);
    let minute = usize::try_from(now.0 / 60_000).unwrap_or(0);
    let turn = minute.checked_rem(pieces.len()).unwrap_or(0);
    let mut pieces = pieces;
    Ok(pieces.nth(turn).unwrap_or_default().to_vec())
}

/// Some changes that were compared with their names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Piece {
    /// The row of the last one; none where there are no more.
    pub(crate) last: Option<i64>,
    /// How many there are.
    pub(crate) count: u64,
    /// How long they are together, in bytes.
    pub(crate) bytes: usize,
    /// The rows of those that are damaged.
    pub(crate) damaged: Vec<i64>,
}

/// Compares changes with their names, in the order of their rows and after one of them.
///
/// # Errors
/// When the database fails.
pub(crate) async fn scan(
    db: &mut SqliteConnection,
    after: i64,
    count: i64,
) -> Result<Piece, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT id, hash, bytes FROM change WHERE id > ? AND damaged_at IS NULL ORDER BY id LIMIT ?",
    )
    .bind(after)
    .bind(count)
    .fetch_all(db)
    .await?;
    let mut piece = Piece::default();
    for row in &rows {
        let id = row.try_get(0)?;
        piece.last = Some(id);
        piece.count += 1;
        match log::compared(row, (1, 2))? {
            Some(change) => piece.bytes += change.bytes().len(),
            None => piece.damaged.push(id),
        }
    }
    Ok(piece)
}

/// The row before the newest changes that have so many bytes together.
///
/// # Errors
/// When the database fails.
pub(crate) async fn newest(db: &mut SqliteConnection, most: usize) -> Result<i64, sqlx::Error> {
    let rows = sqlx::query("SELECT id, length(bytes) FROM change ORDER BY id DESC LIMIT ?")
        .bind(limits::SCRUB_START_CHANGES)
        .fetch_all(db)
        .await?;
    let mut room = i64::try_from(most).unwrap_or(i64::MAX);
    for row in &rows {
        room = room.saturating_sub(row.try_get(1)?);
        if room < 0 {
            return row.try_get(0);
        }
    }
    let first: Option<i64> = rows.last().map(|row| row.try_get(0)).transpose()?;
    Ok(first.map_or(0, |first| first - 1))
}

/// What is known of changes by their rows.
///
/// # Errors
/// When the database fails.
pub(crate) async fn described(
    db: &mut SqliteConnection,
    ids: &[i64],
) -> Result<Vec<Aside>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT d.record, d.part, c.hash, d.stream, c.received_at FROM json_each(?) j \
         JOIN change c ON c.id = j.value JOIN doc d ON d.id = c.doc",
    )
    .bind(serde_json::to_string(ids).unwrap_or_default())
    .fetch_all(db)
    .await?;
    rows.iter().map(aside).collect()
}

fn aside(row: &SqliteRow) -> Result<Aside, sqlx::Error> {
    Ok(Aside {
        doc: DocId {
            record: RecordId::from_bytes(bytes::<16>(row, 0)?),
            part: log::part(row.try_get(1)?)?,
        },
        hash: ChangeHash(bytes::<32>(row, 2).unwrap_or_default()),
        stream: org::code(row, 3)?,
        at: Millis(row.try_get(4)?),
    })
}
