//! What lists are narrowed to. It is kept while the app is open: whoever comes back from a record finds
//! the list as it was left.

use leptos::prelude::*;

/// How many rows of the records are drawn at once.
pub const RECORDS_PAGE: usize = 50;
/// How many rows of the station's table are drawn at once.
pub const STATION_PAGE: usize = 60;

/// What the records are narrowed to; empty means everything.
#[derive(Debug, Clone, Copy)]
pub struct Sought {
    /// Words to search for.
    pub query: RwSignal<String>,
    /// The kind of record, by its code.
    pub kind: RwSignal<String>,
    /// How far it has come, by the code of the choice.
    pub delivery: RwSignal<String>,
    /// How many rows are drawn.
    pub shown: RwSignal<usize>,
}

impl Sought {
    /// Everything.
    #[must_use]
    pub fn new() -> Self {
        Self {
            query: RwSignal::new(String::new()),
            kind: RwSignal::new(String::new()),
            delivery: RwSignal::new(String::new()),
            shown: RwSignal::new(RECORDS_PAGE),
        }
    }
}

impl Default for Sought {
    fn default() -> Self {
        Self::new()
    }
}

/// A column of the station's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "named as the columns are")]
pub enum Column {
    Matter,
    Grid,
    Status,
    #[default]
    Due,
}

/// By which column the table is sorted, and whether the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    /// The column.
    pub column: Column,
    /// The other way round.
    pub down: bool,
}

/// What the station's table is narrowed to; empty means everything.
#[derive(Debug, Clone, Copy)]
pub struct Filters {
    /// Words to search for.
    pub query: RwSignal<String>,
    /// The kind of record, by its code.
    pub kind: RwSignal<String>,
    /// The village.
    pub village: RwSignal<String>,
    /// The status: `open`, or a code.
    pub status: RwSignal<String>,
    /// The due column: `overdue`, `week`.
    pub due: RwSignal<String>,
    /// A mark: `new`, `overdue`, `major`, `contested`.
    pub mark: RwSignal<&'static str>,
    /// How it is sorted.
    pub order: RwSignal<Order>,
    /// How many rows are drawn.
    pub shown: RwSignal<usize>,
}

impl Filters {
    /// Everything that is open.
    #[must_use]
    pub fn new() -> Self {
        Self {
            query: RwSignal::new(String::new()),
            kind: RwSignal::new(String::new()),
            village: RwSignal::new(String::new()),
            status: RwSignal::new("open".to_owned()),
            due: RwSignal::new(String::new()),
            mark: RwSignal::new(""),
            order: RwSignal::new(Order::default()),
            shown: RwSignal::new(STATION_PAGE),
        }
    }

    /// Shows what bears a mark, whatever its status; or everything again.
    pub fn toggle_mark(&self, mark: &'static str) {
        let on = self.mark.get_untracked() != mark;
        self.mark.set(if on { mark } else { "" });
        self.status
            .set(if on { String::new() } else { "open".to_owned() });
    }

    /// Shows one village, or all again.
    pub fn toggle_village(&self, village: &str) {
        let on = self.village.with_untracked(|now| now != village);
        self.village.set(if on {
            village.to_owned()
        } else {
            String::new()
        });
    }
}

impl Default for Filters {
    fn default() -> Self {
        Self::new()
    }
}
