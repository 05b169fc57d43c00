//! Everything that is stored, looked through.

use std::io::Write;
use std::time::Duration;

use super::AdminError;
use crate::album::Album;
use crate::check::{self, Finding, Manner};
use crate::config::Config;
use crate::store::Store;

/// Looks through everything, and prints what is wrong.
pub(super) async fn check(
    config: &Config,
    read_only: bool,
    out: &mut (impl Write + Send),
) -> Result<(), AdminError> {
    let store = match read_only {
        true => Store::look(&config.data).await?,
        false => Store::open(&config.data, false).await?.unhurried(),
    };
    let manner = Manner {
        mends: !read_only,
        rest: Duration::ZERO,
        now: crate::clock::now(),
    };
    let album = Album::new(&config.data);
    let mut printed = Ok(());
    let mut tell = |finding: &Finding| {
        if printed.is_ok() {
            printed = writeln!(out, "{finding}");
        }
    };
    let report = check::everything((&store, &album), manner, &mut tell).await;
    store.close().await;
    printed?;
    writeln!(
        out,
        "{} changes, {} records and {} pictures: {} findings, {} set aside",
        report.changes, report.records, report.pictures, report.findings, report.aside
    )?;
    match report.findings {
        0 => Ok(()),
        findings => Err(AdminError::Wrong(findings)),
    }
}
