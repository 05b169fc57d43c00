//! The courier of photos: names what was taken, sends what waits, and asks what has arrived.

mod arrival;

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use domain::command::Command;
use domain::id::{DeviceId, ItemId, PhotoHash, PhotoKey, RecordId, UnitId};
use domain::record::photo::{Photo, Size};
use domain::replica::{Activity, CommandError, StoreFault, SyncStatus};
use domain::sync::message::Secret;
use domain::time::Millis;
use domain::upload::{Effect, Event, Picture, Uploader};
use domain::view::Row;

use super::{Screens, Session};
use crate::link::photos::{self as wire, Address, Said};
use crate::platform::photo::{Shot, on_wifi};
use crate::platform::{self, Lock, Timer};
use crate::store::photos::{Book, PhotoNote, Taken};

/// The setting that keeps whole photos for Wi-Fi.
pub const WIFI_ONLY: &str = "fengge.wifi";
/// The longest wait for another tab that is sending, in milliseconds.
const LOCK_MS: u32 = 500;

/// Why a photo was not kept, or not named by its record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhotoError {
    /// The browser cannot read the picture.
    #[error("not a picture")]
    Unreadable,
    /// The store failed: nothing of the photo was kept.
    #[error(transparent)]
    Store(StoreFault),
    /// The photo is kept, the record does not name it.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Whether whole photos may be sent now.
#[must_use]
pub fn may_send_full() -> bool {
    platform::setting(WIFI_ONLY).is_none_or(|set| set != "1") || on_wifi() == Some(true)
}

/// What a row tells of its record's photos.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Naming {
    grid: UnitId,
    photos: Vec<PhotoKey>,
    /// The server has all of the record: a photo that is offered before its name has come would be
    /// refused.
    sent: bool,
    /// The place in the log of what came last.
    seq: u64,
}

/// The courier of one identity.
pub struct Courier {
    session: Rc<Session>,
    proof: (DeviceId, Secret),
    screens: Rc<dyn Screens>,
    uploader: RefCell<Uploader>,
    book: RefCell<Book>,
    rows: RefCell<BTreeMap<RecordId, Naming>>,
    /// Texts are on their way, or there is no network: photos wait.
    hold: Cell<bool>,
    looking: Cell<bool>,
    again: Cell<bool>,
    asked_at: Cell<Millis>,
    /// The server may have lost what it had: it was put back to an older state.
    doubt: Cell<bool>,
    timer: RefCell<Option<Timer>>,
    lock: RefCell<Option<Lock>>,
}

impl core::fmt::Debug for Courier {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Courier")
    }
}

impl Courier {
    /// The courier of a session; nothing moves before the first exchange went well.
    pub fn new(
        session: Rc<Session>,
        proof: (DeviceId, Secret),
        screens: Rc<dyn Screens>,
    ) -> Rc<Self> {
        Rc::new(Self {
            session,
            proof,
            screens,
            uploader: RefCell::default(),
            book: RefCell::default(),
            rows: RefCell::default(),
            hold: Cell::new(true),
            looking: Cell::new(false),
            again: Cell::new(false),
            asked_at: Cell::new(Millis(0)),
            doubt: Cell::new(false),
            timer: RefCell::default(),
            lock: RefCell::default(),
        })
    }

    /// These rows are new, or not what they were.
    pub fn rows(self: &Rc<Self>, rows: &[Row]) {
        let mut changed = false;
        for row in rows {
            let naming = Naming {
                grid: row.grid.clone(),
                photos: row.photos.clone(),
                sent: row.delivery.unsent == 0 && row.delivery.seq > 0,
                seq: row.delivery.seq,
            };
            let before = self.rows.borrow_mut().insert(row.id, naming.clone());
            // Only changes that the server lost take a record back in its log.
            if before
                .as_ref()
                .is_some_and(|before| before.seq > naming.seq)
            {
                self.doubt.set(true);
            }
            changed |= before.as_ref() != Some(&naming);
        }
        if changed {
            self.look(false);
        }
    }

    /// The exchange is in another state: photos go when everything else has gone.
    pub fn status(self: &Rc<Self>, status: &SyncStatus) {
        match status.activity {
            // An exchange that finds nothing new must not stop a photo on its way.
            Activity::Working if status.on_phone == 0 => return,
            Activity::Idle => self
                .hold
                .set(status.on_phone > 0 || status.synced_at.is_none()),
            Activity::Working | Activity::Failed(_) | Activity::StoreFailed(_) => {
                self.hold.set(true);
            }
        }
        self.look(false);
    }

    /// Looks for something to do; `urgent` when a person waits for it.
    pub fn look(self: &Rc<Self>, urgent: bool) {
        self.again.set(true);
        if urgent {
            self.asked_at.set(Millis(0));
        }
        if self.looking.replace(true) {
            return;
        }
        let courier = Rc::clone(self);
        platform::spawn(async move {
            while courier.again.replace(false) {
                // A store that does not answer is asked again at the next look.
                if let Ok(book) = courier.session.store().photos().await {
                    courier.set_book(book);
                    courier.name_all().await;
                    courier.ask_arrived().await;
                    courier.ask_kept().await;
                    courier.upload(urgent).await;
                }
            }
            courier.looking.set(false);
        });
    }

    /// What was found out while the notes were being read is not forgotten again.
    fn set_book(&self, mut book: Book) {
        for (key, known) in self.book.borrow().iter() {
            let Some(note) = book.get_mut(key) else {
                continue;
            };
            note.arrived |= known.arrived;
            if let (Some(taken), Some(known)) = (&mut note.taken, known.taken)
                && taken.item == known.item
            {
                taken.named |= known.named;
                taken.thumb_sent |= known.thumb_sent;
            }
        }
        if *self.book.borrow() != book {
            self.screens.photos(&book);
            *self.book.borrow_mut() = book;
        }
    }

    /// Keeps a photo that was just taken; where its record is here already, the record names it.
    ///
    /// # Errors
    /// When nothing was kept, or when the record does not take it.
    pub async fn keep(
        self: &Rc<Self>,
        record: RecordId,
        shot: &Shot,
        taken_at: Millis,
    ) -> Result<(), PhotoError> {
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let photo = Photo {
            full: PhotoHash::of(&shot.full),
            full_bytes: len(&shot.full),
            width: shot.width,
            height: shot.height,
            thumb: PhotoHash::of(&shot.thumb),
            thumb_bytes: len(&shot.thumb),
            taken_at,
        };
        let taken = Taken {
            item: ItemId::new(taken_at, platform::random()),
            photo,
            named: false,
            thumb_sent: false,
        };
        let kept = self.session.store();
        let kept = kept.keep_photo(record, taken, (&shot.full, &shot.thumb));
        kept.await
            .map_err(|fault| PhotoError::Store(fault.into()))?;
        let note = PhotoNote {
            arrived: false,
            taken: Some(taken),
        };
        self.put((record, photo.full.key()), note);
        let is_here = self.rows.borrow().contains_key(&record);
        if is_here {
            self.name(record, taken).await?;
        }
        Ok(())
    }

    /// Lets the record name a photo: the change is committed, and the note says so.
    async fn name(&self, record: RecordId, taken: Taken) -> Result<(), CommandError> {
        let command = Command::AddPhoto {
            id: record,
            item: taken.item,
            photo: taken.photo,
        };
        self.session.command(command, Vec::new()).await?;
        self.note((record, taken.photo.full.key()), |note| {
            note.taken = Some(Taken {
                named: true,
                ..taken
            });
        })
        .await;
        Ok(())
    }

    /// Names what an earlier start, or a form that was saved meanwhile, has left unnamed.
    async fn name_all(&self) {
        let unnamed: Vec<_> = {
            let (book, rows) = (self.book.borrow(), self.rows.borrow());
            let notes = book.iter().filter_map(|((record, _), note)| {
                let taken = note.taken.filter(|taken| !taken.named)?;
                rows.contains_key(record).then_some((*record, taken))
            });
            notes.collect()
        };
        for (record, taken) in unnamed {
            // What is refused stays on the phone, unnamed; the next start tries again.
            let _named = self.name(record, taken).await;
        }
    }

    /// Takes a photo away from its record; its bytes go when the record has let go of it.
    ///
    /// # Errors
    /// When the record still has it.
    pub async fn remove(
        &self,
        record: RecordId,
        item: ItemId,
        photo: Photo,
    ) -> Result<(), CommandError> {
        if self.rows.borrow().contains_key(&record) {
            let command = Command::RemovePhoto {
                id: record,
                photo: item,
            };
            self.session.command(command, Vec::new()).await?;
        }
        let key = (record, photo.full.key());
        self.book.borrow_mut().remove(&key);
        let elsewhere = self.book.borrow().keys().any(|(_, known)| *known == key.1);
        let pictures = [photo.full, photo.thumb];
        let pictures: &[_] = if elsewhere { &[] } else { &pictures };
        // Bytes that stay only take room.
        let _dropped = self.session.store().drop_photo(key, pictures).await;
        self.screens.photos(&self.book.borrow());
        Ok(())
    }

    /// Drops the photos of a form that the officer gave up: no record names them.
    pub async fn discard(&self, record: RecordId) {
        let book = self.book.borrow().clone();
        for ((of, _), note) in book {
            if let Some(taken) = note.taken.filter(|taken| of == record && !taken.named) {
                // A photo that stays is seen by nobody.
                let _removed = self.remove(record, taken.item, taken.photo).await;
            }
        }
    }

    /// A picture: from the phone, or from the server and then kept.
    pub async fn picture(&self, of: Address) -> Option<Vec<u8>> {
        let here = self.session.store().picture(of.name).await.ok().flatten();
        if let Some(bytes) = here.filter(|bytes| PhotoHash::of(bytes) == of.name) {
            return Some(bytes);
        }
        let bytes = wire::fetch(self.proof, of).await?;
        // Where it cannot be kept it is fetched again.
        let _kept = self.session.store().keep_picture(of.name, &bytes).await;
        if of.size == Size::Full {
            self.note((of.record, of.name.key()), |note| note.arrived = true)
                .await;
        }
        Some(bytes)
    }

    fn put(&self, key: (RecordId, PhotoKey), note: PhotoNote) {
        self.book.borrow_mut().insert(key, note);
        self.screens.photos(&self.book.borrow());
    }

    async fn note(&self, key: (RecordId, PhotoKey), alter: impl FnOnce(&mut PhotoNote)) {
        let mut note = self.book.borrow().get(&key).copied().unwrap_or_default();
        alter(&mut note);
        // What could not be written is found out again: the server is asked before it is sent to.
        let _noted = self.session.store().note_photos(&[(key, note)]).await;
        self.put(key, note);
    }

    fn waiting(&self) -> Vec<Picture> {
        if self.hold.get() {
            return Vec::new();
        }
        let full = may_send_full();
        let (book, rows) = (self.book.borrow(), self.rows.borrow());
        let mut waiting = Vec::new();
        for ((record, key), note) in book.iter() {
            let Some(taken) = note.taken.filter(|taken| taken.named && !note.arrived) else {
                continue;
            };
            let ready = |naming: &Naming| naming.sent && naming.photos.contains(key);
            if !rows.get(record).is_some_and(ready) {
                continue;
            }
            for size in [Size::Thumb, Size::Full] {
                let due = match size {
                    Size::Thumb => !taken.thumb_sent,
                    Size::Full => full,
                };
                let (name, bytes) = taken.photo.picture(size);
                if due {
                    waiting.push(Picture {
                        record: *record,
                        name,
                        size,
                        bytes,
                        taken_at: taken.photo.taken_at,
                    });
                }
            }
        }
        waiting
    }

    async fn upload(self: &Rc<Self>, urgent: bool) {
        let waiting = self.waiting();
        if waiting.is_empty() && !self.uploader.borrow().is_busy() {
            return;
        }
        // One tab sends at a time; two would only stand in each other's way.
        if self.lock.borrow().is_none() && !waiting.is_empty() {
            let name = format!("fengge-photos-{}", self.proof.0.hex());
            let lock = platform::lock(&name, LOCK_MS).await;
            if lock.is_none() {
                return;
            }
            *self.lock.borrow_mut() = lock;
        }
        let now = platform::clock();
        self.take(Event::Look {
            waiting,
            urgent,
            now,
        });
    }

    fn take(self: &Rc<Self>, event: Event) {
        let effects = self.uploader.borrow_mut().handle(event);
        for effect in effects {
            self.run(effect);
        }
    }

    fn run(self: &Rc<Self>, effect: Effect) {
        let courier = Rc::clone(self);
        match effect {
            Effect::Ask(picture) => {
                platform::spawn(async move { courier.offer(picture, None).await });
            }
            Effect::Send { picture, at, len } => {
                platform::spawn(async move { courier.offer(picture, Some((at, len))).await });
            }
            Effect::Arrived(picture) => {
                platform::spawn(async move { courier.arrived(picture).await });
            }
            // It stays on the phone and counts as not sent; a person or the next start tries again.
            Effect::LetBe(_) => {}
            Effect::WakeAt(at) => {
                let wait = u32::try_from(at.since(platform::clock())).unwrap_or(0);
                let timer = platform::after(wait, move || courier.look(false));
                let earlier = self.timer.borrow_mut().replace(timer);
                drop(earlier);
            }
            Effect::Rest => {
                let lock = self.lock.borrow_mut().take();
                drop(lock);
            }
        }
    }

    async fn offer(self: Rc<Self>, picture: Picture, piece: Option<(u32, u32)>) {
        let of = Address {
            record: picture.record,
            name: picture.name,
            size: picture.size,
        };
        let said = match piece {
            None => wire::offer(self.proof, of, None).await,
            Some((at, len)) => {
                let stored = self.session.store().picture(picture.name).await;
                let from = usize::try_from(at).unwrap_or(usize::MAX);
                let to = from.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
                match stored
                    .map(|bytes| bytes.and_then(|all| all.get(from..to).map(<[u8]>::to_vec)))
                {
                    Ok(Some(bytes)) => wire::offer(self.proof, of, Some((at, &bytes))).await,
                    Ok(None) => Said::Refused,
                    Err(_) => Said::Later,
                }
            }
        };
        let now = platform::clock();
        let random = u16::from_le_bytes(platform::random());
        self.take(match said {
            Said::Held(bytes) => Event::Held { bytes, now, random },
            Said::Spoilt => Event::Spoilt,
            Said::Refused => Event::Refused,
            Said::Later => Event::Failed { now, random },
        });
    }

    async fn arrived(self: Rc<Self>, picture: Picture) {
        let keys: Vec<_> = {
            let book = self.book.borrow();
            let mut found = book.iter().filter(|((record, _), note)| {
                let named = note.taken.map(|taken| taken.photo.picture(picture.size).0);
                *record == picture.record && named == Some(picture.name)
            });
            found.by_ref().map(|(key, _)| *key).collect()
        };
        for key in keys {
            self.note(key, |note| match picture.size {
                Size::Full => note.arrived = true,
                Size::Thumb => {
                    note.taken = note.taken.map(|taken| Taken {
                        thumb_sent: true,
                        ..taken
                    });
                }
            })
            .await;
        }
    }
}
