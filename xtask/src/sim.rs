//! `sim`: the simulator at full speed, over many seeds or one.

use std::process::Command;

use crate::failure::Failure;
use crate::flags::Flags;
use crate::shell::{self, say};
use crate::workspace;

/// Builds the simulator and hands the flags on; it prints what it did and how to repeat it.
pub fn run(flags: &Flags) -> Result<(), Failure> {
    say("the simulator (release)");
    let build = ["build", "--release", "-p", "tests", "--bin", "sim"];
    shell::run(&mut shell::cargo(&build))?;
    let mut command = Command::new(workspace::program("release", "sim"));
    // Hours of playing go on where they were stopped, as long as the code is the same.
    if flags.sim.iter().any(|flag| flag == "--long") {
        command
            .arg("--keep")
            .arg(workspace::target().join("sim/long.json"));
    }
    shell::run(command.args(&flags.sim))
}
