//! One table of rows and columns with their totals.
//!
//! A cell below the limit is safe when the same table could hold another number in its place: none,
//! or one that is no longer below the limit. Whether it could is told exactly, as a flow: each row and
//! each column with its total is an equation, so that what one hidden cell loses another must gain,
//! round a ring of hidden cells.

use super::{SMALL_CELL_MAX, is_small_cell};

/// What is known of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Its number.
    Shown,
    /// That it is below the limit.
    Under,
    /// Nothing.
    Hidden,
    /// It is in no table that anybody may ask for: it can be whatever it must.
    Absent,
}

impl Mark {
    const fn is_hidden(self) -> bool {
        matches!(self, Self::Under | Self::Hidden)
    }
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Square {
    /// The number.
    pub value: u32,
    /// What is known of it.
    pub mark: Mark,
    /// Whether that was decided in another table.
    pub fixed: bool,
}

impl Square {
    /// A cell that is decided here.
    #[must_use]
    pub const fn free(value: u32) -> Self {
        Self {
            value,
            mark: Mark::Shown,
            fixed: false,
        }
    }

    /// A cell that was decided elsewhere.
    #[must_use]
    pub const fn fixed(value: u32, mark: Mark) -> Self {
        Self {
            value,
            mark,
            fixed: true,
        }
    }

    /// A total that nobody may ask for.
    #[must_use]
    pub const fn absent() -> Self {
        Self::fixed(0, Mark::Absent)
    }
}

/// A table: its last column holds the totals of the rows, its last row those of the columns.
#[derive(Debug, Clone)]
pub struct Table {
    /// Columns, the totals' among them.
    width: usize,
    squares: Vec<Square>,
}

/// As much as a cell can gain where nothing is known of it.
const ANY: u32 = u32::MAX / 4;

impl Table {
    /// A table from its squares, row by row.
    #[must_use]
    pub fn new(width: usize, squares: Vec<Square>) -> Self {
        Self {
            width: width.max(1),
            squares,
        }
    }

    /// What is known of the cell at a place.
    #[must_use]
    pub fn mark(&self, row: usize, column: usize) -> Mark {
        self.at(row, column).mark
    }

    fn height(&self) -> usize {
        self.squares.len() / self.width
    }

    fn at(&self, row: usize, column: usize) -> Square {
        let found = self.squares.get(row * self.width + column);
        found.copied().unwrap_or(Square::absent())
    }

    fn set(&mut self, row: usize, column: usize, mark: Mark) {
        if let Some(square) = self.squares.get_mut(row * self.width + column) {
            square.mark = mark;
        }
    }

    fn places(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (height, width) = (self.height(), self.width);
        (0..height).flat_map(move |row| (0..width).map(move |column| (row, column)))
    }

    /// Decides what is shown.
    pub fn protect(&mut self) {
        for (row, column) in self.places() {
            let square = self.at(row, column);
            if !square.fixed && is_small_cell(square.value) {
                self.set(row, column, Mark::Under);
            }
        }
        loop {
            self.inherit();
            let exposed = self.exposed();
            let mut moved = false;
            for (row, column) in exposed {
                // What was hidden for one before may do for the next as well.
                if !self.is_safe(row, column) {
                    moved |= self.hide_beside(row, column);
                }
            }
            if !moved {
                break;
            }
        }
    }

    /// What makes up a hidden total is hidden, so that the total can be another one.
    fn inherit(&mut self) {
        let (last_row, last_column) = (self.height() - 1, self.width - 1);
        // Totals that are decided here inherit from the corner.
        for totals in [true, false] {
            for (row, column) in self.places() {
                let square = self.at(row, column);
                let is_total = row == last_row || column == last_column;
                let is_corner = row == last_row && column == last_column;
                if square.fixed || is_corner || is_total != totals {
                    continue;
                }
                let above = [self.mark(row, last_column), self.mark(last_row, column)];
                let of = above.iter().zip([column < last_column, row < last_row]);
                let of = of.filter(|(mark, is_part)| *is_part && mark.is_hidden());
                if let Some(mark) = of.map(|(mark, _)| *mark).max() {
                    self.set(row, column, square.mark.max(mark));
                }
            }
        }
    }

    /// The cells below the limit that could be worked out.
    fn exposed(&self) -> Vec<(usize, usize)> {
        let places = self.places();
        places
            .filter(|(row, column)| !self.is_safe(*row, *column))
            .collect()
    }

    fn is_safe(&self, row: usize, column: usize) -> bool {
        let square = self.at(row, column);
        if square.fixed || !square.mark.is_hidden() || !is_small_cell(square.value) {
            return true;
        }
        // With a total below the limit goes what makes it up.
        let (last_row, last_column) = (self.height() - 1, self.width - 1);
        let totals = [
            (column < last_column).then(|| self.at(row, last_column)),
            (row < last_row).then(|| self.at(last_row, column)),
        ];
        let mut totals = totals.into_iter().flatten();
        if totals.any(|total| total.fixed && total.mark.is_hidden() && is_small_cell(total.value)) {
            return true;
        }
        let gain = SMALL_CELL_MAX - square.value;
        self.can_change(row, column, (square.value, false))
            || square.mark == Mark::Hidden && self.can_change(row, column, (gain, true))
    }

    /// By how much a square can grow and shrink while everything that is known stays as it is. What was
    /// decided in other tables is taken as known, whatever its mark.
    fn room(&self, row: usize, column: usize) -> (u32, u32) {
        let square = self.at(row, column);
        match square.mark {
            Mark::Absent => (ANY, ANY),
            _ if square.fixed => (0, 0),
            Mark::Shown => (0, 0),
            Mark::Under => (
                (SMALL_CELL_MAX - 1).saturating_sub(square.value),
                square.value,
            ),
            Mark::Hidden => (ANY, square.value),
        }
    }

    /// Whether a cell can lose or gain so much: whether so much flows from its row to its column, or
    /// back, by way of other cells.
    fn can_change(&self, row: usize, column: usize, (amount, up): (u32, bool)) -> bool {
        let (height, width) = (self.height(), self.width);
        // Arcs from a row to a column are those that let the signed number of the cell grow.
        let mut flow = Flow {
            rows: height,
            columns: width,
            there: vec![0; height * width],
            back: vec![0; height * width],
        };
        for (at, (r, c)) in self.places().enumerate() {
            if (r, c) == (row, column) {
                continue;
            }
            let (grow, shrink) = self.room(r, c);
            // A total stands on the other side of its equation; the corner does so twice.
            let (there, back) = if self.is_turned(r, c) {
                (shrink, grow)
            } else {
                (grow, shrink)
            };
            flow.set(at, there, back);
        }
        // The cell shrinks: its row must find as much elsewhere; or it grows.
        let from_row = up == self.is_turned(row, column);
        flow.carries((row, column), from_row, amount)
    }

    const fn is_turned(&self, row: usize, column: usize) -> bool {
        let last_row = self.squares.len() / self.width - 1;
        (row == last_row) != (column == self.width - 1)
    }

    /// Hides one cell more in the row or the column of one that could be worked out: the smallest that
    /// is shown, else a total, else a nought; else nothing is told any more of what is below the
    /// limit. Whether anything changed.
    fn hide_beside(&mut self, row: usize, column: usize) -> bool {
        let (last_row, last_column) = (self.height() - 1, self.width - 1);
        let beside: Vec<(usize, usize)> = (0..self.width)
            .map(|c| (row, c))
            .chain((0..self.height()).map(|r| (r, column)))
            .collect();
        let rank = |(place, (r, c)): (usize, &(usize, usize))| {
            let square = self.at(*r, *c);
            let is_total = *r == last_row || *c == last_column;
            let class = match (is_total, square.value) {
                (false, 1..) => 0,
                (true, _) => 1,
                (false, 0) => 2,
            };
            let free = !square.fixed && square.mark == Mark::Shown;
            free.then_some((class, square.value, place))
        };
        let found = beside.iter().enumerate().filter_map(rank).min();
        if let Some((_, value, place)) = found {
            let (r, c) = beside.get(place).copied().unwrap_or((row, column));
            let mark = if value < SMALL_CELL_MAX {
                Mark::Under
            } else {
                Mark::Hidden
            };
            self.set(r, c, mark);
            return true;
        }
        self.hide_anywhere(row, column)
    }

    /// Where a whole row and column are hidden already: the rest of the table, cell by cell, and at
    /// last the marks that say "below the limit".
    fn hide_anywhere(&mut self, row: usize, column: usize) -> bool {
        let rank = |(r, c): (usize, usize)| {
            let square = self.at(r, c);
            let free = !square.fixed && square.mark == Mark::Shown;
            free.then_some((square.value == 0, square.value, (r, c)))
        };
        let shown = self.places().filter_map(rank).min();
        if let Some((_, value, (r, c))) = shown {
            let small = value < SMALL_CELL_MAX;
            self.set(r, c, if small { Mark::Under } else { Mark::Hidden });
            return true;
        }
        let told: Vec<(usize, usize)> = self
            .places()
            .filter(|(r, c)| !self.at(*r, *c).fixed && self.mark(*r, *c) == Mark::Under)
            .collect();
        let near = told.iter().filter(|(r, c)| *r == row || *c == column);
        let near: Vec<(usize, usize)> = near.copied().collect();
        let chosen = if near.is_empty() { &told } else { &near };
        for (r, c) in chosen {
            self.set(*r, *c, Mark::Hidden);
        }
        !chosen.is_empty()
    }
}

/// What can flow between rows and columns.
struct Flow {
    rows: usize,
    columns: usize,
    there: Vec<u32>,
    back: Vec<u32>,
}

impl Flow {
    fn set(&mut self, at: usize, there: u32, back: u32) {
        if let (Some(a), Some(b)) = (self.there.get_mut(at), self.back.get_mut(at)) {
            (*a, *b) = (there, back);
        }
    }

    /// Whether so much flows from the row to the column of a cell, or from its column to its row.
    fn carries(&mut self, (row, column): (usize, usize), from_row: bool, amount: u32) -> bool {
        let (row, column) = (row, self.rows + column);
        let (from, to) = if from_row {
            (row, column)
        } else {
            (column, row)
        };
        (0..amount).all(|_| self.push_one(from, to))
    }

    /// Lets one more flow along any way that has room.
    fn push_one(&mut self, from: usize, to: usize) -> bool {
        let mut reached: Vec<Option<usize>> = vec![None; self.rows + self.columns];
        let mut open = std::collections::VecDeque::from([from]);
        if let Some(first) = reached.get_mut(from) {
            *first = Some(from);
        }
        while let Some(node) = open.pop_front() {
            if node == to {
                self.take(&reached, from, to);
                return true;
            }
            for next in self.nexts(node) {
                if let Some(by) = reached.get_mut(next)
                    && by.is_none()
                {
                    *by = Some(node);
                    open.push_back(next);
                }
            }
        }
        false
    }

    fn nexts(&self, node: usize) -> Vec<usize> {
        if node < self.rows {
            let room = |c: &usize| {
                self.there
                    .get(node * self.columns + c)
                    .is_some_and(|r| *r > 0)
            };
            (0..self.columns)
                .filter(room)
                .map(|c| self.rows + c)
                .collect()
        } else {
            let column = node - self.rows;
            let room = |r: &usize| {
                let at = r * self.columns + column;
                self.back.get(at).is_some_and(|room| *room > 0)
            };
            (0..self.rows).filter(room).collect()
        }
    }

    fn take(&mut self, reached: &[Option<usize>], from: usize, to: usize) {
        let mut node = to;
        while node != from {
            let Some(Some(before)) = reached.get(node).copied() else {
                return;
            };
            let (row, column, there) = if before < self.rows {
                (before, node - self.rows, true)
            } else {
                (node, before - self.rows, false)
            };
            let at = row * self.columns + column;
            if let (Some(a), Some(b)) = (self.there.get_mut(at), self.back.get_mut(at)) {
                let (used, other) = if there { (a, b) } else { (b, a) };
                *used = used.saturating_sub(1);
                *other = other.saturating_add(1);
            }
            node = before;
        }
    }
}
