//! Where a device stands in the log: a few bytes that only the server reads.
//!
//! Layout: what the log is known by at that place (4 bytes), digest of the scope (4), place (varint).
//! While a scope that grew is filled up: 1, the digest of the new scope (4), the place reached there
//! (varint). During a first load: 2 for rows or 3 for changes, and where its next frame begins (two
//! varints).

use domain::id::ChangeHash;
use domain::sync::message::CURSOR_BYTES_MAX;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const BACKFILL: u8 = 1;
const ROWS: u8 = 2;
const CHANGES: u8 = 3;

/// A place in the log for one scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// What the log is known by at that place: a log that was restored from a backup and grew again
    /// has another one there.
    pub check: [u8; 4],
    /// The scope that the device has everything of, up to `seq`.
    pub scope: [u8; 4],
    /// The place.
    pub seq: u64,
    /// What is still on its way below that place.
    pub below: Below,
}

/// What a device still lacks below its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// Nothing.
    Nothing,
    /// Streams that came into scope later.
    Backfill(Backfill),
    /// The rest of its first load.
    First(First),
}

/// Where the next frame of a first load begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    /// Whether rows come next, or changes.
    pub rows: bool,
    /// The next record is the one that changed last at this place or before it.
    pub top: u64,
    /// Of that record everything up to here was sent.
    pub within: u64,
}

/// How far the streams that came into scope have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backfill {
    /// The scope that will be complete at the end.
    pub scope: [u8; 4],
    /// The place reached; the end is the cursor's own place.
    pub seq: u64,
}

/// What a log is known by at a place: its own name, and the change that lies there.
#[must_use]
pub fn check(generation: [u8; 4], change: Option<ChangeHash>) -> [u8; 4] {
    let change = change.map_or([0; 32], |hash| hash.0);
    let hash = Sha256::new()
        .chain_update(generation)
        .chain_update(change)
        .finalize();
    let mut check = [0; 4];
    for (to, from) in check.iter_mut().zip(hash.iter()) {
        *to = *from;
    }
    check
}

impl Cursor {
    /// The bytes that the device keeps.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(24);
        bytes.extend(self.check);
        bytes.extend(self.scope);
        put(&mut bytes, self.seq);
        match self.below {
            Below::Nothing => {}
            Below::Backfill(backfill) => {
                bytes.push(BACKFILL);
                bytes.extend(backfill.scope);
                put(&mut bytes, backfill.seq);
            }
            Below::First(first) => {
                bytes.push(if first.rows { ROWS } else { CHANGES });
                put(&mut bytes, first.top);
                put(&mut bytes, first.within);
            }
        }
        bytes
    }

    /// Reads what a device presents; anything that is not a cursor is as if it had none.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > CURSOR_BYTES_MAX {
            return None;
        }
        let (check, rest) = bytes.split_first_chunk::<4>()?;
        let (scope, rest) = rest.split_first_chunk::<4>()?;
        let (seq, rest) = take(rest)?;
        let (below, rest) = below(rest)?;
        rest.is_empty().then_some(Self {
            check: *check,
            scope: *scope,
            seq,
            below,
        })
    }
}

fn below(bytes: &[u8]) -> Option<(Below, &[u8])> {
    match bytes {
        [] => Some((Below::Nothing, bytes)),
        [BACKFILL, rest @ ..] => {
            let (scope, rest) = rest.split_first_chunk::<4>()?;
            let (seq, rest) = take(rest)?;
            let scope = *scope;
            Some((Below::Backfill(Backfill { scope, seq }), rest))
        }
        [what @ (ROWS | CHANGES), rest @ ..] => {
            let (top, rest) = take(rest)?;
            let (within, rest) = take(rest)?;
            let rows = *what == ROWS;
            Some((Below::First(First { rows, top, within }), rest))
        }
        [_, ..] => None,
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn take(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (place, byte) in bytes.iter().enumerate().take(9) {
        number |= u64::from(byte & 0x7f) << (7 * u32::try_from(place).ok()?);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_damage_is_no_cursor() {
        for seq in [0, 1, 127, 128, 50_000_000, u64::MAX >> 1] {
            let backfill = Backfill {
                scope: [9; 4],
                seq: seq / 2,
            };
            let first = |rows| First {
                rows,
                top: seq,
                within: seq / 2,
            };
            for below in [
                Below::Nothing,
                Below::Backfill(backfill),
                Below::First(first(true)),
                Below::First(first(false)),
            ] {
                let cursor = Cursor {
                    check: [1; 4],
                    scope: [2; 4],
                    seq,
                    below,
                };
                let bytes = cursor.encode();
                assert_eq!(Cursor::decode(&bytes).as_ref(), Some(&cursor));
                let cut = Cursor::decode(&bytes[..bytes.len() - 1]);
                assert_ne!(cut.as_ref(), Some(&cursor));
            }
        }
        assert_eq!(Cursor::decode(&[]), None);
        assert_eq!(Cursor::decode(&[255; 40]), None);
    }
}
