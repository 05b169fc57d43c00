//! How much a connection may say that nobody asked for.
//!
//! What a request brings is paid for by the request: its bytes are taken by whoever answers it, and
//! its sender is known. Everything else (handshakes, heads, frames without a request, bodies of
//! strangers) comes out of an allowance of the connection. Whoever has used it up is read at a slow
//! pace that all connections of a prefix share; no honest client gets there.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::Instant;

use crate::limits;
use crate::prefix::Prefix;

/// The pace of each prefix.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paces(Arc<Mutex<BTreeMap<Prefix, Instant>>>);

impl Paces {
    /// An allowance for a new connection from there.
    pub(crate) fn allow(&self, prefix: Prefix) -> Allowance {
        Allowance(Arc::new(Inner {
            paces: self.clone(),
            prefix,
            left: Mutex::new(Left {
                bytes: limits::UNASKED_BYTES_MAX,
                unpaid: 0,
                is_known: false,
            }),
        }))
    }

    /// Counts bytes of a prefix that nobody asked for, and tells when it may bring more.
    fn owe(&self, prefix: Prefix, bytes: usize, now: Instant) -> Instant {
        let mut due = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if due.len() >= limits::PACED_PREFIXES_MAX {
            due.retain(|_, due| *due > now);
        }
        let cost = limits::UNASKED_PACE.saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX));
        if !due.contains_key(&prefix) && due.len() >= limits::PACED_PREFIXES_MAX {
            // More prefixes than can be remembered: each at least waits for what it brought itself.
            return now + cost;
        }
        let due = due.entry(prefix).or_insert(now);
        // Who comes after a crowd of its prefix waits no longer than a while: what all of them read in
        // that time is little.
        *due = (now.max(*due) + cost).min(now + limits::UNASKED_WAIT_MAX);
        *due
    }
}

/// What one connection may still bring.
#[derive(Debug, Clone)]
pub(crate) struct Allowance(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    paces: Paces,
    prefix: Prefix,
    left: Mutex<Left>,
}

#[derive(Debug)]
struct Left {
    /// Bytes that may come before the connection is read more slowly.
    bytes: usize,
    /// Bytes that were taken by requests while their sender was not known.
    unpaid: usize,
    is_known: bool,
}

impl Allowance {
    /// Counts bytes that came; tells until when no more are read, where the allowance is used up.
    pub(crate) fn came(&self, bytes: usize, now: Instant) -> Option<Instant> {
        let over = {
            let mut left = self.left();
            let over = bytes.saturating_sub(left.bytes);
            left.bytes = left.bytes.saturating_sub(bytes);
            over
        };
        (over > 0).then(|| self.0.paces.owe(self.0.prefix, over, now))
    }

    /// Notes that so many bytes of a body were taken by whoever answers the request.
    fn taken(&self, bytes: usize) {
        let mut left = self.left();
        if left.is_known {
            left.pay(bytes);
        } else {
            left.unpaid = left.unpaid.saturating_add(bytes);
        }
    }

    /// Notes that a request of a known device came.
    pub(crate) fn prove(&self) {
        let mut left = self.left();
        left.is_known = true;
        let unpaid = std::mem::take(&mut left.unpaid);
        left.pay(unpaid + limits::UNASKED_BYTES_PER_REQUEST);
    }

    /// A body whose bytes are paid for as they are taken.
    pub(crate) fn paid(&self, body: Incoming) -> Body {
        Body::new(Paid {
            body,
            allowance: self.clone(),
        })
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.0.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Left {
    /// Bytes of a body, and what carrying them takes besides. Nobody saves up more than at first.
    fn pay(&mut self, bytes: usize) {
        let paid = bytes.saturating_add(bytes / limits::UNASKED_SHARE);
        let all = self.bytes.saturating_add(paid);
        self.bytes = all.min(limits::UNASKED_BYTES_MAX);
    }
}

struct Paid {
    body: Incoming,
    allowance: Allowance,
}

impl HttpBody for Paid {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(bytes) = frame.data_ref()
        {
            self.allowance.taken(bytes.len());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HERE: Prefix = Prefix::V4([10, 0, 1]);
    const THERE: Prefix = Prefix::V4([10, 0, 2]);

    fn seconds(until: Option<Instant>, now: Instant) -> f64 {
        until.map_or(0.0, |until| (until - now).as_secs_f64())
    }

    #[tokio::test]
    async fn pr17_what_nobody_asked_for_is_read_slowly_and_a_prefix_shares_the_pace() {
        let (paces, now) = (Paces::default(), Instant::now());
        let (first, second) = (paces.allow(HERE), paces.allow(HERE));
        assert_eq!(first.came(limits::UNASKED_BYTES_MAX, now), None);
        assert_eq!(second.came(limits::UNASKED_BYTES_MAX, now), None);
        let a_second = 64 * 1024;
        let wait = seconds(first.came(a_second, now), now);
        assert!((0.9..1.1).contains(&wait), "{wait}");
        let wait = seconds(second.came(a_second, now), now);
        assert!(
            (1.9..2.1).contains(&wait),
            "its neighbour waits too: {wait}"
        );
        let other = paces.allow(THERE);
        assert_eq!(other.came(limits::UNASKED_BYTES_MAX, now), None);
        let wait = seconds(other.came(a_second, now), now);
        assert!(
            (0.9..1.1).contains(&wait),
            "another prefix does not: {wait}"
        );
        // What a stranger's request takes pays for nothing.
        first.taken(a_second);
        assert!(first.came(1, now).is_some());
    }

    #[tokio::test]
    async fn pr17_a_known_device_brings_as_much_as_its_requests_take() {
        let (paces, now) = (Paces::default(), Instant::now());
        let phone = paces.allow(HERE);
        // The first bytes of a body come before its sender is known.
        assert_eq!(phone.came(40_000, now), None);
        phone.taken(30_000);
        phone.prove();
        for _ in 0..1_000 {
            assert_eq!(phone.came(17_000, now), None);
            phone.taken(16_000);
        }
        // Small requests one after the other.
        for _ in 0..1_000 {
            assert_eq!(phone.came(600, now), None);
            phone.prove();
        }
        // Nobody saves up.
        assert!(phone.came(limits::UNASKED_BYTES_MAX + 1, now).is_some());
    }

    #[tokio::test]
    async fn pr17_no_more_prefixes_are_remembered_than_there_is_room_for() {
        let (paces, now) = (Paces::default(), Instant::now());
        for n in 0..=limits::PACED_PREFIXES_MAX {
            let [.., a, b] = n.to_be_bytes();
            let one = paces.allow(Prefix::V4([11, a, b]));
            one.came(limits::UNASKED_BYTES_MAX, now);
            assert!(one.came(1_000, now).is_some());
        }
        let due = || paces.0.lock().expect("due").len();
        assert_eq!(due(), limits::PACED_PREFIXES_MAX);
        paces.owe(HERE, 1, now + Duration::from_secs(60));
        assert_eq!(due(), 1);
    }
}
