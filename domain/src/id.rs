//! Identifiers: 128-bit time-ordered ids for records, short codes for people and units, hashes.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::time::Millis;

/// Why a text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text has the wrong length.
    #[error("wrong length")]
    Length,
    /// The text holds a character that does not belong there.
    #[error("character not allowed")]
    Character,
}

/// A record's name for life: 48 bits of milliseconds and 80 random bits, made on the phone.
///
/// Written as a 26-character ULID (Crockford base 32), so that ids sort by time of creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordId([u8; 16]);

/// The name of an item inside a record (an event, a session, a check-in); same shape as a record's.
pub type ItemId = RecordId;

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl RecordId {
    /// Makes an id from a time and 80 random bits.
    #[must_use]
    pub fn new(at: Millis, random: [u8; 10]) -> Self {
        let ms = u64::try_from(at.0).unwrap_or(0).to_be_bytes();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&ms[2..]);
        bytes[6..].copy_from_slice(&random);
        Self(bytes)
    }

    /// The sixteen raw bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// The id with these raw bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// When the id was made, by the clock of the device that made it.
    #[must_use]
    pub fn created_at(self) -> Millis {
        let ms = self
            .0
            .iter()
            .take(6)
            .fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte));
        Millis(ms)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u128::from_be_bytes(self.0);
        for place in (0..26_u32).rev() {
            let digit = usize::try_from((number >> (place * 5)) & 31).unwrap_or(0);
            let letter = CROCKFORD.get(digit).copied().unwrap_or(b'0');
            write!(f, "{}", char::from(letter))?;
        }
        Ok(())
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for RecordId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() != 26 {
            return Err(IdError::Length);
        }
        let mut number: u128 = 0;
        for (place, letter) in text.bytes().enumerate() {
            let upper = letter.to_ascii_uppercase();
            let digit = CROCKFORD
                .iter()
                .position(|c| *c == upper)
                .ok_or(IdError::Character)?;
            // 26 digits hold 130 bits: the first may only use three of its five.
            if place == 0 && digit > 7 {
                return Err(IdError::Character);
            }
            number = (number << 5) | u128::try_from(digit).unwrap_or(0);
        }
        Ok(Self(number.to_be_bytes()))
    }
}

/// A source of fresh ids for one action: a time and 16 random bytes that the shell hands in.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// The device's clock when the action began.
    pub now: Millis,
    entropy: [u8; 16],
    made: u32,
}

impl Fresh {
    /// Ids of an action at `now`, spread by sixteen random bytes.
    #[must_use]
    pub const fn new(now: Millis, entropy: [u8; 16]) -> Self {
        Self {
            now,
            entropy,
            made: 0,
        }
    }

    /// The next id of this action.
    pub fn id(&mut self) -> RecordId {
        let mut hash = Sha256::new();
        hash.update(self.entropy);
        hash.update(self.made.to_be_bytes());
        self.made = self.made.wrapping_add(1);
        let digest = hash.finalize();
        let mut random = [0; 10];
        for (to, from) in random.iter_mut().zip(digest.iter()) {
            *to = *from;
        }
        RecordId::new(self.now, random)
    }
}

/// Which of a record's documents: its body, or the vault with the personal data of its parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Part {
    /// The record itself, free of names, phones and addresses of parties.
    Body,
    /// Names, phones and addresses of the parties; withheld and erased apart from the body.
    Vault,
}

/// One document: a part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DocId {
    /// The record.
    pub record: RecordId,
    /// Which of its documents.
    pub part: Part,
}

impl DocId {
    /// The body of a record.
    #[must_use]
    pub const fn body(record: RecordId) -> Self {
        Self {
            record,
            part: Part::Body,
        }
    }

    /// The party vault of a record.
    #[must_use]
    pub const fn vault(record: RecordId) -> Self {
        Self {
            record,
            part: Part::Vault,
        }
    }
}

impl fmt::Display for DocId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match self.part {
            Part::Body => 'b',
            Part::Vault => 'v',
        };
        write!(f, "{}{part}", self.record)
    }
}

impl FromStr for DocId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (record, part) = text.split_at_checked(26).ok_or(IdError::Length)?;
        let part = match part {
            "b" => Part::Body,
            "v" => Part::Vault,
            _ => return Err(IdError::Character),
        };
        Ok(Self {
            record: record.parse()?,
            part,
        })
    }
}

/// The longest code of a unit or a person, in bytes.
pub const CODE_BYTES_MAX: usize = 32;

macro_rules! code {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The code as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if text.is_empty() || text.len() > CODE_BYTES_MAX {
                    return Err(IdError::Length);
                }
                let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_' || c == b'.';
                if text.bytes().all(plain) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError::Character)
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> Self {
                code.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

code!(
    /// The code of a unit of any of the five levels: ASCII letters, digits, `-`, `_`, `.`.
    UnitId
);
code!(
    /// The code of a member of staff; never of a party to a matter.
    PersonId
);

macro_rules! bytes {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Lower-case hexadecimal digits.
            #[must_use]
            pub fn hex(&self) -> String {
                self.0.iter().flat_map(|b| [b >> 4, b & 15]).map(hex_digit).collect()
            }

            /// Reads lower- or upper-case hexadecimal digits.
            ///
            /// # Errors
            /// When the text has another length or another character.
            pub fn from_hex(text: &str) -> Result<Self, IdError> {
                if text.len() != $len * 2 {
                    return Err(IdError::Length);
                }
                let mut digits = text.chars().map(|c| c.to_digit(16));
                let mut bytes = [0_u8; $len];
                for byte in &mut bytes {
                    let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else {
                        return Err(IdError::Character);
                    };
                    *byte = u8::try_from(high * 16 + low).map_err(|_| IdError::Character)?;
                }
                Ok(Self(bytes))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.hex())
            }
        }
    };
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0')
}

bytes!(
    /// A device, named once by itself when it joins.
    DeviceId,
    16
);
bytes!(
    /// One start of the app on one device: the author of a run of changes in the merge.
    ActorKey,
    8
);
bytes!(
    /// SHA-256 of a change: its name everywhere.
    ChangeHash,
    32
);
bytes!(
    /// SHA-256 of a photo's or a thumbnail's bytes: their name everywhere.
    PhotoHash,
    32
);
bytes!(
    /// The head of a photo's hash: enough to tell the photos of one record apart.
    PhotoKey,
    8
);

impl ActorKey {
    /// A key that names the device: five bytes of chance, and three that follow from them and the
    /// device. A server that has lost who used the key first can tell by it whose it is.
    #[must_use]
    pub fn naming(chance: [u8; 8], device: DeviceId) -> Self {
        let [a, b, c, d, e, ..] = chance;
        let chance = [a, b, c, d, e];
        let [f, g, h] = Self::name(chance, device);
        Self([a, b, c, d, e, f, g, h])
    }

    /// Whether this key names the device.
    #[must_use]
    pub fn names(&self, device: DeviceId) -> bool {
        *self == Self::naming(self.0, device)
    }

    fn name(chance: [u8; 5], device: DeviceId) -> [u8; 3] {
        let mut sum = Sha256::new();
        sum.update(b"fengge actor\0");
        sum.update(chance);
        sum.update(device.0);
        let digest: [u8; 32] = sum.finalize().into();
        digest.first_chunk().copied().unwrap_or_default()
    }
}

impl PhotoHash {
    /// The name of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Its head.
    #[must_use]
    pub fn key(&self) -> PhotoKey {
        PhotoKey(self.0.first_chunk().copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ulid_reads_back_and_sorts_by_time() {
        let early = RecordId::new(Millis(1_700_000_000_000), [255; 10]);
        let late = RecordId::new(Millis(1_700_000_000_001), [0; 10]);
        assert_eq!(early.to_string().parse(), Ok(early));
        assert!(early.to_string() < late.to_string());
        assert!(early < late);
        assert_eq!(early.created_at(), Millis(1_700_000_000_000));
    }

    #[test]
    fn a_ulid_beyond_128_bits_is_refused() {
        assert_eq!(
            "8ZZZZZZZZZZZZZZZZZZZZZZZZZ".parse::<RecordId>(),
            Err(IdError::Character)
        );
        assert_eq!("01J8".parse::<RecordId>(), Err(IdError::Length));
        assert_eq!(
            "01J826MWQAS67E8VMGGQRJP9PU".parse::<RecordId>(),
            Err(IdError::Character)
        );
    }

    #[test]
    fn fresh_ids_differ_within_one_action() {
        let mut fresh = Fresh::new(Millis(5), [7; 16]);
        let (a, b) = (fresh.id(), fresh.id());
        assert_ne!(a, b);
        assert_eq!(a.created_at(), b.created_at());
    }

    #[test]
    fn codes_are_short_plain_ascii() {
        assert!("500154190-03".parse::<UnitId>().is_ok());
        assert_eq!("".parse::<UnitId>(), Err(IdError::Length));
        assert_eq!("a b".parse::<PersonId>(), Err(IdError::Character));
        assert_eq!("网格".parse::<PersonId>(), Err(IdError::Character));
    }

    #[test]
    fn hex_reads_back() {
        let key = ActorKey([0, 1, 15, 16, 127, 128, 254, 255]);
        assert_eq!(ActorKey::from_hex(&key.hex()), Ok(key));
        assert_eq!(ActorKey::from_hex("00"), Err(IdError::Length));
    }

    #[test]
    fn a_document_name_reads_back() {
        let doc = DocId::vault(RecordId::new(Millis(9), [3; 10]));
        assert_eq!(doc.to_string().parse(), Ok(doc));
    }
}
