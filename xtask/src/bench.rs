//! `bench`: the promised figures, measured on the real app and the real server.

use crate::dist::Profile;
use crate::failure::Failure;
use crate::{shots, size};

/// Sizes first, then the walk that measures requests, times and memory.
pub fn run() -> Result<(), Failure> {
    size::run()?;
    shots::walk("bench", Profile::App, &[])
}
