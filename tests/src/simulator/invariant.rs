//! What must hold after every step, and how it is said that it does not.

use std::fmt;

/// The invariants of the sync, as the failure catalogue numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// What was said to be saved is on the device until the server has it, or held with a reason.
    I1,
    /// What was said to be sent is in the server's log, and stays there.
    I2,
    /// After the faults all devices of a scope hold the same, soon.
    I3,
    /// Each record and each change is there once; what is repeated changes nothing.
    I4,
    /// Nothing is silently overwritten.
    I5,
    /// No byte outside a device's scope is sent to it.
    I7,
    /// Device time and server time are kept with each change, as they were.
    I8,
    /// One bad change never delays or drops another's.
    I10,
    /// What anything costs is bounded, in bytes and in requests.
    I11,
    /// What cannot be goes on being refused, nothing panics, and the evidence is kept.
    I13,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub invariant: Invariant,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// Counts a check, and fails where it does not hold.
pub(super) fn hold(
    checks: &mut u64,
    holds: bool,
    invariant: Invariant,
    what: impl FnOnce() -> String,
) -> Result<(), Broken> {
    *checks += 1;
    if holds {
        Ok(())
    } else {
        Err(Broken {
            invariant,
            what: what(),
        })
    }
}
