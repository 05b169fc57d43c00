//! Sums over the rows of a unit, made by the database: a city has more rows than one answer may read.

use std::collections::BTreeMap;

use domain::id::UnitId;
use domain::time::Millis;
use domain::view::Row as View;
use domain::view::supervisor::{CategoryCount, Counts, Period};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{damaged, log, org};

/// Which rows are summed, and how.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The unit.
    pub unit: &'a UnitId,
    /// The days.
    pub period: Period,
    /// The time, for what is overdue.
    pub now: Millis,
}

/// The grids below the unit `?1`, or that grid itself, each with the child of the unit that it lies
/// under.
macro_rules! below {
    () => {
        "WITH RECURSIVE below (id, level, child) AS ( \
           SELECT id, level, id FROM unit \
             WHERE active = 1 AND (parent = ?1 OR (id = ?1 AND level = 5)) \
           UNION ALL \
           SELECT u.id, u.level, b.child FROM unit u JOIN below b ON u.parent = b.id \
             WHERE u.active = 1 AND u.level > b.level), \
         mine AS (SELECT b.child AS child, r.* FROM below b JOIN row r ON r.grid = b.id \
           WHERE b.level = 5) "
    };
}

/// The figures of [`Counts`], in the order of its fields; a test holds them to its own sums. The period
/// is `?2` to `?3`, the time `?4`.
const COUNTS: &str = concat!(
    below!(),
    "SELECT child, \
     SUM(kind = 'dispute' AND happened_at BETWEEN ?2 AND ?3), \
     SUM(kind = 'dispute' AND open), \
     SUM(kind = 'dispute' AND open AND COALESCE(due_at < ?4, 0)), \
     SUM(kind = 'dispute' AND open AND level = 'Y'), \
     SUM(kind = 'dispute' AND open AND level = 'R'), \
     SUM(kind = 'dispute' AND COALESCE(closed_at BETWEEN ?2 AND ?3, 0) \
       AND substr(outcome, 1, 1) = '1'), \
     SUM(kind = 'dispute' AND COALESCE(closed_at BETWEEN ?2 AND ?3, 0) \
       AND substr(outcome, 1, 1) = '2'), \
     SUM(kind = 'patrol' AND happened_at BETWEEN ?2 AND ?3), \
     SUM(CASE WHEN kind = 'patrol' AND happened_at BETWEEN ?2 AND ?3 THEN checkins ELSE 0 END), \
     SUM(kind = 'hazard' AND happened_at BETWEEN ?2 AND ?3), \
     SUM(kind = 'hazard' AND happened_at BETWEEN ?2 AND ?3 \
       AND status IN ('onspot', 'rectified', 'transferred', 'closed')), \
     SUM(kind = 'hazard' AND open AND COALESCE(due_at < ?4, 0)), \
     SUM(kind = 'task' AND status <> 'cancelled' \
       AND COALESCE(COALESCE(due_at, closed_at) BETWEEN ?2 AND ?3, 0)), \
     SUM(kind = 'task' AND status = 'done' \
       AND COALESCE(COALESCE(due_at, closed_at) BETWEEN ?2 AND ?3, 0)), \
     SUM(open) \
     FROM mine GROUP BY child"
);

const CATEGORIES: &str = concat!(
    below!(),
    "SELECT category, SUM(happened_at BETWEEN ?2 AND ?3) AS found, SUM(open) AS still FROM mine \
     WHERE kind = 'dispute' GROUP BY category HAVING found > 0 OR still > 0 \
     ORDER BY found DESC, category"
);

const OPEN: &str = concat!(
    below!(),
    "SELECT bytes FROM mine WHERE open = 1 \
     ORDER BY COALESCE(due_at, 9223372036854775807), number, record LIMIT ?2"
);

/// The figures of one unit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures([u64; 15]);

impl Figures {
    fn read(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let mut figures = Self::default();
        for (place, figure) in figures.0.iter_mut().enumerate() {
            *figure = log::seq_of(row.try_get(place + 1)?);
        }
        Ok(figures)
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (figure, more) in self.0.iter_mut().zip(other.0) {
            *figure = figure.saturating_add(more);
        }
        self
    }

    /// As supervisors see them.
    #[must_use]
    pub fn counts(self) -> Counts {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, _] = self.0.map(small);
        Counts {
            disputes_found: a,
            disputes_open: b,
            disputes_overdue: c,
            disputes_serious: d,
            disputes_major: e,
            disputes_settled: f,
            disputes_failed: g,
            patrols: h,
            checkins: i,
            hazards_found: j,
            hazards_done: k,
            hazards_overdue: l,
            visits_due: m,
            visits_done: n,
        }
    }

    /// Records of which something is still to be done.
    #[must_use]
    pub fn open(self) -> u32 {
        let [.., open] = self.0;
        small(open)
    }
}

fn small(figure: u64) -> u32 {
    u32::try_from(figure).unwrap_or(u32::MAX)
}

/// The figures of each unit right below the one that is asked for, where there are any; those of a grid
/// stand under itself.
///
/// # Errors
/// When the database fails.
pub async fn figures(
    db: &mut SqliteConnection,
    asked: Question<'_>,
) -> Result<BTreeMap<UnitId, Figures>, sqlx::Error> {
    let rows = sqlx::query(COUNTS)
        .bind(asked.unit.as_str())
        .bind(asked.period.from.start().0)
        .bind(asked.period.to.end().0)
        .bind(asked.now.0)
        .fetch_all(db)
        .await?;
    let figures = |row| Ok((org::code(row, 0)?, Figures::read(row)?));
    rows.iter().map(figures).collect()
}

/// The disputes of a unit by category, the most found first.
///
/// # Errors
/// When the database fails.
pub async fn categories(
    db: &mut SqliteConnection,
    asked: Question<'_>,
) -> Result<Vec<CategoryCount>, sqlx::Error> {
    let rows = sqlx::query(CATEGORIES)
        .bind(asked.unit.as_str())
        .bind(asked.period.from.start().0)
        .bind(asked.period.to.end().0)
        .fetch_all(db)
        .await?;
    let count = |row: &SqliteRow| {
        Ok(CategoryCount {
            category: row.try_get(0)?,
            found: small(log::seq_of(row.try_get(1)?)),
            open: small(log::seq_of(row.try_get(2)?)),
        })
    };
    rows.iter().map(count).collect()
}

/// The first open records of a unit, what is due first before the others.
///
/// # Errors
/// When the database fails or a row is of another version: `sync-server rebuild` makes it anew.
pub async fn open(
    db: &mut SqliteConnection,
    unit: &UnitId,
    most: usize,
) -> Result<Vec<View>, sqlx::Error> {
    let stored: Vec<Vec<u8>> = sqlx::query_scalar(OPEN)
        .bind(unit.as_str())
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(db)
        .await?;
    let decode = |bytes: &Vec<u8>| {
        View::decode(bytes).ok_or_else(|| damaged("row of another version: rebuild".to_owned()))
    };
    stored.iter().map(decode).collect()
}
