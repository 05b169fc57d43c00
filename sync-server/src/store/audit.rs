//! What administrators did that took something from sight: lines that are added and never altered.

use domain::time::Millis;
use sqlx::{Row, SqliteConnection};

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub at: Millis,
    /// Who did it.
    pub who: String,
    /// What.
    pub what: String,
    /// To how many.
    pub count: u64,
    /// Why, in their words.
    pub reason: String,
}

/// Adds a line, within the write that does what it tells.
///
/// # Errors
/// When the database fails.
pub async fn add(db: &mut SqliteConnection, line: &Line) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO audit (at, who, what, count, reason) VALUES (?, ?, ?, ?, ?)")
        .bind(line.at.0)
        .bind(&line.who)
        .bind(&line.what)
        .bind(super::log::seq_to(line.count))
        .bind(&line.reason)
        .execute(db)
        .await?;
    Ok(())
}

/// All lines, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn all(db: &mut SqliteConnection) -> Result<Vec<Line>, sqlx::Error> {
    let rows = sqlx::query("SELECT at, who, what, count, reason FROM audit ORDER BY id")
        .fetch_all(db)
        .await?;
    let line = |row: &sqlx::sqlite::SqliteRow| {
        Ok(Line {
            at: Millis(row.try_get(0)?),
            who: row.try_get(1)?,
            what: row.try_get(2)?,
            count: super::log::seq_of(row.try_get(3)?),
            reason: row.try_get(4)?,
        })
    };
    rows.iter().map(line).collect()
}
