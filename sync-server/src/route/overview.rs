//! The overview: counts and de-identified rows for supervisors.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use domain::access;
use domain::sync::message::{self, OverviewRequest};
use domain::sync::signed::head_of_device;

use super::body;
use crate::error::ApiError;
use crate::peer::Door;
use crate::router::Shared;
use crate::{limits, overview};

/// Answers a supervisor's question for one unit and one period.
///
/// # Errors
/// When the member may not ask for it.
pub(crate) async fn answer(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, ApiError> {
    let door = Door::of(&request)?;
    let body = body::small(&shared, &door, request, limits::OVERVIEW_BODY_BYTES_MAX).await?;
    let request: OverviewRequest = message::decode(&body.bytes)?;
    let mut view = shared.store.view().await?;
    let who = (request.device, &request.secret);
    let (device, scope) = shared.admit(&mut view, who).await?;
    door.prove(device.id());
    drop((body, view));
    let member = scope.me();
    if !access::is_supervisor(member) && !access::is_station_staff(member) {
        return Err(ApiError::NotAllowed);
    }
    let _turn = shared.looks.take(head_of_device(device.id()), 1).await?;
    let mut view = shared.store.view().await?;
    let when = (request.period, shared.clock.now());
    let drawn = overview::draw(&mut view, member, request.place, when).await?;
    Ok(super::binary(message::encode(&drawn), true))
}

/// Older apps ask for any days of any grid, in messages that would be read as something else.
pub(crate) async fn outdated() -> ApiError {
    ApiError::OtherVersion
}
