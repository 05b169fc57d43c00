//! Where a device stands in the log: a few bytes that only the server reads.
//!
//! Layout: what the log is known by at that place (4 bytes), digest of the scope (4), place (varint); while a scope
//! that grew is filled up, the digest of the new scope (4) and the place reached there (varint).

use domain::id::ChangeHash;
use domain::sync::message::CURSOR_BYTES_MAX;
use sha2::{Digest, Sha256};

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
    /// The filling of streams that came into scope later.
    pub backfill: Option<Backfill>,
}

/// How far the streams that came into scope have been sent.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        if let Some(backfill) = &self.backfill {
            bytes.extend(backfill.scope);
            put(&mut bytes, backfill.seq);
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
        let backfill = match rest.split_first_chunk::<4>() {
            None if rest.is_empty() => None,
            None => return None,
            Some((target, rest)) => {
                let (place, rest) = take(rest)?;
                rest.is_empty().then_some(())?;
                Some(Backfill {
                    scope: *target,
                    seq: place,
                })
            }
        };
        Some(Self {
            check: *check,
            scope: *scope,
            seq,
            backfill,
        })
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
            for backfill in [
                None,
                Some(Backfill {
                    scope: [9; 4],
                    seq: seq / 2,
                }),
            ] {
                let cursor = Cursor {
                    check: [1; 4],
                    scope: [2; 4],
                    seq,
                    backfill,
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
