//! Invitations: codes that let one device join, or bring one device a new key.

use domain::id::{DeviceId, PersonId};
use domain::sync::message::normal_code;
use domain::time::Millis;
use sqlx::{Row, SqliteConnection};

use super::device::{self, Device};
use super::{bytes, org};
use crate::auth;
use crate::error::ApiError;
use crate::keys::Pass;
use crate::limits;

/// Writes down a fresh invitation and gives back its code; only the hash is kept.
///
/// # Errors
/// When the person is not active or the database fails.
pub async fn invite(
    db: &mut SqliteConnection,
    (person, device): (&PersonId, Option<DeviceId>),
    now: Millis,
) -> Result<String, org::OrgError> {
    if org::person(db, person).await?.is_none() {
        return Err(org::OrgError::NoPerson(person.clone()));
    }
    let code = auth::new_code();
    let normal = normal_code(&code).unwrap_or_default();
    let handle = auth::random::<4>()
        .map(|byte| format!("{byte:02x}"))
        .concat();
    sqlx::query(
        "INSERT INTO invitation (code_hash, person, device, handle, created_at, expires_at) \
         VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(auth::hash(normal.as_bytes()).as_slice())
    .bind(person.as_str())
    .bind(device.as_ref().map(|device| device.0.as_slice()))
    .bind(handle)
    .bind(now.0)
    .bind(now.plus(limits::INVITATION_MS).0)
    .execute(db)
    .await?;
    Ok(code)
}

/// What a code is good for.
#[derive(Debug, Clone)]
pub enum Invited {
    /// A device that is not known may join as this person.
    New(PersonId),
    /// The device that joined with it asks again: its first answer may have been lost on the way.
    Again(Device),
    /// A device that joined before uses up a code of its person.
    Rejoins(Device),
    /// The device that it was made for.
    Bound(Device),
}

impl Invited {
    /// What it allows of the device's keys.
    #[must_use]
    pub const fn pass(&self) -> Pass {
        match self {
            Self::New(_) | Self::Again(_) => Pass::Joining,
            Self::Rejoins(_) => Pass::Secret,
            Self::Bound(_) => Pass::Invited,
        }
    }
}

/// Looks what a code is good for; nothing is written.
///
/// # Errors
/// When the code is unknown, has run out, was cancelled, was used by another device or is for another
/// one, or when whoever it is for may not come in.
pub async fn invited(
    db: &mut SqliteConnection,
    (device, secret): (DeviceId, &[u8]),
    code: &str,
    now: Millis,
) -> Result<Invited, ApiError> {
    let row = sqlx::query(
        "SELECT person, expires_at, used_by, device, cancelled_at IS NOT NULL, \
         EXISTS (SELECT 1 FROM active_person p WHERE p.id = invitation.person), \
         EXISTS (SELECT 1 FROM device d WHERE d.id = ?2) FROM invitation WHERE code_hash = ?1",
    )
    .bind(code_hash(code)?.as_slice())
    .bind(device.0.as_slice())
    .fetch_optional(&mut *db)
    .await?
    .ok_or(ApiError::UnknownCode)?;
    let (expires_at, used_by): (i64, Option<&[u8]>) = (row.try_get(1)?, row.try_get(2)?);
    match used_by {
        Some(by) if by != device.0 => return Err(ApiError::UsedCode),
        Some(_) => return device::find(db, device, secret).await.map(Invited::Again),
        None => {}
    }
    let bound: Option<&[u8]> = row.try_get(3)?;
    if bound.is_some_and(|bound| bound != device.0) {
        return Err(ApiError::UnknownCode);
    }
    let (cancelled, active): (bool, bool) = (row.try_get(4)?, row.try_get(5)?);
    if cancelled || expires_at <= now.0 {
        return Err(ApiError::ExpiredCode);
    }
    if !active {
        return Err(ApiError::Revoked);
    }
    let person: PersonId = org::code(&row, 0)?;
    if !row.try_get::<bool, _>(6)? {
        return Ok(Invited::New(person));
    }
    let known = device::find(db, device, secret).await?;
    if *known.person() != person {
        return Err(ApiError::NotAllowed);
    }
    Ok(match bound {
        Some(_) => Invited::Bound(known),
        None => Invited::Rejoins(known),
    })
}

fn code_hash(code: &str) -> Result<[u8; 32], ApiError> {
    let normal = normal_code(code).ok_or(ApiError::UnknownCode)?;
    Ok(auth::hash(normal.as_bytes()))
}

/// Lets a device in with a code, which is used up by it; what the code allows of the device's keys.
///
/// # Errors
/// As [`invited`].
pub async fn join(
    db: &mut SqliteConnection,
    (device, secret): (DeviceId, &[u8]),
    code: &str,
    now: Millis,
) -> Result<(Device, Pass), ApiError> {
    let invited = invited(db, (device, secret), code, now).await?;
    let pass = invited.pass();
    let device = match invited {
        Invited::Again(device) => return Ok((device, pass)),
        Invited::Rejoins(device) | Invited::Bound(device) => device,
        Invited::New(person) => device::join_as(db, (device, secret), &person, now).await?,
    };
    sqlx::query("UPDATE invitation SET used_by = ? WHERE code_hash = ?")
        .bind(device.id().0.as_slice())
        .bind(code_hash(code)?.as_slice())
        .execute(db)
        .await?;
    Ok((device, pass))
}

/// An invitation as the administrator sees it: never its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name by which it is cancelled.
    pub handle: String,
    /// For whom.
    pub person: PersonId,
    /// For which device alone.
    pub device: Option<DeviceId>,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Millis,
    /// The device that used it.
    pub used_by: Option<DeviceId>,
    /// When it was cancelled.
    pub cancelled_at: Option<Millis>,
}

/// All invitations, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn all(db: &mut SqliteConnection) -> Result<Vec<Listed>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT person, device, handle, created_at, expires_at, used_by, cancelled_at \
         FROM invitation ORDER BY created_at DESC, handle",
    )
    .fetch_all(db)
    .await?;
    let listed = rows.iter().map(|row| {
        let device = |column| {
            let some = row.try_get::<Option<&[u8]>, _>(column)?.is_some();
            some.then(|| bytes::<16>(row, column).map(DeviceId))
                .transpose()
        };
        Ok(Listed {
            person: org::code(row, 0)?,
            device: device(1)?,
            handle: row.try_get(2)?,
            created_at: Millis(row.try_get(3)?),
            expires_at: Millis(row.try_get(4)?),
            used_by: device(5)?,
            cancelled_at: row.try_get::<Option<i64>, _>(6)?.map(Millis),
        })
    });
    listed.collect()
}

/// Which invitations end.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// The one with this handle.
    Handle(&'a str),
    /// All of a person.
    Person(&'a PersonId),
}

/// Cancels invitations that are open; how many there were.
///
/// # Errors
/// When the database fails.
pub async fn cancel(
    db: &mut SqliteConnection,
    which: Which<'_>,
    now: Millis,
) -> Result<u64, sqlx::Error> {
    let (handle, person) = match which {
        Which::Handle(handle) => (Some(handle), None),
        Which::Person(person) => (None, Some(person.as_str())),
    };
    let done = sqlx::query(
        "UPDATE invitation SET cancelled_at = ?1 WHERE used_by IS NULL AND cancelled_at IS NULL \
         AND expires_at > ?1 AND (handle = ?2 OR person = ?3)",
    )
    .bind(now.0)
    .bind(handle)
    .bind(person)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Drops invitations that nobody used in time.
///
/// # Errors
/// When the database fails.
pub async fn drop_expired(db: &mut SqliteConnection, now: Millis) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM invitation WHERE used_by IS NULL AND expires_at < ?")
        .bind(now.plus(-limits::INVITATION_MS).0)
        .execute(db)
        .await?;
    Ok(())
}
