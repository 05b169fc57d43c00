//! Cargo's runner for wasm32 tests: wasm-bindgen's own, pinned by the lock file instead of downloaded.

#![expect(clippy::print_stderr, reason = "a command line tool talks on stderr")]

use std::process::ExitCode;

fn main() -> ExitCode {
    match wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
