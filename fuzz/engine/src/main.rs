//! One target under libFuzzer: `FENGGE_FUZZ_TARGET` names it, its seeds go into `FENGGE_FUZZ_CORPUS`.
#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use fuzz::{MEMORY_BYTES_MAX, Target};
use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(
    init: begin(),
    |input: &[u8]| {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        (TARGET.get().expect("a target").run)(input);
        let more = MEMORY.peak_usage().saturating_sub(before);
        assert!(more <= MEMORY_BYTES_MAX, "{more} bytes of memory for one input");
    }
);

/// Finds the target and writes its seeds before libFuzzer reads the corpus.
fn begin() {
    let name = std::env::var("FENGGE_FUZZ_TARGET").expect("FENGGE_FUZZ_TARGET names a target");
    let target = fuzz::target(&name).expect("a target of that name");
    if let Some(folder) = std::env::var_os("FENGGE_FUZZ_CORPUS").map(PathBuf::from) {
        for (place, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{place}")), seed).expect("a seed");
        }
    }
    let _first = TARGET.set(target);
}
