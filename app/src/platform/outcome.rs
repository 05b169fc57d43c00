//! A value that arrives once, by a browser event or by the watchdog, whichever is first.

use core::cell::RefCell;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Poll, Waker};
use std::rc::Rc;

use gloo::timers::callback::Timeout;

/// The place where the first of several callbacks leaves its result and where one task waits.
///
/// IndexedDB promises nothing about a transaction that the system cuts off: no event may ever come.
/// Whoever waits here therefore always has a watchdog among the callbacks.
#[derive(Debug)]
pub(crate) struct Outcome<T> {
    slot: Rc<RefCell<Slot<T>>>,
}

#[derive(Debug)]
struct Slot<T> {
    value: Option<T>,
    settled: bool,
    waker: Option<Waker>,
}

impl<T> Clone for Outcome<T> {
    fn clone(&self) -> Self {
        Self {
            slot: Rc::clone(&self.slot),
        }
    }
}

impl<T: 'static> Outcome<T> {
    /// Nothing has arrived.
    pub(crate) fn new() -> Self {
        Self {
            slot: Rc::new(RefCell::new(Slot {
                value: None,
                settled: false,
                waker: None,
            })),
        }
    }

    /// Leaves the result; only the first one counts.
    pub(crate) fn settle(&self, value: T) {
        let waker = {
            let mut slot = self.slot.borrow_mut();
            if slot.settled {
                return;
            }
            slot.settled = true;
            slot.value = Some(value);
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether a result has arrived.
    pub(crate) fn is_settled(&self) -> bool {
        self.slot.borrow().settled
    }

    /// Waits for the result.
    pub(crate) async fn wait(self) -> T {
        poll_fn(|context| {
            let mut slot = self.slot.borrow_mut();
            match slot.value.take() {
                Some(value) => Poll::Ready(value),
                None => {
                    slot.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Runs `work`, but no longer than `ms`; `None` when the time is over.
pub(crate) async fn within<T>(ms: u32, work: impl Future<Output = T>) -> Option<T> {
    let over = Outcome::new();
    let ring = over.clone();
    let timer = Timeout::new(ms, move || ring.settle(()));
    let mut work = pin!(work);
    let mut over = pin!(over.wait());
    let result = poll_fn(|context| {
        if let Poll::Ready(value) = work.as_mut().poll(context) {
            return Poll::Ready(Some(value));
        }
        over.as_mut().poll(context).map(|()| None)
    })
    .await;
    drop(timer);
    result
}

/// What came first.
#[derive(Debug)]
pub(crate) enum First<T> {
    /// The work is done.
    Came(T),
    /// The time is over; the work can be waited for again.
    Late,
}

/// Waits for `work` for `ms`, and leaves it as it is when the time is over.
pub(crate) async fn first<T>(ms: u32, work: impl Future<Output = T>) -> First<T> {
    within(ms, work).await.map_or(First::Late, First::Came)
}
