//! What supervisors see: rows without personal data, counts and rates with their bases.

use serde::{Deserialize, Serialize};

use crate::id::UnitId;
use crate::record::Kind;
use crate::time::{Day, Millis};
use crate::unit::Level;
use crate::view::Row;

/// Cells below this are shown as "fewer than", so that no single matter can be recognised.
pub const SMALL_CELL_MAX: u32 = 3;

/// A record as supervisors see it: no person, no place, no text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicRow {
    /// The provisional number.
    pub number: String,
    /// What it is about.
    pub kind: Kind,
    /// The grid that it belongs to.
    pub grid: UnitId,
    /// Code of its category.
    pub category: String,
    /// Code of its status.
    pub status: String,
    /// Code of its level.
    pub level: String,
    /// The day on which it was found.
    pub found_on: Day,
    /// The day by which something is due.
    pub due_on: Option<Day>,
    /// Whether something is still to be done.
    pub open: bool,
}

impl From<&Row> for PublicRow {
    fn from(row: &Row) -> Self {
        Self {
            number: row.number.clone(),
            kind: row.kind,
            grid: row.grid.clone(),
            category: row.category.clone(),
            status: row.status.clone(),
            level: row.level.clone(),
            found_on: row.happened_at.day(),
            due_on: row.due.map(|due| due.at.day()),
            open: row.open,
        }
    }
}

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

/// Counts of one unit in one period; each figure is a number of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Disputes found in the period.
    pub disputes_found: u32,
    /// Disputes open now.
    pub disputes_open: u32,
    /// Of these, past what is due.
    pub disputes_overdue: u32,
    /// Of these, of the serious level.
    pub disputes_serious: u32,
    /// Of these, of the major level.
    pub disputes_major: u32,
    /// Disputes closed in the period with an agreement or a reconciliation.
    pub disputes_settled: u32,
    /// Disputes closed in the period without one.
    pub disputes_failed: u32,
    /// Patrols begun in the period.
    pub patrols: u32,
    /// Check-ins on these.
    pub checkins: u32,
    /// Hazards found in the period.
    pub hazards_found: u32,
    /// Of these, fixed on the spot, put right or taken over.
    pub hazards_done: u32,
    /// Hazards past what is due, now.
    pub hazards_overdue: u32,
    /// Return visits due in the period.
    pub visits_due: u32,
    /// Of these, done.
    pub visits_done: u32,
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
}

impl Counts {
    /// Adds one record to the counts.
    pub fn add(&mut self, row: &Row, period: Period, now: Millis) {
        match row.kind {
            Kind::Dispute => self.add_dispute(row, period, now),
            Kind::Patrol => {
                if period.holds(row.happened_at) {
                    self.patrols += 1;
                    self.checkins = self.checkins.saturating_add(row.checkins);
                }
            }
            Kind::Hazard => {
                if period.holds(row.happened_at) {
                    self.hazards_found += 1;
                    let done = ["onspot", "rectified", "transferred", "closed"];
                    self.hazards_done += u32::from(done.contains(&row.status.as_str()));
                }
                self.hazards_overdue += u32::from(row.is_overdue(now));
            }
            Kind::Task => {
                // A visit that is done has no due date any more: it counts by the day it was done.
                let at = row.due.map(|due| due.at).or(row.closed_at);
                if at.is_some_and(|at| period.holds(at)) && row.status != "cancelled" {
                    self.visits_due += 1;
                    self.visits_done += u32::from(row.status == "done");
                }
            }
        }
    }

    fn add_dispute(&mut self, row: &Row, period: Period, now: Millis) {
        self.disputes_found += u32::from(period.holds(row.happened_at));
        if row.open {
            self.disputes_open += 1;
            self.disputes_overdue += u32::from(row.is_overdue(now));
            self.disputes_serious += u32::from(row.level == "Y");
            self.disputes_major += u32::from(row.level == "R");
        }
        if row.closed_at.is_some_and(|at| period.holds(at)) {
            self.disputes_settled += u32::from(row.outcome.starts_with('1'));
            self.disputes_failed += u32::from(row.outcome.starts_with('2'));
        }
    }

    /// Settled of all that were settled or failed in the period.
    #[must_use]
    pub const fn settled_rate(&self) -> Rate {
        let of = self.disputes_settled.saturating_add(self.disputes_failed);
        Rate {
            part: self.disputes_settled,
            of,
        }
    }

    /// Past due of all that are open.
    #[must_use]
    pub const fn overdue_rate(&self) -> Rate {
        Rate {
            part: self.disputes_overdue,
            of: self.disputes_open,
        }
    }

    /// Put right of all that were found.
    #[must_use]
    pub const fn hazards_rate(&self) -> Rate {
        Rate {
            part: self.hazards_done,
            of: self.hazards_found,
        }
    }

    /// Visits done of all that were due.
    #[must_use]
    pub const fn visits_rate(&self) -> Rate {
        Rate {
            part: self.visits_done,
            of: self.visits_due,
        }
    }
}

/// A unit and its counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitCounts {
    /// Its code.
    pub unit: UnitId,
    /// Its name.
    pub name: String,
    /// Its level.
    pub level: Level,
    /// Its counts.
    pub counts: Counts,
}

/// Disputes found in a period by category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryCount {
    /// Code of the category.
    pub category: String,
    /// How many were found in the period.
    pub found: u32,
    /// How many of all are open now.
    pub open: u32,
}

/// Whether a cell must be shown as "fewer than [`SMALL_CELL_MAX`]".
#[must_use]
pub const fn is_small_cell(count: u32) -> bool {
    count > 0 && count < SMALL_CELL_MAX
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
    fn small_cells_are_one_and_two() {
        assert_eq!([0, 1, 2, 3].map(is_small_cell), [false, true, true, false]);
    }
}
