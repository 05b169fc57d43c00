//! What the phone knows of a photo beside the record that names it.

use std::collections::BTreeSet;

use domain::id::{ItemId, PhotoKey, RecordId};
use domain::record::photo::Photo;
use domain::time::{DAY_MS, Millis};
use serde::{Deserialize, Serialize};

/// A photo that was taken on this phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The name that it has, or will have, inside its record.
    pub item: ItemId,
    /// What the record says of it.
    pub photo: Photo,
    /// The record names it: the change that does is committed.
    pub named: bool,
    /// The server has its thumbnail.
    pub thumb_sent: bool,
}

/// What the phone knows of one photo of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PhotoNote {
    /// The server has the whole photo, its hash checked.
    pub arrived: bool,
    /// It was taken here, and its bytes are on this phone.
    pub taken: Option<Taken>,
}

/// All notes, by record and photo.
pub type Book = std::collections::BTreeMap<(RecordId, PhotoKey), PhotoNote>;

/// How long a photo lies whole on the phone that took it, in milliseconds: so long a server that was
/// restored may still get back what it lost.
pub const WHOLE_MS: i64 = 90 * DAY_MS;

/// What need not lie on this phone any more, since the server has it and gives it out again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spare {
    /// Notes of photos that were taken here long ago, as they will be.
    pub notes: Vec<((RecordId, PhotoKey), PhotoNote)>,
    /// Whole pictures, those that were fetched to be looked at among them; thumbnails stay.
    pub pictures: BTreeSet<PhotoKey>,
}

/// What the phone could fetch again when somebody looks at it.
#[must_use]
pub fn spare(book: &Book, now: Millis) -> Spare {
    let is_old = |taken: Taken| taken.named && now.since(taken.photo.taken_at) > WHOLE_MS;
    let goes = |note: &PhotoNote| note.arrived && note.taken.is_none_or(is_old);
    // The same photo in two records lies here once.
    let needed: BTreeSet<PhotoKey> = book
        .iter()
        .filter(|(_, note)| !goes(note))
        .map(|((_, photo), _)| *photo)
        .collect();
    let mut spare = Spare::default();
    for (key, note) in book.iter().filter(|(_, note)| goes(note)) {
        if needed.contains(&key.1) {
            continue;
        }
        spare.pictures.insert(key.1);
        if note.taken.is_some() {
            let taken = None;
            spare.notes.push((*key, PhotoNote { taken, ..*note }));
        }
    }
    spare
}

/// Where a note lies.
pub(super) fn note_key((record, photo): (RecordId, PhotoKey)) -> String {
    format!("{record}{}", photo.hex())
}

/// A note; `None` when it is damaged: it is then found out anew, and its photo still lies there.
pub(super) fn decode_note(key: &str, bytes: &[u8]) -> Option<((RecordId, PhotoKey), PhotoNote)> {
    let record = key.get(..26)?.parse().ok()?;
    let photo = PhotoKey::from_hex(key.get(26..)?).ok()?;
    Some(((record, photo), postcard::from_bytes(bytes).ok()?))
}

pub(super) fn encode_note(note: &PhotoNote) -> Vec<u8> {
    postcard::to_allocvec(note).unwrap_or_default()
}
