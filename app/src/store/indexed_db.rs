//! One identity's database in the browser.

pub(crate) mod bridge;
pub(crate) mod open;
pub(crate) mod read;
mod save;
pub(crate) mod schema;

pub use open::{Listener, Notice, OpenError, delete};
