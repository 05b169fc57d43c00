//! Cells: what an answer says beyond its fields, for readers that know of it.
//!
//! They follow the fields, each under a number: a reader skips those that it does not know. Only a
//! reader that says that it reads cells is sent any, so that an older app goes on as it was.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Answer, Entry, MessageError};
use crate::id::{PersonId, RecordId};
use crate::sync::signed::DeviceHead;
use crate::sync::wire::{Reader, Short, Writer};
use crate::time::Millis;

/// The most cells of an answer.
const CELLS_MAX: usize = 64;

/// The server takes what a device passes on for others: healing is open.
const HEALING: u64 = 1;
/// Which entries were passed on, by whose device, over which gap.
const PASSED_ON: u64 = 2;
/// Records that an administrator took out of use or gave back.
const RETIRED: u64 = 3;
/// Devices of the station that have used up what they may bring in a day.
const NOTICES: u64 = 4;
/// Changes that are damaged on the server's disk: it takes them back from anybody, in their writers'
/// names, whether or not healing is open.
const WANTED_BACK: u64 = 5;

/// A number, and what is said under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The number: fixed, and never used for anything else.
    pub number: u64,
    /// What is said.
    pub bytes: Vec<u8>,
}

/// The mark of a change that somebody else's device brought back to a server that had lost it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PassedOn {
    /// Whose device it was.
    pub by: PersonId,
    /// When the last change came that the restored server still had.
    pub from: Millis,
    /// When an administrator opened healing.
    pub to: Millis,
}

/// A device that has used up what it may bring in a day, as its station hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedUp {
    /// The name of its person.
    pub name: String,
    /// The beginning of its own name.
    pub device: DeviceHead,
    /// Since when.
    pub since: Millis,
}

/// Marks, each with the places in the log that it is on, as runs of a first place and a count.
pub(super) type Marks = Vec<(PassedOn, Vec<(u64, u64)>)>;

impl Cell {
    /// Says that the server takes what a device passes on for others.
    #[must_use]
    pub const fn healing() -> Self {
        Self {
            number: HEALING,
            bytes: Vec::new(),
        }
    }

    /// Says which records were taken out of use or given back, in the order in which that was done;
    /// none where there are none.
    #[must_use]
    pub fn retired(told: &[(RecordId, bool)]) -> Option<Self> {
        (!told.is_empty()).then(|| Self {
            number: RETIRED,
            bytes: postcard::to_allocvec(told).unwrap_or_default(),
        })
    }

    /// Tells a station which of its devices have used up their day; none where there are none.
    #[must_use]
    pub fn notices(notices: &[UsedUp]) -> Option<Self> {
        (!notices.is_empty()).then(|| Self {
            number: NOTICES,
            bytes: postcard::to_allocvec(notices).unwrap_or_default(),
        })
    }

    /// Names changes that are damaged at the server, by the first halves of their marks; none where
    /// there are none.
    #[must_use]
    pub fn wanted_back(marks: &[[u8; 16]]) -> Option<Self> {
        (!marks.is_empty()).then(|| Self {
            number: WANTED_BACK,
            bytes: marks.concat(),
        })
    }

    /// The marks of those entries that were passed on; none where there are none.
    #[must_use]
    pub fn passed_on(entries: &[Entry]) -> Option<Self> {
        let mut marks = Marks::new();
        for entry in entries {
            let Some(mark) = &entry.passed_on else {
                continue;
            };
            let place = match marks.iter().position(|(known, _)| known == mark) {
                Some(place) => place,
                None => {
                    marks.push((mark.clone(), Vec::new()));
                    marks.len() - 1
                }
            };
            let Some((_, runs)) = marks.get_mut(place) else {
                continue;
            };
            match runs.last_mut() {
                Some((first, count)) if first.saturating_add(*count) == entry.seq => *count += 1,
                Some(_) | None => runs.push((entry.seq, 1)),
            }
        }
        let bytes = postcard::to_allocvec(&marks).unwrap_or_default();
        (!marks.is_empty()).then_some(Self {
            number: PASSED_ON,
            bytes,
        })
    }
}

impl Answer {
    /// Whether the server takes what a device passes on for others.
    #[must_use]
    pub fn is_healing(&self) -> bool {
        self.cells.iter().any(|cell| cell.number == HEALING)
    }

    /// The records that were taken out of use, with `true`, or given back, each as it stands last.
    #[must_use]
    pub fn retired(&self) -> BTreeMap<RecordId, bool> {
        let told: Vec<(RecordId, bool)> = self.said(RETIRED);
        told.into_iter().collect()
    }

    /// The devices of the station that have used up their day.
    #[must_use]
    pub fn notices(&self) -> Vec<UsedUp> {
        self.said(NOTICES)
    }

    /// The list that is said under a number; none that can be read is an empty one.
    fn said<T: serde::de::DeserializeOwned>(&self, number: u64) -> Vec<T> {
        let cell = self.cells.iter().find(|cell| cell.number == number);
        let read = cell.and_then(|cell| postcard::from_bytes(&cell.bytes).ok());
        read.unwrap_or_default()
    }

    /// The changes that are damaged at the server and that it takes back from anybody, by the first
    /// halves of their marks.
    #[must_use]
    pub fn wanted_back(&self) -> BTreeSet<[u8; 16]> {
        let cells = self.cells.iter().filter(|cell| cell.number == WANTED_BACK);
        let marks = cells.flat_map(|cell| cell.bytes.as_chunks::<16>().0);
        marks.copied().collect()
    }

    /// Takes away what only a reader of cells understands.
    pub fn forget_cells(&mut self) {
        self.cells.clear();
        for entry in &mut self.entries {
            entry.passed_on = None;
        }
    }
}

/// The mark of the entry at a place, if it has one.
pub(super) fn mark_of(marks: &Marks, seq: u64) -> Option<PassedOn> {
    let holds =
        |(first, count): &(u64, u64)| seq.checked_sub(*first).is_some_and(|place| place < *count);
    let found = marks.iter().find(|(_, runs)| runs.iter().any(holds));
    found.map(|(mark, _)| mark.clone())
}

/// Takes the marks out of the cells.
pub(super) fn take_marks(cells: &mut Vec<Cell>) -> Result<Marks, MessageError> {
    let Some(place) = cells.iter().position(|cell| cell.number == PASSED_ON) else {
        return Ok(Marks::new());
    };
    let cell = cells.remove(place);
    postcard::from_bytes(&cell.bytes).map_err(|_| MessageError::Damaged)
}

/// Writes cells behind the fields of an answer: twice the number, and one more where bytes follow.
pub(super) fn write<'a>(cells: impl IntoIterator<Item = &'a Cell>, out: &mut Vec<u8>) {
    let mut writer = Writer::default();
    for cell in cells {
        let has_bytes = u64::from(!cell.bytes.is_empty());
        writer.number((cell.number << 1) | has_bytes);
        if !cell.bytes.is_empty() {
            writer.block(&cell.bytes);
        }
    }
    out.extend(writer.bytes);
}

/// Reads what follows the fields of an answer.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Cell>, MessageError> {
    let mut reader = Reader { rest: bytes };
    let mut cells = Vec::new();
    while !reader.rest.is_empty() {
        let cell = one(&mut reader).map_err(|Short| MessageError::Damaged)?;
        if cells.len() >= CELLS_MAX {
            return Err(MessageError::Damaged);
        }
        cells.push(cell);
    }
    Ok(cells)
}

fn one(reader: &mut Reader<'_>) -> Result<Cell, Short> {
    let head = reader.number()?;
    let bytes = match head & 1 {
        0 => Vec::new(),
        _ => reader.block()?.to_vec(),
    };
    Ok(Cell {
        number: head >> 1,
        bytes,
    })
}
