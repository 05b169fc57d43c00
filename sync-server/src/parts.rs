//! What was cut on the way: the beginnings of requests and the answers that did not arrive whole.
//!
//! Kept in memory for some minutes. What a device began and what it was answered belong to that device,
//! which proves itself to go on with either; the room is shared by device, so that nobody pushes
//! another's things out. Who has not joined yet may begin small requests, in a room of their own that
//! is shared by network. Nothing here counts as received: a request is looked at when it is whole, and
//! a server that was started again simply asks for it from its first byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::body::Bytes;
use domain::id::DeviceId;
use sha2::{Digest as _, Sha256};

use crate::error::ApiError;
use crate::limits;
use crate::prefix::Prefix;

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

/// Whose something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A device that has proven itself.
    Device(DeviceId),
    /// Somebody who has not joined, in this network.
    Stranger(Prefix),
}

impl Owner {
    /// The longest request that may be begun, in bytes.
    #[must_use]
    pub const fn request_bytes_max(self) -> usize {
        match self {
            Self::Device(_) => limits::EXCHANGE_BODY_BYTES_MAX,
            Self::Stranger(_) => limits::PART_STRANGER_BYTES_MAX,
        }
    }
}

/// All of them.
#[derive(Debug)]
pub struct Parts(Mutex<Kept>);

impl Default for Parts {
    fn default() -> Self {
        Self(Mutex::new(Kept {
            requests: Shelf::new(limits::PARTS_PER_DEVICE_MAX, limits::PARTS_BYTES_MAX),
            strangers: Shelf::new(
                limits::PARTS_PER_NETWORK_MAX,
                limits::PARTS_STRANGERS_BYTES_MAX,
            ),
            answers: Shelf::new(
                limits::ANSWERS_PER_DEVICE_MAX,
                limits::PARTS_ANSWERS_BYTES_MAX,
            ),
        }))
    }
}

#[derive(Debug)]
struct Kept {
    requests: Shelf<Vec<u8>>,
    strangers: Shelf<Vec<u8>>,
    answers: Shelf<Bytes>,
}

impl Parts {
    /// Adds a piece to a request at `at`; where more of it is there already, nothing is added twice.
    ///
    /// # Errors
    /// When the piece does not begin where the request ends so far, or when it becomes too large.
    pub fn add(
        &self,
        owner: Owner,
        id: &PartId,
        at: usize,
        piece: &[u8],
    ) -> Result<usize, ApiError> {
        let mut kept = self.kept();
        let shelf = kept.begun_by(owner);
        let so_far = shelf.find(owner, id).map_or(0, Vec::len);
        let known = so_far.checked_sub(at).ok_or(ApiError::WrongOffset)?;
        let new = piece.get(known..).unwrap_or_default();
        if so_far + new.len() > owner.request_bytes_max() {
            return Err(ApiError::TooLarge);
        }
        let lying = shelf.place(owner, id);
        lying.content.extend_from_slice(new);
        lying.since = Instant::now();
        let come = lying.content.len();
        shelf.make_room(owner, id);
        Ok(come)
    }

    /// What came of a request; it stays until its answer is there. Whether the bytes are what the
    /// name says is asked once their sender is known.
    pub fn come(&self, owner: Owner, id: &PartId) -> Option<Vec<u8>> {
        self.kept().begun_by(owner).find(owner, id).cloned()
    }

    /// Forgets a request that was refused.
    pub fn forget(&self, owner: Owner, id: &PartId) {
        self.kept().begun_by(owner).remove(owner, id);
    }

    /// A request of a stranger turned out to be the first of this device, which asks for it from now
    /// on.
    pub fn joined(&self, before: Owner, id: &PartId, device: DeviceId) {
        let mut kept = self.kept();
        if let Some(begun) = kept.strangers.remove(before, id) {
            let owner = Owner::Device(device);
            *kept.requests.place(owner, id) = begun;
            kept.requests.make_room(owner, id);
        }
    }

    /// Keeps an answer for the device that did not get all of it.
    pub fn keep(&self, device: DeviceId, id: &PartId, answer: Bytes) {
        let owner = Owner::Device(device);
        let mut kept = self.kept();
        kept.requests.remove(owner, id);
        kept.answers.settle(owner);
        *kept.answers.place(owner, id) = Lying {
            content: answer,
            ..Lying::default()
        };
        kept.answers.make_room(owner, id);
    }

    /// What there is under a name that is this one's. An answer that is asked for from some byte of it
    /// on is being fetched from then on, until the next answer of the same device.
    pub fn find(&self, owner: Owner, id: &PartId, from: usize) -> Option<Part> {
        let mut kept = self.kept();
        if let Some(lying) = kept.answers.find_mut(owner, id) {
            lying.wanted = lying.wanted || from < lying.content.len();
            return Some(Part::Answer(lying.content.clone()));
        }
        let begun = kept.begun_by(owner).find(owner, id)?;
        Some(Part::Request(begun.len()))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.requests.drop_old();
        kept.strangers.drop_old();
        kept.answers.drop_old();
        kept
    }
}

impl Kept {
    const fn begun_by(&mut self, owner: Owner) -> &mut Shelf<Vec<u8>> {
        match owner {
            Owner::Device(_) => &mut self.requests,
            Owner::Stranger(_) => &mut self.strangers,
        }
    }
}

/// A name, and whose it is.
type Name = (Owner, PartId);

/// Bytes under names, in a room that their owners share.
#[derive(Debug)]
struct Shelf<T> {
    lying: BTreeMap<Name, Lying<T>>,
    each_max: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Lying<T> {
    since: Instant,
    content: T,
    /// Its owner is fetching it: nobody else pushes it out.
    wanted: bool,
}

impl<T: Default> Default for Lying<T> {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            content: T::default(),
            wanted: false,
        }
    }
}

impl<T: AsRef<[u8]> + Default> Shelf<T> {
    const fn new(each_max: usize, bytes_max: usize) -> Self {
        Self {
            lying: BTreeMap::new(),
            each_max,
            bytes_max,
        }
    }

    fn find(&self, owner: Owner, id: &PartId) -> Option<&T> {
        let lying = self.lying.get(&(owner, id.clone()))?;
        Some(&lying.content)
    }

    fn find_mut(&mut self, owner: Owner, id: &PartId) -> Option<&mut Lying<T>> {
        self.lying.get_mut(&(owner, id.clone()))
    }

    fn place(&mut self, owner: Owner, id: &PartId) -> &mut Lying<T> {
        self.lying.entry((owner, id.clone())).or_default()
    }

    fn remove(&mut self, owner: Owner, id: &PartId) -> Option<Lying<T>> {
        self.lying.remove(&(owner, id.clone()))
    }

    /// Whoever asks for something else has all that it wanted.
    fn settle(&mut self, owner: Owner) {
        for (key, lying) in &mut self.lying {
            lying.wanted = lying.wanted && key.0 != owner;
        }
    }

    fn drop_old(&mut self) {
        self.lying
            .retain(|_, lying| lying.since.elapsed() < limits::PARTS_KEPT);
    }

    /// Lets things go until the rest is within its limits: an owner who has too many loses the
    /// oldest of them, then whoever takes most room does. Where nothing but what is being fetched is
    /// left, what came last is not kept.
    fn make_room(&mut self, owner: Owner, newest: &PartId) {
        let newest = (owner, newest.clone());
        while self.lying.keys().filter(|(of, _)| *of == owner).count() > self.each_max {
            let Some(oldest) = self.oldest(owner, (&newest, false)) else {
                break;
            };
            self.lying.remove(&oldest);
        }
        loop {
            let mut room: BTreeMap<Owner, usize> = BTreeMap::new();
            let mut total = 0;
            for (key, lying) in &self.lying {
                let takes = lying.content.as_ref().len().max(limits::PART_BYTES_MIN);
                total += takes;
                if *key != newest && !lying.wanted {
                    *room.entry(key.0).or_default() += takes;
                }
            }
            if total <= self.bytes_max {
                return;
            }
            let most = room.into_iter().max_by_key(|(_, takes)| *takes);
            let leaves = most.and_then(|(most, _)| self.oldest(most, (&newest, true)));
            let leaves = leaves.unwrap_or_else(|| newest.clone());
            if self.lying.remove(&leaves).is_none() {
                return;
            }
        }
    }

    /// The oldest thing of an owner beside the newest; what is being fetched only if that may go.
    fn oldest(&self, owner: Owner, (newest, stays): (&Name, bool)) -> Option<Name> {
        let of_owner = self
            .lying
            .iter()
            .filter(|(key, lying)| key.0 == owner && *key != newest && !(stays && lying.wanted));
        let oldest = of_owner.min_by_key(|(_, lying)| lying.since)?;
        Some(oldest.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn device(n: u16) -> Owner {
        let mut name = [0; 16];
        name[..2].copy_from_slice(&n.to_be_bytes());
        Owner::Device(DeviceId(name))
    }

    fn stranger(n: u8, host: u8) -> Owner {
        Owner::Stranger(Prefix::of(Ipv4Addr::new(192, 0, n, host).into()))
    }

    fn named(n: u32) -> PartId {
        PartId::of(&n.to_be_bytes())
    }

    #[test]
    fn a_request_grows_from_where_it_was_cut_and_nothing_is_added_twice() {
        let parts = Parts::default();
        let whole = b"a request that was cut";
        let id = PartId::of(whole);
        let one = device(1);
        assert_eq!(parts.add(one, &id, 0, &whole[..9]), Ok(9));
        assert_eq!(parts.add(one, &id, 4, &whole[4..12]), Ok(12));
        let gap = parts.add(one, &id, 13, &whole[13..]);
        assert_eq!(gap, Err(ApiError::WrongOffset));
        assert_eq!(parts.find(one, &id, usize::MAX), Some(Part::Request(12)));
        assert_eq!(parts.add(one, &id, 12, &whole[12..]), Ok(whole.len()));
        assert_eq!(parts.come(one, &id).as_deref(), Some(whole.as_slice()));
        parts.keep(DeviceId([0; 16]), &id, Bytes::from_static(b"another's"));
        assert_eq!(
            parts.find(one, &id, usize::MAX),
            Some(Part::Request(whole.len()))
        );
        let Owner::Device(own) = one else { return };
        parts.keep(own, &id, Bytes::from_static(b"answer"));
        let answer = Part::Answer(Bytes::from_static(b"answer"));
        assert_eq!(parts.find(one, &id, usize::MAX), Some(answer));
    }

    #[test]
    fn pr5_who_begins_many_requests_loses_his_own_and_nobody_elses() {
        let parts = Parts::default();
        let honest = PartId::of(b"from a village");
        let piece = vec![7; 20_000];
        let come = parts.add(device(1), &honest, 0, &piece);
        assert_eq!(come, Ok(piece.len()));
        let mut begun = 0_u32;
        let mut many = |bytes: usize, times: u32, by: &dyn Fn(u32) -> Owner| {
            for no in 0..times {
                begun += 1;
                let come = parts.add(by(no), &named(begun), 0, &vec![1; bytes]);
                assert_eq!(come, Ok(bytes));
            }
        };
        // Many small ones and few that are as large as can be of one device; one byte of each of 66
        // devices; and what strangers from everywhere begin.
        many(1, 500, &|_| device(2));
        many(limits::EXCHANGE_BODY_BYTES_MAX, 40, &|_| device(2));
        many(1, 66, &|no| device(u16::try_from(no).expect("few") + 3));
        many(1, 2_000, &|no| {
            let host = u8::try_from(no % 200).expect("few");
            stranger(u8::try_from(no / 200).expect("few"), host)
        });
        let mut kept = parts.kept();
        for shelf in [&kept.requests, &kept.strangers] {
            let bytes: usize = shelf.lying.values().map(|b| b.content.len()).sum();
            assert!(bytes <= shelf.bytes_max);
        }
        assert!(kept.begun_by(device(2)).lying.len() < 80);
        drop(kept);
        let more = parts.add(device(1), &honest, piece.len(), &piece);
        assert_eq!(more, Ok(2 * piece.len()));
    }

    #[test]
    fn pr13_nobody_goes_on_with_what_another_began() {
        let parts = Parts::default();
        let id = PartId::of(b"a request");
        assert_eq!(parts.add(device(1), &id, 0, b"a req"), Ok(5));
        for other in [device(2), stranger(1, 1)] {
            assert_eq!(parts.find(other, &id, usize::MAX), None);
            assert_eq!(
                parts.add(other, &id, 5, b"uest"),
                Err(ApiError::WrongOffset)
            );
            assert_eq!(parts.add(other, &id, 0, b"x"), Ok(1));
            parts.forget(other, &id);
        }
        assert_eq!(
            parts.find(device(1), &id, usize::MAX),
            Some(Part::Request(5))
        );
    }

    #[test]
    fn pr14_an_answer_that_is_being_fetched_is_pushed_out_by_nobody() {
        let parts = Parts::default();
        let size = limits::PARTS_ANSWERS_BYTES_MAX / 16;
        let answer = || Bytes::from(vec![0; size]);
        let of = |n| match device(n) {
            Owner::Device(id) => id,
            Owner::Stranger(_) => DeviceId([0; 16]),
        };
        parts.keep(of(0), &named(0), answer());
        assert!(parts.find(device(0), &named(0), 9).is_some());
        for n in 1..60 {
            parts.keep(of(n), &named(u32::from(n)), answer());
        }
        assert!(parts.find(device(0), &named(0), 19).is_some());
        // Its device asked for something else: from now on it makes room like any other.
        parts.keep(of(0), &PartId::of(b"next"), Bytes::new());
        for n in 60..120 {
            parts.keep(of(n), &named(u32::from(n)), answer());
        }
        assert_eq!(parts.find(device(0), &named(0), usize::MAX), None);
        assert!(parts.find(device(119), &named(119), usize::MAX).is_some());
    }

    #[test]
    fn pr14_a_device_that_is_answered_much_loses_its_own_older_answers() {
        let parts = Parts::default();
        let (Owner::Device(much), Owner::Device(other)) = (device(1), device(2)) else {
            return;
        };
        parts.keep(other, &named(0), Bytes::from_static(b"kept"));
        for n in 1..=100 {
            parts.keep(much, &named(n), Bytes::from(vec![0; 500_000]));
        }
        assert!(parts.find(device(2), &named(0), usize::MAX).is_some());
        assert_eq!(parts.find(device(1), &named(90), usize::MAX), None);
        assert!(parts.find(device(1), &named(100), usize::MAX).is_some());
    }

    #[test]
    fn pr15_strangers_of_one_network_share_its_room() {
        let parts = Parts::default();
        let honest = PartId::of(b"joins");
        assert_eq!(parts.add(stranger(1, 1), &honest, 0, &[1; 300]), Ok(300));
        for n in 0..1_000 {
            let host = u8::try_from(n % 250).expect("small");
            let _begun = parts.add(stranger(2, host), &named(n), 0, &[1; 4_000]);
        }
        assert_eq!(parts.add(stranger(1, 1), &honest, 300, &[1; 9]), Ok(309));
        let large = vec![1; limits::PART_STRANGER_BYTES_MAX + 1];
        let refused = parts.add(stranger(1, 1), &named(9), 0, &large);
        assert_eq!(refused, Err(ApiError::TooLarge));
    }

    #[test]
    fn a_network_is_24_bits_of_an_old_address_and_64_of_a_new_one() {
        let of = |text: &str| Prefix::of(text.parse().expect("an address"));
        assert_eq!(of("192.0.2.1"), of("192.0.2.200"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.7"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
    }
}
