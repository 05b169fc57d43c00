//! Sums over rows, made by the database: a city has more rows than one answer may read.
//!
//! The definitions are those of [`domain::view::figure`]; a test holds the sums to them.

use domain::id::UnitId;
use domain::record::Kind;
use domain::time::Millis;
use domain::view::figure::Figure;
use domain::view::supervisor::Period;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{damaged, log, org};

/// What is summed over the grids of one village below one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum<T> {
    /// The unit right above the grids: a station or a post.
    pub above: UnitId,
    /// The code of the village; empty where a grid has none.
    pub village: String,
    /// What it comes to.
    pub of: T,
}

/// How often a figure counts in a week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InWeek {
    /// The week.
    pub week: i64,
    /// The figure.
    pub figure: Figure,
    /// The category, of disputes that were found.
    pub category: String,
    /// How often.
    pub count: u32,
}

/// Open matters: all, overdue, of the highest level.
pub type Standing = [u32; 3];

/// The week of a moment, as [`domain::view::weeks::week_of`] tells it: eight hours to Shanghai's
/// midnight, three days from Thursday to Monday.
macro_rules! week {
    ($at:literal) => {
        concat!("(", $at, " + 288000000) / 604800000")
    };
}

/// Every figure of a period by village and week; the time from `?1` to `?2`.
const WEEKS: &str = concat!(
    "WITH one (grid, week, figure, category, n) AS ( \
     SELECT grid, ",
    week!("happened_at"),
    ", 'found', category, COUNT(*) FROM row \
       WHERE kind = 'dispute' AND happened_at BETWEEN ?1 AND ?2 GROUP BY 1, 2, 4 \
     UNION ALL SELECT grid, ",
    week!("closed_at"),
    ", CASE substr(outcome, 1, 1) WHEN '1' THEN 'settled' ELSE 'failed' END, '', COUNT(*) FROM row \
       WHERE kind = 'dispute' AND closed_at BETWEEN ?1 AND ?2 \
       AND substr(outcome, 1, 1) IN ('1', '2') GROUP BY 1, 2, 3 \
     UNION ALL SELECT grid, ",
    week!("happened_at"),
    ", 'patrols', '', COUNT(*) FROM row \
       WHERE kind = 'patrol' AND happened_at BETWEEN ?1 AND ?2 GROUP BY 1, 2 \
     UNION ALL SELECT grid, ",
    week!("happened_at"),
    ", CASE WHEN status IN ('onspot', 'rectified', 'closed') \
       THEN 'hazards_done' ELSE 'hazards_left' END, '', COUNT(*) FROM row \
       WHERE kind = 'hazard' AND happened_at BETWEEN ?1 AND ?2 GROUP BY 1, 2, 3 \
     UNION ALL SELECT grid, ",
    week!("COALESCE(due_at, closed_at)"),
    ", CASE status WHEN 'done' THEN 'visits_done' ELSE 'visits_left' END, '', COUNT(*) FROM row \
       WHERE kind = 'task' AND category = 'visit' AND status <> 'cancelled' \
       AND COALESCE(due_at, closed_at) BETWEEN ?1 AND ?2 GROUP BY 1, 2, 3) \
     SELECT g.parent, COALESCE(g.village_code, ''), week, figure, category, SUM(n) \
     FROM one JOIN unit g ON g.id = one.grid AND g.level = 5 AND g.active = 1 \
     GROUP BY 1, 2, 3, 4, 5"
);

/// What stands open by village, at `?1`.
const STANDING: &str = "WITH one (grid, n, late, major) AS ( \
     SELECT grid, COUNT(*), SUM(COALESCE(due_at < ?1, 0)), \
       SUM((kind = 'dispute' AND level = 'R') OR (kind = 'hazard' AND level = '3')) FROM row \
       WHERE open = 1 AND kind IN ('dispute', 'hazard', 'task') GROUP BY grid) \
     SELECT g.parent, COALESCE(g.village_code, ''), SUM(n), SUM(late), SUM(major) \
     FROM one JOIN unit g ON g.id = one.grid AND g.level = 5 AND g.active = 1 GROUP BY 1, 2";

/// What stands open in the station `?1`, by what tells it apart.
const MATTERS: &str = concat!(
    "SELECT kind, category, level, ",
    week!("happened_at"),
    ", COUNT(*) FROM row WHERE open = 1 AND kind IN ('dispute', 'hazard', 'task') AND grid IN ( \
       SELECT g.id FROM unit g WHERE g.level = 5 AND g.active = 1 AND (g.parent = ?1 \
         OR g.parent IN (SELECT p.id FROM unit p WHERE p.parent = ?1 AND p.level = 4))) \
     GROUP BY 1, 2, 3, 4"
);

fn small(figure: i64) -> u32 {
    u32::try_from(log::seq_of(figure)).unwrap_or(u32::MAX)
}

fn sum<T>(row: &SqliteRow, of: T) -> Result<Sum<T>, sqlx::Error> {
    Ok(Sum {
        above: org::code(row, 0)?,
        village: row.try_get(1)?,
        of,
    })
}

/// Every figure of a period, by village and week.
///
/// # Errors
/// When the database fails.
pub async fn weeks(
    db: &mut SqliteConnection,
    period: Period,
) -> Result<Vec<Sum<InWeek>>, sqlx::Error> {
    let rows = sqlx::query(WEEKS)
        .bind(period.from.start().0)
        .bind(period.to.end().0)
        .fetch_all(db)
        .await?;
    let line = |row: &SqliteRow| {
        let code: &str = row.try_get(3)?;
        let figure = Figure::BY_DAY.into_iter().find(|one| one.code() == code);
        let of = InWeek {
            week: row.try_get(2)?,
            figure: figure.ok_or_else(|| damaged(format!("figure {code}")))?,
            category: row.try_get(4)?,
            count: small(row.try_get(5)?),
        };
        sum(row, of)
    };
    rows.iter().map(line).collect()
}

/// What stands open, by village.
///
/// # Errors
/// When the database fails.
pub async fn standing(
    db: &mut SqliteConnection,
    now: Millis,
) -> Result<Vec<Sum<Standing>>, sqlx::Error> {
    let rows = sqlx::query(STANDING).bind(now.0).fetch_all(db).await?;
    let line = |row: &SqliteRow| {
        let of = [
            small(row.try_get(2)?),
            small(row.try_get(3)?),
            small(row.try_get(4)?),
        ];
        sum(row, of)
    };
    rows.iter().map(line).collect()
}

/// Matters that stand open: kind, category, level, week of finding, how many.
pub type Open = (Kind, String, String, i64, u32);

/// What stands open in a station.
///
/// # Errors
/// When the database fails.
pub async fn matters(
    db: &mut SqliteConnection,
    station: &UnitId,
) -> Result<Vec<Open>, sqlx::Error> {
    let rows = sqlx::query(MATTERS)
        .bind(station.as_str())
        .fetch_all(db)
        .await?;
    let line = |row: &SqliteRow| {
        let code: &str = row.try_get(0)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.code() == code);
        let kind = kind.ok_or_else(|| damaged(format!("kind {code}")))?;
        let count = small(row.try_get(4)?);
        Ok((
            kind,
            row.try_get(1)?,
            row.try_get(2)?,
            row.try_get(3)?,
            count,
        ))
    };
    rows.iter().map(line).collect()
}
