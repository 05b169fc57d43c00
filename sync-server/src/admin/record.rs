//! Records: who wrote them, what was carried here as a file, and rows folded anew.

use std::io::Write;
use std::path::Path;

use domain::id::RecordId;

use super::{AdminError, heal};
use crate::Server;
use crate::carry::{self, Carried};
use crate::config::Config;
use crate::healing::Gap;
use crate::proof::{self, Verdict};
use crate::store::Store;

/// Takes a bundle in.
pub(super) async fn carried(
    config: &Config,
    file: &Path,
    code: &str,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let server = Server::open(config).await?;
    let outcome = carry::import(&server, file, code).await;
    server.close().await;
    let Carried { kept, had, refused } = outcome?;
    writeln!(
        out,
        "{kept} changes are new, {had} were here, {refused} refused"
    )?;
    Ok(())
}

/// Prints who wrote what.
pub(super) async fn prove(
    store: &Store,
    record: RecordId,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let mut view = store.view().await?;
    let all = proof::of_record(&mut view, record).await?;
    drop(view);
    if all.is_empty() {
        return Err(AdminError::NoRecord(record));
    }
    for one in &all {
        let verdict = match one.verdict {
            Verdict::Holds => "signature holds",
            Verdict::PassedOn => "signature of the device that passed it on holds",
            Verdict::Broken => "SIGNATURE DOES NOT FIT",
            Verdict::Unsigned => "not signed",
            Verdict::Damaged => "BYTES DO NOT FIT THEIR HASH; run `sync-server check`",
            Verdict::Aside => {
                "BYTES DID NOT FIT THEIR HASH: set aside, the devices that have it bring it back"
            }
        };
        let gap = one.sent_at.map(|sent| one.received_at.since(sent));
        let gap = gap.map_or_else(|| "-".to_owned(), |ms| format!("{} s", ms / 1000));
        writeln!(
            out,
            "{}\n\t{}\tdevice {}\twritten {}\treceived {}\tclock behind {gap}\t{verdict}",
            one.hash.hex(),
            one.person,
            one.device.hex(),
            one.written_at.to_local_text(),
            one.received_at.to_local_text(),
        )?;
        if let Some(mark) = &one.passed_on {
            let gap = Gap {
                from: mark.from,
                to: mark.to,
            };
            writeln!(
                out,
                "\tpassed on by device {} of {} while healing was open, gap {}",
                one.device.hex(),
                mark.by,
                heal::span(gap)
            )?;
        }
    }
    Ok(())
}

/// Folds rows and sums anew.
pub(super) async fn rebuild(store: &Store, out: &mut impl Write) -> Result<(), AdminError> {
    let mut write = store.begin().await?;
    let report = crate::projection::rebuild(&mut write, crate::clock::now()).await?;
    let sums = crate::store::sums::rebuild(&mut write).await?;
    write.commit().await?;
    if sums {
        writeln!(out, "the sums of the log differed and were made anew")?;
    }
    writeln!(
        out,
        "{} rows folded anew, {} differed",
        report.rows, report.differed
    )?;
    if report.waiting > 0 {
        let waiting = report.waiting;
        writeln!(
            out,
            "{waiting} rows stay as they were: changes of their records are damaged; \
             run `sync-server check`"
        )?;
    }
    if report.differed > 0 {
        return Err(AdminError::RowsDiffered(report.differed));
    }
    Ok(())
}
