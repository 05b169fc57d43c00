//! All tables that supervisors may ask for, decided from the top: whoever asks, and whatever was asked
//! before, a cell has the same mark.
//!
//! A count of a period stands in the table of the units beside its own and the periods beside its own,
//! whose totals were decided in the tables above. What makes up a hidden count is hidden as well, so
//! that every other number that fits into a table can be made up below it.

use std::collections::BTreeMap;

use super::table::{Mark, Square, Table};
use super::{Cell, SMALL_CELL_MAX};
use crate::time::Millis;
use crate::view::figure::Figure;
use crate::view::weeks::{Span, Weeks};

/// A unit, by its place in the tree.
pub type Place = usize;

/// What can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// A figure of a period.
    During(Figure, Weeks),
    /// Disputes found in a quarter, of the category at this place of the list.
    Category(usize, Weeks),
    /// Open matters.
    Open,
    /// Open matters that are overdue, or those that are not.
    Overdue(bool),
    /// Open matters of the highest level, or the others.
    Major(bool),
}

/// Units and what is counted in them.
pub trait Source {
    /// The unit above one.
    fn parent(&self, unit: Place) -> Option<Place>;
    /// The units right below one.
    fn children(&self, unit: Place) -> &[Place];
    /// How many categories there are.
    fn categories(&self) -> usize;
    /// A count; that of a unit is the sum of those below it.
    fn count(&self, unit: Place, what: What) -> u32;
}

/// What is decided so far.
#[derive(Debug)]
pub struct Chart<'a, S> {
    source: &'a S,
    now: Millis,
    marks: BTreeMap<(Place, What), Mark>,
}

impl<'a, S: Source> Chart<'a, S> {
    /// Nothing is decided.
    #[must_use]
    pub const fn new(source: &'a S, now: Millis) -> Self {
        Self {
            source,
            now,
            marks: BTreeMap::new(),
        }
    }

    /// A count as it is shown. A period that is not over has none.
    pub fn cell(&mut self, unit: Place, what: What) -> Cell {
        match self.mark(unit, what) {
            Mark::Shown => Cell::Count(self.source.count(unit, what)),
            Mark::Under => Cell::Under,
            Mark::Hidden | Mark::Absent => Cell::Hidden,
        }
    }

    fn mark(&mut self, unit: Place, what: What) -> Mark {
        if !self.is_published(what) {
            return Mark::Absent;
        }
        if let Some(mark) = self.marks.get(&(unit, what)) {
            return *mark;
        }
        self.decide(unit, what);
        self.marks
            .get(&(unit, what))
            .copied()
            .unwrap_or(Mark::Absent)
    }

    fn is_published(&self, what: What) -> bool {
        match what {
            What::During(_, period) => period.is_sound() && period.is_over(self.now),
            What::Category(place, quarter) => {
                place < self.source.categories()
                    && quarter.span() == Span::Quarter
                    && quarter.is_sound()
                    && quarter.is_over(self.now)
            }
            What::Open | What::Overdue(_) | What::Major(_) => true,
        }
    }

    /// Decides the table that a cell stands in.
    fn decide(&mut self, unit: Place, what: What) {
        let above = self.source.parent(unit);
        let rows: Vec<Place> = match above {
            Some(above) => self.source.children(above).to_vec(),
            None => vec![unit],
        };
        let (columns, total) = self.line(what);
        let mut squares = Vec::new();
        for row in &rows {
            for column in &columns {
                squares.push(Square::free(self.source.count(*row, *column)));
            }
            squares.push(self.total(*row, total));
        }
        for column in columns.iter().copied().map(Some).chain([total]) {
            let square = match (above, column) {
                (Some(above), Some(column)) => self.known(above, column),
                _ => Square::absent(),
            };
            squares.push(square);
        }
        let mut table = Table::new(columns.len() + 1, squares);
        table.protect();
        for (r, row) in rows.iter().enumerate() {
            for (c, column) in columns.iter().enumerate() {
                self.marks.insert((*row, *column), table.mark(r, c));
            }
            if let Some(total @ What::Open) = total
                && !self.marks.contains_key(&(*row, total))
            {
                let mark = table.mark(r, columns.len());
                self.marks.insert((*row, total), mark);
            }
        }
    }

    /// What stands beside a cell in its row, and what that comes to.
    fn line(&self, what: What) -> (Vec<What>, Option<What>) {
        match what {
            What::During(figure, period) => match period.parent() {
                Some(parent) => {
                    let beside = parent.children().into_iter();
                    let columns = beside.map(|period| What::During(figure, period));
                    let columns = columns.filter(|column| self.is_published(*column));
                    (columns.collect(), Some(What::During(figure, parent)))
                }
                None => (vec![what], None),
            },
            What::Category(_, quarter) => {
                let all = (0..self.source.categories()).map(|place| What::Category(place, quarter));
                (all.collect(), Some(What::During(Figure::Found, quarter)))
            }
            What::Open | What::Overdue(_) => {
                let columns = vec![What::Overdue(true), What::Overdue(false)];
                (columns, Some(What::Open))
            }
            What::Major(_) => {
                let columns = vec![What::Major(true), What::Major(false)];
                (columns, Some(What::Open))
            }
        }
    }

    /// The total of a row: decided elsewhere but for open matters, which are decided with the overdue.
    fn total(&mut self, row: Place, total: Option<What>) -> Square {
        match total {
            None => Square::absent(),
            Some(What::Open) if !self.marks.contains_key(&(row, What::Open)) => {
                Square::free(self.source.count(row, What::Open))
            }
            Some(total) => self.known(row, total),
        }
    }

    fn known(&mut self, unit: Place, what: What) -> Square {
        match self.mark(unit, what) {
            Mark::Absent => Square::absent(),
            mark @ (Mark::Shown | Mark::Under | Mark::Hidden) => {
                Square::fixed(self.source.count(unit, what), mark)
            }
        }
    }
}

/// Whether a count of matters that are listed may be set off against the count that they are part of.
#[must_use]
pub fn leaves_few(whole: Cell, listed: u32) -> bool {
    let rest = whole.count().map(|whole| whole.saturating_sub(listed));
    rest.is_some_and(|rest| rest > 0 && rest < SMALL_CELL_MAX)
}
