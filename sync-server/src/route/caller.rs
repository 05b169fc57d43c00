//! Who sends an exchange: looked up from its first bytes before any more of it is buffered, proven
//! before anything of it costs more, and written down only when all of it was read.

use std::sync::Arc;

use domain::id::{DeviceId, PersonId};
use domain::sync::message::{Caller, Sealed, Secret};
use domain::sync::signed::{PublicKey, Signed, head_of_device};
use domain::time::Millis;
use sqlx::SqliteConnection;

use crate::bench;
use crate::error::ApiError;
use crate::keys::{self, Pass, Signer};
use crate::peer::Peer;
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

/// What is known of who says that they send a request, before all of it was read.
#[derive(Debug)]
pub(super) enum Met {
    /// A device that has proven itself.
    Known(Who),
    /// Devices of one of which the signature has to be.
    Signers(Vec<Signer>),
    /// A device whose code holds, and what it allows of the device's keys.
    Invited(Pass),
}

/// Looks up who says that they send a request: its first bytes are enough.
///
/// # Errors
/// When it is nobody who may come in.
pub(super) async fn meet(
    shared: &Shared,
    peer: Peer,
    caller: &Caller,
    now: Millis,
) -> Result<Met, ApiError> {
    let Some(introduction) = introduction(caller)? else {
        let mut view = shared.store.view().await?;
        // Who has no key here is not worth a pass over all bytes.
        let signers = keys::signers(&mut view, caller.head()).await?;
        return Ok(Met::Signers(signers));
    };
    match introduction.join {
        None => Ok(Met::Known(known(shared, &introduction).await?)),
        Some(code) => {
            let pass = invited(shared, peer, (&introduction, code), now).await?;
            Ok(Met::Invited(pass))
        }
    }
}

/// Proves, once all of the request is there, that it is theirs; nothing is written.
///
/// # Errors
/// When it is not.
pub(super) async fn prove<'a>(
    shared: &Shared,
    (met, peer): (Met, Peer),
    (caller, sealed): (&'a Caller, &Sealed<'_>),
) -> Result<Guest<'a>, ApiError> {
    let introduction = introduction(caller)?;
    let (who, pass) = match met {
        Met::Signers(signers) => {
            let mut view = shared.store.view().await?;
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
        Met::Known(who) => (Some(who), Pass::Secret),
        Met::Invited(pass) => (None, pass),
    };
    let proof = match introduction.and_then(|own| Some((own.device, own.key?))) {
        None => None,
        Some((device, key)) => {
            let signed = sealed.proof().ok_or(ApiError::UnknownKey)?;
            let mut view = shared.store.view().await?;
            let here = keys::of(&mut view, device).await?;
            let admission = keys::admit(&here, (&key, &signed), pass)?;
            Some((signed, admission.signer))
        }
    };
    Ok(Guest {
        who,
        introduction,
        proof,
        peer,
    })
}

/// What a device says of itself; none where its signature says it all.
fn introduction(caller: &Caller) -> Result<Option<Introduction<'_>>, ApiError> {
    match caller {
        Caller::Plain {
            device,
            secret,
            join,
        } => Ok(Some(Introduction {
            device: *device,
            secret,
            join: join.as_deref(),
            key: None,
        })),
        Caller::Signed {
            device,
            enrolment: Some(enrolment),
        } => {
            if head_of_device(enrolment.device) != *device {
                return Err(ApiError::UnknownKey);
            }
            Ok(Some(Introduction {
                device: enrolment.device,
                secret: &enrolment.secret,
                join: enrolment.join.as_deref(),
                key: Some(enrolment.key),
            }))
        }
        Caller::Signed {
            enrolment: None, ..
        } => Ok(None),
    }
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
                    (Some((device, _)), _) => {
                        // It may have been shut out while its request was on its way.
                        let device = device::active(&mut write, device.id()).await?;
                        let scope = shared.scopes.of(&mut write, &device).await?;
                        ((device, scope), Pass::Secret)
                    }
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

/// What a code is good for; wrong ones are braked.
async fn invited(
    shared: &Shared,
    peer: Peer,
    (who, code): (&Introduction<'_>, &str),
    now: Millis,
) -> Result<Pass, ApiError> {
    if bench_person(shared, peer, code).is_some() {
        return Ok(Pass::Joining);
    }
    let attempt = shared.brake.attempt(peer.0).await?;
    let mut view = shared.store.view().await?;
    let device = (who.device, who.secret.0.as_slice());
    let found = invitation::invited(&mut view, device, code, now).await;
    attempt.judged(found).map(|invited| invited.pass())
}

fn bench_person(shared: &Shared, peer: Peer, code: &str) -> Option<PersonId> {
    bench::joins_as(shared.bench_join.as_deref(), code).filter(|_| peer.0.is_loopback())
}

async fn join_in(
    shared: &Shared,
    write: &mut SqliteConnection,
    (peer, who, code): (Peer, &Introduction<'_>, &str),
    now: Millis,
) -> Result<(Who, Pass), ApiError> {
    let device = (who.device, who.secret.0.as_slice());
    let (device, pass) = match bench_person(shared, peer, code) {
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
