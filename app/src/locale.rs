//! All text that people read, in Chinese and English.

pub mod fault;
pub mod format;
pub mod word;

use core::cell::Cell;

use domain::codelist::{self, Language, List};
use domain::view::figure::Figure;

thread_local! {
    static LANGUAGE: Cell<Language> = const { Cell::new(Language::Zh) };
}

/// The language that a setting names; Chinese where there is none.
#[must_use]
pub fn language(setting: Option<&str>) -> Language {
    if setting == Some("en") {
        Language::En
    } else {
        Language::Zh
    }
}

/// The language that text is given in now.
#[must_use]
pub fn spoken() -> Language {
    LANGUAGE.with(Cell::get)
}

/// Changes the language; the app's root draws everything anew.
pub fn speak(language: Language) {
    LANGUAGE.with(|slot| slot.set(language));
    let root = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.document_element());
    if let Some(root) = root {
        let tag = if language == Language::Zh {
            "zh-CN"
        } else {
            "en"
        };
        // A page without the right tag is still read.
        let _tagged = root.set_attribute("lang", tag);
    }
}

/// The name of a figure: the same wherever it is shown, because it counts the same everywhere.
#[must_use]
pub fn figure(figure: Figure) -> &'static str {
    codelist::name(List::Figure, figure.code(), spoken())
}

/// A text in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    zh: &'static str,
    en: &'static str,
}

/// A text in both languages.
#[must_use]
pub const fn word(zh: &'static str, en: &'static str) -> Word {
    Word { zh, en }
}

impl Word {
    /// The text in the language of now.
    #[must_use]
    pub fn s(self) -> &'static str {
        match spoken() {
            Language::Zh => self.zh,
            Language::En => self.en,
        }
    }

    /// The text with `{}` replaced.
    #[must_use]
    pub fn with(self, value: impl core::fmt::Display) -> String {
        self.s().replacen("{}", &value.to_string(), 1)
    }

    /// The text with two `{}` replaced, in their order.
    #[must_use]
    pub fn with2(self, first: impl core::fmt::Display, second: impl core::fmt::Display) -> String {
        self.with(first).replacen("{}", &second.to_string(), 1)
    }
}

/// Names one after the other.
#[must_use]
pub fn listed(names: &[String]) -> String {
    names.join(word("、", ", ").s())
}

/// The name of a code.
#[must_use]
pub fn code(list: List, code: &str) -> String {
    capital(codelist::name(list, code, spoken()))
}

/// The name of a note's kind: one that people pick, or one that comes with a step or a report.
#[must_use]
pub fn note(kind: &str) -> String {
    let told = codelist::find(List::Told, kind).is_some();
    code(if told { List::Told } else { List::EventKind }, kind)
}

/// The short name of a dispute's category: without the word for dispute, which the page has said.
#[must_use]
pub fn category(code: &str) -> String {
    let name = codelist::name(List::DisputeCategory, code, spoken());
    capital(name.strip_suffix("纠纷").unwrap_or(name))
}

/// With a capital letter, as labels are written.
fn capital(name: &str) -> String {
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}
