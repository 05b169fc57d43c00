//! Whether the server can do its work: asked by operators and load balancers.

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
    let seq: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) FROM entry")
        .fetch_one(&mut *view)
        .await?;
    let body = serde_json::json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "entries": seq,
    });
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, body.to_string()).into_response())
}
