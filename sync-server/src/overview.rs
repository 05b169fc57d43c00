//! The de-identified picture of a unit: counts as cells, of units down to the village.

mod town;

use domain::codelist::{self, List};
use domain::sync::message::Overview;
use domain::time::{Day, Millis};
use domain::unit::{Level, Member};
use domain::view::cells::Cell;
use domain::view::cells::chart::{Chart, Place as Node, What};
use domain::view::figure::Figure;
use domain::view::matters::{self, Beside};
use domain::view::supervisor::{Below, CategoryCount, Counts, Period, Place};
use domain::view::weeks::{Span, Weeks};
use sqlx::SqliteConnection;

use crate::error::ApiError;
use crate::store::count;
use town::Town;

/// Draws the picture of a place, or of the member's own unit when none is named.
///
/// # Errors
/// When the place is not one of the member's or below it, when it or the period is finer than what
/// supervisors are given, or the database fails.
pub(crate) async fn draw(
    db: &mut SqliteConnection,
    member: &Member,
    place: Option<Place>,
    (period, now): (Weeks, Millis),
) -> Result<Overview, ApiError> {
    if !period.is_sound() || !period.is_over(now) {
        return Err(ApiError::TooFine);
    }
    let mut town = Town::read(db).await?;
    let wanted = match place {
        Some(place) => place,
        None => Place {
            unit: member.units.first().cloned().ok_or(ApiError::NotAllowed)?,
            village: None,
        },
    };
    let path = town.path(member, &wanted)?;
    let node = path.last().copied().ok_or(ApiError::NotAllowed)?;
    let quarter = quarter(period, now);
    let open = open_matters(db, (&town, node)).await?;
    // The list must not hang on which years are asked for: all that it is a part of is looked at.
    let first = open.iter().map(|(_, _, _, week, _)| *week).min();
    let all = [Some(period), Some(quarter), first.map(Weeks::Week)];
    town.fill(db, years(&all), now).await?;
    let mut chart = Chart::new(&town, now);
    let below = town.below(node);
    let below = below.filter_map(|child| {
        let named = town.named(child)?.clone();
        let counts = counts(&mut chart, child, period);
        Some(Below { named, counts })
    });
    let below = below.collect();
    let total = counts(&mut chart, node, period);
    let categories = categories(&mut chart, node, quarter);
    let chart = &mut chart;
    let matters = matters::list(open, &mut OfStation { chart, node });
    Ok(Overview {
        now,
        period,
        path: path
            .iter()
            .filter_map(|node| town.named(*node).cloned())
            .collect(),
        total,
        below,
        quarter,
        categories,
        matters,
    })
}

/// The last quarter of a period, or before it, that is over.
fn quarter(period: Weeks, now: Millis) -> Weeks {
    let last = Weeks::around(period.last(), Span::Quarter);
    if last.is_over(now) {
        last
    } else {
        Weeks::around(last.first().saturating_sub(1), Span::Quarter)
    }
}

/// The years that hold all of these.
fn years(periods: &[Option<Weeks>]) -> Period {
    let year = |weeks: &Weeks| Weeks::around(weeks.first(), Span::Year).days();
    let years = periods.iter().flatten().map(year);
    let both = years.reduce(|one, two| Period {
        from: one.from.min(two.from),
        to: one.to.max(two.to),
    });
    both.unwrap_or(Period {
        from: Day(0),
        to: Day(0),
    })
}

fn counts(chart: &mut Chart<'_, Town>, node: Node, period: Weeks) -> Counts {
    let mut during = |figure| chart.cell(node, What::During(figure, period));
    let [found, settled, failed, patrols] = [
        Figure::Found,
        Figure::Settled,
        Figure::Failed,
        Figure::Patrols,
    ]
    .map(&mut during);
    let [hazards_done, hazards_left, visits_done, visits_left] = [
        Figure::HazardsDone,
        Figure::HazardsLeft,
        Figure::VisitsDone,
        Figure::VisitsLeft,
    ]
    .map(&mut during);
    Counts {
        found,
        settled,
        failed,
        patrols,
        hazards_done,
        hazards_left,
        visits_done,
        visits_left,
        open: chart.cell(node, What::Open),
        overdue: chart.cell(node, What::Overdue(true)),
        major: chart.cell(node, What::Major(true)),
    }
}

/// The categories of which there is something to tell: the most first, then those that are not shown,
/// in the order of the list.
fn categories(chart: &mut Chart<'_, Town>, node: Node, quarter: Weeks) -> Vec<CategoryCount> {
    let all = codelist::codes(List::DisputeCategory).enumerate();
    let all = all.map(|(place, code)| CategoryCount {
        category: code.code.to_owned(),
        found: chart.cell(node, What::Category(place, quarter)),
    });
    let mut told: Vec<_> = all.filter(|one| one.found != Cell::Count(0)).collect();
    told.sort_by_key(|one| core::cmp::Reverse(one.found.drawn()));
    told
}

/// The open matters of a station; those of other places are not listed, so that no list can be set off
/// against another.
async fn open_matters(
    db: &mut SqliteConnection,
    (town, node): (&Town, Node),
) -> Result<Vec<count::Open>, ApiError> {
    let station = town
        .named(node)
        .filter(|named| named.level == Some(Level::Station));
    let Some(station) = station else {
        return Ok(Vec::new());
    };
    Ok(count::matters(db, &station.place.unit).await?)
}

/// What is shown of a station beside its open matters.
struct OfStation<'a, 'b> {
    chart: &'a mut Chart<'b, Town>,
    node: Node,
}

impl Beside for OfStation<'_, '_> {
    fn open(&mut self) -> Cell {
        self.chart.cell(self.node, What::Open)
    }

    fn major(&mut self) -> Cell {
        self.chart.cell(self.node, What::Major(true))
    }

    fn found(&mut self, period: Weeks) -> Cell {
        self.chart
            .cell(self.node, What::During(Figure::Found, period))
    }

    fn hazards(&mut self, period: Weeks) -> Cell {
        let [done, left] = [Figure::HazardsDone, Figure::HazardsLeft]
            .map(|figure| self.chart.cell(self.node, What::During(figure, period)));
        done.and(left)
    }

    fn found_of(&mut self, category: &str, quarter: Weeks) -> Cell {
        let place = town::category(category);
        self.chart.cell(self.node, What::Category(place, quarter))
    }
}
