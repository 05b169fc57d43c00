//! The whole, in real browsers, with the network really cut.

mod link;
mod offline;
mod server;
mod shared;
