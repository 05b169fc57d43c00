//! One identity's database in the browser.

mod bridge;
mod open;
mod schema;

pub use open::{Listener, Notice, OpenError, delete};
