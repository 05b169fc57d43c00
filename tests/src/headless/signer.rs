//! The key of a headless phone, in a file beside its data.

use std::path::Path;

use domain::sync::signed::{self, PublicKey};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::HeadlessError;

/// A key that signs.
#[derive(Debug)]
pub struct Signer {
    pair: EcdsaKeyPair,
    chance: SystemRandom,
}

impl Signer {
    /// The key in `dir`, made at the first start.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds no key.
    pub fn open(dir: &Path) -> Result<Self, HeadlessError> {
        let path = dir.join("key");
        let failed = |source| HeadlessError::File {
            path: path.display().to_string(),
            source,
        };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let fresh = Self::make()?;
                std::fs::write(&path, &fresh).map_err(failed)?;
                fresh
            }
            Err(error) => return Err(failed(error)),
        };
        Self::read(&bytes)
    }

    /// A fresh key as it is stored.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn make() -> Result<Vec<u8>, HeadlessError> {
        let chance = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &chance);
        Ok(made.map_err(|_| HeadlessError::Random)?.as_ref().to_vec())
    }

    /// Reads a stored key.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, HeadlessError> {
        let chance = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes, &chance);
        let pair = pair.map_err(|_| HeadlessError::Damaged("key"))?;
        Ok(Self { pair, chance })
    }

    /// Its public half.
    #[must_use]
    pub fn key(&self) -> Option<PublicKey> {
        PublicKey::from_point(self.pair.public_key().as_ref())
    }

    /// A request as it goes out, with a signature where it asks for one.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn finish(&self, message: Vec<u8>) -> Result<Vec<u8>, HeadlessError> {
        let Some(input) = signed::to_sign(&message) else {
            return Ok(message);
        };
        let signature = self.pair.sign(&self.chance, &input);
        let signature = signature.map_err(|_| HeadlessError::Random)?;
        let signature = signature.as_ref().try_into();
        let signature = signature.map_err(|_| HeadlessError::Damaged("signature"))?;
        Ok(signed::signed(message, &signature))
    }
}
