//! Results as runs: a batch is most often kept whole, at places that follow each other.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{BATCH_ITEMS_MAX, ItemResult};

impl ItemResult {
    /// The result of the item after one with this result, were the run to go on.
    const fn next(self) -> Self {
        match self {
            Self::Kept(place) => Self::Kept(place.wrapping_add(1)),
            Self::Had(place) => Self::Had(place.wrapping_add(1)),
            Self::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

pub(super) fn serialize<S: Serializer>(all: &[ItemResult], to: S) -> Result<S::Ok, S::Error> {
    let mut runs: Vec<(ItemResult, u32)> = Vec::new();
    let mut expected = None;
    for result in all {
        match runs.last_mut() {
            Some((_, count)) if expected == Some(*result) => *count += 1,
            _ => runs.push((*result, 1)),
        }
        expected = Some(result.next());
    }
    runs.serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ItemResult>, D::Error> {
    let runs = Vec::<(ItemResult, u32)>::deserialize(from)?;
    let mut all = Vec::new();
    for (first, count) in runs {
        let count = usize::try_from(count).map_err(D::Error::custom)?;
        if count > BATCH_ITEMS_MAX.saturating_sub(all.len()) {
            return Err(D::Error::custom("more results than a batch has items"));
        }
        all.extend(core::iter::successors(Some(first), |last| Some(last.next())).take(count));
    }
    Ok(all)
}
