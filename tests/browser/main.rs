//! The whole, in real browsers, with the network really cut.

mod agree;
mod carry;
mod damage;
mod drafts;
mod faults;
mod invitation;
mod link;
mod live;
mod offline;
mod photo;
mod places;
mod server;
mod shared;
mod update;
