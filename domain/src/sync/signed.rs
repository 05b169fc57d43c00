//! Signed requests: what a device signs, where its signature goes, and what it proves later.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::message::{MessageError, PageDigest, Secret};
use crate::id::{ChangeHash, DeviceId, DocId, Part};
use crate::time::Millis;

/// The first byte of a request that ends with a signature.
pub const SIGNED: u8 = 5;
/// The bytes of a signature: ECDSA over P-256 with SHA-256, both numbers with the high end first.
pub const SIGNATURE_BYTES: usize = 64;
/// Keeps a signature from being taken for one of anything else.
const LABEL: &[u8] = b"fengge request 5\0";

/// The public half of a device's key: a point of P-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Its first coordinate, the high end first.
    pub x: [u8; 32],
    /// Its second coordinate.
    pub y: [u8; 32],
}

impl PublicKey {
    /// Reads both coordinates, one after the other; `None` when there are not 64 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (x, y) = bytes.split_first_chunk()?;
        Some(Self {
            x: *x,
            y: y.try_into().ok()?,
        })
    }

    /// Reads a point as browsers write it: a byte 4 and both coordinates.
    #[must_use]
    pub fn from_point(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [4, both @ ..] => Self::from_bytes(both),
            _ => None,
        }
    }

    /// The point as libraries read it: a byte 4 and both coordinates.
    #[must_use]
    pub fn point(&self) -> Vec<u8> {
        [&[4], self.x.as_slice(), self.y.as_slice()].concat()
    }
}

/// What a device tells of itself with its first signed request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// Which device.
    pub device: DeviceId,
    /// Its proof until now.
    pub secret: Secret,
    /// What its signatures are checked with from now on.
    pub key: PublicKey,
    /// The invitation code, until the device has joined.
    pub join: Option<String>,
}

/// The beginning of a device's name: enough to find it by.
pub type DeviceHead = [u8; 8];

/// The beginning of this device's name.
#[must_use]
pub fn head_of_device(device: DeviceId) -> DeviceHead {
    device.0.first_chunk().copied().unwrap_or_default()
}

/// The head of a signed request, as it travels.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) device: DeviceHead,
    pub(super) now: Millis,
    pub(super) digest: PageDigest,
    pub(super) enrolment: Option<Enrolment>,
}

/// What a signature vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The beginning of the signing device's name.
    pub device: DeviceHead,
    /// The device's clock.
    pub now: Millis,
    /// The digest of the batch.
    pub digest: PageDigest,
    /// The SHA-256 of the request before its signature.
    pub message: [u8; 32],
}

impl Claim {
    /// The bytes that are signed.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let now = self.now.0.to_be_bytes();
        [LABEL, &self.device, &now, &self.digest, &self.message].concat()
    }

    /// Whether the names of a batch are those that its digest stands for.
    #[must_use]
    pub fn is_of(&self, names: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(names).into();
        digest.starts_with(&self.digest)
    }
}

/// A request's proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What is signed.
    pub claim: Claim,
    /// The signature.
    pub signature: [u8; SIGNATURE_BYTES],
}

/// A request that ends with a signature which nobody has looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unproven<'a> {
    /// The device's clock, as the head says.
    pub(super) now: Millis,
    /// The digest of the batch, as the head says.
    pub(super) digest: PageDigest,
    device: DeviceHead,
    message: &'a [u8],
    signature: &'a [u8; SIGNATURE_BYTES],
}

impl Unproven<'_> {
    /// The proof, for which all of the request is hashed.
    pub(super) fn signed(&self) -> Signed {
        let head = (self.device, self.now, self.digest);
        Signed {
            claim: claim(head, self.message),
            signature: *self.signature,
        }
    }
}

/// Reads the ends of a signed request, and gives its head and the rest unread.
pub(super) fn open(bytes: &[u8]) -> Result<(Head, Unproven<'_>, &[u8]), MessageError> {
    let (message, signature) = bytes.split_last_chunk().ok_or(MessageError::Damaged)?;
    let (head, rest) = read(message).ok_or(MessageError::Damaged)?;
    let unproven = Unproven {
        now: head.now,
        digest: head.digest,
        device: head.device,
        message,
        signature,
    };
    Ok((head, unproven, rest))
}

/// The bytes to sign, where this request wants a signature.
#[must_use]
pub fn to_sign(message: &[u8]) -> Option<Vec<u8>> {
    let (head, _) = read(message)?;
    Some(claim((head.device, head.now, head.digest), message).bytes())
}

/// Ends a request with its signature.
#[must_use]
pub fn signed(mut message: Vec<u8>, signature: &[u8; SIGNATURE_BYTES]) -> Vec<u8> {
    message.extend(signature);
    message
}

/// Reads the head of a signed request, of which the rest need not be there.
pub(super) fn read(message: &[u8]) -> Option<(Head, &[u8])> {
    match message {
        [SIGNED, rest @ ..] => postcard::take_from_bytes(rest).ok(),
        _ => None,
    }
}

fn claim((device, now, digest): (DeviceHead, Millis, PageDigest), message: &[u8]) -> Claim {
    Claim {
        device,
        now,
        digest,
        message: Sha256::digest(message).into(),
    }
}

/// The bytes by which a batch names a change, in its digest and in its proof.
pub(super) fn name(doc: DocId, hash: ChangeHash) -> [u8; 49] {
    let mut name = [0; 49];
    let part = [u8::from(doc.part == Part::Vault)];
    let bytes = doc.record.bytes();
    let all = bytes.iter().chain(&part).chain(&hash.0);
    for (slot, byte) in name.iter_mut().zip(all) {
        *slot = *byte;
    }
    name
}

/// Whether the names of a batch hold this change: `Some(true)` where its sender says that they wrote
/// it, `Some(false)` where they pass on what somebody else wrote.
#[must_use]
pub fn names(names: &[u8], doc: DocId, hash: ChangeHash) -> Option<bool> {
    let wanted = name(doc, hash);
    let at = names
        .windows(wanted.len())
        .position(|name| *name == wanted)?;
    let author = names.get(at.checked_sub(2)?..at)?;
    Some(author == [0, 0])
}
