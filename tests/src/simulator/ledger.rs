//! What a long run has come to so far, in a file: a run of hours goes on where it was stopped.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::many::Sum;

/// Seeds between two writes of the file.
const PIECE: u64 = 500;

/// What a run of many seeds has come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Names the program that played: other code, another run.
    pub build: String,
    /// The seeds that are wanted, from the first to before the last.
    pub seeds: Range<u64>,
    /// The next seed.
    pub next: u64,
    /// Moves made.
    pub steps: u64,
    /// Checks that held.
    pub checks: u64,
    /// Requests sent.
    pub requests: u64,
    /// Milliseconds of playing, over all pieces.
    pub millis: u64,
    /// How often each fault came to pass, by its name.
    pub faults: BTreeMap<String, u64>,
    /// What did not hold, by seed.
    pub broken: BTreeMap<u64, String>,
    /// In how many goes it was played.
    pub goes: u32,
}

impl Ledger {
    /// Nothing played yet.
    #[must_use]
    pub fn new(build: String, seeds: Range<u64>) -> Self {
        let next = seeds.start;
        Self {
            build,
            seeds,
            next,
            ..Self::default()
        }
    }

    /// What the file at `path` tells of the same run; a new one where there is none, where another
    /// program or other seeds were played, or where the file cannot be read as one.
    #[must_use]
    pub fn open(path: &Path, build: &str, seeds: &Range<u64>) -> Self {
        let stored = fs::read(path).ok();
        let stored = stored.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        let same = |stored: &Self| stored.build == build && stored.seeds == *seeds;
        let mut ledger = stored
            .filter(same)
            .unwrap_or_else(|| Self::new(build.to_owned(), seeds.clone()));
        ledger.goes += 1;
        ledger
    }

    /// The seeds to play next; none when all were played.
    #[must_use]
    pub fn piece(&self) -> Option<Range<u64>> {
        let end = (self.next + PIECE).min(self.seeds.end);
        (self.next < end).then_some(self.next..end)
    }

    /// Adds what a piece came to.
    pub fn add(&mut self, piece: &Range<u64>, sum: Sum, millis: u64) {
        self.next = piece.end;
        self.steps += sum.steps;
        self.checks += sum.checks;
        self.requests += sum.requests;
        self.millis += millis;
        for (fault, count) in sum.faults {
            *self.faults.entry(format!("{fault:?}")).or_default() += count;
        }
        for (seed, why) in sum.broken {
            self.broken.insert(seed, why.to_string());
        }
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let beside: PathBuf = path.with_extension("new");
        fs::write(&beside, serde_json::to_vec_pretty(self)?)?;
        fs::rename(beside, path)
    }

    /// Seeds that were played.
    #[must_use]
    pub const fn played(&self) -> u64 {
        self.next - self.seeds.start
    }
}

/// Names the program that runs, by its bytes.
///
/// # Errors
/// When it cannot read itself.
pub fn build() -> io::Result<String> {
    let bytes = fs::read(std::env::current_exe()?)?;
    let hash = Sha256::digest(bytes);
    Ok(hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_goes_on_where_it_was_stopped_and_begins_again_with_other_code() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sim/long.json");
        let seeds = 7..1_207;
        let mut ledger = Ledger::open(&path, "one", &seeds);
        assert_eq!(ledger.piece(), Some(7..507));
        let sum = Sum {
            runs: 500,
            checks: 9,
            ..Sum::default()
        };
        ledger.add(&(7..507), sum, 3);
        ledger.keep(&path).expect("writes");
        let again = Ledger::open(&path, "one", &seeds);
        assert_eq!((again.piece(), again.played()), (Some(507..1_007), 500));
        assert_eq!((again.checks, again.millis, again.goes), (9, 3, 2));
        assert_eq!(Ledger::open(&path, "two", &seeds).played(), 0);
        assert_eq!(Ledger::open(&path, "one", &(7..99)).played(), 0);
        let mut last = again;
        last.add(&(1_007..1_207), Sum::default(), 0);
        assert_eq!((last.piece(), last.played()), (None, 1_200));
        fs::write(&path, b"half a li").expect("writes");
        assert_eq!(Ledger::open(&path, "one", &seeds).played(), 0);
    }
}
