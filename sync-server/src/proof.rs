//! Who wrote what: checking signatures, keeping what they prove, and noticing a copied phone.

use domain::id::{ActorKey, ChangeHash, DeviceId, DocId, RecordId};
use domain::sync::message::PassedOn;
use domain::sync::signed::{Claim, DeviceHead, PublicKey, Signed, head_of_device, names};
use domain::time::Millis;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use sqlx::{Row, SqliteConnection};

use crate::error::ApiError;
use crate::limits;
use crate::store::device::Device;
use crate::store::{bytes, log, org};

/// Whether a signature is this key's over this claim.
#[must_use]
pub fn holds(key: &PublicKey, claim: &Claim, signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.point())
        .verify(&claim.bytes(), signature)
        .is_ok()
}

/// A key that signs for a device, and whether that device was revoked.
#[derive(Debug, Clone)]
pub struct Signer {
    device: Device,
    key: PublicKey,
    revoked: bool,
}

/// Whose signature a request may end with: the keys of all devices with this beginning of a name.
///
/// # Errors
/// [`ApiError::UnknownKey`] when there are none.
pub async fn signers(db: &mut SqliteConnection, head: DeviceHead) -> Result<Vec<Signer>, ApiError> {
    let (from, to) = range(head);
    let rows = sqlx::query(
        "SELECT d.id, d.person, d.revoked_at IS NOT NULL, k.key FROM device d \
         JOIN device_key k ON k.device = d.id WHERE d.id BETWEEN ? AND ?",
    )
    .bind(from.as_slice())
    .bind(to.as_slice())
    .fetch_all(db)
    .await?;
    let mut signers = Vec::new();
    for row in &rows {
        let stored: &[u8] = row.try_get(3)?;
        if let Some(key) = PublicKey::from_bytes(stored) {
            let device = Device {
                id: DeviceId(bytes::<16>(row, 0)?),
                person: org::code(row, 1)?,
            };
            signers.push(Signer {
                device,
                key,
                revoked: row.try_get(2)?,
            });
        }
    }
    if signers.is_empty() {
        return Err(ApiError::UnknownKey);
    }
    Ok(signers)
}

/// The one of them whose signature this is, and the key.
///
/// # Errors
/// [`ApiError::UnknownKey`] when it is nobody's.
pub fn signer(signers: Vec<Signer>, signed: &Signed) -> Result<(Device, PublicKey), ApiError> {
    let theirs = |signer: &Signer| holds(&signer.key, &signed.claim, &signed.signature);
    let signer = signers.into_iter().find(theirs);
    let signer = signer.ok_or(ApiError::UnknownKey)?;
    if signer.revoked {
        return Err(ApiError::Revoked);
    }
    Ok((signer.device, signer.key))
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

/// Writes down a key of a device that has proven itself; the oldest give way.
///
/// # Errors
/// When the database fails.
pub async fn enrol(
    db: &mut SqliteConnection,
    device: DeviceId,
    key: &PublicKey,
    now: Millis,
) -> Result<(), sqlx::Error> {
    let key = [key.x, key.y].concat();
    sqlx::query(
        "INSERT INTO device_key (device, key, enrolled_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(device.0.as_slice())
    .bind(key)
    .bind(now.0)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "DELETE FROM device_key WHERE device = ?1 AND key NOT IN (SELECT key FROM device_key \
         WHERE device = ?1 ORDER BY enrolled_at DESC LIMIT ?2)",
    )
    .bind(device.0.as_slice())
    .bind(limits::KEYS_PER_DEVICE_MAX)
    .execute(db)
    .await?;
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

/// Keeps what proves a batch.
///
/// # Errors
/// When the database fails.
pub async fn keep(
    db: &mut SqliteConnection,
    (device, key): (DeviceId, &PublicKey),
    (signed, names): (&Signed, &[u8]),
    now: Millis,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO proof (device, received_at, device_at, digest, message, signature, key, names) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(device.0.as_slice())
    .bind(now.0)
    .bind(signed.claim.now.0)
    .bind(signed.claim.digest.as_slice())
    .bind(signed.claim.message.as_slice())
    .bind(signed.signature.as_slice())
    .bind([key.x, key.y].concat())
    .bind(names)
    .execute(db)
    .await?;
    Ok(())
}

/// Notes when a device first used a key of the merge, and whether it goes on with an older one after
/// it began a newer one: then two copies of a phone write at the same time (F20). Nothing is refused.
///
/// # Errors
/// When the database fails.
pub async fn notice_fork(
    db: &mut SqliteConnection,
    device: DeviceId,
    (actor, at): (ActorKey, Millis),
    now: Millis,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE actor SET first_at = ?, bound_at = ? WHERE key = ? AND device = ? AND bound_at IS NULL",
    )
    .bind(at.0)
    .bind(now.0)
    .bind(actor.0.as_slice())
    .bind(device.0.as_slice())
    .execute(&mut *db)
    .await?;
    let found = sqlx::query(
        "UPDATE device SET forked_at = ?1 WHERE id = ?2 AND forked_at IS NULL AND EXISTS ( \
         SELECT 1 FROM actor mine JOIN actor other ON other.device = mine.device \
         WHERE mine.key = ?3 AND mine.device = ?2 AND other.key <> ?3 \
         AND other.bound_at > mine.bound_at AND other.bound_at < ?1 AND other.first_at < ?4)",
    )
    .bind(now.0)
    .bind(device.0.as_slice())
    .bind(actor.0.as_slice())
    .bind(at.0)
    .execute(db)
    .await?;
    if found.rows_affected() > 0 {
        tracing::warn!(device = ?device, "the device writes in two places at once: copied or restored");
    }
    Ok(())
}

/// What is known of who wrote a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The change.
    pub hash: ChangeHash,
    /// In whose name it is kept.
    pub person: String,
    /// The device that brought it.
    pub device: DeviceId,
    /// When it was written, by the device's clock.
    pub written_at: Millis,
    /// When it was sent, by the device's clock; only a signed batch tells.
    pub sent_at: Option<Millis>,
    /// When it came, by the server's clock.
    pub received_at: Millis,
    /// What the signature says.
    pub verdict: Verdict,
    /// Where its device passed it on for its author while healing was open.
    pub passed_on: Option<PassedOn>,
}

/// What a signature says of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The device signed that it wrote it.
    Holds,
    /// The device signed that it passes on what somebody else wrote.
    PassedOn,
    /// There is a signature, and it does not fit: the database was altered.
    Broken,
    /// It came unsigned.
    Unsigned,
}

/// Who wrote each change of a record, in the order of the log.
///
/// # Errors
/// When the database fails.
pub async fn of_record(
    db: &mut SqliteConnection,
    record: RecordId,
) -> Result<Vec<Proven>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT c.hash, c.author, c.device, c.device_at, c.received_at, d.part, \
         c.passed_by, c.gap_from, c.gap_to FROM change c \
         JOIN doc d ON d.id = c.doc JOIN entry e ON e.change = c.id \
         WHERE d.record = ? ORDER BY e.seq",
    )
    .bind(record.bytes().as_slice())
    .fetch_all(&mut *db)
    .await?;
    let mut all = Vec::new();
    for row in &rows {
        let mut one = Proven {
            hash: ChangeHash(bytes::<32>(row, 0)?),
            person: row.try_get(1)?,
            device: DeviceId(bytes::<16>(row, 2)?),
            written_at: Millis(row.try_get(3)?),
            sent_at: None,
            received_at: Millis(row.try_get(4)?),
            verdict: Verdict::Unsigned,
            passed_on: log::passed_on(row, 6)?,
        };
        let doc = match row.try_get::<i64, _>(5)? {
            0 => DocId::body(record),
            _ => DocId::vault(record),
        };
        judge(db, doc, &mut one).await?;
        all.push(one);
    }
    Ok(all)
}

/// Looks for the batch that brought a change, and checks its signature anew.
async fn judge(db: &mut SqliteConnection, doc: DocId, one: &mut Proven) -> Result<(), sqlx::Error> {
    let proofs = sqlx::query(
        "SELECT device_at, digest, message, signature, key, names FROM proof \
         WHERE device = ? AND received_at = ?",
    )
    .bind(one.device.0.as_slice())
    .bind(one.received_at.0)
    .fetch_all(db)
    .await?;
    for proof in &proofs {
        let listed: &[u8] = proof.try_get(5)?;
        let Some(own) = names(listed, doc, one.hash) else {
            continue;
        };
        let claim = Claim {
            device: head_of_device(one.device),
            now: Millis(proof.try_get(0)?),
            digest: bytes::<16>(proof, 1)?,
            message: bytes::<32>(proof, 2)?,
        };
        let key = PublicKey::from_bytes(proof.try_get(4)?);
        let sound = claim.is_of(listed)
            && key.is_some_and(|key| {
                proof
                    .try_get(3)
                    .is_ok_and(|signature: &[u8]| holds(&key, &claim, signature))
            });
        one.sent_at = Some(claim.now);
        one.verdict = match (sound, own) {
            (false, _) => Verdict::Broken,
            (true, true) => Verdict::Holds,
            (true, false) => Verdict::PassedOn,
        };
    }
    Ok(())
}
