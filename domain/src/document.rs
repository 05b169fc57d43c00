//! Documents: the only place that names the merge library; everyone else sees fields and changes.
//!
//! A document is the set of its changes. A change is a block of bytes that is stored and sent as it
//! is and named by its hash. Reading gives a [`Tree`]: each field by its path, with every value that
//! concurrent writers left there and who wrote it.

pub mod check;
mod tree;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, Change, ObjId, ObjType, ReadDoc, ScalarValue, TextEncoding};

pub use check::{ChangeHead, DecodeError, check};
pub use tree::{Field, Span, Tree, Written};

use crate::id::{ActorKey, ChangeHash};
use crate::time::Millis;

/// The largest change in bytes; a registration with full texts needs about 8 KB.
pub const CHANGE_BYTES_MAX: usize = 64 * 1024;
/// The deepest path, in keys: `sessions / ID / statements`.
pub const PATH_KEYS_MAX: usize = 4;

/// A value of one field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Value {
    /// Nothing: the field was emptied.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number: a count, milliseconds, fen.
    Int(i64),
    /// Text.
    Text(String),
}

impl Value {
    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Int(_) => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Millis> for Value {
    fn from(at: Millis) -> Self {
        Self::Int(at.0)
    }
}

/// One field to write: its path, keys joined by `/`, and its new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Such as `place` or `ev/01J8…/text`.
    pub path: String,
    /// The value to put there.
    pub value: Value,
}

impl Edit {
    /// Puts `value` at `path`.
    pub fn new(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self {
            path: path.into(),
            value: value.into(),
        }
    }
}

/// A change that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChange {
    /// Its name.
    pub hash: ChangeHash,
    /// Its bytes, stored and sent as they are.
    pub bytes: Vec<u8>,
}

/// Why an edit could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The path has no key, too many keys or leads through a plain value.
    #[error("the path does not lead to a field")]
    Path,
    /// The path needs a container that the first change did not make.
    #[error("containers are made by the first change only")]
    NoContainer,
    /// The merge library refused the write.
    #[error("the write was refused")]
    Refused,
    /// The change would be larger than [`CHANGE_BYTES_MAX`].
    #[error("the change is too large")]
    TooLarge,
}

/// The author and the time of one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The start of the app that writes.
    pub actor: ActorKey,
    /// The device's clock.
    pub at: Millis,
}

/// A document in memory.
#[derive(Debug)]
pub struct Document {
    doc: AutoCommit,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            doc: AutoCommit::new_with_encoding(TextEncoding::UnicodeCodePoint),
        }
    }
}

impl Document {
    /// Applies changes one by one, in any order; what cannot be applied is given back by its place
    /// in the input and never takes another change with it.
    pub fn from_changes<'a>(
        changes: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Self, Vec<(usize, DecodeError)>) {
        let mut document = Self::default();
        let mut damaged = Vec::new();
        for (place, bytes) in changes.into_iter().enumerate() {
            if let Err(error) = document.apply(bytes) {
                damaged.push((place, error));
            }
        }
        (document, damaged)
    }

    /// Applies one change; applying it again is harmless.
    ///
    /// # Errors
    /// When the bytes are not a sound change, or its author's numbering contradicts what is there.
    pub fn apply(&mut self, bytes: &[u8]) -> Result<ChangeHead, DecodeError> {
        let head = check(bytes)?;
        let change = Change::from_bytes(bytes.to_vec()).map_err(|_| DecodeError::Malformed)?;
        if change.hash().0 != head.hash.0 {
            return Err(DecodeError::Checksum);
        }
        self.doc
            .apply_changes([change])
            .map_err(|_| DecodeError::Contradicts)?;
        Ok(head)
    }

    /// Whether no change was applied yet.
    pub fn is_empty(&mut self) -> bool {
        self.doc.get_heads().is_empty()
    }

    /// Changes that are named by others and are not here: the document is incomplete until they come.
    pub fn missing(&mut self) -> usize {
        self.doc.get_missing_deps(&[]).len()
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
        if bytes.len() > CHANGE_BYTES_MAX {
            return Err(EditError::TooLarge);
        }
        Ok(Some(NewChange {
            hash: ChangeHash(hash.0),
            bytes,
        }))
    }

    fn write(&mut self, edit: &Edit, first: bool) -> Result<(), EditError> {
        let mut keys: Vec<&str> = edit.path.split('/').collect();
        if keys.len() > PATH_KEYS_MAX || keys.iter().any(|key| key.is_empty()) {
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
        let value = scalar(&edit.value);
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
        tree::read(&mut self.doc)
    }
}

fn scalar(value: &Value) -> ScalarValue {
    match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(flag) => ScalarValue::Boolean(*flag),
        Value::Int(number) => ScalarValue::Int(*number),
        Value::Text(text) => ScalarValue::Str(text.as_str().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
