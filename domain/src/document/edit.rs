//! What is written to a document: fields, values, and the change that comes of it.

use automerge::ScalarValue;

use super::DecodeError;
use crate::id::{ActorKey, ChangeHash};
use crate::time::Millis;

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

impl From<&Value> for ScalarValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Boolean(*flag),
            Value::Int(number) => Self::Int(*number),
            Value::Text(text) => Self::Str(text.as_str().into()),
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
    /// The change would be larger than [`super::CHANGE_BYTES_MAX`], or have more
    /// operations than are taken.
    #[error("the change is too large")]
    TooLarge,
}

impl From<DecodeError> for EditError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::TooLarge | DecodeError::Bounds => Self::TooLarge,
            DecodeError::Malformed
            | DecodeError::Checksum
            | DecodeError::Compressed
            | DecodeError::Actor
            | DecodeError::Contradicts
            | DecodeError::Operation
            | DecodeError::History
            | DecodeError::Waiting => Self::Refused,
        }
    }
}

/// The author and the time of one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The start of the app that writes.
    pub actor: ActorKey,
    /// The device's clock.
    pub at: Millis,
}
