//! Photos of a record: what it says of them. Their bytes lie beside it and never in a change.
//!
//! A photo is an event of the record's course, so a document of any age can have one: no container
//! is needed that its first change did not make. Taking one away is an event too, and both stay.

use serde::{Deserialize, Serialize};

use super::{Event, EventKind};
use crate::document::{Edit, Tree, Value};
use crate::id::{ItemId, PersonId, PhotoHash};
use crate::time::Millis;

/// Most bytes of a whole photo.
pub const FULL_BYTES_MAX: u32 = 400 * 1024;
/// Most bytes of a thumbnail.
pub const THUMB_BYTES_MAX: u32 = 40 * 1024;
/// The longest edge of a whole photo, in pixels.
pub const FULL_EDGE_MAX: u32 = 1_600;
/// The longest edge of a thumbnail, in pixels.
pub const THUMB_EDGE_MAX: u32 = 320;
/// Most photos of one record.
pub const PHOTOS_MAX: usize = 20;

/// The word of the event that adds a photo.
const ADDED: &str = "photo";
/// The word of the event that takes one away.
const REMOVED: &str = "photo_removed";

/// Which of the two pictures of a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Size {
    /// The small one.
    Thumb,
    /// The whole one.
    Full,
}

impl Size {
    /// The word on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Thumb => "thumb",
            Self::Full => "full",
        }
    }

    /// The size with this word.
    #[must_use]
    pub fn from_code(word: &str) -> Option<Self> {
        [Self::Thumb, Self::Full]
            .into_iter()
            .find(|size| size.code() == word)
    }
}

/// What a record says of a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Photo {
    /// SHA-256 of the whole photo: its name everywhere.
    pub full: PhotoHash,
    /// Its length in bytes.
    pub full_bytes: u32,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// SHA-256 of the thumbnail.
    pub thumb: PhotoHash,
    /// Its length in bytes.
    pub thumb_bytes: u32,
    /// When it was taken, by the device's clock.
    pub taken_at: Millis,
}

impl Photo {
    /// Name and length of one of its pictures.
    #[must_use]
    pub const fn picture(&self, size: Size) -> (PhotoHash, u32) {
        match size {
            Size::Thumb => (self.thumb, self.thumb_bytes),
            Size::Full => (self.full, self.full_bytes),
        }
    }

    fn is_sound(&self) -> bool {
        let edge = |pixels| (1..=FULL_EDGE_MAX).contains(&pixels);
        (1..=FULL_BYTES_MAX).contains(&self.full_bytes)
            && (1..=THUMB_BYTES_MAX).contains(&self.thumb_bytes)
            && edge(self.width)
            && edge(self.height)
    }
}

/// A photo that a record has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name inside the record.
    pub id: ItemId,
    /// Who added it.
    pub by: PersonId,
    /// What is said of it.
    pub photo: Photo,
}

/// The photos of a record in the order of their names; those that were taken away are left out, and
/// so is what comes after the first [`PHOTOS_MAX`].
#[must_use]
pub fn of(events: &[Event]) -> Vec<Kept> {
    let gone = |id: ItemId| {
        let mut whats = events.iter().map(|event| &event.what);
        whats.any(|what| matches!(what, EventKind::PhotoRemoved(of) if *of == id))
    };
    let kept = events.iter().filter_map(|event| match event.what {
        EventKind::Photo(photo) if !gone(event.id) => Some(Kept {
            id: event.id,
            by: event.by.clone(),
            photo,
        }),
        EventKind::Photo(_)
        | EventKind::PhotoRemoved(_)
        | EventKind::Step(_)
        | EventKind::Note { .. } => None,
    });
    kept.take(PHOTOS_MAX).collect()
}

/// Reads an event about a photo; none when it is about something else or cannot be read.
pub(super) fn event(tree: &Tree, key: &str, word: &str) -> Option<EventKind> {
    let field = |name: &str| format!("ev/{key}/{name}");
    let hash = |name: &str| PhotoHash::from_hex(tree.text(&field(name))?).ok();
    let number = |name: &str| u32::try_from(tree.int(&field(name))?).ok();
    match word {
        ADDED => {
            let photo = Photo {
                full: hash("full")?,
                full_bytes: number("bytes")?,
                width: number("w")?,
                height: number("h")?,
                thumb: hash("thumb")?,
                thumb_bytes: number("tbytes")?,
                taken_at: tree.at(&field("at"))?,
            };
            photo.is_sound().then_some(EventKind::Photo(photo))
        }
        REMOVED => Some(EventKind::PhotoRemoved(
            tree.text(&field("of"))?.parse().ok()?,
        )),
        _ => None,
    }
}

/// Whether an event with this word is about a photo.
pub(super) fn is_about(word: &str) -> bool {
    word == ADDED || word == REMOVED
}

/// The edits that add a photo.
#[must_use]
pub fn add_edits(id: ItemId, by: &PersonId, photo: &Photo) -> Vec<Edit> {
    let field = |name: &str| format!("ev/{id}/{name}");
    let number = |name, value: u32| Edit::new(field(name), Value::Int(value.into()));
    vec![
        Edit::new(field("t"), ADDED),
        Edit::new(field("at"), photo.taken_at),
        Edit::new(field("by"), by.as_str()),
        Edit::new(field("full"), Value::Text(photo.full.hex())),
        number("bytes", photo.full_bytes),
        number("w", photo.width),
        number("h", photo.height),
        Edit::new(field("thumb"), Value::Text(photo.thumb.hex())),
        number("tbytes", photo.thumb_bytes),
    ]
}

/// The edits that take a photo away.
#[must_use]
pub fn remove_edits(id: ItemId, by: &PersonId, at: Millis, of: ItemId) -> Vec<Edit> {
    let field = |name: &str| format!("ev/{id}/{name}");
    vec![
        Edit::new(field("t"), REMOVED),
        Edit::new(field("at"), at),
        Edit::new(field("by"), by.as_str()),
        Edit::new(field("of"), Value::Text(of.to_string())),
    ]
}
