//! What is so, whatever phones and server say: kept beside them and compared after every step.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::Refusal;
use domain::id::{ChangeHash, DocId, Part, RecordId, UnitId};
use domain::replica::{OutboxItem, WriteBatch};
use domain::sync::message::ItemResult;
use domain::time::Millis;
use domain::view::case::Opened;
use domain::view::{DeliveryState, Row};

use super::invariant::{Broken, Invariant, hold};
use super::people::{self, Town};
use super::phone::Phone;
use super::plan::{PhoneNo, Work};
use super::station::{Logged, Poison};

/// A change of which "saved" was said.
#[derive(Debug, Clone)]
pub struct Promise {
    /// On which phone.
    pub phone: PhoneNo,
    /// The document.
    pub doc: DocId,
    /// The change.
    pub hash: ChangeHash,
    /// The word that it holds.
    pub token: String,
}

/// Something that a person did and was told to be saved.
#[derive(Debug, Clone)]
pub struct Said {
    /// What was done.
    pub work: Work,
    /// The word that it holds.
    pub token: String,
    /// With which record.
    pub record: RecordId,
    /// The changes that it came to.
    pub hashes: Vec<ChangeHash>,
}

/// The truth.
#[derive(Debug, Default)]
pub struct Truth {
    /// How many checks held.
    pub checks: u64,
    /// What was promised.
    pub promises: Vec<Promise>,
    /// The server's log, as it was ever seen committed.
    pub log: BTreeMap<(DocId, ChangeHash), Logged>,
    /// The last place of the log.
    pub last_seq: u64,
    /// How much was refused, as the server counts.
    pub poison_id: i64,
    /// What the server refused and kept.
    pub poison: Vec<Poison>,
    /// The grid of each record.
    pub grids: BTreeMap<RecordId, UnitId>,
    /// The writer's clock when a change was made.
    pub stamps: BTreeMap<ChangeHash, Millis>,
    /// What the hostile device wrote honestly: under its keys it may go on.
    pub of_hostile: BTreeSet<ChangeHash>,
    /// What must never be kept.
    pub forbidden: BTreeSet<ChangeHash>,
    /// What some phone of a station has had in its store.
    pub at_station: BTreeSet<ChangeHash>,
    /// What was said to be saved.
    pub said: Vec<Said>,
    /// Edits of a place that were written, whether or not anybody was told.
    pub unsaid_edits: BTreeSet<ChangeHash>,
    /// Changes that add to a counter, with their records.
    pub counted: BTreeSet<(RecordId, ChangeHash)>,
    /// What a restored server lost, until the devices have brought it back.
    pub lost: BTreeSet<ChangeHash>,
    /// Whether a server was restored or a phone's store lost changes: what is refused for want of
    /// what it follows is sent again once that is found, and only the end tells.
    pub hurt: bool,
    /// Whether a phone's store lost changes: a row may stand without its record until they are back.
    pub holed: bool,
}

impl Truth {
    /// Counts a check, and fails where it does not hold.
    ///
    /// # Errors
    /// When it does not hold.
    pub fn hold(
        &mut self,
        holds: bool,
        invariant: Invariant,
        what: impl FnOnce() -> String,
    ) -> Result<(), Broken> {
        hold(&mut self.checks, holds, invariant, what)
    }

    /// Takes note of what came to the server's log.
    ///
    /// # Errors
    /// When something came that must not come, or not as it did.
    pub fn absorb(&mut self, new: Vec<Logged>, now: Millis) -> Result<(), Broken> {
        for entry in new {
            let key = (entry.doc, entry.hash);
            let name = short(entry.hash);
            let again = self.log.contains_key(&key) || entry.seq <= self.last_seq;
            self.hold(!again, Invariant::I4, || {
                format!("change {name} is in the log twice, or out of order")
            })?;
            let bad = self.forbidden.contains(&entry.hash);
            self.hold(!bad, Invariant::I13, || {
                format!("the forged change {name} is in the log")
            })?;
            let stamp = self.stamps.get(&entry.hash).copied();
            let kept = stamp.is_none_or(|at| at == entry.device_at) && entry.received_at == now;
            self.hold(kept, Invariant::I8, || {
                format!(
                    "change {name} was written at {stamp:?} and came at {now:?}; the log says {:?} \
                     and {:?}",
                    entry.device_at, entry.received_at
                )
            })?;
            self.last_seq = entry.seq;
            self.lost.remove(&entry.hash);
            self.grids.insert(entry.doc.record, entry.grid.clone());
            self.log.insert(key, entry);
        }
        Ok(())
    }

    /// The server went back to an older log.
    pub fn set_back(&mut self, log: &[Logged]) {
        let kept: BTreeSet<_> = log.iter().map(|entry| (entry.doc, entry.hash)).collect();
        let gone = self.log.keys().filter(|key| !kept.contains(*key));
        self.lost.extend(gone.map(|(_, hash)| *hash));
        self.log.retain(|key, _| kept.contains(key));
        self.last_seq = log.last().map_or(0, |entry| entry.seq);
        self.poison_id = 0;
        self.poison.clear();
    }

    /// Compares the server's whole log, after it was started again, with what was there.
    ///
    /// # Errors
    /// When something is gone.
    pub fn survives(&mut self, now: &[Logged]) -> Result<(), Broken> {
        let there: BTreeSet<_> = now.iter().map(|entry| (entry.doc, entry.hash)).collect();
        let gone = self.log.keys().find(|key| !there.contains(*key)).copied();
        self.hold(gone.is_none(), Invariant::I2, || {
            format!("the server lost {gone:?} that it had committed")
        })
    }

    /// Everything that was said to be saved is on its phone until the server has it.
    ///
    /// # Errors
    /// When it is not.
    pub fn keeps_promises(&mut self, phones: &[Phone]) -> Result<(), Broken> {
        let held: Vec<Held> = phones.iter().map(Held::of).collect();
        let open = |promise: &&Promise| {
            !self.log.contains_key(&(promise.doc, promise.hash))
                && !self.lost.contains(&promise.hash)
        };
        let mut checks = 0;
        let broken = self.promises.iter().filter(open).find(|promise| {
            checks += 1;
            let Some((phone, held)) = phones.get(promise.phone).zip(held.get(promise.phone)) else {
                return true;
            };
            let stored = phone.disk.kept.change(promise.doc, promise.hash).is_some();
            let told = held.aside.contains(&promise.hash);
            let waits = stored && held.waiting.contains(&(promise.doc, promise.hash));
            !(told || waits)
        });
        self.checks += checks;
        let what = broken.map(|promise| {
            let who = phones.get(promise.phone).map_or("?", |phone| &phone.name);
            format!(
                "{who} was told that {} (change {}) is saved; it is not at the server, does not \
                 wait to be sent and is not set aside",
                promise.token,
                short(promise.hash)
            )
        });
        self.hold(what.is_none(), Invariant::I1, || what.unwrap_or_default())
    }

    /// Forgets what was promised on a phone whose store lost it.
    pub fn forgive(&mut self, no: PhoneNo, phone: &Phone) {
        self.promises.retain(|promise| {
            promise.phone != no
                || self.log.contains_key(&(promise.doc, promise.hash))
                || phone.disk.kept.change(promise.doc, promise.hash).is_some()
        });
    }

    /// What leaves an outbox is in the server's log, or set aside with its bytes.
    ///
    /// # Errors
    /// When it is not.
    pub fn sent(&mut self, gone: &[(DocId, ChangeHash)], batch: &WriteBatch) -> Result<(), Broken> {
        for (doc, hash) in gone {
            // What a restore has taken meanwhile comes back in another way.
            let logged = self.log.contains_key(&(*doc, *hash)) || self.lost.contains(hash);
            let aside = batch.aside.iter().any(|aside| aside.hash == Some(*hash));
            self.hold(logged || aside, Invariant::I2, || {
                format!(
                    "change {} counts as sent and the server does not have it",
                    short(*hash)
                )
            })?;
        }
        Ok(())
    }

    /// What a receipt says of honest work: refused only for a reason that there is.
    ///
    /// # Errors
    /// When there is none.
    pub fn fair(
        &mut self,
        phone: &Phone,
        items: &[OutboxItem],
        (results, town, held): (&[ItemResult], &Town, &BTreeSet<RecordId>),
    ) -> Result<(), Broken> {
        let mut refused: BTreeSet<RecordId> = phone
            .disk
            .kept
            .aside()
            .iter()
            .filter_map(|aside| aside.doc.map(|doc| doc.record))
            .collect();
        for (item, result) in items.iter().zip(results) {
            let ItemResult::Refused(refusal) = result else {
                continue;
            };
            let reason = match refusal {
                // A receipt that was stored tells of an earlier scope.
                Refusal::NotYourGrid => town.was_outside(&phone.person, &item.grid),
                Refusal::MissingDeps => refused.contains(&item.doc.record) || self.hurt,
                // What others wrote, while healing is closed, or beyond whoever passes it on.
                Refusal::AnotherName | Refusal::NotYourRole => item.author != phone.person,
                Refusal::Damaged
                | Refusal::TooLarge
                | Refusal::UnknownGrid
                | Refusal::Contradicts
                | Refusal::Fixed
                | Refusal::NotARecord
                | Refusal::Retired => false,
            };
            refused.insert(item.doc.record);
            self.hold(reason, Invariant::I10, || {
                format!(
                    "{}'s honest change {} was refused: {refusal}",
                    phone.name,
                    short(item.hash)
                )
            })?;
            let waits = *refusal == Refusal::NotYourRole && held.contains(&item.doc.record);
            let kept = waits || self.poison.iter().any(|poison| poison.bytes == item.bytes);
            self.hold(kept, Invariant::I13, || {
                format!("the server refused {} and kept nothing", short(item.hash))
            })?;
        }
        Ok(())
    }

    /// The rows that a write touched say what their changes say.
    ///
    /// # Errors
    /// When they do not.
    pub fn rows(&mut self, phone: &Phone, batch: &WriteBatch) -> Result<(), Broken> {
        let touched = batch.changes.iter().map(|(doc, _)| doc.record);
        let touched: BTreeSet<RecordId> = touched.chain(batch.rows.iter().map(|r| r.id)).collect();
        for id in touched {
            self.row(phone, id)?;
        }
        self.row_of_each(phone)
    }

    /// There is a row of each record, and no other.
    ///
    /// # Errors
    /// When there is not.
    pub fn row_of_each(&mut self, phone: &Phone) -> Result<(), Broken> {
        let bodies = phone.disk.kept.changes().map(|(doc, _)| doc);
        let bodies: BTreeSet<_> = bodies.filter(|doc| doc.part == Part::Body).collect();
        let rows = phone.disk.kept.rows();
        let rows = rows.filter(|row| !row.delivery.is_ahead()).count();
        self.hold(bodies.len() == rows || self.holed, Invariant::I4, || {
            format!(
                "{} shows {rows} rows of {} records",
                phone.name,
                bodies.len()
            )
        })
    }

    fn row(&mut self, phone: &Phone, id: RecordId) -> Result<(), Broken> {
        let stored = phone.disk.kept.load(id);
        let mut opened = Opened::open(&stored);
        let Ok(folded) = opened.row(id, stored.row.as_ref()) else {
            // A vault whose body has not come; its row may have come ahead of both.
            let row = stored.row.as_ref();
            let is_right = row.is_none_or(|row| row.delivery.is_ahead());
            return self.hold(is_right, Invariant::I4, || {
                format!("{} shows a row without a record", phone.name)
            });
        };
        self.hold(stored.row.as_ref() == Some(&folded), Invariant::I4, || {
            format!("{}'s row of {id} is not what its changes say", phone.name)
        })?;
        let waiting = phone
            .disk
            .kept
            .waiting()
            .filter(|(_, doc, _)| doc.record == id);
        let waiting = u32::try_from(waiting.count()).unwrap_or(u32::MAX);
        self.hold(folded.delivery.unsent == waiting, Invariant::I4, || {
            format!(
                "{} says that {} changes of {id} wait; {waiting} do",
                phone.name, folded.delivery.unsent
            )
        })
    }

    /// "Seen" is said of what a phone of a station has had.
    ///
    /// # Errors
    /// When it is said of something else.
    pub fn seen(&mut self, phone: &Phone) -> Result<(), Broken> {
        // A grid that left the scope is no longer what the mark speaks of.
        let known = phone
            .replica
            .as_ref()
            .and_then(|replica| replica.directory());
        let seen = phone.replica.as_ref().map_or(0, |r| r.status().seen);
        let wrong = |row: &&Row| {
            known.is_some_and(|known| known.grid(&row.grid).is_some())
                && row.delivery.state(seen) == DeliveryState::Seen
                && self.log.values().any(|entry| {
                    entry.seq == row.delivery.seq
                        && entry.doc.record == row.id
                        && !self.at_station.contains(&entry.hash)
                })
        };
        let wrong = phone.disk.kept.rows().find(wrong).map(|row| row.id);
        self.hold(wrong.is_none(), Invariant::I2, || {
            format!("{} says that the station has seen {wrong:?}", phone.name)
        })
    }

    /// Notes what a phone of a station has.
    pub fn note_station(&mut self, phone: &Phone, batch: &WriteBatch) {
        if people::is_staff(&phone.person) {
            let hashes = batch.changes.iter().map(|(_, change)| change.hash);
            self.at_station.extend(hashes);
        }
    }
}

/// What waits and what was set aside on a phone.
struct Held {
    waiting: BTreeSet<(DocId, ChangeHash)>,
    aside: BTreeSet<ChangeHash>,
}

impl Held {
    fn of(phone: &Phone) -> Self {
        let waiting = phone.disk.kept.waiting().map(|(_, doc, hash)| (doc, hash));
        Self {
            waiting: waiting.collect(),
            aside: phone.disk.set_aside(),
        }
    }
}

/// The beginning of a name, for people.
#[must_use]
pub fn short(hash: ChangeHash) -> String {
    hash.hex().chars().take(8).collect()
}
