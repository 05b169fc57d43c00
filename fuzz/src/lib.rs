//! Hostile bytes for everything that reads bytes from outside: one function a target.
//!
//! The same functions are run by the normal tests, over seeds and mutations of them, and by libFuzzer
//! (`cargo xtask fuzz`). A target stops with a panic where a rule is broken; a reader that panics
//! stops it as well. Whatever a target needs is made by code.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a target stops where a rule is broken"
)]

mod bundle;
mod change;
mod codec;
mod kept;
mod link;
mod mutation;
mod org;
pub mod seed;
mod server;

pub use mutation::Mutator;

/// The most bytes of an input.
pub const INPUT_BYTES_MAX: usize = 128 * 1024;
/// The most bytes of memory that one input may cost while it is read.
pub const MEMORY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// One thing that reads bytes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Lets it read an input.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets. A new reader of foreign bytes gets a line here.
pub const TARGETS: &[Target] = &[
    Target {
        name: "change",
        run: change::run,
        seeds: change::seeds,
    },
    Target {
        name: "gate",
        run: server::gate,
        seeds: server::gate_seeds,
    },
    Target {
        name: "router",
        run: server::router,
        seeds: server::router_seeds,
    },
    Target {
        name: "request",
        run: codec::request,
        seeds: codec::request_seeds,
    },
    Target {
        name: "answer",
        run: codec::answer,
        seeds: codec::answer_seeds,
    },
    Target {
        name: "page",
        run: codec::page,
        seeds: codec::page_seeds,
    },
    Target {
        name: "packed",
        run: codec::packed,
        seeds: codec::packed_seeds,
    },
    Target {
        name: "repair",
        run: codec::repair,
        seeds: codec::repair_seeds,
    },
    Target {
        name: "kept",
        run: kept::run,
        seeds: kept::seeds,
    },
    Target {
        name: "link",
        run: link::run,
        seeds: link::seeds,
    },
    Target {
        name: "org",
        run: org::run,
        seeds: org::seeds,
    },
    Target {
        name: "bundle",
        run: bundle::run,
        seeds: bundle::seeds,
    },
];

/// The target of that name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|target| target.name == name).copied()
}
