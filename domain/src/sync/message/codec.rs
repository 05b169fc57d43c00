//! The encoding of messages: what is in the clear, the rest packed, changes as a lean page.

mod request;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::cell::{self, Cell, Marks};
use super::{
    Answer, Entry, MESSAGE_BYTES_MAX, MessageError, PageDigest, Receipt, UNPACKED_BYTES_MAX,
    VERSION, head_of,
};
use crate::id::{ChangeHash, DocId, PersonId};
use crate::sync::frame::{self, Frame};
use crate::sync::lean::{self, Known, LeanItem, Tag, Whole};
use crate::sync::pack;
use crate::sync::repair::Repaired;
use crate::sync::signed;
use crate::sync::sum::ShortSum;
use crate::sync::wire::{self, Reader, Writer};
use crate::time::Millis;
use crate::unit::Directory;
use crate::view::Row;

pub use request::{HEAD_BYTES_MAX, LeanBatch, Sealed};

/// Bodies smaller than this are not worth packing.
const PACK_BYTES_MIN: usize = 160;

/// The check at the end of a message.
const CHECK_BYTES: usize = 4;

const AS_IT_IS: u8 = 0;
/// Packed with the first sample.
const PACKED: u8 = 1;

/// An answer as it travels.
#[derive(Serialize, Deserialize)]
struct WireAnswer {
    now: Millis,
    seen: u64,
    sum: Option<ShortSum>,
    /// None where there is nothing to tell, which is most of the time.
    news: Option<WireNews>,
}

/// Everything in an answer that an idle exchange does without.
#[derive(PartialEq, Serialize, Deserialize, Default)]
struct WireNews {
    receipt: Option<Receipt>,
    page: Option<WirePage>,
    cursor: Option<Vec<u8>>,
    more: bool,
    directory: Option<Directory>,
    repaired: Option<Repaired>,
    frame: Option<Frame>,
}

/// Changes with the people whom they name, as they travel.
#[derive(PartialEq, Serialize, Deserialize, Default)]
struct WirePage {
    authors: Vec<PersonId>,
    digest: PageDigest,
    #[serde(with = "wire::block")]
    page: Vec<u8>,
}

impl WirePage {
    fn of(authors: &[PersonId], entries: &[Entry], whole: bool) -> Self {
        let items = entries.iter().map(|entry| Whole {
            doc: entry.doc,
            tag: Tag {
                who: entry.author,
                seq: entry.seq,
                at: entry.received_at.0,
            },
            hash: entry.change.hash(),
            bytes: entry.change.bytes(),
        });
        let items: Vec<_> = items.collect();
        let names = items.iter().map(|item| (item.doc, item.hash));
        Self {
            authors: authors.to_vec(),
            digest: page_digest(names),
            page: lean::write(items, whole),
        }
    }
}

/// Packs changes into a frame, with the people whom they name; `whole` as the device asked.
#[must_use]
pub fn changes(authors: &[PersonId], entries: &[Entry], whole: bool) -> Frame {
    let fields = postcard::to_allocvec(&WirePage::of(authors, entries, whole));
    Frame::Changes(frame::packed(&fields.unwrap_or_default()))
}

impl Answer {
    /// Writes the answer; `whole` as the device asked.
    #[must_use]
    pub fn encode(&self, whole: bool) -> Vec<u8> {
        let page =
            (!self.entries.is_empty()).then(|| WirePage::of(&self.authors, &self.entries, whole));
        let news = WireNews {
            receipt: self.receipt.clone().map(Receipt::without_number),
            page,
            cursor: self.cursor.clone(),
            more: self.more,
            directory: self.directory.clone(),
            repaired: self.repaired.clone(),
            frame: self.frame.clone(),
        };
        let wire = WireAnswer {
            now: self.now,
            seen: self.seen,
            sum: self.sum,
            news: (news != WireNews::default()).then_some(news),
        };
        let mut fields = postcard::to_allocvec(&wire).unwrap_or_default();
        let marks = Cell::passed_on(&self.entries);
        cell::write(self.cells.iter().chain(&marks), &mut fields);
        let mut bytes = vec![VERSION];
        if self.frame.is_some() {
            // What was packed once only grows.
            bytes.push(AS_IT_IS);
            bytes.extend(fields);
        } else {
            seal_fields(&fields, &mut bytes);
        }
        closed(bytes)
    }

    /// Reads an answer; its changes are rebuilt when the records that they belong to were read.
    ///
    /// # Errors
    /// When it is too large, of another version or damaged.
    pub fn decode(bytes: &[u8]) -> Result<LeanAnswer, MessageError> {
        let fields = unpack_while(versioned(bytes)?, &mut |_| Ok(true))?;
        let (wire, rest): (WireAnswer, _) =
            postcard::take_from_bytes(&fields).map_err(|_| MessageError::Damaged)?;
        let mut cells = cell::read(rest)?;
        let marks = cell::take_marks(&mut cells)?;
        let news = wire.news.unwrap_or_default();
        let (framed, rows) = match &news.frame {
            Some(Frame::Rows(bytes)) => (None, frame::read_rows(bytes)?),
            Some(Frame::Changes(bytes)) => (Some(frame::unpacked(bytes)?), Vec::new()),
            None => (None, Vec::new()),
        };
        let page = match (framed, news.page) {
            (None, page) => page.unwrap_or_default(),
            (Some(fields), None) => exactly(&fields)?,
            (Some(_), Some(_)) => return Err(MessageError::Damaged),
        };
        let items = match page.page.as_slice() {
            [] => Vec::new(),
            bytes => lean::read(bytes)?,
        };
        let answer = Self {
            now: wire.now,
            receipt: news.receipt.map(Receipt::with_number),
            authors: page.authors,
            entries: Vec::new(),
            cursor: news.cursor,
            more: news.more,
            seen: wire.seen,
            directory: news.directory,
            sum: wire.sum,
            repaired: news.repaired,
            frame: None,
            cells,
        };
        Ok(LeanAnswer {
            answer,
            rows,
            digest: page.digest,
            items,
            marks,
        })
    }
}

/// An answer whose changes are to be rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeanAnswer {
    /// The answer, without its entries and its frame.
    pub answer: Answer,
    /// Rows of records whose changes come later.
    pub rows: Vec<Row>,
    digest: PageDigest,
    items: Vec<LeanItem>,
    marks: Marks,
}

impl LeanAnswer {
    /// The documents of its entries.
    pub fn docs(&self) -> impl Iterator<Item = DocId> {
        self.items.iter().map(|item| item.doc)
    }

    /// Puts the entries into the answer; `None` when the device lacks something that the server
    /// thought it had.
    #[must_use]
    pub fn rebuild(&self, known: &dyn Known) -> Option<Answer> {
        let changes = lean::rebuild(&self.items, known)?;
        let names = self
            .items
            .iter()
            .zip(&changes)
            .map(|(item, change)| (item.doc, change.hash()));
        if !self.items.is_empty() && page_digest(names) != self.digest {
            return None;
        }
        let entries = self.items.iter().zip(changes).map(|(item, change)| Entry {
            seq: item.tag.seq,
            doc: item.doc,
            author: item.tag.who,
            received_at: Millis(item.tag.at),
            change,
            passed_on: cell::mark_of(&self.marks, item.tag.seq),
        });
        Some(Answer {
            entries: entries.collect(),
            ..self.answer.clone()
        })
    }
}

fn page_digest(names: impl Iterator<Item = (DocId, ChangeHash)>) -> PageDigest {
    let mut sum = Sha256::new();
    for (doc, name) in names {
        sum.update(signed::name(doc, name));
    }
    head_of(sum)
}

/// Writes a message that has no sender's head and no page.
#[must_use]
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    seal(message, &mut bytes);
    closed(bytes)
}

/// Reads a message that has no sender's head and no page.
///
/// # Errors
/// When it is too large, of another version or damaged.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, MessageError> {
    unseal(versioned(bytes)?)
}

fn versioned(bytes: &[u8]) -> Result<&[u8], MessageError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(MessageError::TooLarge);
    }
    let (message, check) = ends(bytes)?;
    checked(message, check)?;
    message.get(1..).ok_or(MessageError::Damaged)
}

/// A message and the check that it ends with.
fn ends(bytes: &[u8]) -> Result<(&[u8], &[u8; CHECK_BYTES]), MessageError> {
    match bytes {
        [VERSION, ..] => bytes.split_last_chunk().ok_or(MessageError::Damaged),
        [_, ..] => Err(MessageError::Version),
        [] => Err(MessageError::Damaged),
    }
}

fn checked(message: &[u8], check: &[u8; CHECK_BYTES]) -> Result<(), MessageError> {
    if *check == check_of(message) {
        Ok(())
    } else {
        Err(MessageError::Damaged)
    }
}

/// Ends a message with its check: a bit that was turned on the way makes it unreadable, not wrong.
#[must_use]
pub fn closed(mut message: Vec<u8>) -> Vec<u8> {
    let check = check_of(&message);
    message.extend(check);
    message
}

fn check_of(message: &[u8]) -> [u8; CHECK_BYTES] {
    let digest: [u8; 32] = Sha256::digest(message).into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

fn seal<T: Serialize>(fields: &T, out: &mut Vec<u8>) {
    seal_fields(&postcard::to_allocvec(fields).unwrap_or_default(), out);
}

fn seal_fields(fields: &[u8], out: &mut Vec<u8>) {
    let packed = (fields.len() >= PACK_BYTES_MIN)
        .then(|| pack::pack(fields))
        .flatten();
    match packed {
        Some(packed) => {
            let mut head = Writer::default();
            head.count(fields.len());
            out.push(PACKED);
            out.extend(head.bytes);
            out.extend(packed);
        }
        None => {
            out.push(AS_IT_IS);
            out.extend(fields);
        }
    }
}

fn unseal<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, MessageError> {
    unseal_while(bytes, &mut |_| Ok(true))
}

/// Unpacks as long as `judge` does not refuse the beginning: it is shown ever more of it until it
/// says that it has seen enough.
fn unseal_while<T: DeserializeOwned>(
    bytes: &[u8],
    judge: &mut dyn FnMut(&[u8]) -> Result<bool, MessageError>,
) -> Result<T, MessageError> {
    exactly(&unpack_while(bytes, judge)?)
}

fn unpack_while<'a>(
    bytes: &'a [u8],
    judge: &mut dyn FnMut(&[u8]) -> Result<bool, MessageError>,
) -> Result<Cow<'a, [u8]>, MessageError> {
    match bytes {
        [AS_IT_IS, fields @ ..] => Ok(Cow::Borrowed(fields)),
        [PACKED, rest @ ..] => {
            let mut reader = Reader { rest };
            let len = reader.count().map_err(|_| MessageError::Damaged)?;
            if len > UNPACKED_BYTES_MAX {
                return Err(MessageError::TooLarge);
            }
            let mut judged = Ok(false);
            let whole = pack::unpack_while(reader.rest, len, &mut |head| {
                if judged == Ok(false) {
                    judged = judge(head);
                }
                judged.is_ok()
            });
            judged?;
            whole.map(Cow::Owned).ok_or(MessageError::Damaged)
        }
        _ => Err(MessageError::Damaged),
    }
}

/// Reads the first field of what may go on; none when there is not enough of it.
fn begun<T: DeserializeOwned>(bytes: &[u8]) -> Result<Option<(T, &[u8])>, MessageError> {
    match postcard::take_from_bytes(bytes) {
        Ok(read) => Ok(Some(read)),
        Err(postcard::Error::DeserializeUnexpectedEnd) => Ok(None),
        Err(_) => Err(MessageError::Damaged),
    }
}

fn exactly<T: DeserializeOwned>(fields: &[u8]) -> Result<T, MessageError> {
    match postcard::take_from_bytes(fields) {
        Ok((message, [])) => Ok(message),
        Ok(_) | Err(_) => Err(MessageError::Damaged),
    }
}
