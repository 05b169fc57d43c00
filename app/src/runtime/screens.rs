//! What the runtime tells the screens.

use std::collections::BTreeSet;

use domain::id::RecordId;
use domain::replica::SyncStatus;
use domain::replica::journal::Damage;
use domain::sync::message::UsedUp;
use domain::unit::Directory;
use domain::view::Row;

use super::carry::Delivery;
use crate::platform::Room;
use crate::store::identities::Known;
use crate::store::indexed_db::{Notice, OpenError};
use crate::store::photos::Book;

/// The screens' ears; each call sets what they may read.
///
/// The first five are told by an identity's runtime; the rest by the phone alone, so that ears of
/// a runtime need not have them.
pub trait Screens {
    /// These rows are new, or not what they were.
    fn rows(&self, rows: Vec<Row>);
    /// The rows of these records may have gone: what was shown before its record came, and never did.
    fn gone(&self, _records: &BTreeSet<RecordId>) {}
    /// The state of the exchange.
    fn status(&self, status: SyncStatus);
    /// Who and where.
    fn directory(&self, directory: Directory);
    /// Which devices of the station have used up what they may bring in a day.
    fn used_up(&self, _devices: Vec<UsedUp>) {}
    /// How much was set aside.
    fn aside(&self, count: u32);
    /// The unfinished forms that an earlier start has left, by key.
    fn drafts(&self, _drafts: Vec<(String, String)>) {}
    /// What is known of photos.
    fn photos(&self, _book: &Book) {}
    /// What became of that which is carried for others.
    fn carried(&self, _delivery: Delivery) {}
    /// The people who joined on this phone, and which of them uses it.
    fn identities(&self, _all: Vec<Known>, _current: Option<usize>) {}
    /// Whether the browser keeps our data, and how much room there is.
    fn room(&self, _room: Room) {}
    /// Something about the database that a person must know.
    fn notice(&self, _notice: Notice) {}
    /// The database had lost something.
    fn damage(&self, _damage: Damage) {}
    /// The database cannot be opened: nothing can be recorded.
    fn closed(&self, _error: OpenError) {}
    /// A new version of the app waits for the officer's word.
    fn update_ready(&self) {}
    /// The stored state has been shown, or there is none: the app is ready for use.
    fn ready(&self) {}
}
