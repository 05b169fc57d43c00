//! What was cut on the way: the beginnings of requests and the answers that did not arrive whole.
//!
//! Kept in memory for some minutes, under names that only who sent or got the first bytes can know.
//! Nothing here counts as received: a request is looked at when it is whole, and a server that was
//! started again simply asks for it from its first byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::body::Bytes;
use sha2::{Digest as _, Sha256};

use crate::error::ApiError;
use crate::limits;

/// Names a request or an answer by its content: 24 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartId(String);

impl PartId {
    /// The name of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        Self(
            digest
                .iter()
                .take(12)
                .fold(String::new(), |mut text, byte| {
                    // Writing into a `String` cannot fail.
                    let _ok = write!(text, "{byte:02x}");
                    text
                }),
        )
    }

    /// Reads a name.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let sound =
            text.len() == 24 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        sound.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What there is under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A request of which so many bytes have come.
    Request(usize),
    /// The answer, whole.
    Answer(Bytes),
}

/// All of them.
#[derive(Debug, Default)]
pub struct Parts(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    requests: BTreeMap<PartId, (Instant, Vec<u8>)>,
    answers: BTreeMap<PartId, (Instant, Bytes)>,
}

impl Parts {
    /// Adds a piece to a request at `at`; where more of it is there already, nothing is added twice.
    ///
    /// # Errors
    /// When the piece does not begin where the request ends so far, or there are too many.
    pub fn add(&self, id: &PartId, at: usize, piece: &[u8]) -> Result<usize, ApiError> {
        let mut kept = self.kept();
        if !kept.requests.contains_key(id) && kept.requests.len() >= limits::PARTS_MAX {
            return Err(ApiError::Busy);
        }
        let fresh = || (Instant::now(), Vec::new());
        let (since, bytes) = kept.requests.entry(id.clone()).or_insert_with(fresh);
        let known = bytes.len().checked_sub(at).ok_or(ApiError::WrongOffset)?;
        let new = piece.get(known..).unwrap_or_default();
        if bytes.len() + new.len() > limits::EXCHANGE_BODY_BYTES_MAX {
            return Err(ApiError::TooLarge);
        }
        bytes.extend_from_slice(new);
        *since = Instant::now();
        Ok(bytes.len())
    }

    /// What came of a request; it stays until its answer is there. Whether the bytes are what the
    /// name says is asked once their sender is known.
    pub fn come(&self, id: &PartId) -> Option<Vec<u8>> {
        let kept = self.kept();
        kept.requests.get(id).map(|(_, bytes)| bytes.clone())
    }

    /// Forgets a request that was refused.
    pub fn forget(&self, id: &PartId) {
        self.kept().requests.remove(id);
    }

    /// Keeps an answer for who did not get all of it; the oldest make room.
    pub fn keep(&self, id: PartId, answer: Bytes) {
        let mut kept = self.kept();
        kept.requests.remove(&id);
        kept.answers.insert(id, (Instant::now(), answer));
        while kept.answers.len() > limits::PARTS_MAX
            || kept
                .answers
                .values()
                .map(|(_, bytes)| bytes.len())
                .sum::<usize>()
                > limits::PARTS_BYTES_MAX
        {
            let oldest = kept.answers.iter().min_by_key(|(_, (since, _))| *since);
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else {
                return;
            };
            kept.answers.remove(&oldest);
        }
    }

    /// What there is under a name.
    pub fn find(&self, id: &PartId) -> Option<Part> {
        let kept = self.kept();
        if let Some((_, answer)) = kept.answers.get(id) {
            return Some(Part::Answer(answer.clone()));
        }
        kept.requests
            .get(id)
            .map(|(_, bytes)| Part::Request(bytes.len()))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.requests
            .retain(|_, (since, _)| since.elapsed() < limits::PARTS_KEPT);
        kept.answers
            .retain(|_, (since, _)| since.elapsed() < limits::PARTS_KEPT);
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_grows_from_where_it_was_cut_and_nothing_is_added_twice() {
        let parts = Parts::default();
        let whole = b"a request that was cut";
        let id = PartId::of(whole);
        assert_eq!(parts.add(&id, 0, &whole[..9]), Ok(9));
        assert_eq!(parts.add(&id, 4, &whole[4..12]), Ok(12));
        assert_eq!(parts.add(&id, 13, &whole[13..]), Err(ApiError::WrongOffset));
        assert_eq!(parts.find(&id), Some(Part::Request(12)));
        assert_eq!(parts.add(&id, 12, &whole[12..]), Ok(whole.len()));
        assert_eq!(parts.come(&id).as_deref(), Some(whole.as_slice()));
        parts.keep(id.clone(), Bytes::from_static(b"answer"));
        let answer = Part::Answer(Bytes::from_static(b"answer"));
        assert_eq!(parts.find(&id), Some(answer));
    }

    #[test]
    fn the_oldest_answers_make_room() {
        let parts = Parts::default();
        let size = limits::PARTS_BYTES_MAX / 4;
        let ids: Vec<_> = (0..6_u8).map(|n| PartId::of(&[n])).collect();
        for id in &ids {
            parts.keep(id.clone(), Bytes::from(vec![0; size]));
        }
        let found: Vec<_> = ids.iter().map(|id| parts.find(id).is_some()).collect();
        assert_eq!(found, [false, false, true, true, true, true]);
    }
}
