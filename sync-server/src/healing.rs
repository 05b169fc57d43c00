//! Healing: while an administrator has opened it, devices may bring back what others wrote.
//!
//! Nothing that a device sends opens it. A device that knows more of the log than there is, by a
//! cursor of this server's own making, is written down, and a line in the log proposes the command.
//! A person's own changes need none of it: they come back by themselves.

use domain::id::{DeviceId, PersonId};
use domain::sync::message::PassedOn;
use domain::time::{DAY_MS, Millis};
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection};

use crate::limits;
use crate::store::{self, bytes};

/// The setting that says whether healing is open.
const HEALING: &str = "healing";

/// What was lost, as far as the server can know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// When the last change came that the log still had when healing was opened.
    pub from: Millis,
    /// When healing was opened.
    pub to: Millis,
}

impl Gap {
    /// The mark of a change that this person's device passed on.
    #[must_use]
    pub fn mark(&self, by: &PersonId) -> PassedOn {
        PassedOn {
            by: by.clone(),
            from: self.from,
            to: self.to,
        }
    }
}

/// What an administrator said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healing {
    /// The gap.
    pub gap: Gap,
    /// When it ends, or ended.
    pub until: Millis,
}

/// What an administrator said last, if anything.
///
/// # Errors
/// When the database fails.
pub async fn last(db: &mut SqliteConnection) -> Result<Option<Healing>, sqlx::Error> {
    let stored = store::setting(db, HEALING).await?;
    Ok(stored.and_then(|stored| postcard::from_bytes(&stored).ok()))
}

/// The gap that devices may fill now; none while healing is closed.
///
/// # Errors
/// When the database fails.
pub(crate) async fn open_gap(
    db: &mut SqliteConnection,
    now: Millis,
) -> Result<Option<Gap>, sqlx::Error> {
    let open = last(db).await?.filter(|healing| now < healing.until);
    Ok(open.map(|healing| healing.gap))
}

/// Opens healing for so many days from now, or closes it with none. One that is open already keeps
/// its gap.
///
/// # Errors
/// When the database fails.
pub async fn open(
    db: &mut SqliteConnection,
    days: u32,
    now: Millis,
) -> Result<Healing, sqlx::Error> {
    let gap = match open_gap(db, now).await? {
        Some(gap) => gap,
        None if days == 0 => last(db)
            .await?
            .map_or(Gap { from: now, to: now }, |old| old.gap),
        None => Gap {
            from: last_received(db).await?.unwrap_or(now),
            to: now,
        },
    };
    let until = now.plus(i64::from(days.min(limits::HEALING_DAYS_MAX)) * DAY_MS);
    let healing = Healing { gap, until };
    let stored = postcard::to_allocvec(&healing).unwrap_or_default();
    store::set_setting(db, HEALING, &stored).await?;
    Ok(healing)
}

/// When the newest change of the log came.
async fn last_received(db: &mut SqliteConnection) -> Result<Option<Millis>, sqlx::Error> {
    let at: Option<i64> = sqlx::query_scalar(
        "SELECT c.received_at FROM entry e JOIN change c ON c.id = e.change \
         ORDER BY e.seq DESC LIMIT 1",
    )
    .fetch_optional(db)
    .await?;
    Ok(at.map(Millis))
}

/// A device that showed that this log had been longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The device.
    pub device: DeviceId,
    /// Whose it is.
    pub person: Option<String>,
    /// When it last did.
    pub at: Millis,
}

/// The devices that showed it, the last first.
///
/// # Errors
/// When the database fails.
pub async fn witnesses(db: &mut SqliteConnection) -> Result<Vec<Witness>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT s.device, d.person, s.at FROM restored_seen s LEFT JOIN device d \
         ON d.id = s.device ORDER BY s.at DESC, s.device",
    )
    .fetch_all(db)
    .await?;
    let witness = |row: &sqlx::sqlite::SqliteRow| {
        Ok(Witness {
            device: DeviceId(bytes::<16>(row, 0)?),
            person: row.try_get(1)?,
            at: Millis(row.try_get(2)?),
        })
    };
    rows.iter().map(witness).collect()
}

async fn seen_at(
    db: &mut SqliteConnection,
    device: Option<DeviceId>,
) -> Result<Option<Millis>, sqlx::Error> {
    let at: Option<i64> =
        sqlx::query_scalar("SELECT MAX(at) FROM restored_seen WHERE ?1 IS NULL OR device = ?1")
            .bind(device.map(|device| device.0.to_vec()))
            .fetch_one(db)
            .await?;
    Ok(at.map(Millis))
}

/// Whether pictures that no record names stay: what names them may be on its way back.
///
/// # Errors
/// When the database fails.
pub(crate) async fn may_come_back(
    db: &mut SqliteConnection,
    now: Millis,
) -> Result<bool, sqlx::Error> {
    let lately = |at: Millis| now.since(at) <= limits::RESTORED_MS;
    let seen = seen_at(db, None).await?;
    Ok(seen.is_some_and(lately) || open_gap(db, now).await?.is_some())
}

/// Whether a device's sign of a restore tells more than what is written down already.
///
/// # Errors
/// When the database fails.
pub(crate) async fn is_news(
    db: &mut SqliteConnection,
    device: DeviceId,
    now: Millis,
) -> Result<bool, sqlx::Error> {
    let seen = seen_at(db, Some(device)).await?;
    Ok(seen.is_none_or(|at| now.since(at) > limits::RESTORED_STEP_MS))
}

/// Writes down that a device showed that this log had been longer. Nothing else follows from it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn witness(
    db: &mut SqliteConnection,
    device: DeviceId,
    now: Millis,
) -> Result<(), sqlx::Error> {
    let before = seen_at(db, None).await?;
    sqlx::query("INSERT OR REPLACE INTO restored_seen (device, at) VALUES (?, ?)")
        .bind(device.0.as_slice())
        .bind(now.0)
        .execute(db)
        .await?;
    if before.is_none_or(|at| now.since(at) > limits::RESTORED_STEP_MS) {
        tracing::warn!(
            ?device,
            "a device knows more of the log than there is: if this server was restored from a backup, \
             `sync-server heal --days 30` lets devices bring back what others wrote; \
             `sync-server heal` shows more"
        );
    }
    Ok(())
}
