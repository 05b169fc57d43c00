//! What the server has of photos: those of others that come later than their records, and those of
//! one's own, which it may have lost or which need not lie on the phone any more.

use domain::id::{PhotoKey, RecordId};
use domain::replica::CHECK_EVERY_MS;
use domain::sync::message::{decode, encode};
use domain::time::{MINUTE_MS, Millis};
use domain::upload::{Arrived, ArrivedRequest, RECORDS_MAX};

use super::{Courier, Naming};
use crate::link;
use crate::link::photos as wire;
use crate::platform;
use crate::store::photos::{PhotoNote, Taken, spare};

/// How often the server is asked about photos of others that had not arrived, in milliseconds.
const ASK_MS: i64 = 5 * MINUTE_MS;
/// When this device last asked whether the server still has what it sent.
const CHECKED: &str = "fengge.photos-";

impl Courier {
    /// Asks which photos of others have arrived, where some had not.
    pub(super) async fn ask_arrived(&self) {
        let now = platform::clock();
        if self.hold.get() || now.since(self.asked_at.get()) < ASK_MS {
            return;
        }
        let records: Vec<RecordId> = {
            let (book, rows) = (self.book.borrow(), self.rows.borrow());
            let open = |(record, naming): (&RecordId, &Naming)| {
                let mut notes = naming
                    .photos
                    .iter()
                    .map(|photo| book.get(&(*record, *photo)));
                let waits =
                    notes.any(|note| note.is_none_or(|note| !note.arrived && note.taken.is_none()));
                waits.then_some(*record)
            };
            // The newest records first: ids sort by time.
            rows.iter()
                .rev()
                .filter_map(open)
                .take(RECORDS_MAX)
                .collect()
        };
        if records.is_empty() {
            return;
        }
        self.asked_at.set(now);
        let Some(arrived) = self.arrived_of(records).await else {
            return;
        };
        let notes: Vec<_> = {
            let book = self.book.borrow();
            let noted = arrived.photos.into_iter().filter_map(|key| {
                let note = book.get(&key).copied().unwrap_or_default();
                (!note.arrived).then_some((
                    key,
                    PhotoNote {
                        arrived: true,
                        ..note
                    },
                ))
            });
            noted.collect()
        };
        // What could not be written is asked again.
        let _noted = self.session.store().note_photos(&notes).await;
        if !notes.is_empty() {
            self.book.borrow_mut().extend(notes);
            self.screens.photos(&self.book.borrow());
        }
    }

    /// Asks whether the server still has what this phone sent, after it was put back to an older
    /// state and once a week; what it has lost is offered again.
    pub(super) async fn ask_kept(&self) {
        let (now, setting) = (
            platform::clock(),
            format!("{CHECKED}{}", self.proof.0.hex()),
        );
        let asked = platform::setting(&setting).and_then(|at| at.parse().ok());
        let rested = asked.is_some_and(|at| (0..CHECK_EVERY_MS).contains(&now.since(Millis(at))));
        if self.hold.get() || (rested && !self.doubt.get()) {
            return;
        }
        let sent: Vec<(RecordId, PhotoKey)> = {
            let book = self.book.borrow();
            let rows = self.rows.borrow();
            // Of a grid that is not this person's any more the server tells nothing.
            let mine = |record| {
                rows.get(record)
                    .is_some_and(|naming| self.session.holds(&naming.grid))
            };
            let sent = book
                .iter()
                .filter(|((record, _), note)| note.arrived && note.taken.is_some() && mine(record));
            sent.map(|(key, _)| *key).collect()
        };
        let mut records: Vec<RecordId> = sent.iter().map(|(record, _)| *record).collect();
        records.dedup();
        for some in records.chunks(RECORDS_MAX) {
            let Some(arrived) = self.arrived_of(some.to_vec()).await else {
                return;
            };
            let asked = sent.iter().filter(|(record, _)| some.contains(record));
            for key in asked.filter(|key| !arrived.photos.contains(key)) {
                self.note(*key, |note| {
                    note.arrived = false;
                    note.taken = note.taken.map(|taken| Taken {
                        thumb_sent: false,
                        ..taken
                    });
                })
                .await;
            }
        }
        self.doubt.set(false);
        self.make_room(now).await;
        platform::keep_setting(&setting, &now.0.to_string());
    }

    /// Lets go of whole pictures that the server has just confirmed and that nobody will miss here.
    async fn make_room(&self, now: Millis) {
        let spare = spare(&self.book.borrow(), now);
        if spare.pictures.is_empty() {
            return;
        }
        // What stays only takes room, and goes the next time.
        if self.session.store().drop_spare(&spare).await.is_ok() {
            self.book.borrow_mut().extend(spare.notes);
        }
    }

    /// Which photos of some records the server has whole; `None` when it does not say.
    async fn arrived_of(&self, records: Vec<RecordId>) -> Option<Arrived> {
        let (device, secret) = self.proof;
        let request = ArrivedRequest {
            device,
            secret,
            records,
        };
        let answer = link::post(wire::ARRIVED, &encode(&request)).await;
        answer.ok().and_then(|bytes| decode(&bytes).ok())
    }
}
