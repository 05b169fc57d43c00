//! The check of a change's outer shape, before the merge library sees a byte of it.
//!
//! Layout of a change chunk (Automerge binary format, "change chunk"): magic 4 bytes, checksum 4
//! bytes, type 1 byte, length LEB128, then dependencies, actor, seq, first op, time, message,
//! other actors, columns. The checksum is the head of the SHA-256 over type, length and contents;
//! the whole digest is the change's hash.

use sha2::{Digest, Sha256};

use super::CHANGE_BYTES_MAX;
use crate::id::{ActorKey, ChangeHash};
use crate::time::Millis;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const TYPE_CHANGE: u8 = 1;
/// The most changes that one change may follow directly.
pub const DEPS_MAX: u64 = 64;
/// The most authors that one change may name.
pub const ACTORS_MAX: u64 = 64;
/// The highest operation number: a document in use for decades has some thousands.
pub const OP_MAX: u64 = 10_000_000;

/// Why bytes are not a change that may be applied.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize,
)]
pub enum DecodeError {
    /// Longer than [`CHANGE_BYTES_MAX`].
    #[error("the change is too large")]
    TooLarge,
    /// Not a change chunk, or cut off, or with something after it.
    #[error("the bytes are not a change")]
    Malformed,
    /// The contents do not belong to the checksum.
    #[error("the checksum does not match")]
    Checksum,
    /// A compressed chunk, which could be a bomb and is never made here.
    #[error("compressed changes are not taken")]
    Compressed,
    /// An author's name of another length than ours.
    #[error("the author's key has the wrong length")]
    Actor,
    /// A count or a number is beyond its limit.
    #[error("a number is out of bounds")]
    Bounds,
    /// Its author already has another change with this number.
    #[error("the change contradicts another one of its author")]
    Contradicts,
}

/// What a change says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeHead {
    /// Its name: SHA-256 of the chunk.
    pub hash: ChangeHash,
    /// The changes that it follows directly.
    pub deps: Vec<ChangeHash>,
    /// The start of the app that wrote it.
    pub actor: ActorKey,
    /// Its number among its author's changes to this document, from 1.
    pub seq: u64,
    /// The number of its first operation.
    pub start_op: u64,
    /// The device's clock when it was made.
    pub at: Millis,
}

/// Reads the head of a change and verifies its checksum and its bounds.
///
/// # Errors
/// When the bytes are not exactly one sound, uncompressed change within the limits.
pub fn check(bytes: &[u8]) -> Result<ChangeHead, DecodeError> {
    if bytes.len() > CHANGE_BYTES_MAX {
        return Err(DecodeError::TooLarge);
    }
    let mut reader = Reader { rest: bytes };
    if reader.take(4)? != MAGIC {
        return Err(DecodeError::Malformed);
    }
    let checksum = reader.take(4)?;
    let hashed = reader.rest;
    match reader.byte()? {
        TYPE_CHANGE => {}
        2 => return Err(DecodeError::Compressed),
        _ => return Err(DecodeError::Malformed),
    }
    let length = reader.unsigned()?;
    if u64::try_from(reader.rest.len()) != Ok(length) {
        return Err(DecodeError::Malformed);
    }
    let digest: [u8; 32] = Sha256::digest(hashed).into();
    if !digest.starts_with(checksum) {
        return Err(DecodeError::Checksum);
    }
    head(&mut reader, ChangeHash(digest))
}

fn head(reader: &mut Reader<'_>, hash: ChangeHash) -> Result<ChangeHead, DecodeError> {
    let deps = (0..reader.count(DEPS_MAX)?)
        .map(|_| reader.array().map(ChangeHash))
        .collect::<Result<Vec<_>, _>>()?;
    let actor = reader.actor()?;
    let seq = reader.unsigned()?;
    let start_op = reader.unsigned()?;
    if seq == 0 || seq > OP_MAX || start_op == 0 || start_op > OP_MAX {
        return Err(DecodeError::Bounds);
    }
    if seq > 1 && deps.is_empty() {
        return Err(DecodeError::Malformed);
    }
    let at = Millis(reader.signed()?);
    let message = reader.count(0)?;
    reader.take(usize::try_from(message).map_err(|_| DecodeError::Bounds)?)?;
    for _ in 0..reader.count(ACTORS_MAX)? {
        reader.actor()?;
    }
    Ok(ChangeHead {
        hash,
        deps,
        actor,
        seq,
        start_op,
        at,
    })
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(DecodeError::Malformed)?;
        self.rest = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        self.take(1)?.first().copied().ok_or(DecodeError::Malformed)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?.try_into().map_err(|_| DecodeError::Malformed)
    }

    /// An unsigned LEB128 number of at most 63 bits.
    fn unsigned(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::Bounds)
    }

    /// A signed LEB128 number.
    fn signed(&mut self) -> Result<i64, DecodeError> {
        let mut value = 0_i64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                // The sixth bit of the last byte is the sign of all that lie above it.
                let negative = byte & 0x40 != 0;
                return Ok(if negative {
                    value | (-1_i64 << (shift + 7))
                } else {
                    value
                });
            }
        }
        Err(DecodeError::Bounds)
    }

    fn count(&mut self, max: u64) -> Result<u64, DecodeError> {
        let count = self.unsigned()?;
        if count > max {
            Err(DecodeError::Bounds)
        } else {
            Ok(count)
        }
    }

    fn actor(&mut self) -> Result<ActorKey, DecodeError> {
        if self.unsigned()? != 8 {
            return Err(DecodeError::Actor);
        }
        self.array().map(ActorKey)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Document, Edit, Stamp};
    use super::*;

    fn sample() -> Vec<u8> {
        let mut document = Document::default();
        let stamp = Stamp {
            actor: ActorKey([9; 8]),
            at: Millis(-1_234_567_890_123),
        };
        let edits = [Edit::new("place", "A"), Edit::new("ev/x/text", "b")];
        document
            .commit(stamp, &edits)
            .expect("ok")
            .expect("change")
            .bytes
    }

    #[test]
    fn the_head_of_a_change_is_read() {
        let head = check(&sample()).expect("sound");
        assert_eq!(head.actor, ActorKey([9; 8]));
        assert_eq!(
            (head.seq, head.start_op, head.at),
            (1, 1, Millis(-1_234_567_890_123))
        );
        assert!(head.deps.is_empty());
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_refused() {
        let sound = sample();
        for len in 0..sound.len() {
            assert!(check(&sound[..len]).is_err(), "cut at {len}");
        }
        for place in 0..sound.len() {
            for bit in 0..8 {
                let mut bytes = sound.clone();
                bytes[place] ^= 1 << bit;
                assert!(check(&bytes).is_err(), "byte {place} bit {bit}");
            }
        }
        let mut longer = sound;
        longer.push(0);
        assert_eq!(check(&longer), Err(DecodeError::Malformed));
    }

    #[test]
    fn a_change_beyond_the_limit_is_refused_unread() {
        assert_eq!(
            check(&vec![0; CHANGE_BYTES_MAX + 1]),
            Err(DecodeError::TooLarge)
        );
    }
}
