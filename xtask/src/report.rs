//! Counts tests from what the runners really printed.

use std::collections::BTreeMap;
use std::fmt;

/// What a test is about, by where it runs and how it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One function or type; property tests too.
    Unit,
    /// Named after a numbered rule of the specification.
    Spec,
    /// Talks HTTP to the real server.
    Http,
    /// Runs in a real browser.
    Browser,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Unit => "unit",
            Self::Spec => "spec",
            Self::Http => "HTTP",
            Self::Browser => "browser",
        })
    }
}

/// How one test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It held.
    Passed,
    /// It did not.
    Failed,
    /// It was not run.
    Skipped,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    passed: u32,
    failed: u32,
    skipped: u32,
}

/// All counts so far, and the steps that failed as a whole.
#[derive(Debug, Default)]
pub struct Report {
    suite: String,
    counts: BTreeMap<Kind, Count>,
    failed_tests: Vec<String>,
    failed_steps: Vec<String>,
}

impl Report {
    /// Reads one line of a runner: the name of the suite that begins, or a test's verdict, which is
    /// counted.
    pub fn line(&mut self, line: &str, in_browser: bool) {
        if let Some(suite) = line.trim_start().strip_prefix("Running ") {
            suite.clone_into(&mut self.suite);
        }
        let Some((name, verdict)) = verdict(line) else {
            return;
        };
        let kind = if in_browser {
            Kind::Browser
        } else {
            kind(&self.suite, name)
        };
        let count = self.counts.entry(kind).or_default();
        match verdict {
            Verdict::Passed => count.passed += 1,
            Verdict::Skipped => count.skipped += 1,
            Verdict::Failed => {
                count.failed += 1;
                self.failed_tests.push(format!("{kind} {name}"));
            }
        }
    }

    /// Remembers a step that failed without any test that says so.
    pub fn failed_step(&mut self, what: String) {
        self.failed_steps.push(what);
    }

    /// Tests that failed so far.
    pub fn failed(&self) -> u32 {
        self.counts.values().map(|count| count.failed).sum()
    }

    /// True when nothing failed and nothing was left out.
    pub fn is_good(&self) -> bool {
        self.failed() == 0
            && self.failed_steps.is_empty()
            && self.counts.values().all(|count| count.skipped == 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{:<10} {:>8} {:>8} {:>8}",
            "tests", "passed", "failed", "skipped"
        )?;
        let mut all = Count::default();
        for kind in [Kind::Unit, Kind::Spec, Kind::Http, Kind::Browser] {
            let count = self.counts.get(&kind).copied().unwrap_or_default();
            let Count {
                passed,
                failed,
                skipped,
            } = count;
            writeln!(out, "{kind:<10} {passed:>8} {failed:>8} {skipped:>8}")?;
            all.passed += passed;
            all.failed += failed;
        }
        for name in &self.failed_tests {
            writeln!(out, "failed: {name}")?;
        }
        for step in &self.failed_steps {
            writeln!(out, "failed step: {step}")?;
        }
        let failed = all.failed + u32::try_from(self.failed_steps.len()).unwrap_or(u32::MAX);
        write!(out, "{} passed, {failed} failed", all.passed)
    }
}

/// Name and verdict in a line like `test convergence::any_order ... ok`.
fn verdict(line: &str) -> Option<(&str, Verdict)> {
    let (name, word) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let verdict = match word.split([' ', ',']).next().unwrap_or_default() {
        "ok" => Verdict::Passed,
        "FAILED" | "FAIL" => Verdict::Failed,
        "ignored" => Verdict::Skipped,
        _ => return None,
    };
    Some((name, verdict))
}

/// `suite` is what cargo says it runs, such as `tests/http/main.rs (target/...)`.
fn kind(suite: &str, name: &str) -> Kind {
    let function = name.rsplit("::").next().unwrap_or(name);
    if rule_of(function).is_some() {
        Kind::Spec
    } else if suite.starts_with("tests/http") {
        Kind::Http
    } else {
        Kind::Unit
    }
}

/// The rule that a test is named after: `sy3_ack_clears` gives `SY3`.
pub fn rule_of(function: &str) -> Option<String> {
    let (head, _) = function.split_once('_')?;
    let (letters, digits) = head.split_at_checked(2)?;
    let fits = letters.bytes().all(|byte| byte.is_ascii_lowercase())
        && !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| head.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_read_from_libtest_and_from_wasm() {
        let check = |line: &str, expect| assert_eq!(verdict(line), expect, "{line}");
        check("test a::b ... ok", Some(("a::b", Verdict::Passed)));
        check("test a::b ... FAILED", Some(("a::b", Verdict::Failed)));
        check("test a::b ... FAIL", Some(("a::b", Verdict::Failed)));
        check(
            "test a::b ... ignored, slow",
            Some(("a::b", Verdict::Skipped)),
        );
        check("test result: ok. 3 passed", None);
        check("testing the waters ... ok", None);
    }

    #[test]
    fn verdicts_count_for_the_suite_that_runs() {
        let mut report = Report::default();
        for line in [
            "     Running unittests src/lib.rs (target/debug/deps/a-1)",
            "test a ... ok",
            "     Running tests/http/main.rs (target/debug/deps/http-1)",
            "test b ... ok",
        ] {
            report.line(line, false);
        }
        let passed = |kind| report.counts.get(&kind).map(|count| count.passed);
        assert_eq!((passed(Kind::Unit), passed(Kind::Http)), (Some(1), Some(1)));
    }

    #[test]
    fn a_test_counts_where_it_belongs() {
        assert_eq!(
            kind("tests/spec/main.rs (x)", "sync::sy3_ack_clears_only_acked"),
            Kind::Spec
        );
        assert_eq!(
            kind("tests/http/main.rs (x)", "limits::health_answers"),
            Kind::Http
        );
        assert_eq!(
            kind("unittests src/lib.rs (x)", "record::tests::quick_form"),
            Kind::Unit
        );
        assert_eq!(rule_of("is_empty"), None);
    }

    #[test]
    fn a_skipped_test_is_not_good() {
        let mut report = Report::default();
        report.line("test a ... ok", false);
        assert!(report.is_good());
        report.line("test b ... ignored", false);
        assert!(!report.is_good());
        assert!(report.to_string().ends_with("1 passed, 0 failed"));
    }
}
