//! Where things lie in the checkout.

use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// The app as it is served: `target/dist`.
pub fn dist() -> PathBuf {
    target().join("dist")
}

/// The server as `profile` builds it.
pub fn server(profile: &str) -> PathBuf {
    program(profile, "sync-server")
}

/// A native program as `profile` builds it.
pub fn program(profile: &str, name: &str) -> PathBuf {
    target()
        .join(profile)
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}
