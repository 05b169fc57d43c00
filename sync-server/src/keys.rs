//! The keys of devices: which one signed, which new one is taken, and what is known of each.
//!
//! Whoever has a device's secret alone brings no key in. One is taken while the device joins, under
//! the signature of the one before it, or with an invitation made for this device. None ever gives
//! way to another.

use domain::id::DeviceId;
use domain::sync::signed::{DeviceHead, PublicKey, Signed};
use domain::time::{Day, Millis};
use sha2::{Digest as _, Sha256};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::error::ApiError;
use crate::limits;
use crate::proof::holds;
use crate::store::device::{self, Device};
use crate::store::{bytes, damaged};

/// How a key came to its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By the device's secret alone, before that was no longer enough.
    Secret,
    /// While the device joined.
    Joined,
    /// Under the signature of the key before it.
    Vouched,
    /// With an invitation made for this device.
    Invited,
}

impl How {
    /// The word in the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Joined => "joined",
            Self::Vouched => "vouched",
            Self::Invited => "invited",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        let all = [Self::Secret, Self::Joined, Self::Vouched, Self::Invited];
        all.into_iter().find(|how| how.code() == code)
    }
}

/// A key of a device, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its public half.
    pub key: PublicKey,
    /// When it came, by the server's clock; of two, the newer one came later.
    pub enrolled_at: Millis,
    /// How it came.
    pub how: How,
    /// The key that vouched for it.
    pub voucher: Option<PublicKey>,
    /// The day on which it last signed something.
    pub used_on: Option<Day>,
}

/// The short name by which people tell keys apart.
#[must_use]
pub fn short_name(key: &PublicKey) -> String {
    let hash: [u8; 32] = Sha256::digest(key.point()).into();
    let digits = hash.iter().take(4).map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// What came with a request that brings a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// The device's secret, and at most a code that is for joining with another device.
    Secret,
    /// The code with which the device joins, or did.
    Joining,
    /// An invitation made for this device.
    Invited,
}

/// What a request that brings a key proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// The key that it is signed with.
    pub signer: PublicKey,
    /// How the key that it brings comes in; none for one that is here.
    pub how: Option<How>,
}

/// Decides on a key that a device brings; `known` are those that it has, the oldest first.
///
/// # Errors
/// [`ApiError::UnknownKey`] when the signature is neither of this key nor of the newest one here,
/// [`ApiError::KeyLocked`] when nothing vouches for the key, [`ApiError::TooManyKeys`] when the device
/// has as many as it may have.
pub fn admit(
    known: &[Kept],
    (key, signed): (&PublicKey, &Signed),
    pass: Pass,
) -> Result<Admission, ApiError> {
    let newest = known.last().map(|kept| kept.key);
    let signs = |key: &PublicKey| holds(key, &signed.claim, &signed.signature);
    let signer = [Some(*key), newest].into_iter().flatten().find(signs);
    let signer = signer.ok_or(ApiError::UnknownKey)?;
    if known.iter().any(|kept| kept.key == *key) {
        return Ok(Admission { signer, how: None });
    }
    let how = match pass {
        _ if signer != *key => How::Vouched,
        Pass::Invited => How::Invited,
        Pass::Joining if known.is_empty() => How::Joined,
        Pass::Joining | Pass::Secret => return Err(ApiError::KeyLocked),
    };
    if known.len() >= limits::KEYS_PER_DEVICE_MAX {
        return Err(ApiError::TooManyKeys);
    }
    let how = Some(how);
    Ok(Admission { signer, how })
}

/// The keys of a device, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn of(db: &mut SqliteConnection, device: DeviceId) -> Result<Vec<Kept>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT key, enrolled_at, how, voucher, used_day FROM device_key WHERE device = ? \
         ORDER BY enrolled_at, key",
    )
    .bind(device.0.as_slice())
    .fetch_all(db)
    .await?;
    rows.iter().map(kept).collect()
}

fn kept(row: &SqliteRow) -> Result<Kept, sqlx::Error> {
    let (how, voucher): (&str, Option<&[u8]>) = (row.try_get(2)?, row.try_get(3)?);
    Ok(Kept {
        key: public(row, 0)?,
        enrolled_at: Millis(row.try_get(1)?),
        how: How::from_code(how).ok_or_else(|| damaged(format!("way of a key {how}")))?,
        voucher: voucher.and_then(PublicKey::from_bytes),
        used_on: row.try_get::<Option<i64>, _>(4)?.map(Day),
    })
}

fn public(row: &SqliteRow, column: usize) -> Result<PublicKey, sqlx::Error> {
    let key = PublicKey::from_bytes(row.try_get(column)?);
    key.ok_or_else(|| damaged(format!("column {column}: no key")))
}

/// Writes down a key that was admitted.
///
/// # Errors
/// When the database fails.
pub async fn enrol(
    db: &mut SqliteConnection,
    (device, key): (DeviceId, &PublicKey),
    admission: Admission,
    now: Millis,
) -> Result<(), sqlx::Error> {
    let Some(how) = admission.how else {
        return Ok(());
    };
    let voucher = (how == How::Vouched).then(|| stored(&admission.signer));
    // The newest is the one that vouches, also where the server's clock was set back.
    sqlx::query(
        "INSERT INTO device_key (device, key, enrolled_at, how, voucher) SELECT ?1, ?2, \
         MAX(?3, COALESCE((SELECT MAX(enrolled_at) + 1 FROM device_key WHERE device = ?1), ?3)), \
         ?4, ?5",
    )
    .bind(device.0.as_slice())
    .bind(stored(key))
    .bind(now.0)
    .bind(how.code())
    .bind(voucher)
    .execute(db)
    .await?;
    let (name, how) = (short_name(key), how.code());
    tracing::info!(?device, key = name, how, "a key was enrolled");
    Ok(())
}

/// Whether a device signs what it brings: it must then always do so.
///
/// # Errors
/// When the database fails.
pub async fn signs(db: &mut SqliteConnection, device: DeviceId) -> Result<bool, sqlx::Error> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM device_key WHERE device = ?")
        .bind(device.0.as_slice())
        .fetch_one(db)
        .await?;
    Ok(count > 0)
}

/// Notes the day on which a key signed something.
///
/// # Errors
/// When the database fails.
pub async fn note_use(
    db: &mut SqliteConnection,
    (device, key): (DeviceId, &PublicKey),
    now: Millis,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE device_key SET used_day = ?3 \
         WHERE device = ?1 AND key = ?2 AND used_day IS NOT ?3",
    )
    .bind(device.0.as_slice())
    .bind(stored(key))
    .bind(now.day().0)
    .execute(db)
    .await?;
    Ok(())
}

/// A key as it is stored.
pub(crate) fn stored(key: &PublicKey) -> Vec<u8> {
    [key.x, key.y].concat()
}

/// A key that may have signed a request, and whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Signer {
    device: DeviceId,
    key: PublicKey,
}

/// Whose signature a request may end with: the keys of all devices with this beginning of a name.
///
/// # Errors
/// [`ApiError::UnknownKey`] when there are none.
pub async fn signers(db: &mut SqliteConnection, head: DeviceHead) -> Result<Vec<Signer>, ApiError> {
    let (from, to) = range(head);
    let rows = sqlx::query("SELECT device, key FROM device_key WHERE device BETWEEN ? AND ?")
        .bind(from.as_slice())
        .bind(to.as_slice())
        .fetch_all(db)
        .await?;
    let signer = |row: &SqliteRow| {
        Ok::<_, sqlx::Error>(Signer {
            device: DeviceId(bytes::<16>(row, 0)?),
            key: public(row, 1)?,
        })
    };
    let signers: Vec<_> = rows.iter().map(signer).collect::<Result<_, _>>()?;
    if signers.is_empty() {
        return Err(ApiError::UnknownKey);
    }
    Ok(signers)
}

/// The one of them whose signature this is, and the key.
///
/// # Errors
/// [`ApiError::UnknownKey`] when it is nobody's, [`ApiError::Revoked`] when the device may not come in.
pub async fn signer(
    db: &mut SqliteConnection,
    signers: Vec<Signer>,
    signed: &Signed,
) -> Result<(Device, PublicKey), ApiError> {
    let theirs = |signer: &Signer| holds(&signer.key, &signed.claim, &signed.signature);
    let signer = signers.into_iter().find(theirs);
    let signer = signer.ok_or(ApiError::UnknownKey)?;
    Ok((device::active(db, signer.device).await?, signer.key))
}

/// All names that begin so.
fn range(head: DeviceHead) -> ([u8; 16], [u8; 16]) {
    let (mut from, mut to) = ([0; 16], [u8::MAX; 16]);
    for (place, byte) in head.into_iter().enumerate() {
        if let (Some(from), Some(to)) = (from.get_mut(place), to.get_mut(place)) {
            (*from, *to) = (byte, byte);
        }
    }
    (from, to)
}
