//! The figures: one definition for each, read by the station's screen and the supervisors' picture, so
//! that one word never shows two numbers. Their names stand in the code list `figure`.

use crate::record::Kind;
use crate::record::task::RETURN_VISIT;
use crate::time::Millis;
use crate::view::Row;

/// Whether a matter is of the highest level: red wherever it is shown, and counted as major.
#[must_use]
pub fn is_major(kind: Kind, level: &str) -> bool {
    matches!((kind, level), (Kind::Dispute, "R") | (Kind::Hazard, "3"))
}

/// A number that is counted over records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Figure {
    /// Disputes by the day on which they were found.
    Found,
    /// Disputes by the day on which they were closed with an agreement or a reconciliation.
    Settled,
    /// Disputes by the day on which they were closed without one.
    Failed,
    /// Patrols by the day on which they began.
    Patrols,
    /// Hazards by the day on which they were found: fixed on the spot or put right. Handing one over
    /// puts nothing right.
    HazardsDone,
    /// Hazards by the day on which they were found: the others.
    HazardsLeft,
    /// Return visits by the day on which they were due, or done where none is due any more: done.
    VisitsDone,
    /// Return visits by the day on which they were due: not done and not cancelled.
    VisitsLeft,
    /// Disputes, hazards and tasks of which something is still to be done, now.
    Open,
    /// Of the open ones, those past what is due, now.
    Overdue,
    /// Of the open ones, disputes and hazards of the highest level, now.
    Major,
}

impl Figure {
    /// Those that are counted by a day and therefore belong to a period.
    pub const BY_DAY: [Self; 8] = [
        Self::Found,
        Self::Settled,
        Self::Failed,
        Self::Patrols,
        Self::HazardsDone,
        Self::HazardsLeft,
        Self::VisitsDone,
        Self::VisitsLeft,
    ];

    /// Those that stand at a moment.
    pub const STANDING: [Self; 3] = [Self::Open, Self::Overdue, Self::Major];

    /// Its code in the list of figures.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Settled => "settled",
            Self::Failed => "failed",
            Self::Patrols => "patrols",
            Self::HazardsDone => "hazards_done",
            Self::HazardsLeft => "hazards_left",
            Self::VisitsDone => "visits_done",
            Self::VisitsLeft => "visits_left",
            Self::Open => "open",
            Self::Overdue => "overdue",
            Self::Major => "major",
        }
    }

    /// The moment by which a record counts, for a figure of a period; none where it does not count.
    #[must_use]
    pub fn moment(self, row: &Row) -> Option<Millis> {
        let closed = |first| {
            let counts = row.kind == Kind::Dispute && row.outcome.starts_with(first);
            row.closed_at.filter(|_| counts)
        };
        let found = |kind| (row.kind == kind).then_some(row.happened_at);
        let hazard_done = || {
            let done = ["onspot", "rectified", "closed"];
            done.contains(&row.status.as_str())
        };
        // A visit that is done has no due date any more: it counts by the day it was done.
        let visit = || {
            let counts =
                row.kind == Kind::Task && row.category == RETURN_VISIT && row.status != "cancelled";
            let at = row.due.map(|due| due.at).or(row.closed_at);
            at.filter(|_| counts)
        };
        match self {
            Self::Found => found(Kind::Dispute),
            Self::Settled => closed('1'),
            Self::Failed => closed('2'),
            Self::Patrols => found(Kind::Patrol),
            Self::HazardsDone => found(Kind::Hazard).filter(|_| hazard_done()),
            Self::HazardsLeft => found(Kind::Hazard).filter(|_| !hazard_done()),
            Self::VisitsDone => visit().filter(|_| row.status == "done"),
            Self::VisitsLeft => visit().filter(|_| row.status != "done"),
            Self::Open | Self::Overdue | Self::Major => None,
        }
    }

    /// Whether a record counts now, for a figure of a moment.
    #[must_use]
    pub fn stands(self, row: &Row, now: Millis) -> bool {
        let open = row.open && row.kind != Kind::Patrol;
        match self {
            Self::Open => open,
            Self::Overdue => open && row.is_overdue(now),
            Self::Major => open && is_major(row.kind, &row.level),
            Self::Found
            | Self::Settled
            | Self::Failed
            | Self::Patrols
            | Self::HazardsDone
            | Self::HazardsLeft
            | Self::VisitsDone
            | Self::VisitsLeft => false,
        }
    }
}
