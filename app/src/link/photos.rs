//! Photos on the wire: how much is there, the next piece, and one to look at.

use domain::id::{DeviceId, PhotoHash, RecordId};
use domain::record::photo::Size;
use domain::sync::message::Secret;
use domain::sync::transfer;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Request, RequestInit, Response};

use super::fetch::OURS;
use crate::platform;

/// Which photos of some records are whole at the server.
pub const ARRIVED: &str = "/api/v1/photos";

/// The longest wait for one request: a piece at the slowest network that is worth it, and some.
const WAIT_MS: u32 = 120_000;

/// A picture by the record that names it.
#[derive(Debug, Clone, Copy)]
pub struct Address {
    /// The record.
    pub record: RecordId,
    /// The picture's name.
    pub name: PhotoHash,
    /// Which of the two of its photo.
    pub size: Size,
}

/// What the server said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// So many bytes are there.
    Held(u32),
    /// What came was damaged.
    Spoilt,
    /// It will not have this picture.
    Refused,
    /// Nothing, or that it has to be asked later.
    Later,
}

/// One request: its method, and the piece with its place for one that sends.
type Piece<'a> = Option<(u32, &'a [u8])>;

/// Asks how much of a picture is there, or sends a piece of it.
pub async fn offer(proof: (DeviceId, Secret), of: Address, piece: Piece<'_>) -> Said {
    let method = if piece.is_some() { "PATCH" } else { "HEAD" };
    let Some(response) = ask(proof, of, (method, piece)).await else {
        return Said::Later;
    };
    let offset = response.headers().get("upload-offset").ok().flatten();
    let offset = offset.and_then(|text| text.parse().ok());
    match (response.status(), offset) {
        (200 | 204 | 409, Some(bytes)) => Said::Held(bytes),
        (422, _) => Said::Spoilt,
        (400 | 404 | 413 | 415, _) => Said::Refused,
        _ => Said::Later,
    }
}

/// Fetches a picture; none when it is not there, or nobody answers, or the bytes are not its own.
pub async fn fetch(proof: (DeviceId, Secret), of: Address) -> Option<Vec<u8>> {
    let response = ask(proof, of, ("GET", None)).await?;
    let body = if response.ok() {
        bytes(&response).await
    } else {
        None
    };
    body.filter(|body| PhotoHash::of(body) == of.name)
}

/// The whole body of an answer.
async fn bytes(response: &Response) -> Option<Vec<u8>> {
    let body = JsFuture::from(response.array_buffer().ok()?).await.ok()?;
    Some(Uint8Array::new(&body).to_vec())
}

async fn ask(
    proof: (DeviceId, Secret),
    of: Address,
    (method, piece): (&str, Piece<'_>),
) -> Option<Response> {
    let abort = AbortController::new().ok()?;
    let request = request(proof, of, (method, piece), &abort).ok()?;
    let watchdog = platform::after(WAIT_MS, move || abort.abort());
    let answer = JsFuture::from(web_sys::window()?.fetch_with_request(&request)).await;
    drop(watchdog);
    answer.ok()?.dyn_into().ok()
}

fn request(
    (device, secret): (DeviceId, Secret),
    of: Address,
    (method, piece): (&str, Piece<'_>),
    abort: &AbortController,
) -> Result<Request, JsValue> {
    let settings = RequestInit::new();
    settings.set_method(method);
    settings.set_signal(Some(&abort.signal()));
    if let Some((_, bytes)) = piece {
        settings.set_body(&Uint8Array::from(bytes));
    }
    let (name, size) = (of.name.hex(), of.size.code());
    let path = format!("{ARRIVED}/{name}?record={}&size={size}", of.record);
    let request = Request::new_with_str_and_init(&path, &settings)?;
    let headers = request.headers();
    headers.set("authorization", &transfer::proof(device, secret))?;
    if let Some((at, bytes)) = piece {
        headers.set("content-type", OURS)?;
        headers.set("upload-offset", &at.to_string())?;
        let sum = PhotoHash::of(bytes).hex();
        headers.set("upload-checksum", &format!("sha256 {sum}"))?;
    }
    Ok(request)
}
