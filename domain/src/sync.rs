//! Sync: the words that device and server exchange, the same code on both ends.

pub mod backoff;
pub mod bundle;
pub mod frame;
pub mod leaf;
pub mod lean;
pub mod message;
pub mod pack;
pub mod repair;
pub mod signed;
pub mod sum;
pub mod transfer;
mod wire;
