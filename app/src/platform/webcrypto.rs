//! What the browser knows of cryptography: keys that no script can read, signatures, ciphers.

use domain::sync::bundle::{
    BundleError, Code, Content, MAGIC, NONCE_BYTES, ROUNDS, SALT_BYTES, Sealed,
};
use js_sys::{Array, Object, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::store::indexed_db::bridge::object;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Object)]
    #[derive(Clone)]
    pub(super) type Subtle;

    // Browsers have it only for pages that came by a safe way.
    #[wasm_bindgen(thread_local_v2, js_namespace = crypto, js_name = subtle)]
    static SUBTLE: Option<Subtle>;

    #[wasm_bindgen(method, catch, js_name = generateKey)]
    pub(super) async fn generate(
        this: &Subtle,
        algorithm: &Object,
        extractable: bool,
        usages: &Array,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = exportKey)]
    pub(super) async fn export(
        this: &Subtle,
        format: &str,
        key: &JsValue,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) async fn sign(
        this: &Subtle,
        algorithm: &Object,
        key: &JsValue,
        data: &Uint8Array,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = importKey)]
    async fn import(
        this: &Subtle,
        format: &str,
        data: &Uint8Array,
        algorithm: &str,
        extractable: bool,
        usages: &Array,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = deriveKey)]
    async fn derive(
        this: &Subtle,
        algorithm: &Object,
        base: &JsValue,
        kind: &Object,
        extractable: bool,
        usages: &Array,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn encrypt(
        this: &Subtle,
        algorithm: &Object,
        key: &JsValue,
        data: &Uint8Array,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn decrypt(
        this: &Subtle,
        algorithm: &Object,
        key: &JsValue,
        data: &Uint8Array,
    ) -> Result<JsValue, JsValue>;
}

/// Asks the browser; `None` where it has no cryptography or does not do this.
pub(super) async fn subtle(
    ask: impl AsyncFnOnce(&Subtle) -> Result<JsValue, JsValue>,
) -> Option<JsValue> {
    let subtle = SUBTLE.with(Option::clone)?;
    ask(&subtle).await.ok()
}

/// The file of a bundle; `None` where the browser does not encrypt.
pub async fn seal(content: &Content, code: &Code) -> Option<Vec<u8>> {
    let salt: [u8; SALT_BYTES] = super::random();
    let nonce: [u8; NONCE_BYTES] = super::random();
    let key = key(code, salt).await?;
    let data = Uint8Array::from(content.write().as_slice());
    let algorithm = cipher(nonce);
    let sealed = subtle(async |subtle| subtle.encrypt(&algorithm, &key, &data).await).await?;
    let sealed = Uint8Array::new(&sealed).to_vec();
    let file = Sealed {
        salt,
        nonce,
        sealed,
    };
    Some(file.write())
}

/// What is in a file; `None` when the code does not open it.
///
/// # Errors
/// When the file is no bundle.
pub async fn open(file: &[u8], code: &Code) -> Result<Option<Content>, BundleError> {
    let file = Sealed::read(file)?;
    let Some(key) = key(code, file.salt).await else {
        return Ok(None);
    };
    let (algorithm, data) = (cipher(file.nonce), Uint8Array::from(file.sealed.as_slice()));
    let content = subtle(async |subtle| subtle.decrypt(&algorithm, &key, &data).await).await;
    let content = content.map(|content| Uint8Array::new(&content).to_vec());
    content.map(|content| Content::read(&content)).transpose()
}

async fn key(code: &Code, salt: [u8; SALT_BYTES]) -> Option<JsValue> {
    let typed = Uint8Array::from(code.bytes());
    let usages = Array::of1(&"deriveKey".into());
    let base =
        subtle(async |subtle| subtle.import("raw", &typed, "PBKDF2", false, &usages).await).await?;
    let from = object(&[
        ("name", "PBKDF2".into()),
        ("hash", "SHA-256".into()),
        ("salt", Uint8Array::from(salt.as_slice()).into()),
        ("iterations", ROUNDS.into()),
    ]);
    let kind = object(&[("name", "AES-GCM".into()), ("length", 256.into())]);
    let usages = Array::of2(&"encrypt".into(), &"decrypt".into());
    subtle(async |subtle| subtle.derive(&from, &base, &kind, false, &usages).await).await
}

fn cipher(nonce: [u8; NONCE_BYTES]) -> Object {
    object(&[
        ("name", "AES-GCM".into()),
        ("iv", Uint8Array::from(nonce.as_slice()).into()),
        ("additionalData", Uint8Array::from(MAGIC.as_slice()).into()),
    ])
}
