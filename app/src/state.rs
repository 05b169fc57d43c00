//! What the screens may read: signals that the runtime sets, and the actions that go the other way.

mod actions;
mod carry;
pub mod draft;
pub mod lists;
mod photos;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use domain::access;
use domain::codelist::Language;
use domain::id::RecordId;
use domain::replica::journal::Damage;
use domain::replica::{Activity, LinkFailure, SyncStatus, clock};
use domain::sync::message::{ErrorCode, UsedUp};
use domain::unit::Directory;
use domain::view::{DeliveryState, Row};
use leptos::prelude::*;

use crate::locale::{self, Word, fault, word};
use crate::platform::{self, Room};
use crate::runtime::Screens;
use crate::runtime::carry::Delivery;
use crate::store::identities::Known;
use crate::store::indexed_db::{Notice, OpenError};
use crate::store::photos::Book;

use lists::{Filters, Sought};

pub use actions::{Actions, CaseState, LoadFault, OverviewFault};

/// A short message at the edge of the screen that goes away by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Toast {
    /// What it says.
    pub text: &'static str,
    /// Counts the messages, so that the same text twice is shown twice.
    pub no: u32,
}

/// Everything that screens read; cheap to copy, one for the life of the page.
#[derive(Debug, Clone, Copy)]
pub struct State {
    /// The stored rows by record.
    pub rows: RwSignal<Arc<BTreeMap<RecordId, Row>>>,
    /// The state of the exchange.
    pub status: RwSignal<SyncStatus>,
    /// Why the server does not let this phone in, until it does.
    pub refused: RwSignal<Option<ErrorCode>>,
    /// Who and where; none before joining.
    pub directory: RwSignal<Option<Arc<Directory>>>,
    /// How much was set aside.
    pub aside: RwSignal<u32>,
    /// What is known of photos.
    pub photos: RwSignal<Arc<Book>>,
    /// What became of that which is carried for others.
    pub carried: RwSignal<Delivery>,
    /// Unfinished forms by key.
    pub drafts: RwSignal<BTreeMap<String, String>>,
    /// The people who joined on this phone.
    pub identities: RwSignal<Vec<Known>>,
    /// Which of them uses it.
    pub current: RwSignal<Option<usize>>,
    /// What the browser says about room.
    pub room: RwSignal<Option<Room>>,
    /// Devices of the station that have used up what they may bring in a day.
    pub used_up: RwSignal<Vec<UsedUp>>,
    /// Something about the database that a person must know.
    pub notice: RwSignal<Option<Notice>>,
    /// What the database had lost.
    pub damage: RwSignal<Option<Damage>>,
    /// The database cannot be opened.
    pub closed: RwSignal<Option<OpenError>>,
    /// A new version waits.
    pub update: RwSignal<bool>,
    /// The app crashed several times in a row: nothing is read.
    pub plain: RwSignal<bool>,
    /// The stored state has been read.
    pub ready: RwSignal<bool>,
    /// The language of the screens.
    pub language: RwSignal<Language>,
    /// The last short message.
    pub toast: RwSignal<Option<Toast>>,
    /// Ticks once a minute, for what depends on the time.
    pub minute: RwSignal<u32>,
    /// What the records are narrowed to.
    pub sought: Sought,
    /// What the station's table is narrowed to.
    pub filters: Filters,
}

impl State {
    /// A state that nothing has been read into yet.
    #[must_use]
    pub fn new(language: Language) -> Self {
        let status = SyncStatus {
            activity: Activity::Idle,
            on_phone: 0,
            synced_at: None,
            seen: 0,
            clock_gap_ms: 0,
            held_until: None,
        };
        Self {
            rows: RwSignal::new(Arc::default()),
            status: RwSignal::new(status),
            refused: RwSignal::new(None),
            directory: RwSignal::new(None),
            aside: RwSignal::new(0),
            photos: RwSignal::new(Arc::default()),
            carried: RwSignal::new(Delivery::default()),
            drafts: RwSignal::new(BTreeMap::new()),
            identities: RwSignal::new(Vec::new()),
            current: RwSignal::new(None),
            room: RwSignal::new(None),
            used_up: RwSignal::new(Vec::new()),
            notice: RwSignal::new(None),
            damage: RwSignal::new(None),
            closed: RwSignal::new(None),
            update: RwSignal::new(false),
            plain: RwSignal::new(false),
            ready: RwSignal::new(false),
            language: RwSignal::new(language),
            toast: RwSignal::new(None),
            minute: RwSignal::new(0),
            sought: Sought::new(),
            filters: Filters::new(),
        }
    }

    /// The row of a record.
    #[must_use]
    pub fn row(&self, id: RecordId) -> Option<Row> {
        self.rows.with(|rows| rows.get(&id).cloned())
    }

    /// The step of the ladder that a row has reached.
    #[must_use]
    pub fn delivery(&self, row: &Row) -> DeliveryState {
        row.delivery.state(self.status.with(|status| status.seen))
    }

    /// How many photos a row has, and how many of them have arrived.
    #[must_use]
    pub fn photo_count(&self, row: &Row) -> Option<String> {
        if row.photos.is_empty() {
            return None;
        }
        let arrived = self.photos.with(|book| {
            let noted = row
                .photos
                .iter()
                .filter_map(|key| book.get(&(row.id, *key)));
            noted.filter(|note| note.arrived).count()
        });
        locale::format::photos(arrived, row.photos.len())
    }

    /// What stands in the place of an empty list: on a new device the records are still on their way.
    pub fn none(self, word: Word) -> impl Fn() -> &'static str + Send + Sync + 'static {
        move || {
            let working = self
                .status
                .with(|status| status.activity == Activity::Working);
            if working && self.rows.with(|rows| rows.is_empty()) {
                word::FETCHING.s()
            } else {
                word.s()
            }
        }
    }

    /// The directory, where there is one.
    #[must_use]
    pub fn known(&self) -> Option<Arc<Directory>> {
        self.directory.get()
    }

    /// Text that names whom to ask: an officer asks the station, which itself has nobody but its
    /// administrator.
    #[must_use]
    pub fn told(&self, word: Word) -> String {
        let directory = self.directory.get();
        let is_station = directory.is_some_and(|known| access::is_station_staff(&known.me));
        let whom = if is_station {
            word::WHOM_ADMIN
        } else {
            word::WHOM_STATION
        };
        word.with(whom.s())
    }

    /// Shows the page for an app that crashed several times in a row.
    pub fn stay_plain(&self) {
        self.plain.set(true);
    }

    /// Says something short.
    pub fn say(&self, text: &'static str) {
        self.toast.update(|toast| {
            let no = toast.map_or(0, |toast| toast.no.wrapping_add(1));
            *toast = Some(Toast { text, no });
        });
    }
}

/// The state of this page; set up once by the app's root.
#[must_use]
pub fn state() -> State {
    expect_context::<State>()
}

/// The runtime's way to the screens.
#[derive(Debug)]
pub struct Board {
    state: State,
}

impl Board {
    /// A board that sets these signals.
    #[must_use]
    pub fn new(state: State) -> Rc<Self> {
        Rc::new(Self { state })
    }
}

impl Screens for Board {
    fn rows(&self, rows: Vec<Row>) {
        self.state.rows.update(|known| {
            let known = Arc::make_mut(known);
            known.extend(rows.into_iter().map(|row| (row.id, row)));
        });
    }

    fn gone(&self, records: &BTreeSet<RecordId>) {
        // A row of the device's own that cannot be read just now stays: it is folded again.
        let went = |row: &Row| row.delivery.rev == 0 && records.contains(&row.id);
        let any = self.state.rows.with_untracked(|known| {
            let mut known = records.iter().filter_map(|id| known.get(id));
            known.any(went)
        });
        if any {
            self.state.rows.update(|known| {
                Arc::make_mut(known).retain(|_, row| !went(row));
            });
        }
    }

    fn status(&self, status: SyncStatus) {
        let refused = match status.activity {
            Activity::Failed(LinkFailure::Refused(code)) if fault::is_shut_out(code) => Some(code),
            Activity::Idle => None,
            // Nothing is known of the server's mind before it has answered.
            Activity::Working | Activity::Failed(_) | Activity::StoreFailed(_) => {
                self.state.refused.get_untracked()
            }
        };
        if self.state.refused.get_untracked() != refused {
            self.state.refused.set(refused);
        }
        platform::correct_clock(clock::correction(status.clock_gap_ms));
        self.state.status.set(status);
    }

    fn directory(&self, directory: Directory) {
        self.state.directory.set(Some(Arc::new(directory)));
    }

    fn aside(&self, count: u32) {
        self.state.aside.set(count);
    }

    fn photos(&self, book: &Book) {
        self.state.photos.set(Arc::new(book.clone()));
    }

    fn used_up(&self, devices: Vec<UsedUp>) {
        self.state.used_up.set(devices);
    }

    fn carried(&self, delivery: Delivery) {
        self.state.carried.set(delivery);
    }

    fn drafts(&self, drafts: Vec<(String, String)>) {
        self.state.drafts.set(drafts.into_iter().collect());
    }

    fn identities(&self, all: Vec<Known>, current: Option<usize>) {
        self.state.identities.set(all);
        self.state.current.set(current);
    }

    fn room(&self, room: Room) {
        self.state.room.set(Some(room));
    }

    fn notice(&self, notice: Notice) {
        if notice == Notice::Closing {
            draft::keep_all();
        }
        self.state.notice.set(Some(notice));
    }

    fn damage(&self, damage: Damage) {
        self.state.damage.set(Some(damage));
    }

    fn closed(&self, error: OpenError) {
        self.state.closed.set(Some(error));
    }

    fn update_ready(&self) {
        self.state.update.set(true);
    }

    fn ready(&self) {
        self.state.ready.set(true);
    }
}
