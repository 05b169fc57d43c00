//! The encoding of messages: who asks in the clear, the rest packed, changes as a lean page.

#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Answer, Ask, BATCH_ITEMS_MAX, Batch, Caller, Entry, Item, MESSAGE_BYTES_MAX, MessageError,
    PageDigest, Receipt, Request, UNPACKED_BYTES_MAX, VERSION, head_of,
};
use crate::document::Hashed;
use crate::id::{ChangeHash, DocId, PersonId, UnitId};
use crate::sync::frame::{self, Frame};
use crate::sync::lean::{self, Known, LeanItem, Tag, Whole};
use crate::sync::pack;
use crate::sync::repair::{Repair, Repaired};
use crate::sync::signed::{self, Enrolment, Head, PublicKey, SIGNED, head_of_device};
use crate::sync::sum::ShortSum;
use crate::sync::wire::{self, Reader, Writer};
use crate::time::Millis;
use crate::unit::Directory;
use crate::view::Row;

/// Bodies smaller than this are not worth packing.
const PACK_BYTES_MIN: usize = 160;

/// The check at the end of a message.
const CHECK_BYTES: usize = 4;

const AS_IT_IS: u8 = 0;
/// Packed with the first sample.
const PACKED: u8 = 1;

impl Request {
    /// Writes the request.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let caller = (self.device, self.secret, &self.join);
        let mut bytes = vec![VERSION];
        bytes.extend(postcard::to_allocvec(&caller).unwrap_or_default());
        let batch = self.batch.as_ref().map(|batch| WireBatch {
            name: Some((batch.no, batch.digest())),
            ..WireBatch::of(batch, self.ask.whole)
        });
        seal(&(WireAsk::of(&self.ask), batch), &mut bytes);
        closed(bytes)
    }

    /// Writes the request up to the signature that it is to end with, with the device's key where
    /// the server does not know it yet; `None` when it brings nothing that is to be signed: neither
    /// a batch nor a device that joins with its key.
    #[must_use]
    pub fn encode_to_sign(&self, key: Option<PublicKey>) -> Option<Vec<u8>> {
        let digest = match &self.batch {
            Some(batch) => {
                let digest = batch.digest();
                (batch.no == Batch::number(&digest)).then_some(digest)?
            }
            None => (self.join.is_some() && key.is_some()).then_some(PageDigest::default())?,
        };
        let enrolment = key.map(|key| Enrolment {
            device: self.device,
            secret: self.secret,
            key,
            join: self.join.clone(),
        });
        let head = Head {
            device: head_of_device(self.device),
            now: self.ask.now,
            digest,
            enrolment,
        };
        let mut bytes = vec![SIGNED];
        bytes.extend(postcard::to_allocvec(&head).unwrap_or_default());
        let ask = WireAsk {
            now: Millis(0),
            ..WireAsk::of(&self.ask)
        };
        let batch = self.batch.as_ref();
        let batch = batch.map(|batch| WireBatch::of(batch, self.ask.whole));
        seal(&(ask, batch), &mut bytes);
        Some(bytes)
    }

    /// Reads who sends a request, and gives the rest unread.
    ///
    /// # Errors
    /// When it is too large, of another version or damaged.
    pub fn open(bytes: &[u8]) -> Result<(Caller, Sealed<'_>), MessageError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(MessageError::TooLarge);
        }
        if let [SIGNED, ..] = bytes {
            let (signed, rest) = signed::open(bytes)?;
            let head = Some((signed.claim.now, signed.claim.digest));
            return Ok((Caller::Signed(Box::new(signed)), Sealed { rest, head }));
        }
        let rest = versioned(bytes)?;
        let ((device, secret, join), rest) =
            postcard::take_from_bytes(rest).map_err(|_| MessageError::Damaged)?;
        let caller = Caller::Plain {
            device,
            secret,
            join,
        };
        Ok((caller, Sealed { rest, head: None }))
    }
}

/// The part of a request that is read once its sender is known.
#[derive(Debug, Clone, Copy)]
pub struct Sealed<'a> {
    rest: &'a [u8],
    /// What the head of a signed request says already.
    head: Option<(Millis, PageDigest)>,
}

impl Sealed<'_> {
    /// Reads what is asked and what was brought.
    ///
    /// # Errors
    /// When it is too large or damaged.
    pub fn unseal(self) -> Result<(Ask, Option<LeanBatch>), MessageError> {
        let (mut ask, mut batch): (WireAsk, Option<WireBatch>) = unseal(self.rest)?;
        if let Some((now, digest)) = self.head {
            ask.now = now;
            if let Some(batch) = &mut batch {
                batch.name = Some((Batch::number(&digest), digest));
            }
        }
        let batch = batch.map(WireBatch::read).transpose()?;
        Ok((ask.read(), batch))
    }
}

/// What is asked, as it travels.
#[derive(Serialize, Deserialize)]
struct WireAsk {
    cursor: Vec<u8>,
    directory: Option<[u8; 8]>,
    now: Millis,
    page_kib: u16,
    sound: bool,
    /// Whether names are wanted in full, and a question of repair: where something went wrong.
    trouble: Option<(bool, Option<Repair>)>,
}

impl WireAsk {
    fn of(ask: &Ask) -> Self {
        let is_trouble = ask.whole || ask.repair.is_some();
        Self {
            cursor: ask.cursor.clone(),
            directory: ask.directory,
            now: ask.now,
            page_kib: ask.page_kib,
            sound: ask.sound,
            trouble: is_trouble.then(|| (ask.whole, ask.repair.clone())),
        }
    }

    fn read(self) -> Ask {
        let (whole, repair) = self.trouble.unwrap_or_default();
        Ask {
            cursor: self.cursor,
            directory: self.directory,
            now: self.now,
            page_kib: self.page_kib,
            sound: self.sound,
            whole,
            repair,
        }
    }
}

/// A batch as it travels.
#[derive(Serialize, Deserialize)]
struct WireBatch {
    /// Its number and digest; none where the head of a signed request has the digest.
    name: Option<(u64, PageDigest)>,
    grids: Vec<UnitId>,
    authors: Vec<PersonId>,
    #[serde(with = "wire::block")]
    page: Vec<u8>,
}

impl WireBatch {
    fn of(batch: &Batch, whole: bool) -> Self {
        let items = batch.items.iter().zip(1..).map(|(item, seq)| Whole {
            doc: item.doc,
            tag: Tag {
                who: item.grid,
                seq,
                at: i64::from(item.author),
            },
            hash: item.change.hash(),
            bytes: item.change.bytes(),
        });
        Self {
            name: None,
            grids: batch.grids.clone(),
            authors: batch.authors.clone(),
            page: lean::write(items, whole),
        }
    }

    fn read(self) -> Result<LeanBatch, MessageError> {
        let items = lean::read(&self.page)?;
        let names = self.grids.len().max(self.authors.len());
        if items.len().max(names) > BATCH_ITEMS_MAX {
            return Err(MessageError::TooLarge);
        }
        let (no, digest) = self.name.ok_or(MessageError::Damaged)?;
        Ok(LeanBatch {
            no,
            digest,
            grids: self.grids,
            authors: self.authors,
            items,
        })
    }
}

/// A batch whose changes are to be rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeanBatch {
    no: u64,
    digest: PageDigest,
    grids: Vec<UnitId>,
    authors: Vec<PersonId>,
    items: Vec<LeanItem>,
}

impl LeanBatch {
    /// Its number.
    #[must_use]
    pub const fn no(&self) -> u64 {
        self.no
    }

    /// Its digest, as its sender says.
    #[must_use]
    pub const fn digest(&self) -> PageDigest {
        self.digest
    }

    /// The documents of which the reader must know the changes.
    pub fn needed(&self) -> impl Iterator<Item = DocId> {
        lean::needed(&self.items)
    }

    /// Rebuilds the batch; `None` when the reader lacks something that the sender thought it had.
    #[must_use]
    pub fn rebuild(self, known: &dyn Known) -> Option<Batch> {
        let changes = lean::rebuild(&self.items, known)?;
        let items = self.items.iter().zip(changes).map(|(item, change)| Item {
            doc: item.doc,
            grid: item.tag.who,
            // A number that is no place in the list is none: the item is refused.
            author: u16::try_from(item.tag.at).unwrap_or(u16::MAX),
            change,
        });
        let batch = Batch {
            no: self.no,
            grids: self.grids,
            authors: self.authors,
            items: items.collect(),
        };
        (batch.digest() == self.digest).then_some(batch)
    }
}

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
            hash: Hashed::name(&entry.change),
            bytes: &entry.change,
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
        let mut bytes = vec![VERSION];
        if self.frame.is_some() {
            // What was packed once only grows.
            bytes.push(AS_IT_IS);
            bytes.extend(postcard::to_allocvec(&wire).unwrap_or_default());
        } else {
            seal(&wire, &mut bytes);
        }
        closed(bytes)
    }

    /// Reads an answer; its changes are rebuilt when the records that they belong to were read.
    ///
    /// # Errors
    /// When it is too large, of another version or damaged.
    pub fn decode(bytes: &[u8]) -> Result<LeanAnswer, MessageError> {
        let wire: WireAnswer = unseal(versioned(bytes)?)?;
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
        };
        Ok(LeanAnswer {
            answer,
            rows,
            digest: page.digest,
            items,
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
            change: change.into_bytes(),
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
    let (message, check) = match bytes {
        [VERSION, ..] => bytes.split_last_chunk().ok_or(MessageError::Damaged)?,
        [_, ..] => return Err(MessageError::Version),
        [] => return Err(MessageError::Damaged),
    };
    match message {
        [_, rest @ ..] if *check == check_of(message) => Ok(rest),
        _ => Err(MessageError::Damaged),
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
    let fields = postcard::to_allocvec(fields).unwrap_or_default();
    let packed = (fields.len() >= PACK_BYTES_MIN)
        .then(|| pack::pack(&fields))
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
    let unpacked;
    let fields = match bytes {
        [AS_IT_IS, fields @ ..] => fields,
        [PACKED, rest @ ..] => {
            let mut reader = Reader { rest };
            let len = reader.count().map_err(|_| MessageError::Damaged)?;
            if len > UNPACKED_BYTES_MAX {
                return Err(MessageError::TooLarge);
            }
            unpacked = pack::unpack(reader.rest, len).ok_or(MessageError::Damaged)?;
            unpacked.as_slice()
        }
        _ => return Err(MessageError::Damaged),
    };
    exactly(fields)
}

fn exactly<T: DeserializeOwned>(fields: &[u8]) -> Result<T, MessageError> {
    match postcard::take_from_bytes(fields) {
        Ok((message, [])) => Ok(message),
        Ok(_) | Err(_) => Err(MessageError::Damaged),
    }
}
