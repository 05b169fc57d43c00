//! Lines for whoever runs the server, on the standard error: what happened and where, and never what
//! somebody wrote, a name, a secret or a code.

use std::any::Any;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

use tracing::Level;
use tracing_subscriber::filter::{FilterExt as _, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::limits;

/// What was refused since it was last told, by its code.
static REFUSED: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// The loudest that each part may be, whatever `FENGGE_LOG` asks for. Libraries tell what passes
/// through them: heads of requests, whole documents; and a line for each thing that a caller does wrong
/// lets callers fill the disk. What the database finds slow is no caller's doing.
fn ceiling() -> Targets {
    Targets::new()
        .with_default(Level::ERROR)
        .with_target("sqlx", Level::WARN)
        .with_target("sync_server", Level::TRACE)
}

/// Begins to print lines; `FENGGE_LOG` says which, as `warn` or `sync_server=debug`.
pub fn start() {
    let wanted = std::env::var("FENGGE_LOG").ok();
    let wanted: Targets = wanted
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(Level::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    tracing_subscriber::registry()
        .with(lines.with_filter(wanted.and(ceiling())))
        .init();
    watch_panics();
}

/// A panic is told by its place, and by its words where they were written before anything happened:
/// others may quote what somebody wrote.
fn watch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let place = place.unwrap_or_default();
        let words = words(panic.payload());
        tracing::error!(place, words, "a fault of ours: report it with the place");
    }));
}

fn words(payload: &dyn Any) -> &'static str {
    let fixed = payload.downcast_ref::<&'static str>();
    fixed.copied().unwrap_or("(not shown)")
}

/// Counts something that was refused: whoever sends much of it fills no disk with lines. Whether it is
/// the first of its kind since the last were told.
pub(crate) fn refused(code: &str) -> bool {
    let mut counts = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(count) = counts.get_mut(code) {
        *count += 1;
        return false;
    }
    counts.insert(code.to_owned(), 1);
    true
}

/// Tells from time to time, in one line, how much was refused.
pub(crate) async fn tell_refused_each_minute() {
    loop {
        tokio::time::sleep(limits::TELL_REFUSED_EVERY).await;
        tell_refused();
    }
}

/// Tells in one line how much was refused since it was last told, if anything.
pub(crate) fn tell_refused() {
    if let Some(counts) = counts() {
        tracing::info!(counts, "refused in the last minute");
    }
}

/// What was refused, in one line, and begins anew; none when nothing was.
fn counts() -> Option<String> {
    let counts = std::mem::take(&mut *REFUSED.lock().unwrap_or_else(PoisonError::into_inner));
    let words = counts.iter().map(|(code, count)| format!("{code} {count}"));
    (!counts.is_empty()).then(|| words.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;
    use crate::error::ApiError;

    #[test]
    fn pr12_refusals_are_counted_by_code_and_told_in_one_line() {
        for error in [ApiError::Crowded, ApiError::ExpiredCode, ApiError::Crowded] {
            drop(error.into_response());
        }
        assert!(!refused("expired_code"));
        let line = counts().expect("a line");
        // Other tests of this process may have been refused something else meanwhile.
        assert!(line.contains("expired_code 2"), "{line}");
        assert!(line.contains(", too_many 2"), "{line}");
    }

    /// Seen: rapid reset wrote 29,000 lines in 20 s, each a warning of the HTTP/2 library.
    #[test]
    fn pr12_no_library_tells_a_line_for_what_a_caller_does() {
        let most = ceiling();
        for library in [
            "h2::proto::streams",
            "hyper::proto",
            "rustls::conn",
            domain::document::LIBRARY,
        ] {
            assert!(!most.would_enable(library, &Level::WARN), "{library}");
        }
        assert!(most.would_enable("sync_server::store", &Level::INFO));
        assert!(most.would_enable("h2::proto", &Level::ERROR));
    }

    #[test]
    fn ac26_a_panic_that_quotes_something_is_told_without_it() {
        let said = |work: fn()| {
            let payload = std::panic::catch_unwind(work).expect_err("panics");
            words(payload.as_ref())
        };
        let text = std::hint::black_box("somebody's words");
        assert_eq!(said(|| panic!("fixed")), "fixed");
        assert_eq!(words(&format!("{text} is no number")), "(not shown)");
        let quoting = || {
            let text = std::hint::black_box("somebody's words");
            let _number: u8 = text
                .parse()
                .unwrap_or_else(|_| panic!("{text} is no number"));
        };
        assert_eq!(said(quoting), "(not shown)");
    }
}
