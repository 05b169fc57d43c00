//! Which pictures are whole, and which records name them.

use domain::id::{DeviceId, PhotoHash, PhotoKey, RecordId, UnitId};
use domain::record::photo::Size;
use domain::time::Millis;
use sqlx::{Row, SqliteConnection};

use super::{bytes, org};

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

/// Writes down that a record names a whole picture.
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

/// What a whole picture is, and whether it is written down that the record names it; none when it
/// is not whole.
///
/// # Errors
/// When the database fails.
pub async fn find(
    db: &mut SqliteConnection,
    record: RecordId,
    hash: PhotoHash,
) -> Result<Option<(String, bool)>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT p.media, EXISTS (SELECT 1 FROM photo_record r WHERE r.record = ? AND r.hash = p.hash) \
         FROM photo p WHERE p.hash = ?",
    )
    .bind(record.bytes().as_slice())
    .bind(hash.0.as_slice())
    .fetch_optional(db)
    .await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .transpose()
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
