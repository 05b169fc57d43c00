//! A colleague's QR codes, filmed.

use domain::sync::leaf::{Gathered, Gathering};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlVideoElement;

use super::word_of;
use crate::component::sheet;
use crate::locale::{Word, word};
use crate::nav;
use crate::platform::camera::{Camera, CameraFault};
use crate::platform::{self, qr::Reader};
use crate::state::Actions;

/// The pause between two pictures, so that the phone stays cool and the film smooth.
const PAUSE_MS: u32 = 60;

/// What the officer is told while filming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Opening,
    Looking,
    Some(usize, usize),
    Failed(Word),
}

/// The sheet.
pub fn sheet(open: RwSignal<bool>) -> AnyView {
    let body = move || film(open);
    sheet::sheet(open, || word::CARRY_SCAN.s().to_owned(), body)
}

fn film(open: RwSignal<bool>) -> AnyView {
    let video: NodeRef<leptos::html::Video> = NodeRef::new();
    let progress = RwSignal::new(Progress::Opening);
    video.on_load(move |video| {
        let video: HtmlVideoElement = video.unchecked_into();
        // As browsers want it before they play a film without being asked to.
        video.set_muted(true);
        platform::spawn(async move {
            let Some(content) = filmed(video, progress, open).await else {
                return;
            };
            match Actions::carry_filmed(&content).await {
                Ok(()) => nav::sheet_dismissed(),
                Err(fault) => drop(progress.try_set(Progress::Failed(word_of(fault)))),
            }
        });
    });
    let said = move || match progress.get() {
        Progress::Opening => view! { <p>{word::CARRY_CAMERA_OPENS.s()}</p> }.into_any(),
        Progress::Looking => view! { <p>{word::CARRY_SCAN_LEAD.s()}</p> }.into_any(),
        Progress::Some(have, of) => {
            let share = format!("{have} / {of}");
            view! {
                <p class="place">{share}</p>
                <progress value=have max=of aria-label=word::CARRY_SCAN.s()></progress>
            }
            .into_any()
        }
        Progress::Failed(word) => view! { <p class="error">{word.s()}</p> }.into_any(),
    };
    view! {
        <div class="codes">
            <video node_ref=video playsinline aria-hidden="true"></video>
            <div role="status">{said}</div>
        </div>
    }
    .into_any()
}

/// Films until all codes were read; none when the sheet was closed or there is no film.
async fn filmed(
    video: HtmlVideoElement,
    progress: RwSignal<Progress>,
    open: RwSignal<bool>,
) -> Option<Vec<u8>> {
    let camera = match Camera::open(video).await {
        Ok(camera) => camera,
        Err(fault) => {
            let word = match fault {
                CameraFault::NotAllowed => word::CARRY_CAMERA_DENIED,
                CameraFault::None => word::CARRY_NO_CAMERA,
            };
            progress.try_set(Progress::Failed(word));
            return None;
        }
    };
    progress.try_set(Progress::Looking);
    let (reader, mut gathering) = (Reader::default(), Gathering::default());
    // The camera goes off as soon as the sheet is closed.
    while open.try_get_untracked() == Some(true) {
        platform::sleep(PAUSE_MS).await;
        let Some(picture) = camera.picture() else {
            continue;
        };
        for text in reader.read(&picture).await {
            match gathering.take(&text) {
                Gathered::NotOurs => {}
                Gathered::Part { have, of } => drop(progress.try_set(Progress::Some(have, of))),
                Gathered::Whole(content) => return Some(content),
            }
        }
    }
    None
}
