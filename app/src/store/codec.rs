//! How things are written under which keys; the same in every store.

use domain::id::{ChangeHash, DocId, Part, RecordId, UnitId};
use domain::replica::{Aside, AsideReason, StoredChange, StoredRecord};
use domain::view::{ROW_VERSION, Row};

use crate::platform;

/// After every change key of a record: no hexadecimal digit and no part comes behind it.
const BEHIND: char = '~';

/// A store whose values may turn out to be damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The changes, by record, part and hash.
    Changes,
    /// The rows, by record.
    Rows,
}

/// Where a change lies.
pub(super) fn change_key(doc: DocId, hash: ChangeHash) -> String {
    format!("{doc}{}", hash.hex())
}

/// The first and the last key that a change of this record can have.
pub(super) fn change_range(record: RecordId) -> (String, String) {
    (record.to_string(), format!("{record}{BEHIND}"))
}

pub(super) fn encode_change(change: &StoredChange) -> Vec<u8> {
    postcard::to_allocvec(change).unwrap_or_default()
}

/// A change and its document; `None` when the bytes are damaged or lie under a wrong key.
pub(super) fn decode_change(key: &str, bytes: &[u8]) -> Option<(DocId, StoredChange)> {
    let change: StoredChange = postcard::from_bytes(bytes).ok()?;
    let doc: DocId = key.strip_suffix(&change.hash.hex())?.parse().ok()?;
    Some((doc, change))
}

pub(super) fn encode_row(row: &Row) -> Vec<u8> {
    postcard::to_extend(row, vec![ROW_VERSION]).unwrap_or_default()
}

/// A row; `None` when the bytes are damaged or of another version: it is then folded again.
pub(super) fn decode_row(key: &str, bytes: &[u8]) -> Option<Row> {
    let (version, fields) = bytes.split_first()?;
    if *version != ROW_VERSION {
        return None;
    }
    let row: Row = postcard::from_bytes(fields).ok()?;
    (row.id.to_string() == key).then_some(row)
}

/// Whether these are bytes of a row as another version of the app writes it.
pub(super) fn is_other_version(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|version| *version != ROW_VERSION)
}

pub(super) fn encode_waiting(doc: DocId, grid: &UnitId, hash: ChangeHash) -> Vec<u8> {
    postcard::to_allocvec(&(doc, grid, hash)).unwrap_or_default()
}

pub(super) fn decode_waiting(bytes: &[u8]) -> Option<(DocId, UnitId, ChangeHash)> {
    postcard::from_bytes(bytes).ok()
}

pub(super) fn encode_aside(aside: &Aside) -> Vec<u8> {
    postcard::to_allocvec(aside).unwrap_or_default()
}

pub(super) fn decode_aside(bytes: &[u8]) -> Option<Aside> {
    postcard::from_bytes(bytes).ok()
}

/// What is kept of bytes that could not be read where they lay.
pub(super) fn unreadable(place: Place, key: &str, bytes: Vec<u8>) -> Aside {
    let record = key.get(..26).and_then(|id| id.parse().ok());
    let (doc, hash) = match place {
        Place::Rows => (record.map(DocId::body), None),
        Place::Changes => {
            let part = match key.get(26..27) {
                Some("v") => Part::Vault,
                Some(_) | None => Part::Body,
            };
            let hash = key.get(27..).and_then(|hex| ChangeHash::from_hex(hex).ok());
            (record.map(|record| DocId { record, part }), hash)
        }
    };
    Aside {
        doc,
        hash,
        reason: AsideReason::Unreadable,
        at: platform::clock(),
        bytes,
    }
}

/// Puts a change where it belongs in its record.
pub(super) fn sort_in(record: &mut StoredRecord, (doc, change): (DocId, StoredChange)) {
    match doc.part {
        Part::Body => record.body.push(change),
        Part::Vault => record.vault.push(change),
    }
}
