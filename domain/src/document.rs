//! Documents: the only place that names the merge library; everyone else sees fields and changes.
//!
//! A document is the set of its changes. A change is a block of bytes that is stored and sent as it
//! is and named by its hash. Reading gives a [`Tree`]: each field by its path, with every value that
//! concurrent writers left there and who wrote it.

pub mod check;
mod edit;
mod history;
mod proof;
mod reading;
#[cfg(test)]
mod tests;
mod tree;
mod waiting;

use std::collections::BTreeSet;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{
    ActorId, AutoCommit, Change, LoadOptions, ObjId, ObjType, ReadDoc, ScalarValue, TextEncoding,
};

pub use check::{ChangeHead, DecodeError, Hashed, Sound, author, check};
pub use edit::{Edit, EditError, NewChange, Stamp, Value};
pub use proof::reopens;
pub use reading::{Effect, Lens, Reading};
pub use tree::{Field, Span, Tree, Written};
pub use waiting::WAITING_MAX;

use crate::id::ChangeHash;
use check::Framed;
use history::History;
use waiting::Waiting;

/// The merge library's name in a log of what programs do.
pub const LIBRARY: &str = "automerge";
/// The largest change in bytes; a registration with full texts needs about 8 KB.
pub const CHANGE_BYTES_MAX: usize = 64 * 1024;
/// The deepest path, in keys: `sessions / ID / statements`.
pub const PATH_KEYS_MAX: usize = 4;
/// How texts are counted; without effect on documents without texts that are edited letter by letter.
const ENCODING: TextEncoding = TextEncoding::UnicodeCodePoint;

/// A change with its place among those that were given.
type Numbered<'a> = (usize, Framed<'a>, &'a [u8]);
/// A document and what it could not take.
type Opened = (Document, Vec<(usize, DecodeError)>);

/// A document in memory.
#[derive(Debug)]
pub struct Document {
    doc: AutoCommit,
    history: History,
    waiting: Waiting,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            doc: AutoCommit::new_with_encoding(ENCODING),
            history: History::default(),
            waiting: Waiting::default(),
        }
    }
}

impl Document {
    /// Applies changes, given in any order; what cannot be applied is given back by its place in the
    /// input and never takes another change with it.
    pub fn from_changes<'a>(
        changes: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Self, Vec<(usize, DecodeError)>) {
        let mut framed = Vec::new();
        let mut damaged = Vec::new();
        for (place, bytes) in changes.into_iter().enumerate() {
            match Framed::read(bytes) {
                Ok(change) => framed.push((place, change, bytes)),
                Err(error) => damaged.push((place, error)),
            }
        }
        // A change begins after the last operation of all that it follows, so none has to wait for
        // one that is here.
        framed.sort_by_key(|(_, change, _)| change.head.start_op);
        let (document, refused) = Self::at_once(&framed).unwrap_or_else(|| Self::in_turn(&framed));
        damaged.extend(refused);
        damaged.sort_unstable_by_key(|(place, _)| *place);
        (document, damaged)
    }

    /// Applies changes as one, which takes the merge library far less time; none if it took not all.
    fn at_once(changes: &[Numbered<'_>]) -> Option<Opened> {
        let mut document = Self::default();
        let mut sound = Vec::with_capacity(changes.len());
        let refused = document.take_all(changes, |_, change| {
            sound.push(change);
            Ok(())
        });
        document.doc.apply_changes(sound).ok()?;
        document.agrees().then_some((document, refused))
    }

    fn in_turn(changes: &[Numbered<'_>]) -> Opened {
        let mut document = Self::default();
        let refused = document.take_all(changes, merge);
        (document, refused)
    }

    fn take_all(
        &mut self,
        changes: &[Numbered<'_>],
        mut then: impl FnMut(&mut AutoCommit, Change) -> Result<(), DecodeError>,
    ) -> Vec<(usize, DecodeError)> {
        let mut refused = Vec::new();
        for (place, framed, bytes) in changes {
            if let Err(error) = self.take((framed, bytes), &mut then) {
                refused.push((*place, error));
            }
        }
        refused
    }

    /// Applies one change, or lets it wait for those that it follows; applying it again is harmless.
    ///
    /// # Errors
    /// When the bytes are not a sound change, when it does not follow from the changes that it names,
    /// or when too many others are waiting. The document is then as it was.
    pub fn apply(&mut self, bytes: &[u8]) -> Result<ChangeHead, DecodeError> {
        let framed = Framed::read(bytes)?;
        self.take((&framed, bytes), merge)?;
        self.release();
        Ok(framed.head)
    }

    /// Nothing reaches the merge library that is not sound and does not follow from what it has.
    fn take(
        &mut self,
        (framed, bytes): (&Framed<'_>, &[u8]),
        then: impl FnOnce(&mut AutoCommit, Change) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let Self { doc, history, .. } = self;
        let deps = &framed.head.deps;
        if history.contains(&framed.head.hash) {
            Ok(())
        } else if deps.iter().all(|dep| history.contains(dep)) {
            history.admit(framed, || {
                let change = Change::try_from(bytes).map_err(|_| DecodeError::Malformed)?;
                if change.hash().0 == framed.head.hash.0 {
                    then(doc, change)
                } else {
                    Err(DecodeError::Checksum)
                }
            })
        } else {
            self.waiting.add(framed, bytes)
        }
    }

    /// Applies the changes that waited and do so no longer. One that does not follow from what came
    /// is let go: the device has its bytes and names it as damaged when the document is next opened.
    fn release(&mut self) {
        while let Some(bytes) = self.waiting.ready(|dep| self.history.contains(dep)) {
            if let Ok(framed) = Framed::read(&bytes) {
                let _let_go = self.take((&framed, &bytes), merge);
            }
        }
    }

    /// Whether the merge library has exactly the changes that were taken.
    fn agrees(&mut self) -> bool {
        let (theirs, ours) = (self.doc.get_heads(), self.history.heads());
        theirs.len() == ours.len()
            && theirs
                .iter()
                .zip(&ours)
                .all(|(one, other)| one.0 == other.0)
    }

    /// Whether the document, saved and loaded by the merge library, is the same again.
    ///
    /// The library writes all changes anew when it saves. One that it would write otherwise could
    /// never be loaded again; [`check()`] refuses all such forms that are known.
    #[must_use]
    pub fn reopens(&mut self) -> bool {
        let heads = self.doc.get_heads();
        let options = LoadOptions::new().text_encoding(ENCODING);
        self.agrees()
            && AutoCommit::load_with_options(&self.doc.save_nocompress(), options)
                .is_ok_and(|mut loaded| loaded.get_heads() == heads)
    }

    /// Whether no change was applied yet.
    pub fn is_empty(&mut self) -> bool {
        self.history.is_empty()
    }

    /// How many operations all its changes have together.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.history.ops()
    }

    /// Changes that are named by others and are not here: the document is incomplete until they come.
    pub fn missing(&mut self) -> usize {
        let named: BTreeSet<&ChangeHash> = self.waiting.deps().collect();
        named
            .into_iter()
            .filter(|dep| !self.history.contains(dep) && !self.waiting.contains(dep))
            .count()
    }

    /// Writes fields as one change; `None` when every field already holds its value.
    ///
    /// The first change of a document makes its containers; a later one makes only the map of a new
    /// item, whose key nobody else can choose. Two writers can thus never make the same container,
    /// which would hide the items of one of them.
    ///
    /// # Errors
    /// When a path is wrong: the document is then unchanged. When the change came out too large: the
    /// document has it, nobody else ever will, and it has to be opened again.
    pub fn commit(&mut self, stamp: Stamp, edits: &[Edit]) -> Result<Option<NewChange>, EditError> {
        self.doc.set_actor(ActorId::from(stamp.actor.0.as_slice()));
        let first = self.is_empty();
        for edit in edits {
            if let Err(error) = self.write(edit, first) {
                self.doc.rollback();
                return Err(error);
            }
        }
        let options = CommitOptions::default().with_time(stamp.at.0);
        let Some(hash) = self.doc.commit_with(options) else {
            return Ok(None);
        };
        let change = self
            .doc
            .get_change_by_hash(&hash)
            .ok_or(EditError::Refused)?;
        let bytes = change.raw_bytes().to_vec();
        // What is written here must be what every other device takes.
        let framed = Framed::read(&bytes).map_err(EditError::from)?;
        self.history
            .admit(&framed, || Ok(()))
            .map_err(EditError::from)?;
        Ok(Some(NewChange {
            hash: ChangeHash(hash.0),
            bytes,
        }))
    }

    fn write(&mut self, edit: &Edit, first: bool) -> Result<(), EditError> {
        let mut keys: Vec<&str> = edit.path.split('/').collect();
        let sound = |key: &&str| !key.is_empty() && key.len() <= check::KEY_BYTES_MAX;
        if keys.len() > PATH_KEYS_MAX || !keys.iter().all(sound) {
            return Err(EditError::Path);
        }
        let last = keys.pop().ok_or(EditError::Path)?;
        let mut object = ObjId::Root;
        for (depth, key) in keys.iter().enumerate() {
            object = self.container(&object, key, first || depth > 0)?;
        }
        // A path that ends in `/*` asks for the container alone: an empty map of a new document.
        if last == "*" {
            return Ok(());
        }
        let value = ScalarValue::from(&edit.value);
        let same = matches!(self.doc.get_all(&object, last), Ok(found)
            if matches!(found.as_slice(), [(automerge::Value::Scalar(old), _)] if **old == value));
        if same {
            return Ok(());
        }
        self.doc
            .put(&object, last, value)
            .map_err(|_| EditError::Refused)
    }

    fn container(&mut self, parent: &ObjId, key: &str, may_make: bool) -> Result<ObjId, EditError> {
        match self.doc.get(parent, key).map_err(|_| EditError::Refused)? {
            Some((automerge::Value::Object(ObjType::Map), id)) => Ok(id),
            Some(_) => Err(EditError::Path),
            None if may_make => self
                .doc
                .put_object(parent, key, ObjType::Map)
                .map_err(|_| EditError::Refused),
            None => Err(EditError::NoContainer),
        }
    }

    /// Reads every field with all its values and their writers.
    pub fn tree(&mut self) -> Tree {
        tree::read(&self.doc, self.history.spans().collect())
    }
}

/// Lets the merge library apply a change, and looks whether it did.
fn merge(doc: &mut AutoCommit, change: Change) -> Result<(), DecodeError> {
    let hash = change.hash();
    doc.apply_changes([change])
        .map_err(|_| DecodeError::Contradicts)?;
    // Nothing follows the newest change, so it is a head if it is there at all.
    if doc.get_heads().contains(&hash) {
        Ok(())
    } else {
        Err(DecodeError::History)
    }
}
