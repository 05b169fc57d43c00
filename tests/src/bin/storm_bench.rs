//! `cargo xtask bench storm`: floods a real server and prints what became of it.
#![expect(clippy::print_stderr, reason = "a command line tool prints")]

use std::process::ExitCode;
use std::time::Duration;

use tests::storm::{self, Options, Storm};

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::from(2);
        }
    };
    if storm::run(&options).await {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} wants a value"))?;
        match name.as_str() {
            "--seconds" => {
                let seconds = value.parse().ok().filter(|s| (1..=600).contains(s));
                let seconds = seconds.ok_or("--seconds wants a number from 1 to 600")?;
                options.time = Duration::from_secs(seconds);
            }
            "--only" => {
                let names = Storm::NAMES.join(", ");
                let known = Storm::named(&value);
                options.only = Some(known.ok_or_else(|| format!("--only takes one of {names}"))?);
            }
            _ => return Err(format!("no such flag: {name}")),
        }
    }
    Ok(options)
}
