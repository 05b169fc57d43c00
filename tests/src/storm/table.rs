//! The printed table of storms.
#![expect(clippy::print_stdout, reason = "prints what was measured")]

use std::time::Duration;

use super::honest::Times;
use super::{LATENCY_MAX, MEMORY_MB_MAX, Outcome};

/// The table so far.
pub(super) struct Table {
    good: bool,
}

impl Table {
    /// Prints the head.
    pub(super) fn begin(time: Duration) -> Self {
        println!(
            "Storms of {} s each, from addresses of 127.0.0.0/8, against a server of their own.",
            time.as_secs()
        );
        println!(
            "How: TLS to the real server process; four addresses of four prefixes storm, as many requests as they"
        );
        println!(
            "are let; VmHWM of the server every 50 ms; utime + stime of its process. Honest: a phone of a fifth"
        );
        println!(
            "prefix brings a new record every 100 ms, every second time over a new connection; what is not answered"
        );
        println!(
            "is tried again after 100 ms and its time goes on. Neighbour: the same from a prefix that storms."
        );
        println!(
            "Goals: <= {MEMORY_MB_MAX} MB, honest exchange <= {} s.",
            LATENCY_MAX.as_secs()
        );
        println!();
        Self { good: true }
    }

    /// Prints what idle connections cost.
    pub(super) fn idle(&mut self, rows: &[(&'static str, u64, u64)]) {
        for (kind, count, bytes) in rows {
            println!("an idle connection, {kind}: {bytes} B (mean of {count})");
        }
        println!();
    }

    /// Prints a row.
    pub(super) fn row(&mut self, outcome: &Outcome) {
        let fits = outcome.peak_mb <= MEMORY_MB_MAX;
        let is_served = outcome.honest.count() > 0;
        let is_fast = is_served && outcome.honest.max() <= LATENCY_MAX;
        let raged = outcome.storm.raged(&outcome.answered);
        self.good &= fits && is_fast && raged;
        let met = |good: bool| if good { "yes" } else { "NO" };
        println!("{}", outcome.storm.says());
        println!(
            "    memory {} -> {} MB: {}; CPU {:.1} s",
            outcome.before_mb,
            outcome.peak_mb,
            met(fits),
            outcome.cpu.as_secs_f64()
        );
        println!("    honest    {}: {}", times(&outcome.honest), met(is_fast));
        println!("    neighbour {}", times(&outcome.neighbour));
        if let Some(joined) = &outcome.joined {
            println!("    joining   {}", times(joined));
        }
        let answered = outcome.answered.iter();
        let answered: Vec<_> = answered.map(|(what, n)| format!("{what} {n}")).collect();
        let lull = if raged { "" } else { ": NO, it was a lull" };
        println!("    the storm was answered: {}{lull}", answered.join(", "));
        println!();
    }

    /// False when a goal was missed, or a storm was none.
    pub(super) fn end(self) -> bool {
        println!(
            "{}",
            if self.good {
                "every storm held"
            } else {
                "a storm did NOT hold"
            }
        );
        self.good
    }
}

fn times(times: &Times) -> String {
    let ms = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1_000.0);
    format!(
        "{} answered, p50 {}, p99 {}, max {}, {} tries again",
        times.count(),
        ms(times.percentile(50)),
        ms(times.percentile(99)),
        ms(times.max()),
        times.retries
    )
}
