//! The routes of the API, and the reading of bodies within limits.

mod caller;
pub(crate) mod exchange;
pub(crate) mod health;
pub(crate) mod news;
pub(crate) mod overview;
pub(crate) mod parts;
pub(crate) mod photo;

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use tokio::time::{Instant, timeout_at};

use crate::error::ApiError;
use crate::headers::Reader;
use crate::limits;
use crate::parts::{Owner, Parts};

const BINARY: &str = "application/octet-stream";

/// Reads a binary body of at most `max` bytes, in time.
async fn read_body(request: Request, max: usize) -> Result<Vec<u8>, ApiError> {
    let media = request.headers().get(header::CONTENT_TYPE);
    if media.is_some_and(|media| media.as_bytes() != BINARY.as_bytes()) {
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

/// Reads a piece of a binary body into what came of it before; the whole body when it is complete.
/// Every byte that arrives counts, also when the connection breaks after it.
async fn read_piece(
    request: Request,
    piece: &parts::Piece,
    (kept, owner): (&Parts, Owner),
) -> Result<Option<Vec<u8>>, ApiError> {
    if piece.of > limits::EXCHANGE_BODY_BYTES_MAX {
        return Err(ApiError::TooLarge);
    }
    // More than a first request: only a device that proves itself sends as much.
    if piece.of > owner.request_bytes_max() {
        return Err(ApiError::UnknownDevice);
    }
    let mut body = request.into_body();
    let end = Instant::now() + limits::BODY_TIMEOUT;
    let (mut at, mut come) = (piece.at, kept.add(owner, &piece.id, piece.at, &[])?);
    while let Some(bytes) = next_piece(&mut body, end).await? {
        come = kept.add(owner, &piece.id, at, &bytes)?;
        at += bytes.len();
    }
    if come < piece.of {
        return Ok(None);
    }
    // What had to make room meanwhile is not wrong: it begins again.
    kept.come(owner, &piece.id)
        .map(Some)
        .ok_or(ApiError::WrongOffset)
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

/// A binary answer to a `POST`; every byte counts on a bad line. Only a browser, which names the type
/// of what it sends, needs to be told the type of what it gets.
fn binary(bytes: impl Into<Body>, named: bool) -> Response {
    let mut response = Response::new(bytes.into());
    let reader = if named { Reader::Code } else { Reader::Program };
    response.extensions_mut().insert(reader);
    if named {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(BINARY));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Whether the client names the type of what it sends.
fn is_named(request: &Request) -> bool {
    request.headers().contains_key(header::CONTENT_TYPE)
}
