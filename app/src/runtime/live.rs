//! Live: while the page is seen and online, the server says when something is new, and the replica
//! is woken to fetch it. Without it the timer does the same a little later.

use core::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use domain::id::DeviceId;
use domain::replica::Cause;
use domain::sync::backoff::retry_ms;
use domain::sync::message::Secret;

use super::Runtime;
use crate::link::listen::{Ear, Heard};
use crate::platform;
use crate::store::Store;

/// Listens for news for one device.
#[derive(Debug)]
pub struct Live {
    device: DeviceId,
    secret: Secret,
    /// Counts starts and stops: whoever finds another number than its own has been stopped.
    turn: Cell<u32>,
    ear: RefCell<Option<Rc<Ear>>>,
}

impl Live {
    /// Listens for nothing yet.
    pub fn new(device: DeviceId, secret: Secret) -> Rc<Self> {
        Rc::new(Self {
            device,
            secret,
            turn: Cell::new(0),
            ear: RefCell::default(),
        })
    }

    /// Listens from now on when somebody sees the page and there may be a network, and else not.
    pub fn follow<S: Store + 'static>(self: &Rc<Self>, runtime: &Rc<Runtime<S>>) {
        self.stop();
        if platform::is_visible() && platform::is_online() {
            let live = Rc::clone(self);
            let runtime = Rc::downgrade(runtime);
            let turn = self.turn.get();
            platform::spawn(async move { live.run(turn, runtime).await });
        }
    }

    /// Listens no more.
    pub fn stop(&self) {
        self.turn.set(self.turn.get().wrapping_add(1));
        let ear = self.ear.borrow_mut().take();
        if let Some(ear) = ear {
            ear.close();
        }
    }

    async fn run<S: Store + 'static>(&self, turn: u32, runtime: Weak<Runtime<S>>) {
        let mut failures = 0;
        while self.turn.get() == turn {
            let ear = Rc::new(Ear::new(self.device, self.secret));
            *self.ear.borrow_mut() = Some(Rc::clone(&ear));
            let mut quiet = false;
            while let Some(heard) = ear.next().await {
                failures = 0;
                // The first sign of life says nothing is missed from here on; what came before is
                // fetched once.
                let news = heard == Heard::News || !quiet;
                quiet = true;
                match runtime.upgrade().filter(|_| self.turn.get() == turn) {
                    Some(runtime) if news => runtime.wake(Cause::News),
                    Some(_) => {}
                    None => return,
                }
            }
            failures += 1;
            let random = u16::from_le_bytes(platform::random());
            let wait = retry_ms(failures, random);
            platform::sleep(u32::try_from(wait).unwrap_or(u32::MAX)).await;
        }
    }
}
