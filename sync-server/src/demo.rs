//! The demonstration: a fictional town with its people and a few weeks of invented work.

mod org;
mod random;
