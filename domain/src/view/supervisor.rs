//! What supervisors see: counts as cells and rates with their bases, of units down to the village.

use serde::{Deserialize, Serialize};

use crate::id::UnitId;
use crate::time::{Day, Millis};
use crate::unit::Level;
use crate::view::cells::Cell;

/// A span of days, both ends included, in Asia/Shanghai.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
}

impl Period {
    /// Whether a moment lies in the period.
    #[must_use]
    pub fn holds(&self, at: Millis) -> bool {
        (self.from..=self.to).contains(&at.day())
    }
}

/// What can be looked at: a unit down to the station, or what lies in one village of a station.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The unit.
    pub unit: UnitId,
    /// The code of the village.
    pub village: Option<String>,
}

/// A place with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The place.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// Its level; none for a village.
    pub level: Option<Level>,
}

/// The counts of one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Disputes found in the period.
    pub found: Cell,
    /// Disputes settled in the period.
    pub settled: Cell,
    /// Disputes that failed in the period.
    pub failed: Cell,
    /// Patrols begun in the period.
    pub patrols: Cell,
    /// Hazards found in the period and put right.
    pub hazards_done: Cell,
    /// Hazards found in the period and not put right.
    pub hazards_left: Cell,
    /// Visits due in the period and done.
    pub visits_done: Cell,
    /// Visits due in the period and not done.
    pub visits_left: Cell,
    /// Open matters.
    pub open: Cell,
    /// Of these, past what is due.
    pub overdue: Cell,
    /// Of these, of the highest level.
    pub major: Cell,
}

/// A share with its base: shown only together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub part: u32,
    /// Of how many.
    pub of: u32,
}

impl Rate {
    /// Tenths of a percent, rounded; `None` where the base is nothing.
    #[must_use]
    pub fn per_mille(self) -> Option<u32> {
        let (part, of) = (u64::from(self.part), u64::from(self.of));
        (of > 0).then(|| u32::try_from((part * 2_000 + of) / (of * 2)).unwrap_or(1_000))
    }

    /// The share of one count of that and another; none where one of them is not shown.
    #[must_use]
    pub fn of_cells(part: Cell, rest: Cell) -> Option<Self> {
        let (part, rest) = (part.count()?, rest.count()?);
        let of = part.saturating_add(rest);
        Some(Self { part, of })
    }
}

impl Counts {
    /// Settled of all that were settled or failed in the period.
    #[must_use]
    pub fn settled_rate(&self) -> Option<Rate> {
        Rate::of_cells(self.settled, self.failed)
    }

    /// Put right of all that were found.
    #[must_use]
    pub fn hazards_rate(&self) -> Option<Rate> {
        Rate::of_cells(self.hazards_done, self.hazards_left)
    }

    /// Visits done of all that were due.
    #[must_use]
    pub fn visits_rate(&self) -> Option<Rate> {
        Rate::of_cells(self.visits_done, self.visits_left)
    }
}

/// A place below and its counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Below {
    /// The place.
    pub named: Named,
    /// Its counts.
    pub counts: Counts,
}

/// Disputes of one category found in a quarter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryCount {
    /// Code of the category.
    pub category: String,
    /// How many.
    pub found: Cell,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_rounded_and_never_divides_by_nothing() {
        assert_eq!(Rate { part: 2, of: 3 }.per_mille(), Some(667));
        assert_eq!(Rate { part: 3, of: 3 }.per_mille(), Some(1_000));
        assert_eq!(Rate { part: 0, of: 0 }.per_mille(), None);
    }

    #[test]
    fn vw9_a_rate_of_what_is_not_shown_is_not_shown() {
        assert_eq!(Rate::of_cells(Cell::Count(3), Cell::Under), None);
        assert_eq!(Rate::of_cells(Cell::Hidden, Cell::Count(3)), None);
        let shown = Rate::of_cells(Cell::Count(3), Cell::Count(0));
        assert_eq!(shown, Some(Rate { part: 3, of: 3 }));
    }
}
