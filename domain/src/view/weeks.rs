//! The periods that supervisors may ask for: weeks from Monday to Sunday in Asia/Shanghai, and months,
//! quarters and years of whole weeks. None cuts another, so that none can be subtracted from another.

use serde::{Deserialize, Serialize};

use super::supervisor::Period;
use crate::time::{Day, Millis};

/// The years that can be asked for.
const YEARS: core::ops::RangeInclusive<i64> = 2000..=2999;

/// A period of whole weeks. A week belongs to the month, quarter and year that its Thursday lies in,
/// so that years are those of ISO 8601.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Weeks {
    /// The weeks of a year.
    Year(i64),
    /// The weeks of a quarter, 1 to 4.
    Quarter(i64, i64),
    /// The weeks of a month, 1 to 12.
    Month(i64, i64),
    /// One week, counted from that of 1970-01-01.
    Week(i64),
}

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// A week.
    Week,
    /// A month of whole weeks.
    Month,
    /// A quarter of whole weeks.
    Quarter,
    /// A year of whole weeks.
    Year,
}

impl Span {
    /// All of them, the shortest first.
    pub const ALL: [Self; 4] = [Self::Week, Self::Month, Self::Quarter, Self::Year];
}

/// The Thursday of a week.
const fn thursday(week: i64) -> Day {
    // 1970-01-01 was one.
    Day(week.saturating_mul(7))
}

/// The week that a day lies in.
#[must_use]
pub const fn week_of(day: Day) -> i64 {
    day.plus(3).0.div_euclid(7)
}

impl Weeks {
    /// The period of a length that a week lies in.
    #[must_use]
    pub const fn around(week: i64, span: Span) -> Self {
        let (year, month, _) = thursday(week).civil();
        match span {
            Span::Week => Self::Week(week),
            Span::Month => Self::Month(year, month),
            Span::Quarter => Self::Quarter(year, (month - 1) / 3 + 1),
            Span::Year => Self::Year(year),
        }
    }

    /// How long it is.
    #[must_use]
    pub const fn span(self) -> Span {
        match self {
            Self::Year(_) => Span::Year,
            Self::Quarter(..) => Span::Quarter,
            Self::Month(..) => Span::Month,
            Self::Week(_) => Span::Week,
        }
    }

    /// Whether there is such a period, in the years that can be asked for.
    #[must_use]
    pub fn is_sound(self) -> bool {
        match self {
            Self::Year(year) => YEARS.contains(&year),
            Self::Quarter(year, quarter) => YEARS.contains(&year) && (1..=4).contains(&quarter),
            Self::Month(year, month) => YEARS.contains(&year) && (1..=12).contains(&month),
            Self::Week(week) => {
                let first = Self::Year(*YEARS.start()).first();
                (first..=Self::Year(*YEARS.end()).last()).contains(&week)
            }
        }
    }

    /// Its first week.
    #[must_use]
    pub fn first(self) -> i64 {
        let (year, month) = match self {
            Self::Year(year) => (year, 1),
            Self::Quarter(year, quarter) => (year, quarter * 3 - 2),
            Self::Month(year, month) => (year, month),
            Self::Week(week) => return week,
        };
        // The first Thursday that is not before the first of the month.
        let first = Day::from_civil(year, month, 1).unwrap_or(Day(0));
        first.plus(6).0.div_euclid(7)
    }

    /// Its last week.
    #[must_use]
    pub fn last(self) -> i64 {
        match self {
            Self::Week(week) => week,
            Self::Year(year) => Self::Year(year + 1).first() - 1,
            Self::Quarter(year, 4) => Self::Year(year).last(),
            Self::Quarter(year, quarter) => Self::Quarter(year, quarter + 1).first() - 1,
            Self::Month(year, 12) => Self::Year(year).last(),
            Self::Month(year, month) => Self::Month(year, month + 1).first() - 1,
        }
    }

    /// The longer period that it is a part of.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        let span = match self {
            Self::Year(_) => return None,
            Self::Quarter(..) => Span::Year,
            Self::Month(..) => Span::Quarter,
            Self::Week(_) => Span::Month,
        };
        Some(Self::around(self.first(), span))
    }

    /// The shorter periods that it is made of.
    #[must_use]
    pub fn children(self) -> Vec<Self> {
        let span = match self {
            Self::Year(_) => Span::Quarter,
            Self::Quarter(..) => Span::Month,
            Self::Month(..) => Span::Week,
            Self::Week(_) => return Vec::new(),
        };
        let mut parts: Vec<Self> = (self.first()..=self.last())
            .map(|week| Self::around(week, span))
            .collect();
        parts.dedup();
        parts
    }

    /// Its days.
    #[must_use]
    pub fn days(self) -> Period {
        Period {
            from: thursday(self.first()).plus(-3),
            to: thursday(self.last()).plus(3),
        }
    }

    /// Whether its last day is over: only then is it counted.
    #[must_use]
    pub fn is_over(self, now: Millis) -> bool {
        self.days().to < now.day()
    }

    /// The last period of a length that is over.
    #[must_use]
    pub fn latest(span: Span, now: Millis) -> Self {
        let mut period = Self::around(week_of(now.day()), span);
        while !period.is_over(now) {
            period = Self::around(period.first() - 1, span);
        }
        period
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().expect("a day")
    }

    #[test]
    fn weeks_begin_on_monday_and_end_on_sunday() {
        let week = Weeks::Week(week_of(day("2026-11-29")));
        let Period { from, to } = week.days();
        assert_eq!((from, to), (day("2026-11-23"), day("2026-11-29")));
        assert!(!week.is_over(day("2026-11-29").end()));
        assert!(week.is_over(day("2026-11-30").start()));
    }

    #[test]
    fn years_are_those_of_iso_8601() {
        for (year, from, to) in [
            (2020, "2019-12-30", "2021-01-03"),
            (2021, "2021-01-04", "2022-01-02"),
            (2026, "2025-12-29", "2027-01-03"),
        ] {
            let days = Weeks::Year(year).days();
            assert_eq!((days.from, days.to), (day(from), day(to)));
        }
    }

    #[test]
    fn vw6_no_period_cuts_another_and_all_parts_make_the_whole() {
        for year in 2000..2100 {
            let mut all = vec![Weeks::Year(year)];
            while let Some(period) = all.pop() {
                assert!(period.is_sound());
                let parts = period.children();
                let mut next = period.first();
                for part in &parts {
                    assert_eq!((part.first(), part.parent()), (next, Some(period)));
                    next = part.last() + 1;
                }
                assert!(parts.is_empty() || next == period.last() + 1);
                all.extend(parts);
            }
            assert_eq!(Weeks::Year(year).last() + 1, Weeks::Year(year + 1).first());
        }
        for wrong in [
            Weeks::Year(i64::MAX),
            Weeks::Quarter(2026, 0),
            Weeks::Quarter(2026, 5),
            Weeks::Month(2026, 13),
            Weeks::Week(i64::MIN),
            Weeks::Week(i64::MAX),
        ] {
            assert!(!wrong.is_sound(), "{wrong:?}");
        }
    }
}
