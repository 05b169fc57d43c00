//! The units that supervisors look at, down to the villages of the stations, and what is counted in
//! them.

use std::collections::BTreeMap;

use domain::codelist::{self, List};
use domain::id::UnitId;
use domain::time::Millis;
use domain::unit::{Level, Member};
use domain::view::cells::chart::{Place as Node, Source, What};
use domain::view::figure::Figure;
use domain::view::supervisor::{Named, Period, Place};
use domain::view::weeks::{Span, Weeks};
use sqlx::{Row, SqliteConnection};

use crate::error::ApiError;
use crate::store::count::{self, Standing};
use crate::store::{damaged, org};

/// All active units, the highest first.
const UNITS: &str = "SELECT id, level, name, parent, COALESCE(village_code, ''), \
     COALESCE(village_name, '') FROM unit WHERE active = 1 ORDER BY level, id";

/// A unit or a village of a station.
#[derive(Debug)]
struct Spot {
    named: Named,
    parent: Option<Node>,
    children: Vec<Node>,
    standing: Standing,
}

/// Units, villages and their counts.
#[derive(Debug, Default)]
pub(super) struct Town {
    spots: Vec<Spot>,
    /// Places that can be asked for.
    by_place: BTreeMap<Place, Node>,
    /// The unit above each unit, grids and posts too, where its level fits.
    above: BTreeMap<UnitId, UnitId>,
    /// The station of each post, and each station itself.
    stations: BTreeMap<UnitId, Node>,
    /// By place and week: the figures of a period.
    weeks: BTreeMap<(Node, i64), [u32; 8]>,
    /// By place, quarter and category.
    categories: BTreeMap<(Node, Weeks, usize), u32>,
}

/// The place of a category in its list; one that the list does not know stands with the others.
pub(super) fn category(code: &str) -> usize {
    let mut all = codelist::codes(List::DisputeCategory);
    let known = all.position(|entry| entry.code == code);
    known.unwrap_or_else(|| categories().saturating_sub(1))
}

fn categories() -> usize {
    codelist::codes(List::DisputeCategory).count()
}

impl Town {
    /// Reads the units.
    pub(super) async fn read(db: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        let mut town = Self::default();
        let mut levels: BTreeMap<UnitId, Level> = BTreeMap::new();
        for row in sqlx::query(UNITS).fetch_all(db).await? {
            let level: i64 = row.try_get(1)?;
            let level = Level::from_code(&level.to_string())
                .ok_or_else(|| damaged(format!("level {level}")))?;
            let id: UnitId = org::code(&row, 0)?;
            let parent: Option<String> = row.try_get(3)?;
            let parent: Option<UnitId> = parent.and_then(|text| text.parse().ok());
            // Units come from the top: where older versions took them in a circle, it is cut here.
            let parent = parent.filter(|above| {
                levels
                    .get(above)
                    .is_some_and(|above| level.fits_below(*above))
            });
            levels.insert(id.clone(), level);
            if let Some(above) = &parent {
                town.above.insert(id.clone(), above.clone());
            }
            let village = (row.try_get(4)?, row.try_get(5)?);
            town.add((id, level, row.try_get(2)?), parent.as_ref(), village);
        }
        Ok(town)
    }

    fn add(
        &mut self,
        (id, level, name): (UnitId, Level, String),
        parent: Option<&UnitId>,
        (code, village): (String, String),
    ) {
        let station = parent.and_then(|above| self.stations.get(above).copied());
        match level {
            Level::City | Level::District | Level::Station => {
                let unit = parent.cloned();
                let above = unit.map(|unit| Place {
                    unit,
                    village: None,
                });
                let above = above.and_then(|place| self.by_place.get(&place).copied());
                let place = Place {
                    unit: id.clone(),
                    village: None,
                };
                let node = self.spot((place, name), Some(level), above);
                if level == Level::Station {
                    self.stations.insert(id, node);
                }
            }
            Level::Post => {
                if let Some(station) = station {
                    self.stations.insert(id, station);
                }
            }
            Level::Grid => {
                let Some(named) = station.and_then(|node| self.spots.get(node)) else {
                    return;
                };
                let place = Place {
                    unit: named.named.place.unit.clone(),
                    village: Some(code),
                };
                if !self.by_place.contains_key(&place) {
                    self.spot((place, village), None, station);
                }
            }
        }
    }

    fn spot(
        &mut self,
        (place, name): (Place, String),
        level: Option<Level>,
        parent: Option<Node>,
    ) -> Node {
        let node = self.spots.len();
        if let Some(above) = parent.and_then(|above| self.spots.get_mut(above)) {
            above.children.push(node);
        }
        self.by_place.insert(place.clone(), node);
        self.spots.push(Spot {
            named: Named { place, name, level },
            parent,
            children: Vec::new(),
            standing: [0; 3],
        });
        node
    }

    /// The way down from the member's own unit.
    ///
    /// # Errors
    /// When the place does not lie below one, or is finer than what supervisors are given.
    pub(super) fn path(&self, member: &Member, wanted: &Place) -> Result<Vec<Node>, ApiError> {
        let way = core::iter::successors(Some(&wanted.unit), |id| self.above.get(*id));
        if !way.into_iter().any(|id| member.units.contains(id)) {
            return Err(ApiError::NotAllowed);
        }
        let Some(node) = self.by_place.get(wanted).copied() else {
            let whole = Place {
                unit: wanted.unit.clone(),
                village: None,
            };
            // A post or a grid; or a village that is not there.
            return Err(match self.by_place.get(&whole) {
                Some(_) => ApiError::NotAllowed,
                None => ApiError::TooFine,
            });
        };
        let mut path = Vec::new();
        for node in core::iter::successors(Some(node), |node| self.parent(*node)) {
            path.push(node);
            let place = self.spots.get(node).map(|spot| &spot.named.place);
            let own = |place: &Place| place.village.is_none() && member.units.contains(&place.unit);
            if place.is_some_and(own) {
                break;
            }
        }
        path.reverse();
        Ok(path)
    }

    pub(super) fn named(&self, node: Node) -> Option<&Named> {
        self.spots.get(node).map(|spot| &spot.named)
    }

    pub(super) fn below(&self, node: Node) -> impl Iterator<Item = Node> {
        self.children(node).iter().copied()
    }

    /// Reads the counts of a time, and what stands open now.
    pub(super) async fn fill(
        &mut self,
        db: &mut SqliteConnection,
        period: Period,
        now: Millis,
    ) -> Result<(), sqlx::Error> {
        for sum in count::weeks(db, period).await? {
            let Some(village) = self.village(&sum.above, sum.village) else {
                continue;
            };
            let figure = Figure::BY_DAY.iter().position(|one| *one == sum.of.figure);
            let quarter = Weeks::around(sum.of.week, Span::Quarter);
            let of = (sum.of.figure == Figure::Found).then(|| category(&sum.of.category));
            for node in self.upwards(village) {
                let week = self.weeks.entry((node, sum.of.week)).or_default();
                if let Some(count) = figure.and_then(|figure| week.get_mut(figure)) {
                    *count = count.saturating_add(sum.of.count);
                }
                if let Some(of) = of {
                    let count = self.categories.entry((node, quarter, of)).or_default();
                    *count = count.saturating_add(sum.of.count);
                }
            }
        }
        for sum in count::standing(db, now).await? {
            let Some(village) = self.village(&sum.above, sum.village) else {
                continue;
            };
            for node in self.upwards(village) {
                if let Some(spot) = self.spots.get_mut(node) {
                    for (count, more) in spot.standing.iter_mut().zip(sum.of) {
                        *count = count.saturating_add(more);
                    }
                }
            }
        }
        Ok(())
    }

    fn village(&self, above: &UnitId, code: String) -> Option<Node> {
        let station = self.spots.get(*self.stations.get(above)?)?;
        let place = Place {
            unit: station.named.place.unit.clone(),
            village: Some(code),
        };
        self.by_place.get(&place).copied()
    }

    fn upwards(&self, node: Node) -> Vec<Node> {
        core::iter::successors(Some(node), |node| self.parent(*node)).collect()
    }
}

impl Source for Town {
    fn parent(&self, unit: Node) -> Option<Node> {
        self.spots.get(unit)?.parent
    }

    fn children(&self, unit: Node) -> &[Node] {
        self.spots.get(unit).map_or(&[], |spot| &spot.children)
    }

    fn categories(&self) -> usize {
        categories()
    }

    fn count(&self, unit: Node, what: What) -> u32 {
        let [open, overdue, major] = self.spots.get(unit).map_or([0; 3], |spot| spot.standing);
        match what {
            What::During(figure, period) => {
                let place = Figure::BY_DAY.iter().position(|one| *one == figure);
                let weeks = (unit, period.first())..=(unit, period.last());
                let counts = self
                    .weeks
                    .range(weeks)
                    .filter_map(|(_, counts)| counts.get(place?));
                counts.fold(0, |sum, count| sum.saturating_add(*count))
            }
            What::Category(category, quarter) => {
                let found = self.categories.get(&(unit, quarter, category));
                found.copied().unwrap_or(0)
            }
            What::Open => open,
            What::Overdue(true) => overdue,
            What::Overdue(false) => open.saturating_sub(overdue),
            What::Major(true) => major,
            What::Major(false) => open.saturating_sub(major),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::view::Row as View;
    use domain::view::weeks::week_of;

    use super::*;
    use crate::store::Store;
    use crate::{clock, demo};

    /// The same counts from all rows, one by one, by the definitions of the core.
    async fn one_by_one(db: &mut SqliteConnection, town: &Town, now: Millis) -> Town {
        let stored: Vec<(String, Option<String>, Vec<u8>)> = sqlx::query_as(
            "SELECT g.parent, g.village_code, r.bytes FROM row r JOIN unit g ON g.id = r.grid",
        )
        .fetch_all(db)
        .await
        .expect("rows");
        let mut counted = Town::default();
        counted.spots.extend(town.spots.iter().map(|spot| Spot {
            named: spot.named.clone(),
            parent: spot.parent,
            children: spot.children.clone(),
            standing: [0; 3],
        }));
        for (above, village, bytes) in &stored {
            let row = View::decode(bytes).expect("a row");
            let above = above.parse().expect("a code");
            let village = town.village(&above, village.clone().unwrap_or_default());
            for node in town.upwards(village.expect("a village")) {
                for (place, figure) in Figure::BY_DAY.into_iter().enumerate() {
                    let Some(at) = figure.moment(&row) else {
                        continue;
                    };
                    let week = week_of(at.day());
                    counted.weeks.entry((node, week)).or_default()[place] += 1;
                    if figure == Figure::Found {
                        let quarter = Weeks::around(week, Span::Quarter);
                        let key = (node, quarter, category(&row.category));
                        *counted.categories.entry(key).or_default() += 1;
                    }
                }
                for (place, figure) in Figure::STANDING.into_iter().enumerate() {
                    let stands = u32::from(figure.stands(&row, now));
                    counted.spots[node].standing[place] += stands;
                }
            }
        }
        counted
    }

    #[tokio::test]
    async fn vw3_what_the_database_sums_is_what_the_rows_one_by_one_come_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), true).await.expect("opens");
        let now = clock::now();
        demo::seed(&store, now).await.expect("seeds");
        let mut view = store.view().await.expect("a view");
        let mut town = Town::read(&mut view).await.expect("units");
        let period = Period {
            from: now.day().plus(-400),
            to: now.day().plus(400),
        };
        town.fill(&mut view, period, now).await.expect("counts");
        let counted = one_by_one(&mut view, &town, now).await;
        assert_eq!(town.weeks, counted.weeks);
        assert_eq!(town.categories, counted.categories);
        let standing = |town: &Town| -> Vec<Standing> {
            town.spots.iter().map(|spot| spot.standing).collect()
        };
        assert_eq!(standing(&town), standing(&counted));
        // Something of each figure was counted.
        for place in 0..Figure::BY_DAY.len() {
            let all: u32 = town.weeks.values().map(|counts| counts[place]).sum();
            assert!(all > 0, "{:?}", Figure::BY_DAY[place]);
        }
        assert!(town.spots[0].standing.iter().all(|count| *count > 0));
        view.rollback().await.expect("ends");
        store.close().await;
    }
}
