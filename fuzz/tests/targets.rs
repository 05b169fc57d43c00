//! Every target over its seeds and mutations of them: nothing panics, memory and time are bounded.
#![expect(clippy::expect_used, reason = "a test stops where a rule is broken")]

use std::sync::Mutex;
use std::time::{Duration, Instant};

use fuzz::{MEMORY_BYTES_MAX, Mutator, Target, target};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// One target at a time, or they would see each other's memory.
static ALONE: Mutex<()> = Mutex::new(());
/// How long one input may take on a busy machine and without optimisation.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Runs the seeds and so many inputs that are made of them.
fn tried(name: &str, count: u32) {
    let _alone = ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let target = target(name).expect("a target of that name");
    let seeds = (target.seeds)();
    for seed in &seeds {
        read(target, seed);
    }
    let mut mutator = Mutator::new(u64::from(count));
    for _ in 0..count {
        read(target, &mutator.input(&seeds));
    }
}

fn read(target: Target, input: &[u8]) {
    let (before, begun) = (MEMORY.current_usage(), Instant::now());
    MEMORY.reset_peak_usage();
    let read = std::panic::catch_unwind(|| (target.run)(input));
    let more = MEMORY.peak_usage().saturating_sub(before);
    let took = begun.elapsed();
    let text = || input.escape_ascii();
    assert!(read.is_ok(), "{} panics on {}", target.name, text());
    assert!(
        more <= MEMORY_BYTES_MAX,
        "{}: {more} bytes for {}",
        target.name,
        text()
    );
    assert!(took <= TIME_MAX, "{}: {took:?} for {}", target.name, text());
}

#[test]
fn sy14_sy15_sy16_no_change_hurts_a_phone() {
    tried("change", 3_000);
}

#[test]
fn pr1_f45_f46_no_change_hurts_the_server_or_its_batch_mates() {
    tried("gate", 150);
}

#[test]
fn pr1_f46_no_request_hurts_the_server() {
    tried("router", 1_000);
}

#[test]
fn sy14_no_request_stops_its_reader() {
    tried("request", 2_000);
}

#[test]
fn sy14_no_answer_stops_its_reader() {
    tried("answer", 1_000);
}

#[test]
fn sy14_sy18_no_page_stops_its_reader() {
    tried("page", 5_000);
}

#[test]
fn sy14_no_packed_bytes_stop_their_reader() {
    tried("packed", 300);
}

#[test]
fn sy14_sy20_no_comparison_stops_either_side() {
    tried("repair", 5_000);
}

#[test]
fn sy14_dm2_nothing_that_lies_on_a_disk_stops_the_phone() {
    tried("kept", 5_000);
}

#[test]
fn sy14_sy19_no_answer_over_http_stops_the_phone() {
    tried("link", 5_000);
}

#[test]
fn sy14_bd1_no_file_that_was_carried_stops_its_reader() {
    tried("bundle", 2_000);
}
