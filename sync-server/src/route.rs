//! The routes of the API, and the reading of bodies within limits.

pub(crate) mod exchange;
pub(crate) mod health;
pub(crate) mod overview;

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, timeout_at};

use crate::error::ApiError;
use crate::limits;

const BINARY: &str = "application/octet-stream";

/// Reads a binary body of at most `max` bytes, in time.
async fn read_body(request: Request, max: usize) -> Result<Vec<u8>, ApiError> {
    let media = request.headers().get(header::CONTENT_TYPE);
    if media.is_none_or(|media| media.as_bytes() != BINARY.as_bytes()) {
        return Err(ApiError::MediaType);
    }
    let mut body = request.into_body();
    let announced = body.size_hint().lower();
    if announced > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(ApiError::TooLarge);
    }
    let end = Instant::now() + limits::BODY_TIMEOUT;
    let mut bytes = Vec::new();
    while let Some(piece) = next_piece(&mut body, end).await? {
        if bytes.len() + piece.len() > max {
            return Err(ApiError::TooLarge);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

async fn next_piece(body: &mut Body, end: Instant) -> Result<Option<Bytes>, ApiError> {
    loop {
        let pause = end.min(Instant::now() + limits::BODY_PAUSE_TIMEOUT);
        let frame = timeout_at(pause, poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)));
        match frame.await {
            Err(_) => return Err(ApiError::TooSlow),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(ApiError::Malformed),
            Ok(Some(Ok(frame))) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
        }
    }
}

/// A binary answer; API answers carry no page headers, every byte counts on a bad line.
fn binary(bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, BINARY),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, bytes).into_response()
}
