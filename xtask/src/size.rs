//! `size`: what a phone downloads, file by file, and whether it stays under the budget.

use std::fs;
use std::path::Path;

use crate::dist::{self, Profile};
use crate::failure::Failure;

/// The whole app, compressed with brotli, must fit into this.
const FIRST_LOAD_BYTES_MAX: u64 = 500_000;
/// Served, but no part of a first load.
const NOT_FIRST: [&str; 1] = ["robots.txt"];

/// Bytes of one file or of a sum of files.
#[derive(Default, Clone, Copy)]
struct Bytes {
    raw: u64,
    gzip: u64,
    brotli: u64,
}

/// Prints the table; an error when the first load is over the budget.
pub fn run() -> Result<(), Failure> {
    let folder = dist::build(Profile::App)?;
    let mut names = dist::names(&folder)?;
    names.sort();
    println!(
        "{:<44} {:>10} {:>10} {:>10}",
        "file", "raw", "gzip", "brotli"
    );
    let mut total = Bytes::default();
    for name in &names {
        let bytes = measure(&folder.join(name))?;
        row(name, bytes);
        if !NOT_FIRST.contains(&name.as_str()) {
            total.raw += bytes.raw;
            total.gzip += bytes.gzip;
            total.brotli += bytes.brotli;
        }
    }
    row("first load", total);
    let budget = format!("{} of {FIRST_LOAD_BYTES_MAX} bytes (brotli)", total.brotli);
    if total.brotli > FIRST_LOAD_BYTES_MAX {
        return Err(Failure::Check(format!(
            "first load over its budget: {budget}"
        )));
    }
    println!("first load within its budget: {budget}");
    Ok(())
}

fn row(name: &str, bytes: Bytes) {
    println!(
        "{name:<44} {:>10} {:>10} {:>10}",
        bytes.raw, bytes.gzip, bytes.brotli
    );
}

/// A file without a compressed twin travels as it is.
fn measure(path: &Path) -> Result<Bytes, Failure> {
    let raw = fs::metadata(path).map_err(Failure::file(path))?.len();
    let twin = |suffix: &str| {
        let name = format!("{}.{suffix}", path.display());
        fs::metadata(name).map_or(raw, |meta| meta.len())
    };
    Ok(Bytes {
        raw,
        gzip: twin("gz"),
        brotli: twin("br"),
    })
}
