//! `bench`: the promised figures, measured on the real app, the real server, headless phones, and
//! floods.

use std::process::Command;

use crate::dist::{self, Profile};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::shell::{self, say};
use crate::{browser_needs, shots, size, workspace};

/// Sizes first, then the walk that measures requests, times and memory.
pub fn run() -> Result<(), Failure> {
    // A budget that is missed must not hide the other figures; it is said again at the end.
    let sizes = size::run();
    shots::walk("bench", Profile::App, &[])?;
    sizes
}

/// Headless phones and the server, with a proxy that is a bad line between them.
pub fn sync(flags: &Flags) -> Result<(), Failure> {
    say("phone, server and the bench (release)");
    let mut build = shell::cargo(&["build", "--release", "-p", "tests", "-p", "sync-server"]);
    // Named one by one: the other programs of the harness drive a browser and are not needed.
    for program in ["phone", "sync-bench", "sync-server"] {
        build.args(["--bin", program]);
    }
    shell::run(&mut build)?;
    let mut command = Command::new(workspace::program("release", "sync-bench"));
    for (name, value) in [("--data", &flags.data), ("--only", &flags.only)] {
        command.args(value.iter().flat_map(|value| [name, value]));
    }
    // One row comes from a real browser, with the app as it is shipped.
    if flags.only.as_deref().is_none_or(|only| only == "browser") {
        let browser = browser_needs::ensure()?;
        command
            .env("FENGGE_DIST", dist::build(Profile::App)?)
            .env("CHROMIUM", &browser.chromium)
            .env("CHROMEDRIVER", &browser.driver);
    }
    command
        .env("FENGGE_PHONE", workspace::program("release", "phone"))
        .env("FENGGE_SERVER", workspace::server("release"));
    shell::run(&mut command)
}

/// Floods from several addresses of this machine, and an honest phone meanwhile.
pub fn storm(flags: &Flags) -> Result<(), Failure> {
    say("server and the storms (release)");
    let mut build = shell::cargo(&["build", "--release", "-p", "tests", "-p", "sync-server"]);
    for program in ["storm-bench", "sync-server"] {
        build.args(["--bin", program]);
    }
    shell::run(&mut build)?;
    let mut command = Command::new(workspace::program("release", "storm-bench"));
    for (name, value) in [("--seconds", &flags.seconds), ("--only", &flags.only)] {
        command.args(value.iter().flat_map(|value| [name, value]));
    }
    command.env("FENGGE_SERVER", workspace::server("release"));
    shell::run(&mut command)
}
