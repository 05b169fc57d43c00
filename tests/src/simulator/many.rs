//! Many runs at once: seeds shared out over the processors, and what came of them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::bug::Bug;
use super::invariant::Broken;
use super::plan::{Fault, Plan};
use super::setting::Setting;

/// What came of many runs.
#[derive(Debug, Default)]
pub struct Sum {
    /// Runs that ended.
    pub runs: u64,
    /// Moves made.
    pub steps: u64,
    /// Checks that held.
    pub checks: u64,
    /// Requests sent.
    pub requests: u64,
    /// How often each fault came to pass.
    pub faults: BTreeMap<Fault, u64>,
    /// What did not hold, by seed.
    pub broken: BTreeMap<u64, Broken>,
}

/// Plays seeds on so many threads, up to the first that fails where `stop` says so.
#[must_use]
pub fn play_all(
    setting: &Setting,
    seeds: std::ops::Range<u64>,
    bug: Option<Bug>,
    (threads, stop): (usize, bool),
) -> Sum {
    let next = AtomicU64::new(seeds.start);
    let over = AtomicBool::new(false);
    let sum = Mutex::new(Sum::default());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = super::play(setting, &Plan::new(seed, setting.mix), bug);
                    let mut sum = sum.lock().expect("no thread died");
                    sum.runs += 1;
                    sum.steps += u64::try_from(outcome.steps).unwrap_or(0);
                    sum.checks += outcome.checks;
                    sum.requests += outcome.requests;
                    for (fault, count) in outcome.faults {
                        *sum.faults.entry(fault).or_default() += count;
                    }
                    if let Some(broken) = outcome.broken {
                        sum.broken.insert(seed, broken);
                        if stop {
                            over.store(true, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    sum.into_inner().expect("no thread died")
}
