//! Files for the officer: handed to the system's share sheet, or downloaded.

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, File, FilePropertyBag, HtmlAnchorElement, ShareData, Url};

/// How long the browser may take to begin a download before its address is withdrawn.
const DOWNLOAD_MS: u32 = 60_000;

/// Whether this browser can hand a file to another app.
#[must_use]
pub fn may_share() -> bool {
    share_method("canShare").is_some() && share_method("share").is_some()
}

/// Shares `bytes` as a file, or downloads it where sharing is not possible; `false` when neither
/// worked or the officer changed their mind.
pub async fn hand_over(name: &str, mime: &str, bytes: &[u8]) -> bool {
    if let Some(file) = file(name, mime, bytes)
        && let Some(shared) = share(&file).await
    {
        return shared;
    }
    download(name, mime, bytes).is_some()
}

async fn share(file: &File) -> Option<bool> {
    let (navigator, can) = share_method("canShare")?;
    let (_, share) = share_method("share")?;
    let data = ShareData::new();
    let files = Array::of1(file);
    Reflect::set(&data, &JsValue::from_str("files"), &files).ok()?;
    if !can.call1(&navigator, &data).ok()?.is_truthy() {
        return None;
    }
    let promise: Promise = share.call1(&navigator, &data).ok()?.dyn_into().ok()?;
    Some(JsFuture::from(promise).await.is_ok())
}

fn share_method(name: &str) -> Option<(JsValue, Function)> {
    let navigator: JsValue = web_sys::window()?.navigator().into();
    let method = Reflect::get(&navigator, &JsValue::from_str(name))
        .ok()?
        .dyn_into()
        .ok()?;
    Some((navigator, method))
}

fn file(name: &str, mime: &str, bytes: &[u8]) -> Option<File> {
    let options = FilePropertyBag::new();
    options.set_type(mime);
    let parts = Array::of1(&Uint8Array::from(bytes));
    File::new_with_u8_array_sequence_and_options(&parts, name, &options).ok()
}

fn download(name: &str, mime: &str, bytes: &[u8]) -> Option<()> {
    let options = BlobPropertyBag::new();
    options.set_type(mime);
    let parts = Array::of1(&Uint8Array::from(bytes));
    let blob = Blob::new_with_u8_array_sequence_and_options(&parts, &options).ok()?;
    let address = Url::create_object_url_with_blob(&blob).ok()?;
    let document = web_sys::window()?.document()?;
    let link: HtmlAnchorElement = document.create_element("a").ok()?.dyn_into().ok()?;
    link.set_href(&address);
    link.set_download(name);
    link.click();
    gloo::timers::callback::Timeout::new(DOWNLOAD_MS, move || {
        let _withdrawn = Url::revoke_object_url(&address);
    })
    .forget();
    Some(())
}
