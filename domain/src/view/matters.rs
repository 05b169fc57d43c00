//! Open matters as supervisors see them: groups of at least three that are told apart by kind,
//! category, level and the week in which they were found, as far as that singles nothing out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cells::{Cell, SMALL_CELL_MAX, chart};
use super::figure::is_major;
use super::weeks::{Span, Weeks};
use crate::record::Kind;

/// Matters that are told apart by nothing more than what stands here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Matters {
    /// What they are about.
    pub kind: Kind,
    /// Code of their category, where it is told.
    pub category: Option<String>,
    /// Code of their level, where it is told.
    pub level: Option<String>,
    /// The week in which they were found, where it is told.
    pub week: Option<Weeks>,
    /// How many: three or more.
    pub count: u32,
}

/// What a group is told apart by.
type Key = (Kind, Option<String>, Option<String>, Option<i64>);

/// Counts that are shown beside the list and that it is a part of.
pub trait Beside {
    /// Open matters, all.
    fn open(&mut self) -> Cell;
    /// Open matters of the highest level.
    fn major(&mut self) -> Cell;
    /// Disputes found in a period.
    fn found(&mut self, period: Weeks) -> Cell;
    /// Hazards found in a period, whatever became of them.
    fn hazards(&mut self, period: Weeks) -> Cell;
    /// Disputes of a category found in a quarter.
    fn found_of(&mut self, category: &str, quarter: Weeks) -> Cell;
}

/// Groups open matters: kind, category, level, week, and how many of them there are.
///
/// Groups of fewer than three lose first the week, then the level, then the category; what is left
/// then is not listed. The same happens to the smallest group of those that leave fewer than three of
/// a count that is shown beside the list.
pub fn list(
    cells: impl IntoIterator<Item = (Kind, String, String, i64, u32)>,
    beside: &mut impl Beside,
) -> Vec<Matters> {
    let mut groups: BTreeMap<Key, u32> = BTreeMap::new();
    for (kind, category, level, week, count) in cells {
        let key = (kind, Some(category), Some(level), Some(week));
        *groups.entry(key).or_default() += count;
    }
    loop {
        let small: Vec<Key> = groups
            .iter()
            .filter(|(_, count)| **count < SMALL_CELL_MAX)
            .map(|(key, _)| key.clone())
            .collect();
        // The finest first, so that what they lose can make up a group with others.
        let finest = small.iter().map(detail).max();
        if let Some(finest) = finest {
            for key in small.iter().filter(|key| detail(key) == finest) {
                coarsen(&mut groups, key);
            }
            continue;
        }
        match singled_out(&groups, beside) {
            Some(key) => coarsen(&mut groups, &key),
            None => break,
        }
    }
    let told = groups.into_iter();
    let told = told.map(|((kind, category, level, week), count)| Matters {
        kind,
        category,
        level,
        week: week.map(Weeks::Week),
        count,
    });
    told.collect()
}

const fn detail(key: &Key) -> u8 {
    match key {
        (_, _, _, Some(_)) => 3,
        (_, _, Some(_), None) => 2,
        (_, Some(_), None, None) => 1,
        (_, None, None, None) => 0,
    }
}

/// Takes from a group what tells it apart most finely; the last thing of all is the list itself.
fn coarsen(groups: &mut BTreeMap<Key, u32>, key: &Key) {
    let Some(count) = groups.remove(key) else {
        return;
    };
    let (kind, category, level, _) = key.clone();
    let wider = match detail(key) {
        3 => (kind, category, level, None),
        2 => (kind, category, None, None),
        1 => (kind, None, None, None),
        _ => return,
    };
    *groups.entry(wider).or_default() += count;
}

/// The smallest group of those that leave one or two of a count that is shown.
fn singled_out(groups: &BTreeMap<Key, u32>, beside: &mut impl Beside) -> Option<Key> {
    let all = groups.iter();
    if let Some(key) = leaving(all, beside.open(), |_| true) {
        return Some(key);
    }
    let major = |(kind, _, level, _): &Key| {
        let level = level.as_deref();
        level.is_some_and(|level| is_major(*kind, level))
    };
    if let Some(key) = leaving(groups.iter(), beside.major(), major) {
        return Some(key);
    }
    for (kind, category, _, week) in groups.keys() {
        let Some(week) = *week else { continue };
        for period in Span::ALL.map(|span| Weeks::around(week, span)) {
            let weeks = period.first()..=period.last();
            let within = |key: &Key| key.3.is_some_and(|week| weeks.contains(&week));
            let found = match kind {
                Kind::Dispute => beside.found(period),
                Kind::Hazard => beside.hazards(period),
                Kind::Patrol | Kind::Task => continue,
            };
            let same = |key: &Key| key.0 == *kind && within(key);
            if let Some(key) = leaving(groups.iter(), found, same) {
                return Some(key);
            }
            if *kind != Kind::Dispute || period.span() != Span::Quarter {
                continue;
            }
            let found = beside.found_of(category.as_deref().unwrap_or_default(), period);
            let same = |key: &Key| key.0 == *kind && key.1 == *category && within(key);
            if let Some(key) = leaving(groups.iter(), found, same) {
                return Some(key);
            }
        }
    }
    None
}

/// The smallest of some groups where together they leave one or two of a whole.
fn leaving<'a>(
    groups: impl Iterator<Item = (&'a Key, &'a u32)>,
    whole: Cell,
    of: impl Fn(&Key) -> bool,
) -> Option<Key> {
    let of: Vec<(&Key, &u32)> = groups.filter(|(key, _)| of(key)).collect();
    let listed = of
        .iter()
        .fold(0, |sum: u32, (_, count)| sum.saturating_add(**count));
    if listed == 0 || !chart::leaves_few(whole, listed) {
        return None;
    }
    let smallest = of
        .into_iter()
        .min_by_key(|(key, count)| (**count, (*key).clone()));
    smallest.map(|(key, _)| key.clone())
}
