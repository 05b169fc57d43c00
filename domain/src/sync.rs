//! Sync: the words that device and server exchange, the same code on both ends.

pub mod backoff;
pub mod message;
