//! The harness: a real server behind a gate, real browsers before it, and pages read as a person reads.
//!
//! Everything here stops the test with a clear sentence when the world is not as expected.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a harness stops the test that uses it"
)]

pub mod bench_server;
pub mod browser;
pub mod camera;
pub mod courier;
pub mod gate;
pub mod headless;
pub mod hostile;
pub mod page;
pub mod phone_process;
pub mod proxy;
pub mod server;
pub mod simulator;
pub mod storm;
pub mod sync_bench;
pub mod trap;
pub mod usage;
pub mod walk;
pub mod words;
pub mod workload;

use std::time::Duration;

/// How long anything that should happen may take, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(40);
/// How often a condition is looked at again.
pub const LOOK_EVERY: Duration = Duration::from_millis(60);

/// Looks again and again until `check` gives a value; stops the test when patience ends.
pub async fn eventually<T, F>(what: &str, mut check: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(tokio::time::Instant::now() < end, "never came: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
