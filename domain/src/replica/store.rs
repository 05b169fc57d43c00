//! What a device's store holds and the one kind of write that it must do whole or not at all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ahead::Ahead;
use crate::access::Refusal;
use crate::document::DecodeError;
use crate::id::{ChangeHash, DocId, PersonId, RecordId, UnitId};
use crate::sync::message::PassedOn;
use crate::sync::repair::Held;
use crate::sync::signed::PublicKey;
use crate::sync::sum::Sums;
use crate::time::Millis;
use crate::unit::Directory;
use crate::view::Row;

/// A change as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct StoredChange {
    /// Its name.
    pub hash: ChangeHash,
    /// Who wrote it.
    pub author: PersonId,
    /// Its place in the server's log; `None` while it is the device's own and unsent.
    pub seq: Option<u64>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// On which way it came.
    pub way: Way,
}

/// On which way a change came to a device, where it was not the usual one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Way {
    /// Somebody else's device brought it back to a server that had lost it.
    pub passed_on: Option<PassedOn>,
    /// A colleague's device handed it over, and the server has not confirmed it to this one since.
    pub by_hand: bool,
}

impl Way {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// A change as stores write it: what came on the usual way as ever.
#[derive(Serialize, Deserialize)]
struct Kept {
    hash: ChangeHash,
    author: PersonId,
    seq: Place,
    bytes: Vec<u8>,
}

/// The first two are written as an optional number is.
#[derive(Serialize, Deserialize)]
enum Place {
    Unsent,
    At(u64),
    Marked(Option<u64>, Way),
}

impl From<Kept> for StoredChange {
    fn from(kept: Kept) -> Self {
        let (seq, way) = match kept.seq {
            Place::Unsent => (None, Way::default()),
            Place::At(seq) => (Some(seq), Way::default()),
            Place::Marked(seq, way) => (seq, way),
        };
        Self {
            hash: kept.hash,
            author: kept.author,
            seq,
            bytes: kept.bytes,
            way,
        }
    }
}

impl From<StoredChange> for Kept {
    fn from(change: StoredChange) -> Self {
        let seq = match (change.seq, change.way) {
            (None, way) if way.is_usual() => Place::Unsent,
            (Some(seq), way) if way.is_usual() => Place::At(seq),
            (seq, way) => Place::Marked(seq, way),
        };
        Self {
            hash: change.hash,
            author: change.author,
            seq,
            bytes: change.bytes,
        }
    }
}

/// Everything that a store holds of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// The record.
    pub id: RecordId,
    /// Its row.
    pub row: Option<Row>,
    /// The changes of its body.
    pub body: Vec<StoredChange>,
    /// The changes of its vault.
    pub vault: Vec<StoredChange>,
}

impl StoredRecord {
    /// A record of which nothing is stored.
    #[must_use]
    pub const fn absent(id: RecordId) -> Self {
        Self {
            id,
            row: None,
            body: Vec::new(),
            vault: Vec::new(),
        }
    }

    /// Every change, with its document.
    pub fn changes(&self) -> impl Iterator<Item = (DocId, &StoredChange)> {
        let body = self
            .body
            .iter()
            .map(|change| (DocId::body(self.id), change));
        let vault = self.vault.iter();
        body.chain(vault.map(|change| (DocId::vault(self.id), change)))
    }

    /// The changes that the server confirmed, for a record of this grid.
    #[must_use]
    pub fn held(&self, grid: &UnitId) -> Vec<Held> {
        let of = |changes: &[StoredChange], doc| {
            let confirmed = changes.iter().filter(|change| change.seq.is_some());
            confirmed
                .map(|change| Held {
                    grid: grid.clone(),
                    doc,
                    hash: change.hash,
                })
                .collect::<Vec<_>>()
        };
        let mut held = of(&self.body, DocId::body(self.id));
        held.extend(of(&self.vault, DocId::vault(self.id)));
        held
    }

    /// Whether only its row has come so far.
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        let ahead = self.row.as_ref().is_some_and(|row| row.delivery.is_ahead());
        ahead && self.body.is_empty()
    }

    /// Whether anything is stored.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        self.row.is_none() && self.body.is_empty() && self.vault.is_empty()
    }
}

/// A change that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxItem {
    /// Its place in the outbox, growing.
    pub n: u64,
    /// The document.
    pub doc: DocId,
    /// The grid of its record.
    pub grid: UnitId,
    /// Who wrote it: somebody else where it is passed on to a server that has lost it.
    pub author: PersonId,
    /// Its name.
    pub hash: ChangeHash,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why bytes were set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AsideReason {
    /// They could not be read.
    Damaged(DecodeError),
    /// The server did not take them.
    Refused(Refusal),
    /// A row or a note of the store itself could not be read.
    Unreadable,
    /// A colleague's device handed it over, and the server turned out not to have it.
    NotConfirmed,
    /// An administrator took its record out of use.
    Retired,
}

/// Bytes that were set aside: kept, counted and shown, never in the way of anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// The document, where it is known.
    pub doc: Option<DocId>,
    /// The change's name, where it is known.
    pub hash: Option<ChangeHash>,
    /// Why.
    pub reason: AsideReason,
    /// When, by the device's clock.
    pub at: Millis,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What a device remembers beside its records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Meta {
    /// Who and where, once joined.
    pub directory: Option<Directory>,
    /// Where the last answer left off.
    pub cursor: Vec<u8>,
    /// The place of the log up to which the station's devices have everything.
    pub seen: u64,
    /// When the last exchange ended well.
    pub synced_at: Option<Millis>,
    /// The sums of the changes that the server has, by grid.
    pub sums: Sums,
    /// When the store was last compared with its own sums, change by change.
    pub checked_at: Option<Millis>,
    /// The key of the device that the server knows, once it has taken a batch signed with it.
    pub enrolled: Option<PublicKey>,
    /// The records whose rows came before them, until the first load is over.
    pub ahead: Ahead,
    /// The records with changes that came by hand and that the server has not confirmed since, each
    /// with its grid.
    pub by_hand: BTreeMap<RecordId, UnitId>,
    /// The server's clock less the device's, in milliseconds, as the last exchange told.
    pub clock_gap_ms: i64,
}

/// The name of one thing that a device remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MetaKey {
    /// See [`Meta::directory`].
    Directory,
    /// See [`Meta::cursor`].
    Cursor,
    /// See [`Meta::seen`].
    Seen,
    /// See [`Meta::synced_at`].
    SyncedAt,
    /// See [`Meta::sums`].
    Sums,
    /// See [`Meta::checked_at`].
    CheckedAt,
    /// See [`Meta::enrolled`].
    Enrolled,
    /// See [`Meta::ahead`].
    Ahead,
    /// See [`Meta::by_hand`].
    ByHand,
    /// See [`Meta::clock_gap_ms`].
    ClockGap,
}

impl MetaKey {
    /// All names.
    pub const ALL: [Self; 10] = [
        Self::Directory,
        Self::Cursor,
        Self::Seen,
        Self::SyncedAt,
        Self::Sums,
        Self::CheckedAt,
        Self::Enrolled,
        Self::Ahead,
        Self::ByHand,
        Self::ClockGap,
    ];

    /// The key in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Cursor => "cursor",
            Self::Seen => "seen",
            Self::SyncedAt => "synced_at",
            Self::Sums => "sums",
            Self::CheckedAt => "checked_at",
            Self::Enrolled => "enrolled",
            Self::Ahead => "ahead",
            Self::ByHand => "by_hand",
            Self::ClockGap => "clock_gap",
        }
    }
}

impl Meta {
    /// Reads what a store remembers; what cannot be read is as if it were not there, and the next
    /// exchange brings it again.
    #[must_use]
    pub fn decode(mut stored: impl FnMut(MetaKey) -> Option<Vec<u8>>) -> Self {
        fn read<T: serde::de::DeserializeOwned>(bytes: Option<Vec<u8>>) -> Option<T> {
            postcard::from_bytes(&bytes?).ok()
        }
        Self {
            directory: read(stored(MetaKey::Directory)),
            cursor: stored(MetaKey::Cursor).unwrap_or_default(),
            seen: read(stored(MetaKey::Seen)).unwrap_or_default(),
            synced_at: read(stored(MetaKey::SyncedAt)),
            sums: read(stored(MetaKey::Sums)).unwrap_or_default(),
            checked_at: read(stored(MetaKey::CheckedAt)),
            enrolled: read(stored(MetaKey::Enrolled)).flatten(),
            ahead: read(stored(MetaKey::Ahead)).unwrap_or_default(),
            by_hand: read(stored(MetaKey::ByHand)).unwrap_or_default(),
            clock_gap_ms: read(stored(MetaKey::ClockGap)).unwrap_or_default(),
        }
    }
}

/// Everything that one step writes: one transaction, all or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WriteBatch {
    /// The revision that each row must still have, 0 for none; otherwise nothing is written.
    pub expect: Vec<(RecordId, u32)>,
    /// Changes to keep; one that is there already is overwritten.
    pub changes: Vec<(DocId, StoredChange)>,
    /// Changes to take away: they were set aside.
    pub drop_changes: Vec<(DocId, ChangeHash)>,
    /// Rows to put.
    pub rows: Vec<Row>,
    /// Rows to put of records that have none yet; their changes come later.
    pub rows_ahead: Vec<Row>,
    /// Changes to put at the end of the outbox, in this order.
    pub outbox_add: Vec<(DocId, UnitId, ChangeHash)>,
    /// Places of the outbox to empty.
    pub outbox_remove: Vec<u64>,
    /// Things to remember.
    pub meta: Vec<(MetaKey, Vec<u8>)>,
    /// Bytes to set aside.
    pub aside: Vec<Aside>,
    /// Drafts to drop.
    pub drafts_remove: Vec<String>,
    /// Rows to take away whose records never come, or turned out not to be the server's; each stands in
    /// `expect`.
    pub rows_drop: Vec<RecordId>,
}

/// How a store failed; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreFault {
    /// The phone has no room left.
    #[error("no room")]
    Full,
    /// The store was closed, by a newer version in another tab or by the browser.
    #[error("closed")]
    Closed,
    /// The browser gave the transaction up.
    #[error("aborted")]
    Aborted,
    /// The store cannot be opened or read.
    #[error("unreadable")]
    Unreadable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_on_the_usual_way_is_stored_as_it_always_was() {
        let (hash, author) = (
            ChangeHash([7; 32]),
            "p1".parse::<PersonId>().expect("a code"),
        );
        for seq in [None, Some(0), Some(300)] {
            let change = StoredChange {
                hash,
                author: author.clone(),
                seq,
                bytes: vec![1; 200],
                way: Way::default(),
            };
            let before = postcard::to_allocvec(&(hash, &author, seq, &change.bytes));
            let written = postcard::to_allocvec(&change).expect("writes");
            assert_eq!(before, Ok(written.clone()));
            assert_eq!(postcard::from_bytes(&written), Ok(change.clone()));
            let marked = StoredChange {
                way: Way {
                    passed_on: Some(PassedOn {
                        by: author.clone(),
                        from: Millis(1),
                        to: Millis(2),
                    }),
                    by_hand: true,
                },
                ..change
            };
            let written = postcard::to_allocvec(&marked).expect("writes");
            assert_eq!(postcard::from_bytes(&written), Ok(marked));
        }
    }
}
