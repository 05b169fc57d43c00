//! Tests of the harness itself.
#![expect(
    clippy::expect_used,
    reason = "helpers of tests, which clippy takes for other code"
)]

mod agree;
mod damage;
mod faults;
mod gate;
mod headless;
mod hostile;
mod kill;
mod proxy;
mod simulator;
mod storm;
