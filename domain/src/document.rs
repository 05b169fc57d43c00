//! Documents: the only place that names the merge library; everyone else sees fields and changes.
//!
//! A document is the set of its changes. A change is a block of bytes that is stored and sent as it
//! is and named by its hash. Reading gives a [`Tree`]: each field by its path, with every value that
//! concurrent writers left there and who wrote it.

pub mod check;
mod edit;
mod history;
mod tree;
mod waiting;

use std::collections::BTreeSet;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{
    ActorId, AutoCommit, Change, LoadOptions, ObjId, ObjType, ReadDoc, ScalarValue, TextEncoding,
};

pub use check::{ChangeHead, DecodeError, check};
pub use edit::{Edit, EditError, NewChange, Stamp, Value};
pub use tree::{Field, Span, Tree, Written};
pub use waiting::WAITING_MAX;

use crate::id::ChangeHash;
use check::Framed;
use history::History;
use waiting::Waiting;

/// The largest change in bytes; a registration with full texts needs about 8 KB.
pub const CHANGE_BYTES_MAX: usize = 64 * 1024;
/// The deepest path, in keys: `sessions / ID / statements`.
pub const PATH_KEYS_MAX: usize = 4;
/// How texts are counted; without effect on documents without texts that are edited letter by letter.
const ENCODING: TextEncoding = TextEncoding::UnicodeCodePoint;

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
        let mut document = Self::default();
        let mut damaged = Vec::new();
        let mut framed = Vec::new();
        for (place, bytes) in changes.into_iter().enumerate() {
            match Framed::read(bytes) {
                Ok(change) => framed.push((place, change, bytes)),
                Err(error) => damaged.push((place, error)),
            }
        }
        // A change begins after the last operation of all that it follows, so none has to wait for
        // one that is here.
        framed.sort_by_key(|(_, change, _)| change.head.start_op);
        for (place, change, bytes) in framed {
            if let Err(error) = document.take(&change, bytes) {
                damaged.push((place, error));
            }
        }
        damaged.sort_unstable_by_key(|(place, _)| *place);
        (document, damaged)
    }

    /// Applies one change, or lets it wait for those that it follows; applying it again is harmless.
    ///
    /// # Errors
    /// When the bytes are not a sound change, when it does not follow from the changes that it names,
    /// or when too many others are waiting. The document is then as it was.
    pub fn apply(&mut self, bytes: &[u8]) -> Result<ChangeHead, DecodeError> {
        let framed = Framed::read(bytes)?;
        self.take(&framed, bytes)?;
        self.release();
        Ok(framed.head)
    }

    fn take(&mut self, framed: &Framed<'_>, bytes: &[u8]) -> Result<(), DecodeError> {
        if self.history.contains(&framed.head.hash) {
            return Ok(());
        }
        if framed
            .head
            .deps
            .iter()
            .all(|dep| self.history.contains(dep))
        {
            self.admit(framed, bytes)
        } else {
            self.waiting.add(framed, bytes)
        }
    }

    /// Nothing reaches the merge library that is not sound and does not follow from what it has.
    fn admit(&mut self, framed: &Framed<'_>, bytes: &[u8]) -> Result<(), DecodeError> {
        let Self { doc, history, .. } = self;
        history.admit(framed, || {
            let change = Change::try_from(bytes).map_err(|_| DecodeError::Malformed)?;
            let hash = change.hash();
            if hash.0 != framed.head.hash.0 {
                return Err(DecodeError::Checksum);
            }
            doc.apply_changes([change])
                .map_err(|_| DecodeError::Contradicts)?;
            // Nothing follows the newest change, so it is a head if it is there at all.
            if doc.get_heads().contains(&hash) {
                Ok(())
            } else {
                Err(DecodeError::History)
            }
        })
    }

    /// Applies the changes that waited and do so no longer. One that does not follow from what came
    /// is let go: the device has its bytes and names it as damaged when the document is next opened.
    fn release(&mut self) {
        while let Some(bytes) = self.waiting.ready(|dep| self.history.contains(dep)) {
            if let Ok(framed) = Framed::read(&bytes) {
                let _let_go = self.admit(&framed, &bytes);
            }
        }
    }

    /// Whether the document, saved and loaded by the merge library, is the same again.
    ///
    /// The library writes all changes anew when it saves. One that it would write otherwise could
    /// never be loaded again; [`check()`] refuses all such forms that are known.
    #[must_use]
    pub fn reopens(&mut self) -> bool {
        let heads = self.doc.get_heads();
        let ours = self.history.heads();
        if !heads
            .iter()
            .map(|head| head.0)
            .eq(ours.iter().map(|head| head.0))
        {
            return false;
        }
        let options = LoadOptions::new().text_encoding(ENCODING);
        AutoCommit::load_with_options(&self.doc.save(), options)
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
    /// When a path is wrong or the change would be too large; the document is then unchanged.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ActorKey;
    use crate::time::Millis;

    fn stamp(actor: u8, at: i64) -> Stamp {
        Stamp {
            actor: ActorKey([actor; 8]),
            at: Millis(at),
        }
    }

    fn genesis() -> (Document, NewChange) {
        let mut document = Document::default();
        let edits = [Edit::new("place", "A"), Edit::new("ev/*", "")];
        let change = document
            .commit(stamp(1, 10), &edits)
            .expect("edits")
            .expect("change");
        (document, change)
    }

    #[test]
    fn a_change_carries_its_fields_to_another_document() {
        let (_, change) = genesis();
        let (mut other, damaged) = Document::from_changes([change.bytes.as_slice()]);
        assert!(damaged.is_empty());
        let tree = other.tree();
        assert_eq!(tree.text("place"), Some("A"));
        let written = tree
            .field("place")
            .and_then(Field::winner)
            .expect("written");
        assert_eq!(
            tree.span(written).map(|span| (span.hash, span.at)),
            Some((change.hash, Millis(10)))
        );
    }

    #[test]
    fn writing_the_same_value_makes_no_change() {
        let (mut document, _) = genesis();
        assert_eq!(
            document.commit(stamp(2, 11), &[Edit::new("place", "A")]),
            Ok(None)
        );
    }

    #[test]
    fn two_values_of_one_field_are_both_kept_and_a_later_write_settles_them() {
        let (mut left, first) = genesis();
        let (mut right, _) = Document::from_changes([first.bytes.as_slice()]);
        let a = left
            .commit(stamp(2, 20), &[Edit::new("place", "B")])
            .expect("ok")
            .expect("change");
        let b = right
            .commit(stamp(3, 21), &[Edit::new("place", "C")])
            .expect("ok")
            .expect("change");
        left.apply(&b.bytes).expect("applies");
        right.apply(&a.bytes).expect("applies");
        let (one, two) = (left.tree(), right.tree());
        assert_eq!(one, two);
        let mut values: Vec<_> = one
            .field("place")
            .expect("field")
            .values
            .iter()
            .map(|w| w.value.clone())
            .collect();
        values.sort();
        assert_eq!(values, [Value::from("B"), Value::from("C")]);
        // Choosing the value that already wins still settles the matter.
        let winner = one.text("place").expect("text").to_owned();
        let settled = left.commit(stamp(2, 30), &[Edit::new("place", winner.as_str())]);
        assert!(settled.expect("ok").is_some());
        assert_eq!(left.tree().field("place").expect("field").values.len(), 1);
    }

    #[test]
    fn items_added_by_two_writers_are_both_there() {
        let (mut left, first) = genesis();
        let (mut right, _) = Document::from_changes([first.bytes.as_slice()]);
        let a = left
            .commit(stamp(2, 20), &[Edit::new("ev/x/text", "a")])
            .expect("ok")
            .expect("change");
        right
            .commit(stamp(3, 20), &[Edit::new("ev/y/text", "b")])
            .expect("ok")
            .expect("change");
        right.apply(&a.bytes).expect("applies");
        let tree = right.tree();
        assert_eq!(
            (tree.text("ev/x/text"), tree.text("ev/y/text")),
            (Some("a"), Some("b"))
        );
        assert_eq!(tree.items("ev").collect::<Vec<_>>(), ["x", "y"]);
    }

    #[test]
    fn a_container_is_never_made_after_the_first_change() {
        let (mut document, _) = genesis();
        let edit = [Edit::new("sessions/x/text", "a")];
        assert_eq!(
            document.commit(stamp(2, 20), &edit),
            Err(EditError::NoContainer)
        );
        assert_eq!(
            document.commit(stamp(2, 20), &[Edit::new("place/x", "a")]),
            Err(EditError::Path)
        );
        assert_eq!(
            document.commit(stamp(2, 20), &[Edit::new("ev//x", "a")]),
            Err(EditError::Path)
        );
        assert_eq!(document.tree().text("place"), Some("A"));
    }

    #[test]
    fn changes_apply_in_any_order_and_any_number_of_times() {
        let (mut document, first) = genesis();
        let second = document
            .commit(stamp(1, 11), &[Edit::new("place", "B")])
            .expect("ok")
            .expect("change");
        let mut other = Document::default();
        other.apply(&second.bytes).expect("waits for the first");
        assert_eq!(other.missing(), 1);
        for bytes in [&first.bytes, &second.bytes, &first.bytes] {
            other.apply(bytes).expect("applies");
        }
        assert_eq!(other.missing(), 0);
        assert_eq!(other.tree(), document.tree());
    }
}
