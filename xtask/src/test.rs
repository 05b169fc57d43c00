//! `test`: formatting, lints, house rules and every test there is, counted at the end.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::browser_needs::{self, Browser};
use crate::dist::{self, Profile};
use crate::failure::Failure;
use crate::report::Report;
use crate::shell::{self, say};
use crate::{tidy, workspace};

const WASM: &str = "wasm32-unknown-unknown";
/// One selection of packages for every native step: another one would mean other features of
/// shared crates, and everything compiled twice.
const NATIVE: &[&str] = &["--workspace", "--exclude", "app"];

/// Runs everything; goes on after a failed step, so that one run shows all that is wrong.
pub fn run() -> Result<(), Failure> {
    let started = Instant::now();
    let mut report = Report::default();
    let browser = browser_needs::ensure()?;
    browser_needs::ensure_tracer()?;
    let mut step = |name: &str, work: &mut dyn FnMut(&mut Report) -> Result<(), Failure>| {
        say(name);
        let before = Instant::now();
        let failed_before = report.failed();
        if let Err(failure) = work(&mut report) {
            println!("{failure}");
            if report.failed() == failed_before {
                report.failed_step(name.to_owned());
            }
        }
        println!("    ({} s)", before.elapsed().as_secs());
    };
    step("format", &mut |_| {
        shell::run(&mut shell::cargo(&["fmt", "--all", "--check"]))
    });
    step("tidy", &mut |_| tidy::run());
    step("lints, native", &mut |_| {
        lints(&[NATIVE, &["--all-targets", "--test", "browser"]].concat())
    });
    step("lints, wasm", &mut |_| {
        lints(&["-p", "app", "--target", WASM, "--all-targets"])
    });
    step("native programs and tests", &mut |_| build_native());
    // Linking the app takes minutes of one core, while the tests mostly wait for each other.
    let app = std::thread::spawn(|| dist::build(Profile::App));
    step("unit, spec, property and HTTP tests", &mut native_tests);
    step("the app's own tests, in a browser", &mut |report| {
        wasm_tests(&browser, report)
    });
    let mut app = Some(app);
    step("browser tests of the whole", &mut |report| {
        let built = app.take().map(std::thread::JoinHandle::join);
        let dist = built.and_then(Result::ok);
        let died = || Failure::Check("the build of the app died".to_owned());
        browser_tests(&browser, &dist.ok_or_else(died)??, report)
    });
    println!("\ntook {} s\n{report}", started.elapsed().as_secs());
    if report.is_good() {
        Ok(())
    } else {
        Err(Failure::Check("not everything passed".to_owned()))
    }
}

fn lints(scope: &[&str]) -> Result<(), Failure> {
    let mut command = shell::cargo(&["clippy"]);
    shell::run(command.args(scope).args(["--", "-D", "warnings"]))
}

fn native_tests(report: &mut Report) -> Result<(), Failure> {
    let mut command = shell::cargo(&["test", "--no-fail-fast", "--tests"]);
    command
        .args(NATIVE)
        .env("FENGGE_SERVER", workspace::server("debug"));
    counted(&mut command, report, false)
}

/// Compiles all native programs and tests, the server and the drivers of the browser among them.
pub fn build_native() -> Result<(), Failure> {
    let mut command = shell::cargo(&["build", "--all-targets"]);
    shell::run(command.args(NATIVE))
}

fn wasm_tests(browser: &Browser, report: &mut Report) -> Result<(), Failure> {
    let build = ["build", "-p", "xtask", "--features", "wasm-test-runner"];
    shell::run(shell::cargo(&build).args(["--bin", "wasm-test-runner"]))?;
    let mut command = shell::cargo(&["test", "--no-fail-fast", "-p", "app", "--target", WASM]);
    command
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
            debug_program("wasm-test-runner"),
        )
        .env("WASM_BINDGEN_TEST_ONLY_WEB", "1")
        .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", webdriver_json(browser)?)
        .env("CHROMEDRIVER", &browser.driver);
    counted(&mut command, report, true)
}

fn browser_tests(browser: &Browser, dist: &Path, report: &mut Report) -> Result<(), Failure> {
    let mut command = shell::cargo(&["test", "--no-fail-fast", "--test", "browser"]);
    command
        .args(NATIVE)
        .env("FENGGE_DIST", dist)
        .env("FENGGE_SERVER", workspace::server("debug"))
        .env("CHROMIUM", &browser.chromium)
        .env("CHROMEDRIVER", &browser.driver)
        .args(["--", "--test-threads", &browsers_at_once().to_string()]);
    counted(&mut command, report, true)
}

/// These tests wait more than they work: for lines, timers and each other's pages.
fn browsers_at_once() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from) + 1
}

/// Runs a test command, passes its output on and counts the verdicts in it.
fn counted(command: &mut Command, report: &mut Report, in_browser: bool) -> Result<(), Failure> {
    let line = shell::line(command);
    let failed = |error: std::io::Error| Failure::Tool(format!("{line}: {error}"));
    // Verdicts come on one stream, the names of the suites on the other: in one pipe they keep
    // their order.
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    command
        .stderr(writer.try_clone().map_err(failed)?)
        .stdout(writer);
    let mut child = command.spawn().map_err(failed)?;
    // Our own ends of the pipe must go, or it never ends.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut screen = std::io::stdout();
    for said in BufReader::new(reader).split(b'\n') {
        let said = said.map_err(failed)?;
        let said = String::from_utf8_lossy(&said);
        report.line(&said, in_browser);
        writeln!(screen, "{said}").map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Tool(format!("{line}: {status}")))
    }
}

/// A program of the native build.
pub fn debug_program(name: &str) -> PathBuf {
    workspace::program("debug", name)
}

/// How wasm-bindgen's runner shall start the browser.
fn webdriver_json(browser: &Browser) -> Result<PathBuf, Failure> {
    let settings = serde_json::json!({
        "goog:chromeOptions": {
            "binary": browser.chromium,
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync"
            ]
        }
    });
    let path = workspace::target().join("webdriver.json");
    std::fs::write(&path, settings.to_string()).map_err(Failure::file(&path))?;
    Ok(path)
}
