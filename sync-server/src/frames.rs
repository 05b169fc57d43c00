//! The first load: rows of everything in scope, then the changes, the record that changed last first.
//!
//! Each page of it is a frame. It is made when the first device asks for it, kept, and sent as it is
//! to every other device with the same scope. What came after the place that the frames were made
//! for is read from the log, as ever.

use std::io::Write as _;

use domain::id::RecordId;
use domain::sync::frame::{self, Frame};
use domain::sync::message::{self, Cell};
use domain::view::Row;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use crate::cursor::First;
use crate::error::ApiError;
use crate::gate;
use crate::limits;
use crate::pull::{Damaged, Page, Reader};
use crate::store::frame::{self as kept, Key, Latest};
use crate::store::log;

/// A frame, and where the next one begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) frame: Frame,
    pub(crate) next: Option<First>,
    /// Which of its entries were passed on.
    pub(crate) marks: Option<Cell>,
}

/// A frame that was made now and is to be kept.
#[derive(Debug)]
pub(crate) struct Made {
    key: Key,
    part: Part,
}

/// A frame as it was made, and what was found damaged meanwhile.
type Fresh = (Part, Damaged);

/// Where a first load begins: the place in the log that it brings everything up to; none where so
/// little is in scope that the log itself is as good.
///
/// # Errors
/// When the database fails.
pub(crate) async fn begin(
    db: &mut SqliteConnection,
    reader: &Reader,
    last: u64,
) -> Result<Option<u64>, ApiError> {
    // A device that has just pushed everything there is needs nothing of it.
    let before = reader.own.first().copied().unwrap_or(u64::MAX);
    let enough = (before, reader.frames_from);
    if kept::count(db, &reader.scope.streams, enough).await? < reader.frames_from {
        return Ok(None);
    }
    let known = kept::newest(db, reader.digest).await?;
    // The log after it costs each device more than a new set of frames costs once.
    let usable = known.filter(|seq| *seq <= last && last - seq <= limits::FRAMES_LAG_MAX);
    Ok(Some(usable.unwrap_or(last)))
}

/// The frame that begins at a place.
///
/// # Errors
/// When the database fails.
pub(crate) async fn part(
    db: &mut SqliteConnection,
    reader: &Reader,
    (seq, first): (u64, First),
) -> Result<(Part, Option<Made>, Damaged), ApiError> {
    let key = Key {
        scope: reader.digest,
        seq,
        first,
    };
    // Rows name nothing that a device could lack.
    let usual = first.rows || !reader.whole;
    if usual
        && let Some(stored) = kept::get(db, &key).await?
        && let Ok(part) = postcard::from_bytes(&stored)
    {
        return Ok((part, None, Damaged::default()));
    }
    let (part, damaged) = if first.rows {
        rows(db, reader, (seq, first)).await?
    } else {
        changes(db, reader, (seq, first)).await?
    };
    // One that lacks something is not kept for others.
    let made = (usual && damaged.changes.is_empty()).then(|| Made {
        key,
        part: part.clone(),
    });
    Ok((part, made, damaged))
}

impl Made {
    /// Keeps it for the next device.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn keep(&self, db: &mut SqliteConnection) -> Result<(), ApiError> {
        let bytes = postcard::to_allocvec(&self.part).map_err(|_| ApiError::Internal)?;
        kept::put(db, &self.key, &bytes).await?;
        Ok(())
    }
}

/// The processor time of this process so far, in nanoseconds; 0 where the system does not tell.
pub(crate) fn spent_ns() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task");
    let of_thread = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    threads
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(of_thread)
        .sum()
}

/// Says on standard output how much of the processor a frame took, for the bench, which takes it off
/// the rest: the time on the clock would be too much wherever others work at the same time.
pub(crate) fn tell(since_ns: u64) {
    let line = format!("FRAMES {}", spent_ns().saturating_sub(since_ns) / 1_000_000);
    // Nobody may be listening.
    let _told = writeln!(std::io::stdout(), "{line}");
}

async fn rows(
    db: &mut SqliteConnection,
    reader: &Reader,
    (seq, first): (u64, First),
) -> Result<Fresh, ApiError> {
    let streams = &reader.scope.streams;
    let found = kept::latest(db, streams, (seq, first.top), limits::FRAME_ROWS_MAX).await?;
    let (stored, altered) = kept::rows_of(db, &found).await?;
    let mut room = limits::FRAME_ROWS_BYTES_MAX;
    let mut taken: Vec<Row> = Vec::with_capacity(found.len());
    let mut next = None;
    for latest in &found {
        let bytes = match stored.get(&latest.record) {
            Some(bytes) => Some(bytes.clone()),
            // Altered on the disk: what leaves it is what the changes say.
            None => folded(db, latest.record).await?,
        };
        let len = bytes.as_ref().map_or(0, Vec::len);
        if len > room && !taken.is_empty() {
            next = Some(latest.seq);
            break;
        }
        room = room.saturating_sub(len);
        taken.extend(bytes.and_then(|bytes| Row::decode(&bytes)));
    }
    let more = next.or_else(|| after(&found, limits::FRAME_ROWS_MAX));
    let next = match more {
        Some(top) => First {
            rows: true,
            top,
            within: 0,
        },
        None => First {
            rows: false,
            top: seq,
            within: 0,
        },
    };
    let damaged = Damaged {
        rows: altered,
        ..Damaged::default()
    };
    let part = Part {
        frame: frame::rows(&taken),
        next: Some(next),
        marks: None,
    };
    Ok((part, damaged))
}

/// A record's row as its changes tell it.
async fn folded(db: &mut SqliteConnection, record: RecordId) -> Result<Option<Vec<u8>>, ApiError> {
    let known = log::load(db, record).await?;
    let row = tokio::task::spawn_blocking(move || gate::refold(record, &known)).await;
    let row = row.map_err(|_| ApiError::Internal)?;
    Ok(row.map(|row| row.encode()))
}

async fn changes(
    db: &mut SqliteConnection,
    reader: &Reader,
    (seq, first): (u64, First),
) -> Result<Fresh, ApiError> {
    let streams = &reader.scope.streams;
    let found = kept::latest(db, streams, (seq, first.top), limits::FRAME_RECORDS_MAX).await?;
    let mut all = kept::read_records(db, &found, seq).await?;
    let mut room = limits::FRAME_BYTES;
    let (mut taken, mut next) = (Vec::new(), None);
    for (place, latest) in found.iter().enumerate() {
        let within = if place == 0 { first.within } else { 0 };
        let mut entries = all.remove(&latest.record).unwrap_or_default();
        entries.retain(|entry| entry.seq > within);
        let len = entries.iter().map(|entry| entry.len).sum::<usize>();
        if len > room && !taken.is_empty() {
            next = Some((latest.seq, within));
            break;
        }
        // One record alone may be larger than a frame.
        for entry in entries {
            if entry.len > room && !taken.is_empty() {
                next = next.or_else(|| last_of(&taken).map(|within| (latest.seq, within)));
                break;
            }
            room = room.saturating_sub(entry.len);
            taken.push(entry);
        }
        if next.is_some() {
            break;
        }
    }
    let next = next.or_else(|| after(&found, limits::FRAME_RECORDS_MAX).map(|top| (top, 0)));
    taken.sort_unstable_by_key(|entry| entry.seq);
    let mut page = Page::default();
    page.take(db, taken).await?;
    let part = Part {
        frame: message::changes(&page.authors, &page.entries, reader.whole),
        next: next.map(|(top, within)| First {
            rows: false,
            top,
            within,
        }),
        marks: Cell::passed_on(&page.entries),
    };
    Ok((part, page.damaged))
}

fn last_of(taken: &[log::Read]) -> Option<u64> {
    taken.last().map(|entry| entry.seq)
}

/// Where the next records begin when as many as were asked for were found.
fn after(found: &[Latest], asked: usize) -> Option<u64> {
    let last = found.last().filter(|_| found.len() >= asked)?;
    last.seq.checked_sub(1).filter(|top| *top > 0)
}
