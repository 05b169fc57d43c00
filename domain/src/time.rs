//! Time: milliseconds since 1970 as data, and the civil calendar of Asia/Shanghai to read them by.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Millis(pub i64);

/// One minute in milliseconds.
pub const MINUTE_MS: i64 = 60_000;
/// One hour in milliseconds.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// One day in milliseconds.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// China has had one offset and no summer time since 1992: UTC+8.
const SHANGHAI_OFFSET_MS: i64 = 8 * HOUR_MS;

impl Millis {
    /// This moment and `ms` more.
    #[must_use]
    pub const fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The day in Shanghai that holds this moment.
    #[must_use]
    pub const fn day(self) -> Day {
        Day(self.0.saturating_add(SHANGHAI_OFFSET_MS).div_euclid(DAY_MS))
    }

    /// Hour and minute in Shanghai.
    #[must_use]
    pub const fn clock(self) -> (i64, i64) {
        let minutes = self.0.saturating_add(SHANGHAI_OFFSET_MS).rem_euclid(DAY_MS) / MINUTE_MS;
        (minutes / 60, minutes % 60)
    }

    /// Value of a browser's `datetime-local` control: `2026-11-22T09:20`, Shanghai time.
    #[must_use]
    pub fn to_local_text(self) -> String {
        let (hour, minute) = self.clock();
        format!("{}T{hour:02}:{minute:02}", self.day())
    }

    /// Reads a `datetime-local` value; seconds and fractions are ignored.
    #[must_use]
    pub fn from_local_text(text: &str) -> Option<Self> {
        let (day, time) = text.split_once('T')?;
        let day: Day = day.parse().ok()?;
        let mut parts = time.split(':');
        let hour: i64 = parts.next()?.parse().ok()?;
        let minute: i64 = parts.next()?.parse().ok()?;
        if !(0..24).contains(&hour) || !(0..60).contains(&minute) {
            return None;
        }
        Some(day.start().plus(hour * HOUR_MS + minute * MINUTE_MS))
    }
}

/// A civil day in Asia/Shanghai, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day(pub i64);

/// Why a text is not a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a calendar day")]
pub struct DayError;

impl Day {
    /// The day's first moment in Shanghai.
    #[must_use]
    pub const fn start(self) -> Millis {
        Millis(
            self.0
                .saturating_mul(DAY_MS)
                .saturating_sub(SHANGHAI_OFFSET_MS),
        )
    }

    /// The day's last moment in Shanghai.
    #[must_use]
    pub const fn end(self) -> Millis {
        Millis(self.start().0.saturating_add(DAY_MS - 1))
    }

    /// `days` later (or earlier, when negative).
    #[must_use]
    pub const fn plus(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Days from `earlier` to this day.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Year, month (1 to 12) and day of the month (1 to 31).
    ///
    /// The count of days since 0000-03-01 is cut into 400-year eras, so that the leap day is the
    /// last of its year and each month's start is a linear function.
    #[must_use]
    pub const fn civil(self) -> (i64, i64, i64) {
        let shifted = self.0 + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        (year, month, day)
    }

    /// The day with this civil date, if there is one.
    #[must_use]
    pub fn from_civil(year: i64, month: i64, day: i64) -> Option<Self> {
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(0..=9999).contains(&year) {
            return None;
        }
        let year_from_march = if month <= 2 { year - 1 } else { year };
        let era = year_from_march.div_euclid(400);
        let year_of_era = year_from_march.rem_euclid(400);
        let from_march = if month > 2 { month - 3 } else { month + 9 };
        let of_year = (153 * from_march + 2) / 5 + day - 1;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        let found = Self(era * 146_097 + of_era - 719_468);
        (found.civil() == (year, month, day)).then_some(found)
    }

    /// Day of the week: 0 is Monday, 6 is Sunday.
    #[must_use]
    pub const fn weekday(self) -> i64 {
        (self.0 + 3).rem_euclid(7)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let mut parts = text.splitn(3, '-').map(str::parse::<i64>);
        let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(DayError);
        };
        Self::from_civil(year, month, day).ok_or(DayError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_civil_dates_agree() {
        for (text, count) in [
            ("1970-01-01", 0),
            ("2000-02-29", 11_016),
            ("2026-11-22", 20_779),
            ("1969-12-31", -1),
        ] {
            assert_eq!(text.parse(), Ok(Day(count)), "{text}");
            assert_eq!(Day(count).to_string(), text);
        }
        for text in ["2026-02-29", "2026-13-01", "2026-00-10", "x", "2026-11", ""] {
            assert_eq!(text.parse::<Day>(), Err(DayError), "{text}");
        }
    }

    #[test]
    fn the_day_turns_at_midnight_in_shanghai() {
        let before = Millis::from_local_text("2026-11-22T23:59").expect("valid");
        assert_eq!(before.day().to_string(), "2026-11-22");
        assert_eq!(before.plus(MINUTE_MS).day().to_string(), "2026-11-23");
        assert_eq!(before.to_local_text(), "2026-11-22T23:59");
        assert_eq!(Day(0).end().plus(1), Day(1).start());
    }

    #[test]
    fn the_22nd_of_november_2026_is_a_sunday() {
        assert_eq!("2026-11-22".parse::<Day>().map(Day::weekday), Ok(6));
    }

    #[test]
    fn local_text_out_of_range_is_refused() {
        for text in [
            "2026-11-22T24:00",
            "2026-11-22",
            "2026-11-22Tx:00",
            "2026-11-31T10:00",
        ] {
            assert_eq!(Millis::from_local_text(text), None, "{text}");
        }
    }
}
