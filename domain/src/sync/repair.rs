//! Finding and mending a difference between a device and the server, once their sums tell of one.
//!
//! First the sums of the streams are compared, then, for the streams that differ, ranges of changes
//! by the negentropy protocol: a few hundred bytes each way find one change among many thousands.
//! At the end the device knows what it alone has, which it sends again, and what it lacks, which it
//! asks for by name.

use std::collections::BTreeMap;

use negentropy::{Id, Negentropy, NegentropyStorageVector};
use serde::{Deserialize, Serialize};

use super::sum::{Mark, ShortSum};
use crate::id::{ChangeHash, DocId, RecordId, UnitId};

/// The largest message of a comparison in bytes.
const FRAME_BYTES_MAX: u64 = 32 * 1024;
/// The most messages of one comparison; far more than any set of changes needs.
pub const ROUNDS_MAX: u32 = 64;
/// The most changes that a device asks for by name in one request.
pub const WANTED_MAX: usize = 512;
/// The most streams in one question.
pub const STREAMS_MAX: usize = 4_096;

/// What a device asks in order to find a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Repair {
    /// Which of these streams have another sum at the server?
    Streams(Vec<(UnitId, ShortSum)>),
    /// The next message of a comparison of some streams.
    Ranges {
        /// The streams.
        streams: Vec<UnitId>,
        /// The message.
        message: Vec<u8>,
    },
    /// These changes are missing on the device.
    Wanted(Vec<[u8; 16]>),
    /// Everything of one record, before its turn: somebody wants to see it now.
    Record(RecordId),
}

/// What the server says to it; changes that were wanted come as entries of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Repaired {
    /// The streams that differ.
    Streams(Vec<UnitId>),
    /// The next message of the comparison.
    Ranges(Vec<u8>),
}

/// One change of a set that is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The grid of its record.
    pub grid: UnitId,
    /// The document.
    pub doc: DocId,
    /// Its name.
    pub hash: ChangeHash,
}

/// A comparison that cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the comparison makes no sense")]
pub struct Nonsense;

/// A set of changes in the order in which they are compared.
#[derive(Debug)]
pub struct Set {
    storage: NegentropyStorageVector,
}

impl Set {
    /// The set of these changes; one that comes twice counts once.
    ///
    /// # Errors
    /// When the library does not take them.
    pub fn of(changes: impl IntoIterator<Item = (DocId, ChangeHash)>) -> Result<Self, Nonsense> {
        let marks: BTreeMap<Mark, u64> = changes
            .into_iter()
            .map(|(doc, hash)| {
                (
                    Mark::of(doc, hash),
                    doc.record.created_at().0.unsigned_abs(),
                )
            })
            .collect();
        let mut storage = NegentropyStorageVector::with_capacity(marks.len());
        for (mark, at) in marks {
            // Changes of one time lie side by side: what was lost together is found together.
            let id = Id::from_byte_array(mark.0);
            storage.insert(at, id).map_err(|_| Nonsense)?;
        }
        storage.seal().map_err(|_| Nonsense)?;
        Ok(Self { storage })
    }

    /// The server's next message to a device's.
    ///
    /// # Errors
    /// When the device's message makes no sense.
    pub fn answer(&self, message: &[u8]) -> Result<Vec<u8>, Nonsense> {
        let mut side =
            Negentropy::borrowed(&self.storage, FRAME_BYTES_MAX).map_err(|_| Nonsense)?;
        side.reconcile(message).map_err(|_| Nonsense)
    }
}

/// A device's side of a comparison.
#[derive(Debug)]
pub struct Comparison {
    set: Set,
    rounds: u32,
    /// What the device alone has.
    pub ours: Vec<Mark>,
    /// What the device lacks.
    pub theirs: Vec<Mark>,
}

impl Comparison {
    /// Begins one: the comparison and its first message.
    ///
    /// # Errors
    /// When the library does not take the changes.
    pub fn begin(
        changes: impl IntoIterator<Item = (DocId, ChangeHash)>,
    ) -> Result<(Self, Vec<u8>), Nonsense> {
        let set = Set::of(changes)?;
        let message = Negentropy::borrowed(&set.storage, FRAME_BYTES_MAX)
            .and_then(|mut side| side.initiate())
            .map_err(|_| Nonsense)?;
        let comparison = Self {
            set,
            rounds: 0,
            ours: Vec::new(),
            theirs: Vec::new(),
        };
        Ok((comparison, message))
    }

    /// Takes the server's message; gives the next one, or none when the difference is known.
    ///
    /// # Errors
    /// When the message makes no sense, or there are too many.
    pub fn step(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, Nonsense> {
        self.rounds += 1;
        if self.rounds > ROUNDS_MAX {
            return Err(Nonsense);
        }
        let mut side =
            Negentropy::borrowed(&self.set.storage, FRAME_BYTES_MAX).map_err(|_| Nonsense)?;
        side.set_initiator();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let next = side
            .reconcile_with_ids(message, &mut ours, &mut theirs)
            .map_err(|_| Nonsense)?;
        let mark = |id: Id| Mark(id.to_bytes());
        self.ours.extend(ours.into_iter().map(mark));
        self.theirs.extend(theirs.into_iter().map(mark));
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RecordId;

    fn changes(range: core::ops::Range<u32>) -> Vec<(DocId, ChangeHash)> {
        use sha2::{Digest as _, Sha256};
        let change = |n: u32| {
            let hash: [u8; 32] = Sha256::digest(n.to_be_bytes()).into();
            let mut id = [0; 16];
            id[2..6].copy_from_slice(&(n / 3).to_be_bytes());
            (DocId::body(RecordId::from_bytes(id)), ChangeHash(hash))
        };
        range.map(change).collect()
    }

    fn compare(
        device: &[(DocId, ChangeHash)],
        server: &[(DocId, ChangeHash)],
    ) -> (Comparison, usize, u32) {
        let server = Set::of(server.iter().copied()).expect("a set");
        let (mut comparison, mut message) =
            Comparison::begin(device.iter().copied()).expect("begins");
        let (mut bytes, mut rounds) = (0, 0);
        loop {
            rounds += 1;
            let answer = server.answer(&message).expect("answers");
            bytes += message.len() + answer.len();
            match comparison.step(&answer).expect("goes on") {
                Some(next) => message = next,
                None => return (comparison, bytes, rounds),
            }
        }
    }

    #[test]
    fn one_lost_change_among_many_is_found_in_a_few_hundred_bytes() {
        let all = changes(0..10_000);
        let mut device = all.clone();
        let lost = device.remove(7_123);
        let (found, bytes, rounds) = compare(&device, &all);
        assert_eq!(found.ours, []);
        assert_eq!(found.theirs, [Mark::of(lost.0, lost.1)]);
        assert!(bytes < 3_000 && rounds <= 5, "{bytes} bytes in {rounds}");
    }

    #[test]
    fn both_sides_of_a_difference_are_found() {
        let (found, ..) = compare(&changes(0..900), &changes(300..2_000));
        assert_eq!(found.ours.len(), 300);
        assert_eq!(found.theirs.len(), 1_100);
        let (found, ..) = compare(&changes(0..900), &[]);
        assert_eq!((found.ours.len(), found.theirs.len()), (900, 0));
    }

    #[test]
    fn nonsense_is_an_error_and_no_panic() {
        let server = Set::of(changes(0..100)).expect("a set");
        let (mut comparison, message) = Comparison::begin(changes(50..150)).expect("begins");
        for cut in 1..message.len() {
            let _any = server.answer(&message[..cut]);
        }
        for byte in 0..=u8::MAX {
            let _any = server.answer(&[byte; 40]);
            let _any = comparison.step(&[0x61, byte, byte, byte]);
        }
        assert_eq!(server.answer(&[]), Err(Nonsense));
    }
}
