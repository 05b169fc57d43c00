//! Requests of others that this phone carries, in the order in which they came.

use super::bridge::to_js;
use super::save::{Plan, Write};
use super::schema::CARRIED;
use super::{IndexedDb, encode};
use crate::store::Fault;
use crate::store::carried::{BYTES_MAX, Carried};

impl IndexedDb {
    /// What is carried, the oldest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn carried(&self) -> Result<Vec<Carried>, Fault> {
        let entries = self.bytes_of(CARRIED).await?;
        let carried = entries.into_iter().map(|(key, request)| Carried {
            n: super::place(&key),
            request,
        });
        Ok(carried.collect())
    }

    /// Keeps requests in one strict transaction; those that are here already are not kept twice.
    ///
    /// # Errors
    /// When none of them was kept; [`Fault::Full`] also when too much is carried already.
    pub async fn keep_carried(&self, requests: &[Vec<u8>]) -> Result<(), Fault> {
        let carried = self.carried().await?;
        let is_new = |one: &&Vec<u8>| carried.iter().all(|known| known.request != **one);
        let new: Vec<_> = requests.iter().filter(is_new).collect();
        let known = carried.iter().map(|known| known.request.len());
        let bytes = known.chain(new.iter().map(|one| one.len())).sum::<usize>();
        if bytes > BYTES_MAX {
            return Err(Fault::Full);
        }
        let append = |one: &Vec<u8>| Write::Put {
            store: CARRIED,
            key: None,
            value: to_js(one),
        };
        self.carry(new.into_iter().map(append).collect()).await
    }

    /// Drops one that need not be carried any further.
    ///
    /// # Errors
    /// When it is still here.
    pub async fn drop_carried(&self, n: u64) -> Result<(), Fault> {
        let gone = Write::Delete {
            store: CARRIED,
            key: encode::place_key(n),
        };
        self.carry(vec![gone]).await
    }

    async fn carry(&self, writes: Vec<Write>) -> Result<(), Fault> {
        let plan = Plan {
            writes,
            ..Plan::default()
        };
        self.connection.save(&plan).await
    }
}
