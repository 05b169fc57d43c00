//! Frames: what a device that begins gets instead of the log from its first place on.
//!
//! Rows come first, so that the list can be used; then the changes of the records, the one that
//! changed last at the head. A frame is packed once and is the same for every device with the same
//! scope. A row is brought without its text and its photos: they come with the changes.

use serde::{Deserialize, Serialize};

use super::message::{MessageError, UNPACKED_BYTES_MAX};
use super::pack;
use super::wire::{self, Reader, Writer};
use crate::id::{PersonId, RecordId, UnitId};
use crate::record::Kind;
use crate::text;
use crate::time::Millis;
use crate::view::{Delivery, Due, Row};

/// The most rows in one frame.
pub const ROWS_MAX: usize = 8_192;
/// The most characters of a row's text, where it has no title.
const WORDS_CHARS: usize = 12;
/// The time at the head of a record's name takes so many bytes,
const TIME_BYTES: usize = 6;
/// and the rest is chance.
const CHANCE_BYTES: usize = 10;

/// A frame as it travels, packed by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// Rows of records whose changes come later.
    Rows(#[serde(with = "wire::block")] Vec<u8>),
    /// Changes.
    Changes(#[serde(with = "wire::block")] Vec<u8>),
}

/// Rows, each field by itself: equal things lie beside each other, and pack to nothing.
#[derive(Default, Serialize, Deserialize)]
struct Columns {
    kind: Vec<Kind>,
    schema: Vec<i64>,
    grid: Vec<UnitId>,
    number: Vec<String>,
    title: Vec<String>,
    category: Vec<String>,
    place: Vec<String>,
    words: Vec<String>,
    status: Vec<String>,
    level: Vec<String>,
    by: Vec<PersonId>,
    created_at: Vec<i64>,
    updated_at: Vec<i64>,
    happened_at: Vec<i64>,
    accepted_at: Vec<Option<i64>>,
    closed_at: Vec<Option<i64>>,
    open: Vec<bool>,
    due: Vec<Option<Due>>,
    outcome: Vec<String>,
    conflicts: Vec<u32>,
    review: Vec<u32>,
    link: Vec<Option<RecordId>>,
    checkins: Vec<u32>,
    active_ms: Vec<i64>,
}

impl Columns {
    fn put(&mut self, row: &Row) {
        let born = row.id.created_at().0;
        let since = |at: Millis| at.0.wrapping_sub(born);
        self.kind.push(row.kind);
        self.schema.push(row.schema);
        self.grid.push(row.grid.clone());
        self.number.push(row.number.clone());
        self.title.push(row.title.clone());
        self.category.push(row.category.clone());
        self.place.push(row.place.clone());
        let words = if row.title.is_empty() {
            text::excerpt(&row.text, WORDS_CHARS)
        } else {
            String::new()
        };
        self.words.push(words);
        self.status.push(row.status.clone());
        self.level.push(row.level.clone());
        self.by.push(row.by.clone());
        self.created_at.push(since(row.created_at));
        self.updated_at.push(since(row.updated_at));
        self.happened_at.push(since(row.happened_at));
        self.accepted_at.push(row.accepted_at.map(since));
        self.closed_at.push(row.closed_at.map(since));
        self.open.push(row.open);
        self.due.push(row.due.map(|due| Due {
            at: Millis(since(due.at)),
            what: due.what,
        }));
        self.outcome.push(row.outcome.clone());
        self.conflicts.push(row.conflicts);
        self.review.push(row.review);
        self.link.push(row.link);
        self.checkins.push(row.checkins);
        self.active_ms.push(row.active_ms);
    }

    /// The row at a place; none where a column is too short.
    fn row(&self, at: usize, id: RecordId) -> Option<Row> {
        let born = id.created_at();
        let then = |since: i64| Millis(born.0.wrapping_add(since));
        Some(Row {
            id,
            kind: *self.kind.get(at)?,
            schema: *self.schema.get(at)?,
            grid: self.grid.get(at)?.clone(),
            number: self.number.get(at)?.clone(),
            title: self.title.get(at)?.clone(),
            category: self.category.get(at)?.clone(),
            place: self.place.get(at)?.clone(),
            text: self.words.get(at)?.clone(),
            status: self.status.get(at)?.clone(),
            level: self.level.get(at)?.clone(),
            by: self.by.get(at)?.clone(),
            created_at: then(*self.created_at.get(at)?),
            updated_at: then(*self.updated_at.get(at)?),
            happened_at: then(*self.happened_at.get(at)?),
            accepted_at: self.accepted_at.get(at)?.map(then),
            closed_at: self.closed_at.get(at)?.map(then),
            open: *self.open.get(at)?,
            due: self.due.get(at)?.map(|due| Due {
                at: then(due.at.0),
                what: due.what,
            }),
            outcome: self.outcome.get(at)?.clone(),
            conflicts: *self.conflicts.get(at)?,
            review: *self.review.get(at)?,
            link: *self.link.get(at)?,
            checkins: *self.checkins.get(at)?,
            active_ms: *self.active_ms.get(at)?,
            photos: Vec::new(),
            delivery: Delivery::default(),
        })
    }
}

/// Packs rows, at most [`ROWS_MAX`].
#[must_use]
pub fn rows(rows: &[Row]) -> Frame {
    let mut columns = Columns::default();
    let mut times = Writer::default();
    let mut chance: Vec<u8> = Vec::with_capacity(rows.len() * CHANCE_BYTES);
    let mut last = 0_i64;
    for row in rows {
        columns.put(row);
        let born = row.id.created_at().0;
        times.signed(born.wrapping_sub(last));
        last = born;
        chance.extend(row.id.bytes().iter().skip(TIME_BYTES));
    }
    let mut fields = times.bytes;
    fields.extend(postcard::to_allocvec(&columns).unwrap_or_default());
    let mut out = Writer::default();
    out.count(rows.len());
    // What is chance cannot be packed and would only confuse what follows.
    out.bytes.extend(chance);
    out.bytes.extend(packed(&fields));
    Frame::Rows(out.bytes)
}

/// Reads a frame of rows.
///
/// # Errors
/// When the bytes are no such frame, or hold more than there may be.
pub(super) fn read_rows(bytes: &[u8]) -> Result<Vec<Row>, MessageError> {
    let damaged = |_| MessageError::Damaged;
    let mut reader = Reader { rest: bytes };
    let count = reader.count().map_err(damaged)?;
    if count > ROWS_MAX {
        return Err(MessageError::TooLarge);
    }
    let (chance, rest) = reader
        .rest
        .split_at_checked(count.saturating_mul(CHANCE_BYTES))
        .ok_or(MessageError::Damaged)?;
    let fields = unpacked(rest)?;
    let mut reader = Reader { rest: &fields };
    let mut last = 0_i64;
    let mut ids = Vec::with_capacity(count);
    for chance in chance.chunks_exact(CHANCE_BYTES) {
        last = last.wrapping_add(reader.signed().map_err(damaged)?);
        let chance = chance.try_into().map_err(|_| MessageError::Damaged)?;
        ids.push(RecordId::new(Millis(last), chance));
    }
    let Ok((columns, [])) = postcard::take_from_bytes::<Columns>(reader.rest) else {
        return Err(MessageError::Damaged);
    };
    let rows = ids.into_iter().zip(0..).map(|(id, at)| columns.row(at, id));
    rows.collect::<Option<_>>().ok_or(MessageError::Damaged)
}

/// Packs the fields of a frame, with their length before them.
pub(super) fn packed(fields: &[u8]) -> Vec<u8> {
    let mut out = Writer::default();
    match pack::pack(fields) {
        Some(packed) => {
            out.count(fields.len());
            out.bytes.extend(packed);
        }
        None => {
            out.count(0);
            out.bytes.extend(fields);
        }
    }
    out.bytes
}

/// Unpacks what [`packed`] wrote.
pub(super) fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, MessageError> {
    let mut reader = Reader { rest: bytes };
    match reader.count().map_err(|_| MessageError::Damaged)? {
        0 => Ok(reader.rest.to_vec()),
        len if len > UNPACKED_BYTES_MAX => Err(MessageError::TooLarge),
        len => pack::unpack(reader.rest, len).ok_or(MessageError::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::DueKind;

    fn row(n: u8) -> Row {
        let at = |minutes: i64| Millis(1_700_000_000_000 + minutes * 60_000 * i64::from(n));
        Row {
            id: RecordId::new(at(1), [n; 10]),
            kind: Kind::Dispute,
            schema: 1,
            grid: "g1".parse().expect("a code"),
            number: format!("T-{n}"),
            title: String::new(),
            category: "c1".to_owned(),
            place: "村口".to_owned(),
            text: "双方因排水沟争吵，已劝开，约定周末再谈".to_owned(),
            status: "registered".to_owned(),
            level: String::new(),
            by: "p1".parse().expect("a code"),
            created_at: at(1),
            updated_at: at(3),
            happened_at: at(-5),
            accepted_at: None,
            closed_at: n.is_multiple_of(2).then(|| at(9)),
            open: !n.is_multiple_of(2),
            due: (!n.is_multiple_of(2)).then(|| Due {
                at: at(60),
                what: DueKind::Accept,
            }),
            outcome: String::new(),
            conflicts: 0,
            review: u32::from(n),
            link: None,
            checkins: 0,
            active_ms: 0,
            photos: Vec::new(),
            delivery: Delivery {
                rev: 7,
                ..Delivery::default()
            },
        }
    }

    #[test]
    fn rows_come_back_without_what_comes_later() {
        let all: Vec<_> = (0..200).map(row).collect();
        let Frame::Rows(bytes) = rows(&all) else {
            unreachable!("rows were packed");
        };
        assert!(bytes.len() < all.len() * 30, "{} bytes", bytes.len());
        let back = read_rows(&bytes).expect("rows");
        let expected = all.into_iter().map(|row| Row {
            text: text::excerpt(&row.text, WORDS_CHARS),
            delivery: Delivery::default(),
            ..row
        });
        assert_eq!(back, expected.collect::<Vec<_>>());
        assert_eq!(
            read_rows(&bytes[..bytes.len() / 2]),
            Err(MessageError::Damaged)
        );
    }

    #[test]
    fn nonsense_is_an_error_and_no_panic() {
        let all: Vec<_> = (0..20).map(row).collect();
        let Frame::Rows(bytes) = rows(&all) else {
            unreachable!("rows were packed");
        };
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            // Some bits are chance and may be anything; the message's own check finds those.
            if let Ok(back) = read_rows(&damaged) {
                assert_eq!(back.len(), 20);
            }
        }
        let mut many = Writer::default();
        many.count(ROWS_MAX + 1);
        assert_eq!(read_rows(&many.bytes), Err(MessageError::TooLarge));
    }
}
