//! The time by which people's work is judged: the device's clock, put right by the server's.

use crate::time::{MINUTE_MS, Millis};

/// From so many milliseconds on a clock is off: it is told, and times are put right by it.
const OFF_MS_MIN: i64 = 5 * MINUTE_MS;

/// The server's clock less the device's, as far as an exchange tells.
///
/// The server named its time after the request began and before its answer ended. Where the gap that was
/// known lies between what these two say, it stays: a slow line is no slow clock.
#[must_use]
pub fn gap(known: i64, server: Millis, (began, ended): (Millis, Millis)) -> i64 {
    let (least, most) = (server.since(ended), server.since(began));
    known.clamp(least.min(most), least.max(most))
}

/// How much is added to the device's clock; 0 where it is right but for some minutes.
#[must_use]
pub const fn correction(gap: i64) -> i64 {
    if gap.saturating_abs() < OFF_MS_MIN {
        0
    } else {
        gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{DAY_MS, HOUR_MS};

    #[test]
    fn sy42_a_slow_line_is_no_slow_clock_and_a_slow_clock_is_seen() {
        let at = Millis(1_000 * DAY_MS);
        let later = |ms| at.plus(ms);
        assert_eq!(gap(0, later(400), (at, later(900))), 0);
        // The answer took ten minutes to come.
        assert_eq!(gap(0, later(500), (at, later(10 * MINUTE_MS))), 0);
        // The clock is three days behind, or ahead.
        assert_eq!(
            gap(0, later(3 * DAY_MS), (at, later(900))),
            3 * DAY_MS - 900
        );
        assert_eq!(gap(0, later(-HOUR_MS), (at, later(900))), -HOUR_MS);
        // It stays known over a slow line, and goes once the clock is set.
        let known = 3 * DAY_MS;
        let over = (at, later(20 * MINUTE_MS));
        assert_eq!(gap(known, later(known + 5), over), known);
        assert_eq!(gap(known, later(300), (at, later(600))), 300);
        // A clock that was set back while the request was on its way.
        assert_eq!(gap(0, at, (later(HOUR_MS), at)), 0);
        assert_eq!(correction(4 * MINUTE_MS), 0);
        assert_eq!(correction(-30 * MINUTE_MS), -30 * MINUTE_MS);
    }
}
