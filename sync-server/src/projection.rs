//! Rows: folded from changes, kept for lists and counts; they can be dropped and made again.

use domain::id::RecordId;
use domain::view::{ROW_VERSION, Row};
use sqlx::{QueryBuilder, SqliteConnection};

use crate::gate;
use crate::store::{Store, bytes, log};

/// Writes records' rows, in place of older ones.
///
/// # Errors
/// When the database fails.
pub async fn put(db: &mut SqliteConnection, rows: &[Row]) -> Result<(), sqlx::Error> {
    for some in rows.chunks(ROWS_A_STATEMENT) {
        let mut statement = QueryBuilder::new(
            "INSERT OR REPLACE INTO row (record, grid, kind, category, status, level, outcome, \
             open, happened_at, due_at, closed_at, conflicts, review, bytes, number, checkins) ",
        );
        statement.push_values(some, |mut values, row| {
            values
                .push_bind(row.id.bytes().to_vec())
                .push_bind(row.grid.as_str())
                .push_bind(row.kind.code())
                .push_bind(&row.category)
                .push_bind(&row.status)
                .push_bind(&row.level)
                .push_bind(&row.outcome)
                .push_bind(row.open)
                .push_bind(row.happened_at.0)
                .push_bind(row.due.map(|due| due.at.0))
                .push_bind(row.closed_at.map(|at| at.0))
                .push_bind(row.conflicts)
                .push_bind(row.review)
                .push_bind(row.encode())
                .push_bind(&row.number)
                .push_bind(row.checkins);
        });
        statement.build().execute(&mut *db).await?;
    }
    Ok(())
}

/// Rows in one statement.
const ROWS_A_STATEMENT: usize = 64;

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
        put(db, core::slice::from_ref(&new)).await?;
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
