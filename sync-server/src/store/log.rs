//! The log: documents, their changes byte for byte, and the order in which they were committed.
//!
//! The bytes of a change leave the database here alone, and only as [`Hashed`]: they were compared
//! with the name under which they lie. Those that do not fit are told by their rows, never given out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use domain::document::Hashed;
use domain::id::{ChangeHash, DeviceId, DocId, Part, PersonId, RecordId, UnitId};
use domain::sync::message::PassedOn;
use domain::sync::sum::{Mark, Sums};
use domain::time::Millis;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, SqliteConnection};

use super::{bytes, damaged, org, sums};
use crate::healing::Gap;
use crate::limits;

/// Everything that the log holds of one record.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The grid that the record belongs to; none while it is not there.
    pub grid: Option<UnitId>,
    /// The changes of its body, in the order of the log.
    pub body: Vec<Kept>,
    /// The changes of its vault, in the order of the log.
    pub vault: Vec<Kept>,
    /// The changes whose bytes are not there any more: they do not fit their names.
    pub lacking: Vec<Lacking>,
}

/// A change as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its bytes, which were compared with its name when they were read.
    pub change: Hashed,
    /// Who wrote it.
    pub author: PersonId,
    /// Its place in the log.
    pub seq: u64,
}

/// A change that the log knows by name and has no sound bytes of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lacking {
    /// The row of the change.
    pub change: i64,
    /// Which part of its record it belongs to.
    pub part: Part,
    /// Its name.
    pub hash: ChangeHash,
    /// Its place in the log.
    pub seq: u64,
    /// Whether it was set aside before; otherwise it was found just now.
    pub aside: bool,
}

impl Known {
    /// The changes of one part.
    #[must_use]
    pub fn part(&self, part: Part) -> &[Kept] {
        match part {
            Part::Body => &self.body,
            Part::Vault => &self.vault,
        }
    }

    /// The same, to be taken out.
    pub(crate) const fn part_mut(&mut self, part: Part) -> &mut Vec<Kept> {
        match part {
            Part::Body => &mut self.body,
            Part::Vault => &mut self.vault,
        }
    }

    /// The rows of what was found damaged just now.
    pub fn found(&self) -> impl Iterator<Item = i64> {
        let new = self.lacking.iter().filter(|lacking| !lacking.aside);
        new.map(|lacking| lacking.change)
    }
}

/// The stored bytes of a change, if they are the ones that its name stands for.
pub(super) fn compared(
    row: &SqliteRow,
    (hash, bytes): (usize, usize),
) -> Result<Option<Hashed>, sqlx::Error> {
    let stored: Vec<u8> = row.try_get(bytes)?;
    let hash: &[u8] = row.try_get(hash)?;
    let named = hash.try_into().map(ChangeHash);
    Ok(named.ok().and_then(|hash| Hashed::kept(hash, stored).ok()))
}

pub(crate) const fn part_number(part: Part) -> i64 {
    match part {
        Part::Body => 0,
        Part::Vault => 1,
    }
}

pub(crate) fn part(number: i64) -> Result<Part, sqlx::Error> {
    match number {
        0 => Ok(Part::Body),
        1 => Ok(Part::Vault),
        _ => Err(damaged(format!("part {number}"))),
    }
}

pub(crate) fn seq_of(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(crate) fn seq_to(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// Loads a record with all its changes.
///
/// # Errors
/// When the database fails.
pub async fn load(db: &mut SqliteConnection, record: RecordId) -> Result<Known, sqlx::Error> {
    Ok(load_all(db, &[record])
        .await?
        .remove(&record)
        .unwrap_or_default())
}

/// Loads records with all their changes; one that is not there is left out.
///
/// # Errors
/// When the database fails.
pub async fn load_all(
    db: &mut SqliteConnection,
    records: &[RecordId],
) -> Result<BTreeMap<RecordId, Known>, sqlx::Error> {
    let names: Vec<String> = records.iter().map(|id| hex(&id.bytes())).collect();
    let rows = sqlx::query(
        "SELECT d.record, d.part, d.stream, c.hash, c.author, e.seq, c.bytes, c.id, \
         c.damaged_at IS NOT NULL \
         FROM json_each(?) j JOIN doc d ON d.record = unhex(j.value) \
         JOIN change c ON c.doc = d.id JOIN entry e ON e.change = c.id ORDER BY e.seq",
    )
    .bind(serde_json::to_string(&names).unwrap_or_default())
    .fetch_all(db)
    .await?;
    let mut found: BTreeMap<RecordId, Known> = BTreeMap::new();
    for row in &rows {
        let known = found
            .entry(RecordId::from_bytes(bytes::<16>(row, 0)?))
            .or_default();
        known.grid = Some(org::code(row, 2)?);
        let part = part(row.try_get(1)?)?;
        let seq = seq_of(row.try_get(5)?);
        let aside = row.try_get(8)?;
        let sound = if aside { None } else { compared(row, (3, 6))? };
        let Some(change) = sound else {
            known.lacking.push(Lacking {
                change: row.try_get(7)?,
                part,
                hash: ChangeHash(bytes::<32>(row, 3).unwrap_or_default()),
                seq,
                aside,
            });
            continue;
        };
        let author = org::code(row, 4)?;
        known.part_mut(part).push(Kept {
            change,
            author,
            seq,
        });
    }
    Ok(found)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a `String` cannot fail.
        let _ok = write!(text, "{byte:02x}");
        text
    })
}

/// How many changes there are of each of these records, and the place of the last; one that is not
/// there is left out.
///
/// # Errors
/// When the database fails.
pub async fn counts(
    db: &mut SqliteConnection,
    records: &[RecordId],
) -> Result<BTreeMap<RecordId, (usize, u64)>, sqlx::Error> {
    let names: Vec<String> = records.iter().map(|id| hex(&id.bytes())).collect();
    let rows = sqlx::query(
        "SELECT d.record, COUNT(*), MAX(e.seq) FROM json_each(?) j \
         JOIN doc d ON d.record = unhex(j.value) JOIN change c ON c.doc = d.id \
         JOIN entry e ON e.change = c.id GROUP BY d.record",
    )
    .bind(serde_json::to_string(&names).unwrap_or_default())
    .fetch_all(db)
    .await?;
    let counts = rows.iter().map(|row| {
        let count = usize::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0);
        let record = RecordId::from_bytes(bytes::<16>(row, 0)?);
        Ok((record, (count, seq_of(row.try_get(2)?))))
    });
    counts.collect()
}

/// The hashes of a document's changes.
///
/// # Errors
/// When the database fails.
pub async fn hashes(db: &mut SqliteConnection, doc: DocId) -> Result<Vec<ChangeHash>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT c.hash FROM change c JOIN doc d ON d.id = c.doc WHERE d.record = ? AND d.part = ?",
    )
    .bind(doc.record.bytes().as_slice())
    .bind(part_number(doc.part))
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| bytes::<32>(row, 0).map(ChangeHash))
        .collect()
}

/// A change to append.
#[derive(Debug, Clone)]
pub struct NewEntry<'a> {
    /// The document.
    pub doc: DocId,
    /// The grid that its record belongs to.
    pub grid: &'a UnitId,
    /// The change's name.
    pub hash: ChangeHash,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Who wrote it.
    pub author: &'a PersonId,
    /// On which device.
    pub device: DeviceId,
    /// When, by the device's clock.
    pub device_at: Millis,
    /// When it came, by the server's clock.
    pub received_at: Millis,
    /// Where its device passed it on for its author: whose device that is, and the gap.
    pub passed_on: Option<(&'a PersonId, Gap)>,
}

/// Appends changes and gives back the place of the first; the others follow it one by one. There is
/// one writer at a time: the order of places is the order of commits.
///
/// Many rows go into one statement: each statement costs two changes of thread.
///
/// # Errors
/// When the database fails.
pub async fn append(db: &mut SqliteConnection, new: &[NewEntry<'_>]) -> Result<u64, sqlx::Error> {
    let next = next_place(db).await?;
    let change: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) + 1 FROM change")
        .fetch_one(&mut *db)
        .await?;
    for (some, first) in new
        .chunks(ROWS_A_STATEMENT)
        .zip((0..).step_by(ROWS_A_STATEMENT))
    {
        let mut docs = QueryBuilder::new("INSERT INTO doc (record, part, stream) ");
        docs.push_values(some, |mut row, new| {
            row.push_bind(new.doc.record.bytes().to_vec())
                .push_bind(part_number(new.doc.part))
                .push_bind(new.grid.as_str());
        });
        docs.push(" ON CONFLICT DO NOTHING");
        docs.build().execute(&mut *db).await?;
        let mut changes = QueryBuilder::new(
            "INSERT INTO change (id, doc, hash, bytes, author, device, device_at, received_at, \
             passed_by, gap_from, gap_to) ",
        );
        changes.push_values(some.iter().zip(change + first..), |mut row, (new, id)| {
            row.push_bind(id)
                .push("(SELECT id FROM doc WHERE record = ")
                .push_bind_unseparated(new.doc.record.bytes().to_vec())
                .push_unseparated(" AND part = ")
                .push_bind_unseparated(part_number(new.doc.part))
                .push_unseparated(")")
                .push_bind(new.hash.0.to_vec())
                .push_bind(new.bytes)
                .push_bind(new.author.as_str())
                .push_bind(new.device.0.to_vec())
                .push_bind(new.device_at.0)
                .push_bind(new.received_at.0)
                .push_bind(new.passed_on.map(|(by, _)| by.as_str()))
                .push_bind(new.passed_on.map(|(_, gap)| gap.from.0))
                .push_bind(new.passed_on.map(|(_, gap)| gap.to.0));
        });
        changes.build().execute(&mut *db).await?;
        let mut entries = QueryBuilder::new("INSERT INTO entry (seq, stream, change) ");
        entries.push_values(some.iter().zip(first..), |mut row, (new, at)| {
            row.push_bind(next + at)
                .push_bind(new.grid.as_str())
                .push_bind(change + at);
        });
        entries.build().execute(&mut *db).await?;
    }
    let mut added = Sums::new();
    for new in new {
        let sum = added.entry(new.grid.clone()).or_default();
        sum.add(Mark::of(new.doc, new.hash));
    }
    sums::add(db, &added).await?;
    Ok(seq_of(next))
}

/// Rows in one statement: far below the number of values that a statement may have.
pub(super) const ROWS_A_STATEMENT: usize = 64;

/// The place after the last one that was ever given.
pub(super) async fn next_place(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT 1 + MAX(COALESCE((SELECT MAX(seq) FROM entry), 0), \
         COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'entry'), 0))",
    )
    .fetch_one(db)
    .await
}

/// The last place of the log, whether anything still lies there or not.
///
/// # Errors
/// When the database fails.
pub async fn last_seq(db: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let last: i64 = sqlx::query_scalar(
        "SELECT MAX(COALESCE((SELECT MAX(seq) FROM entry), 0), \
         COALESCE((SELECT MAX(seq) FROM retired_entry), 0), \
         COALESCE((SELECT MAX(seq) FROM retired_event), 0))",
    )
    .fetch_one(db)
    .await?;
    Ok(seq_of(last))
}

/// The change that lies at a place of the log, or lay there before its record was taken out of use.
///
/// # Errors
/// When the database fails.
pub async fn change_at(
    db: &mut SqliteConnection,
    seq: u64,
) -> Result<Option<ChangeHash>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT c.hash FROM (SELECT change FROM entry WHERE seq = ?1 UNION ALL \
         SELECT change FROM retired_entry WHERE seq = ?1) e JOIN change c ON c.id = e.change LIMIT 1",
    )
    .bind(seq_to(seq))
    .fetch_optional(db)
    .await?;
    row.as_ref()
        .map(|row| bytes::<32>(row, 0).map(ChangeHash))
        .transpose()
}

/// Reads the entries of these changes, in the order of the log, without their bytes.
///
/// # Errors
/// When the database fails.
pub async fn read_named(
    db: &mut SqliteConnection,
    named: &[(DocId, ChangeHash)],
) -> Result<Vec<Read>, sqlx::Error> {
    let mut found = Vec::with_capacity(named.len());
    for (doc, hash) in named {
        let row = sqlx::query(
            "SELECT e.seq, d.record, d.part, c.author, c.received_at, length(c.bytes), c.id, \
         c.passed_by, c.gap_from, c.gap_to \
             FROM doc d JOIN change c ON c.doc = d.id JOIN entry e ON e.change = c.id \
             WHERE d.record = ? AND d.part = ? AND c.hash = ? AND c.damaged_at IS NULL",
        )
        .bind(doc.record.bytes().as_slice())
        .bind(part_number(doc.part))
        .bind(hash.0.as_slice())
        .fetch_optional(&mut *db)
        .await?;
        found.extend(row.as_ref().map(entry).transpose()?);
    }
    found.sort_by_key(|entry| entry.seq);
    Ok(found)
}

/// An entry as it is read for an answer.
#[derive(Debug, Clone)]
pub struct Read {
    /// Its place.
    pub seq: u64,
    /// The document.
    pub doc: DocId,
    /// Who wrote it.
    pub author: PersonId,
    /// When it came.
    pub received_at: Millis,
    /// How long the change is, in bytes.
    pub len: usize,
    /// The row of the change.
    pub change: i64,
    /// Where somebody else's device passed it on.
    pub passed_on: Option<PassedOn>,
}

/// Reads the entries of some streams after one place and up to another, without their bytes.
///
/// # Errors
/// When the database fails.
pub async fn read(
    db: &mut SqliteConnection,
    streams: &[UnitId],
    (after, to): (u64, u64),
) -> Result<Vec<Read>, sqlx::Error> {
    if streams.is_empty() || after >= to {
        return Ok(Vec::new());
    }
    let list = serde_json::to_string(streams).unwrap_or_default();
    let rows = sqlx::query(
        "SELECT e.seq, d.record, d.part, c.author, c.received_at, length(c.bytes), c.id, \
         c.passed_by, c.gap_from, c.gap_to \
         FROM entry e JOIN change c ON c.id = e.change JOIN doc d ON d.id = c.doc \
         WHERE e.seq > ? AND e.seq <= ? AND e.stream IN (SELECT value FROM json_each(?)) \
         AND c.damaged_at IS NULL ORDER BY e.seq LIMIT ?",
    )
    .bind(seq_to(after))
    .bind(seq_to(to))
    .bind(list)
    .bind(limits::ANSWER_ENTRIES_MAX)
    .fetch_all(db)
    .await?;
    rows.iter().map(entry).collect()
}

/// The entries of a record in some streams, in the order of the log, without their bytes.
///
/// # Errors
/// When the database fails.
pub async fn read_record(
    db: &mut SqliteConnection,
    streams: &[UnitId],
    record: RecordId,
) -> Result<Vec<Read>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT e.seq, d.record, d.part, c.author, c.received_at, length(c.bytes), c.id, \
         c.passed_by, c.gap_from, c.gap_to \
         FROM doc d JOIN change c ON c.doc = d.id JOIN entry e ON e.change = c.id \
         WHERE d.record = ? AND e.stream IN (SELECT value FROM json_each(?)) \
         AND c.damaged_at IS NULL ORDER BY e.seq",
    )
    .bind(record.bytes().as_slice())
    .bind(serde_json::to_string(streams).unwrap_or_default())
    .fetch_all(db)
    .await?;
    rows.iter().map(entry).collect()
}

pub(super) fn entry(row: &SqliteRow) -> Result<Read, sqlx::Error> {
    let record = RecordId::from_bytes(bytes::<16>(row, 1)?);
    Ok(Read {
        seq: seq_of(row.try_get(0)?),
        doc: DocId {
            record,
            part: part(row.try_get(2)?)?,
        },
        author: org::code(row, 3)?,
        received_at: Millis(row.try_get(4)?),
        len: usize::try_from(row.try_get::<i64, _>(5)?).unwrap_or(0),
        change: row.try_get(6)?,
        passed_on: passed_on(row, 7)?,
    })
}

/// The mark of a change, from the three columns that begin here.
pub(crate) fn passed_on(row: &SqliteRow, at: usize) -> Result<Option<PassedOn>, sqlx::Error> {
    if row.try_get::<Option<&str>, _>(at)?.is_none() {
        return Ok(None);
    }
    Ok(Some(PassedOn {
        by: org::code(row, at)?,
        from: Millis(row.try_get(at + 1)?),
        to: Millis(row.try_get(at + 2)?),
    }))
}

/// Changes by their rows: those whose bytes are what their names say, and the rows of the others.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// The changes.
    pub sound: BTreeMap<i64, Hashed>,
    /// The rows of those that are damaged.
    pub damaged: Vec<i64>,
}

/// Reads changes by their rows, and compares each with its name.
///
/// # Errors
/// When the database fails.
pub async fn changes(db: &mut SqliteConnection, ids: &[i64]) -> Result<Fetched, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT c.id, c.hash, c.bytes FROM json_each(?) j JOIN change c ON c.id = j.value \
         WHERE c.damaged_at IS NULL",
    )
    .bind(serde_json::to_string(ids).unwrap_or_default())
    .fetch_all(db)
    .await?;
    let mut fetched = Fetched::default();
    for row in &rows {
        let id: i64 = row.try_get(0)?;
        match compared(row, (1, 2))? {
            Some(change) => drop(fetched.sound.insert(id, change)),
            None => fetched.damaged.push(id),
        }
    }
    Ok(fetched)
}
