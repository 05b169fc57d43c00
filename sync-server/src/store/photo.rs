//! Which pictures are whole, and which records name them.

use domain::id::{DeviceId, PhotoHash, PhotoKey, RecordId, UnitId};
use domain::record::photo::Size;
use domain::time::Millis;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Store, bytes, damage, log, org};
use crate::album::Album;

/// A whole picture.
#[derive(Debug, Clone, Copy)]
pub struct Whole {
    /// Its name.
    pub hash: PhotoHash,
    /// Its length in bytes.
    pub bytes: u32,
    /// What it is, for HTTP.
    pub media: &'static str,
    /// Which device it came from.
    pub device: DeviceId,
    /// When, by the server's clock.
    pub at: Millis,
}

/// Writes down a whole picture; one that is there already stays as it is.
///
/// # Errors
/// When the database fails.
pub async fn put(db: &mut SqliteConnection, whole: &Whole) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO photo (hash, bytes, media, device, received_at) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT DO NOTHING",
    )
    .bind(whole.hash.0.as_slice())
    .bind(whole.bytes)
    .bind(whole.media)
    .bind(whole.device.0.as_slice())
    .bind(whole.at.0)
    .execute(db)
    .await?;
    Ok(())
}

/// Writes down that a picture came whole for a record.
///
/// # Errors
/// When the database fails.
pub async fn link(
    db: &mut SqliteConnection,
    record: RecordId,
    (hash, size): (PhotoHash, Size),
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO photo_record (record, hash, thumb) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(record.bytes().as_slice())
    .bind(hash.0.as_slice())
    .bind(size == Size::Thumb)
    .execute(db)
    .await?;
    Ok(())
}

/// A picture that is whole here.
#[derive(Debug)]
pub struct Held {
    /// What it is, for HTTP.
    pub media: String,
    /// Its length in bytes.
    pub bytes: u32,
    /// Whether it is written down that it came whole for the record.
    pub linked: bool,
}

/// A picture that came whole for this record, or from this device. One that others sent for other
/// records is not told of: its name proves nothing, and whoever has it can send it.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &mut SqliteConnection,
    (record, hash): (RecordId, PhotoHash),
    device: DeviceId,
) -> Result<Option<Held>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT p.media, p.bytes, r.hash IS NOT NULL FROM photo p \
         LEFT JOIN photo_record r ON r.record = ? AND r.hash = p.hash \
         WHERE p.hash = ? AND (r.hash IS NOT NULL OR p.device = ?)",
    )
    .bind(record.bytes().as_slice())
    .bind(hash.0.as_slice())
    .bind(device.0.as_slice())
    .fetch_optional(db)
    .await?;
    let held = |row: SqliteRow| {
        Ok(Held {
            media: row.try_get(0)?,
            bytes: row.try_get(1)?,
            linked: row.try_get(2)?,
        })
    };
    row.map(held).transpose()
}

/// The records that the log touches after one place and up to another.
///
/// # Errors
/// When the database fails.
pub async fn touched(
    db: &mut SqliteConnection,
    (after, to): (u64, u64),
) -> Result<Vec<RecordId>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT DISTINCT d.record FROM entry e JOIN change c ON c.id = e.change \
         JOIN doc d ON d.id = c.doc WHERE e.seq > ? AND e.seq <= ?",
    )
    .bind(log::seq_to(after))
    .bind(log::seq_to(to))
    .fetch_all(db)
    .await?;
    let record = |row| bytes::<16>(row, 0).map(RecordId::from_bytes);
    rows.iter().map(record).collect()
}

/// The row of a record, as it is stored; none where it was altered.
///
/// # Errors
/// When the database fails.
pub async fn row(
    db: &mut SqliteConnection,
    record: RecordId,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let row = sqlx::query("SELECT bytes, hash FROM row WHERE record = ?")
        .bind(record.bytes().as_slice())
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let stored: Vec<u8> = row.try_get(0)?;
    let sound = row.try_get::<&[u8], _>(1)? == damage::sum(&stored);
    Ok(sound.then_some(stored))
}

/// Writes down which pictures a record names, in place of what it named before.
///
/// # Errors
/// When the database fails.
pub async fn put_named(
    db: &mut SqliteConnection,
    record: RecordId,
    pictures: &[PhotoHash],
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM photo_named WHERE record = ?")
        .bind(record.bytes().as_slice())
        .execute(&mut *db)
        .await?;
    for hash in pictures {
        sqlx::query("INSERT INTO photo_named (record, hash) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(record.bytes().as_slice())
            .bind(hash.0.as_slice())
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Notes which whole pictures no record names, those that are noted already with their time.
///
/// # Errors
/// When the database fails.
pub async fn note_unnamed(db: &mut SqliteConnection, now: Millis) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM photo_unnamed WHERE hash IN (SELECT hash FROM photo_named) \
         OR hash NOT IN (SELECT hash FROM photo)",
    )
    .execute(&mut *db)
    .await?;
    // A clock that is set back must not make anything older than it is.
    sqlx::query(
        "INSERT INTO photo_unnamed (hash, since) SELECT hash, ?1 FROM photo \
         WHERE hash NOT IN (SELECT hash FROM photo_named) ON CONFLICT DO NOTHING",
    )
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(())
}

/// How many pictures are noted so.
///
/// # Errors
/// When the database fails.
pub async fn unnamed(db: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM photo_unnamed")
        .fetch_one(db)
        .await?;
    Ok(log::seq_of(count))
}

/// Some of those that were noted at a time or before it.
///
/// # Errors
/// When the database fails.
pub async fn unnamed_since(
    db: &mut SqliteConnection,
    before: Millis,
    most: i64,
) -> Result<Vec<PhotoHash>, sqlx::Error> {
    let rows = sqlx::query("SELECT hash FROM photo_unnamed WHERE since <= ? LIMIT ?")
        .bind(before.0)
        .bind(most)
        .fetch_all(db)
        .await?;
    let hash = |row| bytes::<32>(row, 0).map(PhotoHash);
    rows.iter().map(hash).collect()
}

/// Lets the time of a noted picture begin anew.
///
/// # Errors
/// When the database fails.
pub async fn note_again(
    db: &mut SqliteConnection,
    hash: &PhotoHash,
    now: Millis,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE photo_unnamed SET since = ? WHERE hash = ?")
        .bind(now.0)
        .bind(hash.0.as_slice())
        .execute(db)
        .await?;
    Ok(())
}

/// Forgets a picture whose file is gone.
///
/// # Errors
/// When the database fails.
pub async fn forget(db: &mut SqliteConnection, hash: &PhotoHash) -> Result<(), sqlx::Error> {
    for table in [
        "DELETE FROM photo_record WHERE hash = ?",
        "DELETE FROM photo_unnamed WHERE hash = ?",
        "DELETE FROM photo WHERE hash = ?",
    ] {
        sqlx::query(table)
            .bind(hash.0.as_slice())
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// The whole photos of these records that are whole, each with the grid of its record.
///
/// # Errors
/// When the database fails.
pub async fn arrived(
    db: &mut SqliteConnection,
    records: &[RecordId],
) -> Result<Vec<(RecordId, UnitId, PhotoKey)>, sqlx::Error> {
    let mut found = Vec::new();
    for record in records {
        let rows = sqlx::query(
            "SELECT r.grid, p.hash FROM photo_record p JOIN row r ON r.record = p.record \
             WHERE p.record = ? AND p.thumb = 0",
        )
        .bind(record.bytes().as_slice())
        .fetch_all(&mut *db)
        .await?;
        for row in &rows {
            let key = PhotoHash(bytes::<32>(row, 1)?).key();
            found.push((*record, org::code(row, 0)?, key));
        }
    }
    Ok(found)
}

/// The names of whole pictures after one of them, in their order.
///
/// # Errors
/// When the database fails.
pub(crate) async fn after(
    db: &mut SqliteConnection,
    after: &[u8],
    most: i64,
) -> Result<Vec<PhotoHash>, sqlx::Error> {
    let rows = sqlx::query("SELECT hash FROM photo WHERE hash > ? ORDER BY hash LIMIT ?")
        .bind(after)
        .bind(most)
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| bytes::<32>(row, 0).map(PhotoHash))
        .collect()
}

/// Sets a picture aside that is not what its name says, or not there: it counts as not whole, and the
/// devices that have it offer it again.
///
/// # Errors
/// When the database fails.
pub(crate) async fn set_aside(
    store: &Store,
    album: &Album,
    hash: PhotoHash,
) -> Result<(), sqlx::Error> {
    let mut write = store.begin().await?;
    forget(&mut write, &hash).await?;
    if let Err(error) = album.set_aside(&hash) {
        tracing::error!(%error, hash = hash.hex(), "a damaged picture cannot be moved away");
    }
    write.commit().await?;
    tracing::error!(
        hash = hash.hex(),
        "a picture is damaged or gone: asked for from the devices"
    );
    Ok(())
}
