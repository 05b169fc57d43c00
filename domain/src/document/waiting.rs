//! Changes that came before the ones that they follow.

use super::check::{DecodeError, Framed};
use crate::id::ChangeHash;

/// The most changes of one document that wait for others. The server sends none before those that
/// it follows, so one waits only where another was set aside.
pub const WAITING_MAX: usize = 64;

/// Changes that are sound but follow some that are not here.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Change {
    hash: ChangeHash,
    deps: Vec<ChangeHash>,
    bytes: Vec<u8>,
}

impl Waiting {
    pub(super) fn contains(&self, hash: &ChangeHash) -> bool {
        self.changes.iter().any(|change| change.hash == *hash)
    }

    /// The changes that are waited for; some may be waiting themselves.
    pub(super) fn deps(&self) -> impl Iterator<Item = &ChangeHash> {
        self.changes.iter().flat_map(|change| &change.deps)
    }

    pub(super) fn add(&mut self, framed: &Framed<'_>, bytes: &[u8]) -> Result<(), DecodeError> {
        framed.walk(&mut |_| Ok(()))?;
        if self.contains(&framed.head.hash) {
            return Ok(());
        }
        if self.changes.len() >= WAITING_MAX {
            return Err(DecodeError::Waiting);
        }
        self.changes.push(Change {
            hash: framed.head.hash,
            deps: framed.head.deps.clone(),
            bytes: bytes.to_vec(),
        });
        Ok(())
    }

    /// Takes out one that follows only changes that are there.
    pub(super) fn ready(&mut self, there: impl Fn(&ChangeHash) -> bool) -> Option<Vec<u8>> {
        let ready = |change: &Change| change.deps.iter().all(&there);
        let place = self.changes.iter().position(ready)?;
        Some(self.changes.swap_remove(place).bytes)
    }
}
