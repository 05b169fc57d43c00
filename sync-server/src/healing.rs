//! Healing after a restore: for a time, devices may bring back what others wrote.
//!
//! Somebody else's change is otherwise never taken. After a restore it is, from a device whose person
//! has the record in scope, judged by the rights of whoever wrote it, and with the device that brought
//! it written down beside the author.

use domain::id::DeviceId;
use domain::time::Millis;
use sqlx::SqliteConnection;

use crate::limits;
use crate::store;

/// When a device last showed that this log had been longer.
const RESTORED_AT: &str = "restored_at";

async fn restored_at(db: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
    let bytes = store::setting(db, RESTORED_AT).await?;
    Ok(bytes
        .and_then(|bytes| bytes.try_into().ok())
        .map(i64::from_be_bytes))
}

/// Whether devices may bring back what others wrote.
///
/// # Errors
/// When the database fails.
pub(crate) async fn is_on(db: &mut SqliteConnection, now: Millis) -> Result<bool, sqlx::Error> {
    let since = restored_at(db).await?.map(|at| now.0.saturating_sub(at));
    Ok(since.is_some_and(|since| since <= limits::HEALING_MS))
}

/// Whether a sign of a restore tells more than what is written down already.
///
/// # Errors
/// When the database fails.
pub(crate) async fn is_news(db: &mut SqliteConnection, now: Millis) -> Result<bool, sqlx::Error> {
    let since = restored_at(db).await?.map(|at| now.0.saturating_sub(at));
    Ok(since.is_none_or(|since| since > limits::HEALING_STEP_MS))
}

/// Writes down that a device showed that this log had been longer.
///
/// # Errors
/// When the database fails.
pub(crate) async fn begin(
    db: &mut SqliteConnection,
    device: DeviceId,
    now: Millis,
) -> Result<(), sqlx::Error> {
    tracing::warn!(
        ?device,
        "a device knows more of the log than there is: restored from a backup; devices bring it back"
    );
    store::set_setting(db, RESTORED_AT, &now.0.to_be_bytes()).await
}
