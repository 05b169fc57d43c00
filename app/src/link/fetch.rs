//! `fetch`, with answers read as they come; whoever drops a call ends it.

use domain::sync::transfer::{Head, SILENCE_MS};
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, ReadableStreamDefaultReader, Request, RequestCache, RequestInit,
    RequestRedirect, Response,
};

use crate::platform::outcome::within;

/// How bytes of ours are labelled.
pub(super) const OURS: &str = "application/octet-stream";

/// The header that a device proves itself with.
const PROOF: &str = "authorization";

/// A request that can be sent, and is ended when this is dropped.
#[derive(Debug)]
pub(super) struct Call {
    made: Option<(Request, AbortController)>,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end();
    }
}

impl Call {
    /// Ends it; nothing happens to one whose answer has been read.
    pub(super) fn end(&self) {
        if let Some((_, abort)) = &self.made {
            abort.abort();
        }
    }

    /// Posts these bytes, with the device's proof where there is one.
    pub(super) fn post(path: &str, body: &[u8], proof: Option<&str>) -> Self {
        let settings = RequestInit::new();
        settings.set_method("POST");
        settings.set_body(&Uint8Array::from(body));
        let mut headers = vec![("content-type", OURS)];
        headers.extend(proof.map(|proof| (PROOF, proof)));
        Self {
            made: make(path, &settings, &headers),
        }
    }

    /// Gets a path, with the device's proof.
    pub(super) fn get(path: &str, proof: &str) -> Self {
        Self {
            made: make(path, &RequestInit::new(), &[(PROOF, proof)]),
        }
    }

    /// Sends it and waits for the head of the answer.
    pub(super) async fn send(&self) -> Result<Body, ()> {
        let (request, _) = self.made.as_ref().ok_or(())?;
        let window = web_sys::window().ok_or(())?;
        let sent = JsFuture::from(window.fetch_with_request(request)).await;
        Body::new(&sent.map_err(drop)?.dyn_into().map_err(drop)?)
    }
}

fn make(
    path: &str,
    settings: &RequestInit,
    headers: &[(&str, &str)],
) -> Option<(Request, AbortController)> {
    let abort = AbortController::new().ok()?;
    settings.set_signal(Some(&abort.signal()));
    // Neither an older answer nor whatever another address says is an answer to this.
    settings.set_cache(RequestCache::NoStore);
    settings.set_redirect(RequestRedirect::Manual);
    let request = Request::new_with_str_and_init(path, settings).ok()?;
    for (name, value) in headers {
        request.headers().set(name, value).ok()?;
    }
    Some((request, abort))
}

/// The body of an answer, as it comes.
#[derive(Debug)]
pub(super) struct Body {
    head: Head,
    /// None where there is no body.
    reader: Option<ReadableStreamDefaultReader>,
}

impl Body {
    fn new(response: &Response) -> Result<Self, ()> {
        let headers = response.headers();
        let head = Head::read(response.status(), |name| headers.get(name).ok().flatten());
        let reader = match response.body() {
            Some(stream) => Some(stream.get_reader().dyn_into().map_err(drop)?),
            None => None,
        };
        Ok(Self { head, reader })
    }

    /// What came before the body.
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// The next piece; none at the end.
    pub(super) async fn piece(&mut self) -> Result<Option<Vec<u8>>, ()> {
        let Some(reader) = &self.reader else {
            return Ok(None);
        };
        let read = JsFuture::from(reader.read()).await.map_err(drop)?;
        let value = Reflect::get(&read, &JsValue::from_str("value")).map_err(drop)?;
        Ok(value
            .dyn_into::<Uint8Array>()
            .ok()
            .map(|bytes| bytes.to_vec()))
    }

    /// The rest of it, at most so many bytes; however slowly, as long as something comes.
    pub(super) async fn all(&mut self, bytes_max: usize) -> Result<Vec<u8>, ()> {
        let mut all = Vec::new();
        while let Some(piece) = within(SILENCE_MS, self.piece()).await.ok_or(())?? {
            if all.len() + piece.len() > bytes_max {
                return Err(());
            }
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }
}
