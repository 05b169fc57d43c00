//! What the phone knows of a photo beside the record that names it.

use domain::id::{ItemId, PhotoKey, RecordId};
use domain::record::photo::Photo;
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
