//! The exchange: join, push and pull in one round trip.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use domain::access;
use domain::sync::message::{self, Answer, BATCH_ITEMS_MAX, ItemResult, Receipt};
use domain::time::Millis;
use sqlx::SqliteConnection;

use crate::error::ApiError;
use crate::ingest::{self, Sender};
use crate::listener::Peer;
use crate::pull::{self, Reader};
use crate::router::Shared;
use crate::scope::{self, Scope};
use crate::store::device::{self, Device};
use crate::{clock, limits};

/// Answers one exchange; the answer is sent after the commit of what was pushed.
///
/// # Errors
/// When the request as a whole is refused; nothing was changed then.
pub(crate) async fn answer(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, ApiError> {
    let body = super::read_body(request, limits::EXCHANGE_BODY_BYTES_MAX).await?;
    let request: message::Request = message::decode(&body)?;
    drop(body);
    let too_many =
        |batch: &message::Batch| batch.items.len().max(batch.grids.len()) > BATCH_ITEMS_MAX;
    if request.batch.as_ref().is_some_and(too_many) {
        return Err(ApiError::TooLarge);
    }
    let answer = exchange(&shared, peer, request).await?;
    Ok(super::binary(message::encode(&answer)))
}

async fn exchange(
    shared: &Shared,
    peer: Peer,
    mut request: message::Request,
) -> Result<Answer, ApiError> {
    let now = clock::now();
    let (device, scope) = match &request.join {
        Some(code) => join(shared, peer, (&request, code), now).await?,
        None => {
            let mut view = shared.store.view().await?;
            let device = device::find(&mut view, request.device, &request.secret.0).await?;
            let scope = shared.scopes.of(&mut view, &device.person).await?;
            (device, scope)
        }
    };
    let receipt = match request.batch.take() {
        None => None,
        Some(batch) => {
            let mut write = shared.store.begin().await?;
            let sender = Sender {
                device: device.id,
                scope: Arc::clone(&scope),
                now,
            };
            let receipt = ingest::push(&mut write, &sender, batch).await?;
            write.commit().await?;
            Some(receipt)
        }
    };
    reply(shared, (&device, scope), &request, (receipt, now)).await
}

async fn join(
    shared: &Shared,
    peer: Peer,
    (request, code): (&message::Request, &str),
    now: Millis,
) -> Result<(Device, Arc<Scope>), ApiError> {
    shared.brake.check(peer.0)?;
    let mut write = shared.store.begin().await?;
    let joined = device::join(&mut write, (request.device, &request.secret.0), code, now).await;
    let device = match joined {
        Ok(device) => device,
        Err(error) => {
            if matches!(
                error,
                ApiError::UnknownCode | ApiError::UsedCode | ApiError::ExpiredCode
            ) {
                shared.brake.count(peer.0);
            }
            return Err(error);
        }
    };
    let scope = shared.scopes.of(&mut write, &device.person).await?;
    write.commit().await?;
    tracing::info!(device = ?device.id, person = %device.person, "device joined");
    Ok((device, scope))
}

/// Reads what is new, and notes how far the device has come.
async fn reply(
    shared: &Shared,
    (device, scope): (&Device, Arc<Scope>),
    request: &message::Request,
    (receipt, now): (Option<Receipt>, Millis),
) -> Result<Answer, ApiError> {
    let mut view = shared.store.view().await?;
    let digest = match scope::digest(&mut view, &scope.streams).await? {
        Some(digest) => digest,
        None => {
            let mut write = shared.store.begin().await?;
            let digest = scope::remember(&mut write, &scope.streams).await?;
            write.commit().await?;
            digest
        }
    };
    let asked = usize::try_from(request.page_bytes).unwrap_or(limits::ANSWER_BYTES_MAX);
    let reader = Reader {
        own: pushed(receipt.as_ref()),
        scope: Arc::clone(&scope),
        digest,
        generation: shared.store.generation,
        bytes_max: asked.clamp(limits::ANSWER_BYTES_MIN, limits::ANSWER_BYTES_MAX),
    };
    let page = pull::page(&mut view, &reader, &request.cursor).await?;
    let acked = acknowledged(&mut view, &reader, &request.cursor).await?;
    let visit = device::Visit { acked, now };
    let noteworthy = device::is_noteworthy(&mut view, device.id, visit).await?;
    let mut seen = device::seen(&mut view, &scope.stations()).await?;
    view.rollback().await?;
    if noteworthy {
        let mut write = shared.store.begin().await?;
        device::note_visit(&mut write, device.id, visit).await?;
        seen = device::seen(&mut write, &scope.stations()).await?;
        write.commit().await?;
    }
    let known = request.directory == Some(scope.directory_digest);
    Ok(Answer {
        now,
        receipt,
        authors: page.authors,
        entries: page.entries,
        cursor: page.cursor,
        more: page.more,
        seen,
        directory: (!known).then(|| scope.directory.clone()),
    })
}

/// The places of what a batch brought.
fn pushed(receipt: Option<&Receipt>) -> BTreeSet<u64> {
    let results = receipt.into_iter().flat_map(|receipt| &receipt.results);
    let places = results.filter_map(|result| match result {
        ItemResult::Kept(place) | ItemResult::Had(place) => Some(*place),
        ItemResult::Refused(_) => None,
    });
    places.collect()
}

/// The place up to which a device of a station has everything; 0 for other people's devices.
async fn acknowledged(
    db: &mut SqliteConnection,
    reader: &Reader,
    presented: &[u8],
) -> Result<u64, ApiError> {
    if !access::is_station_staff(reader.scope.me()) {
        return Ok(0);
    }
    let last = crate::store::log::last_seq(db).await?;
    let cursor = pull::place(presented, reader, last);
    let whole = cursor.backfill.is_none() && cursor.scope == reader.digest;
    Ok(if whole { cursor.seq } else { 0 })
}
