//! A phone without a screen: the same domain, outbox and exchange as in the app, over real HTTP, with
//! its store in a file. For benchmarks and load.

pub mod link;
pub mod record;
pub mod shell;
pub mod signer;
pub mod store;

use std::io;

/// Why the phone cannot do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum HeadlessError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
    /// A line of the input is not an operation.
    #[error("line {line}: {message}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The domain did not carry a command out.
    #[error("not saved: {0}")]
    Command(#[from] domain::replica::CommandError),
    /// The store could not be read back.
    #[error("the stored {0} cannot be read")]
    Damaged(&'static str),
    /// No `open` came before.
    #[error("no data is open: send an open first")]
    NotOpen,
    /// The network was dropped.
    #[error("stopped")]
    Stopped,
    /// The server does not let the phone join.
    #[error("the server refused: {0}")]
    Refused(&'static str),
    /// The exchange does not get on.
    #[error("no progress for {seconds} s: {reason}")]
    Stuck {
        /// How long.
        seconds: u64,
        /// What went wrong last.
        reason: String,
    },
    /// The operating system gives no random numbers.
    #[error("no random numbers")]
    Random,
}

/// Random bytes for names and keys.
///
/// # Errors
/// When the operating system gives none.
pub fn random<const N: usize>() -> Result<[u8; N], HeadlessError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| HeadlessError::Random)?;
    Ok(bytes)
}
