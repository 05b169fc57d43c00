//! A photo from the camera, drawn anew by the browser: small, upright, without what the camera
//! wrote about place and time.
//!
//! One way for all browsers: a canvas that is on no page. It encodes beside the page, one picture
//! after the other, so that a small phone holds one large picture at a time.

use domain::record::photo::{FULL_BYTES_MAX, FULL_EDGE_MAX, THUMB_BYTES_MAX, THUMB_EDGE_MAX};
use js_sys::{Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, CanvasRenderingContext2d, HtmlCanvasElement, ImageBitmap};

/// What a whole photo should have at most, in bytes.
const FULL_BYTES: u32 = 150 * 1024;
/// Edges and qualities of a whole photo, tried until it is small enough.
const FULL_TRIES: [(u32, f64); 6] = [
    (FULL_EDGE_MAX, 0.8),
    (FULL_EDGE_MAX, 0.65),
    (FULL_EDGE_MAX, 0.5),
    (1_280, 0.5),
    (1_024, 0.4),
    (800, 0.3),
];
/// The same for a thumbnail.
const THUMB_TRIES: [(u32, f64); 3] = [(THUMB_EDGE_MAX, 0.7), (THUMB_EDGE_MAX, 0.4), (160, 0.4)];

/// A photo as it is kept.
#[derive(Debug)]
pub struct Shot {
    /// The whole photo.
    pub full: Vec<u8>,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// The thumbnail.
    pub thumb: Vec<u8>,
}

/// Draws a picture anew; none when the browser cannot read it.
pub async fn redraw(file: &Blob) -> Option<Shot> {
    let bitmap = bitmap(file).await?;
    let full = smallest(&bitmap, &FULL_TRIES, FULL_BYTES).await;
    let thumb = smallest(&bitmap, &THUMB_TRIES, THUMB_BYTES_MAX / 2).await;
    bitmap.close();
    let ((full, width, height), (thumb, ..)) = (full?, thumb?);
    let fits = |bytes: &[u8], max: u32| u32::try_from(bytes.len()).is_ok_and(|len| len <= max);
    (fits(&full, FULL_BYTES_MAX) && fits(&thumb, THUMB_BYTES_MAX)).then_some(Shot {
        full,
        width,
        height,
        thumb,
    })
}

/// Whether a file is one of those that some cameras write and few browsers read.
#[must_use]
pub fn is_heic(kind: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["image/heic", "image/heif"].contains(&kind)
        || [".heic", ".heif"].iter().any(|end| name.ends_with(end))
}

/// The picture as it is to be seen: turned as the camera was held.
async fn bitmap(file: &Blob) -> Option<ImageBitmap> {
    let window = web_sys::window()?;
    let make: Function = Reflect::get(&window, &"createImageBitmap".into())
        .ok()?
        .dyn_into()
        .ok()?;
    let options = js_sys::Object::new();
    Reflect::set(&options, &"imageOrientation".into(), &"from-image".into()).ok()?;
    let promise: Promise = make.call2(&window, file, &options).ok()?.dyn_into().ok()?;
    JsFuture::from(promise).await.ok()?.dyn_into().ok()
}

type Drawn = (Vec<u8>, u32, u32);

/// The first try that is small enough, or the last.
async fn smallest(bitmap: &ImageBitmap, tries: &[(u32, f64)], bytes_max: u32) -> Option<Drawn> {
    let mut drawn: Option<(u32, HtmlCanvasElement)> = None;
    let mut last = None;
    for (edge, quality) in tries {
        let canvas = match drawn.take() {
            Some((drawn_edge, canvas)) if drawn_edge == *edge => canvas,
            Some(_) | None => draw(bitmap, *edge)?,
        };
        let bytes = encode(&canvas, *quality).await?;
        let small = u32::try_from(bytes.len()).is_ok_and(|len| len <= bytes_max);
        last = Some((bytes, canvas.width(), canvas.height()));
        if small {
            break;
        }
        drawn = Some((*edge, canvas));
    }
    last
}

fn draw(bitmap: &ImageBitmap, edge: u32) -> Option<HtmlCanvasElement> {
    let (width, height) = (bitmap.width().max(1), bitmap.height().max(1));
    let longest = width.max(height);
    let scaled = |side: u32| {
        if longest <= edge {
            side
        } else {
            (u64::from(side) * u64::from(edge) / u64::from(longest))
                .try_into()
                .unwrap_or(edge)
        }
    };
    let (width, height) = (scaled(width).max(1), scaled(height).max(1));
    let document = web_sys::window()?.document()?;
    let canvas: HtmlCanvasElement = document.create_element("canvas").ok()?.dyn_into().ok()?;
    canvas.set_width(width);
    canvas.set_height(height);
    let pen: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    // Where a browser does not know this, the picture is a little coarser.
    let _finer = Reflect::set(&pen, &"imageSmoothingQuality".into(), &"high".into());
    // What is transparent would come out black where the browser writes JPEG.
    pen.set_fill_style_str("#fff");
    pen.fill_rect(0.0, 0.0, width.into(), height.into());
    pen.draw_image_with_image_bitmap_and_dw_and_dh(bitmap, 0.0, 0.0, width.into(), height.into())
        .ok()?;
    Some(canvas)
}

/// WebP where the browser can write it, else JPEG.
async fn encode(canvas: &HtmlCanvasElement, quality: f64) -> Option<Vec<u8>> {
    for media in ["image/webp", "image/jpeg"] {
        let promise = Promise::new(&mut |done, _| {
            // A canvas that refuses never calls back: the promise is settled here then.
            let asked = canvas.to_blob_with_type_and_encoder_options(&done, media, &quality.into());
            if asked.is_err() {
                let _settled = done.call1(&JsValue::NULL, &JsValue::NULL);
            }
        });
        let blob: Option<Blob> = JsFuture::from(promise).await.ok()?.dyn_into().ok();
        if let Some(blob) = blob.filter(|blob| blob.type_() == media) {
            let buffer = JsFuture::from(blob.array_buffer()).await.ok()?;
            return Some(Uint8Array::new(&buffer).to_vec());
        }
    }
    None
}

/// An address under which the page shows these bytes.
#[must_use]
pub fn picture_url(bytes: &[u8]) -> Option<String> {
    let parts = js_sys::Array::of1(&Uint8Array::from(bytes));
    let blob = Blob::new_with_u8_array_sequence(&parts).ok()?;
    web_sys::Url::create_object_url_with_blob(&blob).ok()
}

/// Withdraws such an address.
pub fn forget_url(url: &str) {
    // An address that stays costs some memory until the page is closed.
    let _withdrawn = web_sys::Url::revoke_object_url(url);
}

/// Whether the phone is on Wi-Fi or a cable, where the browser says so.
#[must_use]
pub fn on_wifi() -> Option<bool> {
    let navigator = web_sys::window()?.navigator();
    let connection = Reflect::get(&navigator, &"connection".into()).ok()?;
    let field = |name: &str| Reflect::get(&connection, &name.into()).ok();
    if field("saveData")?.is_truthy() {
        return Some(false);
    }
    let kind = field("type")?.as_string()?;
    Some(kind == "wifi" || kind == "ethernet")
}
