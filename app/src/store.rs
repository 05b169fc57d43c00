//! The phone's store: bytes in, bytes out.

pub mod identities;
pub mod indexed_db;

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
