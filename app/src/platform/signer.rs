//! The key of a device: made by the browser, kept where no script can read it, and only used.

use domain::sync::signed::{self, PublicKey, SIGNATURE_BYTES};
use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::store::indexed_db::bridge::object;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Object)]
    #[derive(Clone)]
    type Subtle;

    // Browsers have it only for pages that came by a safe way.
    #[wasm_bindgen(thread_local_v2, js_namespace = crypto, js_name = subtle)]
    static SUBTLE: Option<Subtle>;

    #[wasm_bindgen(method, catch, js_name = generateKey)]
    async fn generate(
        this: &Subtle,
        algorithm: &Object,
        extractable: bool,
        usages: &Array,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = exportKey)]
    async fn export(this: &Subtle, format: &str, key: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn sign(
        this: &Subtle,
        algorithm: &Object,
        key: &JsValue,
        data: &Uint8Array,
    ) -> Result<JsValue, JsValue>;
}

/// A device's key.
#[derive(Debug, Clone)]
pub struct Signer {
    pair: JsValue,
    key: PublicKey,
}

impl Signer {
    /// A new key; `None` where the browser makes none.
    pub async fn fresh() -> Option<Self> {
        let algorithm = object(&[("name", "ECDSA".into()), ("namedCurve", "P-256".into())]);
        let usages = Array::of2(&"sign".into(), &"verify".into());
        let pair = subtle(async |subtle| subtle.generate(&algorithm, false, &usages).await).await?;
        Self::of(pair).await
    }

    /// The key that a store kept; `None` when it is none.
    pub async fn of(pair: JsValue) -> Option<Self> {
        let public = field(&pair, "publicKey")?;
        let point = subtle(async |subtle| subtle.export("raw", &public).await).await?;
        let key = PublicKey::from_point(&Uint8Array::new(&point).to_vec())?;
        Some(Self { pair, key })
    }

    /// What is to be kept: the browser hands the key on without showing it.
    #[must_use]
    pub const fn pair(&self) -> &JsValue {
        &self.pair
    }

    /// Its public half.
    #[must_use]
    pub const fn key(&self) -> PublicKey {
        self.key
    }

    /// Ends a request with its signature; `None` where the browser does not sign.
    pub async fn finish(&self, message: Vec<u8>) -> Option<Vec<u8>> {
        let data = Uint8Array::from(signed::to_sign(&message)?.as_slice());
        let private = field(&self.pair, "privateKey")?;
        let algorithm = object(&[("name", "ECDSA".into()), ("hash", "SHA-256".into())]);
        let signature =
            subtle(async |subtle| subtle.sign(&algorithm, &private, &data).await).await?;
        let signature: [u8; SIGNATURE_BYTES] =
            Uint8Array::new(&signature).to_vec().try_into().ok()?;
        Some(signed::signed(message, &signature))
    }
}

fn field(of: &JsValue, name: &str) -> Option<JsValue> {
    let value = Reflect::get(of, &JsValue::from_str(name)).ok()?;
    value.is_object().then_some(value)
}

async fn subtle(ask: impl AsyncFnOnce(&Subtle) -> Result<JsValue, JsValue>) -> Option<JsValue> {
    let subtle = SUBTLE.with(Option::clone)?;
    ask(&subtle).await.ok()
}
