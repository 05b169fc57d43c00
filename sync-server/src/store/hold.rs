//! A hold on one connection of the database: a transaction that has a time limit and ends, whatever it
//! is doing, with whoever asked for it.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{Sqlite, SqliteConnection, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits;

/// Instructions of the database between two looks at the leash: about a tenth of a millisecond.
const STEP: i32 = 10_000;

/// Times are counted from here.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A transaction on a connection that is nobody else's meanwhile.
#[derive(Debug)]
pub struct Hold {
    // Dropped in this order: first what runs is broken off, then the transaction is rolled back, then
    // the next one may have the connection.
    tether: Tether,
    transaction: Transaction<'static, Sqlite>,
    slot: Option<Slot>,
}

impl Hold {
    pub(super) fn new(
        transaction: Transaction<'static, Sqlite>,
        leash: &Arc<Leash>,
        (limit, slot): (Option<Duration>, Option<Slot>),
    ) -> Self {
        let leash = Arc::clone(leash);
        // Only here: what ran before on this connection has ended, the transaction began after it.
        leash.gone.store(false, Ordering::Release);
        leash.start(limit);
        let held = true;
        Self {
            tether: Tether { leash, limit, held },
            transaction,
            slot,
        }
    }

    /// Commits.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        let Self {
            tether,
            transaction,
            slot,
        } = self;
        tether.release();
        let done = transaction.commit().await;
        drop(slot);
        done
    }

    /// Drops what was written.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        let Self {
            tether,
            transaction,
            slot,
        } = self;
        tether.release();
        let done = transaction.rollback().await;
        drop(slot);
        done
    }
}

impl Deref for Hold {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

/// Whoever gets the connection in hand has the whole time for what it asks.
impl DerefMut for Hold {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.tether.leash.start(self.tether.limit);
        &mut self.transaction
    }
}

/// Says, when it is dropped, that nobody waits any more.
#[derive(Debug)]
struct Tether {
    leash: Arc<Leash>,
    limit: Option<Duration>,
    held: bool,
}

impl Tether {
    /// From here on the connection is left alone: what ends a transaction is not broken off.
    fn release(mut self) {
        self.leash.start(None);
        self.held = false;
    }
}

impl Drop for Tether {
    fn drop(&mut self) {
        if self.held {
            self.leash.gone.store(true, Ordering::Release);
        }
    }
}

/// What the database looks at while it works for one connection.
#[derive(Debug)]
pub(super) struct Leash {
    /// Nobody waits for the answer any more.
    gone: AtomicBool,
    /// Milliseconds from [`ORIGIN`] on until which it may take.
    until: AtomicU64,
}

impl Leash {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            gone: AtomicBool::new(false),
            until: AtomicU64::new(u64::MAX),
        })
    }

    fn start(&self, limit: Option<Duration>) {
        let until = limit.map_or(u64::MAX, |limit| now().saturating_add(millis(limit)));
        self.until.store(until, Ordering::Release);
    }

    fn goes_on(&self) -> bool {
        !self.gone.load(Ordering::Acquire) && now() <= self.until.load(Ordering::Acquire)
    }
}

fn now() -> u64 {
    millis(ORIGIN.elapsed())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A pool of one connection, each one that it opens on this leash.
pub(super) fn pool(leash: &Arc<Leash>) -> SqlitePoolOptions {
    let leash = Arc::clone(leash);
    SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(limits::BUSY_TIMEOUT)
        .after_connect(move |connection, _| {
            let leash = Arc::clone(&leash);
            Box::pin(async move {
                let mut handle = connection.lock_handle().await?;
                handle.set_progress_handler(STEP, move || leash.goes_on());
                Ok(())
            })
        })
}

/// The connections that only read, each on a leash of its own.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    pools: Arc<Vec<(SqlitePool, Arc<Leash>)>>,
    free: Arc<Mutex<Vec<usize>>>,
    permits: Arc<Semaphore>,
}

/// The place of one reader, which goes back when it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    free: Arc<Mutex<Vec<usize>>>,
    place: usize,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(self.place);
    }
}

impl Readers {
    /// Connections that are opened when they are needed.
    pub(super) fn new(options: &SqliteConnectOptions) -> Self {
        let reader = |_| {
            let leash = Leash::new();
            (pool(&leash).connect_lazy_with(options.clone()), leash)
        };
        let pools: Vec<_> = (0..limits::READERS_MAX).map(reader).collect();
        Self {
            free: Arc::new(Mutex::new((0..pools.len()).rev().collect())),
            permits: Arc::new(Semaphore::new(pools.len())),
            pools: Arc::new(pools),
        }
    }

    /// Begins a read on the first connection that is free.
    pub(super) async fn begin(&self, limit: Option<Duration>) -> Result<Hold, sqlx::Error> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = tokio::time::timeout(limits::BUSY_TIMEOUT, permit).await;
        let permit = permit.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
        let place = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            free.pop().ok_or(sqlx::Error::PoolTimedOut)?
        };
        let slot = Slot {
            free: Arc::clone(&self.free),
            place,
            _permit: permit,
        };
        let (pool, leash) = self.pools.get(place).ok_or(sqlx::Error::PoolClosed)?;
        let transaction = pool.begin().await?;
        Ok(Hold::new(transaction, leash, (limit, Some(slot))))
    }

    pub(super) async fn close(&self) {
        self.permits.close();
        for (pool, _) in self.pools.iter() {
            pool.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::error::ApiError;
    use crate::store::Store;
    use std::time::Duration;

    /// A query that never ends, as a circle of units gave one.
    const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                           SELECT COUNT(*) FROM n WHERE i < 0";

    async fn endless(db: &mut sqlx::SqliteConnection) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar(ENDLESS).fetch_one(db).await
    }

    #[tokio::test]
    async fn ac17_a_query_beyond_its_time_ends_as_busy_and_frees_its_connection() {
        let data = tempfile::tempdir().expect("a folder");
        let store = Store::open(data.path(), true).await.expect("opens");
        let short = store.within(Duration::from_millis(50));
        for _ in 0..5 {
            let mut view = short.view().await.expect("a view");
            let ended = endless(&mut view).await.expect_err("no end");
            assert_eq!(ApiError::from(ended), ApiError::Busy);
        }
        for _ in 0..3 {
            let mut write = short.begin().await.expect("a write");
            let ended = endless(&mut write).await.expect_err("no end");
            assert_eq!(ApiError::from(ended), ApiError::Busy);
        }
        let mut write = store.begin().await.expect("a write");
        crate::store::set_setting(&mut write, "x", &[1])
            .await
            .expect("writes");
        write.commit().await.expect("commits");
    }

    #[tokio::test]
    async fn ac18_who_leaves_takes_the_query_along() {
        let data = tempfile::tempdir().expect("a folder");
        let store = Store::open(data.path(), true)
            .await
            .expect("opens")
            .unhurried();
        // More of them than there are connections: each must have freed its own.
        for _ in 0..12 {
            let mut view = store.view().await.expect("a view");
            let asked = async move { endless(&mut view).await };
            let left = tokio::time::timeout(Duration::from_millis(20), asked).await;
            assert!(left.is_err(), "it does not end by itself");
            let mut write = store.begin().await.expect("a write");
            let asked = async move { endless(&mut write).await };
            let left = tokio::time::timeout(Duration::from_millis(20), asked).await;
            assert!(left.is_err(), "it does not end by itself");
        }
        store.close().await;
    }
}
