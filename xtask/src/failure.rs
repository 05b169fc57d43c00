//! What can go wrong in a chore, said in one line.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a chore stopped.
#[derive(Debug)]
pub enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// A tool that we started could not be started or reported failure.
    Tool(String),
    /// A file could not be read or written.
    File(PathBuf, std::io::Error),
    /// Something was checked and is not as it should be.
    Check(String),
}

impl Failure {
    /// Wraps an input/output error together with the path that it is about.
    pub fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |error| Self::File(path, error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Tool(text) | Self::Check(text) => out.write_str(text),
            Self::File(path, error) => write!(out, "{}: {error}", path.display()),
        }
    }
}
