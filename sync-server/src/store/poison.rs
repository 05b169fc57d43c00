//! Refused changes, kept aside for study, and the batches that they came in.

use domain::access::Refusal;
use domain::id::{DeviceId, DocId, PersonId};
use domain::sync::message::PageDigest;
use domain::time::Millis;
use sha2::{Digest as _, Sha256};
use sqlx::{QueryBuilder, SqliteConnection};

use super::log::{ROWS_A_STATEMENT, part_number};
use crate::limits;

/// A change that was refused.
#[derive(Debug, Clone, Copy)]
pub struct Poison<'a> {
    /// The document that it was for.
    pub doc: DocId,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Why.
    pub why: Refusal,
}

/// Keeps refused bytes aside for study, the newest only, and each once however often they come: what
/// is known by its hash is not written again.
///
/// # Errors
/// When the database fails.
pub async fn keep_poison(
    db: &mut SqliteConnection,
    refused: &[Poison<'_>],
    (device, person): (DeviceId, &PersonId),
    now: Millis,
) -> Result<(), sqlx::Error> {
    let newest = refused.len().saturating_sub(limits::POISON_PER_DEVICE_MAX);
    let mut added = 0;
    for some in refused
        .get(newest..)
        .unwrap_or_default()
        .chunks(ROWS_A_STATEMENT)
    {
        let mut poison = QueryBuilder::new(
            "INSERT INTO poison (device, person, record, part, bytes, hash, code, at) ",
        );
        poison.push_values(some, |mut row, one| {
            let hash: [u8; 32] = Sha256::digest(one.bytes).into();
            row.push_bind(device.0.to_vec())
                .push_bind(person.as_str())
                .push_bind(one.doc.record.bytes().to_vec())
                .push_bind(part_number(one.doc.part))
                .push_bind(one.bytes)
                .push_bind(hash.to_vec())
                .push_bind(format!("{:?}", one.why))
                .push_bind(now.0);
        });
        poison.push(" ON CONFLICT DO NOTHING");
        added += poison.build().execute(&mut *db).await?.rows_affected();
    }
    if added == 0 {
        return Ok(());
    }
    sqlx::query(
        "DELETE FROM poison WHERE device = ?1 AND id <= (SELECT id FROM poison WHERE device = ?1 \
         ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    )
    .bind(device.0.as_slice())
    .bind(i64::try_from(limits::POISON_PER_DEVICE_MAX).unwrap_or(i64::MAX))
    .execute(&mut *db)
    .await?;
    sqlx::query("DELETE FROM poison WHERE id <= (SELECT MAX(id) FROM poison) - ?")
        .bind(limits::POISON_COUNT_MAX)
        .execute(db)
        .await?;
    Ok(())
}

/// Notes that something of a batch was refused; whether it is the first time that this batch came.
///
/// # Errors
/// When the database fails.
pub async fn is_first_refusal(
    db: &mut SqliteConnection,
    device: DeviceId,
    digest: PageDigest,
    now: Millis,
) -> Result<bool, sqlx::Error> {
    let noted = sqlx::query(
        "INSERT INTO refused_batch (device, digest, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(device.0.as_slice())
    .bind(digest.as_slice())
    .bind(now.0)
    .execute(&mut *db)
    .await?;
    if noted.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("DELETE FROM refused_batch WHERE device = ? AND at < ?")
        .bind(device.0.as_slice())
        .bind(now.plus(-limits::REFUSED_KEPT_MS).0)
        .execute(db)
        .await?;
    Ok(true)
}
