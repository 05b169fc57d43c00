//! The way to the server: one request with bytes, one answer with bytes, and why it failed.

pub mod photos;

use core::cell::Cell;
use std::rc::Rc;

use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Request, RequestInit, Response};

use crate::platform;

/// The push, pull and join of a device.
pub const EXCHANGE: &str = "/api/v1/exchange";
/// The counts and de-identified rows for supervisors.
pub const OVERVIEW: &str = "/api/v1/overview";

/// How bytes of ours are labelled, both ways; anything else is not from our server.
const OURS: &str = "application/octet-stream";
/// What an answer may take on top of its transport.
const WAIT_MS: u32 = 60_000;
/// The slowest network that is still worth waiting for, in bytes a second.
const SLOWEST_BYTES_PER_S: u32 = 1_000;
/// The longest wait, however much is sent.
const WAIT_MS_MAX: u32 = 10 * 60_000;
/// The largest answer that is read at all.
const ANSWER_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// The largest error answer that is read for its code.
const ERROR_BYTES_MAX: usize = 4 * 1024;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkFault {
    /// No network, or nobody there.
    #[error("the server cannot be reached")]
    Unreachable,
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// Something on the way answered instead of the server, such as a page that asks for a login.
    #[error("the answer is not from our server")]
    NotOurs,
    /// The server refused the request as a whole, with one of its fixed codes.
    #[error("the server refused: {code}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The fixed code.
        code: String,
    },
}

/// Sends `body` to `path` and returns the bytes of the answer.
///
/// # Errors
/// When no answer of our server came; nothing is known then about whether it took the request.
pub async fn post(path: &str, body: &[u8]) -> Result<Vec<u8>, LinkFault> {
    let abort = AbortController::new().map_err(|_| LinkFault::Unreachable)?;
    let request = request(path, body, &abort).map_err(|_| LinkFault::Unreachable)?;
    let window = web_sys::window().ok_or(LinkFault::Unreachable)?;
    let late = Rc::new(Cell::new(false));
    let watchdog = {
        let (abort, late) = (abort.clone(), Rc::clone(&late));
        platform::after(wait_ms(body.len()), move || {
            late.set(true);
            abort.abort();
        })
    };
    let answer = read(JsFuture::from(window.fetch_with_request(&request)).await).await;
    drop(watchdog);
    match answer {
        Err(LinkFault::Unreachable) if late.get() => Err(LinkFault::Timeout),
        other => other,
    }
}

fn request(path: &str, body: &[u8], abort: &AbortController) -> Result<Request, JsValue> {
    let settings = RequestInit::new();
    settings.set_method("POST");
    settings.set_body(&Uint8Array::from(body));
    settings.set_signal(Some(&abort.signal()));
    let request = Request::new_with_str_and_init(path, &settings)?;
    request.headers().set("content-type", OURS)?;
    Ok(request)
}

/// Grows with what is sent: a phone at the edge of the network is slow, not dead.
fn wait_ms(bytes: usize) -> u32 {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    (bytes / SLOWEST_BYTES_PER_S)
        .saturating_mul(1_000)
        .saturating_add(WAIT_MS)
        .min(WAIT_MS_MAX)
}

async fn read(answer: Result<JsValue, JsValue>) -> Result<Vec<u8>, LinkFault> {
    let answer = answer.map_err(|_| LinkFault::Unreachable)?;
    let response: Response = answer.dyn_into().map_err(|_| LinkFault::NotOurs)?;
    let kind = response
        .headers()
        .get("content-type")
        .ok()
        .flatten()
        .unwrap_or_default();
    if response.ok() && kind == OURS && !is_too_long(&response) {
        return bytes(&response).await;
    }
    if response.ok() || !kind.starts_with("application/json") {
        return Err(LinkFault::NotOurs);
    }
    let body = bytes(&response).await?;
    let code = code(&body).ok_or(LinkFault::NotOurs)?;
    Err(LinkFault::Refused {
        status: response.status(),
        code,
    })
}

fn is_too_long(response: &Response) -> bool {
    let length = response.headers().get("content-length").ok().flatten();
    length
        .and_then(|text| text.parse::<u64>().ok())
        .is_some_and(|n| n > ANSWER_BYTES_MAX.into())
}

async fn bytes(response: &Response) -> Result<Vec<u8>, LinkFault> {
    let promise = response
        .array_buffer()
        .map_err(|_| LinkFault::Unreachable)?;
    let buffer = JsFuture::from(promise)
        .await
        .map_err(|_| LinkFault::Unreachable)?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

/// The `code` of an error answer; the browser's own parser is there already.
fn code(body: &[u8]) -> Option<String> {
    if body.len() > ERROR_BYTES_MAX {
        return None;
    }
    let parsed = js_sys::JSON::parse(core::str::from_utf8(body).ok()?).ok()?;
    Reflect::get(&parsed, &JsValue::from_str("code"))
        .ok()?
        .as_string()
}
