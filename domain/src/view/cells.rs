//! Small cells: which counts are shown to supervisors, so that no count of one or two can be worked
//! out from all that is shown.
//!
//! [`table`] decides in one table of rows and columns, [`chart`] in all of them from the top.

pub mod chart;
pub mod table;

use serde::{Deserialize, Serialize};

/// Counts below this are shown as "fewer than", so that no single matter can be recognised.
pub const SMALL_CELL_MAX: u32 = 3;

/// A count as supervisors get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cell {
    /// The number.
    Count(u32),
    /// Fewer than [`SMALL_CELL_MAX`]: none, one or two.
    Under,
    /// Not shown, because another count could be worked out from it.
    Hidden,
}

impl Cell {
    /// The number, where it is shown.
    #[must_use]
    pub const fn count(self) -> Option<u32> {
        match self {
            Self::Count(count) => Some(count),
            Self::Under | Self::Hidden => None,
        }
    }

    /// The number for what is only drawn; nothing is drawn for what is not shown.
    #[must_use]
    pub fn drawn(self) -> u32 {
        self.count().unwrap_or(0)
    }

    /// Two counts that together are one: shown where both are. Where both are below the limit, the
    /// sum might not be.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Count(one), Self::Count(two)) => Self::Count(one.saturating_add(two)),
            (Self::Under, Self::Count(0)) | (Self::Count(0), Self::Under) => Self::Under,
            _ => Self::Hidden,
        }
    }
}

/// Whether a count must not be known.
#[must_use]
pub const fn is_small_cell(count: u32) -> bool {
    count > 0 && count < SMALL_CELL_MAX
}
