//! Changes without what the other side can work out: hashes, checksums, names that repeat.
//!
//! A change as it is stored carries the 32-byte hash of each change that it follows, a checksum,
//! its author's key and, in a vault, the name of its record as text. None of this can be
//! compressed, and on an edit of one field it is most of the bytes. A page leaves it out and the
//! reader puts it back, byte for byte; a digest over the hashes of all rebuilt changes proves it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::wire::{Reader, Short, Writer};
use crate::document::Hashed;
use crate::id::{ActorKey, ChangeHash, DocId, Part, RecordId};

/// The head of a change chunk: magic number; checksum, type and length follow.
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// It and the checksum.
const CHECKED_BYTES: usize = 8;
const TYPE_CHANGE: u8 = 1;
/// A record's name as text.
const NAME_BYTES: usize = 26;
/// The most changes in one page.
pub const PAGE_ITEMS_MAX: usize = 8_192;

const SAME_RECORD: u64 = 0;
const NEW_RECORD: u64 = 1;
const DEP_EARLIER: u64 = 0;
const DEP_PREFIX: u64 = 1;
const DEP_FULL: u64 = 2;

/// What a page says of a change beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tag {
    /// A place in the message's list of grids or authors.
    pub who: u16,
    /// Its place in the log; in a batch its place in the batch.
    pub seq: u64,
    /// When the server received it; 0 in a batch.
    pub at: i64,
}

/// One change to put into a page.
#[derive(Debug, Clone, Copy)]
pub struct Whole<'a> {
    /// The document.
    pub doc: DocId,
    /// What is said of it.
    pub tag: Tag,
    /// Its name.
    pub hash: ChangeHash,
    /// The change, byte for byte.
    pub bytes: &'a [u8],
}

/// A change as it came in a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeanItem {
    /// The document.
    pub doc: DocId,
    /// What is said of it.
    pub tag: Tag,
    body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    /// Such as it is: it is not in the form in which changes are written.
    Raw(Vec<u8>),
    Parts {
        deps: Vec<DepRef>,
        parts: Parts,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum DepRef {
    /// The change before it in this page, of the same document.
    Earlier,
    /// The one change of the document whose hash begins like this.
    Prefix([u8; 4]),
    Full(ChangeHash),
}

/// A change taken apart, without its dependencies.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    actor: ActorKey,
    seq: u64,
    start_op: u64,
    at: i64,
    /// Message, other authors, columns.
    tail: Vec<u8>,
}

/// The changes of a document that the reader knows, to look up what a page names by its beginning.
pub trait Known {
    /// The only known change of `doc` whose hash begins with `prefix`.
    fn resolve(&self, doc: DocId, prefix: [u8; 4]) -> Option<ChangeHash>;
}

/// Finds the one hash with this beginning.
pub fn only<'a>(
    hashes: impl IntoIterator<Item = &'a ChangeHash>,
    prefix: [u8; 4],
) -> Option<ChangeHash> {
    let mut fitting = hashes
        .into_iter()
        .filter(|hash| hash.0.starts_with(&prefix));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(*first)
}

/// Writes a page. `whole` names every dependency in full, for a reader that could not look it up.
#[must_use]
pub fn write<'a>(items: impl IntoIterator<Item = Whole<'a>>, whole: bool) -> Vec<u8> {
    let mut page = Page {
        whole,
        ..Page::default()
    };
    for item in items {
        page.put(item);
    }
    let mut head = Writer::default();
    head.count(page.count);
    head.bytes.extend(page.out.bytes);
    head.bytes
}

#[derive(Default)]
struct Page {
    out: Writer,
    count: usize,
    whole: bool,
    records: BTreeMap<RecordId, u64>,
    actors: Vec<ActorKey>,
    tag: Tag,
    at: i64,
    last: Last,
}

/// The last change of each document in a page.
#[derive(Default)]
struct Last(BTreeMap<DocId, ChangeHash>);

impl Page {
    fn put(&mut self, item: Whole<'_>) {
        self.count += 1;
        let split = split(item.hash, item.bytes);
        self.head(item, split.is_none());
        let Some((deps, parts)) = split else {
            self.out.block(item.bytes);
            self.last.0.insert(item.doc, item.hash);
            return;
        };
        self.out.count(deps.len());
        for dep in deps {
            if self.last.0.get(&item.doc) == Some(&dep) {
                self.out.number(DEP_EARLIER);
            } else if let (false, Some(prefix)) = (self.whole, dep.0.first_chunk::<4>()) {
                self.out.number(DEP_PREFIX);
                self.out.raw(prefix);
            } else {
                self.out.number(DEP_FULL);
                self.out.raw(&dep.0);
            }
        }
        self.parts(item.doc, &parts);
        self.last.0.insert(item.doc, item.hash);
    }

    fn head(&mut self, item: Whole<'_>, raw: bool) {
        let follows = item.tag.seq == self.tag.seq.wrapping_add(1)
            && (item.tag.who, item.tag.at) == (self.tag.who, self.tag.at);
        let named = u64::try_from(self.records.len()).unwrap_or(u64::MAX);
        // The last one named is 0, the one before it 2: a new one is 1.
        let record = match self.records.get(&item.doc.record) {
            Some(place) if place + 1 == named => SAME_RECORD,
            Some(place) => named - place,
            None => NEW_RECORD,
        };
        let vault = u64::from(item.doc.part == Part::Vault);
        let flags = vault | (u64::from(!follows) << 1) | (u64::from(raw) << 2);
        self.out.number(flags | (record << 3));
        if record == NEW_RECORD {
            self.out.raw(&item.doc.record.bytes());
            self.records.insert(item.doc.record, named);
        }
        if !follows {
            self.out.number(u64::from(item.tag.who));
            let step = item.tag.seq.wrapping_sub(self.tag.seq);
            self.out.signed(step.cast_signed());
            self.out.signed(item.tag.at.wrapping_sub(self.tag.at));
        }
        self.tag = item.tag;
    }

    fn parts(&mut self, doc: DocId, parts: &Parts) {
        match self.actors.iter().rev().position(|a| *a == parts.actor) {
            Some(back) => self.out.count(back.saturating_add(1)),
            None => {
                self.out.number(0);
                self.out.raw(&parts.actor.0);
                self.actors.push(parts.actor);
            }
        }
        self.out.number(parts.seq);
        self.out.number(parts.start_op);
        self.out.signed(parts.at.wrapping_sub(self.at));
        self.at = parts.at;
        // A vault begins with the name of its record.
        let place = match doc.part {
            Part::Vault => find(&parts.tail, doc.record.to_string().as_bytes()),
            Part::Body => None,
        };
        match place.and_then(|at| Some((at, parts.tail.split_at_checked(at)?))) {
            Some((at, (before, after))) => {
                self.out.count(at.saturating_add(1));
                self.out.count(parts.tail.len() - NAME_BYTES);
                self.out.raw(before);
                self.out.raw(after.get(NAME_BYTES..).unwrap_or_default());
            }
            None => {
                self.out.number(0);
                self.out.block(&parts.tail);
            }
        }
    }
}

/// Reads a page; its changes are rebuilt when what they follow is known.
///
/// # Errors
/// When the bytes are not a page, or name more than there may be.
pub fn read(bytes: &[u8]) -> Result<Vec<LeanItem>, super::message::MessageError> {
    let mut read = Reading {
        reader: Reader { rest: bytes },
        records: Vec::new(),
        actors: Vec::new(),
        tag: Tag::default(),
        at: 0,
    };
    let items = read.all();
    items.map_err(|Short| super::message::MessageError::Damaged)
}

struct Reading<'a> {
    reader: Reader<'a>,
    records: Vec<RecordId>,
    actors: Vec<ActorKey>,
    tag: Tag,
    at: i64,
}

impl Reading<'_> {
    fn all(&mut self) -> Result<Vec<LeanItem>, Short> {
        let count = self.reader.count()?;
        // Each takes some bytes: a count beyond them is a lie.
        if count > PAGE_ITEMS_MAX || count > self.reader.rest.len() {
            return Err(Short);
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.item()?);
        }
        if self.reader.rest.is_empty() {
            Ok(items)
        } else {
            Err(Short)
        }
    }

    fn item(&mut self) -> Result<LeanItem, Short> {
        let head = self.reader.number()?;
        let record = match head >> 3 {
            SAME_RECORD => self.records.last().copied().ok_or(Short)?,
            NEW_RECORD => {
                let id = RecordId::from_bytes(self.reader.array()?);
                self.records.push(id);
                id
            }
            back => {
                let back = usize::try_from(back - 1).map_err(|_| Short)?;
                *self.records.iter().rev().nth(back).ok_or(Short)?
            }
        };
        let part = if head & 1 == 0 {
            Part::Body
        } else {
            Part::Vault
        };
        let doc = DocId { record, part };
        if head & 2 == 0 {
            self.tag.seq = self.tag.seq.wrapping_add(1);
        } else {
            self.tag.who = u16::try_from(self.reader.number()?).map_err(|_| Short)?;
            let step = self.reader.signed()?.cast_unsigned();
            self.tag.seq = self.tag.seq.wrapping_add(step);
            self.tag.at = self.tag.at.wrapping_add(self.reader.signed()?);
        }
        let body = if head & 4 == 0 {
            let deps = self.deps()?;
            let parts = self.parts(record)?;
            Body::Parts { deps, parts }
        } else {
            Body::Raw(self.reader.block()?.to_vec())
        };
        Ok(LeanItem {
            doc,
            tag: self.tag,
            body,
        })
    }

    fn deps(&mut self) -> Result<Vec<DepRef>, Short> {
        let count = self.reader.count()?;
        if count > self.reader.rest.len() {
            return Err(Short);
        }
        let mut deps = Vec::with_capacity(count);
        for _ in 0..count {
            deps.push(match self.reader.number()? {
                DEP_EARLIER => DepRef::Earlier,
                DEP_PREFIX => DepRef::Prefix(self.reader.array()?),
                DEP_FULL => DepRef::Full(ChangeHash(self.reader.array()?)),
                _ => return Err(Short),
            });
        }
        Ok(deps)
    }

    fn parts(&mut self, record: RecordId) -> Result<Parts, Short> {
        let actor = match self.reader.count()? {
            0 => {
                let actor = ActorKey(self.reader.array()?);
                self.actors.push(actor);
                actor
            }
            back => *self.actors.iter().rev().nth(back - 1).ok_or(Short)?,
        };
        let seq = self.reader.number()?;
        let start_op = self.reader.number()?;
        self.at = self.at.wrapping_add(self.reader.signed()?);
        let place = self.reader.count()?;
        let rest = self.reader.block()?;
        let mut tail = Vec::with_capacity(rest.len() + NAME_BYTES);
        if place == 0 {
            tail.extend_from_slice(rest);
        } else {
            let (before, after) = rest.split_at_checked(place - 1).ok_or(Short)?;
            tail.extend_from_slice(before);
            tail.extend_from_slice(record.to_string().as_bytes());
            tail.extend_from_slice(after);
        }
        Ok(Parts {
            actor,
            seq,
            start_op,
            at: self.at,
            tail,
        })
    }
}

/// The documents of which the reader must know the changes before it can rebuild a page.
pub fn needed(items: &[LeanItem]) -> impl Iterator<Item = DocId> {
    let by_prefix = |item: &&LeanItem| match &item.body {
        Body::Parts { deps, .. } => deps.iter().any(|dep| matches!(dep, DepRef::Prefix(_))),
        Body::Raw(_) => false,
    };
    items.iter().filter(by_prefix).map(|item| item.doc)
}

/// Rebuilds the changes of a page, in order, with their hashes; `None` when one follows a change
/// that the reader does not know: then it asks for everything in full.
#[must_use]
pub fn rebuild(items: &[LeanItem], known: &dyn Known) -> Option<Vec<Hashed>> {
    let mut last = Last::default();
    let mut changes = Vec::with_capacity(items.len());
    for item in items {
        let change = match &item.body {
            Body::Raw(bytes) => Hashed::of(bytes.clone()),
            Body::Parts { deps, parts } => {
                let deps = deps.iter().map(|dep| match dep {
                    DepRef::Earlier => last.0.get(&item.doc).copied(),
                    DepRef::Prefix(prefix) => known.resolve(item.doc, *prefix),
                    DepRef::Full(hash) => Some(*hash),
                });
                Hashed::written(&join(&deps.collect::<Option<Vec<_>>>()?, parts))
            }
        };
        last.0.insert(item.doc, change.hash());
        changes.push(change);
    }
    Some(changes)
}

/// Takes a change apart; `None` when putting it together again would give other bytes.
fn split(hash: ChangeHash, bytes: &[u8]) -> Option<(Vec<ChangeHash>, Parts)> {
    let mut reader = Reader { rest: bytes };
    let read = |reader: &mut Reader<'_>| {
        let head: [u8; 4] = reader.array()?;
        let checksum: [u8; 4] = reader.array()?;
        let [kind] = reader.array()?;
        if head != MAGIC || !hash.0.starts_with(&checksum) || kind != TYPE_CHANGE {
            return Err(Short);
        }
        reader.number()?;
        let count = reader.count()?;
        if count > reader.rest.len() {
            return Err(Short);
        }
        let mut deps = Vec::with_capacity(count);
        for _ in 0..count {
            deps.push(ChangeHash(reader.array()?));
        }
        let actor = reader.block()?.try_into().map_err(|_| Short)?;
        let seq = reader.number()?;
        let start_op = reader.number()?;
        let at = signed_leb(reader)?;
        let parts = Parts {
            actor: ActorKey(actor),
            seq,
            start_op,
            at,
            tail: reader.rest.to_vec(),
        };
        Ok((deps, parts))
    };
    let (deps, parts) = read(&mut reader).ok()?;
    let hashed = bytes.get(CHECKED_BYTES..)?;
    (join(&deps, &parts) == hashed).then_some((deps, parts))
}

/// Puts a change together: type, length and contents.
fn join(deps: &[ChangeHash], parts: &Parts) -> Vec<u8> {
    // The tail is nearly all of it.
    let room = |rest: usize| Writer {
        bytes: Vec::with_capacity(rest + 64),
    };
    let mut contents = room(parts.tail.len() + deps.len() * 32);
    contents.count(deps.len());
    for dep in deps {
        contents.raw(&dep.0);
    }
    contents.block(&parts.actor.0);
    contents.number(parts.seq);
    contents.number(parts.start_op);
    put_signed_leb(&mut contents, parts.at);
    contents.raw(&parts.tail);
    let mut hashed = room(contents.bytes.len());
    hashed.raw(&[TYPE_CHANGE]);
    hashed.block(&contents.bytes);
    hashed.bytes
}

/// A signed LEB128 number, as the change format writes its time.
fn signed_leb(reader: &mut Reader<'_>) -> Result<i64, Short> {
    let mut value = 0_i64;
    for shift in (0..63).step_by(7) {
        let [byte] = reader.array()?;
        value |= i64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let sign = if byte & 0x40 == 0 {
                0
            } else {
                -1_i64 << (shift + 7)
            };
            return Ok(value | sign);
        }
    }
    Err(Short)
}

fn put_signed_leb(writer: &mut Writer, mut value: i64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        let done = (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0);
        writer.raw(&[if done { low } else { low | 0x80 }]);
        if done {
            return;
        }
    }
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}
