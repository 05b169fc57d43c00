//! Moments of the demonstration: steps of a case follow each other, by day, and never lie ahead.

use domain::time::{HOUR_MS, MINUTE_MS, Millis};

use super::random::Random;

/// The course of one case through time.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    at: Millis,
    now: Millis,
    random: Random,
}

impl Course {
    /// Begins some days ago, in working hours, or some minutes ago when that has not come yet.
    pub(crate) fn begin(random: &mut Random, now: Millis, days: i64) -> Self {
        let morning = now.day().plus(-days).start().plus(8 * HOUR_MS);
        let at = morning.plus(random.between(0, 10 * 60) * MINUTE_MS);
        let latest = now.plus(-random.between(90, 240) * MINUTE_MS);
        Self {
            at: at.min(latest),
            now,
            random: random.clone(),
        }
    }

    /// The moment reached.
    pub(crate) const fn reached(&self) -> Millis {
        self.at
    }

    /// The next moment, about `ms` later; by night it waits for the morning. When today is reached,
    /// steps follow each other by minutes.
    pub(crate) fn after(&mut self, ms: i64) -> Millis {
        let wished = self.at.plus(ms + self.random.between(0, 50) * MINUTE_MS);
        let day = wished.day().start();
        let hour = wished.since(day) / HOUR_MS;
        let awake = match hour {
            0..8 => day.plus(8 * HOUR_MS + self.random.between(5, 90) * MINUTE_MS),
            20.. => day.plus(32 * HOUR_MS + self.random.between(5, 90) * MINUTE_MS),
            _ => wished,
        };
        let step = self.now.since(self.at) / 6;
        let latest = self.at.plus(step.max(1));
        self.at = if awake < self.now.plus(-10 * MINUTE_MS) {
            awake
        } else {
            latest
        };
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::DAY_MS;

    #[test]
    fn steps_follow_each_other_and_never_lie_ahead() {
        let now = Millis::from_local_text("2026-11-22T00:10").expect("valid");
        for days in 0..30 {
            let mut random = Random::new(u64::try_from(days).expect("small"));
            let mut course = Course::begin(&mut random, now, days);
            let mut last = course.reached();
            for _ in 0..12 {
                let next = course.after(2 * DAY_MS);
                assert!(last < next && next < now, "{days}");
                last = next;
            }
        }
    }
}
