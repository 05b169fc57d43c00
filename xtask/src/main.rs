//! The one door to every chore: build, run, test, measure, picture, tidy.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool prints"
)]

mod bench;
mod browser_needs;
mod dist;
mod failure;
mod flags;
mod fuzz;
mod report;
mod serve;
mod shell;
mod shots;
mod sim;
mod size;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use failure::Failure;
use flags::{Command, Flags};

const USAGE: &str = "\
cargo xtask COMMAND [FLAGS]

  run    build app and server, start the demo station   [--port 8080] [--reset] [--dev]
  build  build the app into target/dist                 [--dev]
  test   format, lints, tidy and every test, browser tests too
  ci     the same, as the build machine runs it
  shots  pictures of every screen into target/shots
  size   bytes of every shipped file, raw and compressed
  bench  the figures that are promised: bytes, times, memory
  bench sync  the same for the sync                     [--data DIR] [--only SCENARIO]
  bench storm  floods against the server, and an honest phone meanwhile   [--seconds N] [--only STORM]
  sim    many phones and every fault, 2,000 seeds       [--seeds N] [--long] [--seed S] [--bugs]
  fuzz   hostile bytes for every reader, by libFuzzer    [--minutes N] [--target NAME]
  tidy   the rules of the house that no compiler checks";

fn main() -> ExitCode {
    match Flags::parse(std::env::args().skip(1)).and_then(|flags| start(&flags)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(reason)) => {
            eprintln!("{reason}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn start(flags: &Flags) -> Result<(), Failure> {
    match flags.command {
        Command::Help => {
            println!("{USAGE}");
            Ok(())
        }
        Command::Run => serve::run(flags),
        Command::Build => dist::build(flags.profile()).map(drop),
        Command::Test | Command::Ci => test::run(),
        Command::Shots => shots::run(flags.profile()),
        Command::Size => size::run(),
        Command::Bench => bench::run(),
        Command::BenchSync => bench::sync(flags),
        Command::BenchStorm => bench::storm(flags),
        Command::Sim => sim::run(flags),
        Command::Fuzz => fuzz::run(flags),
        Command::Tidy => tidy::run(),
    }
}
