//! The fields of a document by path, each with every value and its writer.

use std::collections::BTreeMap;

use automerge::{AutoCommit, ObjId, ObjType, ReadDoc};

use super::{ChangeHead, PATH_KEYS_MAX, Value};
use crate::id::{ActorKey, ChangeHash};
use crate::time::Millis;

/// One value of a field and the operation that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The value.
    pub value: Value,
    actor: ActorKey,
    op: u64,
}

impl Written {
    pub(super) const fn of(value: Value, (op, actor): (u64, ActorKey)) -> Self {
        Self { value, actor, op }
    }
}

/// A field: its values, the one that every reader agrees to show first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// More than one where people wrote at the same time.
    pub values: Vec<Written>,
}

impl Field {
    /// The value that is shown.
    #[must_use]
    pub fn winner(&self) -> Option<&Written> {
        self.values.first()
    }

    /// Whether people wrote different values at the same time.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        let mut values = self.values.iter().map(|written| &written.value);
        let first = values.next();
        values.any(|value| Some(value) != first)
    }
}

/// The operations of one change: whose, from which to which, when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The change.
    pub hash: ChangeHash,
    /// The device's clock when it was made.
    pub at: Millis,
    /// The start of the app that wrote it.
    pub actor: ActorKey,
    first: u64,
    last: u64,
}

impl Span {
    pub(super) const fn of(head: &ChangeHead) -> Self {
        Self {
            hash: head.hash,
            at: head.at,
            actor: head.actor,
            first: head.start_op,
            last: head.max_op(),
        }
    }
}

/// Every field of a document by its path, keys joined by `/`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    fields: BTreeMap<String, Field>,
    spans: Vec<Span>,
}

impl Tree {
    pub(super) fn of(fields: BTreeMap<String, Field>, mut spans: Vec<Span>) -> Self {
        spans.sort_unstable_by_key(|span| (span.at, span.hash));
        Self { fields, spans }
    }

    /// The field at a path.
    #[must_use]
    pub fn field(&self, path: &str) -> Option<&Field> {
        self.fields.get(path)
    }

    /// All fields, in the order of their paths.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Field)> {
        self.fields
            .iter()
            .map(|(path, field)| (path.as_str(), field))
    }

    /// The changes that were applied, in the order of their time and hash.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The shown value at a path.
    #[must_use]
    pub fn value(&self, path: &str) -> Option<&Value> {
        self.fields
            .get(path)
            .and_then(Field::winner)
            .map(|written| &written.value)
    }

    /// The shown text at a path.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.value(path).and_then(Value::as_text)
    }

    /// The shown number at a path.
    #[must_use]
    pub fn int(&self, path: &str) -> Option<i64> {
        match self.value(path) {
            Some(Value::Int(number)) => Some(*number),
            Some(Value::Null | Value::Bool(_) | Value::Text(_)) | None => None,
        }
    }

    /// The shown answer at a path.
    #[must_use]
    pub fn flag(&self, path: &str) -> Option<bool> {
        match self.value(path) {
            Some(Value::Bool(flag)) => Some(*flag),
            Some(Value::Null | Value::Int(_) | Value::Text(_)) | None => None,
        }
    }

    /// The shown moment at a path.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<Millis> {
        self.int(path).map(Millis)
    }

    /// The keys of the items in a container, in their order, each once.
    pub fn items<'a>(&'a self, container: &str) -> impl Iterator<Item = &'a str> {
        let prefix = format!("{container}/");
        let skip = prefix.len();
        let mut last = "";
        self.fields
            .range(prefix.clone()..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .filter_map(move |(path, _)| path.get(skip..)?.split('/').next())
            .filter(move |key| {
                let fresh = *key != last;
                last = key;
                fresh
            })
    }

    /// The change that wrote a value.
    #[must_use]
    pub fn span(&self, written: &Written) -> Option<&Span> {
        self.spans.iter().find(|span| {
            span.actor == written.actor && (span.first..=span.last).contains(&written.op)
        })
    }
}

pub(super) fn read(doc: &AutoCommit, spans: Vec<Span>) -> Tree {
    let mut fields = BTreeMap::new();
    collect(doc, &ObjId::Root, "", 1, &mut fields);
    Tree::of(fields, spans)
}

fn collect(
    doc: &AutoCommit,
    object: &ObjId,
    prefix: &str,
    depth: usize,
    fields: &mut BTreeMap<String, Field>,
) {
    for item in doc.map_range(object, ..) {
        let path = format!("{prefix}{}", item.key);
        // Looking a key up is far dearer than walking past it; only a contested one has more values.
        // `get_all` lists the loser first and the shown value last.
        let found = if item.conflict {
            doc.get_all(object, &*item.key).unwrap_or_default()
        } else {
            let id = item.id();
            vec![(item.value.into_value(), id)]
        };
        let mut values = Vec::new();
        for (value, id) in found.into_iter().rev() {
            match value {
                automerge::Value::Object(ObjType::Map) if depth < PATH_KEYS_MAX => {
                    collect(doc, &id, &format!("{path}/"), depth + 1, fields);
                }
                automerge::Value::Object(_) => {}
                automerge::Value::Scalar(scalar) => values.extend(written(&scalar, &id)),
            }
        }
        if !values.is_empty() {
            fields.insert(path, Field { values });
        }
    }
}

fn written(scalar: &automerge::ScalarValue, id: &ObjId) -> Option<Written> {
    use automerge::ScalarValue as S;
    let value = match scalar {
        S::Str(text) => Value::Text(text.to_string()),
        S::Int(number) | S::Timestamp(number) => Value::Int(*number),
        S::Uint(number) => Value::Int(i64::try_from(*number).ok()?),
        S::Boolean(flag) => Value::Bool(*flag),
        S::Null => Value::Null,
        // A newer version's kind of value stays in the document; this version cannot show it.
        S::Bytes(_) | S::F64(_) | S::Counter(_) | S::Unknown { .. } => return None,
    };
    match id {
        ObjId::Id(op, actor, _) => Some(Written {
            value,
            actor: actor_key(actor.to_bytes())?,
            op: *op,
        }),
        ObjId::Root => None,
    }
}

fn actor_key(bytes: &[u8]) -> Option<ActorKey> {
    bytes.try_into().ok().map(ActorKey)
}
