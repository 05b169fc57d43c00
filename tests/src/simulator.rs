//! A simulator: many phones, the real server, one clock, and everything that goes wrong between them.
//!
//! A run is made from a seed and repeats byte for byte. Phones are the real `Replica` with a store that
//! fails as browsers' stores do; the server is the real one, with its database in memory; between them
//! lies a line that loses, delays, repeats, cuts and garbles. After every step the invariants are
//! compared with the truth that the simulator keeps for itself, then everything heals and must agree.

pub mod bug;
pub mod chance;
mod disk;
mod effects;
mod fate;
mod finish;
mod hostile;
pub mod invariant;
pub mod ledger;
mod locks;
mod mail;
pub mod many;
mod people;
mod phone;
pub mod plan;
pub mod setting;
mod shrink;
mod station;
mod tamper;
mod truth;
mod work;
mod world;

use std::collections::BTreeMap;

use bug::Bug;
use invariant::Broken;
use plan::{Fault, Plan};
use setting::Setting;
use world::World;

pub use shrink::shortest;

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// What did not hold, if anything.
    pub broken: Option<Broken>,
    /// How many moves were made.
    pub steps: usize,
    /// How many checks held.
    pub checks: u64,
    /// How many requests were sent.
    pub requests: u64,
    /// How often each fault came to pass.
    pub faults: BTreeMap<Fault, u64>,
    /// What happened, where that was wanted.
    pub trace: Vec<String>,
}

/// Plays a plan, with a planted bug or without.
#[must_use]
pub fn play(setting: &Setting, plan: &Plan, bug: Option<Bug>) -> Outcome {
    run(setting, plan, bug, None)
}

/// Plays a plan and tells what happens.
#[must_use]
pub fn tell(setting: &Setting, plan: &Plan, bug: Option<Bug>) -> Outcome {
    run(setting, plan, bug, Some(Vec::new()))
}

fn run(setting: &Setting, plan: &Plan, bug: Option<Bug>, trace: Option<Vec<String>>) -> Outcome {
    let mut world = World::new(setting, plan, bug);
    world.trace = trace;
    let broken = world.play(plan).err();
    Outcome {
        broken,
        steps: plan.moves.len(),
        checks: world.truth.checks,
        requests: world.letters,
        faults: std::mem::take(&mut world.faults),
        trace: world.trace.take().unwrap_or_default(),
    }
}
