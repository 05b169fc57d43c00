//! Junk records: taken out of use, given back, each with a line that stays.

use std::io::Write;

use clap::Subcommand;
use domain::id::{DeviceId, RecordId};
use domain::time::{Day, MINUTE_MS, Millis};
use sqlx::SqliteConnection;

use super::AdminError;
use crate::clock;
use crate::limits;
use crate::store::audit::{self, Line};
use crate::store::{Store, retired};
use crate::sweep;

/// What to do with records.
#[derive(Debug, Clone, Subcommand)]
pub enum RecordAction {
    /// Takes records out of use: they leave lists, counts and devices; nothing of them is deleted.
    Retire {
        /// One record.
        #[arg(long)]
        record: Option<RecordId>,
        /// All records that this device brought first, 32 hexadecimal digits.
        #[arg(long, requires = "since")]
        device: Option<String>,
        /// Those that came from this time on, such as 2026-03-01 or 2026-03-01T08:30.
        #[arg(long)]
        since: Option<String>,
        /// Those that came before this time.
        #[arg(long)]
        until: Option<String>,
        /// Why; it is written down.
        #[arg(long)]
        reason: String,
        /// Who does it, where that is not the account of this computer.
        #[arg(long)]
        by: Option<String>,
        /// Says what would be done, and does nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Gives a record back that was taken out of use.
    Restore {
        /// The record.
        #[arg(long)]
        record: RecordId,
        /// Why; it is written down.
        #[arg(long)]
        reason: String,
        /// Who does it, where that is not the account of this computer.
        #[arg(long)]
        by: Option<String>,
    },
}

/// What to do with the audit.
#[derive(Debug, Clone, Subcommand)]
pub enum AuditAction {
    /// Prints all lines, the oldest first.
    List,
}

/// Takes records out of use, or gives one back.
pub(super) async fn record(
    store: &Store,
    action: RecordAction,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    match action {
        RecordAction::Retire {
            record,
            device,
            since,
            until,
            reason,
            by,
            dry_run,
        } => {
            let span = (since.as_deref(), until.as_deref());
            let mut view = store.view().await?;
            let (records, what) = named(&mut view, (record, device.as_deref()), span).await?;
            drop(view);
            if dry_run {
                for record in &records {
                    writeln!(out, "{record}")?;
                }
                writeln!(out, "{} records would be taken out of use", records.len())?;
                return Ok(());
            }
            let what = format!("record retire {what}");
            let count = retire(store, &records, (by, what, reason)).await?;
            writeln!(out, "{count} records are out of use; devices hear of it")?;
        }
        RecordAction::Restore { record, reason, by } => {
            let mut write = store.begin().await?;
            if !retired::restore(&mut write, record).await? {
                return Err(AdminError::Nothing);
            }
            crate::projection::renew(&mut write, record, clock::now()).await?;
            note(
                &mut write,
                (by, format!("record restore {record}")),
                (1, reason),
            )
            .await?;
            write.commit().await?;
            writeln!(out, "record {record} is back; devices get it again")?;
        }
    }
    Ok(())
}

/// Prints what was done.
pub(super) async fn audit(store: &Store, out: &mut impl Write) -> Result<(), AdminError> {
    let mut view = store.view().await?;
    for line in audit::all(&mut view).await? {
        writeln!(
            out,
            "{}\t{}\t{}\t{}\t{}",
            line.at.to_local_text(),
            line.who,
            line.what,
            line.count,
            line.reason
        )?;
    }
    Ok(())
}

/// Some at a time, each time with a line of its own: phones that bring something in between wait for
/// some of them and not for thousands, and what was done before the command was ended is written down.
async fn retire(
    store: &Store,
    records: &[RecordId],
    (by, what, reason): (Option<String>, String, String),
) -> Result<u64, AdminError> {
    let failed = |error| AdminError::Sweep(Box::new(error));
    // What was never read is much, once.
    loop {
        let mut write = store.begin().await?;
        let is_more = sweep::read_on(&mut write).await.map_err(failed)?;
        write.commit().await?;
        if !is_more {
            break;
        }
    }
    let mut count = 0;
    for some in records.chunks(limits::RETIRED_AT_ONCE) {
        let mut write = store.begin().await?;
        // What they name stays named: their pictures are kept with them.
        sweep::read_all(&mut write).await.map_err(failed)?;
        let mut done = 0;
        for record in some {
            done += u64::from(retired::retire(&mut write, *record, clock::now()).await?);
        }
        if done > 0 {
            note(
                &mut write,
                (by.clone(), what.clone()),
                (done, reason.clone()),
            )
            .await?;
            // All frames of a first load may hold what is gone.
            crate::store::frame::drop_all(&mut write).await?;
        }
        write.commit().await?;
        count += done;
    }
    match count {
        0 => Err(AdminError::Nothing),
        count => Ok(count),
    }
}

/// The records that are meant, and how they were named.
async fn named(
    db: &mut SqliteConnection,
    (record, device): (Option<RecordId>, Option<&str>),
    (since, until): (Option<&str>, Option<&str>),
) -> Result<(Vec<RecordId>, String), AdminError> {
    match (record, device, since) {
        (Some(record), None, None) => Ok((vec![record], record.to_string())),
        (None, Some(device), Some(since)) => {
            let missing = |_| AdminError::NoDevice(device.to_owned());
            let id = DeviceId::from_hex(device).map_err(missing)?;
            let from = time(since)?;
            let to = until.map(time).transpose()?.unwrap_or(Millis(i64::MAX));
            let records = retired::brought_by(db, id, (from, to)).await?;
            let until = until.map(|until| format!(" until {until}"));
            let until = until.unwrap_or_default();
            Ok((records, format!("device {device} since {since}{until}")))
        }
        _ => Err(AdminError::WhichRecords),
    }
}

/// A day, or a minute of it, in the time of the station.
fn time(text: &str) -> Result<Millis, AdminError> {
    let wrong = || AdminError::NoTime(text.to_owned());
    let (day, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let day: Day = day.parse().map_err(|_| wrong())?;
    let (hour, minute) = clock.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str, below: i64| {
        let number = text.parse::<i64>().ok();
        number.filter(|n| (0..below).contains(n)).ok_or_else(wrong)
    };
    let minutes = number(hour, 24)? * 60 + number(minute, 60)?;
    Ok(day.start().plus(minutes * MINUTE_MS))
}

async fn note(
    db: &mut SqliteConnection,
    (by, what): (Option<String>, String),
    (count, reason): (u64, String),
) -> Result<(), AdminError> {
    let account = || std::env::var("USER").ok().filter(|name| !name.is_empty());
    let who = by.or_else(account);
    let who = who.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    let line = Line {
        at: clock::now(),
        who,
        what,
        count,
        reason,
    };
    Ok(audit::add(db, &line).await?)
}
