//! Requests: who asks in the clear and looked at first, what is asked and brought behind it.

use serde::{Deserialize, Serialize};

use super::super::{
    Ask, BATCH_ITEMS_MAX, Batch, Caller, Item, MESSAGE_BYTES_MAX, MessageError, PageDigest,
    Request, VERSION,
};
use super::{CHECK_BYTES, begun, checked, closed, ends, seal, unseal_while};
use crate::id::{DocId, PersonId, UnitId};
use crate::sync::lean::{self, Known, LeanItem, Tag, Whole};
use crate::sync::repair::Repair;
use crate::sync::signed::{
    self, DeviceHead, Enrolment, Head, PublicKey, SIGNED, Signed, Unproven, head_of_device,
};
use crate::sync::wire::{self, Reader};
use crate::time::Millis;

/// Requests up to here are checked before their sender is looked up, and whoever sends a longer one
/// is named within so many bytes.
pub const HEAD_BYTES_MAX: usize = 4 * 1024;

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

    /// Reads who sends a request, and gives the rest unread: whoever asks is looked up before a pass
    /// over all bytes. What is so short that the pass costs less than the look-up is checked at once.
    ///
    /// # Errors
    /// When it is too large, of another version or damaged.
    pub fn open(bytes: &[u8]) -> Result<(Caller, Sealed<'_>), MessageError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(MessageError::TooLarge);
        }
        if let [SIGNED, ..] = bytes {
            let (head, unproven, rest) = signed::open(bytes)?;
            let caller = Caller::signed(head);
            let end = End::Signature(unproven);
            return Ok((caller, Sealed { rest, end }));
        }
        let (message, check) = ends(bytes)?;
        if bytes.len() <= HEAD_BYTES_MAX {
            checked(message, check)?;
        }
        let (caller, rest) = Caller::plain(message)?;
        let end = End::Check(message, check);
        Ok((caller, Sealed { rest, end }))
    }

    /// Reads who sends a request from its first bytes, of which more may follow: nothing of it is
    /// checked, so all of it is to be opened once it is there.
    ///
    /// # Errors
    /// When it is of another version, or these bytes do not say who.
    pub fn caller(head: &[u8]) -> Result<Caller, MessageError> {
        match head {
            [SIGNED, ..] => {
                let (head, _) = signed::read(head).ok_or(MessageError::Damaged)?;
                Ok(Caller::signed(head))
            }
            [VERSION, ..] => Caller::plain(head).map(|(caller, _)| caller),
            [_, ..] => Err(MessageError::Version),
            [] => Err(MessageError::Damaged),
        }
    }
}

impl Caller {
    fn signed(head: Head) -> Self {
        Self::Signed {
            device: head.device,
            enrolment: head.enrolment.map(Box::new),
        }
    }

    fn plain(message: &[u8]) -> Result<(Self, &[u8]), MessageError> {
        let ((device, secret, join), rest) = match message {
            [_, rest @ ..] => postcard::take_from_bytes(rest).map_err(|_| MessageError::Damaged)?,
            [] => return Err(MessageError::Damaged),
        };
        let caller = Self::Plain {
            device,
            secret,
            join,
        };
        Ok((caller, rest))
    }

    /// The beginning of the name that the sender goes by.
    #[must_use]
    pub fn head(&self) -> DeviceHead {
        match self {
            Self::Plain { device, .. } => head_of_device(*device),
            Self::Signed { device, .. } => *device,
        }
    }
}

/// The part of a request that is read once its sender is known.
#[derive(Debug, Clone, Copy)]
pub struct Sealed<'a> {
    rest: &'a [u8],
    end: End<'a>,
}

/// What a request ends with.
#[derive(Debug, Clone, Copy)]
enum End<'a> {
    /// The check of what stands before it.
    Check(&'a [u8], &'a [u8; CHECK_BYTES]),
    Signature(Unproven<'a>),
}

impl Sealed<'_> {
    /// What a signature vouches for; it costs a pass over all bytes.
    #[must_use]
    pub fn proof(&self) -> Option<Signed> {
        match &self.end {
            End::Check(..) => None,
            End::Signature(unproven) => Some(unproven.signed()),
        }
    }

    /// Reads what is asked and what was brought.
    ///
    /// # Errors
    /// When it is too large or damaged.
    pub fn unseal(self) -> Result<(Ask, Option<LeanBatch>), MessageError> {
        if let End::Check(message, check) = self.end {
            checked(message, check)?;
        }
        let (mut ask, mut batch): (WireAsk, Option<WireBatch>) =
            unseal_while(self.rest, &mut WireBatch::judge)?;
        if let End::Signature(unproven) = self.end {
            ask.now = unproven.now;
            if let Some(batch) = &mut batch {
                let digest = unproven.digest;
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

    /// Judges the beginning of a request by its counts, before the rest is unpacked: whether they
    /// are sound, once they are all there.
    fn judge(head: &[u8]) -> Result<bool, MessageError> {
        type Names = (Option<(u64, PageDigest)>, Vec<UnitId>, Vec<PersonId>);
        let Some((_, rest)) = begun::<WireAsk>(head)? else {
            return Ok(false);
        };
        let (grids, authors, rest) = match begun::<Option<Names>>(rest)? {
            None => return Ok(false),
            Some((None, _)) => return Ok(true),
            Some((Some((_, grids, authors)), rest)) => (grids, authors, rest),
        };
        let mut page = Reader { rest };
        let (Ok(_), Ok(items)) = (page.count(), page.count()) else {
            return Ok(false);
        };
        if items.max(grids.len()).max(authors.len()) > BATCH_ITEMS_MAX {
            return Err(MessageError::TooLarge);
        }
        Ok(true)
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
    pub(super) digest: PageDigest,
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
