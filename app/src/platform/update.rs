//! A new version of the app: it waits until the officer says so, then the page loads once.

use core::cell::Cell;
use std::rc::Rc;

use gloo::events::EventListener;
use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ServiceWorker, ServiceWorkerContainer, ServiceWorkerRegistration};

/// The start script sends this to the window when a new version has been fetched whole.
const READY: &str = "fengge:update-ready";

/// Calls `ready` when a new version waits, now or later.
pub fn watch(ready: impl Fn() + Clone + 'static) {
    let Some(window) = web_sys::window() else {
        return;
    };
    let heard = ready.clone();
    EventListener::new(&window, READY, move |_| heard()).forget();
    // The event may have come before this listener.
    wasm_bindgen_futures::spawn_local(async move {
        let under_control = container().is_some_and(|found| found.controller().is_some());
        if under_control && waiting().await.is_some() {
            ready();
        }
    });
}

/// Lets the waiting version take over and loads the page once when it has.
pub async fn apply() {
    let (Some(container), Some(waiting)) = (container(), waiting().await) else {
        // Another window has let it in already.
        super::reload();
        return;
    };
    let reloaded = Rc::new(Cell::new(false));
    EventListener::new(&container, "controllerchange", move |_| {
        if !reloaded.replace(true) {
            super::reload();
        }
    })
    .forget();
    let _told = waiting.post_message(&JsValue::from_str("skip-waiting"));
}

async fn waiting() -> Option<ServiceWorker> {
    let found = JsFuture::from(container()?.get_registration()).await.ok()?;
    found
        .dyn_into::<ServiceWorkerRegistration>()
        .ok()?
        .waiting()
}

/// Absent where the page does not come from a secure address.
fn container() -> Option<ServiceWorkerContainer> {
    let navigator = web_sys::window()?.navigator();
    let found = Reflect::get(&navigator, &JsValue::from_str("serviceWorker")).ok()?;
    found.is_object().then(|| found.unchecked_into())
}
