//! Retiring people and units: what they were stays, and they come in no more.

use domain::id::{PersonId, UnitId};
use domain::time::Millis;
use sqlx::SqliteConnection;

use super::invitation::{self, Which};
use super::org;

/// Why somebody or something is not retired.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// There is no such person, or they were retired before.
    #[error("no active person {0}; `sync-server person list` shows all")]
    NoPerson(PersonId),
    /// There is no such unit, or it was retired before.
    #[error("no active unit {0}; `sync-server unit list` shows all")]
    NoUnit(UnitId),
    /// Somebody or something is still there.
    #[error(
        "unit {unit} still has {below}; move or retire them first, or give --with-all-below to retire \
         all units below it and whoever has no other unit"
    )]
    InUse {
        /// The unit.
        unit: UnitId,
        /// What is there.
        below: String,
    },
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

/// The most names in a message.
const NAMED_MAX: usize = 8;

/// Retires a person: the devices are refused, and open invitations are cancelled; how many there were.
///
/// # Errors
/// When there is no such active person.
pub async fn person(
    db: &mut SqliteConnection,
    id: &PersonId,
    now: Millis,
) -> Result<u64, RetireError> {
    let done =
        sqlx::query("UPDATE person SET active = 0, retired_at = ?1 WHERE id = ?2 AND active = 1")
            .bind(now.0)
            .bind(id.as_str())
            .execute(&mut *db)
            .await?;
    if done.rows_affected() == 0 {
        return Err(RetireError::NoPerson(id.clone()));
    }
    // Who comes back has not seen what happened meanwhile.
    sqlx::query("UPDATE device SET acked_seq = 0 WHERE person = ?")
        .bind(id.as_str())
        .execute(&mut *db)
        .await?;
    let cancelled = invitation::cancel(db, Which::Person(id), now).await?;
    org::touch(db).await?;
    Ok(cancelled)
}

/// What was retired with a unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retired {
    /// The units.
    pub units: Vec<UnitId>,
    /// The people, who have no other unit.
    pub people: Vec<PersonId>,
}

/// Retires a unit; with all units below it, and whoever then has no active unit, where that is asked for.
///
/// # Errors
/// When there is no such active unit, or somebody or something is still there.
pub async fn unit(
    db: &mut SqliteConnection,
    id: &UnitId,
    with_all_below: bool,
    now: Millis,
) -> Result<Retired, RetireError> {
    let units = below(db, id).await?;
    if units.is_empty() {
        return Err(RetireError::NoUnit(id.clone()));
    }
    let people = members(db, id).await?;
    if !with_all_below && (units.len() > 1 || !people.is_empty()) {
        let units = units.iter().filter(|unit| *unit != id);
        let units = units.map(|unit| format!("unit {unit}"));
        let people = people.iter().map(|person| format!("person {person}"));
        let all: Vec<_> = units.chain(people).collect();
        let named: Vec<_> = all.iter().take(NAMED_MAX).map(String::as_str).collect();
        let more = all.len().saturating_sub(named.len());
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        return Err(RetireError::InUse {
            unit: id.clone(),
            below: format!("{}{more}", named.join(", ")),
        });
    }
    for unit in &units {
        sqlx::query("UPDATE unit SET active = 0, retired_at = ? WHERE id = ?")
            .bind(now.0)
            .bind(unit.as_str())
            .execute(&mut *db)
            .await?;
    }
    let mut retired = Retired {
        units,
        people: Vec::new(),
    };
    for one in people {
        let stays: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM membership m JOIN unit u ON u.id = m.unit \
             WHERE m.person = ? AND u.active = 1)",
        )
        .bind(one.as_str())
        .fetch_one(&mut *db)
        .await?;
        if !stays {
            person(db, &one, now).await?;
            retired.people.push(one);
        }
    }
    org::touch(db).await?;
    Ok(retired)
}

/// An active unit and the active ones below it, from the top.
async fn below(db: &mut SqliteConnection, id: &UnitId) -> Result<Vec<UnitId>, sqlx::Error> {
    let rows = sqlx::query(
        "WITH RECURSIVE below (id) AS (SELECT id FROM unit WHERE id = ? AND active = 1 UNION \
         SELECT u.id FROM unit u JOIN below b ON u.parent = b.id WHERE u.active = 1) \
         SELECT u.id FROM unit u JOIN below b ON b.id = u.id ORDER BY u.level, u.id",
    )
    .bind(id.as_str())
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| org::code(row, 0)).collect()
}

/// The active people of a unit and of the active ones below it.
async fn members(db: &mut SqliteConnection, id: &UnitId) -> Result<Vec<PersonId>, sqlx::Error> {
    let rows = sqlx::query(
        "WITH RECURSIVE below (id) AS (SELECT id FROM unit WHERE id = ? AND active = 1 UNION \
         SELECT u.id FROM unit u JOIN below b ON u.parent = b.id WHERE u.active = 1) \
         SELECT DISTINCT p.id FROM below b JOIN membership m ON m.unit = b.id \
         JOIN person p ON p.id = m.person WHERE p.active = 1 ORDER BY p.id",
    )
    .bind(id.as_str())
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| org::code(row, 0)).collect()
}
