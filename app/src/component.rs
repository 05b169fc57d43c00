//! Pieces of screens that know no store and no link: they take values and callbacks.

pub mod chips;
pub mod field;
pub mod list;
pub mod search;
pub mod sheet;
pub mod shell;
pub mod sync_line;
