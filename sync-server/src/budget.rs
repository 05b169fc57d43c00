//! Memory before trust: how many bytes may be buffered, for callers not yet known and for known ones.
//!
//! Both budgets have a share for each of those who draw on them, so that one cannot take what all
//! need. Whoever gets no room waits for a bounded time, in a line of bounded length, and is then told
//! to come again. What was taken is given back when the permit is dropped.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use domain::sync::message::UNPACKED_BYTES_MAX;
use domain::sync::pack::RATIO_MAX;
use domain::sync::signed::DeviceHead;
use tokio::sync::oneshot;

use crate::error::ApiError;
use crate::limits;
use crate::prefix::Prefix;

/// All that is buffered for requests.
#[derive(Debug)]
pub struct Budget {
    /// For callers not yet known, by the prefix of their address.
    pub strangers: Pool<Prefix>,
    /// For known devices, by the beginning of their name.
    pub known: Pool<DeviceHead>,
    /// For long requests that only their last bytes prove, by the prefix of their address: the name of
    /// a device is no secret, and whoever says it must not take what is the device's.
    pub claims: Pool<Prefix>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            strangers: Pool::new(Sizes {
                all: limits::STRANGER_BYTES_MAX,
                share: limits::STRANGER_BYTES_PER_PREFIX_MAX,
            }),
            known: Pool::new(Sizes {
                all: limits::KNOWN_BYTES_MAX,
                share: limits::KNOWN_BYTES_PER_DEVICE_MAX,
            }),
            claims: Pool::new(Sizes {
                all: limits::CLAIM_BYTES_MAX,
                share: limits::CLAIM_BYTES_PER_PREFIX_MAX,
            }),
        }
    }
}

impl Budget {
    /// An answer to a device, with room until the last of it is on its way: its reader may be slow.
    /// A small one needs none.
    ///
    /// # Errors
    /// [`ApiError::Crowded`] when there is none for too long.
    pub async fn held(&self, device: DeviceHead, answer: Bytes) -> Result<Bytes, ApiError> {
        if answer.len() < limits::PART_BYTES_MIN {
            return Ok(answer);
        }
        let room = self.known.take(device, answer.len()).await?;
        Ok(room.with(answer))
    }
}

/// What a packed exchange of so many bytes takes: itself, and what it may unpack to.
#[must_use]
pub fn exchange_bytes(packed: usize) -> usize {
    let unpacked = packed.saturating_mul(RATIO_MAX).min(UNPACKED_BYTES_MAX);
    packed.saturating_add(unpacked)
}

/// How large a budget is.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Bytes in all.
    pub all: usize,
    /// Bytes for each who draws on it.
    pub share: usize,
}

/// A budget in bytes, with a share for each key.
#[derive(Debug)]
pub struct Pool<K: Ord + Copy>(Arc<Inner<K>>);

#[derive(Debug)]
struct Inner<K: Ord + Copy> {
    sizes: Sizes,
    used: Mutex<Used<K>>,
}

#[derive(Debug)]
struct Used<K: Ord + Copy> {
    all: usize,
    by: BTreeMap<K, usize>,
    waiting: VecDeque<Waiting<K>>,
}

#[derive(Debug)]
struct Waiting<K: Ord + Copy> {
    key: K,
    bytes: usize,
    room: oneshot::Sender<Permit<K>>,
}

/// Bytes that may be buffered until this is dropped.
#[derive(Debug)]
pub struct Permit<K: Ord + Copy> {
    pool: Arc<Inner<K>>,
    key: K,
    bytes: usize,
}

impl<K: Ord + Copy> Pool<K> {
    /// An empty budget of this size.
    #[must_use]
    pub fn new(sizes: Sizes) -> Self {
        Self(Arc::new(Inner {
            sizes,
            used: Mutex::new(Used {
                all: 0,
                by: BTreeMap::new(),
                waiting: VecDeque::new(),
            }),
        }))
    }

    /// Room for so many bytes; whoever asks for more than a share gets a share.
    ///
    /// # Errors
    /// [`ApiError::Crowded`] when there is none for too long, or too many wait for it.
    pub async fn take(&self, key: K, bytes: usize) -> Result<Permit<K>, ApiError> {
        self.take_within(limits::BUDGET_WAIT, key, bytes).await
    }

    async fn take_within(
        &self,
        patience: Duration,
        key: K,
        bytes: usize,
    ) -> Result<Permit<K>, ApiError> {
        let sizes = self.0.sizes;
        let bytes = bytes.min(sizes.share).min(sizes.all);
        let room = {
            let mut used = self.0.used();
            used.waiting.retain(|waiting| !waiting.room.is_closed());
            if !used.others_first(sizes, key) && used.fits(sizes, key, bytes) {
                used.add(key, bytes);
                return Ok(self.0.permit(key, bytes));
            }
            let of_key = used.waiting.iter().filter(|waiting| waiting.key == key);
            if of_key.count() >= limits::BUDGET_WAITING_PER_KEY_MAX
                || used.waiting.len() >= limits::BUDGET_WAITING_MAX
            {
                return Err(ApiError::Crowded);
            }
            let (room, taken) = oneshot::channel();
            used.waiting.push_back(Waiting { key, bytes, room });
            taken
        };
        match tokio::time::timeout(patience, room).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(ApiError::Crowded),
        }
    }

    /// Bytes that are taken at this moment.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.0.used().all
    }
}

impl<K: Ord + Copy> Permit<K> {
    /// Whose bytes they are.
    #[must_use]
    pub const fn key(&self) -> K {
        self.key
    }

    /// Bytes that give their room back when the last who holds them is done, such as an answer that
    /// is on its way to somebody slow.
    #[must_use]
    pub fn with(self, bytes: Bytes) -> Bytes
    where
        K: Send + Sync + 'static,
    {
        Bytes::from_owner(Kept { bytes, _room: self })
    }
}

struct Kept<K: Ord + Copy> {
    bytes: Bytes,
    _room: Permit<K>,
}

impl<K: Ord + Copy> AsRef<[u8]> for Kept<K> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<K: Ord + Copy> Inner<K> {
    fn used(&self) -> MutexGuard<'_, Used<K>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn permit(self: &Arc<Self>, key: K, bytes: usize) -> Permit<K> {
        Permit {
            pool: Arc::clone(self),
            key,
            bytes,
        }
    }

    /// Gives room to those who wait, the first first. Who waits for a share of their own holds up
    /// nobody else; who waits for the budget itself is not passed by.
    fn hand_out(self: &Arc<Self>) {
        let mut granted = Vec::new();
        let mut used = self.used();
        let mut passed = VecDeque::new();
        while let Some(next) = used.waiting.pop_front() {
            if next.room.is_closed() {
                continue;
            }
            let (key, bytes) = (next.key, next.bytes);
            let is_own_fault = !used.share_fits(self.sizes, key, bytes);
            let is_behind = passed.iter().any(|one: &Waiting<K>| one.key == key);
            if is_own_fault || is_behind {
                passed.push_back(next);
            } else if used.fits(self.sizes, key, bytes) {
                used.add(key, bytes);
                granted.push((next.room, self.permit(key, bytes)));
            } else {
                passed.push_back(next);
                break;
            }
        }
        passed.append(&mut used.waiting);
        used.waiting = passed;
        drop(used);
        for (room, permit) in granted {
            // Whoever has left meanwhile gives it back by dropping it.
            drop(room.send(permit));
        }
    }
}

impl<K: Ord + Copy> Drop for Permit<K> {
    fn drop(&mut self) {
        self.pool.used().give_back(self.key, self.bytes);
        self.pool.hand_out();
    }
}

impl<K: Ord + Copy> Used<K> {
    fn of(&self, key: K) -> usize {
        self.by.get(&key).copied().unwrap_or(0)
    }

    fn share_fits(&self, sizes: Sizes, key: K, bytes: usize) -> bool {
        self.of(key).saturating_add(bytes) <= sizes.share
    }

    fn fits(&self, sizes: Sizes, key: K, bytes: usize) -> bool {
        self.share_fits(sizes, key, bytes) && self.all.saturating_add(bytes) <= sizes.all
    }

    /// Whether somebody waits who must not be passed by.
    fn others_first(&self, sizes: Sizes, key: K) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|one| one.key == key || self.share_fits(sizes, one.key, one.bytes))
    }

    fn add(&mut self, key: K, bytes: usize) {
        self.all = self.all.saturating_add(bytes);
        *self.by.entry(key).or_default() += bytes;
    }

    fn give_back(&mut self, key: K, bytes: usize) {
        self.all = self.all.saturating_sub(bytes);
        let left = self.of(key).saturating_sub(bytes);
        if left == 0 {
            self.by.remove(&key);
        } else {
            self.by.insert(key, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes {
        all: 100,
        share: 40,
    };
    const SHORT: Duration = Duration::from_millis(20);

    async fn take(pool: &Pool<u8>, key: u8, bytes: usize) -> Result<Permit<u8>, ApiError> {
        pool.take_within(SHORT, key, bytes).await
    }

    #[tokio::test]
    async fn pr6_one_gets_no_more_than_a_share_and_all_no_more_than_there_is() {
        let pool = Pool::new(SIZES);
        let first = take(&pool, 1, 40).await.expect("a share");
        assert_eq!(take(&pool, 1, 1).await.err(), Some(ApiError::Crowded));
        // More than a share is a share.
        let second = take(&pool, 2, 1_000).await.expect("a share");
        let third = take(&pool, 3, 20).await.expect("the rest");
        assert_eq!(take(&pool, 4, 1).await.err(), Some(ApiError::Crowded));
        assert_eq!(pool.taken(), 100);
        drop((first, second, third));
        assert_eq!(pool.taken(), 0);
        assert!(pool.0.used().by.is_empty());
    }

    #[tokio::test]
    async fn pr6_whoever_waits_gets_what_others_give_back_in_turn() {
        let pool = Arc::new(Pool::new(SIZES));
        let held: Vec<_> = [(1, 40), (2, 40), (3, 20)].into();
        let mut permits = Vec::new();
        for (key, bytes) in held {
            permits.push(take(&pool, key, bytes).await.expect("room"));
        }
        let wait = |key, bytes| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.take(key, bytes).await })
        };
        // The first waits for its own share, the second for room, the third comes after it.
        let own = wait(1, 10);
        let large = wait(4, 40);
        tokio::task::yield_now().await;
        let small = wait(5, 1);
        tokio::task::yield_now().await;
        assert_eq!(pool.0.used().waiting.len(), 3);
        drop(permits.pop());
        tokio::task::yield_now().await;
        assert!(!small.is_finished(), "who came later does not pass");
        drop(permits.pop());
        let large = large.await.expect("runs").expect("room");
        let small = small.await.expect("runs").expect("room");
        assert_eq!(pool.taken(), 40 + 40 + 1);
        assert!(!own.is_finished(), "its own share is still taken");
        drop(permits.pop());
        let own = own.await.expect("runs").expect("room");
        drop((large, small, own));
        assert_eq!(pool.taken(), 0);
    }

    #[tokio::test]
    async fn pr6_whoever_leaves_while_waiting_takes_nothing_along() {
        let pool = Arc::new(Pool::new(SIZES));
        let all = take(&pool, 1, 40).await.expect("room");
        let waiting = {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.take(1, 40).await })
        };
        tokio::task::yield_now().await;
        waiting.abort();
        drop(waiting.await);
        drop(all);
        assert_eq!(pool.taken(), 0);
        for _ in 0..limits::BUDGET_WAITING_PER_KEY_MAX {
            let _held = take(&pool, 1, 40).await.expect("room again");
        }
    }

    #[tokio::test]
    async fn pr6_no_more_than_some_wait_for_one_share() {
        let pool = Arc::new(Pool::new(SIZES));
        let all = take(&pool, 1, 40).await.expect("room");
        for _ in 0..limits::BUDGET_WAITING_PER_KEY_MAX {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.take(1, 40).await });
        }
        tokio::task::yield_now().await;
        let refused = pool.take(1, 1).await;
        assert_eq!(refused.err(), Some(ApiError::Crowded));
        drop(take(&pool, 2, 40).await.expect("another's share is free"));
        drop(all);
    }

    #[tokio::test]
    async fn pr6_an_answer_keeps_its_room_until_the_last_of_it_is_gone() {
        let pool = Pool::new(SIZES);
        let room = take(&pool, 1, 30).await.expect("room");
        let answer = room.with(Bytes::from(vec![7; 30]));
        let rest = answer.slice(20..);
        drop(answer);
        assert_eq!((pool.taken(), rest.len()), (30, 10));
        drop(rest);
        assert_eq!(pool.taken(), 0);
    }
}
