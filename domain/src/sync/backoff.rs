//! How long to wait before the next exchange.

use crate::time::MINUTE_MS;

/// The wait after the first failure, in milliseconds.
pub const RETRY_MS_MIN: i64 = 2_000;
/// The longest wait after failures, in milliseconds.
pub const RETRY_MS_MAX: i64 = 5 * MINUTE_MS;
/// The wait between exchanges that find nothing new, in milliseconds.
pub const IDLE_MS: i64 = MINUTE_MS;

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
    }
}
