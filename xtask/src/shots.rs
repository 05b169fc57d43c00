//! `shots`: pictures of every screen of the real app.

use std::process::Command;

use crate::dist::{self, Profile};
use crate::failure::Failure;
use crate::shell::{self, say};
use crate::{browser_needs, test, workspace};

/// Builds what is shown and lets the picture program of the test harness walk through it.
pub fn run(profile: Profile) -> Result<(), Failure> {
    let folder = workspace::target().join("shots");
    walk("shots", profile, &[&folder.to_string_lossy()])
}

/// Runs one of the programs that drive the real app in a browser.
pub fn walk(program: &str, profile: Profile, args: &[&str]) -> Result<(), Failure> {
    let browser = browser_needs::ensure()?;
    let dist = dist::build(profile)?;
    say("server: cargo build -p sync-server (release)");
    shell::run(&mut shell::cargo(&[
        "build",
        "-p",
        "sync-server",
        "--release",
    ]))?;
    test::build_native()?;
    let mut command = Command::new(test::debug_program(program));
    command
        .args(args)
        .env("FENGGE_DIST", dist)
        .env("FENGGE_SERVER", workspace::server("release"))
        .env("CHROMIUM", &browser.chromium)
        .env("CHROMEDRIVER", &browser.driver);
    shell::run(&mut command)
}
