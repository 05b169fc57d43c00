//! The rules of docs/SPEC.md that the core alone can show: black box through a phone in memory.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::unwrap_in_result,
    reason = "a test stops where what it set up is not there"
)]

mod access;
mod cells;
mod convergence;
mod fixture;
mod forge;
mod forms;
mod hand;
mod honest;
mod hostile;
mod keys;
mod mending;
mod merge;
mod mutation;
mod phone;
mod photos;
mod records;
mod rounds;
mod said;
mod scope;
mod steps;
mod storage;
mod sync;
mod views;
