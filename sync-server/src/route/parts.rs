//! Taking up what was cut: how much of a request has come, and the rest of an answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;
use crate::parts::{Part, PartId};
use crate::router::Shared;

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

/// `GET /api/v1/parts/ID?from=N&most=M`: 202 and the number of bytes that came of a request, or 200 and
/// the answer from byte N on, of which M bytes at most where that is said.
///
/// # Errors
/// When there is nothing under that name (any more): the exchange is begun again.
pub(crate) async fn answer(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let id = PartId::read(&id).ok_or(ApiError::UnknownPath)?;
    let number = |name| value(query.as_deref()?, name)?.parse::<usize>().ok();
    let from = number("from").unwrap_or(0);
    let most = number("most").unwrap_or(usize::MAX);
    match shared.parts.find(&id).ok_or(ApiError::UnknownPath)? {
        Part::Request(len) => Ok((StatusCode::ACCEPTED, len.to_string()).into_response()),
        Part::Answer(bytes) => {
            let total = bytes.len();
            let from = from.min(total);
            let rest = bytes.slice(from..from.saturating_add(most).min(total));
            let mut response = Response::new(Body::from(rest));
            response
                .headers_mut()
                .insert(TOTAL, HeaderValue::from(total));
            Ok(response)
        }
    }
}
