//! Who sends an exchange: looked up before anything else of it costs anything, and written down only
//! when all of it was read.

use std::sync::Arc;

use domain::id::DeviceId;
use domain::sync::message::{Caller, Sealed, Secret};
use domain::sync::signed::{PublicKey, Signed, head_of_device};
use domain::time::Millis;

use crate::error::ApiError;
use crate::listener::Peer;
use crate::router::Shared;
use crate::scope::Scope;
use crate::store::device::{self, Device};
use crate::{bench, proof};

/// A device and what it may see.
pub(super) type Who = (Device, Arc<Scope>);

/// A signature that holds, and the key.
pub(super) type Proof = (Signed, PublicKey);

/// What a device says of itself.
#[derive(Debug, Clone, Copy)]
struct Introduction<'a> {
    device: DeviceId,
    secret: &'a Secret,
    join: Option<&'a str>,
    key: Option<PublicKey>,
}

/// Somebody who may come in.
#[derive(Debug)]
pub(super) struct Guest<'a> {
    /// None for a device whose invitation holds and that has yet to join.
    who: Option<Who>,
    introduction: Option<Introduction<'a>>,
    proof: Option<Proof>,
    peer: Peer,
}

/// Looks up who sends a request; nothing is written.
///
/// # Errors
/// When it is nobody who may come in.
pub(super) async fn look<'a>(
    shared: &Shared,
    peer: Peer,
    (caller, sealed): (&'a Caller, &Sealed<'_>),
    now: Millis,
) -> Result<Guest<'a>, ApiError> {
    let introduction = match caller {
        Caller::Plain {
            device,
            secret,
            join,
        } => Introduction {
            device: *device,
            secret,
            join: join.as_deref(),
            key: None,
        },
        Caller::Signed {
            device,
            enrolment: Some(enrolment),
        } => {
            if head_of_device(enrolment.device) != *device {
                return Err(ApiError::UnknownKey);
            }
            Introduction {
                device: enrolment.device,
                secret: &enrolment.secret,
                join: enrolment.join.as_deref(),
                key: Some(enrolment.key),
            }
        }
        Caller::Signed {
            device,
            enrolment: None,
        } => {
            let mut view = shared.store.view().await?;
            // Who has no key here is not worth a pass over all bytes.
            let signers = proof::signers(&mut view, *device).await?;
            let signed = sealed.proof().ok_or(ApiError::UnknownKey)?;
            let (device, key) = proof::signer(signers, &signed)?;
            let scope = shared.scopes.of(&mut view, &device.person).await?;
            return Ok(Guest {
                who: Some((device, scope)),
                introduction: None,
                proof: Some((signed, key)),
                peer,
            });
        }
    };
    let who = match introduction.join {
        None => Some(known(shared, &introduction).await?),
        Some(code) => {
            invited(shared, peer, (&introduction, code), now).await?;
            None
        }
    };
    // A device that has just made its key proves itself with both.
    let proof = match introduction.key {
        None => None,
        Some(key) => {
            let signed = sealed.proof().ok_or(ApiError::UnknownKey)?;
            if !proof::holds(&key, &signed.claim, &signed.signature) {
                return Err(ApiError::UnknownKey);
            }
            Some((signed, key))
        }
    };
    Ok(Guest {
        who,
        introduction: Some(introduction),
        proof,
        peer,
    })
}

impl Guest<'_> {
    /// Lets them in: a device that is new here joins, a new key is written down.
    ///
    /// # Errors
    /// When somebody else was faster with the invitation, or the database fails.
    pub(super) async fn enter(
        self,
        shared: &Shared,
        now: Millis,
    ) -> Result<(Who, Option<Proof>), ApiError> {
        let Some(introduction) = self.introduction else {
            let who = self.who.ok_or(ApiError::Internal)?;
            return Ok((who, self.proof));
        };
        let who = match (self.who, introduction.join) {
            (Some(who), _) => who,
            (None, Some(code)) => join(shared, self.peer, (&introduction, code), now).await?,
            (None, None) => return Err(ApiError::UnknownDevice),
        };
        if let Some(key) = introduction.key {
            let mut write = shared.store.begin().await?;
            proof::enrol(&mut write, introduction.device, &key, now).await?;
            write.commit().await?;
        }
        Ok((who, self.proof))
    }
}

async fn known(shared: &Shared, who: &Introduction<'_>) -> Result<Who, ApiError> {
    let mut view = shared.store.view().await?;
    let device = device::find(&mut view, who.device, &who.secret.0).await?;
    let scope = shared.scopes.of(&mut view, &device.person).await?;
    Ok((device, scope))
}

/// Whether a code is good for anything; wrong ones are counted.
async fn invited(
    shared: &Shared,
    peer: Peer,
    (who, code): (&Introduction<'_>, &str),
    now: Millis,
) -> Result<(), ApiError> {
    shared.brake.check(peer.0)?;
    if is_bench(shared, peer, code) {
        return Ok(());
    }
    let mut view = shared.store.view().await?;
    let device = (who.device, who.secret.0.as_slice());
    let found = device::invited(&mut view, device, code, now).await;
    if let Err(ApiError::UnknownCode | ApiError::UsedCode | ApiError::ExpiredCode) = found {
        shared.brake.count(peer.0);
    }
    found.map(|_| ())
}

fn is_bench(shared: &Shared, peer: Peer, code: &str) -> bool {
    peer.0.is_loopback() && bench::is_code(shared.bench_join.as_deref(), code)
}

async fn join(
    shared: &Shared,
    peer: Peer,
    (who, code): (&Introduction<'_>, &str),
    now: Millis,
) -> Result<Who, ApiError> {
    let mut write = shared.store.begin().await?;
    let device = (who.device, who.secret.0.as_slice());
    let bench = is_bench(shared, peer, code);
    let device = match bench::person().filter(|_| bench) {
        Some(person) => device::join_as(&mut write, device, &person, now).await?,
        None => device::join(&mut write, device, code, now).await?,
    };
    let scope = shared.scopes.of(&mut write, &device.person).await?;
    write.commit().await?;
    tracing::info!(device = ?device.id, "device joined");
    Ok((device, scope))
}
