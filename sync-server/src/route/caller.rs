//! Who sends an exchange: looked up before anything else of it costs anything, and written down only
//! when all of it was read.

use std::sync::Arc;

use domain::id::DeviceId;
use domain::sync::message::{Caller, Sealed, Secret};
use domain::sync::signed::{PublicKey, Signed, head_of_device};
use domain::time::Millis;
use sqlx::SqliteConnection;

use crate::bench;
use crate::error::ApiError;
use crate::keys::{self, Pass};
use crate::listener::Peer;
use crate::router::Shared;
use crate::scope::Scope;
use crate::store::device::{self, Device};
use crate::store::invitation;

/// A device and what it may see.
pub(super) type Who = (Device, Arc<Scope>);

/// A signature that holds, and the key that it is made with.
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
    /// None for a device with a code, which comes in by it.
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
            let signers = keys::signers(&mut view, *device).await?;
            let signed = sealed.proof().ok_or(ApiError::UnknownKey)?;
            let (device, key) = keys::signer(&mut view, signers, &signed).await?;
            let scope = shared.scopes.of(&mut view, &device).await?;
            return Ok(Guest {
                who: Some((device, scope)),
                introduction: None,
                proof: Some((signed, key)),
                peer,
            });
        }
    };
    let (who, pass) = match introduction.join {
        None => (Some(known(shared, &introduction).await?), Pass::Secret),
        Some(code) => (
            None,
            invited(shared, peer, (&introduction, code), now).await?,
        ),
    };
    let proof = match introduction.key {
        None => None,
        Some(key) => {
            let signed = sealed.proof().ok_or(ApiError::UnknownKey)?;
            let mut view = shared.store.view().await?;
            let here = keys::of(&mut view, introduction.device).await?;
            let admission = keys::admit(&here, (&key, &signed), pass)?;
            Some((signed, admission.signer))
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
    /// The device that they are, or would be once they have joined.
    pub(super) fn device(&self) -> Option<DeviceId> {
        let known = self.who.as_ref().map(|(device, _)| device.id());
        known.or(self.introduction.map(|introduction| introduction.device))
    }

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
        let brings = introduction.key.zip(self.proof.as_ref());
        let who = match (self.who, introduction.join) {
            (Some(who), _) if brings.is_none() => return Ok((who, self.proof)),
            (who, join) => {
                // All of it, or nothing: a device that joined without its key would be locked out.
                let mut write = shared.store.begin().await?;
                let (who, pass) = match (who, join) {
                    (Some(who), _) => (who, Pass::Secret),
                    (None, Some(code)) => {
                        join_in(shared, &mut write, (self.peer, &introduction, code), now).await?
                    }
                    (None, None) => return Err(ApiError::UnknownDevice),
                };
                if let Some((key, (signed, _))) = brings {
                    let here = keys::of(&mut write, introduction.device).await?;
                    let admission = keys::admit(&here, (&key, signed), pass)?;
                    let whose = (introduction.device, &key);
                    keys::enrol(&mut write, whose, admission, now).await?;
                }
                write.commit().await?;
                who
            }
        };
        Ok((who, self.proof))
    }
}

async fn known(shared: &Shared, who: &Introduction<'_>) -> Result<Who, ApiError> {
    let mut view = shared.store.view().await?;
    shared.admit(&mut view, (who.device, who.secret)).await
}

/// What a code is good for; wrong ones are counted.
async fn invited(
    shared: &Shared,
    peer: Peer,
    (who, code): (&Introduction<'_>, &str),
    now: Millis,
) -> Result<Pass, ApiError> {
    shared.brake.check(peer.0)?;
    if is_bench(shared, peer, code) {
        return Ok(Pass::Joining);
    }
    let mut view = shared.store.view().await?;
    let device = (who.device, who.secret.0.as_slice());
    let found = invitation::invited(&mut view, device, code, now).await;
    if let Err(ApiError::UnknownCode | ApiError::UsedCode | ApiError::ExpiredCode) = found {
        shared.brake.count(peer.0);
    }
    found.map(|invited| invited.pass())
}

fn is_bench(shared: &Shared, peer: Peer, code: &str) -> bool {
    peer.0.is_loopback() && bench::is_code(shared.bench_join.as_deref(), code)
}

async fn join_in(
    shared: &Shared,
    write: &mut SqliteConnection,
    (peer, who, code): (Peer, &Introduction<'_>, &str),
    now: Millis,
) -> Result<(Who, Pass), ApiError> {
    let device = (who.device, who.secret.0.as_slice());
    let bench = is_bench(shared, peer, code);
    let (device, pass) = match bench::person().filter(|_| bench) {
        Some(person) => {
            let joined = device::join_as(write, device, &person, now).await?;
            (joined, Pass::Joining)
        }
        None => invitation::join(write, device, code, now).await?,
    };
    let scope = shared.scopes.of(write, &device).await?;
    tracing::info!(device = ?device.id(), "device joined");
    Ok(((device, scope), pass))
}
