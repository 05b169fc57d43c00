//! Sums of sets of changes: two sides that hold the same changes have the same sum.
//!
//! A sum grows with each change and forgets their order, so it is kept up to date at the cost of an
//! addition. It finds what was lost by accident; against a liar stand the gate and the receipts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{ChangeHash, DocId, Part, UnitId};

/// One change of one document as an element of a set: its hash, mixed with the document's name, so
/// that equal changes of two documents are two elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark(pub [u8; 32]);

impl Mark {
    /// The mark of a change.
    #[must_use]
    pub fn of(doc: DocId, hash: ChangeHash) -> Self {
        let mut mark = hash.0;
        for (to, from) in mark.iter_mut().zip(doc.record.bytes()) {
            *to ^= from;
        }
        if doc.part == Part::Vault {
            mark[7] ^= 0x80;
        }
        Self(mark)
    }

    /// The first half, which is enough to ask for a change by.
    #[must_use]
    pub fn short(self) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(self.0.split_at(16).0);
        short
    }
}

/// The sum of a set of marks; the empty set has 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sum(pub u128);

/// A sum, as it travels.
pub type ShortSum = [u8; 8];

impl Sum {
    /// Adds an element.
    pub fn add(&mut self, mark: Mark) {
        self.0 = self.0.wrapping_add(u128::from_le_bytes(mark.short()));
    }

    /// Takes an element away.
    pub fn remove(&mut self, mark: Mark) {
        self.0 = self.0.wrapping_sub(u128::from_le_bytes(mark.short()));
    }

    /// The sum of both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// The sum of what is left of a set without a part of it.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }

    /// The form that travels.
    #[must_use]
    pub fn short(self) -> ShortSum {
        let [a, b, c, d, e, f, g, h, ..] = self.0.to_le_bytes();
        [a, b, c, d, e, f, g, h]
    }
}

/// The sums of several streams.
pub type Sums = BTreeMap<UnitId, Sum>;

/// The sum over some streams together; one that is not known counts as empty.
#[must_use]
pub fn combined<'a>(sums: &Sums, streams: impl IntoIterator<Item = &'a UnitId>) -> ShortSum {
    let all = streams.into_iter().filter_map(|stream| sums.get(stream));
    all.fold(Sum::default(), |sum, one| sum.with(*one)).short()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RecordId;

    #[test]
    fn a_sum_forgets_order_and_tells_documents_apart() {
        let body = DocId::body(RecordId::from_bytes([1; 16]));
        let vault = DocId::vault(RecordId::from_bytes([1; 16]));
        let marks = [
            Mark::of(body, ChangeHash([7; 32])),
            Mark::of(vault, ChangeHash([7; 32])),
            Mark::of(body, ChangeHash([8; 32])),
        ];
        let sum = |order: [usize; 3]| {
            let mut sum = Sum::default();
            order.into_iter().for_each(|place| sum.add(marks[place]));
            sum
        };
        assert_eq!(sum([0, 1, 2]), sum([2, 0, 1]));
        assert_ne!(sum([0, 1, 2]).short(), sum([0, 0, 2]).short());
        let mut less = sum([0, 1, 2]);
        less.remove(marks[1]);
        less.remove(marks[2]);
        less.remove(marks[0]);
        assert_eq!(less, Sum::default());
    }
}
