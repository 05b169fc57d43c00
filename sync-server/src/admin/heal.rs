//! Healing: opened and closed, what devices have shown, and the steps that wait for the station.

use std::io::Write;

use clap::Subcommand;
use domain::id::ChangeHash;
use domain::sync::message::ItemResult;
use domain::time::Millis;
use sqlx::SqliteConnection;

use super::AdminError;
use crate::healing::{self, Gap, Healing};
use crate::store::Store;
use crate::store::held::{self, Held};
use crate::{clock, ingest};

/// What to do with steps that wait for the station.
#[derive(Debug, Clone, Subcommand)]
pub enum HealAction {
    /// Lists the steps that somebody passed on who may not take them.
    List,
    /// Takes such a step into the log: the station says that it was taken.
    Confirm {
        /// The change's name, as the list shows it.
        hash: String,
    },
    /// Drops such a step for good: the station says that it was not.
    Drop {
        /// The change's name, as the list shows it.
        hash: String,
    },
}

/// Opens or closes healing, shows it, or decides about a step that waits.
pub(super) async fn heal(
    store: &Store,
    (days, action): (Option<u32>, Option<HealAction>),
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let now = clock::now();
    let mut write = store.begin().await?;
    if let Some(days) = days {
        healing::open(&mut write, days, now).await?;
    }
    match action {
        None => show(&mut write, now, out).await?,
        Some(HealAction::List) => {
            for held in held::all(&mut write).await? {
                writeln!(out, "{}", line(&held))?;
            }
        }
        Some(HealAction::Confirm { hash }) => {
            for held in named(&mut write, &hash).await? {
                confirm(&mut write, &held, now).await?;
                writeln!(out, "{} is in the log", held.hash.hex())?;
            }
        }
        Some(HealAction::Drop { hash }) => {
            for held in named(&mut write, &hash).await? {
                held::drop(&mut write, held.doc, held.hash).await?;
                tracing::warn!(doc = %held.doc, hash, "a step that was passed on is dropped");
                writeln!(out, "{} is dropped", held.hash.hex())?;
            }
        }
    }
    write.commit().await?;
    Ok(())
}

async fn show(
    db: &mut SqliteConnection,
    now: Millis,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    match healing::last(db).await? {
        Some(Healing { gap, until }) if now < until => {
            let (gap, until) = (span(gap), until.to_local_text());
            writeln!(out, "healing is open until {until}; the gap: {gap}")?;
        }
        Some(Healing { gap, until }) => {
            let (gap, until) = (span(gap), until.to_local_text());
            writeln!(out, "healing is closed since {until}; the last gap: {gap}")?;
        }
        None => writeln!(out, "healing is closed and was never open")?,
    }
    let passed: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM change WHERE passed_by IS NOT NULL")
        .fetch_one(&mut *db)
        .await?;
    writeln!(out, "{passed} changes were passed on")?;
    let waiting = held::count(db).await?;
    writeln!(out, "{waiting} steps wait for the station (heal list)")?;
    let witnesses = healing::witnesses(db).await?;
    for one in &witnesses {
        let (device, at) = (one.device.hex(), one.at.to_local_text());
        let person = one.person.as_deref().unwrap_or("-");
        writeln!(
            out,
            "device {device} of {person} knows more of the log, last seen {at}"
        )?;
    }
    if witnesses.is_empty() {
        writeln!(out, "no device has shown that the log had been longer")?;
    }
    Ok(())
}

/// A gap in words.
pub(super) fn span(gap: Gap) -> String {
    format!("{} – {}", gap.from.to_local_text(), gap.to.to_local_text())
}

fn line(held: &Held) -> String {
    format!(
        "{}\trecord {}\tby {}\tpassed on by device {} of {}, {}\tgap {}",
        held.hash.hex(),
        held.doc.record,
        held.author,
        held.device.hex(),
        held.passed_by,
        held.at.to_local_text(),
        span(held.gap),
    )
}

async fn named(db: &mut SqliteConnection, hash: &str) -> Result<Vec<Held>, AdminError> {
    let missing = || AdminError::NotHeld(hash.to_owned());
    let name = ChangeHash::from_hex(hash).map_err(|_| missing())?;
    let found = held::named(db, name).await?;
    if found.is_empty() {
        return Err(missing());
    }
    Ok(found)
}

async fn confirm(db: &mut SqliteConnection, held: &Held, now: Millis) -> Result<(), AdminError> {
    let result = ingest::confirm(db, held, now).await;
    match result.map_err(|error| AdminError::NotTaken(error.to_string()))? {
        ItemResult::Kept(_) => {
            tracing::warn!(doc = %held.doc, hash = held.hash.hex(), "a step is confirmed");
        }
        ItemResult::Had(_) => {}
        ItemResult::Refused(refusal) => return Err(AdminError::NotTaken(refusal.to_string())),
    }
    Ok(held::drop(db, held.doc, held.hash).await?)
}
