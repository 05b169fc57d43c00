//! The only place that asks the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::time::Millis;

/// The time by the server's clock.
#[must_use]
pub fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
