//! The messages of the exchange: one request pushes what is new and pulls what is new.
//!
//! A message is one byte of version; in a request, who asks (so that a stranger's bytes are refused
//! before they cost anything); one byte that tells how the rest is packed; and the fields in
//! postcard's encoding. Changes travel as a lean page. A reader refuses what is larger than its limit
//! before it unpacks it, and unpacks no more than its limit.

mod cell;
mod code;
mod codec;
mod runs;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::frame::Frame;
use super::repair::{Repair, Repaired};
use super::signed::{self, DeviceHead, Enrolment};
use super::sum::ShortSum;
use crate::access::Refusal;
use crate::document::Hashed;
use crate::id::{DeviceId, DocId, PersonId, UnitId};
use crate::time::Millis;
use crate::unit::Directory;
use crate::view::matters::Matters;
use crate::view::supervisor::{Below, CategoryCount, Counts, Named, Place};
use crate::view::weeks::Weeks;

pub use cell::{Cell, PassedOn, UsedUp};
pub use code::{ErrorCode, normal_code};
pub use codec::{HEAD_BYTES_MAX, LeanAnswer, LeanBatch, Sealed, changes, closed, decode, encode};

/// The version of the messages.
pub const VERSION: u8 = 4;
/// The largest message in bytes, packed.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// The largest message in bytes, unpacked.
pub const UNPACKED_BYTES_MAX: usize = 1024 * 1024;
/// The most bytes of changes that a device puts into one batch.
pub const BATCH_BYTES_MAX: usize = 448 * 1024;
/// The most changes in one batch.
pub const BATCH_ITEMS_MAX: usize = 2_000;
/// The most KiB of changes that a device asks for in one answer.
pub const PAGE_KIB_MAX: u16 = 448;
/// Added to them by a device that reads cells.
pub const READS_CELLS: u16 = 512;
/// The longest cursor in bytes.
pub const CURSOR_BYTES_MAX: usize = 256;
/// The longest invitation code in characters, as typed.
pub const CODE_CHARS_MAX: usize = 16;
/// What a device proves itself with: random bytes that it made itself and never shows.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(pub [u8; 16]);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Names a batch or a page by what it holds.
pub type PageDigest = [u8; 16];

/// What a device sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Which device.
    pub device: DeviceId,
    /// Its proof.
    pub secret: Secret,
    /// The invitation code, until the device has joined.
    pub join: Option<String>,
    /// What it asks.
    pub ask: Ask,
    /// What the device has to send.
    pub batch: Option<Batch>,
}

/// Who sends a request, as it says itself: read before anything else of it costs anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A device that proves itself with its secret.
    Plain {
        /// Which device.
        device: DeviceId,
        /// Its proof.
        secret: Secret,
        /// The invitation code, until the device has joined.
        join: Option<String>,
    },
    /// A device that proves itself with its signature.
    Signed {
        /// The beginning of its name.
        device: DeviceHead,
        /// What it tells of itself, the first time.
        enrolment: Option<Box<Enrolment>>,
    },
}

/// What a device wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Where the last answer left off; empty at first, opaque to the device.
    pub cursor: Vec<u8>,
    /// Digest of the directory that the device holds.
    pub directory: Option<[u8; 8]>,
    /// The device's clock.
    pub now: Millis,
    /// The most bytes of changes to answer with, in KiB; 0 asks for the receipt alone. With
    /// [`READS_CELLS`] added the device reads cells.
    pub page_kib: u16,
    /// Whether the device's own sum was the server's at the last exchange: it has everything.
    pub sound: bool,
    /// Whether changes must name in full what they follow, because one could not be rebuilt.
    pub whole: bool,
    /// A question that finds or mends a difference.
    pub repair: Option<Repair>,
}

impl Ask {
    /// The most KiB of changes to answer with.
    #[must_use]
    pub const fn kib(&self) -> u16 {
        self.page_kib & !READS_CELLS
    }

    /// Whether the device reads cells.
    #[must_use]
    pub const fn reads_cells(&self) -> bool {
        self.page_kib & READS_CELLS != 0
    }
}

/// Changes to push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its number: the same when the same items are sent again, and never used for others.
    pub no: u64,
    /// The grids that the items name.
    pub grids: Vec<UnitId>,
    /// The people whose changes the sender passes on, because the server has lost them.
    pub authors: Vec<PersonId>,
    /// The changes, oldest first, a record's body before its vault.
    pub items: Vec<Item>,
}

/// One change of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The document.
    pub doc: DocId,
    /// The grid of its record, as a place in the batch's list.
    pub grid: u16,
    /// Who wrote it: 0 for the sender, else a place in the batch's list of authors, counted from 1.
    pub author: u16,
    /// The change, byte for byte, and its name.
    pub change: Hashed,
}

impl Batch {
    /// The digest that names the batch in its receipt.
    #[must_use]
    pub fn digest(&self) -> PageDigest {
        let mut sum = Sha256::new();
        sum.update(self.names());
        head_of(sum)
    }

    /// What the digest is made of: the proof of what was in the batch.
    #[must_use]
    pub fn names(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for grid in &self.grids {
            all.extend(grid.as_str().bytes().chain([0]));
        }
        for author in &self.authors {
            all.extend(author.as_str().bytes().chain([1]));
        }
        for item in &self.items {
            all.extend(item.grid.to_be_bytes());
            all.extend(item.author.to_be_bytes());
            all.extend(signed::name(item.doc, item.change.hash()));
        }
        all
    }

    /// The number of a batch with this digest, where nothing else is said: the same for the same
    /// items and, as good as surely, no other. 63 bits, for databases without unsigned numbers.
    #[must_use]
    pub fn number(digest: &PageDigest) -> u64 {
        let head = digest.first_chunk().copied().unwrap_or_default();
        u64::from_be_bytes(head) >> 1
    }
}

fn head_of(sum: Sha256) -> PageDigest {
    let digest: [u8; 32] = sum.finalize().into();
    let mut head = [0; 16];
    head.copy_from_slice(digest.split_at(16).0);
    head
}

/// What the server did with one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemResult {
    /// Committed now, at this place of the log.
    Kept(u64),
    /// Was there already, at this place.
    Had(u64),
    /// Not taken; the device keeps it and shows why.
    Refused(Refusal),
}

/// The server's word that a batch is on its disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The number of the batch.
    pub no: u64,
    /// The digest of the batch as the server read it.
    pub digest: PageDigest,
    /// One result for each item, in the batch's order.
    #[serde(with = "runs")]
    pub results: Vec<ItemResult>,
}

impl Receipt {
    /// A number that follows from the digest does not travel: 0 stands for it.
    fn without_number(mut self) -> Self {
        if self.no == Batch::number(&self.digest) {
            self.no = 0;
        }
        self
    }

    fn with_number(mut self) -> Self {
        if self.no == 0 {
            self.no = Batch::number(&self.digest);
        }
        self
    }
}

/// One change of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the log.
    pub seq: u64,
    /// The document.
    pub doc: DocId,
    /// Who wrote it, as a place in the answer's list.
    pub author: u16,
    /// When the server received it.
    pub received_at: Millis,
    /// The change, byte for byte as it was pushed, and its name.
    pub change: Hashed,
    /// Where another's device brought it back after the server had lost it.
    pub passed_on: Option<PassedOn>,
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The server's clock.
    pub now: Millis,
    /// What became of the batch, if there was one.
    pub receipt: Option<Receipt>,
    /// The people whom the entries name.
    pub authors: Vec<PersonId>,
    /// What is new in the device's scope, in the order of the log.
    pub entries: Vec<Entry>,
    /// The next cursor; `None` when it stays as it is.
    pub cursor: Option<Vec<u8>>,
    /// Whether there is more to pull at once.
    pub more: bool,
    /// The place of the log up to which the station's devices have everything.
    pub seen: u64,
    /// The directory, when the device holds another one.
    pub directory: Option<Directory>,
    /// The sum of all changes in the device's scope, when the answer brings the last of them.
    pub sum: Option<ShortSum>,
    /// What the server says to a question that finds a difference.
    pub repaired: Option<Repaired>,
    /// What a device that begins gets before the log.
    pub frame: Option<Frame>,
    /// What is said beyond that, to a device that reads cells.
    pub cells: Vec<Cell>,
}

impl Answer {
    /// What became of a batch, and nothing that anybody else wrote.
    #[must_use]
    pub const fn receipt_alone(now: Millis, receipt: Option<Receipt>) -> Self {
        Self {
            now,
            receipt,
            authors: Vec::new(),
            entries: Vec::new(),
            cursor: None,
            more: false,
            seen: 0,
            directory: None,
            sum: None,
            repaired: None,
            frame: None,
            cells: Vec::new(),
        }
    }
}

/// What a supervisor's device asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverviewRequest {
    /// Which device.
    pub device: DeviceId,
    /// Its proof.
    pub secret: Secret,
    /// The place to look at; the member's own unit when none is named.
    pub place: Option<Place>,
    /// The period to count; it must be over.
    pub period: Weeks,
}

/// The merged, de-identified picture of a place. Nothing in it tells of one or two matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// The server's clock.
    pub now: Millis,
    /// The period that was counted.
    pub period: Weeks,
    /// The places from the member's own unit down to this one.
    pub path: Vec<Named>,
    /// The place's counts.
    pub total: Counts,
    /// The counts of the places below it.
    pub below: Vec<Below>,
    /// The quarter of the categories: the last one of the period, or before it, that is over.
    pub quarter: Weeks,
    /// Disputes found in the quarter by category, the most first.
    pub categories: Vec<CategoryCount>,
    /// Open matters of a station; other places list none.
    pub matters: Vec<Matters>,
}

/// Why a message cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Larger than the limit, packed or unpacked.
    #[error("the message is too large")]
    TooLarge,
    /// Of a version that this program does not speak.
    #[error("the message is of another version")]
    Version,
    /// Cut off or damaged.
    #[error("the message is damaged")]
    Damaged,
}
