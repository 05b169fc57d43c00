//! The headers that every answer carries: put on in one place, so that no route can forget them.
//!
//! An answer that somebody could open in a browser carries all of [`FIXED`]. Two kinds do with less,
//! because each byte counts on a bad line and nothing can show them: what code of the app's page
//! fetched, and what a program got that names no types (decision 0021).

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

/// Who reads an answer; one that says nothing is for anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Code of the app's page: only `fetch` can ask for it, by a type that no form can send.
    Code,
    /// A program that names no types. A browser that goes to a page always names one in a `POST`.
    Program,
}

/// What answers carry that do not say otherwise.
const FIXED: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

/// Puts on what is not there yet.
pub(crate) async fn put(mut response: Response) -> Response {
    let count = match response.extensions().get::<Reader>() {
        None => FIXED.len(),
        Some(Reader::Code) => 1,
        Some(Reader::Program) => 0,
    };
    let headers = response.headers_mut();
    for (name, value) in FIXED.into_iter().take(count) {
        headers
            .entry(name)
            .or_insert_with(|| HeaderValue::from_static(value));
    }
    response
}
