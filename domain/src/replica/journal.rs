//! Damage at the phone: a count kept outside the store says whether it lost something, and a journal
//! beside it brings back what nobody else has.
//!
//! A browser may lose the end of its database, or all of it, without an error.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{AsideReason, OutboxItem, StoredChange, StoredRecord, WriteBatch};
use crate::id::{ChangeHash, DocId, Part, UnitId};
use crate::text;
use crate::view::Row;
use crate::view::case::Opened;

/// Bytes of the checksum before an entry of the journal.
const CHECK_BYTES: usize = 8;

/// How many changes the device has saved in its life, and the chain over their names; written in the
/// transaction of each save, and after it outside the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// How many.
    pub saved: u64,
    /// The head of a hash over the chain before and the last name.
    pub chain: [u8; 8],
}

impl Ledger {
    /// The ledger after these changes were saved too.
    #[must_use]
    pub fn after<'a>(self, hashes: impl IntoIterator<Item = &'a ChangeHash>) -> Self {
        hashes.into_iter().fold(self, |ledger, hash| {
            let mut digest = Sha256::new();
            digest.update(ledger.chain);
            digest.update(hash.0);
            let digest: [u8; 32] = digest.finalize().into();
            Self {
                saved: ledger.saved.saturating_add(1),
                chain: digest.first_chunk().copied().unwrap_or_default(),
            }
        })
    }

    /// As the store keeps it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// Reads what a store keeps; a store that keeps none has saved nothing.
    #[must_use]
    pub fn decode(bytes: Option<&[u8]>) -> Self {
        let read = bytes.and_then(|bytes| postcard::from_bytes(bytes).ok());
        read.unwrap_or_default()
    }
}

/// What is kept outside the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marker {
    /// The ledger as it was after the last save.
    pub ledger: Ledger,
    /// How many changes waited to be sent then.
    pub waiting: u64,
}

impl core::fmt::Display for Marker {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let chain = u64::from_be_bytes(self.ledger.chain);
        write!(out, "{} {chain:016x} {}", self.ledger.saved, self.waiting)
    }
}

impl Marker {
    /// Reads its text.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let saved = words.next()?.parse().ok()?;
        let chain = u64::from_str_radix(words.next()?, 16).ok()?.to_be_bytes();
        let waiting = words.next()?.parse().ok()?;
        let ledger = Ledger { saved, chain };
        Some(Self { ledger, waiting })
    }
}

/// What a start finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The store holds what it should, or more: the marker is written after the store.
    Whole,
    /// The store has lost its last changes, so many.
    Tail(u64),
    /// The store is empty although so many changes were saved.
    Total(u64),
    /// As many changes as there should be, but not the same.
    Other,
}

/// Compares the marker with the store's own ledger.
#[must_use]
pub fn find(marker: Option<Marker>, stored: Ledger) -> Finding {
    let Some(Marker { ledger, .. }) = marker else {
        return Finding::Whole;
    };
    match ledger.saved.checked_sub(stored.saved) {
        None => Finding::Whole,
        Some(0) if ledger.chain == stored.chain => Finding::Whole,
        Some(0) => Finding::Other,
        Some(lost) if stored.saved == 0 => Finding::Total(lost),
        Some(lost) => Finding::Tail(lost),
    }
}

/// A change that waits to be sent, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its document.
    pub doc: DocId,
    /// The grid of its record.
    pub grid: UnitId,
    /// The change.
    pub change: StoredChange,
    /// The number of its record, to tell the officer.
    pub number: String,
    /// The title of its record, to tell the officer.
    pub title: String,
}

impl Entry {
    /// What a batch puts into the outbox.
    #[must_use]
    pub fn of(batch: &WriteBatch) -> Vec<Self> {
        let entry = |(doc, grid, hash): &(DocId, UnitId, ChangeHash)| {
            let is_it = |(of, change): &&(DocId, StoredChange)| of == doc && change.hash == *hash;
            let (_, change) = batch.changes.iter().find(is_it)?;
            let row = batch.rows.iter().find(|row| row.id == doc.record);
            Some(Self {
                doc: *doc,
                grid: grid.clone(),
                change: change.clone(),
                number: row.map(|row| row.number.clone()).unwrap_or_default(),
                title: row.map(name).unwrap_or_default(),
            })
        };
        batch.outbox_add.iter().filter_map(entry).collect()
    }

    /// The same as it waits in an outbox, at this place.
    #[must_use]
    pub fn waiting(self, n: u64) -> OutboxItem {
        OutboxItem {
            n,
            doc: self.doc,
            grid: self.grid,
            author: self.change.author,
            hash: self.change.hash,
            bytes: self.change.bytes,
        }
    }
}

/// The most characters of a text that stand for a missing title.
const NAME_CHARS: usize = 60;

/// What a list calls a record.
fn name(row: &Row) -> String {
    if row.title.is_empty() {
        text::excerpt(&row.text, NAME_CHARS)
    } else {
        row.title.clone()
    }
}

/// Entries as the bytes of one file.
#[must_use]
pub fn encode(entries: &[Entry]) -> Vec<u8> {
    let body = postcard::to_allocvec(entries).unwrap_or_default();
    let mut bytes = check(&body).to_vec();
    bytes.extend_from_slice(&body);
    bytes
}

/// Reads a file; none when a byte of it is not as it was written.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    let (sum, body) = bytes.split_first_chunk::<CHECK_BYTES>()?;
    (check(body) == *sum).then(|| postcard::from_bytes(body).ok())?
}

fn check(body: &[u8]) -> [u8; CHECK_BYTES] {
    let digest: [u8; 32] = Sha256::digest(body).into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// The changes of a batch for which the server has answered: the journal may drop them.
#[must_use]
pub fn answered(batch: &WriteBatch) -> Vec<ChangeHash> {
    let sent = batch
        .changes
        .iter()
        .filter(|(_, change)| change.seq.is_some());
    let refused = batch
        .aside
        .iter()
        .filter(|aside| matches!(aside.reason, AsideReason::Refused(_)));
    let sent = sent.map(|(_, change)| change.hash);
    sent.chain(refused.filter_map(|aside| aside.hash)).collect()
}

/// What brings the lost changes of one record back: the changes, their outbox marks and, where the
/// record can be read with them, its row. None when nothing of it is lost.
#[must_use]
pub fn bring_back(stored: &StoredRecord, entries: &[&Entry]) -> Option<WriteBatch> {
    let mut whole = stored.clone();
    let mut batch = WriteBatch::default();
    for entry in entries.iter().filter(|entry| entry.doc.record == stored.id) {
        let changes = match entry.doc.part {
            Part::Body => &mut whole.body,
            Part::Vault => &mut whole.vault,
        };
        if changes.iter().any(|known| known.hash == entry.change.hash) {
            continue;
        }
        changes.push(entry.change.clone());
        batch.changes.push((entry.doc, entry.change.clone()));
        batch
            .outbox_add
            .push((entry.doc, entry.grid.clone(), entry.change.hash));
    }
    if batch.changes.is_empty() {
        return None;
    }
    let rev = stored.row.as_ref().map_or(0, |row| row.delivery.rev);
    batch.expect.push((stored.id, rev));
    // Without the changes that came before them there is no row yet: the server has those.
    if let Ok(mut row) = Opened::open(&whole).row(stored.id, stored.row.as_ref()) {
        let back = u32::try_from(batch.changes.len()).unwrap_or(u32::MAX);
        row.delivery.rev = rev.wrapping_add(1);
        row.delivery.unsent = row.delivery.unsent.saturating_add(back);
        batch.rows.push(row);
    }
    Some(batch)
}

/// What the officer is told about damage.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Damage {
    /// The records of which something came back from the journal: number and title.
    pub back: Vec<(String, String)>,
    /// Changes that waited to be sent and did not come back.
    pub gone: u64,
    /// The store was empty.
    pub total: bool,
}

impl Damage {
    /// Judges a start: what was found, what the marker knew, what still waits in the store, and what
    /// the journal brought back; none when there is nothing to tell. Where `stored` was empty and the
    /// journal was not, all was lost, whatever the marker knew.
    #[must_use]
    pub fn judge(
        (finding, stored): (Finding, Ledger),
        marker: Option<Marker>,
        waiting: u64,
        back: &[Entry],
    ) -> Option<Self> {
        if finding == Finding::Whole && back.is_empty() {
            return None;
        }
        let lost = match finding {
            Finding::Whole | Finding::Other => 0,
            Finding::Tail(lost) | Finding::Total(lost) => lost,
        };
        let came = u64::try_from(back.len()).unwrap_or(u64::MAX);
        // What was lost and does not wait here was sent before, or is gone: at most what waited.
        let known = marker.map_or(0, |marker| marker.waiting);
        let gone = known
            .saturating_sub(waiting.saturating_add(came))
            .min(lost.saturating_sub(came));
        let mut records: Vec<_> = back
            .iter()
            .map(|entry| (entry.number.clone(), entry.title.clone()))
            .collect();
        records.sort_unstable();
        records.dedup_by(|a, b| a.0 == b.0);
        Some(Self {
            back: records,
            gone,
            total: stored.saved == 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u8) -> ChangeHash {
        ChangeHash([n; 32])
    }

    fn marker(ledger: Ledger, waiting: u64) -> Option<Marker> {
        Some(Marker { ledger, waiting })
    }

    fn entry(n: u8) -> Entry {
        let record = crate::id::RecordId::from_bytes([n; 16]);
        Entry {
            doc: DocId::body(record),
            grid: "g1".parse().expect("a unit"),
            change: StoredChange {
                hash: hash(n),
                author: "p1".parse().expect("a person"),
                seq: None,
                bytes: vec![n; 40],
                way: Default::default(),
            },
            number: format!("T-{n}"),
            title: "well".to_owned(),
        }
    }

    #[test]
    fn dm1_f05_a_lost_tail_is_counted_wherever_it_was_cut() {
        let names: Vec<_> = (0..10).map(hash).collect();
        let full = Ledger::default().after(&names);
        for kept in 0..10 {
            let stored = Ledger::default().after(names.iter().take(kept));
            let lost = 10 - u64::try_from(kept).expect("small");
            let found = find(marker(full, 3), stored);
            let expected = if kept == 0 {
                Finding::Total(lost)
            } else {
                Finding::Tail(lost)
            };
            assert_eq!(found, expected);
        }
        assert_eq!(find(marker(full, 3), full), Finding::Whole);
        // The marker is written after the store: a store that is ahead has lost nothing.
        let ahead = full.after([&hash(77)]);
        assert_eq!(find(marker(full, 3), ahead), Finding::Whole);
        assert_eq!(find(None, full), Finding::Whole);
        let other = Ledger::default().after(names.iter().rev());
        assert_eq!(find(marker(full, 3), other), Finding::Other);
    }

    #[test]
    fn dm1_the_marker_reads_back_and_nonsense_is_no_marker() {
        let ledger = Ledger::default().after([&hash(1), &hash(2)]);
        let kept = Marker { ledger, waiting: 2 };
        assert_eq!(Marker::read(&kept.to_string()), Some(kept));
        assert_eq!(Ledger::decode(Some(&ledger.encode())), ledger);
        for text in ["", "1", "1 xyz 2", "-1 00 0", "1 0011"] {
            assert_eq!(Marker::read(text), None, "{text}");
        }
    }

    #[test]
    fn dm2_a_journal_with_one_wrong_byte_is_not_read() {
        let bytes = encode(&[entry(1), entry(2)]);
        assert_eq!(decode(&bytes).map(|entries| entries.len()), Some(2));
        for place in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[place] ^= 0x10;
            assert_eq!(decode(&wrong), None, "byte {place}");
            assert_eq!(decode(&bytes[..place]), None, "cut at {place}");
        }
    }

    #[test]
    fn dm2_what_the_store_has_is_not_brought_back_twice() {
        let (one, two) = (entry(1), entry(2));
        let mut stored = StoredRecord::absent(one.doc.record);
        let batch = bring_back(&stored, &[&one, &two]).expect("lost");
        assert_eq!(batch.changes.len(), 1);
        assert_eq!(batch.outbox_add.len(), 1);
        stored.body.push(one.change.clone());
        assert_eq!(bring_back(&stored, &[&one, &two]), None);
    }

    #[test]
    fn dm3_the_officer_is_told_what_came_back_and_what_did_not() {
        let full = Ledger::default().after(&[hash(1), hash(2), hash(3)]);
        let mark = marker(full, 3);
        let none = Ledger::default();
        let finding = find(mark, none);
        let told = Damage::judge((finding, none), mark, 0, &[entry(1), entry(2)]).expect("told");
        assert_eq!((told.back.len(), told.gone, told.total), (2, 1, true));
        let sent = marker(full, 0);
        let told = Damage::judge((finding, none), sent, 0, &[]).expect("told");
        assert_eq!((told.back.len(), told.gone), (0, 0), "the server has all");
        assert_eq!(Damage::judge((Finding::Whole, full), mark, 3, &[]), None);
    }
}
