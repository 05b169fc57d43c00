//! The browser's database behind the store's back: damage, aborts, a full phone.

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::IdbDatabase;

#[wasm_bindgen(inline_js = r#"
const put = IDBObjectStore.prototype.put;
const begin = IDBDatabase.prototype.transaction;
export function abort_next_after_success() {
  IDBObjectStore.prototype.put = function (...given) {
    const request = put.apply(this, given);
    request.addEventListener("success", () => {
      try { request.transaction.abort(); } catch {}
    });
    return request;
  };
}
export function fail_next_put(name) {
  IDBObjectStore.prototype.put = function () {
    throw new DOMException("for a test", name);
  };
}
export function mute_next_transaction() {
  Object.defineProperty(IDBTransaction.prototype, "addEventListener",
    { value() {}, configurable: true, writable: true });
}
export function lose_connection() {
  let lost = null;
  IDBDatabase.prototype.transaction = function (...given) {
    lost = lost || this;
    if (lost === this) throw new DOMException("for a test", "InvalidStateError");
    return begin.apply(this, given);
  };
}
export function back_to_normal() {
  IDBDatabase.prototype.transaction = begin;
  IDBObjectStore.prototype.put = put;
  delete IDBTransaction.prototype.addEventListener;
}
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
export function open_raw(name, version) {
  return new Promise((resolve, reject) => {
    const request = version ? indexedDB.open(name, version) : indexedDB.open(name);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
export function open_old(name) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      const database = request.result;
      for (const store of ["changes", "drafts", "meta"]) database.createObjectStore(store);
      const rows = database.createObjectStore("rows");
      rows.createIndex("newest", "newest");
      rows.createIndex("kind", ["kind", "newest"]);
      rows.createIndex("due", "due");
      for (const store of ["outbox", "aside"]) database.createObjectStore(store, { autoIncrement: true });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
export function draw_picture(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d");
  for (let n = 0; n < 3000; n++) {
    pen.fillStyle = `hsl(${n % 360},50%,${n % 90}%)`;
    pen.fillRect((n * 7919) % width, (n * 104729) % height, 60, 25);
  }
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
}
export function put_raw(database, store, key, value) {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction([store], "readwrite");
    transaction.objectStore(store).put(value, key);
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}
"#)]
extern "C" {
    /// Every put succeeds, and then its transaction is aborted, as a full disk does it.
    pub fn abort_next_after_success();
    /// Every put fails at once with an error of this name.
    pub fn fail_next_put(name: &str);
    /// No transaction tells anybody how it ended.
    pub fn mute_next_transaction();
    /// The next connection that is used turns out to be closed.
    pub fn lose_connection();
    /// Takes all of this back.
    pub fn back_to_normal();
    fn pause(ms: u32) -> Promise;
    fn open_raw(name: &str, version: u32) -> Promise;
    fn open_old(name: &str) -> Promise;
    fn draw_picture(width: u32, height: u32) -> Promise;
    fn put_raw(database: &JsValue, store: &str, key: &str, value: &JsValue) -> Promise;
}

/// Opens a database at a version, changing nothing in it; begins at once.
pub fn open(name: &str, version: u32) -> impl Future<Output = Result<IdbDatabase, JsValue>> {
    let opening = JsFuture::from(open_raw(name, version));
    async move { opening.await?.dyn_into() }
}

/// A database as the first version of the app made it.
pub async fn open_first(name: &str) -> IdbDatabase {
    let opened = JsFuture::from(open_old(name)).await.expect("opens");
    opened.unchecked_into()
}

/// A picture as a camera gives it.
pub async fn draw(width: u32, height: u32) -> JsValue {
    JsFuture::from(draw_picture(width, height))
        .await
        .expect("a picture")
}

/// Writes a value past the store.
pub async fn put(name: &str, store: &str, key: &str, value: &JsValue) {
    let database = open(name, 0).await.expect("opens");
    JsFuture::from(put_raw(&database, store, key, value))
        .await
        .expect("written");
    database.close();
}

/// Bytes for the browser.
pub fn bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// Waits for something that an event brings about.
pub async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        JsFuture::from(pause(10)).await.expect("a pause");
    }
    panic!("it did not come about in five seconds");
}
