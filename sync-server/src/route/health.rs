//! Whether the server can do its work: asked by operators and load balancers, and by any stranger. What
//! it runs and how much it holds is told by its log and its commands, to who may use them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;
use crate::router::Shared;

/// Answers only after a read from the database.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn answer(State(shared): State<Arc<Shared>>) -> Result<Response, ApiError> {
    let mut view = shared.store.view().await?;
    sqlx::query("SELECT 1 FROM setting LIMIT 1")
        .fetch_optional(&mut *view)
        .await?;
    Ok(([(header::CONTENT_TYPE, "text/plain")], "ok\n").into_response())
}
