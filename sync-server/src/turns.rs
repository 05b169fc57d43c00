//! Whose batch is worked on next: one of each device at a time, a few devices at a time, in turn.
//!
//! A batch costs processor time by its size. However many a device sends at once, its next one waits
//! until every other device that waits has had its turn; those of a device that do not fit its queue
//! are told to come again. Somebody who posts a device's signed requests again and again from another
//! network waits in a queue of his own, so that the device itself is not kept out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::id::DeviceId;
use tokio::sync::oneshot;

use crate::error::ApiError;
use crate::limits;
use crate::prefix::Prefix;

/// A batch that asks for its turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking {
    /// Who wrote it.
    pub(crate) device: DeviceId,
    /// Where it comes from.
    pub(crate) from: Prefix,
    /// Whether it is long: one place is kept free for short ones.
    pub(crate) long: bool,
}

/// All who work or wait.
#[derive(Debug)]
pub(crate) struct Turns(Arc<Mutex<State>>);

/// The right to be worked on; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Mutex<State>>,
    device: DeviceId,
}

#[derive(Debug)]
struct State {
    /// Batches that may be worked on at a time, and how many of them may be long.
    places: usize,
    places_long: usize,
    /// Whose batches are being worked on, and whether each is long.
    working: BTreeMap<DeviceId, bool>,
    waiting: Vec<Waiting>,
    /// When whoever waits had its last turn, counted in turns.
    served: BTreeMap<DeviceId, u64>,
    served_from: BTreeMap<(DeviceId, Prefix), u64>,
    count: u64,
}

#[derive(Debug)]
struct Waiting {
    asking: Asking,
    go: oneshot::Sender<Turn>,
}

impl Default for Turns {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::of(cores.max(2))
    }
}

impl Turns {
    fn of(places: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            places,
            places_long: places.saturating_sub(1).max(1),
            working: BTreeMap::new(),
            waiting: Vec::new(),
            served: BTreeMap::new(),
            served_from: BTreeMap::new(),
            count: 0,
        })))
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`ApiError::Queue`] when too many batches of this device wait already.
    pub(crate) async fn take(&self, asking: Asking) -> Result<Turn, ApiError> {
        let (go, turn) = oneshot::channel();
        {
            let mut state = lock(&self.0);
            state.waiting.retain(|waiting| !waiting.go.is_closed());
            state.make_place(&asking)?;
            state.waiting.push(Waiting { asking, go });
        }
        begin(&self.0);
        turn.await.map_err(|_| ApiError::Queue)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.turns).working.remove(&self.device);
        begin(&self.turns);
    }
}

fn lock(turns: &Mutex<State>) -> MutexGuard<'_, State> {
    turns.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets those begin for whom there is a place.
fn begin(turns: &Arc<Mutex<State>>) {
    loop {
        let mut state = lock(turns);
        let Some(next) = state.next() else { return };
        let Asking { device, long, .. } = next.asking;
        let turn = Turn {
            turns: Arc::clone(turns),
            device,
        };
        state.working.insert(device, long);
        drop(state);
        // Somebody who has gone meanwhile gives the turn back at once.
        drop(next.go.send(turn));
    }
}

impl State {
    /// Makes a place in a device's queue. Where it is full from elsewhere, somebody gives way of the
    /// network that has most in it: requests of a device that others post again, from however many
    /// networks, do not keep the device itself out.
    fn make_place(&mut self, asking: &Asking) -> Result<(), ApiError> {
        let of_device = |one: &&Waiting| one.asking.device == asking.device;
        let mut from: BTreeMap<Prefix, usize> = BTreeMap::new();
        for one in self.waiting.iter().filter(of_device) {
            *from.entry(one.asking.from).or_default() += 1;
        }
        let own = from.get(&asking.from).copied().unwrap_or(0);
        if own >= limits::BATCHES_WAITING_MAX {
            return Err(ApiError::Queue);
        }
        if from.values().sum::<usize>() < limits::BATCHES_WAITING_ANYWHERE_MAX {
            return Ok(());
        }
        let most = from.into_iter().max_by_key(|(_, count)| *count);
        let (network, _) = most
            .filter(|(_, count)| *count > own + 1)
            .ok_or(ApiError::Queue)?;
        let last = self
            .waiting
            .iter()
            .rposition(|one| one.asking.device == asking.device && one.asking.from == network);
        // Whoever loses the place hears that too many wait.
        self.waiting.remove(last.ok_or(ApiError::Internal)?);
        Ok(())
    }

    /// Takes out of the queue whoever is next: of the devices that are not being worked on the one
    /// whose last turn lies furthest back, of its networks likewise, and then the first that came.
    fn next(&mut self) -> Option<Waiting> {
        let long = self.working.values().filter(|long| **long).count();
        if self.working.len() >= self.places {
            return None;
        }
        let free = |one: &Asking| {
            !self.working.contains_key(&one.device) && (!one.long || long < self.places_long)
        };
        let rank = |one: &Asking| {
            let device = self.served.get(&one.device).copied().unwrap_or(0);
            let from = self.served_from.get(&(one.device, one.from));
            (device, from.copied().unwrap_or(0))
        };
        let places = self.waiting.iter().enumerate();
        let next = places.filter(|(_, one)| free(&one.asking));
        let (place, _) = next.min_by_key(|(place, one)| (rank(&one.asking), *place))?;
        let next = self.waiting.remove(place);
        self.count += 1;
        let Asking { device, from, .. } = next.asking;
        self.served.insert(device, self.count);
        self.served_from.insert((device, from), self.count);
        // Only who waits, or may come again at once, is compared with others.
        let (waiting, working) = (&self.waiting, &self.working);
        let counts = |of: &DeviceId| {
            let waits = waiting.iter().any(|one| one.asking.device == *of);
            waits || *of == device || working.contains_key(of)
        };
        self.served.retain(|device, _| counts(device));
        self.served_from.retain(|(device, _), _| counts(device));
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn asking(device: u8, from: u8, long: bool) -> Asking {
        Asking {
            device: DeviceId([device; 16]),
            from: Prefix::of([10, 0, from, 1].into()),
            long,
        }
    }

    /// Asks for a turn and waits no longer than it takes to stand in the queue.
    fn queue(turns: &Turns, asking: Asking) -> impl Future<Output = Result<Turn, ApiError>> {
        let mut taking = Box::pin(turns.take(asking));
        let polled = pin!(&mut taking).poll(&mut Context::from_waker(Waker::noop()));
        async move {
            match polled {
                Poll::Ready(turn) => turn,
                Poll::Pending => taking.await,
            }
        }
    }

    #[tokio::test]
    async fn qt2_devices_take_turns_and_one_has_one_batch_at_a_time() {
        let turns = Turns::of(2);
        let flood: Vec<_> = (0..4).map(|_| queue(&turns, asking(1, 1, true))).collect();
        let honest = queue(&turns, asking(2, 1, true));
        let short = queue(&turns, asking(3, 1, false));
        let mut flood = flood.into_iter();
        let first = flood.next().expect("four").await.expect("a turn");
        // The short one finds the place that is kept free, the long one is next though three came
        // before it.
        drop(short.await.expect("a turn"));
        drop(first);
        let honest = honest.await.expect("a turn");
        let working = lock(&turns.0).working.len();
        assert_eq!(working, 1, "one long batch at a time");
        drop(honest);
        for turn in flood {
            drop(turn.await.expect("a turn"));
        }
        assert!(lock(&turns.0).waiting.is_empty());
    }

    #[tokio::test]
    async fn qt3_a_device_s_queue_is_bounded_and_its_requests_replayed_elsewhere_do_not_fill_it() {
        let turns = Turns::of(2);
        let working = queue(&turns, asking(1, 9, true)).await.expect("a turn");
        let mut replayed = Vec::new();
        for _ in 0..limits::BATCHES_WAITING_MAX {
            replayed.push(queue(&turns, asking(1, 9, true)));
        }
        let one_more = queue(&turns, asking(1, 9, true)).await;
        assert_eq!(one_more.err(), Some(ApiError::Queue));
        let own = queue(&turns, asking(1, 1, true));
        drop(working);
        drop(
            own.await
                .expect("its own comes before the rest of the replayed"),
        );
        drop(replayed);
        let turn = queue(&turns, asking(1, 9, true)).await;
        assert!(turn.is_ok(), "who has gone takes no place");
    }

    #[tokio::test]
    async fn qt3_replayed_from_however_many_networks_they_leave_the_device_a_place() {
        let turns = Turns::of(2);
        let _working = queue(&turns, asking(1, 9, true)).await.expect("a turn");
        let networks = limits::BATCHES_WAITING_ANYWHERE_MAX / limits::BATCHES_WAITING_MAX;
        let mut replayed = Vec::new();
        for network in 0..networks {
            for _ in 0..limits::BATCHES_WAITING_MAX {
                let from = u8::try_from(10 + network).expect("few");
                replayed.push(queue(&turns, asking(1, from, true)));
            }
        }
        let waits = |from: u8| {
            let state = lock(&turns.0);
            let all = state.waiting.iter().map(|one| one.asking);
            all.filter(|one| one.from == asking(1, from, true).from)
                .count()
        };
        let _own = queue(&turns, asking(1, 1, true));
        assert_eq!(waits(1), 1);
        let all = lock(&turns.0).waiting.len();
        assert_eq!(all, limits::BATCHES_WAITING_ANYWHERE_MAX);
        // One of those that gave way hears it.
        let mut turned_away = 0;
        for one in replayed {
            let now = std::time::Duration::from_millis(1);
            let heard = tokio::time::timeout(now, one).await;
            turned_away += usize::from(matches!(heard, Ok(Err(ApiError::Queue))));
        }
        assert_eq!(turned_away, 1);
    }
}
