//! `bench`: the promised figures, measured on the real app and the real server.

use crate::dist::Profile;
use crate::failure::Failure;
use crate::{shots, size};

/// Sizes first, then the walk that measures requests, times and memory.
pub fn run() -> Result<(), Failure> {
    // A budget that is missed must not hide the other figures; it is said again at the end.
    let sizes = size::run();
    shots::walk("bench", Profile::App, &[])?;
    sizes
}
