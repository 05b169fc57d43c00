//! `fuzz`: the targets of the crate `fuzz` under libFuzzer, each for some minutes.

use std::fs;
use std::process::Command;

use crate::failure::Failure;
use crate::flags::Flags;
use crate::shell::{self, say};
use crate::workspace;

/// What the compiler puts into the program so that libFuzzer sees which way an input takes; the
/// flags of cargo-fuzz, without a sanitizer: the code has no unsafe blocks of its own.
const WATCHED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";
/// Seconds that one input may take.
const TIMEOUT_S: u32 = 5;
/// MiB that the whole process may take.
const RSS_MIB_MAX: u32 = 1_024;
/// What the C library's allocator keeps for itself, in bytes.
const HEAP_BYTES: &str = "33554432";
/// The longest input in bytes.
const INPUT_BYTES_MAX: u32 = 16 * 1024;
/// All targets, in the order in which they are run.
const TARGETS: &str = "fuzz/src/lib.rs";

/// Builds the engine with the nightly compiler and runs one target, or each of them.
pub fn run(flags: &Flags) -> Result<(), Failure> {
    let host = nightly()?;
    say("the fuzzers (nightly, watched by libFuzzer)");
    let target_dir = workspace::target().join("fuzz");
    let mut build = Command::new("rustup");
    build
        .args([
            "run",
            "nightly",
            "cargo",
            "build",
            "--release",
            "--target",
            &host,
        ])
        .arg("--manifest-path")
        .arg(workspace::root().join("fuzz/engine/Cargo.toml"))
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("RUSTFLAGS", WATCHED);
    shell::run(&mut build)?;
    let engine = target_dir.join(host).join("release/engine");
    let mut failed = Vec::new();
    for name in names(flags)? {
        let corpus = target_dir.join("corpus").join(&name);
        let found = target_dir.join("found").join(&name);
        for folder in [&corpus, &found] {
            fs::create_dir_all(folder).map_err(Failure::file(folder))?;
        }
        say(&format!("{name}, {} min", flags.minutes));
        let mut fuzz = Command::new(&engine);
        fuzz.env("FENGGE_FUZZ_TARGET", &name)
            .env("FENGGE_FUZZ_CORPUS", &corpus)
            // Each packing takes some MiB: they stay with the process instead of being asked for anew.
            .env("MALLOC_MMAP_THRESHOLD_", HEAP_BYTES)
            .env("MALLOC_TRIM_THRESHOLD_", HEAP_BYTES)
            .arg(&corpus)
            .arg(format!("-max_total_time={}", flags.minutes * 60))
            .arg(format!("-artifact_prefix={}/", found.display()))
            .arg(format!("-timeout={TIMEOUT_S}"))
            .arg(format!("-rss_limit_mb={RSS_MIB_MAX}"))
            .arg(format!("-max_len={INPUT_BYTES_MAX}"))
            .arg("-print_final_stats=1");
        if shell::run(&mut fuzz).is_err() {
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let found = target_dir.join("found");
    let failed = failed.join(", ");
    let text = format!(
        "found something: {failed}; the inputs lie in {}",
        found.display()
    );
    Err(Failure::Check(text))
}

/// The machine's own triple, where the nightly compiler is installed.
fn nightly() -> Result<String, Failure> {
    let mut rustc = Command::new("rustup");
    rustc
        .args(["run", "nightly", "rustc", "-vV"])
        .env_remove("RUSTUP_TOOLCHAIN");
    let said = shell::read(&mut rustc).ok();
    let host = said.and_then(|said| {
        let mut lines = said.lines();
        lines.find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
    });
    let how =
        "libFuzzer needs the nightly compiler: rustup toolchain install nightly --profile minimal";
    host.ok_or_else(|| Failure::Tool(how.to_owned()))
}

/// The names of the targets as the crate lists them, or the one that is wanted.
fn names(flags: &Flags) -> Result<Vec<String>, Failure> {
    let path = workspace::root().join(TARGETS);
    let text = fs::read_to_string(&path).map_err(Failure::file(&path))?;
    let names = text.lines().filter_map(|line| {
        let rest = line.trim().strip_prefix("name: \"")?;
        rest.strip_suffix("\",").map(str::to_owned)
    });
    let names: Vec<String> = names.collect();
    match &flags.only {
        None => Ok(names),
        Some(one) if names.contains(one) => Ok(vec![one.clone()]),
        Some(one) => {
            let all = names.join(", ");
            Err(Failure::Usage(format!("no target {one}; there are {all}")))
        }
    }
}
