//! The key of a device: made by the browser, kept where no script can read it, and only used.

use domain::sync::signed::{self, PublicKey, SIGNATURE_BYTES};
use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::JsValue;

use super::webcrypto::subtle;
use crate::store::indexed_db::bridge::object;

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
