//! Taking up what was cut: how much of a request has come, and the rest of an answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use domain::sync::signed::{DeviceHead, head_of_device};

use super::photo;
use crate::budget::{self, Permit};
use crate::error::ApiError;
use crate::limits;
use crate::parts::{Owner, Part, PartId};
use crate::peer::{Door, Stranger};
use crate::prefix::Prefix;
use crate::router::Shared;
use crate::store::device;

/// The name under which the rest of an answer can be asked for.
pub(crate) const PART: HeaderName = HeaderName::from_static("part");
/// The length of the whole answer in bytes.
pub(crate) const TOTAL: HeaderName = HeaderName::from_static("total");

/// A request that may be cut: `?part=ID&at=OFFSET&of=TOTAL`.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) id: PartId,
    pub(crate) at: usize,
    pub(crate) of: usize,
}

impl Piece {
    /// Reads the query; none when the request comes whole.
    pub(crate) fn read(query: Option<&str>) -> Result<Option<Self>, ApiError> {
        let Some(query) = query.filter(|query| !query.is_empty()) else {
            return Ok(None);
        };
        let id = value(query, "part").and_then(PartId::read);
        let number = |name| value(query, name).and_then(|text| text.parse().ok());
        match (id, number("at"), number("of")) {
            (Some(id), Some(at), Some(of)) => Ok(Some(Self { id, at, of })),
            _ => Err(ApiError::Malformed),
        }
    }
}

pub(super) fn value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Who begins a request or asks for what was cut: the device that the head of the request proves, or
/// somebody who has not joined.
///
/// # Errors
/// When the device was shut out, or the database fails.
pub(super) async fn owner(
    shared: &Shared,
    door: &Door,
    headers: &HeaderMap,
) -> Result<Owner, ApiError> {
    let stranger = Owner::Stranger(Prefix::of(door.peer.0));
    let Some((device, secret)) = photo::proof(headers) else {
        return Ok(stranger);
    };
    let mut view = shared.store.view().await?;
    match device::find(&mut view, device, &secret.0).await {
        Ok(device) => {
            door.prove(device.id());
            Ok(Owner::Device(device.id()))
        }
        // It may be about to join.
        Err(ApiError::UnknownDevice) => Ok(stranger),
        Err(error) => Err(error),
    }
}

/// What a request that comes in parts takes while it is read and answered.
#[derive(Debug)]
pub(super) enum Room {
    /// Of the budget of strangers.
    Stranger(#[expect(dead_code, reason = "held until it is dropped")] Stranger),
    /// Of the budget of known devices.
    Device(#[expect(dead_code, reason = "held until it is dropped")] Permit<DeviceHead>),
}

/// Makes room for a request of so many bytes.
///
/// # Errors
/// [`ApiError::Crowded`] when there is none for too long.
pub(super) async fn room(
    shared: &Shared,
    door: &Door,
    (owner, bytes): (Owner, usize),
) -> Result<Room, ApiError> {
    match owner {
        Owner::Stranger(_) => {
            let room = door.stranger(&shared.budget, limits::STRANGER_REQUEST_BYTES);
            Ok(Room::Stranger(room.await?))
        }
        Owner::Device(device) => {
            let bytes = budget::exchange_bytes(bytes.min(limits::EXCHANGE_BODY_BYTES_MAX));
            let room = shared.budget.known.take(head_of_device(device), bytes);
            Ok(Room::Device(room.await?))
        }
    }
}

/// `GET /api/v1/parts/ID?from=N&most=M`: 202 and the number of bytes that came of a request, or 200 and
/// the answer from byte N on, of which M bytes at most where that is said.
///
/// # Errors
/// When there is nothing of the caller's under that name (any more): the exchange is begun again.
pub(crate) async fn answer(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let id = PartId::read(&id).ok_or(ApiError::UnknownPath)?;
    let request = request.map(drop);
    let door = Door::of(&request)?;
    let owner = owner(&shared, &door, request.headers()).await?;
    let number = |name| value(request.uri().query()?, name)?.parse::<usize>().ok();
    let from = number("from").unwrap_or(0);
    let most = number("most").unwrap_or(usize::MAX);
    let found = shared.parts.find(owner, &id, from);
    match found.ok_or(ApiError::UnknownPath)? {
        Part::Request(len) => Ok((StatusCode::ACCEPTED, len.to_string()).into_response()),
        Part::Answer(bytes) => {
            let total = bytes.len();
            let from = from.min(total);
            let rest = bytes.slice(from..from.saturating_add(most).min(total));
            let rest = match owner {
                Owner::Device(device) => shared.budget.held(head_of_device(device), rest).await?,
                Owner::Stranger(_) => rest,
            };
            let mut response = Response::new(Body::from(rest));
            response
                .headers_mut()
                .insert(TOTAL, HeaderValue::from(total));
            Ok(response)
        }
    }
}
