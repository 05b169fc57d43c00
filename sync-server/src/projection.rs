//! Rows: folded from changes, kept for lists and counts; they can be dropped and made again.

use domain::id::{RecordId, UnitId};
use domain::view::{ROW_VERSION, Row};
use sqlx::SqliteConnection;

use crate::gate;
use crate::store::{Store, bytes, damaged, log};

/// Writes a record's row, in place of an older one.
///
/// # Errors
/// When the database fails.
pub async fn put(db: &mut SqliteConnection, row: &Row) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT OR REPLACE INTO row (record, grid, kind, category, status, level, outcome, open, \
         happened_at, due_at, closed_at, conflicts, review, bytes) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(row.id.bytes().as_slice())
    .bind(row.grid.as_str())
    .bind(row.kind.code())
    .bind(&row.category)
    .bind(&row.status)
    .bind(&row.level)
    .bind(&row.outcome)
    .bind(row.open)
    .bind(row.happened_at.0)
    .bind(row.due.map(|due| due.at.0))
    .bind(row.closed_at.map(|at| at.0))
    .bind(row.conflicts)
    .bind(row.review)
    .bind(row.encode())
    .execute(db)
    .await?;
    Ok(())
}

/// The rows of a grid.
///
/// # Errors
/// When the database fails or a row is of another version: `sync-server rebuild` makes it anew.
pub async fn of_grid(db: &mut SqliteConnection, grid: &UnitId) -> Result<Vec<Row>, sqlx::Error> {
    let stored: Vec<Vec<u8>> = sqlx::query_scalar("SELECT bytes FROM row WHERE grid = ?")
        .bind(grid.as_str())
        .fetch_all(db)
        .await?;
    let decode = |bytes: &Vec<u8>| {
        Row::decode(bytes).ok_or_else(|| damaged("row of another version: rebuild".to_owned()))
    };
    stored.iter().map(decode).collect()
}

/// What a rebuild found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Rows that were folded anew.
    pub rows: usize,
    /// Of these, rows that were missing or different before, and rows that no record stands behind.
    pub differed: usize,
}

/// Drops all rows, folds them anew from the changes, and compares.
///
/// # Errors
/// When the database fails.
pub async fn rebuild(db: &mut SqliteConnection) -> Result<Report, sqlx::Error> {
    let records = sqlx::query("SELECT DISTINCT record FROM doc ORDER BY record")
        .fetch_all(&mut *db)
        .await?;
    let before: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM row")
        .fetch_one(&mut *db)
        .await?;
    let mut report = Report::default();
    let mut kept = 0;
    for row in &records {
        let record = RecordId::from_bytes(bytes::<16>(row, 0)?);
        let old: Option<Vec<u8>> = sqlx::query_scalar("SELECT bytes FROM row WHERE record = ?")
            .bind(record.bytes().as_slice())
            .fetch_optional(&mut *db)
            .await?;
        sqlx::query("DELETE FROM row WHERE record = ?")
            .bind(record.bytes().as_slice())
            .execute(&mut *db)
            .await?;
        kept += i64::from(old.is_some());
        let known = log::load(db, record).await?;
        let Some(new) = gate::refold(record, &known) else {
            report.differed += usize::from(old.is_some());
            continue;
        };
        report.rows += 1;
        report.differed += usize::from(old != Some(new.encode()));
        put(db, &new).await?;
    }
    let stray = usize::try_from(before - kept).unwrap_or(0);
    if stray > 0 {
        sqlx::query("DELETE FROM row WHERE record NOT IN (SELECT record FROM doc)")
            .execute(db)
            .await?;
    }
    report.differed += stray;
    Ok(report)
}

/// Folds all rows anew when some are of another version than this program reads.
///
/// # Errors
/// When the database fails.
pub async fn refresh(store: &Store) -> Result<(), sqlx::Error> {
    let mut write = store.begin().await?;
    let stale: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM row WHERE substr(bytes, 1, 1) <> ?)")
            .bind([ROW_VERSION].as_slice())
            .fetch_one(&mut *write)
            .await?;
    if !stale {
        return Ok(());
    }
    let report = rebuild(&mut write).await?;
    write.commit().await?;
    tracing::info!(
        rows = report.rows,
        "rows of another version were folded anew"
    );
    Ok(())
}
