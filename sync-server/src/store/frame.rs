//! Frames of the first load, as they are kept.

use sqlx::SqliteConnection;

use super::log::{seq_of, seq_to};
use crate::cursor::First;

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
    sqlx::query_scalar(
        "SELECT bytes FROM frame \
         WHERE scope = ? AND seq = ? AND rows = ? AND top = ? AND within = ?",
    )
    .bind(key.scope.as_slice())
    .bind(seq_to(key.seq))
    .bind(key.first.rows)
    .bind(seq_to(key.first.top))
    .bind(seq_to(key.first.within))
    .fetch_optional(db)
    .await
}

/// Keeps a frame, and drops those that were made for an earlier place.
///
/// # Errors
/// When the database fails.
pub(crate) async fn put(
    db: &mut SqliteConnection,
    key: &Key,
    bytes: &[u8],
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
        "INSERT INTO frame (scope, seq, rows, top, within, bytes) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT DO NOTHING",
    )
    .bind(key.scope.as_slice())
    .bind(seq_to(key.seq))
    .bind(key.first.rows)
    .bind(seq_to(key.first.top))
    .bind(seq_to(key.first.within))
    .bind(bytes)
    .execute(db)
    .await?;
    Ok(())
}
