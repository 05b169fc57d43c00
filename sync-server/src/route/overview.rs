//! The exchange.
use crate::error::ApiError;
use crate::limits;
use crate::router::Shared;
use axum::extract::{Request, State};
use axum::response::Response;
use std::sync::Arc;

/// Answers.
pub(crate) async fn answer(
    State(_shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, ApiError> {
    let body = super::read_body(request, limits::OVERVIEW_BODY_BYTES_MAX).await?;
    Ok(super::binary(body))
}
