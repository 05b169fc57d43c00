//! Rows.
use sqlx::SqliteConnection;
/// What a rebuild found.
#[derive(Debug, Default)]
pub struct Report {
    /// rows
    pub rows: usize,
    /// differed
    pub differed: usize,
}
/// Rebuild.
/// # Errors
/// db
pub async fn rebuild(_db: &mut SqliteConnection) -> Result<Report, sqlx::Error> {
    Ok(Report::default())
}
