//! The messages of the exchange: one request pushes what is new and pulls what is new.
//!
//! A message is one byte of version, one byte that tells how the rest is packed (0 as it is, 1 raw
//! deflate), and the fields in postcard's encoding. A reader refuses what is larger than its limit
//! before it unpacks it, and unpacks no more than its limit.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::access::Refusal;
use crate::id::{DeviceId, DocId, PersonId, UnitId};
use crate::time::Millis;
use crate::unit::{Directory, Unit};
use crate::view::supervisor::{CategoryCount, Counts, Period, PublicRow, UnitCounts};

/// The version of the messages.
pub const VERSION: u8 = 1;
/// The largest message in bytes, packed.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// The largest message in bytes, unpacked.
pub const UNPACKED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most bytes of changes that a device puts into one batch.
pub const BATCH_BYTES_MAX: usize = 256 * 1024;
/// The most changes in one batch.
pub const BATCH_ITEMS_MAX: usize = 1_000;
/// The most bytes of changes that a device asks for in one answer.
pub const PAGE_BYTES_MAX: u32 = 256 * 1024;
/// The longest cursor in bytes.
pub const CURSOR_BYTES_MAX: usize = 256;
/// The longest invitation code in characters, as typed.
pub const CODE_CHARS_MAX: usize = 16;
/// Bodies smaller than this are not worth packing.
const PACK_BYTES_MIN: usize = 128;

const AS_IT_IS: u8 = 0;
const DEFLATED: u8 = 1;

/// What a device proves itself with: random bytes that it made itself and never shows.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(pub [u8; 16]);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What a device sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Which device.
    pub device: DeviceId,
    /// Its proof.
    pub secret: Secret,
    /// The invitation code, until the device has joined.
    pub join: Option<String>,
    /// Where the last answer left off; empty at first, opaque to the device.
    pub cursor: Vec<u8>,
    /// Digest of the directory that the device holds.
    pub directory: Option<[u8; 8]>,
    /// The device's clock.
    pub now: Millis,
    /// The most bytes of changes to answer with.
    pub page_bytes: u32,
    /// What the device has to send.
    pub batch: Option<Batch>,
}

/// Changes to push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Its number: the same when the same items are sent again, and never used for others.
    pub no: u64,
    /// The grids that the items name.
    pub grids: Vec<UnitId>,
    /// The changes, oldest first, a record's body before its vault.
    pub items: Vec<Item>,
}

/// One change of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The document.
    pub doc: DocId,
    /// The grid of its record, as a place in the batch's list.
    pub grid: u16,
    /// The change, byte for byte.
    pub change: Vec<u8>,
}

impl Batch {
    /// The digest that names the batch in its receipt.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let bytes = postcard::to_allocvec(self).unwrap_or_default();
        Sha256::digest(bytes).into()
    }
}

/// What the server did with one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemResult {
    /// Committed now, at this place of the log.
    Kept(u64),
    /// Was there already, at this place.
    Had(u64),
    /// Not taken; the device keeps it and shows why.
    Refused(Refusal),
}

/// The server's word that a batch is on its disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The number of the batch.
    pub no: u64,
    /// The digest of the batch as the server read it.
    pub digest: [u8; 32],
    /// One result for each item, in the batch's order.
    pub results: Vec<ItemResult>,
}

/// One change of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the log.
    pub seq: u64,
    /// The document.
    pub doc: DocId,
    /// Who wrote it, as a place in the answer's list.
    pub author: u16,
    /// When the server received it.
    pub received_at: Millis,
    /// The change, byte for byte as it was pushed.
    pub change: Vec<u8>,
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The server's clock.
    pub now: Millis,
    /// What became of the batch, if there was one.
    pub receipt: Option<Receipt>,
    /// The people whom the entries name.
    pub authors: Vec<PersonId>,
    /// What is new in the device's scope, in the order of the log.
    pub entries: Vec<Entry>,
    /// The next cursor; `None` when it stays as it is.
    pub cursor: Option<Vec<u8>>,
    /// Whether there is more to pull at once.
    pub more: bool,
    /// The place of the log up to which the station's devices have everything.
    pub seen: u64,
    /// The directory, when the device holds another one.
    pub directory: Option<Directory>,
}

/// What a supervisor's device asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverviewRequest {
    /// Which device.
    pub device: DeviceId,
    /// Its proof.
    pub secret: Secret,
    /// The unit to look at; the member's own unit when none is named.
    pub unit: Option<UnitId>,
    /// The days to count.
    pub period: Period,
}

/// The merged, de-identified picture of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// The server's clock.
    pub now: Millis,
    /// The units from the member's own down to this one.
    pub path: Vec<Unit>,
    /// The unit's counts.
    pub total: Counts,
    /// The counts of the units below it.
    pub children: Vec<UnitCounts>,
    /// Disputes by category.
    pub categories: Vec<CategoryCount>,
    /// Open records, the earliest due first, at most [`OVERVIEW_ROWS_MAX`].
    pub rows: Vec<PublicRow>,
    /// How many there are in all.
    pub rows_total: u32,
}

/// The most rows of an overview.
pub const OVERVIEW_ROWS_MAX: usize = 200;

/// Why a message cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Larger than the limit, packed or unpacked.
    #[error("the message is too large")]
    TooLarge,
    /// Of a version that this program does not speak.
    #[error("the message is of another version")]
    Version,
    /// Cut off or damaged.
    #[error("the message is damaged")]
    Damaged,
}

/// Writes a message.
#[must_use]
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    let fields = postcard::to_allocvec(message).unwrap_or_default();
    let packed = (fields.len() >= PACK_BYTES_MIN)
        .then(|| deflate(&fields))
        .flatten();
    let (method, body) = match packed {
        Some(packed) if packed.len() < fields.len() => (DEFLATED, packed),
        Some(_) | None => (AS_IT_IS, fields),
    };
    let mut bytes = vec![VERSION, method];
    bytes.extend(body);
    bytes
}

/// Reads a message.
///
/// # Errors
/// When it is too large, of another version or damaged.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, MessageError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(MessageError::TooLarge);
    }
    let [version, method, body @ ..] = bytes else {
        return Err(MessageError::Damaged);
    };
    if *version != VERSION {
        return Err(MessageError::Version);
    }
    let unpacked;
    let fields = match *method {
        AS_IT_IS => body,
        DEFLATED => {
            unpacked = inflate(body)?;
            unpacked.as_slice()
        }
        _ => return Err(MessageError::Damaged),
    };
    match postcard::take_from_bytes(fields) {
        Ok((message, [])) => Ok(message),
        Ok(_) | Err(_) => Err(MessageError::Damaged),
    }
}

fn deflate(fields: &[u8]) -> Option<Vec<u8>> {
    let mut packer = Compress::new(Compression::new(9), false);
    let mut out = Vec::with_capacity(fields.len() + 64);
    let done = packer
        .compress_vec(fields, &mut out, FlushCompress::Finish)
        .ok()?;
    (done == flate2::Status::StreamEnd).then_some(out)
}

fn inflate(body: &[u8]) -> Result<Vec<u8>, MessageError> {
    let mut unpacker = Decompress::new(false);
    let mut out = Vec::with_capacity(body.len().saturating_mul(4).min(UNPACKED_BYTES_MAX));
    loop {
        let read = usize::try_from(unpacker.total_in()).map_err(|_| MessageError::Damaged)?;
        let rest = body.get(read..).ok_or(MessageError::Damaged)?;
        let before = (unpacker.total_in(), unpacker.total_out());
        let status = unpacker
            .decompress_vec(rest, &mut out, FlushDecompress::Finish)
            .map_err(|_| MessageError::Damaged)?;
        if status == flate2::Status::StreamEnd {
            let whole = usize::try_from(unpacker.total_in()) == Ok(body.len());
            return if whole {
                Ok(out)
            } else {
                Err(MessageError::Damaged)
            };
        }
        if out.len() >= UNPACKED_BYTES_MAX {
            return Err(MessageError::TooLarge);
        }
        if out.len() == out.capacity() {
            let more = out.capacity().max(1024).min(UNPACKED_BYTES_MAX - out.len());
            out.reserve_exact(more);
        } else if before == (unpacker.total_in(), unpacker.total_out()) {
            return Err(MessageError::Damaged);
        }
    }
}

/// The fixed codes with which the server refuses a whole request. Never used for anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// The request cannot be read.
    BadRequest,
    /// The request is too large.
    TooLarge,
    /// The request came too slowly.
    TooSlow,
    /// The request is of a version that the server does not speak.
    OtherVersion,
    /// The device is unknown or its proof is wrong.
    UnknownDevice,
    /// The device was shut out.
    Revoked,
    /// The invitation code is not known.
    UnknownCode,
    /// The invitation code was used by another device.
    UsedCode,
    /// The invitation code is too old.
    ExpiredCode,
    /// Too many wrong attempts: wait.
    TooMany,
    /// The member may not ask for this.
    NotAllowed,
    /// There is no such thing.
    NotFound,
    /// The server cannot write: its disk is full.
    NoRoom,
    /// Something went wrong on the server; nothing was changed.
    Internal,
}

impl ErrorCode {
    /// All codes.
    pub const ALL: [Self; 14] = [
        Self::BadRequest,
        Self::TooLarge,
        Self::TooSlow,
        Self::OtherVersion,
        Self::UnknownDevice,
        Self::Revoked,
        Self::UnknownCode,
        Self::UsedCode,
        Self::ExpiredCode,
        Self::TooMany,
        Self::NotAllowed,
        Self::NotFound,
        Self::NoRoom,
        Self::Internal,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::OtherVersion => "other_version",
            Self::UnknownDevice => "unknown_device",
            Self::Revoked => "revoked",
            Self::UnknownCode => "unknown_code",
            Self::UsedCode => "used_code",
            Self::ExpiredCode => "expired_code",
            Self::TooMany => "too_many",
            Self::NotAllowed => "not_allowed",
            Self::NotFound => "not_found",
            Self::NoRoom => "no_room",
            Self::Internal => "internal",
        }
    }

    /// The code with this word.
    #[must_use]
    pub fn from_code(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.code() == word)
    }
}

/// An invitation code as typed, reduced to its eight letters and digits; `None` when it cannot be
/// one. Letters that are easily confused with digits are read as these.
#[must_use]
pub fn normal_code(typed: &str) -> Option<String> {
    let typed = crate::text::clean(typed).to_ascii_uppercase();
    let mut code = String::new();
    for letter in typed.chars().filter(|c| !matches!(c, '-' | ' ')) {
        code.push(match letter {
            'O' => '0',
            'I' | 'L' => '1',
            '0'..='9' | 'A'..='Z' if letter != 'U' => letter,
            _ => return None,
        });
    }
    (code.len() == 8).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle() -> Request {
        Request {
            device: DeviceId([1; 16]),
            secret: Secret([2; 16]),
            join: None,
            cursor: vec![3; 14],
            directory: Some([4; 8]),
            now: Millis(1_795_000_000_000),
            page_bytes: PAGE_BYTES_MAX,
            batch: None,
        }
    }

    #[test]
    fn messages_read_back_packed_or_not() {
        let mut request = idle();
        assert_eq!(decode(&encode(&request)), Ok(request.clone()));
        let grid = "g1".parse().expect("code");
        let doc = DocId::body(crate::id::RecordId::from_bytes([5; 16]));
        let items = (0..500)
            .map(|_| Item {
                doc,
                grid: 0,
                change: vec![7; 900],
            })
            .collect();
        request.batch = Some(Batch {
            no: 1,
            grids: vec![grid],
            items,
        });
        let bytes = encode(&request);
        assert!(bytes.len() < 20_000, "{}", bytes.len());
        assert_eq!(decode(&bytes), Ok(request));
    }

    #[test]
    fn an_idle_exchange_is_below_100_bytes() {
        let answer = Answer {
            now: Millis(1_795_000_000_000),
            receipt: None,
            authors: Vec::new(),
            entries: Vec::new(),
            cursor: None,
            more: false,
            seen: 50_000_000,
            directory: None,
        };
        let bytes = encode(&idle()).len() + encode(&answer).len();
        assert!(bytes <= 100, "{bytes}");
    }

    #[test]
    fn damaged_messages_are_refused() {
        let bytes = encode(&idle());
        for len in 0..bytes.len() {
            assert!(decode::<Request>(&bytes[..len]).is_err(), "cut at {len}");
        }
        let mut other = bytes.clone();
        other[0] = 9;
        assert_eq!(decode::<Request>(&other), Err(MessageError::Version));
        let mut longer = bytes;
        longer.push(0);
        assert_eq!(decode::<Request>(&longer), Err(MessageError::Damaged));
        assert_eq!(
            decode::<Request>(&vec![1; MESSAGE_BYTES_MAX + 1]),
            Err(MessageError::TooLarge)
        );
    }

    #[test]
    fn a_deflate_bomb_stops_at_the_limit() {
        let bomb = deflate(&vec![0; UNPACKED_BYTES_MAX * 8]).expect("packs");
        let mut bytes = vec![VERSION, DEFLATED];
        bytes.extend(bomb);
        assert!(bytes.len() < MESSAGE_BYTES_MAX);
        assert_eq!(decode::<Request>(&bytes), Err(MessageError::TooLarge));
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        for typed in ["abcd-2o1l", " ABCD 2011", "ＡＢＣＤ２０１１"] {
            assert_eq!(normal_code(typed).as_deref(), Some("ABCD2011"), "{typed}");
        }
        for typed in ["", "ABCD", "ABCD-201!", "ABCD-20111", "UUUU-UUUU"] {
            assert_eq!(normal_code(typed), None, "{typed}");
        }
    }

    #[test]
    fn error_codes_read_back() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_code(code.code()), Some(code));
        }
    }
}
