//! What was cut on the way: the beginnings of requests and the answers that did not arrive whole.
//!
//! Kept in memory for some minutes, under names that only who sent or got the first bytes can know.
//! Nothing here counts as received: a request is looked at when it is whole, and a server that was
//! started again simply asks for it from its first byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
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

/// A request of which some has come.
#[derive(Debug)]
struct Begun {
    since: Instant,
    /// Where its first bytes came from.
    from: IpAddr,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Kept {
    requests: BTreeMap<PartId, Begun>,
    answers: BTreeMap<PartId, (Instant, Bytes)>,
}

impl Parts {
    /// Adds a piece to a request at `at`; where more of it is there already, nothing is added twice.
    ///
    /// Nobody knows yet who sends it, so nobody can be refused for what others send: where there are
    /// too many, the address that takes most room gives way, with what it began first.
    ///
    /// # Errors
    /// When the piece does not begin where the request ends so far, or when it becomes too large.
    pub fn add(
        &self,
        from: IpAddr,
        id: &PartId,
        at: usize,
        piece: &[u8],
    ) -> Result<usize, ApiError> {
        let mut kept = self.kept();
        let so_far = kept.requests.get(id).map_or(0, |begun| begun.bytes.len());
        let known = so_far.checked_sub(at).ok_or(ApiError::WrongOffset)?;
        let new = piece.get(known..).unwrap_or_default();
        if so_far + new.len() > limits::EXCHANGE_BODY_BYTES_MAX {
            return Err(ApiError::TooLarge);
        }
        let begun = kept.requests.entry(id.clone()).or_insert_with(|| Begun {
            since: Instant::now(),
            from,
            bytes: Vec::new(),
        });
        begun.bytes.extend_from_slice(new);
        begun.since = Instant::now();
        let come = begun.bytes.len();
        kept.make_room(id);
        Ok(come)
    }

    /// What came of a request; it stays until its answer is there. Whether the bytes are what the
    /// name says is asked once their sender is known.
    pub fn come(&self, id: &PartId) -> Option<Vec<u8>> {
        let kept = self.kept();
        kept.requests.get(id).map(|begun| begun.bytes.clone())
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
            .map(|begun| Part::Request(begun.bytes.len()))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.requests
            .retain(|_, begun| begun.since.elapsed() < limits::PARTS_KEPT);
        kept.answers
            .retain(|_, (since, _)| since.elapsed() < limits::PARTS_KEPT);
        kept
    }
}

impl Kept {
    /// Lets requests go until the rest is within its limits; `newest` stays.
    fn make_room(&mut self, newest: &PartId) {
        loop {
            let mut room: BTreeMap<IpAddr, usize> = BTreeMap::new();
            let mut total = 0;
            for (id, begun) in &self.requests {
                let takes = begun.bytes.len().max(limits::PART_BYTES_MIN);
                total += takes;
                if id != newest {
                    *room.entry(begun.from).or_default() += takes;
                }
            }
            if self.requests.len() <= limits::PARTS_MAX && total <= limits::PARTS_BYTES_MAX {
                return;
            }
            let most = room.into_iter().max_by_key(|(_, takes)| *takes);
            let oldest = self
                .requests
                .iter()
                .filter(|(id, begun)| {
                    *id != newest && most.is_some_and(|(from, _)| begun.from == from)
                })
                .min_by_key(|(_, begun)| begun.since)
                .map(|(id, _)| id.clone());
            let Some(oldest) = oldest else { return };
            self.requests.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(n: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))
    }

    #[test]
    fn a_request_grows_from_where_it_was_cut_and_nothing_is_added_twice() {
        let parts = Parts::default();
        let whole = b"a request that was cut";
        let id = PartId::of(whole);
        assert_eq!(parts.add(address(1), &id, 0, &whole[..9]), Ok(9));
        assert_eq!(parts.add(address(1), &id, 4, &whole[4..12]), Ok(12));
        assert_eq!(
            parts.add(address(1), &id, 13, &whole[13..]),
            Err(ApiError::WrongOffset)
        );
        assert_eq!(parts.find(&id), Some(Part::Request(12)));
        assert_eq!(
            parts.add(address(1), &id, 12, &whole[12..]),
            Ok(whole.len())
        );
        assert_eq!(parts.come(&id).as_deref(), Some(whole.as_slice()));
        parts.keep(id.clone(), Bytes::from_static(b"answer"));
        let answer = Part::Answer(Bytes::from_static(b"answer"));
        assert_eq!(parts.find(&id), Some(answer));
    }

    #[test]
    fn pr5_who_begins_many_requests_loses_his_own_and_nobody_elses() {
        let parts = Parts::default();
        let honest = PartId::of(b"from a village");
        let piece = vec![7; 20_000];
        let come = parts.add(address(1), &honest, 0, &piece);
        assert_eq!(come, Ok(piece.len()));
        let mut begun = 0_u32;
        let mut many = |bytes: usize, times: u32| {
            for _ in 0..times {
                begun += 1;
                let id = PartId::of(&begun.to_be_bytes());
                let come = parts.add(address(2), &id, 0, &vec![1; bytes]);
                assert_eq!(come, Ok(bytes));
            }
        };
        // Many small ones, and few that are as large as can be.
        many(1, 500);
        many(limits::EXCHANGE_BODY_BYTES_MAX, 40);
        let kept = parts.kept();
        let bytes: usize = kept.requests.values().map(|b| b.bytes.len()).sum();
        assert!(kept.requests.len() <= limits::PARTS_MAX && bytes <= limits::PARTS_BYTES_MAX);
        drop(kept);
        let more = parts.add(address(1), &honest, piece.len(), &piece);
        assert_eq!(more, Ok(2 * piece.len()));
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
