//! Receipts of batches, kept for devices that ask again.

use domain::id::DeviceId;
use domain::sync::message::{PageDigest, Receipt};
use domain::time::Millis;
use sqlx::{Row, SqliteConnection};

use super::log::seq_to;
use super::{bytes, damage, damaged};
use crate::limits;

/// The receipt of a batch that was taken before, with the digest of that batch.
///
/// # Errors
/// When the database fails.
pub async fn get(
    db: &mut SqliteConnection,
    device: DeviceId,
    no: u64,
) -> Result<Option<(PageDigest, Receipt)>, sqlx::Error> {
    let row =
        sqlx::query("SELECT digest, receipt, hash FROM batch WHERE device = ? AND number = ?")
            .bind(device.0.as_slice())
            .bind(seq_to(no))
            .fetch_optional(db)
            .await?;
    let Some(row) = row else { return Ok(None) };
    let stored: &[u8] = row.try_get(1)?;
    // One that was altered is as good as none: the batch is judged anew.
    if row.try_get::<&[u8], _>(2)? != damage::sum(stored) {
        return Ok(None);
    }
    let receipt = postcard::from_bytes(stored).map_err(|_| damaged("receipt".to_owned()))?;
    Ok(Some((bytes::<16>(&row, 0)?, receipt)))
}

/// Kept receipts that do not fit their hashes, by device and number.
///
/// # Errors
/// When the database fails.
pub(crate) async fn altered(db: &mut SqliteConnection) -> Result<Vec<(Vec<u8>, i64)>, sqlx::Error> {
    let devices: Vec<Vec<u8>> = sqlx::query_scalar("SELECT DISTINCT device FROM batch")
        .fetch_all(&mut *db)
        .await?;
    let mut damaged = Vec::new();
    for device in devices {
        let rows = sqlx::query("SELECT number, receipt, hash FROM batch WHERE device = ?")
            .bind(device.as_slice())
            .fetch_all(&mut *db)
            .await?;
        for row in &rows {
            let stored: &[u8] = row.try_get(1)?;
            if row.try_get::<&[u8], _>(2)? != damage::sum(stored) {
                damaged.push((device.clone(), row.try_get(0)?));
            }
        }
    }
    Ok(damaged)
}

/// Drops receipts: their batches are judged anew when they come again.
///
/// # Errors
/// When the database fails.
pub(crate) async fn forget(
    db: &mut SqliteConnection,
    named: &[(Vec<u8>, i64)],
) -> Result<(), sqlx::Error> {
    for (device, number) in named {
        sqlx::query("DELETE FROM batch WHERE device = ? AND number = ?")
            .bind(device.as_slice())
            .bind(number)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Keeps a receipt for a device that asks again, and drops those too old to be asked for.
///
/// # Errors
/// When the database fails.
pub async fn keep(
    db: &mut SqliteConnection,
    device: DeviceId,
    receipt: &Receipt,
    now: Millis,
) -> Result<(), sqlx::Error> {
    let encoded = postcard::to_allocvec(receipt).map_err(|_| damaged("receipt".to_owned()))?;
    let hash = damage::sum(&encoded);
    sqlx::query(
        "INSERT OR REPLACE INTO batch (device, number, digest, receipt, at, hash) \
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(device.0.as_slice())
    .bind(seq_to(receipt.no))
    .bind(receipt.digest.as_slice())
    .bind(encoded)
    .bind(now.0)
    .bind(hash.as_slice())
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "DELETE FROM batch WHERE device = ?1 AND (at < ?2 OR number NOT IN (SELECT number \
         FROM batch WHERE device = ?1 ORDER BY number DESC LIMIT ?3))",
    )
    .bind(device.0.as_slice())
    .bind(now.plus(-limits::BATCH_KEPT_MS).0)
    .bind(limits::BATCHES_PER_DEVICE_MAX)
    .execute(db)
    .await?;
    Ok(())
}
