//! Author keys: whose the changes are that bear them.

use domain::id::{ActorKey, DeviceId, PersonId};
use sqlx::{Row as _, SqliteConnection};

use super::org;

/// Whose an author key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The device; none where only the person is known, from what others passed on.
    pub device: Option<DeviceId>,
    /// The person; none where the device is not known here.
    pub person: Option<PersonId>,
}

/// Whose an author key is, if it was used before.
///
/// # Errors
/// When the database fails.
pub async fn owner(
    db: &mut SqliteConnection,
    actor: ActorKey,
) -> Result<Option<Owner>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT a.device, COALESCE(a.person, d.person) FROM actor a \
         LEFT JOIN device d ON d.id = a.device WHERE a.key = ?",
    )
    .bind(actor.0.as_slice())
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let device: &[u8] = row.try_get(0)?;
    let person = match row.try_get::<Option<&str>, _>(1)? {
        Some(_) => Some(org::code(&row, 1)?),
        None => None,
    };
    let device = device.try_into().ok().map(DeviceId);
    Ok(Some(Owner { device, person }))
}

/// Binds an author key to a device. One that is bound stays; one of which only the person was known
/// gets its device.
///
/// # Errors
/// When the database fails.
pub async fn bind_actor(
    db: &mut SqliteConnection,
    actor: ActorKey,
    device: DeviceId,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO actor (key, device) VALUES (?, ?) \
         ON CONFLICT DO UPDATE SET device = excluded.device WHERE device = x''",
    )
    .bind(actor.0.as_slice())
    .bind(device.0.as_slice())
    .execute(db)
    .await?;
    Ok(())
}

/// Binds an author key to a person whose device is not known: others pass on what was written with it.
///
/// # Errors
/// When the database fails.
pub async fn bind_person(
    db: &mut SqliteConnection,
    actor: ActorKey,
    person: &PersonId,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO actor (key, device, person) VALUES (?, x'', ?) ON CONFLICT DO NOTHING",
    )
    .bind(actor.0.as_slice())
    .bind(person.as_str())
    .execute(db)
    .await?;
    Ok(())
}
