//! Without a network: what waits here becomes a file or QR codes that somebody else carries, and
//! theirs is kept on this phone until it reaches the server.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use domain::replica::carry::Fate;
use domain::replica::{Activity, Cause, SyncStatus};
use domain::sync::bundle::{self, Code};
use domain::sync::leaf;

use super::phone::Session;
use super::{Runtime, Screens};
use crate::link;
use crate::platform::{self, webcrypto};
use crate::store::{Fault, Store};

/// What waits on this phone, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The requests, as they are to be posted.
    pub requests: Vec<Vec<u8>>,
    /// How many records wait.
    pub records: u32,
}

impl Bundle {
    /// The file, and what opens it.
    ///
    /// # Errors
    /// When the browser does not encrypt.
    pub async fn file(&self) -> Result<(Vec<u8>, Code), CarryFault> {
        let code = Code::new(platform::random());
        let file = webcrypto::seal(&self.requests, &code).await;
        Ok((file.ok_or(CarryFault::NoKey)?, code))
    }

    /// The texts of its QR codes.
    ///
    /// # Errors
    /// When it is too much for that.
    pub fn leaves(&self) -> Result<Vec<String>, CarryFault> {
        leaf::leaves(&bundle::write(&self.requests)).ok_or(CarryFault::TooMuch)
    }
}

/// What became of that which was carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivery {
    /// Changes that the server has now.
    pub taken: usize,
    /// Changes that it refused; their phone keeps them.
    pub refused: usize,
    /// Requests that it does not know the sender of, or not any more.
    pub turned_away: usize,
    /// Requests that wait here for a signal.
    pub waiting: usize,
}

/// Why nothing was carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CarryFault {
    /// Everything is sent.
    #[error("nothing waits to be sent")]
    Nothing,
    /// The server does not know this phone's key, or the browser has none.
    #[error("the server does not know this phone's key")]
    NoKey,
    /// It does not fit into QR codes.
    #[error("too much for QR codes")]
    TooMuch,
    /// The store does not answer.
    #[error("the store does not answer")]
    Store,
    /// There is no room here for what others hand over.
    #[error("no room for what others hand over")]
    Full,
    /// The file is none of ours.
    #[error("the file is no bundle")]
    NotOurs,
    /// The code does not open the file.
    #[error("the code does not open the file")]
    WrongCode,
}

impl From<Fault> for CarryFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Full => Self::Full,
            Fault::Stale | Fault::Closed | Fault::Aborted | Fault::Timeout => Self::Store,
        }
    }
}

impl<S: Store + 'static> Runtime<S> {
    /// What waits to be sent, signed for somebody else to carry.
    ///
    /// # Errors
    /// When nothing waits, or this phone cannot sign it.
    pub async fn bundle(&self) -> Result<Bundle, CarryFault> {
        let outbox = self.store.outbox(usize::MAX, usize::MAX).await?;
        if outbox.items.is_empty() {
            return Err(CarryFault::Nothing);
        }
        let requests = self
            .replica
            .borrow()
            .carried(&outbox.items, platform::now());
        let mut signed = Vec::new();
        for request in requests.ok_or(CarryFault::NoKey)? {
            signed.push(self.signed(request).await.ok_or(CarryFault::NoKey)?);
        }
        Ok(Bundle {
            requests: signed,
            records: outbox.records,
        })
    }
}

/// The requests in a file.
///
/// # Errors
/// When the file cannot be opened.
pub async fn open(file: &[u8], code: &Code) -> Result<Vec<Vec<u8>>, CarryFault> {
    let opened = webcrypto::open(file, code).await;
    let requests = opened.map_err(|_| CarryFault::NotOurs)?;
    requests.ok_or(CarryFault::WrongCode)
}

/// Carries what others hand over: keeps it until the server has answered for it.
pub struct Carrier {
    session: Rc<Session>,
    screens: Rc<dyn Screens>,
    busy: Cell<bool>,
    again: Cell<bool>,
    /// What became of requests since somebody handed some over.
    told: RefCell<Delivery>,
}

impl core::fmt::Debug for Carrier {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Carrier")
    }
}

impl Carrier {
    /// The carrier of a session; it tells the screens what an earlier start has left.
    pub fn new(session: Rc<Session>, screens: Rc<dyn Screens>) -> Rc<Self> {
        let carrier = Rc::new(Self {
            session,
            screens,
            busy: Cell::new(false),
            again: Cell::new(false),
            told: RefCell::default(),
        });
        let this = Rc::clone(&carrier);
        platform::spawn(async move { this.count().await });
        carrier
    }

    /// Takes along what somebody hands over, and posts it where there is a signal; the screens hear
    /// what becomes of it.
    ///
    /// # Errors
    /// When it could not be kept on this phone.
    pub async fn take(self: &Rc<Self>, requests: &[Vec<u8>]) -> Result<(), CarryFault> {
        self.session.store().keep_carried(requests).await?;
        *self.told.borrow_mut() = Delivery::default();
        self.deliver().await;
        Ok(())
    }

    /// The exchange is in another state: where the server answers, it hears of others' requests too.
    pub fn status(self: &Rc<Self>, status: &SyncStatus) {
        let reached = status.activity == Activity::Idle && status.synced_at.is_some();
        if reached && self.told.borrow().waiting > 0 {
            let carrier = Rc::clone(self);
            platform::spawn(async move { carrier.deliver().await });
        }
    }

    async fn deliver(&self) {
        self.again.set(true);
        if self.busy.replace(true) {
            return;
        }
        let taken = self.told.borrow().taken;
        while self.again.replace(false) {
            self.deliver_all().await;
            self.count().await;
        }
        self.busy.set(false);
        if self.told.borrow().taken > taken {
            // What is new at the server is wanted here as well.
            self.session.wake(Cause::News);
        }
    }

    async fn deliver_all(&self) {
        // A store that does not answer is asked again after the next exchange.
        for one in self.session.store().carried().await.unwrap_or_default() {
            let answer = link::exchange(one.request).await;
            let answer = answer.as_deref().map_err(|failure| *failure);
            let mut told = *self.told.borrow();
            match Fate::of(answer) {
                Fate::Heard { taken, refused } => {
                    told.taken += taken;
                    told.refused += refused;
                }
                Fate::Refused => told.turned_away += 1,
                Fate::Later => continue,
                Fate::Waits => return,
            }
            *self.told.borrow_mut() = told;
            // What could not be dropped is posted once more, which counts once.
            let _dropped = self.session.store().drop_carried(one.n).await;
        }
    }

    async fn count(&self) {
        let Ok(carried) = self.session.store().carried().await else {
            return;
        };
        let told = {
            let mut told = self.told.borrow_mut();
            told.waiting = carried.len();
            *told
        };
        self.screens.carried(told);
    }
}
