//! `cargo xtask bench sync`: prints the figures of the sync, measured on real processes.
#![expect(clippy::print_stderr, reason = "a command line tool prints")]

use std::process::ExitCode;

use tests::sync_bench::{self, Options, Scenario};

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::from(2);
        }
    };
    if sync_bench::run(&options).await {
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
            "--data" => options.data = Some(value.into()),
            "--only" => {
                let names = Scenario::NAMES.join(", ");
                let known = Scenario::named(&value);
                options.only = Some(known.ok_or_else(|| format!("--only takes one of {names}"))?);
            }
            _ => return Err(format!("no such flag: {name}")),
        }
    }
    Ok(options)
}
