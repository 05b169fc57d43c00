//! Making a failing plan short: moves are left out as long as the same invariant still breaks.

use super::bug::Bug;
use super::invariant::Invariant;
use super::plan::Plan;
use super::setting::Setting;

/// The most runs that are spent on it.
const RUNS_MAX: usize = 150;

/// The shortest plan found in which the invariant breaks as it does in `plan`.
#[must_use]
pub fn shortest(setting: &Setting, plan: &Plan, bug: Option<Bug>, broken: Invariant) -> Plan {
    let mut best = plan.clone();
    let mut runs = 0;
    let mut size = best.moves.len().div_ceil(2);
    while size > 0 {
        let (mut at, mut found) = (0, false);
        while at < best.moves.len() && runs < RUNS_MAX {
            let mut shorter = best.clone();
            let end = (at + size).min(shorter.moves.len());
            shorter.moves.drain(at..end);
            runs += 1;
            let outcome = super::play(setting, &shorter, bug);
            if outcome
                .broken
                .is_some_and(|other| other.invariant == broken)
            {
                best = shorter;
                found = true;
            } else {
                at = end;
            }
        }
        if !found || size > 1 {
            size = if size == 1 { 0 } else { size / 2 };
        }
    }
    best
}
