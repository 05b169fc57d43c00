//! What a person said: text that may be stored, and nothing else can be.

use core::ops::Deref;
use core::str::FromStr;

use super::Problem;
use crate::codelist::{self, List};
use crate::text;

/// The most characters of any text of a record.
pub const SAID_CHARS_MAX: usize = 4_000;

/// Text that was cleaned and judged: it holds no number of a person and is not too long.
///
/// There is no other way to make one than by reading what was typed, and commands carry text in no
/// other form: what was not judged cannot reach a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Said(String);

impl Said {
    /// Reads what was typed, of at most `max` characters.
    ///
    /// # Errors
    /// Why it is not stored.
    pub fn read(typed: &str, max: usize) -> Result<Self, Problem> {
        Self::judge(text::clean(typed), max)
    }

    /// The same on one line.
    ///
    /// # Errors
    /// Why it is not stored.
    pub(crate) fn read_line(typed: &str, max: usize) -> Result<Self, Problem> {
        // A field of one line drops line ends when it shows the text again, with what they part.
        Self::judge(text::clean(typed).replace('\n', " "), max)
    }

    /// Reads a telephone number, as its digits.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn read_phone(typed: &str) -> Result<Self, Problem> {
        if text::is_blank(typed) {
            return Ok(Self::default());
        }
        Self::read(typed, SAID_CHARS_MAX)?;
        text::phone(typed).map(Self).ok_or(Problem::NotAPhone)
    }

    /// Reads a code that must be chosen from a list.
    ///
    /// # Errors
    /// When nothing was chosen, or the list has no such code.
    pub(crate) fn read_code(list: List, typed: &str) -> Result<Self, Problem> {
        if typed.is_empty() {
            return Err(Problem::Missing);
        }
        let entry = codelist::find(list, typed).ok_or(Problem::UnknownCode)?;
        Ok(Self(entry.code.to_owned()))
    }

    /// The beginning of a text that a record holds, for another record that follows from it.
    ///
    /// What must not be stored is not stored a second time: such a text stays where it is.
    pub(crate) fn taken_over(kept: &str, max: usize) -> Self {
        let short = text::excerpt(&text::clean(kept), max);
        Self::judge(short, max).unwrap_or_default()
    }

    fn judge(cleaned: String, max: usize) -> Result<Self, Problem> {
        if text::length(&cleaned) > max {
            Err(Problem::TooLong(max))
        } else if text::has_identity_number(&cleaned) {
            Err(Problem::IdentityNumber)
        } else {
            Ok(Self(cleaned))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Said {
    type Err = Problem;

    fn from_str(typed: &str) -> Result<Self, Problem> {
        Self::read(typed, SAID_CHARS_MAX)
    }
}

impl PartialEq<Said> for String {
    fn eq(&self, said: &Said) -> bool {
        *self == said.0
    }
}

impl Deref for Said {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}
