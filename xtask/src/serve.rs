//! `run`: everything built, then the demo station at work.

use std::fs;
use std::process::Command;

use crate::dist;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::shell::{self, say};
use crate::workspace;

/// Builds app and server and becomes the server.
pub fn run(flags: &Flags) -> Result<(), Failure> {
    let app = dist::build(flags.profile())?;
    let (profile, folder) = if flags.dev {
        ("dev", "debug")
    } else {
        ("release", "release")
    };
    say(&format!("server: cargo build -p sync-server ({profile})"));
    shell::run(&mut shell::cargo(&[
        "build",
        "-p",
        "sync-server",
        "--profile",
        profile,
    ]))?;

    let data = workspace::target().join("demo");
    if flags.reset && data.exists() {
        say("demo data: removed, a new demo station will be made");
        fs::remove_dir_all(&data).map_err(Failure::file(&data))?;
    }
    say(&format!(
        "start: http://127.0.0.1:{}  (Ctrl-C stops it)",
        flags.port
    ));
    let mut server = Command::new(workspace::server(folder));
    server
        .arg("--demo")
        .args(["--listen", &format!("127.0.0.1:{}", flags.port)])
        .arg("--data")
        .arg(&data)
        .arg("--app")
        .arg(&app);
    become_program(&mut server)
}

/// The server takes our place, so that every signal reaches it and nothing stands between.
#[cfg(unix)]
fn become_program(command: &mut Command) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt as _;

    let error = command.exec();
    Err(Failure::Tool(format!("{}: {error}", shell::line(command))))
}

#[cfg(not(unix))]
fn become_program(command: &mut Command) -> Result<(), Failure> {
    shell::run(command)
}
