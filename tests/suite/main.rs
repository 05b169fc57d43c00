//! Tests of the harness itself.

mod gate;
