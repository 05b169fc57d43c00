//! The printed table: scenario, goal, figure, how it was measured, and whether both ends agree.
#![expect(clippy::print_stdout, reason = "prints what was measured")]

use std::path::PathBuf;
use std::time::Duration;

use super::BenchError;
use super::stage::Device;
use crate::proxy::Tally;
use crate::workload::Records;

/// A figure beside its goal.
pub(super) struct Row {
    pub(super) scenario: String,
    pub(super) goal: String,
    pub(super) measured: String,
    /// None where the goal is no number, or nothing could be measured.
    pub(super) met: Option<bool>,
    /// How it was measured, in one line.
    pub(super) method: String,
}

/// The table so far.
pub(super) struct Table {
    rows: usize,
    met: usize,
    missed: usize,
    good: bool,
}

impl Table {
    /// Prints the head.
    pub(super) fn begin(data: &Option<PathBuf>) -> Self {
        let from = match data {
            Some(folder) => format!("the files in {}", folder.display()),
            None => "invented from a fixed seed".to_owned(),
        };
        println!("Sync, between headless phones and the real server over a TCP proxy.");
        println!("Workload: {from}. 1 KB is 1,000 bytes; bytes are TCP payload, both ways.");
        println!("Floor: brotli 11 of all operations in one batch.");
        println!();
        println!("{:<44} {:<44} {:<56} met", "scenario", "goal", "measured");
        Self {
            rows: 0,
            met: 0,
            missed: 0,
            good: true,
        }
    }

    /// Prints a row.
    pub(super) fn row(&mut self, row: &Row) {
        self.rows += 1;
        let met = match row.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        self.met += usize::from(row.met == Some(true));
        self.missed += usize::from(row.met == Some(false));
        println!(
            "{:<44} {:<44} {:<56} {met}",
            row.scenario, row.goal, row.measured
        );
        println!("    how: {}", row.method);
    }

    /// Compares what devices hold with what they should hold, and prints the digests.
    pub(super) async fn compare(
        &mut self,
        what: &str,
        expected: &Records,
        devices: &mut [&mut Device],
    ) -> Result<(), BenchError> {
        let right = expected.digest();
        let mut equal = true;
        let mut said = vec![format!("operations {}", short(&right))];
        for device in devices {
            let records = device.records().await?;
            let digest = records.digest();
            equal &= digest == right;
            said.push(format!("{} {}", device.label, short(&digest)));
            if digest != right {
                said.push(format!(
                    "({} records instead of {})",
                    records.count(),
                    expected.count()
                ));
            }
        }
        let verdict = if equal { "equal" } else { "DIFFERENT" };
        self.good &= equal;
        println!("    records {what}: {}: {verdict}", said.join(", "));
        Ok(())
    }

    /// Notes that something did not come out as it should.
    pub(super) fn fail(&mut self, what: &str) {
        self.good = false;
        println!("    FAILED: {what}");
    }

    /// Prints why a scenario did not come to its end, if it did not.
    pub(super) fn scenario_end(&mut self, scenario: &str, done: &Result<(), BenchError>) {
        if let Err(error) = done {
            self.good = false;
            println!("{scenario}: FAILED: {error}");
        }
        println!();
    }

    /// Prints the sum; false when something failed or differs.
    pub(super) fn end(self) -> bool {
        let ends = if self.good {
            "every scenario finished and both ends hold equal records"
        } else {
            "something FAILED or is DIFFERENT"
        };
        println!(
            "{} figures: {} goals met, {} missed; {ends}",
            self.rows, self.met, self.missed
        );
        self.good
    }
}

/// The beginning of a digest, enough to compare by eye.
fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

/// Bytes as people read them.
pub(super) fn bytes(count: u64) -> String {
    if count < 10_000 {
        format!("{count} B")
    } else {
        format!("{:.1} KB", float(count) / 1_000.0)
    }
}

/// How many times `whole` goes into `part`.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    float(part) / float(whole.max(1))
}

/// Requests and connections of a tally.
pub(super) fn calls(tally: &Tally) -> String {
    let unsure = if tally.unreadable > 0 { "+?" } else { "" };
    format!("{}{unsure} req, {} conn", tally.requests, tally.connections)
}

/// Up and down of a tally.
pub(super) fn ways(tally: &Tally) -> String {
    format!("{} up {} down", bytes(tally.up), bytes(tally.down))
}

/// Seconds as people read them.
pub(super) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}
