//! Web Locks: one tab does what must not be done twice at a time.

use js_sys::{Function, Object, Promise, Reflect};
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

/// Takes the lock `name` if it is free; `None` when another tab holds it.
///
/// Where the browser knows no locks the answer is always yes: whatever the lock guards must be
/// correct without it, and only wasteful.
pub async fn lock(name: &str) -> Option<Lock> {
    let Some((locks, request)) = manager() else { return Some(Lock { release: None }) };
    let asked: Outcome<Option<Lock>> = Outcome::new();
    let answer = asked.clone();
    let granted = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        if lock.is_null() || lock.is_undefined() {
            answer.settle(None);
            return JsValue::UNDEFINED;
        }
        // The browser holds the lock until this promise is settled.
        let mut release = None;
        let held = Promise::new(&mut |resolve, _| release = Some(resolve));
        answer.settle(Some(Lock { release }));
        held.into()
    });
    let options = Object::new();
    let _set = Reflect::set(&options, &JsValue::from_str("ifAvailable"), &JsValue::TRUE);
    let name = JsValue::from_str(name);
    match request.call3(&locks, &name, &options, &granted) {
        Ok(promise) => forget_failure(&promise, asked.clone()),
        Err(_) => asked.settle(Some(Lock { release: None })),
    }
    asked.wait().await
}

/// A refusal (such as in a page that is being closed) counts as "no lock known here".
fn forget_failure(promise: &JsValue, asked: Outcome<Option<Lock>>) {
    let Some(promise) = promise.dyn_ref::<Promise>().cloned() else { return };
    wasm_bindgen_futures::spawn_local(async move {
        if wasm_bindgen_futures::JsFuture::from(promise).await.is_err() {
            asked.settle(Some(Lock { release: None }));
        }
    });
}

fn manager() -> Option<(JsValue, Function)> {
    let navigator = web_sys::window()?.navigator();
    let locks = Reflect::get(&navigator, &JsValue::from_str("locks")).ok()?;
    let request = Reflect::get(&locks, &JsValue::from_str("request")).ok()?.dyn_into().ok()?;
    Some((locks, request))
}
