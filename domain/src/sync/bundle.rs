//! Bundles: signed requests in an encrypted file, which somebody with a network carries to the server.
//!
//! The edge encrypts and decrypts: AES-256-GCM with a key from PBKDF2 (SHA-256) over the code, and
//! [`MAGIC`] as what is authenticated beside it. A file is magic, salt, nonce and ciphertext with its
//! tag, as text in base64: phones hand text files on to any app, and others to few.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

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
    /// What was in it is no list of requests.
    #[error("the bundle is damaged")]
    Damaged,
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

/// The content of a bundle, before it is encrypted.
#[must_use]
pub fn write(requests: &[Vec<u8>]) -> Vec<u8> {
    postcard::to_allocvec(requests).unwrap_or_default()
}

/// The requests of a bundle, in the order in which they are to be posted.
///
/// # Errors
/// When the bytes are no content of a bundle.
pub fn read(content: &[u8]) -> Result<Vec<Vec<u8>>, BundleError> {
    let requests: Vec<Vec<u8>> = postcard::from_bytes(content).map_err(|_| BundleError::Damaged)?;
    let sound = |request: &Vec<u8>| !request.is_empty() && request.len() <= MESSAGE_BYTES_MAX;
    let fits = (1..=REQUESTS_MAX).contains(&requests.len());
    let sound = fits && requests.iter().all(sound);
    sound.then_some(requests).ok_or(BundleError::Damaged)
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
        for typed in ["011Z-AM0Z-HJK2", "oilz amoz hjk2", " 011zam0zhjk2 "] {
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
        let requests = vec![vec![5, 1, 2], vec![5; 300]];
        let content = write(&requests);
        assert_eq!(read(&content), Ok(requests));
        for len in 0..content.len() {
            assert_eq!(read(&content[..len]), Err(BundleError::Damaged), "{len}");
        }
        assert_eq!(read(&write(&[])), Err(BundleError::Damaged));
        assert_eq!(read(&write(&[Vec::new()])), Err(BundleError::Damaged));
        let many = vec![vec![5]; REQUESTS_MAX + 1];
        assert_eq!(read(&write(&many)), Err(BundleError::Damaged));

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
