//! The binary: arguments, log, runtime; all the rest is the library.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use sync_server::config::Invocation;

/// Workers that answer requests; SQLite has threads of its own.
const WORKERS: usize = 2;
/// Threads for merging, at most.
const BLOCKING_THREADS_MAX: usize = 4;

fn main() -> ExitCode {
    let invocation = match Invocation::try_parse() {
        Ok(invocation) => invocation,
        Err(error) => return usage(&error),
    };
    sync_server::logging::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime
            .block_on(sync_server::run(invocation, &mut io::stdout()))
            .map_err(|error| error.to_string()),
        Err(error) => Err(format!("cannot start: {error}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => complain(&message),
    }
}

fn usage(error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        let shown = write!(io::stdout(), "{error}");
        return if shown.is_ok() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    let text = error.to_string();
    // The first paragraph names what is wrong; usage and tips follow after an empty line.
    let lines = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty());
    let joined = lines.collect::<Vec<_>>().join(" ");
    let first = joined.trim_start_matches("error: ");
    complain(&format!("{first}; see sync-server --help"))
}

fn complain(message: &str) -> ExitCode {
    // Nothing can be done when the standard error is closed.
    drop(writeln!(io::stderr(), "error: {message}"));
    ExitCode::FAILURE
}
