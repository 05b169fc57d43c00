//! Bundles: an encrypted file with signed requests, which somebody with a network carries to the
//! server, or with a first load for a new device.
//!
//! The edge encrypts and decrypts: AES-256-GCM with a key from PBKDF2 (SHA-256) over the code, and
//! [`MAGIC`] as what is authenticated beside it. A file is magic, salt, nonce and ciphertext with its
//! tag, as text in base64: phones hand text files on to any app, and others to few.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use serde::{Deserialize, Serialize};

use crate::id::UnitId;
use crate::sync::message::MESSAGE_BYTES_MAX;

/// The first bytes of a file, with the version of its form.
pub const MAGIC: [u8; 8] = *b"FENGGE\x01\n";
/// The bytes of salt.
pub const SALT_BYTES: usize = 16;
/// The bytes of the nonce.
pub const NONCE_BYTES: usize = 12;
/// Rounds of PBKDF2: a code has 60 bits of chance, so a cheap phone need not wait for more.
pub const ROUNDS: u32 = 100_000;
/// The longest file in bytes.
pub const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most requests in a bundle.
pub const REQUESTS_MAX: usize = 64;
/// The signs of a code: no two that are taken for each other.
const SIGNS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The signs in a code.
const CODE_SIGNS: usize = 12;

/// Why a file is no bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It begins otherwise, or is too short or too long.
    #[error("this file is no bundle")]
    NotOurs,
    /// What was in it is neither requests nor a first load.
    #[error("the bundle is damaged")]
    Damaged,
    /// It holds records of the server, for a new device.
    #[error("the bundle is a first load for a device: open it there")]
    ForADevice,
}

/// The parts of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// For the key.
    pub salt: [u8; SALT_BYTES],
    /// For the cipher.
    pub nonce: [u8; NONCE_BYTES],
    /// Ciphertext and tag.
    pub sealed: Vec<u8>,
}

impl Sealed {
    /// Takes a file apart; what apps put around text on the way does not matter.
    ///
    /// # Errors
    /// When it is none of ours.
    pub fn read(file: &[u8]) -> Result<Self, BundleError> {
        if file.len() > FILE_BYTES_MAX {
            return Err(BundleError::NotOurs);
        }
        let bytes = STANDARD
            .decode(file.trim_ascii())
            .map_err(|_| BundleError::NotOurs)?;
        let parts = || {
            let rest = bytes.strip_prefix(&MAGIC)?;
            let (salt, rest) = rest.split_first_chunk()?;
            let (nonce, sealed) = rest.split_first_chunk()?;
            Some(Self {
                salt: *salt,
                nonce: *nonce,
                sealed: sealed.to_vec(),
            })
        };
        parts().ok_or(BundleError::NotOurs)
    }

    /// The file.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let bytes = [&MAGIC, self.salt.as_slice(), &self.nonce, &self.sealed].concat();
        STANDARD.encode(bytes).into_bytes()
    }
}

/// What is in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// What waits on a phone: requests, in the order in which they are to be posted.
    Requests(Vec<Vec<u8>>),
    /// What a new device begins with.
    Load(Load),
}

/// A first load: what the server confirmed to a colleague's device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// The grids of which it holds every record.
    pub grids: Vec<UnitId>,
    /// Answers of which the changes count, and the cursor of the last one.
    pub pages: Vec<Vec<u8>>,
}

impl Content {
    /// The content's bytes, before they are encrypted.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// Reads the content of a bundle.
    ///
    /// # Errors
    /// When the bytes are none.
    pub fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        let content = postcard::from_bytes(bytes).map_err(|_| BundleError::Damaged)?;
        let parts = match &content {
            Self::Requests(requests) if requests.len() <= REQUESTS_MAX => requests,
            Self::Requests(_) => return Err(BundleError::Damaged),
            Self::Load(load) => &load.pages,
        };
        let sound = |part: &Vec<u8>| !part.is_empty() && part.len() <= MESSAGE_BYTES_MAX;
        let sound = !parts.is_empty() && parts.iter().all(sound);
        sound.then_some(content).ok_or(BundleError::Damaged)
    }

    /// The requests, where it is that.
    ///
    /// # Errors
    /// When it is a first load.
    pub fn requests(self) -> Result<Vec<Vec<u8>>, BundleError> {
        match self {
            Self::Requests(requests) => Ok(requests),
            Self::Load(_) => Err(BundleError::ForADevice),
        }
    }
}

/// What opens a bundle: said on the phone or shown, never in the file.
#[derive(Clone, PartialEq, Eq)]
pub struct Code([u8; CODE_SIGNS]);

impl core::fmt::Debug for Code {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Code(..)")
    }
}

impl Code {
    /// A code from bytes of chance, of which each gives five bits.
    #[must_use]
    pub fn new(chance: [u8; CODE_SIGNS]) -> Self {
        let sign = |byte: u8| SIGNS.get(usize::from(byte % 32)).copied();
        Self(chance.map(|byte| sign(byte).unwrap_or(b'0')))
    }

    /// Reads what somebody typed: case, spaces and strokes do not matter, and letters that look like
    /// digits are digits; `None` when it is no code.
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        let typed = crate::text::folded(typed);
        let signs = typed.chars().filter(|sign| sign.is_alphanumeric());
        let plain = |sign: char| match sign.to_ascii_uppercase() {
            'O' => Some(b'0'),
            'I' | 'L' => Some(b'1'),
            sign => u8::try_from(sign).ok().filter(|sign| SIGNS.contains(sign)),
        };
        let signs = signs.map(plain).collect::<Option<Vec<u8>>>()?;
        Some(Self(signs.try_into().ok()?))
    }

    /// The bytes that the key is made of.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// In three groups of four, as people read it.
    #[must_use]
    pub fn grouped(&self) -> String {
        let groups = self.0.chunks(4).map(String::from_utf8_lossy);
        groups.collect::<Vec<_>>().join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bd1_a_code_is_read_however_it_is_typed() {
        let code = Code::new([0, 1, 33, 31, 10, 20, 64, 255, 17, 18, 19, 2]);
        assert_eq!(code.grouped(), "011Z-AM0Z-HJK2");
        for typed in [
            "011Z-AM0Z-HJK2",
            "oilz amoz hjk2",
            " 011zam0zhjk2 ",
            "０１１Ｚ－ＡＭ０Ｚ－ＨＪＫ２",
        ] {
            assert_eq!(Code::read(typed), Some(code.clone()), "{typed}");
        }
        for typed in [
            "",
            "011Z-AM0Z-HJK",
            "011Z-AM0Z-HJK22",
            "011Z-AM0Z-HJU2",
            "提取码",
        ] {
            assert_eq!(Code::read(typed), None, "{typed}");
        }
        assert_eq!(format!("{code:?}"), "Code(..)");
    }

    #[test]
    fn bd1_a_bundle_is_read_back_and_anything_else_is_refused() {
        let requests = Content::Requests;
        let pages = |pages| {
            let grids = vec!["g1".parse().expect("a code")];
            Content::Load(Load { grids, pages })
        };
        let parts = vec![vec![5, 1, 2], vec![5; 300]];
        let (load, content) = (pages(parts.clone()), requests(parts.clone()));
        for content in [load.clone(), content.clone()] {
            let bytes = content.write();
            assert_eq!(Content::read(&bytes), Ok(content));
            for len in 0..bytes.len() {
                let cut = Content::read(&bytes[..len]);
                assert_eq!(cut, Err(BundleError::Damaged), "{len}");
            }
        }
        let many = vec![vec![5]; REQUESTS_MAX + 1];
        for damaged in [
            requests(Vec::new()),
            requests(vec![Vec::new()]),
            requests(many),
            pages(Vec::new()),
            pages(vec![vec![5; MESSAGE_BYTES_MAX + 1]]),
        ] {
            let read = Content::read(&damaged.write());
            assert_eq!(read, Err(BundleError::Damaged));
        }
        assert_eq!(content.clone().requests(), Ok(parts));
        assert_eq!(load.requests(), Err(BundleError::ForADevice));

        let content = content.write();
        let sealed = Sealed {
            salt: [1; SALT_BYTES],
            nonce: [2; NONCE_BYTES],
            sealed: content,
        };
        let file = sealed.write();
        assert_eq!(Sealed::read(&file), Ok(sealed.clone()));
        let sent = [b"\n ", file.as_slice(), b"\r\n"].concat();
        assert_eq!(
            Sealed::read(&sent),
            Ok(sealed),
            "an app put lines around it"
        );
        assert_eq!(Sealed::read(&file[4..]), Err(BundleError::NotOurs));
        assert_eq!(Sealed::read(&file[..44]), Err(BundleError::NotOurs));
        assert_eq!(Sealed::read(b""), Err(BundleError::NotOurs));
    }
}
