//! The camera as a film, for reading QR codes; nothing of it is kept.

use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    CanvasRenderingContext2d, HtmlCanvasElement, HtmlVideoElement, ImageData, MediaStream,
    MediaStreamConstraints, MediaStreamTrack,
};

use crate::store::indexed_db::bridge::object;

/// The edge of a picture in pixels: enough for the densest code that Fengge shows, and read within a
/// tenth of a second by a slow phone.
const EDGE: u32 = 720;

/// Why there is no film.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CameraFault {
    /// The officer, or the phone's settings, say no.
    #[error("the camera may not be used")]
    NotAllowed,
    /// There is none, or another app has it.
    #[error("no camera")]
    None,
}

/// A camera that films until it is dropped.
pub struct Camera {
    video: HtmlVideoElement,
    stream: MediaStream,
    paper: CanvasRenderingContext2d,
}

impl core::fmt::Debug for Camera {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Camera")
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        for track in self.stream.get_tracks() {
            track.unchecked_into::<MediaStreamTrack>().stop();
        }
        self.video.set_src_object(None);
    }
}

/// One picture of the film.
#[derive(Debug)]
pub struct Picture(ImageData);

impl Picture {
    pub(super) fn data(&self) -> &JsValue {
        &self.0
    }
}

impl Camera {
    /// Films with the camera at the back, and shows it in `video`.
    ///
    /// # Errors
    /// When there is no film.
    pub async fn open(video: HtmlVideoElement) -> Result<Self, CameraFault> {
        let stream = film().await?;
        video.set_src_object(Some(&stream));
        let paper = paper().ok_or(CameraFault::None);
        let camera = Self {
            video,
            stream,
            paper: paper?,
        };
        let playing = camera.video.play().map_err(|_| CameraFault::None)?;
        // Browsers end this promise when the page changes: the film is then not looked at either.
        let _playing = JsFuture::from(playing).await;
        Ok(camera)
    }

    /// The square in the middle of what the camera sees now; none before it sees anything.
    #[must_use]
    pub fn picture(&self) -> Option<Picture> {
        let (width, height) = (self.video.video_width(), self.video.video_height());
        let edge = width.min(height);
        if edge == 0 {
            return None;
        }
        let (left, top) = ((width - edge) / 2, (height - edge) / 2);
        let size = f64::from(EDGE.min(edge));
        self.paper
            .draw_image_with_html_video_element_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
                &self.video,
                f64::from(left),
                f64::from(top),
                f64::from(edge),
                f64::from(edge),
                0.0,
                0.0,
                size,
                size,
            )
            .ok()?;
        self.paper
            .get_image_data(0.0, 0.0, size, size)
            .ok()
            .map(Picture)
    }
}

async fn film() -> Result<MediaStream, CameraFault> {
    let asked = ask().ok_or(CameraFault::None)?;
    let film = JsFuture::from(asked).await.map_err(|error| {
        let name = Reflect::get(&error, &"name".into()).unwrap_or_default();
        match name.as_string().as_deref() {
            Some("NotAllowedError" | "SecurityError") => CameraFault::NotAllowed,
            _ => CameraFault::None,
        }
    })?;
    film.dyn_into().map_err(|_| CameraFault::None)
}

/// `None` where the browser has no camera to offer, as on a page that came by an unsafe way.
fn ask() -> Option<Promise> {
    let devices = web_sys::window()?.navigator().media_devices().ok()?;
    let wish = object(&[
        ("facingMode", "environment".into()),
        ("width", ideal(1_280).into()),
        ("height", ideal(720).into()),
    ]);
    let wishes = MediaStreamConstraints::new();
    wishes.set_video(&wish);
    devices.get_user_media_with_constraints(&wishes).ok()
}

fn ideal(pixels: u32) -> Object {
    object(&[("ideal", pixels.into())])
}

fn paper() -> Option<CanvasRenderingContext2d> {
    let document = web_sys::window()?.document()?;
    let canvas: HtmlCanvasElement = document.create_element("canvas").ok()?.dyn_into().ok()?;
    canvas.set_width(EDGE);
    canvas.set_height(EDGE);
    // Read back again and again: without this browsers draw on the graphics card and copy from there.
    let often = object(&[("willReadFrequently", true.into())]);
    let paper = canvas
        .get_context_with_context_options("2d", &often)
        .ok()??;
    paper.dyn_into().ok()
}
