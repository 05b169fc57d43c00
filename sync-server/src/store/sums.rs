//! The sums of the streams: kept up to date with the log, and made anew from it where they are missing.

use domain::id::{ChangeHash, DocId, Part, RecordId, UnitId};
use domain::sync::sum::{Mark, Sum, Sums};
use sqlx::{Row, SqliteConnection};

use super::{Store, bytes, org};

/// Adds what was appended to the sums of its streams, within the write that appended it.
///
/// # Errors
/// When the database fails.
pub async fn add(db: &mut SqliteConnection, new: &Sums) -> Result<(), sqlx::Error> {
    let streams: Vec<UnitId> = new.keys().cloned().collect();
    let known = of(db, &streams).await?;
    for (stream, sum) in new {
        let sum = known.get(stream).copied().unwrap_or_default().with(*sum);
        put(db, stream, sum).await?;
    }
    Ok(())
}

/// Takes what left the log out of the sums of its streams.
///
/// # Errors
/// When the database fails.
pub async fn take(db: &mut SqliteConnection, gone: &Sums) -> Result<(), sqlx::Error> {
    let streams: Vec<UnitId> = gone.keys().cloned().collect();
    let known = of(db, &streams).await?;
    for (stream, sum) in gone {
        let sum = known.get(stream).copied().unwrap_or_default().without(*sum);
        put(db, stream, sum).await?;
    }
    Ok(())
}

/// The sums of some streams; one without changes is left out.
///
/// # Errors
/// When the database fails.
pub async fn of(db: &mut SqliteConnection, streams: &[UnitId]) -> Result<Sums, sqlx::Error> {
    if streams.is_empty() {
        return Ok(Sums::new());
    }
    let rows = sqlx::query(
        "SELECT stream, sum FROM stream_sum WHERE stream IN (SELECT value FROM json_each(?))",
    )
    .bind(serde_json::to_string(streams).unwrap_or_default())
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let sum = Sum(u128::from_be_bytes(bytes::<16>(row, 1)?));
            Ok((org::code(row, 0)?, sum))
        })
        .collect()
}

async fn put(db: &mut SqliteConnection, stream: &UnitId, sum: Sum) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT OR REPLACE INTO stream_sum (stream, sum) VALUES (?, ?)")
        .bind(stream.as_str())
        .bind(sum.0.to_be_bytes().to_vec())
        .execute(db)
        .await?;
    Ok(())
}

/// The changes of some streams, or of all of them.
///
/// # Errors
/// When the database fails.
pub async fn changes(
    db: &mut SqliteConnection,
    streams: Option<&[UnitId]>,
) -> Result<Vec<(UnitId, DocId, ChangeHash)>, sqlx::Error> {
    let list = streams.map(|streams| serde_json::to_string(streams).unwrap_or_default());
    let rows = sqlx::query(
        "SELECT e.stream, d.record, d.part, c.hash FROM entry e JOIN change c ON c.id = e.change \
         JOIN doc d ON d.id = c.doc \
         WHERE c.damaged_at IS NULL \
         AND (?1 IS NULL OR e.stream IN (SELECT value FROM json_each(?1)))",
    )
    .bind(list)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let part = match row.try_get(2)? {
                0_i64 => Part::Body,
                _ => Part::Vault,
            };
            let record = RecordId::from_bytes(bytes::<16>(row, 1)?);
            let hash = ChangeHash(bytes::<32>(row, 3)?);
            Ok((org::code(row, 0)?, DocId { record, part }, hash))
        })
        .collect()
}

/// Adds up some streams anew.
///
/// # Errors
/// When the database fails.
pub async fn renew(db: &mut SqliteConnection, streams: &[UnitId]) -> Result<(), sqlx::Error> {
    let mut sums: Sums = streams
        .iter()
        .cloned()
        .map(|id| (id, Sum::default()))
        .collect();
    for (stream, doc, hash) in changes(db, Some(streams)).await? {
        sums.entry(stream).or_default().add(Mark::of(doc, hash));
    }
    for (stream, sum) in &sums {
        put(db, stream, *sum).await?;
    }
    Ok(())
}

/// Whether each sum is that of what is there.
///
/// # Errors
/// When the database fails.
pub(crate) async fn are_right(db: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let mut sums = Sums::new();
    for (stream, doc, hash) in changes(db, None).await? {
        sums.entry(stream).or_default().add(Mark::of(doc, hash));
    }
    let streams: Vec<String> = sqlx::query_scalar("SELECT stream FROM stream_sum")
        .fetch_all(&mut *db)
        .await?;
    let kept: Vec<UnitId> = streams.iter().filter_map(|id| id.parse().ok()).collect();
    let mut stored = of(db, &kept).await?;
    // One of a stream whose changes are all set aside is as good as none.
    stored.retain(|_, sum| *sum != Sum::default());
    Ok(kept.len() == streams.len() && stored == sums)
}

/// Adds up the whole log anew; gives whether any sum was another one before.
///
/// # Errors
/// When the database fails.
pub async fn rebuild(db: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let mut sums = Sums::new();
    for (stream, doc, hash) in changes(db, None).await? {
        sums.entry(stream).or_default().add(Mark::of(doc, hash));
    }
    let streams: Vec<UnitId> = sums.keys().cloned().collect();
    let differed = of(db, &streams).await? != sums;
    sqlx::query("DELETE FROM stream_sum")
        .execute(&mut *db)
        .await?;
    for (stream, sum) in &sums {
        put(db, stream, *sum).await?;
    }
    Ok(differed)
}

/// Makes the sums of a log that was written before there were any.
///
/// # Errors
/// When the database fails.
pub async fn refresh(store: &Store) -> Result<(), sqlx::Error> {
    let mut write = store.begin().await?;
    let missing: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM entry) AND NOT EXISTS (SELECT 1 FROM stream_sum)",
    )
    .fetch_one(&mut *write)
    .await?;
    if missing {
        rebuild(&mut write).await?;
        write.commit().await?;
        tracing::info!("the sums of the log were made");
    }
    Ok(())
}
