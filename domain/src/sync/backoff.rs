//! How long to wait before the next exchange.

use crate::time::MINUTE_MS;

/// The wait after the first failure, in milliseconds.
pub const RETRY_MS_MIN: i64 = 2_000;
/// The longest wait after failures, in milliseconds.
pub const RETRY_MS_MAX: i64 = 5 * MINUTE_MS;
/// The wait between exchanges that find nothing new, in milliseconds.
pub const IDLE_MS: i64 = MINUTE_MS;
/// The longest wait that a server may ask for, in milliseconds: what a day takes is over by then.
pub const HELD_MS_MAX: i64 = 25 * 60 * MINUTE_MS;
/// Over how long devices spread that were told to go on at the same time, in milliseconds.
const SPREAD_MS: i64 = 10 * MINUTE_MS;

/// When to go on after a server said so, in milliseconds from now.
#[must_use]
pub fn held_ms(seconds: u32, random: u16) -> i64 {
    let asked = i64::from(seconds).saturating_mul(1_000).min(HELD_MS_MAX);
    asked + (asked / 2).min(SPREAD_MS) * i64::from(random) / i64::from(u16::MAX)
}

/// Milliseconds to wait after so many failures in a row.
///
/// The wait doubles and is spread over its upper half by `random`, so that phones that lost the
/// server together do not come back together.
#[must_use]
pub fn retry_ms(failures: u32, random: u16) -> i64 {
    let doublings = failures.saturating_sub(1).min(10);
    let full = RETRY_MS_MIN
        .saturating_mul(1_i64 << doublings)
        .min(RETRY_MS_MAX);
    full / 2 + full / 2 * i64::from(random) / i64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_limit_and_is_spread() {
        assert_eq!(retry_ms(1, u16::MAX), RETRY_MS_MIN);
        assert_eq!(retry_ms(1, 0), RETRY_MS_MIN / 2);
        assert_eq!(retry_ms(3, u16::MAX), 4 * RETRY_MS_MIN);
        assert_eq!(retry_ms(u32::MAX, u16::MAX), RETRY_MS_MAX);
        assert_eq!(held_ms(10, 0), 10_000);
        assert_eq!(held_ms(7_200, u16::MAX), 7_200_000 + SPREAD_MS);
        assert_eq!(held_ms(u32::MAX, 0), HELD_MS_MAX);
    }
}
