//! The brake on guessing invitation codes: only failures are braked, and a right code gets through.
//!
//! Up to so many failures of a prefix, and of all together, an attempt is judged at once. Beyond that
//! attempts go one at a time through a lane, at a fixed distance: each is still judged truly, so that
//! a right code joins, and a wrong one hears only that there were too many. Prefixes that are below
//! their own limit go first, then each prefix in turn, and within it each address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::ApiError;
use crate::limits;
use crate::prefix::Prefix;

/// Counts failed attempts to join, and makes those wait that come from where there were many.
#[derive(Debug, Clone)]
pub struct JoinBrake {
    state: Arc<Mutex<State>>,
    step: Duration,
}

impl Default for JoinBrake {
    fn default() -> Self {
        Self::with_step(limits::JOIN_LANE_STEP)
    }
}

#[derive(Debug, Default)]
struct State {
    since: Option<Instant>,
    failures: u32,
    lines: BTreeMap<Prefix, Line>,
    lane: Vec<Waiting>,
    tickets: u64,
    is_driven: bool,
    next_turn: Option<Instant>,
}

/// What is remembered of a prefix.
#[derive(Debug, Default)]
struct Line {
    failures: u32,
    /// Its last turn in the lane, and those of its addresses.
    turn: u64,
    turns: BTreeMap<IpAddr, u64>,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    ip: IpAddr,
    prefix: Prefix,
    turn: oneshot::Sender<()>,
}

impl JoinBrake {
    fn with_step(step: Duration) -> Self {
        Self {
            state: Arc::default(),
            step,
        }
    }

    /// Leave for one attempt, after a wait where there were too many failures. It counts as a failure
    /// until it was judged.
    ///
    /// # Errors
    /// [`ApiError::TooMany`] when too many wait already, or the wait is too long.
    pub async fn attempt(&self, ip: IpAddr) -> Result<Attempt, ApiError> {
        let prefix = Prefix::of(ip);
        let turn = {
            let mut state = self.state();
            if !state.is_braked(prefix) {
                state.count(prefix);
                return Ok(self.leave(prefix, false));
            }
            state.make_place(ip, prefix)?;
            let (turn, came) = oneshot::channel();
            state.tickets += 1;
            let ticket = state.tickets;
            state.lane.push(Waiting {
                ticket,
                ip,
                prefix,
                turn,
            });
            if !std::mem::replace(&mut state.is_driven, true) {
                tokio::spawn(self.clone().drive());
            }
            came
        };
        match tokio::time::timeout(limits::JOIN_LANE_WAIT, turn).await {
            Ok(Ok(())) => Ok(self.leave(prefix, true)),
            Ok(Err(_)) | Err(_) => Err(ApiError::TooMany),
        }
    }

    fn leave(&self, prefix: Prefix, waited: bool) -> Attempt {
        Attempt {
            brake: self.clone(),
            prefix,
            waited,
        }
    }

    /// Gives one after the other its turn, until nobody waits.
    async fn drive(self) {
        loop {
            let next = self.state().next_turn;
            if let Some(next) = next {
                tokio::time::sleep_until(next).await;
            }
            let mut state = self.state();
            if !state.give_turn() {
                state.is_driven = false;
                return;
            }
            state.next_turn = Some(Instant::now() + self.step);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let over = state
            .since
            .is_none_or(|since| since.elapsed() > limits::JOIN_WINDOW);
        if over {
            state.since = Some(Instant::now());
            state.failures = 0;
            state.lines.clear();
        }
        state
    }
}

impl State {
    fn is_braked(&self, prefix: Prefix) -> bool {
        self.failures >= limits::JOIN_FAILURES_MAX || !self.is_below(prefix)
    }

    fn is_below(&self, prefix: Prefix) -> bool {
        let line = self.lines.get(&prefix);
        line.is_none_or(|line| line.failures < limits::JOIN_FAILURES_PER_PREFIX_MAX)
    }

    fn count(&mut self, prefix: Prefix) {
        self.failures = self.failures.saturating_add(1);
        if let Some(line) = self.line(prefix) {
            line.failures = line.failures.saturating_add(1);
        }
    }

    fn forgive(&mut self, prefix: Prefix) {
        self.failures = self.failures.saturating_sub(1);
        if let Some(line) = self.lines.get_mut(&prefix) {
            line.failures = line.failures.saturating_sub(1);
        }
    }

    fn line(&mut self, prefix: Prefix) -> Option<&mut Line> {
        let is_room = self.lines.len() < limits::JOIN_ADDRESSES_MAX;
        if is_room || self.lines.contains_key(&prefix) {
            return Some(self.lines.entry(prefix).or_default());
        }
        None
    }

    /// Makes a place in the lane. Where a prefix has all of its own, its address with most waiting
    /// gives the newest back; where all are taken, so does the prefix with most, or else the own.
    fn make_place(&mut self, ip: IpAddr, prefix: Prefix) -> Result<(), ApiError> {
        self.lane.retain(|waiting| !waiting.turn.is_closed());
        let own = self.waiting(prefix);
        if own >= limits::JOIN_LANE_PER_PREFIX_MAX {
            return self.shorten(prefix, Some(ip));
        }
        if self.lane.len() < limits::JOIN_LANE_MAX {
            return Ok(());
        }
        let prefixes = self.lane.iter().map(|waiting| waiting.prefix);
        let most = prefixes.max_by_key(|prefix| self.waiting(*prefix));
        match most.filter(|most| self.waiting(*most) > own + 1) {
            Some(most) => self.shorten(most, None),
            None => self.shorten(prefix, Some(ip)),
        }
    }

    fn waiting(&self, prefix: Prefix) -> usize {
        let own = self.lane.iter().filter(|waiting| waiting.prefix == prefix);
        own.count()
    }

    fn shorten(&mut self, prefix: Prefix, newcomer: Option<IpAddr>) -> Result<(), ApiError> {
        let mut by_ip: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for waiting in self.lane.iter().filter(|one| one.prefix == prefix) {
            *by_ip.entry(waiting.ip).or_default() += 1;
        }
        let own = newcomer.map_or(0, |ip| by_ip.get(&ip).copied().unwrap_or(0) + 1);
        let most = by_ip.into_iter().max_by_key(|(_, count)| *count);
        let (ip, _) = most
            .filter(|(_, count)| *count > own)
            .ok_or(ApiError::TooMany)?;
        if let Some(newest) = self.lane.iter().rposition(|waiting| waiting.ip == ip) {
            // Its sender hears that there were too many.
            drop(self.lane.remove(newest));
        }
        Ok(())
    }

    /// Gives the next its turn; false when nobody waits.
    fn give_turn(&mut self) -> bool {
        while let Some(at) = self.next() {
            let next = self.lane.remove(at);
            if next.turn.send(()).is_err() {
                continue;
            }
            self.tickets += 1;
            let turn = self.tickets;
            if let Some(line) = self.line(next.prefix) {
                line.turn = turn;
                line.turns.insert(next.ip, turn);
            }
            self.count(next.prefix);
            return true;
        }
        false
    }

    fn next(&self) -> Option<usize> {
        let order = |waiting: &Waiting| {
            let line = self.lines.get(&waiting.prefix);
            let of_ip = line.and_then(|line| line.turns.get(&waiting.ip));
            (
                !self.is_below(waiting.prefix),
                line.map_or(0, |line| line.turn),
                of_ip.copied().unwrap_or(0),
                waiting.ticket,
            )
        };
        let waiting = self.lane.iter().enumerate();
        let first = waiting.min_by_key(|(_, waiting)| order(waiting));
        first.map(|(at, _)| at)
    }
}

/// One attempt that may be judged.
#[derive(Debug)]
pub struct Attempt {
    brake: JoinBrake,
    prefix: Prefix,
    waited: bool,
}

impl Attempt {
    /// Hands on what became of it. A wrong code stays counted; who had to wait does not hear more of
    /// it than that there were too many.
    ///
    /// # Errors
    /// Those of `found`, or [`ApiError::TooMany`].
    pub fn judged<T>(self, found: Result<T, ApiError>) -> Result<T, ApiError> {
        match found {
            Err(
                ApiError::UnknownCode
                | ApiError::UsedCode
                | ApiError::ExpiredCode
                | ApiError::UnknownDevice,
            ) if self.waited => Err(ApiError::TooMany),
            Err(
                wrong @ (ApiError::UnknownCode
                | ApiError::UsedCode
                | ApiError::ExpiredCode
                | ApiError::UnknownDevice),
            ) => Err(wrong),
            found => {
                self.brake.state().forgive(self.prefix);
                found
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(5);
    const WRONG: Result<(), ApiError> = Err(ApiError::UnknownCode);

    fn ip(net: u8, host: u8) -> IpAddr {
        IpAddr::from([10, 0, net, host])
    }

    /// Lets a prefix fail as often as it may without a wait.
    async fn fail(brake: &JoinBrake, net: u8) {
        for host in 0..limits::JOIN_FAILURES_PER_PREFIX_MAX {
            let host = u8::try_from(host).expect("few");
            let attempt = brake.attempt(ip(net, host)).await.expect("at once");
            assert_eq!(attempt.judged(WRONG), WRONG);
        }
    }

    /// Lets every task run as far as it can.
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn pr10_only_failures_are_braked() {
        let brake = JoinBrake::with_step(STEP);
        for _ in 0..100 {
            let attempt = brake.attempt(ip(1, 1)).await.expect("at once");
            assert!(!attempt.waited);
            attempt.judged(Ok(())).expect("joined");
        }
        fail(&brake, 1).await;
        let attempt = brake.attempt(ip(1, 77)).await.expect("a turn");
        assert!(attempt.waited);
        // Wrong is not told from used any more; right is right.
        assert_eq!(attempt.judged(WRONG), Err(ApiError::TooMany));
        let attempt = brake.attempt(ip(1, 1)).await.expect("a turn");
        assert_eq!(attempt.judged(Ok(())), Ok(()));
        let neighbour = brake.attempt(ip(2, 1)).await.expect("at once");
        assert!(!neighbour.waited);
    }

    #[tokio::test]
    async fn pr10_turns_keep_their_distance() {
        let brake = JoinBrake::with_step(Duration::from_millis(30));
        fail(&brake, 1).await;
        let begun = Instant::now();
        for _ in 0..4 {
            let attempt = brake.attempt(ip(1, 1)).await.expect("a turn");
            drop(attempt);
        }
        assert!(begun.elapsed() >= Duration::from_millis(90));
    }

    #[tokio::test]
    async fn pr10_the_lane_is_short_and_fair_to_prefixes_and_addresses() {
        // No turn comes while this test looks on.
        let brake = JoinBrake::with_step(Duration::from_secs(60));
        for net in 0..20 {
            fail(&brake, net).await;
        }
        drop(
            brake
                .attempt(ip(0, 1))
                .await
                .expect("the first turn is free"),
        );
        let mut tasks = Vec::new();
        let mut wait = |net, host| {
            let brake = brake.clone();
            tasks.push(tokio::spawn(
                async move { brake.attempt(ip(net, host)).await },
            ));
        };
        for net in 0..20 {
            for _ in 0..=limits::JOIN_LANE_PER_PREFIX_MAX {
                wait(net, 1);
            }
        }
        settle().await;
        let count = |net| brake.state().waiting(Prefix::of(ip(net, 1)));
        assert_eq!(brake.state().lane.len(), limits::JOIN_LANE_MAX);
        let of_first = count(0);
        assert!((2..=limits::JOIN_LANE_PER_PREFIX_MAX).contains(&of_first));
        // A neighbour behind the same prefix, and somebody from elsewhere, still find a place.
        wait(0, 2);
        fail(&brake, 200).await;
        wait(200, 1);
        settle().await;
        assert!((of_first - 1..=of_first).contains(&count(0)));
        assert_eq!(count(200), 1);
        let state = brake.state();
        assert!(state.lane.iter().any(|waiting| waiting.ip == ip(0, 2)));
        assert_eq!(state.lane.len(), limits::JOIN_LANE_MAX);
    }

    #[tokio::test]
    async fn pr10_prefixes_take_turns_and_those_without_failures_come_first() {
        let brake = JoinBrake::with_step(Duration::from_secs(60));
        fail(&brake, 1).await;
        fail(&brake, 2).await;
        let mut state = brake.state();
        let (prefix, mut taken) = (|net| Prefix::of(ip(net, 1)), Vec::new());
        for (net, host) in [(1, 1), (1, 1), (1, 2), (2, 1), (2, 1), (3, 1)] {
            let (turn, came) = oneshot::channel();
            taken.push(came);
            state.tickets += 1;
            let ticket = state.tickets;
            state.lane.push(Waiting {
                ticket,
                ip: ip(net, host),
                prefix: prefix(net),
                turn,
            });
        }
        let mut order = Vec::new();
        while let Some(at) = state.next() {
            order.push(state.lane[at].ip);
            assert!(state.give_turn());
        }
        let expected = [(3, 1), (1, 1), (2, 1), (1, 2), (2, 1), (1, 1)];
        assert_eq!(order, expected.map(|(net, host)| ip(net, host)));
        assert!(!state.give_turn());
    }
}
