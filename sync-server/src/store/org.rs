//! Units, people and checkpoints: writing them down and finding them.

use std::str::FromStr;

use domain::access;
use domain::id::{PersonId, UnitId};
use domain::unit::{Grid, Level, Member, Role, Unit};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::damaged;

/// An organisation as an import file lists it; units stand before those below them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Org {
    /// Units of all levels.
    pub units: Vec<UnitLine>,
    /// Members of staff.
    pub people: Vec<PersonLine>,
    /// Places that patrols pass.
    pub checkpoints: Vec<CheckpointLine>,
}

/// One unit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitLine {
    /// Its code.
    pub id: UnitId,
    /// Its level, 1 (city) to 5 (grid).
    pub level: u8,
    /// Its name.
    pub name: String,
    /// The unit above it.
    #[serde(default)]
    pub parent: Option<UnitId>,
    /// Of a grid: the code of its village.
    #[serde(default)]
    pub village_code: Option<String>,
    /// Of a grid: the name of its village.
    #[serde(default)]
    pub village: Option<String>,
}

/// One member of staff.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonLine {
    /// The person's code.
    pub id: PersonId,
    /// The name on the roster.
    pub name: String,
    /// Codes of roles.
    pub roles: Vec<String>,
    /// Own grids, station or top unit.
    #[serde(default)]
    pub units: Vec<UnitId>,
}

/// One checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointLine {
    /// Its code.
    pub id: UnitId,
    /// The grid that it lies in.
    pub grid: UnitId,
    /// Its name.
    pub name: String,
    /// Code of its kind.
    pub kind: String,
}

/// The setting that changes whenever units, people or checkpoints do.
pub const VERSION: &str = "org_version";

/// Why a line of an organisation is not taken.
#[derive(Debug, thiserror::Error)]
pub enum OrgError {
    /// A level that does not exist.
    #[error("unit {0}: the level is 1 (city), 2 (district), 3 (station), 4 (post) or 5 (grid)")]
    Level(UnitId),
    /// A parent is missing or wrong.
    #[error("unit {unit}: a unit of level {level} cannot hang below {parent}; fix its parent")]
    Parent {
        /// The unit.
        unit: UnitId,
        /// Its level.
        level: u8,
        /// What was given as its parent.
        parent: String,
    },
    /// A grid without a village.
    #[error("unit {0}: a grid lies in a village; give its name and code")]
    Village(UnitId),
    /// A name is empty or far too long.
    #[error("{0}: a name has 1 to 60 characters")]
    Name(String),
    /// A role that does not exist.
    #[error("person {person}: no role \"{role}\"; roles are {known}")]
    Role {
        /// The person.
        person: PersonId,
        /// What was given.
        role: String,
        /// The codes that exist.
        known: String,
    },
    /// A unit that does not exist, or of the wrong level.
    #[error("{0}: no unit {1}; add it first")]
    NoUnit(String, UnitId),
    /// A person that does not exist.
    #[error("no active person {0}; `sync-server person list` shows all")]
    NoPerson(PersonId),
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

/// Adds or replaces units, people and checkpoints.
///
/// # Errors
/// When a line is wrong; the caller then drops the transaction.
pub async fn put(db: &mut SqliteConnection, org: &Org) -> Result<(), OrgError> {
    for unit in &org.units {
        put_unit(db, unit).await?;
    }
    for person in &org.people {
        put_person(db, person).await?;
    }
    for checkpoint in &org.checkpoints {
        put_checkpoint(db, checkpoint).await?;
    }
    Ok(())
}

/// Adds or replaces one unit.
///
/// # Errors
/// When the line is wrong.
pub async fn put_unit(db: &mut SqliteConnection, line: &UnitLine) -> Result<(), OrgError> {
    let level = Level::from_code(&line.level.to_string())
        .ok_or_else(|| OrgError::Level(line.id.clone()))?;
    check_name(line.id.as_str(), &line.name)?;
    let parent_level = match &line.parent {
        Some(parent) => level_of(db, parent).await?,
        None => None,
    };
    let fits = match parent_level {
        Some(parent) => level.fits_below(parent),
        None => level == Level::City && line.parent.is_none(),
    };
    if !fits {
        let parent = line
            .parent
            .as_ref()
            .map_or("no unit".to_owned(), ToString::to_string);
        return Err(OrgError::Parent {
            unit: line.id.clone(),
            level: line.level,
            parent,
        });
    }
    if level == Level::Grid && (line.village.is_none() || line.village_code.is_none()) {
        return Err(OrgError::Village(line.id.clone()));
    }
    let before: Option<Option<String>> = sqlx::query_scalar("SELECT parent FROM unit WHERE id = ?")
        .bind(line.id.as_str())
        .fetch_optional(&mut *db)
        .await?;
    let parent = line
        .parent
        .as_ref()
        .map(|parent| parent.as_str().to_owned());
    if before.is_some_and(|before| before != parent) {
        // What a station has seen is told by one place in the log, and that spoke of other grids.
        sqlx::query("UPDATE device SET acked_seq = 0")
            .execute(&mut *db)
            .await?;
    }
    sqlx::query(
        "INSERT INTO unit (id, level, name, parent, village_code, village_name) \
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET level = excluded.level, \
         name = excluded.name, parent = excluded.parent, village_code = excluded.village_code, \
         village_name = excluded.village_name, active = 1",
    )
    .bind(line.id.as_str())
    .bind(line.level)
    .bind(&line.name)
    .bind(line.parent.as_ref().map(UnitId::as_str))
    .bind(&line.village_code)
    .bind(&line.village)
    .execute(&mut *db)
    .await?;
    touch(db).await
}

/// Adds or replaces one person with roles and units.
///
/// # Errors
/// When the line is wrong.
pub async fn put_person(db: &mut SqliteConnection, line: &PersonLine) -> Result<(), OrgError> {
    check_name(line.id.as_str(), &line.name)?;
    if let Some(role) = line
        .roles
        .iter()
        .find(|role| Role::from_code(role).is_none())
    {
        let known = Role::ALL.map(Role::code).join(", ");
        return Err(OrgError::Role {
            person: line.id.clone(),
            role: role.clone(),
            known,
        });
    }
    sqlx::query(
        "INSERT INTO person (id, name, roles) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE \
         SET name = excluded.name, roles = excluded.roles, active = 1",
    )
    .bind(line.id.as_str())
    .bind(&line.name)
    .bind(line.roles.join(","))
    .execute(&mut *db)
    .await?;
    let before: Vec<String> =
        sqlx::query_scalar("SELECT unit FROM membership WHERE person = ? ORDER BY unit")
            .bind(line.id.as_str())
            .fetch_all(&mut *db)
            .await?;
    let mut after: Vec<&str> = line.units.iter().map(UnitId::as_str).collect();
    after.sort_unstable();
    if before != after {
        sqlx::query("UPDATE device SET acked_seq = 0 WHERE person = ?")
            .bind(line.id.as_str())
            .execute(&mut *db)
            .await?;
    }
    sqlx::query("DELETE FROM membership WHERE person = ?")
        .bind(line.id.as_str())
        .execute(&mut *db)
        .await?;
    for unit in &line.units {
        if level_of(db, unit).await?.is_none() {
            return Err(OrgError::NoUnit(
                format!("person {}", line.id),
                unit.clone(),
            ));
        }
        sqlx::query("INSERT OR IGNORE INTO membership (person, unit) VALUES (?, ?)")
            .bind(line.id.as_str())
            .bind(unit.as_str())
            .execute(&mut *db)
            .await?;
    }
    touch(db).await
}

async fn put_checkpoint(db: &mut SqliteConnection, line: &CheckpointLine) -> Result<(), OrgError> {
    check_name(line.id.as_str(), &line.name)?;
    if level_of(db, &line.grid).await? != Some(Level::Grid) {
        return Err(OrgError::NoUnit(
            format!("checkpoint {}", line.id),
            line.grid.clone(),
        ));
    }
    sqlx::query("INSERT OR REPLACE INTO checkpoint (id, unit, name, kind) VALUES (?, ?, ?, ?)")
        .bind(line.id.as_str())
        .bind(line.grid.as_str())
        .bind(&line.name)
        .bind(&line.kind)
        .execute(&mut *db)
        .await?;
    touch(db).await
}

/// Makes every scope that was worked out before be worked out again.
async fn touch(db: &mut SqliteConnection) -> Result<(), OrgError> {
    Ok(super::set_setting(db, VERSION, &crate::auth::random::<8>()).await?)
}

fn check_name(id: &str, name: &str) -> Result<(), OrgError> {
    let length = name.trim().chars().count();
    if (1..=60).contains(&length) {
        Ok(())
    } else {
        Err(OrgError::Name(id.to_owned()))
    }
}

async fn level_of(db: &mut SqliteConnection, unit: &UnitId) -> Result<Option<Level>, sqlx::Error> {
    let level: Option<i64> =
        sqlx::query_scalar("SELECT level FROM unit WHERE id = ? AND active = 1")
            .bind(unit.as_str())
            .fetch_optional(db)
            .await?;
    Ok(level.and_then(|level| Level::from_code(&level.to_string())))
}

/// All active units, from the top.
///
/// # Errors
/// When the database fails.
pub async fn units(db: &mut SqliteConnection) -> Result<Vec<Unit>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT id, level, name, parent, village_name FROM unit WHERE active = 1 \
         ORDER BY level, id",
    )
    .fetch_all(db)
    .await?;
    rows.iter().map(unit).collect()
}

/// All people, with whether each is active.
///
/// # Errors
/// When the database fails.
pub async fn people(db: &mut SqliteConnection) -> Result<Vec<(Member, bool)>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT p.id, p.name, p.roles, p.active, COALESCE(group_concat(m.unit), '') \
         FROM person p LEFT JOIN membership m ON m.person = p.id GROUP BY p.id ORDER BY p.id",
    )
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| Ok((member(row)?, row.try_get(3)?)))
        .collect()
}

/// The active person with this code.
///
/// # Errors
/// When the database fails.
pub async fn person(
    db: &mut SqliteConnection,
    id: &PersonId,
) -> Result<Option<Member>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT p.id, p.name, p.roles, p.active, COALESCE(group_concat(m.unit), '') \
         FROM person p LEFT JOIN membership m ON m.person = p.id \
         WHERE p.id = ? AND p.active = 1 GROUP BY p.id",
    )
    .bind(id.as_str())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(member).transpose()
}

/// The grids below a member's units; every one of them a stream.
///
/// A membership in a unit of a higher level than the member's roles work at gives nothing.
///
/// # Errors
/// When the database fails.
pub async fn grids_of(
    db: &mut SqliteConnection,
    member: &Member,
) -> Result<Vec<Grid>, sqlx::Error> {
    let rows = sqlx::query(
        "WITH RECURSIVE below (id) AS (SELECT m.unit FROM membership m JOIN unit t \
         ON t.id = m.unit WHERE m.person = ? AND t.level >= ? UNION \
         SELECT u.id FROM unit u JOIN below b ON u.parent = b.id) \
         SELECT g.id, g.name, g.village_name, p.level, p.id, p.parent \
         FROM below JOIN unit g ON g.id = below.id JOIN unit p ON p.id = g.parent \
         WHERE g.level = 5 AND g.active = 1 ORDER BY g.id",
    )
    .bind(member.person.as_str())
    .bind(access::scope_top(member).code().parse::<i64>().unwrap_or(5))
    .fetch_all(db)
    .await?;
    rows.iter().map(grid).collect()
}

/// The grid with this code.
///
/// # Errors
/// When the database fails.
pub async fn grid_by_id(
    db: &mut SqliteConnection,
    id: &UnitId,
) -> Result<Option<Grid>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT g.id, g.name, g.village_name, p.level, p.id, p.parent FROM unit g \
         JOIN unit p ON p.id = g.parent WHERE g.level = 5 AND g.active = 1 AND g.id = ?",
    )
    .bind(id.as_str())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(grid).transpose()
}

pub(super) fn unit(row: &SqliteRow) -> Result<Unit, sqlx::Error> {
    let level: i64 = row.try_get(1)?;
    let parent: Option<&str> = row.try_get(3)?;
    Ok(Unit {
        id: code(row, 0)?,
        level: Level::from_code(&level.to_string())
            .ok_or_else(|| damaged(format!("level {level}")))?,
        name: row.try_get(2)?,
        parent: parent
            .map(|text| text.parse())
            .transpose()
            .map_err(|_| damaged("unit".into()))?,
        village: row.try_get(4)?,
    })
}

fn member(row: &SqliteRow) -> Result<Member, sqlx::Error> {
    let (roles, units): (&str, &str) = (row.try_get(2)?, row.try_get(4)?);
    let mut units: Vec<UnitId> = units
        .split(',')
        .filter_map(|text| text.parse().ok())
        .collect();
    units.sort();
    Ok(Member {
        person: code(row, 0)?,
        name: row.try_get(1)?,
        roles: roles.split(',').filter_map(Role::from_code).collect(),
        units,
    })
}

fn grid(row: &SqliteRow) -> Result<Grid, sqlx::Error> {
    // The station is the parent, or the parent's parent where a post lies between.
    let above: i64 = row.try_get(3)?;
    let station = code(row, if above == 4 { 5 } else { 4 })?;
    let village: Option<String> = row.try_get(2)?;
    Ok(Grid {
        id: code(row, 0)?,
        name: row.try_get(1)?,
        village: village.unwrap_or_default(),
        station,
    })
}

pub(crate) fn code<T: FromStr>(row: &SqliteRow, column: usize) -> Result<T, sqlx::Error> {
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|_| damaged(format!("code {text}")))
}
