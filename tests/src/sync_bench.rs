//! The sync benchmark: real phones and a real server over a bad line, every figure beside its goal.

mod browser;
mod floor;
mod hostile;
mod lines;
mod load;
mod own;
mod stage;
mod table;
mod walk;

use std::path::PathBuf;

use crate::headless::HeadlessError;
use crate::phone_process::PhoneError;
use crate::workload::{Workload, WorkloadError};

use table::Table;

/// Sizes of the first load, in records.
const SIZES: [usize; 3] = [50, 500, 2_000];
/// The size on bad lines.
const SIZE_LINES: usize = 500;
/// The size that the server's work is measured with.
const SIZE_LOAD: usize = 2_000;
/// Where the invented workload begins, so that every run replays the same one.
const SEED: u64 = 20_260;

/// Why a scenario did not come to its end.
#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("{label}: {error}")]
    Phone { label: String, error: PhoneError },
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    #[error("the bench's own folder: {0}")]
    Folder(#[from] std::io::Error),
    #[error(transparent)]
    Headless(#[from] HeadlessError),
    #[error("both ends differ")]
    Different,
}

/// A row, or some rows, of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// The first upload.
    Upload,
    /// The first download to a new device.
    Download,
    /// Nothing new.
    Idle,
    /// Ten records edited on each side.
    Edits,
    /// An upload over a slow and far line.
    Slow,
    /// A line that breaks again and again.
    Cut,
    /// The server's processor time and memory.
    Cpu,
    /// What hostile requests cost.
    Hostile,
    /// Disputes made by the app's own commands.
    Own,
    /// A real browser.
    Browser,
}

impl Scenario {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 10] = [
        Self::Upload,
        Self::Download,
        Self::Idle,
        Self::Edits,
        Self::Slow,
        Self::Cut,
        Self::Cpu,
        Self::Hostile,
        Self::Own,
        Self::Browser,
    ];
    /// The words on the command line.
    pub const NAMES: [&str; 10] = [
        "upload", "download", "idle", "edits", "slow", "cut", "cpu", "hostile", "own", "browser",
    ];

    /// The scenario of that name.
    pub fn named(name: &str) -> Option<Self> {
        let at = Self::NAMES.iter().position(|known| *known == name)?;
        Self::ALL.get(at).copied()
    }
}

/// What to measure, and with what.
#[derive(Debug, Default)]
pub struct Options {
    /// The folder of the workload's files; none invents a workload.
    pub data: Option<PathBuf>,
    /// One scenario only.
    pub only: Option<Scenario>,
}

impl Options {
    fn wants(&self, scenario: Scenario) -> bool {
        self.only.is_none_or(|only| only == scenario)
    }

    fn workload(&self, records: usize) -> Result<Workload, WorkloadError> {
        match &self.data {
            Some(folder) => Workload::read(folder, records),
            None => Ok(Workload::invent(SEED, records)),
        }
    }
}

/// Prints the table; false when something did not finish, or both ends differ.
pub async fn run(options: &Options) -> bool {
    let mut table = Table::begin(&options.data);
    let walked = [
        Scenario::Upload,
        Scenario::Download,
        Scenario::Idle,
        Scenario::Edits,
    ];
    if walked.into_iter().any(|scenario| options.wants(scenario)) {
        for records in SIZES {
            let done = walk::run(options, records, &mut table).await;
            table.scenario_end(&format!("{records} records on a clear line"), &done);
        }
    }
    if options.wants(Scenario::Slow) {
        let done = lines::slow(options, &mut table).await;
        table.scenario_end("the slow line", &done);
    }
    if options.wants(Scenario::Cut) {
        let done = lines::cut(options, &mut table).await;
        table.scenario_end("the line that breaks", &done);
    }
    if options.wants(Scenario::Cpu) {
        let done = load::run(options, &mut table).await;
        table.scenario_end("the server's work", &done);
    }
    if options.wants(Scenario::Hostile) {
        hostile::run(&mut table).await;
    }
    if options.wants(Scenario::Own) {
        let done = own::run(options, &mut table).await;
        table.scenario_end("the app's own commands", &done);
    }
    if options.wants(Scenario::Browser) {
        let done = browser::run(options, &mut table).await;
        table.scenario_end("a real browser", &done);
    }
    table.end()
}
