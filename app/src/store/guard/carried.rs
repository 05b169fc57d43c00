//! What is carried lies in the database alone, and without it nothing can be taken along.

use super::{Base, Guarded};
use crate::store::Fault;
use crate::store::carried::Carried;

impl Guarded {
    /// What is carried, the oldest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn carried(&self) -> Result<Vec<Carried>, Fault> {
        match &self.base {
            Base::Disk(store) => store.carried().await,
            Base::Spare(_) => Ok(Vec::new()),
        }
    }

    /// Keeps requests in one strict transaction; those that are here already are not kept twice.
    ///
    /// # Errors
    /// When none of them was kept, or there is no database.
    pub async fn keep_carried(&self, requests: &[Vec<u8>]) -> Result<(), Fault> {
        match &self.base {
            Base::Disk(store) => store.keep_carried(requests).await,
            Base::Spare(_) => Err(Fault::Closed),
        }
    }

    /// Drops one that need not be carried any further.
    ///
    /// # Errors
    /// When it is still here, or there is no database.
    pub async fn drop_carried(&self, n: u64) -> Result<(), Fault> {
        match &self.base {
            Base::Disk(store) => store.drop_carried(n).await,
            Base::Spare(_) => Err(Fault::Closed),
        }
    }
}
