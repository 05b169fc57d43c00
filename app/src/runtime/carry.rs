//! Without a network: what waits becomes a file that somebody else carries, and theirs is taken along.

use domain::replica::LinkFailure;
use domain::sync::bundle::Code;
use domain::sync::message::{Answer, ErrorCode, ItemResult};

use super::Runtime;
use crate::link;
use crate::platform::{self, webcrypto};
use crate::store::Store;

/// A file to hand on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Its bytes.
    pub file: Vec<u8>,
    /// What opens it.
    pub code: Code,
    /// How many records wait.
    pub records: u32,
}

/// What became of the changes in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carried {
    /// The server has them now.
    pub taken: usize,
    /// The server refused them; their phone keeps them.
    pub refused: usize,
}

/// Why nothing was carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CarryFault {
    /// Everything is sent.
    #[error("nothing waits to be sent")]
    Nothing,
    /// The server does not know this phone's key, or the browser has none.
    #[error("the server does not know this phone's key")]
    NoKey,
    /// The store does not answer.
    #[error("the store does not answer")]
    Store,
    /// The file is none of ours.
    #[error("the file is no bundle")]
    NotOurs,
    /// The code does not open the file.
    #[error("the code does not open the file")]
    WrongCode,
    /// There is no network here either.
    #[error("no network")]
    Offline,
    /// The server does not know who signed this, or not any more.
    #[error("the server refused the file")]
    Refused,
}

impl<S: Store + 'static> Runtime<S> {
    /// What waits to be sent, as a file.
    ///
    /// # Errors
    /// When nothing waits, or this phone cannot sign and encrypt it.
    pub async fn bundle(&self) -> Result<Bundle, CarryFault> {
        let outbox = self.store.outbox(usize::MAX, usize::MAX).await;
        let outbox = outbox.map_err(|_| CarryFault::Store)?;
        if outbox.items.is_empty() {
            return Err(CarryFault::Nothing);
        }
        let requests = self
            .replica
            .borrow()
            .carried(&outbox.items, platform::now());
        let mut signed = Vec::new();
        for request in requests.ok_or(CarryFault::NoKey)? {
            signed.push(self.signed(request).await.ok_or(CarryFault::NoKey)?);
        }
        let code = Code::new(platform::random());
        let file = webcrypto::seal(&signed, &code).await;
        Ok(Bundle {
            file: file.ok_or(CarryFault::NoKey)?,
            code,
            records: outbox.records,
        })
    }
}

/// Carries somebody's file to the server. What it took before a fault stays taken: the same file may
/// be carried again.
///
/// # Errors
/// When the file cannot be opened or the server not be reached.
pub async fn carry(file: &[u8], code: &Code) -> Result<Carried, CarryFault> {
    let opened = webcrypto::open(file, code).await;
    let requests = opened.map_err(|_| CarryFault::NotOurs)?;
    let mut carried = Carried::default();
    for request in requests.ok_or(CarryFault::WrongCode)? {
        let answer = link::exchange(request).await.map_err(fault)?;
        let answer = Answer::decode(&answer).map_err(|_| CarryFault::Offline)?;
        let receipt = answer.answer.receipt.ok_or(CarryFault::Refused)?;
        for result in receipt.results {
            match result {
                ItemResult::Kept(_) | ItemResult::Had(_) => carried.taken += 1,
                ItemResult::Refused(_) => carried.refused += 1,
            }
        }
    }
    Ok(carried)
}

const fn fault(failure: LinkFailure) -> CarryFault {
    match failure {
        LinkFailure::Refused(
            ErrorCode::UnknownKey | ErrorCode::UnknownDevice | ErrorCode::Revoked,
        ) => CarryFault::Refused,
        LinkFailure::Offline | LinkFailure::NotOurs | LinkFailure::Refused(_) => {
            CarryFault::Offline
        }
    }
}
