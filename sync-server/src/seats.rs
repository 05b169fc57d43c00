//! Seats: how many connections may be open, and who gives way when there are no more.
//!
//! Whoever has proven nothing yet is a stranger. Strangers have seats of their own, with a share for
//! each prefix; among them the longest idle one of the prefix and address that hold most gives way to
//! a newcomer. A connection that brought a request of a known device moves to the seats of known
//! devices and never gives way to strangers. Connections of trusted proxies are counted apart.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use domain::sync::signed::DeviceHead;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::limits;
use crate::pace::{Allowance, Paces};
use crate::prefix::Prefix;

/// How many seats there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// For connections that have proven nothing.
    pub strangers: usize,
    /// Of these, for one prefix.
    pub strangers_per_prefix: usize,
    /// For connections of known devices.
    pub known: usize,
    /// For connections of trusted proxies.
    pub proxies: usize,
}

impl Plan {
    /// As many as the limits say, or fewer in the same proportions where the process may not open so
    /// many files.
    #[must_use]
    pub fn within(files: Option<usize>) -> Self {
        let most = Self {
            strangers: limits::STRANGERS_MAX,
            strangers_per_prefix: limits::STRANGERS_PER_PREFIX_MAX,
            known: limits::KNOWN_CONNECTIONS_MAX,
            proxies: limits::PROXY_CONNECTIONS_MAX,
        };
        let wanted = most.strangers + most.known + most.proxies;
        let Some(room) = files.map(|files| files.saturating_sub(limits::FILES_KEPT)) else {
            return most;
        };
        if room >= wanted {
            return most;
        }
        let part = |seats: usize| (seats * room / wanted).max(1);
        Self {
            strangers: part(most.strangers),
            strangers_per_prefix: part(most.strangers_per_prefix),
            known: part(most.known),
            proxies: part(most.proxies),
        }
    }
}

/// How many files this process may open; none where the system does not say.
#[must_use]
pub fn files_max() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// All seats.
#[derive(Debug, Clone)]
pub struct Seats(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plan: Plan,
    room: Mutex<Room>,
    paces: Paces,
}

#[derive(Debug, Default)]
struct Room {
    next: u64,
    taken: BTreeMap<u64, Taken>,
    chance: RandomState,
}

/// What is known of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Stranger,
    Known(DeviceHead),
    Proxy,
}

#[derive(Debug)]
struct Taken {
    ip: IpAddr,
    prefix: Prefix,
    standing: Standing,
    since: Instant,
    /// Requests that are being answered.
    busy: usize,
    quiet_since: Instant,
    leave: Arc<Notify>,
    handshakes: Arc<Semaphore>,
}

impl Seats {
    /// Empty seats.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self(Arc::new(Inner {
            plan,
            room: Mutex::new(Room::default()),
            paces: Paces::default(),
        }))
    }

    /// A seat for a connection from this address, and whether somebody had to give way; none when
    /// nobody could.
    #[must_use]
    pub fn take(&self, ip: IpAddr) -> Option<(Seat, bool)> {
        let mut room = self.room();
        let prefix = Prefix::of(ip);
        let (mut all, mut own) = (0, 0);
        for taken in room.strangers() {
            all += 1;
            own += usize::from(taken.prefix == prefix);
        }
        let is_share_full = own >= self.0.plan.strangers_per_prefix;
        let is_full = is_share_full || all >= self.0.plan.strangers;
        if is_full {
            let loser = room.loser(ip, is_share_full)?;
            room.dismiss(loser);
        }
        let seat = self.sit(&mut room, ip, Standing::Stranger);
        Some((seat, is_full))
    }

    /// A seat for a connection of a trusted proxy.
    #[must_use]
    pub fn take_for_proxy(&self, ip: IpAddr) -> Option<Seat> {
        let mut room = self.room();
        let proxies = room.taken.values();
        let proxies = proxies.filter(|taken| taken.standing == Standing::Proxy);
        if proxies.count() >= self.0.plan.proxies {
            return None;
        }
        Some(self.sit(&mut room, ip, Standing::Proxy))
    }

    fn sit(&self, room: &mut Room, ip: IpAddr, standing: Standing) -> Seat {
        let (id, leave, now) = (room.next, Arc::new(Notify::new()), Instant::now());
        room.next += 1;
        let prefix = Prefix::of(ip);
        let handshakes = room.handshakes(prefix);
        let taken = Taken {
            ip,
            prefix,
            standing,
            since: now,
            busy: 0,
            quiet_since: now,
            leave: Arc::clone(&leave),
            handshakes: Arc::clone(&handshakes),
        };
        room.taken.insert(id, taken);
        let lookups = match standing {
            Standing::Proxy => Semaphore::MAX_PERMITS,
            Standing::Stranger | Standing::Known(_) => limits::LOOKUPS_PER_CONNECTION_MAX,
        };
        // A proxy speaks for many.
        let is_one = standing != Standing::Proxy;
        Seat(Arc::new(Sitting {
            seats: self.clone(),
            id,
            leave,
            lookups: Arc::new(Semaphore::new(lookups)),
            handshakes,
            allowance: is_one.then(|| self.0.paces.allow(prefix)),
        }))
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.0.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn strangers(&self) -> impl Iterator<Item = &Taken> {
        let all = self.taken.values();
        all.filter(|taken| taken.standing == Standing::Stranger)
    }

    /// The one place for a handshake that all connections of a prefix share.
    fn handshakes(&self, prefix: Prefix) -> Arc<Semaphore> {
        let of_prefix = self.taken.values().find(|taken| taken.prefix == prefix);
        of_prefix.map_or_else(
            || Arc::new(Semaphore::new(1)),
            |taken| Arc::clone(&taken.handshakes),
        )
    }

    /// Who gives way to a newcomer: of the prefix that holds most, and there of the address that holds
    /// most, the longest idle, or one by chance where all are idle for a moment only, or else the oldest.
    /// Where nobody holds more than the newcomer would, it
    /// is one of the newcomer's own: a crowd that comes again and again takes from itself. Then one
    /// that is being answered and still fresh stays: otherwise a crowd of newcomers would push
    /// each other out before any of them was answered.
    fn loser(&self, newcomer: IpAddr, is_share_full: bool) -> Option<u64> {
        let own = Prefix::of(newcomer);
        let prefix = if is_share_full {
            Some(own)
        } else {
            most(self.strangers().map(|taken| taken.prefix), &own)
        };
        let is_more = prefix.is_some() && !is_share_full;
        let is_there = self.strangers().any(|taken| taken.prefix == own);
        let prefix = prefix.or(is_there.then_some(own));
        let is_of = |taken: &Taken| prefix.is_none_or(|prefix| taken.prefix == prefix);
        let addresses = self.strangers().filter(|taken| is_of(taken));
        let ip = most(addresses.map(|taken| taken.ip), &newcomer);
        let is_more = is_more || ip.is_some();
        let mut of_prefix = self.strangers().filter(|taken| is_of(taken));
        let is_there = of_prefix.any(|taken| taken.ip == newcomer);
        let ip = ip.or(is_there.then_some(newcomer));
        let is_of = |taken: &Taken| is_of(taken) && ip.is_none_or(|ip| taken.ip == ip);
        let all = self.taken.iter();
        let candidates =
            all.filter(|(_, taken)| taken.standing == Standing::Stranger && is_of(taken));
        let (id, first) = candidates
            .clone()
            .min_by_key(|(_, taken)| match taken.busy {
                0 => (false, taken.quiet_since),
                _ => (true, taken.since),
            })?;
        if first.busy == 0 && first.quiet_since.elapsed() < limits::STRANGER_QUIET {
            // All came just now: the oldest would be whoever has the longest way to the server.
            let idle = candidates.filter(|(_, taken)| taken.busy == 0);
            let idle: Vec<u64> = idle.map(|(id, _)| *id).collect();
            let place = self.chance.hash_one(self.next) % u64::try_from(idle.len()).ok()?.max(1);
            return idle.get(usize::try_from(place).ok()?).copied();
        }
        let is_fresh = first.busy > 0 && first.since.elapsed() < limits::STRANGER_FRESH;
        (is_more || !is_fresh).then_some(*id)
    }

    fn dismiss(&mut self, id: u64) {
        if let Some(taken) = self.taken.remove(&id) {
            taken.leave.notify_one();
        }
    }
}

/// The key that is there most often, if it is there more often than `newcomer` will be.
fn most<K: Ord>(keys: impl Iterator<Item = K>, newcomer: &K) -> Option<K> {
    let mut counts: BTreeMap<K, usize> = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    let own = counts.get(newcomer).copied().unwrap_or(0);
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.filter(|(_, count)| *count > own + 1)
        .map(|(key, _)| key)
}

/// One open connection; its place is free again when the last of it is dropped.
#[derive(Debug, Clone)]
pub struct Seat(Arc<Sitting>);

#[derive(Debug)]
struct Sitting {
    seats: Seats,
    id: u64,
    leave: Arc<Notify>,
    lookups: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    allowance: Option<Allowance>,
}

impl Seat {
    /// Notes that a request of this device came; the connection then gives way to no stranger.
    pub fn prove(&self, device: DeviceHead) {
        if let Some(allowance) = &self.0.allowance {
            allowance.prove();
        }
        let mut room = self.0.seats.room();
        let (mut all, mut own) = (0, 0);
        for taken in room.taken.values() {
            if let Standing::Known(other) = taken.standing {
                all += 1;
                own += usize::from(other == device);
            }
        }
        let is_room = all < self.0.seats.0.plan.known && own < limits::KNOWN_CONNECTIONS_PER_DEVICE;
        if let Some(taken) = room.taken.get_mut(&self.0.id)
            && taken.standing == Standing::Stranger
            && is_room
        {
            taken.standing = Standing::Known(device);
        }
    }

    /// Waits for the turn to be worked on before anything is known: one of each prefix at a time, so
    /// that a crowd from one waits among itself. None when the server stops.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.0.handshakes.acquire().await.ok()
    }

    /// What the connection may bring; none for a proxy's, which is not limited.
    pub(crate) fn allowance(&self) -> Option<&Allowance> {
        self.0.allowance.as_ref()
    }

    /// Notes that a request is being answered, until what is returned is dropped.
    #[must_use]
    pub fn busy(&self) -> Busy {
        if let Some(taken) = self.0.seats.room().taken.get_mut(&self.0.id) {
            taken.busy += 1;
        }
        Busy(self.clone())
    }

    /// Returns when the connection has to give way.
    pub async fn dismissed(&self) {
        self.0.leave.notified().await;
    }

    /// The places for requests whose senders are being looked up.
    #[must_use]
    pub fn lookups(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.lookups)
    }
}

impl Drop for Sitting {
    fn drop(&mut self) {
        self.seats.room().taken.remove(&self.id);
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Busy(Seat);

impl Drop for Busy {
    fn drop(&mut self) {
        let sitting = &self.0.0;
        if let Some(taken) = sitting.seats.room().taken.get_mut(&sitting.id) {
            taken.busy = taken.busy.saturating_sub(1);
            taken.quiet_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        strangers: 8,
        strangers_per_prefix: 4,
        known: 4,
        proxies: 2,
    };

    fn ip(net: u8, host: u8) -> IpAddr {
        IpAddr::from([10, 0, net, host])
    }

    fn take(seats: &Seats, ip: IpAddr) -> Seat {
        seats.take(ip).expect("a seat").0
    }

    async fn is_dismissed(seat: &Seat) -> bool {
        let now = std::time::Duration::from_millis(1);
        tokio::time::timeout(now, seat.dismissed()).await.is_ok()
    }

    fn count(seats: &Seats) -> usize {
        seats.room().taken.len()
    }

    #[tokio::test]
    async fn pr9_a_prefix_fills_its_share_alone_and_its_longest_idle_gives_way() {
        let seats = Seats::new(PLAN);
        let held: Vec<_> = (0..4).map(|n| take(&seats, ip(1, n))).collect();
        let _busy = held[0].busy();
        // The fifth of the same prefix: an idle one goes, the busy one stays.
        let (_fifth, gave_way) = seats.take(ip(1, 200)).expect("a seat");
        assert!(gave_way);
        assert_eq!(count(&seats), 4);
        let mut gone = Vec::new();
        for seat in &held {
            gone.push(is_dismissed(seat).await);
        }
        assert!(!gone[0] && gone.iter().filter(|gone| **gone).count() == 1);
        let (_other, gave_way) = seats
            .take(ip(2, 1))
            .expect("another prefix has its own share");
        assert!(!gave_way);
    }

    #[tokio::test]
    async fn pr9_when_all_are_taken_the_prefix_that_has_most_gives_way() {
        let seats = Seats::new(PLAN);
        let first: Vec<_> = (0..4).map(|n| take(&seats, ip(1, n))).collect();
        let second: Vec<_> = (0..4).map(|n| take(&seats, ip(2, n))).collect();
        let busy: Vec<_> = first.iter().chain(&second).map(Seat::busy).collect();
        let mut newcomers = Vec::new();
        for net in 3..9 {
            newcomers.push(take(&seats, ip(net, 1)));
        }
        assert_eq!(count(&seats), PLAN.strangers);
        for seat in &newcomers {
            assert!(!is_dismissed(seat).await, "who has one seat keeps it");
        }
        drop(busy);
        drop((first, second, newcomers));
        assert_eq!(count(&seats), 0);
    }

    #[tokio::test]
    async fn pr9_a_crowd_that_comes_again_and_again_takes_from_itself() {
        let seats = Seats::new(PLAN);
        let mut crowd: Vec<_> = (0..4).map(|_| take(&seats, ip(1, 1))).collect();
        crowd.extend((0..3).map(|_| take(&seats, ip(2, 1))));
        // Quiet for longer than anybody who comes after it, and alone in its prefix.
        let honest = take(&seats, ip(3, 1));
        for _ in 0..50 {
            crowd.push(take(&seats, ip(1, 1)));
            crowd.push(take(&seats, ip(2, 1)));
            crowd.drain(..2);
        }
        assert!(!is_dismissed(&honest).await);
    }

    #[tokio::test]
    async fn pr9_within_a_prefix_the_address_that_has_most_gives_way() {
        let seats = Seats::new(PLAN);
        let many: Vec<_> = (0..4).map(|_| take(&seats, ip(1, 1))).collect();
        let _busy: Vec<_> = many.iter().map(Seat::busy).collect();
        let neighbour = take(&seats, ip(1, 2));
        let _asked = neighbour.busy();
        assert!(!is_dismissed(&neighbour).await);
        // More of the same address do not push each other out before they could be answered.
        assert!(seats.take(ip(1, 1)).is_none());
        assert!(!is_dismissed(&neighbour).await);
    }

    #[tokio::test]
    async fn pr9_known_devices_give_way_to_no_stranger_and_are_not_counted_among_them() {
        let seats = Seats::new(PLAN);
        let known: Vec<_> = (0..4).map(|n| take(&seats, ip(1, n))).collect();
        for (seat, name) in known.iter().zip(1_u8..) {
            seat.prove([name; 8]);
        }
        // A whole town behind one address: its strangers have their share beside the known ones.
        let strangers: Vec<_> = (0..4).map(|n| take(&seats, ip(1, n))).collect();
        for n in 0..50 {
            let _newcomer = seats.take(ip(n, 9));
        }
        for seat in &known {
            assert!(!is_dismissed(seat).await);
        }
        // The seats of the known are limited too: one more remains a stranger.
        strangers[0].prove([9; 8]);
        let room = seats.room();
        let known = room.taken.values();
        let known = known.filter(|taken| matches!(taken.standing, Standing::Known(_)));
        assert_eq!(known.count(), PLAN.known);
    }

    #[test]
    fn pr9_one_device_keeps_few_seats_and_a_proxy_has_its_own() {
        let seats = Seats::new(Plan { known: 64, ..PLAN });
        let mut held = Vec::new();
        for n in 0..=limits::KNOWN_CONNECTIONS_PER_DEVICE {
            let seat = take(&seats, ip(u8::try_from(n).expect("few"), 1));
            seat.prove([1; 8]);
            held.push(seat);
        }
        assert_eq!(seats.room().strangers().count(), 1);
        let proxies: Vec<_> = (0..3).map(|_| seats.take_for_proxy(ip(0, 1))).collect();
        assert!(proxies[0].is_some() && proxies[1].is_some() && proxies[2].is_none());
        assert_eq!(seats.room().strangers().count(), 1);
    }

    #[tokio::test]
    async fn pr18_one_of_a_prefix_shakes_hands_at_a_time_and_another_prefix_does_not_wait() {
        let seats = Seats::new(PLAN);
        let (first, second) = (take(&seats, ip(1, 1)), take(&seats, ip(1, 2)));
        let other = take(&seats, ip(2, 1));
        let turn = first.turn().await.expect("a turn");
        let now = std::time::Duration::from_millis(1);
        let waits = tokio::time::timeout(now, second.turn()).await;
        assert!(waits.is_err());
        assert!(other.turn().await.is_some());
        drop(turn);
        assert!(second.turn().await.is_some());
    }

    #[test]
    fn where_fewer_files_may_be_open_there_are_fewer_seats() {
        let most = Plan::within(None);
        assert_eq!(Plan::within(Some(1_000_000)), most);
        let few = Plan::within(Some(1_024));
        let all = few.strangers + few.known + few.proxies;
        assert!(all + limits::FILES_KEPT <= 1_024, "{few:?}");
        assert!(few.strangers_per_prefix * 2 < few.strangers && few.known > few.strangers);
        assert!(Plan::within(Some(0)).known >= 1);
    }
}
