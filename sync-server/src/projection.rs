//! Rows: folded from changes, kept for lists and counts; they can be dropped and made again.

use domain::id::RecordId;
use domain::sync::message::VERSION;
use domain::time::Millis;
use domain::view::{ROW_VERSION, Row};
use sqlx::{QueryBuilder, Row as _, SqliteConnection};

use crate::gate;
use crate::store::{self, Store, bytes, damage, frame as kept, log};

/// The setting that names the version of rows and frames which the kept frames are of.
const FRAMES_OF: &str = "frames_of";

/// Writes records' rows, in place of older ones.
///
/// # Errors
/// When the database fails.
pub async fn put(db: &mut SqliteConnection, rows: &[Row]) -> Result<(), sqlx::Error> {
    for some in rows.chunks(ROWS_A_STATEMENT) {
        let mut statement = QueryBuilder::new(
            "INSERT OR REPLACE INTO row (record, grid, kind, category, status, level, outcome, \
             open, happened_at, due_at, closed_at, conflicts, review, bytes, number, checkins, hash) ",
        );
        statement.push_values(some, |mut values, row| {
            let bytes = row.encode();
            let hash = damage::sum(&bytes);
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
                .push_bind(bytes)
                .push_bind(&row.number)
                .push_bind(row.checkins)
                .push_bind(hash.to_vec());
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
    /// Rows that stay as they were because a change of their record is damaged.
    pub waiting: usize,
}

/// Folds all rows anew from the changes, and compares. What is damaged is set aside and never folded;
/// the row of a record that lacks a change stays as it was.
///
/// # Errors
/// When the database fails.
pub async fn rebuild(db: &mut SqliteConnection, now: Millis) -> Result<Report, sqlx::Error> {
    let records = sqlx::query("SELECT DISTINCT record FROM doc ORDER BY record")
        .fetch_all(&mut *db)
        .await?;
    let mut report = Report::default();
    for row in &records {
        let record = RecordId::from_bytes(bytes::<16>(row, 0)?);
        match renew(db, record, now).await? {
            Renewed::Stays => report.waiting += 1,
            Renewed::Same => report.rows += 1,
            Renewed::Differed => {
                report.rows += 1;
                report.differed += 1;
            }
            Renewed::Gone(was) => report.differed += usize::from(was),
        }
    }
    let stray = sqlx::query("DELETE FROM row WHERE record NOT IN (SELECT record FROM doc)")
        .execute(db)
        .await?;
    report.differed += usize::try_from(stray.rows_affected()).unwrap_or(0);
    Ok(report)
}

/// Folds rows anew that were found altered.
///
/// # Errors
/// When the database fails.
pub(crate) async fn put_right(
    store: &Store,
    records: &[RecordId],
    now: Millis,
) -> Result<(), sqlx::Error> {
    if records.is_empty() {
        return Ok(());
    }
    let mut write = store.begin().await?;
    for record in records {
        tracing::error!(%record, "a row was altered: it is folded anew");
        renew(&mut write, *record, now).await?;
    }
    write.commit().await
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewed {
    /// A change of the record is missing: the row stays the last good one.
    Stays,
    /// It is what the changes say.
    Same,
    /// It was another one, or was missing, and is put right.
    Differed,
    /// Nothing can be folded; whether there was a row.
    Gone(bool),
}

/// Folds the row of one record anew, and compares it, column by column, with what is stored.
///
/// # Errors
/// When the database fails.
pub(crate) async fn renew(
    db: &mut SqliteConnection,
    record: RecordId,
    now: Millis,
) -> Result<Renewed, sqlx::Error> {
    let mut known = log::load(db, record).await?;
    let found: Vec<i64> = known.found().collect();
    if !found.is_empty() {
        damage::set_aside(db, &found, now).await?;
        known = log::load(db, record).await?;
    }
    let old = stored(db, record).await?;
    if !known.lacking.is_empty() && old.as_ref().is_some_and(Stored::is_good) {
        return Ok(Renewed::Stays);
    }
    let Some(new) = gate::refold(record, &known) else {
        sqlx::query("DELETE FROM row WHERE record = ?")
            .bind(record.bytes().as_slice())
            .execute(db)
            .await?;
        return Ok(Renewed::Gone(old.is_some()));
    };
    put(db, core::slice::from_ref(&new)).await?;
    let new = stored(db, record).await?;
    Ok(if old == new {
        Renewed::Same
    } else {
        Renewed::Differed
    })
}

/// Whether the row of a record is the one that was folded; where a change of it is missing, whether it
/// is a good one. Nothing is written.
///
/// # Errors
/// When the database fails.
pub(crate) async fn is_right(
    db: &mut SqliteConnection,
    record: RecordId,
    (lacks, folded): (bool, Option<&Row>),
) -> Result<bool, sqlx::Error> {
    let old = stored(db, record).await?;
    Ok(if lacks {
        old.as_ref().is_none_or(Stored::is_good)
    } else {
        old == folded.map(Stored::of)
    })
}

/// A row as it is stored: its bytes, their sum, and each column that lists and counts read.
#[derive(Debug, PartialEq, Eq)]
struct Stored {
    bytes: Vec<u8>,
    hash: Vec<u8>,
    texts: Vec<String>,
    numbers: Vec<Option<i64>>,
}

impl Stored {
    fn of(row: &Row) -> Self {
        let bytes = row.encode();
        let texts = [
            row.grid.as_str(),
            row.kind.code(),
            &row.category,
            &row.status,
            &row.level,
            &row.outcome,
            &row.number,
        ];
        Self {
            hash: damage::sum(&bytes).to_vec(),
            bytes,
            texts: texts.map(str::to_owned).to_vec(),
            numbers: vec![
                Some(i64::from(row.open)),
                Some(row.happened_at.0),
                row.due.map(|due| due.at.0),
                row.closed_at.map(|at| at.0),
                Some(i64::from(row.conflicts)),
                Some(i64::from(row.review)),
                Some(i64::from(row.checkins)),
            ],
        }
    }

    /// Whether its bytes are those that were written, in the form that this program reads.
    fn is_good(&self) -> bool {
        self.hash == damage::sum(&self.bytes) && Row::decode(&self.bytes).is_some()
    }
}

async fn stored(
    db: &mut SqliteConnection,
    record: RecordId,
) -> Result<Option<Stored>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT bytes, hash, grid, kind, category, status, level, outcome, number, open, \
         happened_at, due_at, closed_at, conflicts, review, checkins FROM row WHERE record = ?",
    )
    .bind(record.bytes().as_slice())
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let texts = (2..9).map(|place| row.try_get(place));
    let numbers = (9..16).map(|place| row.try_get(place));
    Ok(Some(Stored {
        bytes: row.try_get(0)?,
        hash: row.try_get(1)?,
        texts: texts.collect::<Result<_, _>>()?,
        numbers: numbers.collect::<Result<_, _>>()?,
    }))
}

/// Folds all rows anew when some are of another version than this program reads, and drops the frames
/// that another version made: they hold rows, and devices would be given what they cannot read.
///
/// # Errors
/// When the database fails.
pub async fn refresh(store: &Store, now: Millis) -> Result<(), sqlx::Error> {
    let mut write = store.begin().await?;
    let version = [ROW_VERSION, VERSION];
    if store::setting(&mut write, FRAMES_OF).await?.as_deref() != Some(&version) {
        kept::drop_all(&mut write).await?;
        store::set_setting(&mut write, FRAMES_OF, &version).await?;
    }
    let stale: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM row WHERE substr(bytes, 1, 1) <> ?)")
            .bind([ROW_VERSION].as_slice())
            .fetch_one(&mut *write)
            .await?;
    if !stale {
        return write.commit().await;
    }
    let report = rebuild(&mut write, now).await?;
    write.commit().await?;
    tracing::info!(
        rows = report.rows,
        "rows of another version were folded anew"
    );
    Ok(())
}
