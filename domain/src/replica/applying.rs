//! Applying an answer: what it says of each record becomes one batch to write.

use std::collections::{BTreeMap, BTreeSet};

use super::act::set_aside;
use super::ahead::{self, Ahead};
use super::hand::Handed;
use super::{
    Aside, AsideReason, MetaKey, OutboxItem, StoredChange, StoredRecord, Ticket, Way, WriteBatch,
};
use crate::access::Refusal;
use crate::document::Document;
use crate::id::{ChangeHash, DocId, Part, PersonId, RecordId, UnitId};
use crate::sync::lean::{self, Known};
use crate::sync::message::{Answer, Entry, ItemResult, LeanAnswer};
use crate::sync::sum::{Mark, Sums};
use crate::time::Millis;
use crate::unit::Directory;
use crate::view::case::Opened;

/// An answer on its way into the store.
#[derive(Debug)]
pub(super) struct Applying {
    pub(super) ticket: Ticket,
    /// The answer as it came; its changes are rebuilt when the records were read.
    pub(super) lean: LeanAnswer,
    pub(super) answer: Answer,
    pub(super) pushed: Vec<(OutboxItem, ItemResult)>,
    /// The request told the server the device's key.
    pub(super) enrols: bool,
    /// Of what was pushed, what stays in the outbox although it was not taken.
    pub(super) kept_back: BTreeSet<ChangeHash>,
    /// What was asked for by name.
    pub(super) wanted: BTreeSet<[u8; 16]>,
    /// Whose device this is, once that is known.
    pub(super) me: Option<PersonId>,
    pub(super) left: bool,
    pub(super) records: Vec<RecordId>,
    pub(super) changed: Vec<RecordId>,
    /// Of the records, those that it does not touch and of which only the row may be there.
    pub(super) strays: BTreeSet<RecordId>,
    /// What is still ahead once the batch is written.
    pub(super) ahead: Ahead,
    /// The records with something that came by hand and is not confirmed, once the batch is written.
    pub(super) by_hand: BTreeMap<RecordId, UnitId>,
    /// The sums of the store once the batch is written.
    pub(super) sums: Sums,
    pub(super) now: Millis,
    /// Where it came from a colleague's device and not from the server.
    pub(super) handed: Option<Handed>,
    /// How far the device's clock is off, as this answer tells.
    pub(super) clock_gap_ms: i64,
}

/// The hashes of the records that an answer touches.
pub(super) struct Stored<'a>(BTreeMap<RecordId, &'a StoredRecord>);

impl<'a> Stored<'a> {
    pub(super) fn of(records: &'a [StoredRecord]) -> Self {
        Self(records.iter().map(|stored| (stored.id, stored)).collect())
    }
}

impl Known for Stored<'_> {
    fn resolve(&self, doc: DocId, prefix: [u8; 4]) -> Option<ChangeHash> {
        let stored = self.0.get(&doc.record)?;
        lean::only(changes(stored, doc.part).map(|change| &change.hash), prefix)
    }
}

fn changes(stored: &StoredRecord, part: Part) -> impl Iterator<Item = &StoredChange> {
    match part {
        Part::Body => stored.body.iter(),
        Part::Vault => stored.vault.iter(),
    }
}

/// The changes of a record that the server confirmed, with their places in its log.
fn confirmed(stored: &StoredRecord) -> impl Iterator<Item = (DocId, ChangeHash, u64)> {
    let of = |part| {
        let doc = DocId {
            record: stored.id,
            part,
        };
        changes(stored, part).filter_map(move |change| Some((doc, change.hash, change.seq?)))
    };
    of(Part::Body).chain(of(Part::Vault))
}

/// What the pushed changes of one record came to.
#[derive(Default)]
struct Tally {
    confirmed: u32,
    refused: u32,
}

impl Applying {
    /// Folds what the answer says of one record into the batch to write.
    pub(super) fn apply(&mut self, stored: &StoredRecord, batch: &mut WriteBatch) {
        let mut opened = Opened::open(stored);
        batch.aside.extend(set_aside(stored, &opened, self.now));
        let dropped: BTreeSet<_> = opened
            .damaged
            .iter()
            .map(|(doc, hash, _)| (*doc, *hash))
            .collect();
        batch.drop_changes.extend(&dropped);
        let written = batch.changes.len();
        let entries = self.answer.entries.iter();
        for entry in entries.filter(|entry| entry.doc.record == stored.id) {
            // What is here already, from the server or as this device's own, is not a colleague's.
            if self.handed.is_none() || !has(stored, entry) {
                self.take(entry, &mut opened, batch);
            }
        }
        let row = opened.row(stored.id, stored.row.as_ref());
        let takes = |handed: &Handed| row.as_ref().is_ok_and(|row| handed.takes(&row.grid));
        if !self.handed.as_ref().is_none_or(takes) {
            batch.changes.truncate(written);
            return;
        }
        let tally = self.conclude(stored, batch);
        // A vault whose body has not come yet has no row; its changes are kept all the same.
        let rev = stored.row.as_ref().map_or(0, |row| row.delivery.rev);
        batch.expect.push((stored.id, rev));
        let before: BTreeMap<_, _> = confirmed(stored)
            .map(|(doc, hash, seq)| ((doc, hash), seq))
            .collect();
        let mut after = before.clone();
        after.retain(|key, _| !dropped.contains(key));
        let new = batch.changes.get(written..).unwrap_or_default();
        after.extend(
            new.iter()
                .filter_map(|(doc, c)| Some(((*doc, c.hash), c.seq?))),
        );
        let by_hand = is_by_hand(stored, new, &dropped);
        self.by_hand.remove(&stored.id);
        if let Ok(mut row) = row {
            if by_hand {
                self.by_hand.insert(stored.id, row.grid.clone());
            }
            row.delivery.rev = rev.wrapping_add(1);
            row.delivery.unsent = row.delivery.unsent.saturating_sub(tally.confirmed);
            row.delivery.refused = row.delivery.refused.saturating_add(tally.refused);
            row.delivery.seq = match by_hand {
                // Nobody but a colleague's device has said that the server has it.
                true => 0,
                false => after.values().copied().max().unwrap_or(0),
            };
            let sum = self.sums.entry(row.grid.clone()).or_default();
            for (doc, hash) in after.keys().filter(|key| !before.contains_key(key)) {
                sum.add(Mark::of(*doc, *hash));
            }
            for (doc, hash) in before.keys().filter(|key| !after.contains_key(key)) {
                sum.remove(Mark::of(*doc, *hash));
            }
            batch.rows.push(row);
        }
    }

    /// Whether a record is out of use, as the answer says, and nothing of it waits to be sent: what
    /// waits is answered for first.
    pub(super) fn is_retired(
        &self,
        stored: &StoredRecord,
        told: &BTreeMap<RecordId, bool>,
    ) -> bool {
        let pushed = self.pushed.iter();
        let of_record = pushed.filter(|(item, _)| item.doc.record == stored.id);
        let refused = |(_, result): &(OutboxItem, ItemResult)| {
            *result == ItemResult::Refused(Refusal::Retired)
        };
        let retired = told.get(&stored.id).copied();
        let retired = retired.unwrap_or_else(|| of_record.clone().any(refused));
        let row = stored.row.as_ref();
        let unsent = row.map_or(0, |row| row.delivery.unsent);
        retired && u32::try_from(of_record.count()).unwrap_or(u32::MAX) >= unsent
    }

    /// Whether the answer brings a change of a record.
    pub(super) fn brings(&self, record: RecordId) -> bool {
        let mut entries = self.answer.entries.iter();
        entries.any(|entry| entry.doc.record == record)
    }

    /// Sets a record aside that an administrator took out of use: its bytes stay and are counted, and
    /// it leaves lists and sums as it has left the server's.
    pub(super) fn retire(&mut self, stored: &StoredRecord, batch: &mut WriteBatch) {
        if stored.is_absent() {
            return;
        }
        let (written, aside) = (batch.changes.len(), batch.aside.len());
        self.conclude(stored, batch);
        batch.changes.truncate(written);
        let refused: BTreeSet<_> = batch.aside.iter().skip(aside).map(|one| one.hash).collect();
        for part in [Part::Body, Part::Vault] {
            let record = stored.id;
            let doc = DocId { record, part };
            for change in changes(stored, part) {
                batch.drop_changes.push((doc, change.hash));
                if !refused.contains(&Some(change.hash)) {
                    batch.aside.push(Aside {
                        doc: Some(doc),
                        hash: Some(change.hash),
                        reason: AsideReason::Retired,
                        at: self.now,
                        bytes: change.bytes.clone(),
                    });
                }
            }
        }
        let Some(row) = &stored.row else { return };
        let sum = self.sums.entry(row.grid.clone()).or_default();
        for (doc, hash, _) in confirmed(stored) {
            sum.remove(Mark::of(doc, hash));
        }
        batch.expect.push((stored.id, row.delivery.rev));
        batch.rows_drop.push(stored.id);
        self.by_hand.remove(&stored.id);
        self.strays.insert(stored.id);
    }

    /// What is ahead once this is written. A first load is over when there is no more to come.
    pub(super) fn still_ahead(&self, before: &Ahead, known: Option<&Directory>) -> Ahead {
        let known = self.answer.directory.as_ref().or(known);
        let over = known.filter(|_| !self.answer.more && self.handed.is_none());
        ahead::after(before.clone(), &self.lean.rows, &self.strays, over)
    }

    /// Writes down what the server said of what was pushed of one record.
    fn conclude(&self, stored: &StoredRecord, batch: &mut WriteBatch) -> Tally {
        let mut tally = Tally::default();
        let pushed = self.pushed.iter();
        for (item, result) in pushed.filter(|(item, _)| item.doc.record == stored.id) {
            if self.kept_back.contains(&item.hash) {
                continue;
            }
            batch.outbox_remove.push(item.n);
            tally.confirmed += 1;
            match result {
                ItemResult::Kept(place) | ItemResult::Had(place) => {
                    confirm(stored, item, *place, batch);
                }
                ItemResult::Refused(refusal) => {
                    // What was passed on for somebody else is not this officer's to look at.
                    let own = self.me.as_ref().is_none_or(|me| *me == item.author);
                    tally.refused += u32::from(own);
                    // It stays here as what the server once confirmed.
                    if !own && is_confirmed(stored, item) {
                        continue;
                    }
                    batch.aside.push(Aside {
                        doc: Some(item.doc),
                        hash: Some(item.hash),
                        reason: AsideReason::Refused(*refusal),
                        at: self.now,
                        bytes: item.bytes.clone(),
                    });
                }
            }
        }
        tally
    }

    /// Applies one change from the log; one that cannot be applied is set aside alone.
    fn take(&self, entry: &Entry, opened: &mut Opened, batch: &mut WriteBatch) {
        let document = match entry.doc.part {
            Part::Body => &mut opened.body,
            Part::Vault => opened.vault.get_or_insert_with(Document::default),
        };
        let author = self.answer.authors.get(usize::from(entry.author));
        match (document.apply(entry.change.bytes()), author) {
            (Ok(head), Some(author)) => {
                let change = StoredChange {
                    hash: head.hash,
                    author: author.clone(),
                    seq: Some(entry.seq),
                    bytes: entry.change.bytes().to_vec(),
                    way: Way {
                        passed_on: entry.passed_on.clone(),
                        by_hand: self.handed.is_some(),
                    },
                };
                batch.changes.push((entry.doc, change));
            }
            (Ok(_), None) => {}
            // It came once before, in the order of the log, and was set aside then.
            (Err(_), _) if self.asked_for(entry) => {}
            // The server's own copy comes, once the sums have told that it is missing.
            (Err(_), _) if self.handed.is_some() => {}
            (Err(error), _) => batch.aside.push(Aside {
                doc: Some(entry.doc),
                hash: None,
                reason: AsideReason::Damaged(error),
                at: self.now,
                bytes: entry.change.bytes().to_vec(),
            }),
        }
    }

    fn asked_for(&self, entry: &Entry) -> bool {
        let mark = Mark::of(entry.doc, entry.change.hash());
        self.wanted.contains(&mark.short())
    }

    /// Adds what is to be remembered beside the records.
    pub(super) fn remember(
        &self,
        (last, checked): (Option<Millis>, Millis),
        ahead: &Ahead,
        batch: &mut WriteBatch,
    ) {
        let mut put = |key, bytes: Option<Vec<u8>>| {
            if let Some(bytes) = bytes {
                batch.meta.push((key, bytes));
            }
        };
        put(MetaKey::Cursor, self.answer.cursor.clone());
        put(MetaKey::Sums, postcard::to_allocvec(&self.sums).ok());
        put(MetaKey::ByHand, postcard::to_allocvec(&self.by_hand).ok());
        if self.ahead != *ahead {
            put(MetaKey::Ahead, postcard::to_allocvec(&self.ahead).ok());
        }
        if self.handed.is_some() {
            return;
        }
        let directory = self.answer.directory.as_ref();
        put(
            MetaKey::Directory,
            directory.and_then(|known| postcard::to_allocvec(known).ok()),
        );
        put(MetaKey::Seen, postcard::to_allocvec(&self.answer.seen).ok());
        let at = last.map_or(self.now, |last| last.max(self.now));
        put(MetaKey::SyncedAt, postcard::to_allocvec(&at).ok());
        put(MetaKey::CheckedAt, postcard::to_allocvec(&checked).ok());
        put(
            MetaKey::ClockGap,
            postcard::to_allocvec(&self.clock_gap_ms).ok(),
        );
    }
}

/// Whether a device has an entry's change.
fn has(stored: &StoredRecord, entry: &Entry) -> bool {
    let hash = entry.change.hash();
    changes(stored, entry.doc.part).any(|change| change.hash == hash)
}

/// Whether the server confirmed what somebody else wrote, before it was passed on.
fn is_confirmed(stored: &StoredRecord, item: &OutboxItem) -> bool {
    let mut changes = changes(stored, item.doc.part);
    changes.any(|change| change.hash == item.hash && change.seq.is_some())
}

/// Whether anything of a record came by hand and is not confirmed, once `new` is written.
fn is_by_hand(
    stored: &StoredRecord,
    new: &[(DocId, StoredChange)],
    dropped: &BTreeSet<(DocId, ChangeHash)>,
) -> bool {
    let replaced = |doc, hash| new.iter().any(|(of, new)| (*of, new.hash) == (doc, hash));
    let before = stored.changes().any(|(doc, change)| {
        let gone = dropped.contains(&(doc, change.hash)) || replaced(doc, change.hash);
        change.way.by_hand && !gone
    });
    before || new.iter().any(|(_, change)| change.way.by_hand)
}

/// Notes the place in the log of a change that the server confirmed.
fn confirm(stored: &StoredRecord, item: &OutboxItem, seq: u64, batch: &mut WriteBatch) {
    // With its mark, where it came as an entry too.
    let is_it =
        |(doc, change): &(DocId, StoredChange)| (*doc, change.hash) == (item.doc, item.hash);
    if batch.changes.iter().any(is_it) {
        return;
    }
    if let Some(change) = changes(stored, item.doc.part).find(|change| change.hash == item.hash) {
        let change = StoredChange {
            seq: Some(seq),
            way: Way {
                by_hand: false,
                ..change.way.clone()
            },
            ..change.clone()
        };
        batch.changes.push((item.doc, change));
    }
}
