//! The whole, in real browsers, with the network really cut.

mod offline;
mod photo;
mod server;
mod shared;
