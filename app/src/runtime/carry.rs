//! Without a network: what waits here becomes a file or QR codes that somebody else carries, and
//! theirs is kept on this phone until it reaches the server. A new phone gets its first load as a file.

use core::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use domain::id::{RecordId, UnitId};
use domain::replica::carry::{Fate, requests};
use domain::replica::hand::TakeInError;
use domain::replica::{Activity, Cause, Event, StoreFault, SyncStatus};
use domain::sync::bundle::{Code, Content, FILE_BYTES_MAX, Load, REQUESTS_MAX};
use domain::sync::leaf;
use domain::unit::Directory;

use super::phone::Session;
use super::{Runtime, Screens};
use crate::link;
use crate::platform::{self, webcrypto};
use crate::store::identities::Identities;
use crate::store::indexed_db::open::Listener;
use crate::store::journal::Journal;
use crate::store::{Fault, List, Store};

/// Records read at a time for a first load.
const RECORDS_AT_ONCE: usize = 64;

/// What is to be handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What waits on this phone, signed, or a first load.
    pub content: Content,
    /// How many records are in it.
    pub records: u32,
}

impl Bundle {
    /// The file, and what opens it.
    ///
    /// # Errors
    /// When it is too much for one, or the browser does not encrypt.
    pub async fn file(&self) -> Result<(Vec<u8>, Code), CarryFault> {
        let code = Code::new(platform::random());
        let file = webcrypto::seal(&self.content, &code).await;
        let file = file.ok_or(CarryFault::NoKey)?;
        if file.len() > FILE_BYTES_MAX {
            return Err(CarryFault::TooMuchForAFile);
        }
        Ok((file, code))
    }

    /// The texts of its QR codes.
    ///
    /// # Errors
    /// When it is too much for that.
    pub fn leaves(&self) -> Result<Vec<String>, CarryFault> {
        leaf::leaves(&self.content.write()).ok_or(CarryFault::TooMuch)
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
    /// It does not fit into a file.
    #[error("too much for a file")]
    TooMuchForAFile,
    /// There are no records in these grids.
    #[error("no records in these grids")]
    NoRecords,
    /// The records are not for this person.
    #[error("not for this person")]
    NotForYou,
    /// The store does not answer.
    #[error("the store does not answer")]
    Store,
    /// There is no room here for what others hand over.
    #[error("no room for what others hand over")]
    Full,
    /// The phone has no room left.
    #[error("no room on this phone")]
    NoRoom,
    /// The file is none of ours.
    #[error("the file is no bundle")]
    NotOurs,
    /// The code does not open the file.
    #[error("the code does not open the file")]
    WrongCode,
}

impl From<TakeInError> for CarryFault {
    fn from(error: TakeInError) -> Self {
        match error {
            TakeInError::NotJoined | TakeInError::NotAllowed => Self::NotForYou,
            TakeInError::Damaged => Self::NotOurs,
            TakeInError::Store(StoreFault::Full) => Self::NoRoom,
            TakeInError::Store(_) => Self::Store,
        }
    }
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
            .carried(&outbox.items, platform::clock());
        let mut signed = Vec::new();
        for request in requests.ok_or(CarryFault::NoKey)? {
            signed.push(self.signed(request).await.ok_or(CarryFault::NoKey)?);
        }
        Ok(Bundle {
            content: Content::Requests(signed),
            records: outbox.records,
        })
    }

    /// What the server confirmed here of the records in these grids, for a new phone.
    ///
    /// # Errors
    /// When there are none, or too many for a file.
    pub async fn first_load(&self, grids: Vec<UnitId>) -> Result<Bundle, CarryFault> {
        let mut writer = self.replica.borrow().hand(grids);
        let rows = self.store.rows(List::Newest).await?;
        let ids: Vec<RecordId> = rows.into_iter().map(|row| row.id).collect();
        for some in ids.chunks(RECORDS_AT_ONCE) {
            for stored in self.store.load(some).await? {
                writer.add(&stored);
            }
            if writer.bytes() > FILE_BYTES_MAX {
                return Err(CarryFault::TooMuchForAFile);
            }
        }
        let (load, records) = writer.finish().ok_or(CarryFault::NoRecords)?;
        let content = Content::Load(load);
        Ok(Bundle { content, records })
    }

    /// Takes a colleague's first load into the store, and tells how many records came with it.
    ///
    /// # Errors
    /// When it is not for this person or damaged, or the store does not take it.
    pub async fn take_in(self: &Rc<Self>, load: Load) -> Result<u32, CarryFault> {
        let (ticket, done) = self.takings.begin();
        self.take(Event::TakeIn {
            ticket,
            load,
            now: platform::clock(),
        });
        Ok(done.wait().await?)
    }
}

/// What waits on this phone, signed, by its journals alone: no record is read and no session opened.
///
/// # Errors
/// When nothing waits, or the keys that sign it are not here.
pub async fn unsent() -> Result<Bundle, CarryFault> {
    let index = Identities::open(&(Rc::new(|_| {}) as Listener)).await;
    let index = index.map_err(|_| CarryFault::NoKey)?;
    let signed = signed_journals(&index).await;
    index.close();
    let (requests, records) = signed?;
    if requests.is_empty() {
        return Err(CarryFault::Nothing);
    }
    Ok(Bundle {
        content: Content::Requests(requests),
        records,
    })
}

async fn signed_journals(index: &Identities) -> Result<(Vec<Vec<u8>>, u32), CarryFault> {
    let (mut signed, mut records) = (Vec::new(), BTreeSet::new());
    for known in Journal::people().await {
        let Some((journal, entries)) = Journal::open(known.device).await else {
            continue;
        };
        let items: Vec<_> = (0..)
            .zip(entries)
            .map(|(n, entry)| entry.waiting(n))
            .collect();
        let directory = journal.directory().await;
        let directory: Option<Directory> =
            directory.and_then(|bytes| postcard::from_bytes(&bytes).ok());
        let me = directory.as_ref().map(|known| &known.me.person);
        let requests = requests(known.device, me, &items, platform::clock());
        let signer = index.signer(known.device).await.ok_or(CarryFault::NoKey)?;
        for request in requests.unwrap_or_default() {
            signed.push(signer.finish(request).await.ok_or(CarryFault::NoKey)?);
        }
        records.extend(items.iter().map(|item| item.doc.record));
    }
    signed.truncate(REQUESTS_MAX);
    Ok((signed, u32::try_from(records.len()).unwrap_or(u32::MAX)))
}

/// What is in a file.
///
/// # Errors
/// When the file cannot be opened.
pub async fn open(file: &[u8], code: &Code) -> Result<Content, CarryFault> {
    let opened = webcrypto::open(file, code).await;
    let content = opened.map_err(|_| CarryFault::NotOurs)?;
    content.ok_or(CarryFault::WrongCode)
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
            let answer = link::exchange(one.request, self.session.proof()).await;
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
