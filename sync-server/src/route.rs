//! The routes of the API, and what they have in common.

mod body;
mod caller;
pub(crate) mod exchange;
pub(crate) mod health;
pub(crate) mod news;
pub(crate) mod overview;
pub(crate) mod parts;
pub(crate) mod photo;
mod reply;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;

use crate::error::ApiError;
use crate::headers::Reader;
use crate::limits;
use crate::parts::{Owner, Parts};
use body::Pace;

const BINARY: &str = "application/octet-stream";

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
    let mut pace = Pace::begin();
    let (mut at, mut come) = (piece.at, kept.add(owner, &piece.id, piece.at, &[])?);
    while let Some(bytes) = pace.next(&mut body).await? {
        come = kept.add(owner, &piece.id, at, &bytes)?;
        at += bytes.len();
        if come > piece.of {
            break;
        }
    }
    if come > piece.of {
        // It was given room for as much as it said.
        kept.forget(owner, &piece.id);
        return Err(ApiError::TooLarge);
    }
    if come < piece.of {
        return Ok(None);
    }
    // What had to make room meanwhile is not wrong: it begins again.
    kept.come(owner, &piece.id)
        .map(Some)
        .ok_or(ApiError::WrongOffset)
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
