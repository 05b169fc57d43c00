//! Bundles that were carried here as files: decrypted, and posted like any other request.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, Uri};
use domain::sync::bundle::{
    self, BundleError, Code, Content, FILE_BYTES_MAX, MAGIC, ROUNDS, Sealed,
};
use domain::sync::message::{Answer, ItemResult, MESSAGE_BYTES_MAX};
use domain::sync::transfer::EXCHANGE;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::pbkdf2::{self, PBKDF2_HMAC_SHA256};

use crate::Server;

/// Why a bundle did not come in.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// The file cannot be read.
    #[error("cannot read {0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The file is none of ours.
    #[error("{0}")]
    Bundle(#[from] BundleError),
    /// The code has another form.
    #[error("the code has twelve signs, such as 7K2M-9QXD-R4TB")]
    NoCode,
    /// The code is another one, or the file was altered.
    #[error("the code does not open this file: type it again, or ask for the file again")]
    WrongCode,
    /// The server did not take a request of the bundle.
    #[error("the server did not take it: {0}")]
    Refused(String),
}

/// What became of the changes in a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carried {
    /// Changes that are new here.
    pub kept: usize,
    /// Changes that were here.
    pub had: usize,
    /// Changes that are refused, one by one.
    pub refused: usize,
}

/// Decrypts a file.
///
/// # Errors
/// When it is no bundle, or the code does not open it.
pub fn open(file: &[u8], code: &Code) -> Result<Content, CarryError> {
    let parts = Sealed::read(file)?;
    let key = key(code, &parts.salt)?;
    let mut bytes = parts.sealed;
    let nonce = Nonce::assume_unique_for_key(parts.nonce);
    let content = key.open_in_place(nonce, Aad::from(MAGIC), &mut bytes);
    let content = content.map_err(|_| CarryError::WrongCode)?;
    Ok(Content::read(content)?)
}

/// Encrypts content into a file.
///
/// # Errors
/// When there is too much of it.
pub fn seal(
    content: &Content,
    code: &Code,
    (salt, nonce): ([u8; bundle::SALT_BYTES], [u8; NONCE_LEN]),
) -> Result<Vec<u8>, CarryError> {
    let mut sealed = content.write();
    let once = Nonce::assume_unique_for_key(nonce);
    key(code, &salt)?
        .seal_in_place_append_tag(once, Aad::from(MAGIC), &mut sealed)
        .map_err(|_| CarryError::WrongCode)?;
    let file = Sealed {
        salt,
        nonce,
        sealed,
    };
    Ok(file.write())
}

fn key(code: &Code, salt: &[u8]) -> Result<LessSafeKey, CarryError> {
    let rounds = NonZeroU32::new(ROUNDS).unwrap_or(NonZeroU32::MIN);
    let mut bytes = [0; 32];
    pbkdf2::derive(PBKDF2_HMAC_SHA256, rounds, salt, code.bytes(), &mut bytes);
    let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| CarryError::WrongCode)?;
    Ok(LessSafeKey::new(key))
}

/// Reads a file and posts what is in it to a server that does not listen.
///
/// # Errors
/// When the file is no bundle, the code is wrong, or a request is refused as a whole; what was taken
/// before that stays.
pub async fn import(server: &Server, file: &Path, code: &str) -> Result<Carried, CarryError> {
    let code = Code::read(code).ok_or(CarryError::NoCode)?;
    let failed = |error| CarryError::File(file.to_path_buf(), error);
    let long = std::fs::metadata(file).map_err(failed)?.len();
    if usize::try_from(long).map_or(true, |long| long > FILE_BYTES_MAX) {
        return Err(BundleError::NotOurs.into());
    }
    let bytes = std::fs::read(file).map_err(failed)?;
    let mut carried = Carried::default();
    for request in open(&bytes, &code)?.requests()? {
        for result in post(server, request).await? {
            match result {
                ItemResult::Kept(_) => carried.kept += 1,
                ItemResult::Had(_) => carried.had += 1,
                ItemResult::Refused(_) => carried.refused += 1,
            }
        }
    }
    Ok(carried)
}

async fn post(server: &Server, body: Vec<u8>) -> Result<Vec<ItemResult>, CarryError> {
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(EXCHANGE);
    let answer = server
        .answer(IpAddr::V4(Ipv4Addr::LOCALHOST), request)
        .await;
    let status = answer.status();
    let bytes = to_bytes(answer.into_body(), MESSAGE_BYTES_MAX).await;
    let bytes = bytes.map_err(|error| CarryError::Refused(error.to_string()))?;
    if status != StatusCode::OK {
        let said = String::from_utf8_lossy(&bytes).into_owned();
        return Err(CarryError::Refused(said));
    }
    let lean = Answer::decode(&bytes).map_err(|error| CarryError::Refused(error.to_string()))?;
    Ok(lean
        .answer
        .receipt
        .map(|receipt| receipt.results)
        .unwrap_or_default())
}
