//! The proof that the merge library takes a document's changes, and saves and loads what comes of them.

use automerge::{Automerge, Change, LoadOptions};

use super::ENCODING;
use super::reading::Reading;
use crate::id::ChangeHash;

/// Whether the merge library takes these changes, which `reading` took before, as every phone does
/// when it opens the document, and whether the document, saved and loaded by it, is the same again.
///
/// The library writes all changes anew when it saves. One that it would write otherwise could never
/// be loaded again; [`super::check()`] refuses all such forms that are known.
#[must_use]
pub fn reopens(reading: &Reading, changes: &[&[u8]]) -> bool {
    let parsed = changes.iter().map(|bytes| Change::try_from(*bytes));
    let Ok(parsed) = parsed.collect::<Result<Vec<_>, _>>() else {
        return false;
    };
    let mut document = Automerge::new_with_encoding(ENCODING);
    let expected = reading.heads();
    let options = LoadOptions::new().text_encoding(ENCODING);
    document.apply_changes(parsed).is_ok()
        && agrees(&document, &expected)
        && Automerge::load_with_options(&document.save_nocompress(), options)
            .is_ok_and(|loaded| agrees(&loaded, &expected))
}

fn agrees(document: &Automerge, expected: &[ChangeHash]) -> bool {
    let heads = document.get_heads();
    heads.len() == expected.len()
        && heads
            .iter()
            .zip(expected)
            .all(|(one, other)| one.0 == other.0)
}
