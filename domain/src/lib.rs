//! The pure core of Fengge: every rule of records, merge, access, views and sync.
//!
//! Nothing here does IO, awaits, asks the clock or rolls dice: time, random bytes and stored bytes
//! come in as arguments, and what is to be done goes out as values. The phone and the server are two
//! thin shells round this crate.

#![warn(unreachable_pub)]

pub mod access;
pub mod codelist;
pub mod command;
pub mod document;
pub mod id;
pub mod record;
pub mod replica;
pub mod sync;
pub mod text;
pub mod time;
pub mod unit;
pub mod upload;
pub mod view;
