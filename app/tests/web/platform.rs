//! The browser's own corner.

use std::cell::RefCell;
use std::rc::Rc;

use app::platform::{self, Tabs};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::id;
use crate::raw;

#[wasm_bindgen_test]
async fn a_lock_is_held_by_one_at_a_time() {
    let first = platform::lock("test-lock", 5_000).await;
    assert!(first.is_some());
    assert!(platform::lock("test-lock", 50).await.is_none());
    assert!(platform::lock("test-other-lock", 5_000).await.is_some());
    drop(first);
    // The one that gave up waiting does not keep it either.
    assert!(platform::lock("test-lock", 5_000).await.is_some());
}

#[wasm_bindgen_test]
async fn other_tabs_hear_which_records_changed() {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let ears = Rc::clone(&heard);
    let _left = Tabs::join("test-tabs", move |ids| ears.borrow_mut().extend(ids));
    let right = Tabs::join("test-tabs", |_| {});
    right.tell(&[id(1), id(2)]);
    raw::until(|| *heard.borrow() == [id(1), id(2)]).await;
}

#[wasm_bindgen_test]
fn random_bytes_differ() {
    assert_ne!(platform::random::<16>(), platform::random::<16>());
}

#[wasm_bindgen_test]
fn a_setting_reads_back() {
    platform::keep_setting("fengge.test", "大字");
    assert_eq!(platform::setting("fengge.test").as_deref(), Some("大字"));
}
