//! Floods against a real server process: memory stays bounded, and an honest phone is served.

use std::time::Duration;

use tests::storm::{self, MEMORY_MB_MAX, Storm};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr7_floods_of_bodies_and_frames_leave_memory_and_an_honest_phone_alone() {
    // Bodies of 24 connections took 823 MiB before.
    for storm in [
        Storm::Bodies(24),
        Storm::Reset,
        Storm::Continuation,
        Storm::Ping,
    ] {
        let outcome = storm::play(storm, Duration::from_secs(6)).await;
        assert!(outcome.peak_mb <= MEMORY_MB_MAX, "{outcome:?}");
        assert!(outcome.honest.count() > 0, "{outcome:?}");
        assert!(!outcome.answered.is_empty(), "{outcome:?}");
    }
}
