//! The encoding of messages: who asks in the clear, the rest packed, changes as a lean page.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Answer, Ask, BATCH_ITEMS_MAX, Batch, Caller, Entry, Item, MESSAGE_BYTES_MAX, MessageError,
    PageDigest, Receipt, Request, UNPACKED_BYTES_MAX, VERSION, head_of, put_name,
};
use crate::id::{ChangeHash, DocId, PersonId, UnitId};
use crate::sync::lean::{self, Known, LeanItem, Tag, Whole};
use crate::sync::pack;
use crate::sync::repair::Repaired;
use crate::sync::sum::ShortSum;
use crate::sync::wire::{Reader, Writer};
use crate::time::Millis;
use crate::unit::Directory;

/// Bodies smaller than this are not worth packing.
const PACK_BYTES_MIN: usize = 160;

const AS_IT_IS: u8 = 0;
/// Packed with the first sample.
const PACKED: u8 = 1;

impl Request {
    /// Writes the request.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let caller = Caller {
            device: self.device,
            secret: self.secret,
            join: self.join.clone(),
        };
        let mut bytes = vec![VERSION];
        bytes.extend(postcard::to_allocvec(&caller).unwrap_or_default());
        let batch = self
            .batch
            .as_ref()
            .map(|batch| WireBatch::of(batch, self.ask.whole));
        seal(&(&self.ask, batch), &mut bytes);
        bytes
    }

    /// Reads who sends a request, and gives the rest unread.
    ///
    /// # Errors
    /// When it is too large, of another version or damaged.
    pub fn open(bytes: &[u8]) -> Result<(Caller, Sealed<'_>), MessageError> {
        let rest = versioned(bytes)?;
        let (caller, rest) = postcard::take_from_bytes(rest).map_err(|_| MessageError::Damaged)?;
        Ok((caller, Sealed(rest)))
    }
}

/// The part of a request that is read once its sender is known.
#[derive(Debug, Clone, Copy)]
pub struct Sealed<'a>(&'a [u8]);

impl Sealed<'_> {
    /// Reads what is asked and what was brought.
    ///
    /// # Errors
    /// When it is too large or damaged.
    pub fn unseal(self) -> Result<(Ask, Option<LeanBatch>), MessageError> {
        let (ask, batch): (Ask, Option<WireBatch>) = unseal(self.0)?;
        let batch = batch.map(WireBatch::read).transpose()?;
        Ok((ask, batch))
    }
}

/// A batch as it travels.
#[derive(Serialize, Deserialize)]
struct WireBatch {
    no: u64,
    digest: PageDigest,
    grids: Vec<UnitId>,
    authors: Vec<PersonId>,
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
            bytes: &item.change,
        });
        Self {
            no: batch.no,
            digest: batch.digest(),
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
        Ok(LeanBatch {
            no: self.no,
            digest: self.digest,
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
        let (names, changes): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
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
        (batch.digest_of(names.into_iter()) == self.digest).then_some(batch)
    }
}

/// An answer as it travels.
#[derive(Serialize, Deserialize)]
struct WireAnswer {
    now: Millis,
    receipt: Option<Receipt>,
    authors: Vec<PersonId>,
    page: Option<(PageDigest, Vec<u8>)>,
    cursor: Option<Vec<u8>>,
    more: bool,
    seen: u64,
    directory: Option<Directory>,
    sum: Option<ShortSum>,
    repaired: Option<Repaired>,
}

impl Answer {
    /// Writes the answer; `whole` as the device asked.
    #[must_use]
    pub fn encode(&self, whole: bool) -> Vec<u8> {
        let items = self.entries.iter().map(|entry| Whole {
            doc: entry.doc,
            tag: Tag {
                who: entry.author,
                seq: entry.seq,
                at: entry.received_at.0,
            },
            bytes: &entry.change,
        });
        let page = (!self.entries.is_empty()).then(|| {
            let names = self
                .entries
                .iter()
                .map(|entry| (entry.doc, lean::name(&entry.change)));
            (page_digest(names), lean::write(items, whole))
        });
        let wire = WireAnswer {
            now: self.now,
            receipt: self.receipt.clone(),
            authors: self.authors.clone(),
            page,
            cursor: self.cursor.clone(),
            more: self.more,
            seen: self.seen,
            directory: self.directory.clone(),
            sum: self.sum,
            repaired: self.repaired.clone(),
        };
        let mut bytes = vec![VERSION];
        seal(&wire, &mut bytes);
        bytes
    }

    /// Reads an answer; its changes are rebuilt when the records that they belong to were read.
    ///
    /// # Errors
    /// When it is too large, of another version or damaged.
    pub fn decode(bytes: &[u8]) -> Result<LeanAnswer, MessageError> {
        let wire: WireAnswer = unseal(versioned(bytes)?)?;
        let (digest, items) = match wire.page {
            Some((digest, page)) => (digest, lean::read(&page)?),
            None => ([0; 16], Vec::new()),
        };
        let answer = Self {
            now: wire.now,
            receipt: wire.receipt,
            authors: wire.authors,
            entries: Vec::new(),
            cursor: wire.cursor,
            more: wire.more,
            seen: wire.seen,
            directory: wire.directory,
            sum: wire.sum,
            repaired: wire.repaired,
        };
        Ok(LeanAnswer {
            answer,
            digest,
            items,
        })
    }
}

/// An answer whose changes are to be rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeanAnswer {
    /// The answer, without its entries.
    pub answer: Answer,
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
            .map(|(item, (name, _))| (item.doc, *name));
        if !self.items.is_empty() && page_digest(names) != self.digest {
            return None;
        }
        let entries = self
            .items
            .iter()
            .zip(changes)
            .map(|(item, (_, change))| Entry {
                seq: item.tag.seq,
                doc: item.doc,
                author: item.tag.who,
                received_at: Millis(item.tag.at),
                change,
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
        put_name(&mut sum, doc, name);
    }
    head_of(sum)
}

/// Writes a message that has no sender's head and no page.
#[must_use]
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    seal(message, &mut bytes);
    bytes
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
    match bytes {
        [VERSION, rest @ ..] => Ok(rest),
        [_, ..] => Err(MessageError::Version),
        [] => Err(MessageError::Damaged),
    }
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
    match postcard::take_from_bytes(fields) {
        Ok((message, [])) => Ok(message),
        Ok(_) | Err(_) => Err(MessageError::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PAGE_BYTES_MAX, Secret};
    use super::*;
    use crate::document::{Document, Edit, Stamp};
    use crate::id::{ActorKey, DeviceId, RecordId};

    struct Nothing;

    impl Known for Nothing {
        fn resolve(&self, _: DocId, _: [u8; 4]) -> Option<ChangeHash> {
            None
        }
    }

    fn idle() -> Request {
        Request {
            device: DeviceId([1; 16]),
            secret: Secret([2; 16]),
            join: None,
            ask: Ask {
                cursor: vec![3; 14],
                directory: Some([4; 8]),
                now: Millis(1_795_000_000_000),
                page_bytes: PAGE_BYTES_MAX,
                whole: false,
                sound: true,
                repair: None,
            },
            batch: None,
        }
    }

    fn busy(count: u8) -> Request {
        let item = |n: u8| {
            let doc = DocId::body(RecordId::from_bytes([n; 16]));
            let stamp = Stamp {
                actor: ActorKey([5; 8]),
                at: Millis(i64::from(n)),
            };
            let text = format!("第{n}起：楼上漏水，约好周三上门查看").repeat(8);
            let change = Document::default().commit(stamp, &[Edit::new("brief", text.as_str())]);
            Item {
                doc,
                grid: 0,
                author: 0,
                change: change.expect("edits").expect("a change").bytes,
            }
        };
        Request {
            batch: Some(Batch {
                no: 1,
                grids: vec!["g1".parse().expect("code")],
                authors: Vec::new(),
                items: (0..count).map(item).collect(),
            }),
            ..idle()
        }
    }

    fn read(bytes: &[u8]) -> Result<Request, MessageError> {
        let (caller, sealed) = Request::open(bytes)?;
        let (ask, batch) = sealed.unseal()?;
        Ok(Request {
            device: caller.device,
            secret: caller.secret,
            join: caller.join,
            ask,
            batch: batch.map(|batch| batch.rebuild(&Nothing).expect("rebuilds")),
        })
    }

    #[test]
    fn messages_read_back_packed_or_not() {
        assert_eq!(read(&idle().encode()), Ok(idle()));
        let request = busy(200);
        let bytes = request.encode();
        assert!(bytes.len() < 8_000, "{}", bytes.len());
        assert_eq!(read(&bytes), Ok(request));
    }

    #[test]
    fn an_idle_exchange_is_below_100_bytes() {
        let answer = Answer {
            now: Millis(1_795_000_000_000),
            receipt: None,
            authors: Vec::new(),
            entries: Vec::new(),
            cursor: None,
            more: false,
            seen: 50_000_000,
            directory: None,
            sum: Some([9; 8]),
            repaired: None,
        };
        let bytes = idle().encode().len() + answer.encode(false).len();
        assert!(bytes <= 100, "{bytes}");
    }

    #[test]
    fn damaged_messages_are_refused() {
        let bytes = idle().encode();
        for len in 0..bytes.len() {
            assert!(read(&bytes[..len]).is_err(), "cut at {len}");
        }
        let mut other = bytes.clone();
        other[0] = 1;
        assert_eq!(read(&other), Err(MessageError::Version));
        let mut longer = bytes;
        longer.push(0);
        assert_eq!(read(&longer), Err(MessageError::Damaged));
        let huge = vec![VERSION; MESSAGE_BYTES_MAX + 1];
        assert_eq!(read(&huge), Err(MessageError::TooLarge));
    }

    #[test]
    fn a_batch_that_is_not_what_its_digest_says_is_not_rebuilt() {
        let request = busy(3);
        let (_, batch) = {
            let bytes = request.encode();
            let (_, sealed) = Request::open(&bytes).expect("opens");
            sealed.unseal().expect("reads")
        };
        let mut batch = batch.expect("a batch");
        batch.digest[0] ^= 1;
        assert_eq!(batch.rebuild(&Nothing), None);
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let zeros = vec![0; UNPACKED_BYTES_MAX];
        let packed = pack::pack(&zeros).expect("packs");
        let mut head = Writer::default();
        head.count(zeros.len());
        let bytes = [&[VERSION, PACKED], head.bytes.as_slice(), &packed].concat();
        assert!(packed.len() * pack::RATIO_MAX < zeros.len());
        assert_eq!(decode::<Vec<u8>>(&bytes), Err(MessageError::Damaged));
        let mut head = Writer::default();
        head.count(UNPACKED_BYTES_MAX + 1);
        let bytes = [&[VERSION, PACKED], head.bytes.as_slice(), &packed].concat();
        assert_eq!(decode::<Vec<u8>>(&bytes), Err(MessageError::TooLarge));
    }
}
