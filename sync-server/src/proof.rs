//! Who wrote what: checking signatures, keeping what they prove, and noticing a copied phone.

use domain::id::{ActorKey, ChangeHash, DeviceId, DocId, RecordId};
use domain::sync::message::PassedOn;
use domain::sync::signed::{Claim, PublicKey, Signed, head_of_device, names};
use domain::time::Millis;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use sqlx::{Row, SqliteConnection};

use crate::keys;
use crate::store::{bytes, device, log};

/// Whether a signature is this key's over this claim.
#[must_use]
pub fn holds(key: &PublicKey, claim: &Claim, signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.point())
        .verify(&claim.bytes(), signature)
        .is_ok()
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
    .bind(keys::stored(key))
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
    /// The stored bytes are not those that its name stands for: the database was altered or is
    /// damaged.
    Damaged,
    /// Its bytes were found damaged and set aside; devices are asked for it.
    Aside,
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
         c.passed_by, c.gap_from, c.gap_to, c.id FROM change c \
         JOIN doc d ON d.id = c.doc \
         WHERE d.record = ? ORDER BY c.id",
    )
    .bind(record.bytes().as_slice())
    .fetch_all(&mut *db)
    .await?;
    let known = log::load(db, record).await?;
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
        let person = device::person(db, one.device).await?;
        // Whoever signs as the writer is the device's person: a name that was altered does not fit.
        if one.verdict == Verdict::Holds && person.is_none_or(|of| of.as_str() != one.person) {
            one.verdict = Verdict::Broken;
        }
        let id: i64 = row.try_get(9)?;
        match known.lacking.iter().find(|lacking| lacking.change == id) {
            Some(lacking) if lacking.aside => one.verdict = Verdict::Aside,
            Some(_) => one.verdict = Verdict::Damaged,
            None => {}
        }
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
