//! The check of a change, down to its last byte, before the merge library sees any of it.
//!
//! Layout of a change chunk (Automerge binary format, "change chunk"): magic 4 bytes, checksum 4
//! bytes, type 1 byte, length LEB128, then dependencies, actor, seq, first op, time, message,
//! other actors, columns. The checksum is the head of the SHA-256 over type, length and contents;
//! the whole digest is the change's hash.

mod columns;
mod reader;
mod runs;

use sha2::{Digest, Sha256};

use super::CHANGE_BYTES_MAX;
use crate::id::{ActorKey, ChangeHash};
use crate::time::Millis;
pub(super) use columns::{Action, Actors, OpId, Scalar, Step};

use columns::Columns;
use reader::Reader;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const TYPE_CHANGE: u8 = 1;
/// Magic number and checksum, which are not hashed.
const CHECKED_BYTES: usize = 8;
/// The most changes that one change may follow directly.
pub const DEPS_MAX: u64 = 64;
/// The most authors that one change may name.
pub const ACTORS_MAX: u64 = 64;
/// The highest operation number: a document in use for decades has some thousands.
pub const OP_MAX: u64 = 10_000_000;
/// The most operations of one change; a registration with full texts has about a hundred.
pub const OPS_MAX: u64 = 2_000;
/// The most earlier operations that all operations of one change may take the place of.
pub const PREDS_MAX: u64 = 4_000;
/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 128;
/// The furthest time from 1970, either way, in milliseconds: what a browser's date can hold.
pub const AT_MS_MAX: u64 = 8_640_000_000_000_000;

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
    /// It uses lists, insertions or other operations that no document here has.
    #[error("an operation of a kind that is not used here")]
    Operation,
    /// Its numbers, objects or replaced values do not follow from the changes that it names.
    #[error("the change does not follow from the ones that it names")]
    History,
    /// Too many changes of its document already wait for others that have not come.
    #[error("too many changes wait for others")]
    Waiting,
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
    /// How many operations it has, at least one.
    pub ops: u64,
    /// The device's clock when it was made.
    pub at: Millis,
}

impl ChangeHead {
    /// The number of its last operation.
    #[must_use]
    pub const fn max_op(&self) -> u64 {
        self.start_op.saturating_add(self.ops).saturating_sub(1)
    }
}

/// Checks a change whole: its checksum, its bounds and each of its operations.
///
/// # Errors
/// When the bytes are not exactly one sound, uncompressed change within the limits, in the form that
/// the merge library writes.
pub fn check(bytes: &[u8]) -> Result<ChangeHead, DecodeError> {
    let framed = Framed::read(bytes)?;
    framed.walk(&mut |_| Ok(()))?;
    Ok(framed.head)
}

/// Bytes with the name that they have as a change. They are hashed once, here, and not again by all
/// who ask for the name on the way: hashing was a tenth of what a server did with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashed {
    hash: ChangeHash,
    bytes: Vec<u8>,
}

impl Hashed {
    /// Hashes what may be a change; bytes that are none get some other name that nothing follows.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        let hash = Self::name(&bytes);
        Self { hash, bytes }
    }

    /// Bytes that were kept under a name, if they are still the ones that it names, down to what
    /// stands before the hashed part: magic number and checksum. Otherwise they are given back.
    ///
    /// # Errors
    /// The bytes, where they do not fit.
    pub fn kept(hash: ChangeHash, bytes: Vec<u8>) -> Result<Self, Vec<u8>> {
        let head = bytes.strip_prefix(&MAGIC);
        let checksum = head.and_then(|rest| rest.first_chunk::<{ CHECKED_BYTES - MAGIC.len() }>());
        let begins = checksum.is_some_and(|checksum| hash.0.starts_with(checksum));
        if begins && Self::name(&bytes) == hash {
            Ok(Self { hash, bytes })
        } else {
            Err(bytes)
        }
    }

    /// The name of what may be a change.
    #[must_use]
    pub fn name(bytes: &[u8]) -> ChangeHash {
        let hashed = bytes.get(CHECKED_BYTES..).unwrap_or(bytes);
        ChangeHash(Sha256::digest(hashed).into())
    }

    /// Writes a change: type, length and contents are `body`, what goes before follows from them.
    pub(crate) fn written(body: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(body).into();
        let mut bytes = Vec::with_capacity(CHECKED_BYTES + body.len());
        bytes.extend(MAGIC);
        bytes.extend(digest.iter().take(CHECKED_BYTES - MAGIC.len()));
        bytes.extend(body);
        let hash = ChangeHash(digest);
        Self { hash, bytes }
    }

    /// Its name.
    #[must_use]
    pub const fn hash(&self) -> ChangeHash {
        self.hash
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes alone.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// A change that was checked whole, with each of its operations.
#[derive(Debug)]
pub struct Sound<'a> {
    pub(super) framed: Framed<'a>,
    pub(super) steps: Vec<Step<'a>>,
}

impl<'a> Sound<'a> {
    /// Checks a change as [`check()`] does and keeps what was read, so that nobody reads it twice.
    ///
    /// # Errors
    /// As [`check()`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Self::of(Framed::read(bytes)?)
    }

    /// The same with bytes that were hashed before.
    ///
    /// # Errors
    /// As [`check()`].
    pub fn read_hashed(change: &'a Hashed) -> Result<Self, DecodeError> {
        Self::of(Framed::read_as(&change.bytes, Some(change.hash))?)
    }

    fn of(framed: Framed<'a>) -> Result<Self, DecodeError> {
        let mut steps = Vec::new();
        framed.walk(&mut |step| {
            steps.push(step);
            Ok(())
        })?;
        Ok(Self { framed, steps })
    }

    /// What the change says of itself.
    #[must_use]
    pub const fn head(&self) -> &ChangeHead {
        &self.framed.head
    }
}

/// The author that bytes name, if they are a change at all: nothing else of them is looked at.
#[must_use]
pub fn author(bytes: &[u8]) -> Option<ActorKey> {
    let mut reader = Reader::new(bytes);
    let mut read = || {
        reader.take(MAGIC.len() + 4 + 1)?;
        reader.unsigned()?;
        deps(&mut reader)?;
        reader.actor()
    };
    read().ok()
}

/// A change whose head and checksum are sound; its operations were only counted.
#[derive(Debug)]
pub(super) struct Framed<'a> {
    pub(super) head: ChangeHead,
    pub(super) actors: Actors<'a>,
    columns: Columns<'a>,
}

impl<'a> Framed<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Self::read_as(bytes, None)
    }

    /// Reads bytes whose name is known, or that are still to be hashed.
    fn read_as(bytes: &'a [u8], known: Option<ChangeHash>) -> Result<Self, DecodeError> {
        if bytes.len() > CHANGE_BYTES_MAX {
            return Err(DecodeError::TooLarge);
        }
        let mut reader = Reader::new(bytes);
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
        let hash = known.unwrap_or_else(|| ChangeHash(Sha256::digest(hashed).into()));
        if !hash.0.starts_with(checksum) {
            return Err(DecodeError::Checksum);
        }
        Self::contents(&mut reader, hash)
    }

    fn contents(reader: &mut Reader<'a>, hash: ChangeHash) -> Result<Self, DecodeError> {
        let deps = deps(reader)?;
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
        if at.0.unsigned_abs() > AT_MS_MAX {
            return Err(DecodeError::Bounds);
        }
        // A message, which nobody writes here.
        reader.count(0)?;
        let actors = Actors::read(reader, actor, ACTORS_MAX)?;
        let columns = Columns::read(reader)?;
        let head = ChangeHead {
            hash,
            deps,
            actor,
            seq,
            start_op,
            ops: columns.ops()?,
            at,
        };
        Ok(Self {
            head,
            actors,
            columns,
        })
    }

    /// Goes through all operations and checks each; `see` may refuse as well.
    pub(super) fn walk(
        &self,
        see: &mut dyn FnMut(Step<'a>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.columns.walk(self.head.start_op, self.actors, see)
    }
}

/// The changes that one follows, each named once, in the order of their bytes.
fn deps(reader: &mut Reader<'_>) -> Result<Vec<ChangeHash>, DecodeError> {
    let count = reader.count(DEPS_MAX)?;
    let (names, _) = reader
        .take_counted(count.saturating_mul(32))?
        .as_chunks::<32>();
    if names.is_sorted_by(|one, next| one < next) {
        Ok(names.iter().map(|name| ChangeHash(*name)).collect())
    } else {
        Err(DecodeError::Malformed)
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
        assert_eq!((head.ops, head.max_op()), (4, 4));
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
