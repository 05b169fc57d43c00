//! The browser's own corner: clock, chance, settings, events, files, other tabs.

pub mod attempts;
pub mod camera;
mod file;
mod lock;
mod opfs;
pub(crate) mod outcome;
pub mod panic;
pub mod photo;
pub mod qr;
pub mod signer;
mod tabs;
mod update;
pub mod webcrypto;

pub use file::{hand_over, may_share};
pub use lock::{Lock, lock};
pub use opfs::Folder;
pub use tabs::Tabs;
pub use update::{apply as apply_update, watch as watch_update};

use core::cell::Cell;

use domain::time::Millis;
use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::VisibilityState;

thread_local! {
    static CLOCK_OFF_MS: Cell<i64> = const { Cell::new(0) };
}

/// Puts the time that people are shown and asked for right by so much.
pub fn correct_clock(by_ms: i64) {
    CLOCK_OFF_MS.with(|off| off.set(by_ms));
}

/// The time for people's work: the device's clock, put right by what the last exchange told.
#[must_use]
pub fn now() -> Millis {
    clock().plus(CLOCK_OFF_MS.with(Cell::get))
}

/// The device's own clock, right or wrong: what waits and measures goes by it.
#[must_use]
pub fn clock() -> Millis {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole number far below 2^53"
    )]
    Millis(js_sys::Date::now() as i64)
}

/// Bytes that nobody can guess, from the browser's generator.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        // Every browser that runs wasm has the generator; this keeps ids apart even so.
        for byte in &mut bytes {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range is 0 to 255"
            )]
            let chance = (js_sys::Math::random() * 256.0) as u8;
            *byte = chance;
        }
    }
    bytes
}

/// A setting of this browser; none when storage is blocked.
#[must_use]
pub fn setting(key: &str) -> Option<String> {
    web_sys::window()?
        .local_storage()
        .ok()??
        .get_item(key)
        .ok()?
}

/// Keeps a setting; where storage is blocked it lasts until the page is closed.
pub fn keep_setting(key: &str, value: &str) {
    let storage = web_sys::window().and_then(|window| window.local_storage().ok().flatten());
    if let Some(storage) = storage {
        // A refused setting is not worth a message.
        let _kept = storage.set_item(key, value);
    }
}

/// What the browser says about the room for our data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// The browser will not clear our data by itself.
    pub persisted: bool,
    /// Bytes in use.
    pub used: u64,
    /// Bytes that it would give us; a hint, never a reason to refuse a save.
    pub quota: u64,
}

/// Asks the browser to keep our data and tells what it answered.
pub async fn keep_storage() -> Room {
    let Some(storage) = storage_manager() else {
        return Room::default();
    };
    let persisted = match is_true(storage.persisted()).await {
        true => true,
        false => is_true(storage.persist()).await,
    };
    let (used, quota) = estimate().await.unwrap_or_default();
    Room {
        persisted,
        used,
        quota,
    }
}

/// Bytes in use and bytes allowed.
pub async fn estimate() -> Option<(u64, u64)> {
    let answer = JsFuture::from(storage_manager()?.estimate().ok()?)
        .await
        .ok()?;
    let number = |name: &str| {
        let found = Reflect::get(&answer, &JsValue::from_str(name))
            .ok()?
            .as_f64()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float cast saturates, which is right for a size"
        )]
        Some(found as u64)
    };
    Some((number("usage")?, number("quota")?))
}

fn storage_manager() -> Option<web_sys::StorageManager> {
    let navigator = web_sys::window()?.navigator();
    // Absent where the page does not come from a secure address.
    let found = Reflect::get(&navigator, &JsValue::from_str("storage")).ok()?;
    found.is_object().then(|| found.unchecked_into())
}

async fn is_true(asked: Result<Promise, JsValue>) -> bool {
    match asked {
        Ok(promise) => JsFuture::from(promise)
            .await
            .is_ok_and(|answer| answer.is_truthy()),
        Err(_) => false,
    }
}

/// Whether the browser believes that it has a network; `true` promises nothing.
#[must_use]
pub fn is_online() -> bool {
    web_sys::window().is_none_or(|window| window.navigator().on_line())
}

/// Whether somebody sees the page.
#[must_use]
pub fn is_visible() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_none_or(|document| document.visibility_state() == VisibilityState::Visible)
}

/// What happens to the page from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The browser says that a network came.
    Online,
    /// The browser says that the network is gone.
    Offline,
    /// The page came to the front.
    Shown,
    /// The page goes to the back; it may never come back.
    Hidden,
}

/// Tells every signal from now on, for the life of the page.
pub fn watch_signals(tell: impl Fn(Signal) + Clone + 'static) {
    let Some(window) = web_sys::window() else {
        return;
    };
    for (event, signal) in [("online", Signal::Online), ("offline", Signal::Offline)] {
        let tell = tell.clone();
        EventListener::new(&window, event, move |_| tell(signal)).forget();
    }
    let hide = tell.clone();
    EventListener::new(&window, "pagehide", move |_| hide(Signal::Hidden)).forget();
    if let Some(document) = window.document() {
        EventListener::new(&document, "visibilitychange", move |_| {
            tell(if is_visible() {
                Signal::Shown
            } else {
                Signal::Hidden
            });
        })
        .forget();
    }
}

/// Shows a number on the app's icon where the system can; zero clears it.
pub fn badge(count: u32) {
    let Some(window) = web_sys::window() else {
        return;
    };
    let navigator: JsValue = window.navigator().into();
    let method = Reflect::get(&navigator, &JsValue::from_str("setAppBadge"));
    if let Some(method) = method
        .ok()
        .and_then(|found| found.dyn_into::<Function>().ok())
        && let Ok(promise) = method.call1(&navigator, &JsValue::from(count))
    {
        // A refused badge is not worth a message, but an unheard refusal would reach the console.
        let promise: Promise = promise.unchecked_into();
        wasm_bindgen_futures::spawn_local(async move {
            let _shown = JsFuture::from(promise).await;
        });
    }
}

/// Runs `work` beside everything else.
///
/// Leptos' own `spawn_local` needs an executor that exists only after mounting; this one never does.
pub fn spawn(work: impl Future<Output = ()> + 'static) {
    wasm_bindgen_futures::spawn_local(work);
}

/// A call that comes later, unless this is dropped before.
#[derive(Debug)]
pub struct Timer {
    timeout: Timeout,
}

impl Timer {
    /// Lets the call come whatever becomes of this.
    pub fn keep(self) {
        self.timeout.forget();
    }
}

/// Calls `then` once, after `ms`.
pub fn after(ms: u32, then: impl FnOnce() + 'static) -> Timer {
    Timer {
        timeout: Timeout::new(ms, then),
    }
}

/// Waits for `ms`.
pub async fn sleep(ms: u32) {
    let over = outcome::Outcome::new();
    let ring = over.clone();
    let timer = after(ms, move || ring.settle(()));
    over.wait().await;
    drop(timer);
}

/// Leaves for another page of ours, with a fresh start of the app.
pub fn go(path: &str) {
    if let Some(window) = web_sys::window() {
        let _started = window.location().assign(path);
    }
}

/// Loads the page afresh.
pub fn reload() {
    if let Some(window) = web_sys::window() {
        let _started = window.location().reload();
    }
}
