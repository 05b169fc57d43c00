//! The phone: who joined on it, who uses it, and the runtime of that identity.

use core::cell::RefCell;
use std::rc::Rc;

use domain::access;
use domain::id::{ActorKey, DeviceId};
use domain::replica::{Cause, Replica};
use domain::sync::message::Secret;
use domain::unit::Directory;

use super::Runtime;
use super::carry::Carrier;
use super::photos::Courier;
use super::screens::Screens;
use crate::platform;
use crate::platform::signer::Signer;
use crate::store::guard::Guarded;
use crate::store::identities::{Identities, Known, database_name};
use crate::store::indexed_db::{IndexedDb, Listener, Notice, OpenError};
use crate::store::journal::Journal;
use crate::store::{Fault, List, Store};

/// How long the last drafts may take before the database closes for a newer window.
const CLOSE_MS: u32 = 400;
/// The pause before a database that did not open is opened once more, in milliseconds.
const AGAIN_MS: u32 = 500;

/// The runtime of whoever uses the phone.
pub type Session = Runtime<Guarded>;

/// The phone.
pub struct Phone {
    screens: Rc<dyn Screens>,
    session: RefCell<Option<Rc<Session>>>,
    courier: RefCell<Option<Rc<Courier>>>,
    carrier: RefCell<Option<Rc<Carrier>>>,
    known: RefCell<Known>,
}

impl core::fmt::Debug for Phone {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Phone")
    }
}

/// Why an identity could not be opened or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// A database does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A database does not answer.
    #[error(transparent)]
    Store(#[from] Fault),
}

impl PhoneError {
    /// What the officer is told when it happens at the start.
    const fn kind(self) -> OpenError {
        match self {
            Self::Open(error) => error,
            Self::Store(_) => OpenError::Broken,
        }
    }
}

impl Phone {
    /// A phone that nobody has opened yet.
    pub fn new(screens: Rc<dyn Screens>) -> Rc<Self> {
        let phone = Self {
            screens,
            session: RefCell::default(),
            courier: RefCell::default(),
            carrier: RefCell::default(),
            known: RefCell::new(stranger()),
        };
        Rc::new(phone)
    }

    /// The runtime of whoever uses the phone; none before somebody begins to join.
    pub fn session(&self) -> Option<Rc<Session>> {
        self.session.borrow().clone()
    }

    /// The courier of photos of whoever uses the phone.
    pub fn courier(&self) -> Option<Rc<Courier>> {
        self.courier.borrow().clone()
    }

    /// The carrier of others' requests for whoever uses the phone.
    pub fn carrier(&self) -> Option<Rc<Carrier>> {
        self.carrier.borrow().clone()
    }

    /// Opens what is stored, shows it, and only then looks for a network.
    pub async fn start(self: &Rc<Self>) {
        let screens = Rc::clone(&self.screens);
        platform::watch_update(move || screens.update_ready());
        let mut opened = self.open_current().await.map_err(PhoneError::kind);
        if opened == Err(OpenError::Broken) {
            // A browser that is just clearing up opens it a moment later.
            platform::sleep(AGAIN_MS).await;
            opened = self.open_current().await.map_err(PhoneError::kind);
        }
        if let Err(error) = opened {
            let broken = matches!(error, OpenError::Broken | OpenError::Stuck);
            if broken && self.open_spare().await.is_some() {
                self.screens.notice(Notice::Spare);
            } else {
                self.screens.closed(error);
            }
        }
        self.screens.ready();
        if let Some(session) = self.session() {
            session.wake(Cause::Visible);
            self.screens.room(platform::keep_storage().await);
        }
    }

    async fn open_current(self: &Rc<Self>) -> Result<(), PhoneError> {
        let index = Identities::open(&self.listener()).await?;
        let current = index.current().await;
        let all = index.all().await;
        index.close();
        let (current, all) = (current?, all?);
        let (current, all) = match current {
            Some(current) => (current, all),
            None => match self.restore().await? {
                Some(restored) => restored,
                None => return Ok(()),
            },
        };
        self.show_people(all, current.device);
        self.open(current).await
    }

    /// Whoever was on this phone before its databases were lost, from their journals.
    async fn restore(self: &Rc<Self>) -> Result<Option<(Known, Vec<Known>)>, PhoneError> {
        let people = Journal::people().await;
        let Some(last) = people.last().cloned() else {
            return Ok(None);
        };
        let index = Identities::open(&self.listener()).await?;
        for known in &people {
            index.remember(known).await?;
        }
        index.close();
        Ok(Some((last, people)))
    }

    /// Goes on with the journal alone: the database does not open.
    async fn open_spare(self: &Rc<Self>) -> Option<()> {
        let people = Journal::people().await;
        let known = people.last().cloned()?;
        let store = Guarded::spare(known.device).await?;
        self.show_people(people, known.device);
        self.settle(known, store).await.ok()
    }

    /// Opens an identity's database and shows what it holds.
    async fn open(self: &Rc<Self>, known: Known) -> Result<(), PhoneError> {
        let name = database_name(known.device);
        let store = IndexedDb::open(&name, &self.listener()).await?;
        let (store, damage) = Guarded::disk(store, known.device).await?;
        if let Some(damage) = damage {
            self.screens.damage(damage);
        }
        self.settle(known, store).await
    }

    async fn settle(self: &Rc<Self>, known: Known, store: Guarded) -> Result<(), PhoneError> {
        let meta = store.meta().await?;
        let actor = ActorKey(platform::random());
        let signer = self.signer(known.device).await;
        let key = signer.as_ref().map(Signer::key);
        let replica = Replica::new(known.device, known.secret, actor, &meta).signing(key);
        let ears = Ears {
            phone: Rc::downgrade(self),
            screens: Rc::clone(&self.screens),
        };
        let session = Session::new(known.device.hex(), replica, store, Rc::new(ears));
        session.sign_with(signer);
        let proof = (known.device, known.secret);
        *self.known.borrow_mut() = known;
        self.screens.drafts(session.store().drafts().await?);
        let rows = session.store().rows(List::Newest).await?;
        let courier = Courier::new(Rc::clone(&session), proof, Rc::clone(&self.screens));
        courier.rows(&rows);
        let carrier = Carrier::new(Rc::clone(&session), Rc::clone(&self.screens));
        *self.carrier.borrow_mut() = Some(carrier);
        *self.courier.borrow_mut() = Some(courier);
        self.screens.rows(rows);
        session.count_aside().await;
        session.listen();
        *self.session.borrow_mut() = Some(session);
        // Last, since the screens open with it: a form must find its draft and its session.
        if let Some(directory) = meta.directory {
            self.go_live(&directory);
            self.screens.directory(directory);
        }
        Ok(())
    }

    /// The device's key. Without the index it has one for this start alone, for which the server wants
    /// an invitation.
    async fn signer(self: &Rc<Self>, device: DeviceId) -> Option<Signer> {
        let Ok(index) = Identities::open(&self.listener()).await else {
            return Signer::fresh().await;
        };
        let signer = index.signer(device).await;
        index.close();
        signer
    }

    /// A station's device hears from the server when something is new.
    fn go_live(&self, directory: &Directory) {
        if let Some(session) = self
            .session()
            .filter(|_| access::is_station_staff(&directory.me))
        {
            let (device, secret) = self.proof();
            session.go_live(device, secret);
        }
    }

    /// Joins with an invitation code; how it goes is told by the state of the exchange.
    ///
    /// The device and its secret are on the disk before the server hears of them: a code that was
    /// used up by a lost answer can then be used once more by the same device.
    ///
    /// # Errors
    /// When this cannot be written down; nothing was sent then.
    pub async fn join(self: &Rc<Self>, code: &str) -> Result<(), PhoneError> {
        let session = match self.session() {
            Some(session) => session,
            None => self.settle_in().await?,
        };
        session.join(code);
        Ok(())
    }

    async fn settle_in(self: &Rc<Self>) -> Result<Rc<Session>, PhoneError> {
        let known = self.known.borrow().clone();
        self.remember(&known).await?;
        self.open(known).await?;
        self.session().ok_or(PhoneError::Open(OpenError::Broken))
    }

    async fn remember(self: &Rc<Self>, known: &Known) -> Result<(), PhoneError> {
        let index = Identities::open(&self.listener()).await?;
        let kept = index.remember(known).await;
        let all = index.all().await;
        index.close();
        kept?;
        self.show_people(all?, known.device);
        Ok(())
    }

    /// Those whose join came to nothing have no name and are not offered.
    fn show_people(&self, mut all: Vec<Known>, current: DeviceId) {
        all.retain(|known| !known.name.is_empty());
        let place = all.iter().position(|known| known.device == current);
        self.screens.identities(all, place);
    }

    /// What the phone proves itself with to the server.
    pub fn proof(&self) -> (DeviceId, Secret) {
        let known = self.known.borrow();
        (known.device, known.secret)
    }

    /// Makes room for another person: a new device on the same phone, with the join screen first.
    ///
    /// # Errors
    /// When this cannot be written down.
    pub async fn join_another(self: &Rc<Self>) -> Result<(), PhoneError> {
        let index = Identities::open(&self.listener()).await?;
        let all = index.all().await;
        index.close();
        // A device whose join came to nothing is used again.
        let nameless = all?.into_iter().find(|known| known.name.is_empty());
        self.remember(&nameless.unwrap_or_else(stranger)).await?;
        platform::go("/join");
        Ok(())
    }

    /// Lets another person who joined on this phone use it: a fresh start, with their data alone.
    ///
    /// # Errors
    /// When this cannot be written down.
    pub async fn switch(self: &Rc<Self>, device: DeviceId) -> Result<(), PhoneError> {
        let index = Identities::open(&self.listener()).await?;
        let chosen = index.choose(device).await;
        index.close();
        chosen?;
        platform::go("/");
        Ok(())
    }

    /// Writes down the name of somebody whose join has been answered.
    fn named(self: &Rc<Self>, directory: &Directory) {
        self.write_down(directory);
        let known = Known {
            name: directory.me.name.clone(),
            home: directory.home.name.clone(),
            ..self.known.borrow().clone()
        };
        if *self.known.borrow() == known {
            return;
        }
        self.known.borrow_mut().clone_from(&known);
        self.go_live(directory);
        let phone = Rc::clone(self);
        platform::spawn(async move {
            // The name is only for the choice of people; the next directory brings it again.
            let _kept = phone.remember(&known).await;
            phone.screens.room(platform::keep_storage().await);
        });
    }

    /// Writes who and where beside the database, for the day when it is lost.
    fn write_down(&self, directory: &Directory) {
        let Some(journal) = self.session().and_then(|session| session.store().journal()) else {
            return;
        };
        let known = Known {
            name: directory.me.name.clone(),
            home: directory.home.name.clone(),
            ..self.known.borrow().clone()
        };
        let directory = directory.clone();
        platform::spawn(async move {
            journal.belong(&known).await;
            journal.know(&directory).await;
        });
    }

    fn listener(self: &Rc<Self>) -> Listener {
        let phone = Rc::downgrade(self);
        Rc::new(move |notice| {
            let Some(phone) = phone.upgrade() else { return };
            // The store opens a connection again that the browser has closed; nobody need know.
            if notice != Notice::Closed {
                phone.screens.notice(notice);
            }
            if notice == Notice::Closing {
                platform::after(CLOSE_MS, move || {
                    if let Some(session) = phone.session() {
                        session.store().close();
                    }
                })
                .keep();
            }
        })
    }
}

/// Somebody who has not joined.
fn stranger() -> Known {
    Known {
        device: DeviceId(platform::random()),
        secret: Secret(platform::random()),
        name: String::new(),
        home: String::new(),
        joined: platform::clock(),
    }
}

/// The screens' ears, with one's own ear for the name of who joined.
struct Ears {
    phone: std::rc::Weak<Phone>,
    screens: Rc<dyn Screens>,
}

impl Ears {
    fn courier(&self) -> Option<Rc<Courier>> {
        self.phone.upgrade().and_then(|phone| phone.courier())
    }
}

impl Screens for Ears {
    fn directory(&self, directory: Directory) {
        if let Some(phone) = self.phone.upgrade() {
            phone.named(&directory);
        }
        self.screens.directory(directory);
    }

    fn rows(&self, rows: Vec<domain::view::Row>) {
        if let Some(courier) = self.courier() {
            courier.rows(&rows);
        }
        self.screens.rows(rows);
    }

    fn gone(&self, records: &std::collections::BTreeSet<domain::id::RecordId>) {
        self.screens.gone(records);
    }

    fn status(&self, status: domain::replica::SyncStatus) {
        if let Some(courier) = self.courier() {
            courier.status(&status);
        }
        if let Some(carrier) = self.phone.upgrade().and_then(|phone| phone.carrier()) {
            carrier.status(&status);
        }
        self.screens.status(status);
    }

    fn used_up(&self, devices: Vec<domain::sync::message::UsedUp>) {
        self.screens.used_up(devices);
    }

    fn aside(&self, count: u32) {
        self.screens.aside(count);
    }
}
