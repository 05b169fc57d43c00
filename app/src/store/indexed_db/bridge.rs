//! Values on their way between Rust and the browser, and the calls that web-sys has not got.

use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DomException, IdbDatabase, IdbTransaction};

#[wasm_bindgen]
extern "C" {
    // web-sys offers the durability option only behind a flag for unstable interfaces.
    #[wasm_bindgen(extends = IdbDatabase)]
    type Durable;

    #[wasm_bindgen(method, catch, js_name = transaction)]
    fn transaction_with(
        this: &Durable,
        stores: &Array,
        mode: &str,
        options: &Object,
    ) -> Result<IdbTransaction, JsValue>;

    // web-sys has this one, marked as if nobody should call it.
    #[wasm_bindgen(extends = IdbTransaction)]
    type Ending;

    #[wasm_bindgen(method, catch, js_name = commit)]
    fn commit(this: &Ending) -> Result<(), JsValue>;
}

/// A transaction that reports `complete` only when the data has reached the disk.
pub(crate) fn strict_transaction(
    database: &IdbDatabase,
    stores: &[&str],
) -> Result<IdbTransaction, JsValue> {
    transaction(database, stores, "strict")
}

/// A transaction with the browser's everyday care: what it has taken outlives the app, not a power cut.
pub(crate) fn everyday_transaction(
    database: &IdbDatabase,
    store: &str,
) -> Result<IdbTransaction, JsValue> {
    transaction(database, &[store], "relaxed")
}

fn transaction(
    database: &IdbDatabase,
    stores: &[&str],
    durability: &str,
) -> Result<IdbTransaction, JsValue> {
    let options = object(&[("durability", JsValue::from_str(durability))]);
    database
        .unchecked_ref::<Durable>()
        .transaction_with(&strings(stores), "readwrite", &options)
}

/// Tells the browser that nothing follows: it need not wait for a page that is being closed.
pub(crate) fn end_transaction(transaction: &IdbTransaction) {
    // Where the browser does not know the call, it ends the transaction by itself a little later.
    let _ended = transaction.unchecked_ref::<Ending>().commit();
}

/// A plain object with these fields.
pub(crate) fn object(fields: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        // Setting a field of a fresh plain object cannot fail.
        let _set = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object
}

/// A field of a value that may be anything.
pub(crate) fn field(value: &JsValue, name: &str) -> Option<JsValue> {
    let found = Reflect::get(value, &JsValue::from_str(name)).ok()?;
    (!found.is_undefined() && !found.is_null()).then_some(found)
}

/// A list of texts.
pub(crate) fn strings(texts: &[&str]) -> Array {
    texts.iter().map(|text| JsValue::from_str(text)).collect()
}

/// Bytes for the browser.
pub(crate) fn to_js(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// Bytes from the browser, if the value holds bytes.
pub(crate) fn from_js(value: &JsValue) -> Option<Vec<u8>> {
    value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec)
}

/// The name of a browser's error, such as `QuotaExceededError`.
pub(crate) fn error_name(error: &JsValue) -> String {
    error
        .dyn_ref::<DomException>()
        .map(DomException::name)
        .or_else(|| field(error, "name").and_then(|name| name.as_string()))
        .unwrap_or_default()
}
