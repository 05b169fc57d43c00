//! The phone's store: bytes in, bytes out.

pub mod carried;
mod codec;
pub mod guard;
pub mod identities;
pub mod indexed_db;
pub mod journal;
pub mod memory;
mod mend;
pub mod photos;

use domain::id::RecordId;
use domain::record::Kind;
use domain::replica::{Aside, Meta, OutboxItem, StoreFault, StoredRecord, WriteBatch};
use domain::sync::repair::Held;
use domain::view::Row;

use codec::Place;

/// Why the store did not do what was asked; nothing was written then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A row is not what the writer believed: read it again and decide again.
    #[error("written on another state")]
    Stale,
    /// No room left.
    #[error("no room")]
    Full,
    /// The connection is closed: by another window that needs a newer version, or by the browser.
    #[error("closed")]
    Closed,
    /// The browser ended the transaction.
    #[error("aborted")]
    Aborted,
    /// The browser did not answer in time; the transaction was ended.
    #[error("no answer in time")]
    Timeout,
}

impl Fault {
    /// The fault that a browser's error stands for, by the error's name or text.
    pub(crate) fn from_name(name: &str) -> Self {
        if name.contains("QuotaExceededError") {
            Self::Full
        } else if name.contains("InvalidStateError") || name.contains("connection is closing") {
            Self::Closed
        } else {
            Self::Aborted
        }
    }
}

impl From<Fault> for StoreFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Full => Self::Full,
            Fault::Closed => Self::Closed,
            Fault::Stale | Fault::Aborted | Fault::Timeout => Self::Aborted,
        }
    }
}

/// Which rows, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// All, the last changed first.
    Newest,
    /// Those of one kind, the last changed first.
    OfKind(Kind),
    /// Those with something due, the earliest first.
    Due,
}

/// The head of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outbox {
    /// Its first items, oldest first.
    pub items: Vec<OutboxItem>,
    /// How many records have something in it.
    pub records: u32,
}

/// What the app asks of a store; the contract suite says what each answer promises.
///
/// Whatever cannot be read is set aside with its bytes and counted, and the rest is given: a
/// damaged row or change never makes a read fail.
#[expect(
    async_fn_in_trait,
    reason = "a page has one thread, so no future here is ever sent"
)]
pub trait Store {
    /// Everything of these records, in the order asked.
    async fn load(&self, ids: &[RecordId]) -> Result<Vec<StoredRecord>, Fault>;
    /// The rows of a list, all of them: a part would look like the whole in every count and search.
    async fn rows(&self, list: List) -> Result<Vec<Row>, Fault>;
    /// The rows of these records; one that is not there is left out.
    async fn rows_of(&self, ids: &[RecordId]) -> Result<Vec<Row>, Fault>;
    /// The head of the outbox: at most so many items, and so many bytes unless the first is larger.
    async fn outbox(&self, bytes_max: usize, items_max: usize) -> Result<Outbox, Fault>;
    /// Every change that the server confirmed and that can be read, as it is stored.
    async fn held(&self) -> Result<Vec<Held>, Fault>;
    /// What the device remembers.
    async fn meta(&self) -> Result<Meta, Fault>;
    /// Writes all of the batch or nothing; `Ok` only when it is committed.
    async fn commit(&self, batch: &WriteBatch) -> Result<(), Fault>;
    /// Keeps the text of an unfinished form.
    async fn put_draft(&self, key: &str, text: &str) -> Result<(), Fault>;
    /// Drops an unfinished form.
    async fn remove_draft(&self, key: &str) -> Result<(), Fault>;
    /// All unfinished forms by key.
    async fn drafts(&self) -> Result<Vec<(String, String)>, Fault>;
    /// What was set aside.
    async fn aside(&self) -> Result<Vec<Aside>, Fault>;
    /// How much was set aside.
    async fn aside_count(&self) -> Result<u32, Fault>;
}
