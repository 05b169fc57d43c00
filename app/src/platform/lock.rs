//! Web Locks: one tab does what must not be done twice at a time.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

use super::outcome::Outcome;

/// A held lock; it is free again when this is dropped, or when the tab dies.
#[derive(Debug)]
pub struct Lock {
    release: Option<Function>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(release) = self.release.take() {
            let _released = release.call0(&JsValue::NULL);
        }
    }
}

/// Waits for the lock `name`, but no longer than `wait_ms`; `None` when another tab still holds it.
///
/// Where the browser knows no locks the answer is always yes: whatever the lock guards must be
/// correct without it, and only wasteful.
pub async fn lock(name: &str, wait_ms: u32) -> Option<Lock> {
    let Some((locks, request)) = manager() else {
        return Some(Lock { release: None });
    };
    let asked: Outcome<Option<Lock>> = Outcome::new();
    let answer = asked.clone();
    let granted = Closure::once_into_js(move |_lock: JsValue| -> JsValue {
        if answer.is_settled() {
            // Nobody waits any more: without a promise the lock is free again at once.
            return JsValue::UNDEFINED;
        }
        // The browser holds the lock until this promise is settled.
        let mut release = None;
        let held = Promise::new(&mut |resolve, _| release = Some(resolve));
        answer.settle(Some(Lock { release }));
        held.into()
    });
    match request.call2(&locks, &JsValue::from_str(name), &granted) {
        Ok(promise) => forget_failure(&promise, asked.clone()),
        Err(_) => asked.settle(Some(Lock { release: None })),
    }
    let late = asked.clone();
    let timer = super::after(wait_ms, move || late.settle(None));
    let lock = asked.wait().await;
    drop(timer);
    lock
}

/// A refusal (such as in a page that is being closed) counts as "no lock known here".
fn forget_failure(promise: &JsValue, asked: Outcome<Option<Lock>>) {
    let Some(promise) = promise.dyn_ref::<Promise>().cloned() else {
        return;
    };
    wasm_bindgen_futures::spawn_local(async move {
        if wasm_bindgen_futures::JsFuture::from(promise).await.is_err() {
            asked.settle(Some(Lock { release: None }));
        }
    });
}

fn manager() -> Option<(JsValue, Function)> {
    let navigator = web_sys::window()?.navigator();
    let locks = Reflect::get(&navigator, &JsValue::from_str("locks")).ok()?;
    let request = Reflect::get(&locks, &JsValue::from_str("request"))
        .ok()?
        .dyn_into()
        .ok()?;
    Some((locks, request))
}
