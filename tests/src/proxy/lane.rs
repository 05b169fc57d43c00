//! One direction of the line: pieces wait their turn, travel, and arrive until the budget ends.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// A limited line carries pieces that take about so long, so that its flow is smooth.
const PIECE_TIME: Duration = Duration::from_millis(10);
const PIECE_BYTES_MIN: u64 = 64;
const PIECE_BYTES_MAX: u64 = 16 * 1024;
/// A timer that fires late must not make the line slower than it should be: so much is made good.
const CREDIT: Duration = Duration::from_millis(20);
/// Pieces on their way at most; more wait in the sender's own buffers.
const PIECES_UNDER_WAY: usize = 1024;

/// Why a connection did not come to its orderly end.
#[derive(Debug)]
pub enum Ended {
    /// The budget was used up.
    Cut,
    /// One end broke off.
    Broken,
}

impl From<std::io::Error> for Ended {
    fn from(_: std::io::Error) -> Self {
        Self::Broken
    }
}

/// The bytes that one connection may deliver, both ways together.
#[derive(Debug)]
pub struct Budget(Option<AtomicU64>);

impl Budget {
    /// So many bytes, or as many as there are.
    pub fn new(bytes: Option<u64>) -> Self {
        Self(bytes.map(AtomicU64::new))
    }

    /// Takes up to `wanted` bytes; tells how many, and whether that was the last.
    fn take(&self, wanted: usize) -> (usize, bool) {
        let Some(left) = &self.0 else {
            return (wanted, false);
        };
        // Both directions run in one task, so nobody comes between reading and writing.
        let had = left.load(Ordering::SeqCst);
        let taken = wanted.min(usize::try_from(had).unwrap_or(usize::MAX));
        let rest = had - taken as u64;
        left.store(rest, Ordering::SeqCst);
        (taken, rest == 0)
    }
}

/// A direction, shared by all connections of a proxy.
#[derive(Debug)]
pub struct Lane {
    bits: Option<u64>,
    delay: Duration,
    free_at: Mutex<Instant>,
    delivered: AtomicU64,
}

/// Bytes and the moment when they arrive.
type Piece = (Instant, Vec<u8>);

impl Lane {
    /// A direction that carries `bits` a second, each of which travels for `delay`.
    pub fn new(bits: Option<u64>, delay: Duration) -> Self {
        Self {
            bits,
            delay,
            free_at: Mutex::new(Instant::now()),
            delivered: AtomicU64::new(0),
        }
    }

    /// Bytes that arrived.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::SeqCst)
    }

    /// Carries everything from one end to the other, showing it to `seen` as it sets out.
    pub async fn run(
        &self,
        from: ReadHalf<'_>,
        to: WriteHalf<'_>,
        budget: &Budget,
        seen: impl FnMut(&[u8]),
    ) -> Result<(), Ended> {
        let (sender, receiver) = mpsc::channel(PIECES_UNDER_WAY);
        tokio::try_join!(
            self.take(from, sender, seen),
            self.give(to, receiver, budget)
        )?;
        Ok(())
    }

    async fn take(
        &self,
        mut from: ReadHalf<'_>,
        sender: mpsc::Sender<Piece>,
        mut seen: impl FnMut(&[u8]),
    ) -> Result<(), Ended> {
        let mut buffer = vec![0; self.piece_bytes()];
        loop {
            let count = from.read(&mut buffer).await?;
            let bytes = buffer.get(..count).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(());
            }
            seen(bytes);
            let gone = self.book(bytes.len());
            sleep_until(gone).await;
            let piece = (gone + self.delay, bytes.to_vec());
            sender.send(piece).await.map_err(|_| Ended::Broken)?;
        }
    }

    async fn give(
        &self,
        mut to: WriteHalf<'_>,
        mut receiver: mpsc::Receiver<Piece>,
        budget: &Budget,
    ) -> Result<(), Ended> {
        while let Some((arrives, bytes)) = receiver.recv().await {
            sleep_until(arrives).await;
            let (allowed, last) = budget.take(bytes.len());
            to.write_all(bytes.get(..allowed).unwrap_or_default())
                .await?;
            self.delivered.fetch_add(allowed as u64, Ordering::SeqCst);
            if last {
                return Err(Ended::Cut);
            }
        }
        Ok(to.shutdown().await?)
    }

    /// Takes the next free stretch of the line; the moment when the last bit has left.
    fn book(&self, bytes: usize) -> Instant {
        let now = Instant::now();
        let Some(bits) = self.bits else { return now };
        let time = Duration::from_nanos(bytes as u64 * 8 * 1_000_000_000 / bits.max(1));
        let mut free_at = self.free_at.lock().expect("no holder of the lane fails");
        let earliest = now.checked_sub(CREDIT).unwrap_or(now);
        *free_at = (*free_at).max(earliest) + time;
        *free_at
    }

    fn piece_bytes(&self) -> usize {
        let millis = u64::try_from(PIECE_TIME.as_millis()).unwrap_or(u64::MAX);
        let bytes = self.bits.map_or(PIECE_BYTES_MAX, |bits| {
            (bits / 8 * millis / 1000).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX)
        });
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}
