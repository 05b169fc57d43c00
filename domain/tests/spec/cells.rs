//! VW: small cells. Whoever may ask for everything, and sets off everything against everything, learns
//! of no count of one or two.

use std::collections::BTreeMap;

use domain::record::Kind;
use domain::time::{Day, Millis};
use domain::view::cells::chart::{Chart, Place, Source, What};
use domain::view::cells::{Cell, SMALL_CELL_MAX, is_small_cell};
use domain::view::figure::Figure;
use domain::view::matters::{Beside, Matters, list};
use domain::view::weeks::{Span, Weeks, week_of};

const YEAR: i64 = 2025;
const CATEGORIES: usize = 6;

/// Numbers that look like chance and are the same in every run.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            dice.below(2);
        }
        dice
    }

    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// A made-up district: villages below stations, their disputes by week and category, and open matters.
struct Town {
    parents: Vec<Option<Place>>,
    children: Vec<Vec<Place>>,
    /// By village, week and category.
    found: BTreeMap<(Place, i64, usize), u32>,
    /// By village: overdue, not overdue; of the highest level, others.
    open: BTreeMap<Place, [u32; 4]>,
}

impl Town {
    fn new(dice: &mut Dice, stations: u64, villages: u64) -> Self {
        let mut town = Self {
            parents: vec![None],
            children: vec![Vec::new()],
            found: BTreeMap::new(),
            open: BTreeMap::new(),
        };
        for _ in 0..=dice.below(stations) {
            let station = town.add(0);
            for _ in 0..=dice.below(villages) {
                let village = town.add(station);
                // Some villages have next to nothing, some have a lot.
                let busy = [0, 3, 12, 40, 90, 300][dice.below(6) as usize];
                for _ in 0..busy {
                    let week = Weeks::Year(YEAR).first() + dice.below(52) as i64;
                    let category = dice
                        .below(CATEGORIES as u64)
                        .min(dice.below(CATEGORIES as u64));
                    *town
                        .found
                        .entry((village, week, category as usize))
                        .or_default() += 1;
                }
                let some = [0, 0, 1, 2, 3, 7];
                let mut open = [0; 4];
                for one in &mut open[..3] {
                    *one = some[dice.below(6) as usize];
                }
                open[2] = open[2].min(open[0] + open[1]);
                open[3] = open[0] + open[1] - open[2];
                town.open.insert(village, open);
            }
        }
        town
    }

    fn add(&mut self, parent: Place) -> Place {
        let place = self.parents.len();
        self.parents.push(Some(parent));
        self.children.push(Vec::new());
        self.children[parent].push(place);
        place
    }

    fn in_village(&self, village: Place, what: What) -> u32 {
        let found = |period: Weeks, of: Option<usize>| {
            let weeks = (village, period.first(), 0)..=(village, period.last(), CATEGORIES);
            let all = self.found.range(weeks);
            let all = all.filter(|((_, _, category), _)| of.is_none_or(|of| of == *category));
            all.map(|(_, count)| count).sum()
        };
        let open = self.open.get(&village).copied().unwrap_or_default();
        match what {
            What::During(_, period) => found(period, None),
            What::Category(category, quarter) => found(quarter, Some(category)),
            What::Open => open[0] + open[1],
            What::Overdue(late) => open[usize::from(!late)],
            What::Major(major) => open[if major { 2 } else { 3 }],
        }
    }
}

impl Source for Town {
    fn parent(&self, unit: Place) -> Option<Place> {
        self.parents[unit]
    }

    fn children(&self, unit: Place) -> &[Place] {
        &self.children[unit]
    }

    fn categories(&self) -> usize {
        CATEGORIES
    }

    fn count(&self, unit: Place, what: What) -> u32 {
        let below = self.children[unit]
            .iter()
            .map(|child| self.count(*child, what));
        self.in_village(unit, what) + below.sum::<u32>()
    }
}

/// Every answer to every question, and what holds between them.
struct Known {
    cells: Vec<(Place, What)>,
    truth: Vec<u32>,
    shown: Vec<Cell>,
    /// Parts and their sum.
    lines: Vec<(Vec<usize>, usize)>,
}

/// The end of the year's first quarter, and of the year.
fn ends() -> [Millis; 2] {
    let after = |period: Weeks| period.days().to.plus(1).start();
    [after(Weeks::Quarter(YEAR, 1)), after(Weeks::Year(YEAR))]
}

/// All questions of one unit.
fn questions(now: Millis) -> Vec<What> {
    let mut periods = Vec::new();
    let mut open = vec![Weeks::Year(YEAR)];
    while let Some(period) = open.pop() {
        open.extend(period.children());
        periods.push(period);
    }
    periods.retain(|period| period.is_over(now));
    let mut whats: Vec<What> = periods
        .iter()
        .map(|period| What::During(Figure::Found, *period))
        .collect();
    let quarters = periods
        .iter()
        .filter(|period| matches!(period, Weeks::Quarter(..)));
    whats.extend(quarters.flat_map(|quarter| (0..CATEGORIES).map(|c| What::Category(c, *quarter))));
    whats.push(What::Open);
    whats.extend([true, false].map(What::Overdue));
    whats.extend([true, false].map(What::Major));
    whats
}

fn asked(town: &Town, now: Millis) -> Known {
    let whats = questions(now);
    let units = 0..town.parents.len();
    let cells: Vec<(Place, What)> = units
        .flat_map(|unit| whats.iter().map(move |what| (unit, *what)))
        .collect();
    let at: BTreeMap<(Place, What), usize> = cells
        .iter()
        .enumerate()
        .map(|(at, cell)| (*cell, at))
        .collect();
    let mut lines = Vec::new();
    for (unit, what) in &cells {
        let mut sum = |parts: Vec<(Place, What)>| {
            let parts: Option<Vec<usize>> =
                parts.iter().map(|cell| at.get(cell).copied()).collect();
            if let Some(parts) = parts.filter(|parts| !parts.is_empty()) {
                lines.push((parts, at[&(*unit, *what)]));
            }
        };
        sum(town.children[*unit]
            .iter()
            .map(|child| (*child, *what))
            .collect());
        match what {
            What::During(figure, period) => {
                let parts = period.children().into_iter();
                sum(parts
                    .map(|part| (*unit, What::During(*figure, part)))
                    .collect());
                sum((0..CATEGORIES)
                    .map(|c| (*unit, What::Category(c, *period)))
                    .collect());
            }
            What::Open => {
                sum([true, false]
                    .map(|late| (*unit, What::Overdue(late)))
                    .to_vec());
                sum([true, false]
                    .map(|major| (*unit, What::Major(major)))
                    .to_vec());
            }
            What::Category(..) | What::Overdue(_) | What::Major(_) => {}
        }
    }
    let mut chart = Chart::new(town, now);
    let shown = cells
        .iter()
        .map(|(unit, what)| chart.cell(*unit, *what))
        .collect();
    let truth = cells
        .iter()
        .map(|(unit, what)| town.count(*unit, *what))
        .collect();
    Known {
        cells,
        truth,
        shown,
        lines,
    }
}

impl Known {
    /// The bounds of each cell that follow from all lines together.
    fn bounds(&self) -> Vec<(i64, i64)> {
        const ANY: i64 = 1 << 40;
        let bound = |cell: &Cell| match cell {
            Cell::Count(count) => (i64::from(*count), i64::from(*count)),
            Cell::Under => (0, i64::from(SMALL_CELL_MAX) - 1),
            Cell::Hidden => (0, ANY),
        };
        let mut bounds: Vec<(i64, i64)> = self.shown.iter().map(bound).collect();
        let mut moved = true;
        while moved {
            moved = false;
            for (parts, total) in &self.lines {
                let low: i64 = parts.iter().map(|part| bounds[*part].0).sum();
                let high: i64 = parts.iter().map(|part| bounds[*part].1).sum();
                let (least, most) = bounds[*total];
                let whole = (least.max(low), most.min(high));
                moved |= whole != bounds[*total];
                bounds[*total] = whole;
                for part in parts {
                    let (least, most) = bounds[*part];
                    let one = (
                        least.max(whole.0 - (high - most)),
                        most.min(whole.1 - (low - least)),
                    );
                    moved |= one != (least, most);
                    bounds[*part] = one;
                }
            }
        }
        bounds
    }

    /// The small cells that are shown, pinned to one number, or to one or two.
    fn leaks(&self) -> Vec<String> {
        let bounds = self.bounds();
        let small = (0..self.cells.len()).filter(|at| is_small_cell(self.truth[*at]));
        let leak = small.filter(|at| {
            let (low, high) = bounds[*at];
            low == high || low >= 1 && high < i64::from(SMALL_CELL_MAX)
        });
        leak.map(|at| {
            format!(
                "{:?} is {} in {:?}",
                self.cells[at], self.truth[at], bounds[at]
            )
        })
        .collect()
    }

    /// The small cells that linear algebra gives away, whatever the bounds: in the row echelon form of
    /// all lines, modulo a prime, a cell that stands alone with what is shown is known.
    fn solved(&self) -> Vec<String> {
        const P: u64 = 2_147_483_647;
        let hidden: Vec<usize> = (0..self.cells.len())
            .filter(|at| self.shown[*at].count().is_none())
            .collect();
        let column: BTreeMap<usize, usize> = hidden
            .iter()
            .enumerate()
            .map(|(column, at)| (*at, column))
            .collect();
        let mut rows: Vec<BTreeMap<usize, u64>> = Vec::new();
        for (parts, total) in &self.lines {
            let mut row: BTreeMap<usize, u64> = BTreeMap::new();
            for part in parts {
                if let Some(column) = column.get(part) {
                    row.insert(*column, 1);
                }
            }
            if let Some(column) = column.get(total) {
                row.insert(*column, P - 1);
            }
            rows.push(row);
        }
        let mut echelon: BTreeMap<usize, BTreeMap<usize, u64>> = BTreeMap::new();
        for mut row in rows {
            while let Some((first, factor)) = row.first_key_value().map(|(c, f)| (*c, *f)) {
                let Some(pivot) = echelon.get(&first) else {
                    let inverse = power(factor, P - 2, P);
                    row.values_mut().for_each(|f| *f = *f * inverse % P);
                    echelon.insert(first, row);
                    break;
                };
                subtract(&mut row, pivot, factor, P);
            }
        }
        // Back from the last, so that only cells that are free stay beside each.
        let pivots: Vec<usize> = echelon.keys().rev().copied().collect();
        for pivot in pivots {
            let mut row = echelon[&pivot].clone();
            let others: Vec<usize> = row.keys().skip(1).copied().collect();
            for other in others {
                let factor = row.get(&other).copied().unwrap_or(0);
                if let Some(line) = echelon.get(&other).filter(|_| factor > 0) {
                    subtract(&mut row, line, factor, P);
                }
            }
            echelon.insert(pivot, row);
        }
        let alone = echelon.iter().filter(|(_, row)| row.len() == 1);
        let alone = alone.map(|(column, _)| hidden[*column]);
        alone
            .filter(|at| is_small_cell(self.truth[*at]))
            .map(|at| format!("{:?} is {}", self.cells[at], self.truth[at]))
            .collect()
    }
}

fn power(base: u64, mut exponent: u64, p: u64) -> u64 {
    let (mut base, mut result) = (base % p, 1);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % p;
        }
        base = base * base % p;
        exponent >>= 1;
    }
    result
}

fn subtract(row: &mut BTreeMap<usize, u64>, pivot: &BTreeMap<usize, u64>, factor: u64, p: u64) {
    for (column, f) in pivot {
        let old = row.get(column).copied().unwrap_or(0);
        let new = (old + p - factor * f % p) % p;
        if new == 0 {
            row.remove(column);
        } else {
            row.insert(*column, new);
        }
    }
}

#[test]
fn vw8_no_count_of_one_or_two_can_be_worked_out_from_all_answers_together() {
    let (mut shown, mut all) = (0, 0);
    for seed in 1..=60 {
        let mut dice = Dice::new(seed);
        let town = Town::new(&mut dice, 3, 5);
        for now in ends() {
            let known = asked(&town, now);
            assert_eq!(known.leaks(), Vec::<String>::new(), "seed {seed}");
            let large = known
                .truth
                .iter()
                .filter(|count| **count >= SMALL_CELL_MAX)
                .count();
            let told = known.shown.iter().filter_map(|cell| cell.count());
            shown += told.filter(|count| *count >= SMALL_CELL_MAX).count();
            all += large;
        }
    }
    // Hiding everything would be safe as well.
    assert!(shown * 2 > all, "{shown} of {all}");
}

#[test]
fn vw8_linear_algebra_gives_no_small_count_away() {
    for seed in 100..=130 {
        let mut dice = Dice::new(seed);
        let town = Town::new(&mut dice, 3, 4);
        let known = asked(&town, ends()[0]);
        assert_eq!(known.solved(), Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn vw8_the_attacker_finds_what_only_hiding_ones_and_twos_gives_away() {
    let mut found = [0, 0];
    for seed in 1..=5 {
        let town = Town::new(&mut Dice::new(seed), 3, 4);
        let mut known = asked(&town, ends()[0]);
        for (cell, count) in known.shown.iter_mut().zip(&known.truth) {
            *cell = if is_small_cell(*count) {
                Cell::Under
            } else {
                Cell::Count(*count)
            };
        }
        found[0] += known.leaks().len();
        found[1] += known.solved().len();
    }
    assert!(found[0] > 10 && found[1] > 10, "{found:?}");
}

#[test]
fn vw7_what_was_seen_is_answered_no_more() {
    // One village with two disputes in a week, beside one with five: the seen subtraction.
    let mut town = Town::new(&mut Dice::new(1), 1, 1);
    (town.parents, town.children) = (vec![None], vec![Vec::new()]);
    let station = town.add(0);
    let [one, two] = [town.add(station), town.add(station)];
    let week = Weeks::Year(YEAR).first();
    town.found = [((one, week, 0), 2), ((two, week, 0), 5)].into();
    let mut chart = Chart::new(&town, ends()[0]);
    let mut cell = |unit, period| chart.cell(unit, What::During(Figure::Found, period));
    let week = Weeks::Week(week);
    assert_eq!(cell(station, week), Cell::Count(7));
    assert_eq!(cell(one, week), Cell::Under);
    assert_eq!(cell(two, week), Cell::Hidden, "7 - 5");
    // A period that is not over is not counted.
    assert_eq!(cell(station, Weeks::Year(YEAR)), Cell::Hidden);
}

/// Counts beside a list of open matters.
struct Figures {
    open: Cell,
    major: Cell,
    found: BTreeMap<i64, u32>,
    hazards: BTreeMap<i64, u32>,
}

/// How many there are in the weeks of a period.
fn within(counts: &BTreeMap<i64, u32>, period: Weeks) -> u32 {
    let weeks = period.first()..=period.last();
    counts.range(weeks).map(|(_, count)| count).sum()
}

impl Beside for Figures {
    fn open(&mut self) -> Cell {
        self.open
    }

    fn major(&mut self) -> Cell {
        self.major
    }

    fn found(&mut self, period: Weeks) -> Cell {
        Cell::Count(within(&self.found, period))
    }

    fn hazards(&mut self, period: Weeks) -> Cell {
        Cell::Count(within(&self.hazards, period))
    }

    fn found_of(&mut self, _: &str, _: Weeks) -> Cell {
        Cell::Hidden
    }
}

/// Open matters that nothing tells apart: kind, category, level, week, how many.
type Open = (Kind, String, String, i64, u32);

/// A count as it is shown where it stands alone.
const fn shown(count: u32) -> Cell {
    if is_small_cell(count) {
        Cell::Under
    } else {
        Cell::Count(count)
    }
}

/// What nobody may work out: that one or two of a count that is shown are not listed.
fn few(whole: u32, part: u32) -> bool {
    part > 0 && whole > part && is_small_cell(whole - part)
}

fn leaves_no_few_of_any_period(told: &[Matters], figures: &Figures, seed: u64) {
    for (kind, counts) in [
        (Kind::Dispute, &figures.found),
        (Kind::Hazard, &figures.hazards),
    ] {
        for (week, span) in counts
            .keys()
            .flat_map(|week| Span::ALL.map(|span| (*week, span)))
        {
            let period = Weeks::around(week, span);
            let whole = within(counts, period);
            let weeks = period.first()..=period.last();
            let same = told.iter().filter(|group| {
                let week = group.week.map(Weeks::first);
                group.kind == kind && week.is_some_and(|week| weeks.contains(&week))
            });
            let sum: u32 = same.map(|group| group.count).sum();
            assert!(
                !few(whole, sum),
                "seed {seed}: {sum} of {whole} in {period:?}"
            );
        }
    }
}

#[test]
fn vw10_open_matters_come_in_groups_of_three_or_more_and_leave_no_few() {
    let first = week_of(Day(20_000));
    let mut listed = 0;
    for seed in 1..=2_000 {
        let mut dice = Dice::new(seed);
        let mut cells: Vec<Open> = Vec::new();
        for _ in 0..dice.below(14) {
            let kind = [Kind::Dispute, Kind::Hazard, Kind::Task][dice.below(3) as usize];
            let category = format!("0{}", dice.below(3));
            let level = ["G", "Y", "R", "3"][dice.below(4) as usize].to_owned();
            let week = first + dice.below(3) as i64;
            cells.push((kind, category, level, week, 1 + dice.below(4) as u32));
        }
        let of = |keep: &dyn Fn(&Open) -> bool| -> u32 {
            cells
                .iter()
                .filter(|cell| keep(cell))
                .map(|cell| cell.4)
                .sum()
        };
        let is_major = |kind: Kind, level: &str| {
            (kind, level) == (Kind::Dispute, "R") || (kind, level) == (Kind::Hazard, "3")
        };
        let major = of(&|cell| is_major(cell.0, &cell.2));
        let all = of(&|_| true);
        let closed = dice.below(4) as u32;
        let found = (0..3).map(|week| {
            let week = first + week;
            (
                week,
                closed + of(&|cell| cell.0 == Kind::Dispute && cell.3 == week),
            )
        });
        let hazards = (0..3).map(|week| {
            let week = first + week;
            let done = dice.below(3) as u32;
            (
                week,
                done + of(&|cell| cell.0 == Kind::Hazard && cell.3 == week),
            )
        });
        let mut figures = Figures {
            open: shown(all),
            major: shown(major),
            found: found.collect(),
            hazards: hazards.collect(),
        };
        let told = list(cells.clone(), &mut figures);
        listed += told.len();
        assert!(
            told.iter().all(|group| group.count >= SMALL_CELL_MAX),
            "{told:?}"
        );
        let sum: u32 = told.iter().map(|group| group.count).sum();
        assert!(!few(all, sum), "seed {seed}: {sum} of {all}");
        let red = told
            .iter()
            .filter(|group| is_major(group.kind, group.level.as_deref().unwrap_or_default()));
        let sum: u32 = red.map(|group| group.count).sum();
        assert!(
            is_small_cell(major) || !few(major, sum),
            "seed {seed}: {sum} of {major}"
        );
        leaves_no_few_of_any_period(&told, &figures, seed);
    }
    assert!(listed > 1_000, "{listed}");
}
