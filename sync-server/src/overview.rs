//! The de-identified picture of a unit: counts and rows without personal data.

use std::collections::BTreeMap;

use domain::id::UnitId;
use domain::sync::message::{OVERVIEW_ROWS_MAX, Overview};
use domain::time::Millis;
use domain::unit::{Member, Unit};
use domain::view::supervisor::{Period, PublicRow, UnitCounts};
use sqlx::SqliteConnection;

use crate::error::ApiError;
use crate::store::count::{self, Figures, Question};
use crate::store::org;

/// The units by code, with those below each.
struct Tree {
    units: BTreeMap<UnitId, Unit>,
    below: BTreeMap<UnitId, Vec<UnitId>>,
}

/// Draws the picture of `unit`, or of the member's own unit when none is named.
///
/// # Errors
/// When the unit is not one of the member's or below it, or the database fails.
pub(crate) async fn draw(
    db: &mut SqliteConnection,
    member: &Member,
    unit: Option<UnitId>,
    (period, now): (Period, Millis),
) -> Result<Overview, ApiError> {
    let tree = Tree::read(db).await?;
    let wanted = match unit {
        Some(unit) => unit,
        None => member.units.first().cloned().ok_or(ApiError::NotAllowed)?,
    };
    let path = tree.path(member, &wanted).ok_or(ApiError::NotAllowed)?;
    let asked = Question {
        unit: &wanted,
        period,
        now,
    };
    let figures = count::figures(db, asked).await?;
    let children = tree.children(&wanted).map(|child| UnitCounts {
        unit: child.id.clone(),
        name: child.name.clone(),
        level: child.level,
        counts: figures.get(&child.id).copied().unwrap_or_default().counts(),
    });
    let children = children.collect();
    let total = figures
        .values()
        .fold(Figures::default(), |sum, one| sum.and(*one));
    let rows = count::open(db, &wanted, OVERVIEW_ROWS_MAX).await?;
    Ok(Overview {
        now,
        path,
        total: total.counts(),
        children,
        categories: count::categories(db, asked).await?,
        rows: rows.iter().map(PublicRow::from).collect(),
        rows_total: total.open(),
    })
}

impl Tree {
    async fn read(db: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        let mut tree = Self {
            units: BTreeMap::new(),
            below: BTreeMap::new(),
        };
        for unit in org::units(db).await? {
            if let Some(parent) = &unit.parent {
                tree.below
                    .entry(parent.clone())
                    .or_default()
                    .push(unit.id.clone());
            }
            tree.units.insert(unit.id.clone(), unit);
        }
        Ok(tree)
    }

    /// The way down from the member's own unit; none when the unit does not lie below one.
    fn path(&self, member: &Member, wanted: &UnitId) -> Option<Vec<Unit>> {
        let mut path: Vec<Unit> = Vec::new();
        let mut next = Some(wanted);
        while let Some(id) = next {
            let unit = self.units.get(id)?;
            // Each step leads to a higher level, also where older versions took units in a circle.
            if path.last().is_some_and(|below| unit.level >= below.level) {
                return None;
            }
            path.push(unit.clone());
            if member.units.contains(id) {
                path.reverse();
                return Some(path);
            }
            next = unit.parent.as_ref();
        }
        None
    }

    fn children(&self, of: &UnitId) -> impl Iterator<Item = &Unit> {
        self.below
            .get(of)
            .into_iter()
            .flatten()
            .filter_map(|id| self.units.get(id))
    }
}

#[cfg(test)]
mod tests {
    use domain::record::Kind;
    use domain::time::Day;
    use domain::unit::{Level, Role};
    use domain::view::Row;
    use domain::view::supervisor::{CategoryCount, Counts};

    use super::*;
    use crate::store::Store;
    use crate::{clock, demo};

    async fn of_grid(db: &mut SqliteConnection, grid: &UnitId) -> Vec<Row> {
        let stored: Vec<Vec<u8>> = sqlx::query_scalar("SELECT bytes FROM row WHERE grid = ?")
            .bind(grid.as_str())
            .fetch_all(db)
            .await
            .expect("rows");
        stored
            .iter()
            .filter_map(|bytes| Row::decode(bytes))
            .collect()
    }

    /// The same picture from all rows, one by one, by the definitions of the core.
    async fn summed(
        db: &mut SqliteConnection,
        member: &Member,
        wanted: &UnitId,
        (period, now): (Period, Millis),
    ) -> Overview {
        let tree = Tree::read(db).await.expect("units");
        let path = tree.path(member, wanted).expect("a path");
        let mut sum = Sum::new(period, now);
        let mut children = Vec::new();
        for child in tree.children(wanted) {
            let mut counts = Counts::default();
            for grid in tree.grids(&child.id) {
                for row in of_grid(db, &grid).await {
                    counts.add(&row, period, now);
                    sum.add(&row);
                }
            }
            let (unit, name, level) = (child.id.clone(), child.name.clone(), child.level);
            children.push(UnitCounts {
                unit,
                name,
                level,
                counts,
            });
        }
        if tree.units[wanted].level == Level::Grid {
            for row in of_grid(db, wanted).await {
                sum.add(&row);
            }
        }
        sum.finish(path, children)
    }

    impl Tree {
        fn grids(&self, top: &UnitId) -> Vec<UnitId> {
            let mut grids = Vec::new();
            let mut open = vec![top.clone()];
            while let Some(id) = open.pop() {
                if self
                    .units
                    .get(&id)
                    .is_some_and(|unit| unit.level == Level::Grid)
                {
                    grids.push(id);
                } else {
                    open.extend(self.below.get(&id).into_iter().flatten().cloned());
                }
            }
            grids
        }
    }

    /// Everything that is summed over the rows of a unit.
    struct Sum {
        period: Period,
        now: Millis,
        total: Counts,
        categories: BTreeMap<String, (u32, u32)>,
        open: Vec<(Millis, PublicRow)>,
    }

    impl Sum {
        fn new(period: Period, now: Millis) -> Self {
            let (categories, open) = (BTreeMap::new(), Vec::new());
            Self {
                period,
                now,
                total: Counts::default(),
                categories,
                open,
            }
        }

        fn add(&mut self, row: &Row) {
            self.total.add(row, self.period, self.now);
            if row.kind == Kind::Dispute {
                let (found, open) = self.categories.entry(row.category.clone()).or_default();
                *found += u32::from(self.period.holds(row.happened_at));
                *open += u32::from(row.open);
            }
            if row.open {
                let due = row.due.map_or(Millis(i64::MAX), |due| due.at);
                self.open.push((due, PublicRow::from(row)));
            }
        }

        fn finish(mut self, path: Vec<Unit>, children: Vec<UnitCounts>) -> Overview {
            self.open
                .sort_by(|a, b| (a.0, &a.1.number).cmp(&(b.0, &b.1.number)));
            let rows_total = u32::try_from(self.open.len()).unwrap_or(u32::MAX);
            let rows = self
                .open
                .into_iter()
                .map(|(_, row)| row)
                .take(OVERVIEW_ROWS_MAX)
                .collect();
            let mut categories: Vec<_> = self
                .categories
                .into_iter()
                .filter(|(_, (found, open))| *found > 0 || *open > 0)
                .map(|(category, (found, open))| CategoryCount {
                    category,
                    found,
                    open,
                })
                .collect();
            categories.sort_by(|a, b| {
                b.found
                    .cmp(&a.found)
                    .then_with(|| a.category.cmp(&b.category))
            });
            let (now, total) = (self.now, self.total);
            Overview {
                now,
                path,
                total,
                children,
                categories,
                rows,
                rows_total,
            }
        }
    }

    #[tokio::test]
    async fn vw3_what_the_database_sums_is_what_the_rows_one_by_one_come_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), true).await.expect("opens");
        let now = clock::now();
        demo::seed(&store, now).await.expect("seeds");
        let mut view = store.view().await.expect("a view");
        let units = org::units(&mut view).await.expect("units");
        let top = units.first().expect("a city").id.clone();
        let member = Member {
            person: "super".parse().expect("a code"),
            name: String::new(),
            roles: vec![Role::Supervisor],
            units: vec![top.clone()],
        };
        let today = now.day();
        let periods = [(-400, 1), (-30, 0), (-7, -3), (0, 0), (1, -1)];
        let mut all = Vec::new();
        for unit in &units {
            for (from, to) in periods {
                let (from, to) = (today.plus(from), today.plus(to));
                let when = (Period { from, to }, now);
                let wanted = Some(unit.id.clone());
                let drawn = draw(&mut view, &member, wanted, when).await.expect("draws");
                assert_eq!(drawn, summed(&mut view, &member, &unit.id, when).await);
                all.push(drawn);
            }
        }
        // Something of each kind was counted, and more is open than one answer shows.
        let most = all.first().expect("the city");
        let seen = [
            most.total.disputes_settled,
            most.total.disputes_overdue,
            most.total.checkins,
            most.total.hazards_done,
            most.total.visits_done,
        ];
        assert!(seen.iter().all(|count| *count > 0), "{:?}", most.total);
        // The ends of time are no trouble.
        let (from, to) = (Day(i64::MIN), Day(i64::MAX));
        let when = (Period { from, to }, now);
        let whole = draw(&mut view, &member, None, when).await.expect("draws");
        assert!(whole.total.disputes_found >= most.total.disputes_found);
        view.rollback().await.expect("ends");
        store.close().await;
    }
}
