//! The only event loop: it owns the replica, runs its effects and feeds their results back.

pub mod carry;
mod live;
pub mod phone;
pub mod photos;
mod screens;

use core::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use domain::command::Command;
use domain::id::{DeviceId, Fresh, RecordId, UnitId};
use domain::replica::hand::TakeInError;
use domain::replica::{
    Activity, Cause, CommandError, Effect, Event, LinkFailure, Replica, SyncStatus, Ticket,
    WriteBatch,
};
use domain::sync::message::Secret;
use domain::sync::signed::to_sign;
use domain::time::Millis;
use domain::view::case::Case;

use crate::link;
use crate::platform::outcome::Outcome;
use crate::platform::signer::Signer;
use crate::platform::{self, Lock, Signal, Tabs, Timer};
use crate::store::{Fault, Store};
use live::Live;

pub use phone::{Phone, PhoneError, Session};
pub use screens::Screens;

/// The longest wait for another tab that is exchanging; after that both may, which only costs bytes.
const LOCK_MS_MAX: u32 = 20_000;
/// The longest timer; the browser counts milliseconds in 31 bits.
const TIMER_MS_MAX: u32 = 24 * 60 * 60 * 1_000;
/// Ticket of the one effect that has none of its own.
const NO_TICKET: Ticket = Ticket::MAX;

/// Who waits for what the replica does, by ticket.
struct Waiting<T> {
    last: Cell<Ticket>,
    by_ticket: RefCell<BTreeMap<Ticket, Outcome<T>>>,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self {
            last: Cell::new(0),
            by_ticket: RefCell::default(),
        }
    }
}

impl<T: 'static> Waiting<T> {
    /// A new ticket, and where its result will be.
    fn begin(&self) -> (Ticket, Outcome<T>) {
        let ticket = self.last.get() + 1;
        self.last.set(ticket);
        let done = Outcome::new();
        self.by_ticket.borrow_mut().insert(ticket, done.clone());
        (ticket, done)
    }

    fn settle(&self, ticket: Ticket, result: T) {
        let done = self.by_ticket.borrow_mut().remove(&ticket);
        if let Some(done) = done {
            done.settle(result);
        }
    }
}

/// The runtime of one identity.
pub struct Runtime<S> {
    replica: RefCell<Replica>,
    events: RefCell<VecDeque<Event>>,
    busy: Cell<bool>,
    store: S,
    screens: Rc<dyn Screens>,
    commands: Waiting<Result<RecordId, CommandError>>,
    takings: Waiting<Result<u32, TakeInError>>,
    timer: RefCell<Option<Timer>>,
    lock: RefCell<Option<Lock>>,
    tabs: RefCell<Option<Tabs>>,
    live: RefCell<Option<Rc<Live>>>,
    name: String,
    /// The device's key, where the browser has one.
    signer: RefCell<Option<Signer>>,
}

impl<S> core::fmt::Debug for Runtime<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Runtime({})", self.name)
    }
}

impl<S: Store + 'static> Runtime<S> {
    /// The runtime of the identity called `name`; nothing happens before [`Self::listen`].
    pub fn new(name: String, replica: Replica, store: S, screens: Rc<dyn Screens>) -> Rc<Self> {
        Rc::new(Self {
            replica: RefCell::new(replica),
            events: RefCell::default(),
            busy: Cell::new(false),
            store,
            screens,
            commands: Waiting::default(),
            takings: Waiting::default(),
            timer: RefCell::default(),
            lock: RefCell::default(),
            tabs: RefCell::default(),
            live: RefCell::default(),
            name,
            signer: RefCell::default(),
        })
    }

    /// Signs what asks for it from now on.
    pub fn sign_with(&self, signer: Option<Signer>) {
        *self.signer.borrow_mut() = signer;
    }

    /// What this device proves itself with.
    pub fn proof(&self) -> (DeviceId, Secret) {
        self.replica.borrow().proof()
    }

    /// The store of this identity.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Hears the browser's signals and the other tabs from now on.
    pub fn listen(self: &Rc<Self>) {
        let runtime = Rc::downgrade(self);
        platform::watch_signals(move |signal| {
            let Some(runtime) = runtime.upgrade() else {
                return;
            };
            runtime.follow_news();
            match signal {
                Signal::Online => runtime.wake(Cause::Online),
                Signal::Shown => runtime.wake(Cause::Visible),
                Signal::Offline | Signal::Hidden => {}
            }
        });
        let runtime = Rc::downgrade(self);
        let tabs = Tabs::join(&self.name, move |changed| {
            if let Some(runtime) = runtime.upgrade() {
                runtime.show(changed);
            }
        });
        *self.tabs.borrow_mut() = Some(tabs);
    }

    /// Listens for news of the server whenever somebody sees the page.
    ///
    /// For the station's devices, where a list stands open all day: an officer's phone saves its
    /// battery and looks by itself.
    pub fn go_live(self: &Rc<Self>, device: DeviceId, secret: Secret) {
        let live = Live::new(device, secret);
        let earlier = self.live.borrow_mut().replace(live);
        if let Some(earlier) = earlier {
            earlier.stop();
        }
        self.follow_news();
    }

    fn follow_news(self: &Rc<Self>) {
        let live = self.live.borrow().clone();
        if let Some(live) = live {
            live.follow(self);
        }
    }

    /// Carries out a command; the answer comes when it is committed to the disk, or is not.
    ///
    /// # Errors
    /// When nothing was saved; what was typed is still in the form and in its draft.
    pub async fn command(
        self: &Rc<Self>,
        command: Command,
        drafts: Vec<String>,
    ) -> Result<RecordId, CommandError> {
        let (ticket, done) = self.commands.begin();
        let fresh = Fresh::new(platform::now(), platform::random());
        let command = Box::new(command);
        self.take(Event::Command {
            ticket,
            command,
            fresh,
            drafts,
        });
        done.wait().await
    }

    /// Joins with an invitation code.
    pub fn join(self: &Rc<Self>, code: &str) {
        self.take(Event::Join {
            code: code.to_owned(),
            now: platform::clock(),
        });
    }

    /// Looks for something to exchange.
    pub fn wake(self: &Rc<Self>, cause: Cause) {
        self.take(Event::Wake {
            cause,
            now: platform::clock(),
        });
    }

    /// Asks for a record of which only the row has come.
    pub fn bring(self: &Rc<Self>, record: RecordId) {
        self.take(Event::Bring {
            record,
            now: platform::clock(),
        });
    }

    /// Whether a grid is this person's.
    pub fn holds(&self, grid: &UnitId) -> bool {
        let replica = self.replica.borrow();
        let known = replica.directory();
        known.is_some_and(|known| known.grid(grid).is_some())
    }

    /// A record for its page; `None` when it is not here, or when nothing of it can be read.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn case(&self, id: RecordId) -> Result<Option<Case>, Fault> {
        let stored = self.store.load(&[id]).await?.into_iter().next();
        Ok(stored.and_then(|stored| Case::fold(&stored).ok()))
    }

    /// Keeps the text of an unfinished form; called on every pause in typing.
    ///
    /// # Errors
    /// When the store does not take it: the text is then only on the screen.
    pub async fn keep_draft(&self, key: &str, text: &str) -> Result<(), Fault> {
        self.store.put_draft(key, text).await
    }

    /// Drops an unfinished form that the officer gave up.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn drop_draft(&self, key: &str) -> Result<(), Fault> {
        self.store.remove_draft(key).await
    }

    /// Takes one event; those that come meanwhile wait for their turn.
    fn take(self: &Rc<Self>, event: Event) {
        self.events.borrow_mut().push_back(event);
        if self.busy.replace(true) {
            return;
        }
        while let Some(event) = self.next() {
            let effects = self.replica.borrow_mut().handle(event);
            for effect in effects {
                self.run(effect);
            }
        }
        self.busy.set(false);
    }

    fn next(&self) -> Option<Event> {
        self.events.borrow_mut().pop_front()
    }

    fn run(self: &Rc<Self>, effect: Effect) {
        match effect {
            Effect::Load { ticket, records } => self.spawn(|this| this.load(ticket, records)),
            Effect::ReadOutbox {
                bytes_max,
                items_max,
            } => {
                self.spawn(move |this| this.read_outbox(bytes_max, items_max));
            }
            Effect::Commit { ticket, batch } => {
                self.spawn(move |this| async move { this.commit(ticket, &batch).await });
            }
            Effect::Scan { ticket } => self.spawn(move |this| this.scan(ticket)),
            Effect::Send { bytes } => {
                self.spawn(|this| this.send(bytes));
            }
            Effect::Finished { ticket, result } => self.commands.settle(ticket, result),
            Effect::TookIn { ticket, result } => self.takings.settle(ticket, result),
            Effect::Changed { records } => {
                if let Some(tabs) = &*self.tabs.borrow() {
                    tabs.tell(&records);
                }
                self.show(records);
            }
            Effect::Notices(used_up) => self.screens.used_up(used_up),
            Effect::Directory(directory) => self.screens.directory(*directory),
            Effect::Status(status) => self.tell(status),
            Effect::WakeAt(at) => self.wake_at(at),
        }
    }

    fn spawn<F: Future<Output = ()> + 'static>(self: &Rc<Self>, work: impl FnOnce(Rc<Self>) -> F) {
        platform::spawn(work(Rc::clone(self)));
    }

    async fn load(self: Rc<Self>, ticket: Ticket, records: Vec<RecordId>) {
        match self.store.load(&records).await {
            Ok(records) => self.take(Event::Loaded { ticket, records }),
            Err(fault) => self.failed(ticket, fault),
        }
    }

    async fn read_outbox(self: Rc<Self>, bytes_max: usize, items_max: usize) {
        // One tab exchanges at a time; the others would only ask for the same.
        let held = self.lock.borrow().is_some();
        if !held {
            let lock = platform::lock(&format!("fengge-sync-{}", self.name), LOCK_MS_MAX).await;
            *self.lock.borrow_mut() = lock;
        }
        match self.store.outbox(bytes_max, items_max).await {
            Ok(head) => self.take(Event::Outbox {
                items: head.items,
                records: head.records,
                now: platform::clock(),
            }),
            Err(fault) => self.failed(NO_TICKET, fault),
        }
    }

    async fn scan(self: Rc<Self>, ticket: Ticket) {
        match self.store.held().await {
            Ok(held) => self.take(Event::Scanned {
                ticket,
                held,
                now: platform::clock(),
            }),
            Err(fault) => self.failed(ticket, fault),
        }
    }

    async fn commit(self: Rc<Self>, ticket: Ticket, batch: &WriteBatch) {
        match self.store.commit(batch).await {
            Ok(()) => {
                if !batch.aside.is_empty() {
                    self.count_aside().await;
                }
                self.take(Event::Committed {
                    ticket,
                    now: platform::clock(),
                });
            }
            Err(Fault::Stale) => self.take(Event::Stale { ticket }),
            Err(fault) => self.failed(ticket, fault),
        }
    }

    async fn send(self: Rc<Self>, bytes: Vec<u8>) {
        let answer = match self.signed(bytes).await {
            Some(bytes) => link::exchange(bytes, self.proof()).await,
            None => Err(LinkFailure::Offline),
        };
        let now = platform::clock();
        self.take(match answer {
            Ok(bytes) => Event::Answer { bytes, now },
            Err(failure) => Event::LinkFailed {
                failure,
                now,
                random: u16::from_le_bytes(platform::random()),
            },
        });
    }

    /// A request as it goes out; `None` where one wants a signature and the browser gives none.
    async fn signed(&self, bytes: Vec<u8>) -> Option<Vec<u8>> {
        if to_sign(&bytes).is_none() {
            return Some(bytes);
        }
        let signer = self.signer.borrow().clone()?;
        signer.finish(bytes).await
    }

    fn failed(self: &Rc<Self>, ticket: Ticket, fault: Fault) {
        self.take(Event::StoreFailed {
            ticket,
            fault: fault.into(),
            now: platform::clock(),
        });
    }

    /// Shows these records as they are stored now.
    fn show(self: &Rc<Self>, records: Vec<RecordId>) {
        self.spawn(|this| async move {
            // Where the rows cannot be read the screen keeps the older ones.
            if let Ok(rows) = this.store.rows_of(&records).await {
                let came: BTreeSet<RecordId> = rows.iter().map(|row| row.id).collect();
                let gone = records.into_iter().filter(|id| !came.contains(id));
                this.screens.gone(&gone.collect());
                this.screens.rows(rows);
            }
        });
    }

    /// Shows how much was set aside.
    pub async fn count_aside(&self) {
        if let Ok(count) = self.store.aside_count().await {
            self.screens.aside(count);
        }
    }

    fn tell(&self, status: SyncStatus) {
        if status.activity != Activity::Working {
            let lock = self.lock.borrow_mut().take();
            drop(lock);
        }
        platform::badge(status.on_phone);
        self.screens.status(status);
    }

    fn wake_at(self: &Rc<Self>, at: Millis) {
        let wait = at
            .since(platform::clock())
            .clamp(0, i64::from(TIMER_MS_MAX));
        let runtime = Rc::downgrade(self);
        let timer = platform::after(u32::try_from(wait).unwrap_or(TIMER_MS_MAX), move || {
            if let Some(runtime) = runtime.upgrade() {
                runtime.wake(Cause::Timer);
            }
        });
        let earlier = self.timer.borrow_mut().replace(timer);
        drop(earlier);
    }
}
