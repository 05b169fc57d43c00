//! Units, people and checkpoints: writing them down and finding them.

pub mod judge;

use std::collections::BTreeSet;
use std::str::FromStr;

use domain::access;
use domain::id::{PersonId, UnitId};
use domain::unit::{Grid, Level, Member, Role, Unit};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::damaged;
use judge::{Flaws, Known, KnownUnit};

/// An organisation as an import file lists it, in any order.
///
/// As it comes from outside it is a [`Draft`], whose codes are any text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Org<U = UnitId, P = PersonId> {
    /// Units of all levels.
    #[serde(default = "Vec::new")]
    pub units: Vec<UnitLine<U>>,
    /// Members of staff.
    #[serde(default = "Vec::new")]
    pub people: Vec<PersonLine<U, P>>,
    /// Places that patrols pass.
    #[serde(default = "Vec::new")]
    pub checkpoints: Vec<CheckpointLine<U>>,
}

/// An organisation that was not judged yet.
pub type Draft = Org<String, String>;

impl Draft {
    /// Reads an import file.
    ///
    /// # Errors
    /// When the text is not one; the error names line and column.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

impl<U, P> Default for Org<U, P> {
    fn default() -> Self {
        Self {
            units: Vec::new(),
            people: Vec::new(),
            checkpoints: Vec::new(),
        }
    }
}

/// One unit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitLine<U = UnitId> {
    /// Its code.
    pub id: U,
    /// Its level, 1 (city) to 5 (grid).
    pub level: u8,
    /// Its name.
    pub name: String,
    /// The unit above it.
    #[serde(default = "none")]
    pub parent: Option<U>,
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
pub struct PersonLine<U = UnitId, P = PersonId> {
    /// The person's code.
    pub id: P,
    /// The name on the roster.
    pub name: String,
    /// Codes of roles.
    pub roles: Vec<String>,
    /// Own grids, station or top unit.
    #[serde(default = "Vec::new")]
    pub units: Vec<U>,
}

/// One checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointLine<U = UnitId> {
    /// Its code.
    pub id: U,
    /// The grid that it lies in.
    pub grid: U,
    /// Its name.
    pub name: String,
    /// Code of its kind.
    pub kind: String,
}

const fn none<T>() -> Option<T> {
    None
}

impl<U, P> Org<U, P> {
    /// The same with other codes.
    fn with<V, Q>(
        &self,
        unit: impl Fn(&U) -> Option<V>,
        person: impl Fn(&P) -> Option<Q>,
    ) -> Option<Org<V, Q>> {
        let units = self.units.iter().map(|line| {
            let parent = match &line.parent {
                Some(parent) => Some(unit(parent)?),
                None => None,
            };
            Some(UnitLine {
                id: unit(&line.id)?,
                level: line.level,
                name: line.name.clone(),
                parent,
                village_code: line.village_code.clone(),
                village: line.village.clone(),
            })
        });
        let people = self.people.iter().map(|line| {
            Some(PersonLine {
                id: person(&line.id)?,
                name: line.name.clone(),
                roles: line.roles.clone(),
                units: line.units.iter().map(&unit).collect::<Option<_>>()?,
            })
        });
        let checkpoints = self.checkpoints.iter().map(|line| {
            Some(CheckpointLine {
                id: unit(&line.id)?,
                grid: unit(&line.grid)?,
                name: line.name.clone(),
                kind: line.kind.clone(),
            })
        });
        Some(Org {
            units: units.collect::<Option<_>>()?,
            people: people.collect::<Option<_>>()?,
            checkpoints: checkpoints.collect::<Option<_>>()?,
        })
    }
}

/// The setting that changes whenever units, people or checkpoints do.
pub const VERSION: &str = "org_version";

/// Why an organisation is not taken.
#[derive(Debug, thiserror::Error)]
pub enum OrgError {
    /// Something in it is wrong.
    #[error("{0}")]
    Flaws(#[from] Flaws),
    /// A person that does not exist.
    #[error("no active person {0}; `sync-server person list` shows all")]
    NoPerson(PersonId),
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

/// Adds or replaces units, people and checkpoints, once all of them were judged.
///
/// # Errors
/// When anything is wrong: nothing is written then.
pub async fn put(db: &mut SqliteConnection, org: &Org) -> Result<(), OrgError> {
    let text = |unit: &UnitId| Some(unit.as_str().to_owned());
    let draft = org.with(text, |person| Some(person.as_str().to_owned()));
    put_draft(db, &draft.unwrap_or_default()).await
}

/// Adds or replaces what a draft lists, once all of it was judged.
///
/// # Errors
/// When anything is wrong: nothing is written then.
pub async fn put_draft(db: &mut SqliteConnection, draft: &Draft) -> Result<(), OrgError> {
    judge::judge(&known(db).await?, draft)?;
    let org: Option<Org> = draft.with(|text| text.parse().ok(), |text| text.parse().ok());
    let mut org = org.ok_or_else(|| damaged("codes that were judged".to_owned()))?;
    org.units.sort_by_key(|line| line.level);
    for unit in &org.units {
        write_unit(db, unit).await?;
    }
    for person in &org.people {
        write_person(db, person).await?;
    }
    for checkpoint in &org.checkpoints {
        write_checkpoint(db, checkpoint).await?;
    }
    Ok(touch(db).await?)
}

/// Adds or replaces one unit.
///
/// # Errors
/// When the line is wrong.
pub async fn put_unit(db: &mut SqliteConnection, line: &UnitLine) -> Result<(), OrgError> {
    let units = vec![line.clone()];
    put(
        db,
        &Org {
            units,
            ..Org::default()
        },
    )
    .await
}

/// Adds or replaces one person with roles and units.
///
/// # Errors
/// When the line is wrong.
pub async fn put_person(db: &mut SqliteConnection, line: &PersonLine) -> Result<(), OrgError> {
    let people = vec![line.clone()];
    put(
        db,
        &Org {
            people,
            ..Org::default()
        },
    )
    .await
}

/// All units, for the judgement.
///
/// # Errors
/// When the database fails.
pub async fn known(db: &mut SqliteConnection) -> Result<Known, sqlx::Error> {
    let rows =
        sqlx::query("SELECT id, level, parent, active, village_code, village_name FROM unit")
            .fetch_all(db)
            .await?;
    let mut known = Known::default();
    for row in &rows {
        let (code, name): (Option<String>, Option<String>) = (row.try_get(4)?, row.try_get(5)?);
        let unit = KnownUnit {
            level: row.try_get(1)?,
            parent: row.try_get(2)?,
            active: row.try_get(3)?,
            village: code.zip(name),
        };
        known.units.insert(row.try_get(0)?, unit);
    }
    Ok(known)
}

async fn write_unit(db: &mut SqliteConnection, line: &UnitLine) -> Result<(), sqlx::Error> {
    let stays: Option<bool> =
        sqlx::query_scalar("SELECT parent IS ? AND active FROM unit WHERE id = ?")
            .bind(line.parent.as_ref().map(UnitId::as_str))
            .bind(line.id.as_str())
            .fetch_optional(&mut *db)
            .await?;
    if stays == Some(false) {
        // What a station has seen is told by one place in the log, and that spoke of other grids.
        sqlx::query("UPDATE device SET acked_seq = 0")
            .execute(&mut *db)
            .await?;
    }
    sqlx::query(
        "INSERT INTO unit (id, level, name, parent, village_code, village_name) \
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET level = excluded.level, \
         name = excluded.name, parent = excluded.parent, village_code = excluded.village_code, \
         village_name = excluded.village_name, active = 1, retired_at = NULL",
    )
    .bind(line.id.as_str())
    .bind(line.level)
    .bind(&line.name)
    .bind(line.parent.as_ref().map(UnitId::as_str))
    .bind(&line.village_code)
    .bind(&line.village)
    .execute(&mut *db)
    .await?;
    Ok(())
}

async fn write_person(db: &mut SqliteConnection, line: &PersonLine) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO person (id, name, roles) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE \
         SET name = excluded.name, roles = excluded.roles, active = 1, retired_at = NULL",
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
        sqlx::query("INSERT OR IGNORE INTO membership (person, unit) VALUES (?, ?)")
            .bind(line.id.as_str())
            .bind(unit.as_str())
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

async fn write_checkpoint(
    db: &mut SqliteConnection,
    line: &CheckpointLine,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT OR REPLACE INTO checkpoint (id, unit, name, kind) VALUES (?, ?, ?, ?)")
        .bind(line.id.as_str())
        .bind(line.grid.as_str())
        .bind(&line.name)
        .bind(&line.kind)
        .execute(&mut *db)
        .await?;
    Ok(())
}

/// Makes every scope that was worked out before be worked out again, and everybody who listens prove
/// anew that they may.
pub(crate) async fn touch(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    super::set_setting(db, VERSION, &crate::auth::random::<8>()).await
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

/// The active person with this code, with the units that are active.
///
/// # Errors
/// When the database fails.
pub async fn person(
    db: &mut SqliteConnection,
    id: &PersonId,
) -> Result<Option<Member>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT p.id, p.name, p.roles, p.active, COALESCE(group_concat(u.id), '') \
         FROM person p JOIN active_person a ON a.id = p.id \
         LEFT JOIN membership m ON m.person = p.id \
         LEFT JOIN unit u ON u.id = m.unit AND u.active = 1 WHERE p.id = ? GROUP BY p.id",
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
        "WITH RECURSIVE below (id, level) AS (SELECT m.unit, t.level FROM membership m JOIN unit t \
         ON t.id = m.unit WHERE m.person = ? AND t.level >= ? AND t.active = 1 \
         UNION \
         SELECT u.id, u.level FROM unit u JOIN below b ON u.parent = b.id \
         WHERE u.level > b.level AND u.active = 1) \
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

/// Of these codes those of active grids.
///
/// # Errors
/// When the database fails.
pub async fn grids_among(
    db: &mut SqliteConnection,
    codes: &[UnitId],
) -> Result<BTreeSet<UnitId>, sqlx::Error> {
    if codes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows = sqlx::query(
        "SELECT g.id FROM json_each(?) j JOIN unit g ON g.id = j.value \
         JOIN unit p ON p.id = g.parent WHERE g.level = 5 AND g.active = 1",
    )
    .bind(serde_json::to_string(codes).unwrap_or_default())
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| code(row, 0)).collect()
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
