//! What waits to be sent, as requests that somebody else carries to the server.

use super::exchange::batch;
use super::{LinkFailure, OutboxItem, Replica};
use crate::id::{DeviceId, PersonId};
use crate::sync::bundle::REQUESTS_MAX;
use crate::sync::message::{
    Answer, Ask, BATCH_BYTES_MAX, BATCH_ITEMS_MAX, ErrorCode, ItemResult, Request, Secret,
};
use crate::time::Millis;

impl Replica {
    /// The outbox as requests, as many as a bundle holds, each to be ended with the device's signature. They ask for nothing, so
    /// whoever carries them hears only whether they were taken; what is carried stays in the outbox
    /// until the server itself says that it has it. `None` while the server does not know the
    /// device's key: telling it needs the secret, which is not for others to carry.
    #[must_use]
    pub fn carried(&self, items: &[OutboxItem], now: Millis) -> Option<Vec<Vec<u8>>> {
        if self.key.is_none() || self.enrolled != self.key {
            return None;
        }
        let me = self.directory.as_ref().map(|known| &known.me.person);
        requests(self.device, me, items, now)
    }
}

/// What waits on a device as requests for somebody else to carry, each to be ended with the device's
/// signature. `me` is the device's person; `None` where nothing else than that person's work waits.
#[must_use]
pub fn requests(
    device: DeviceId,
    me: Option<&PersonId>,
    items: &[OutboxItem],
    now: Millis,
) -> Option<Vec<Vec<u8>>> {
    let requests = batches(items).take(REQUESTS_MAX).map(|items| {
        let request = Request {
            device,
            // A signature stands in its place.
            secret: Secret([0; 16]),
            join: None,
            ask: Ask {
                cursor: Vec::new(),
                directory: None,
                now,
                page_kib: 0,
                sound: false,
                // The server may not have what an exchange that is under way brings.
                whole: true,
                repair: None,
            },
            batch: batch(items, me),
        };
        request.encode_to_sign(None)
    });
    requests.collect()
}

/// What becomes of a request that somebody carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The server answered for its changes: it need not be carried any further.
    Heard {
        /// How many of them it has.
        taken: usize,
        /// How many it refuses; their phone keeps them.
        refused: usize,
    },
    /// The server will never take it as it is.
    Refused,
    /// The server cannot take it now; the next one may go.
    Later,
    /// The server was not reached: all of them wait.
    Waits,
}

impl Fate {
    /// The fate that an answer of the link means.
    #[must_use]
    pub fn of(answer: Result<&[u8], LinkFailure>) -> Self {
        let receipt = match answer {
            Ok(bytes) => match Answer::decode(bytes) {
                Ok(lean) => lean.answer.receipt,
                Err(_) => return Self::Waits,
            },
            Err(LinkFailure::Refused(code)) if is_final(code) => return Self::Refused,
            Err(LinkFailure::Refused(_) | LinkFailure::Wait(_)) => return Self::Later,
            Err(LinkFailure::Offline | LinkFailure::NotOurs) => return Self::Waits,
        };
        // An answer to a request that brought no changes: nothing is left to carry.
        let results = receipt.map(|receipt| receipt.results).unwrap_or_default();
        let is_refused = |result: &&ItemResult| matches!(result, ItemResult::Refused(_));
        let refused = results.iter().filter(is_refused).count();
        Self::Heard {
            taken: results.len() - refused,
            refused,
        }
    }
}

/// Whether a request that is refused so is refused for good.
const fn is_final(code: ErrorCode) -> bool {
    match code {
        ErrorCode::BadRequest
        | ErrorCode::TooLarge
        | ErrorCode::OtherVersion
        | ErrorCode::Unknown
        | ErrorCode::UnknownDevice
        | ErrorCode::UnknownKey
        | ErrorCode::KeyLocked
        | ErrorCode::TooManyKeys
        | ErrorCode::Revoked
        | ErrorCode::UnknownCode
        | ErrorCode::UsedCode
        | ErrorCode::ExpiredCode
        | ErrorCode::TooFine
        | ErrorCode::NotAllowed
        | ErrorCode::NotFound
        | ErrorCode::Checksum
        | ErrorCode::NotAPhoto => true,
        ErrorCode::TooSlow | ErrorCode::TooMany | ErrorCode::NoRoom | ErrorCode::Internal => false,
    }
}

/// The items in runs that fit into a batch each.
fn batches(mut items: &[OutboxItem]) -> impl Iterator<Item = &[OutboxItem]> {
    core::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |item: &&OutboxItem| {
            bytes += item.bytes.len();
            bytes <= BATCH_BYTES_MAX
        };
        let count = items.iter().take(BATCH_ITEMS_MAX).take_while(fits).count();
        let (run, rest) = items.split_at(count.max(1).min(items.len()));
        items = rest;
        (!run.is_empty()).then_some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Refusal;
    use crate::sync::message::{PageDigest, Receipt};

    #[test]
    fn bd6_only_the_server_s_own_word_ends_the_carrying() {
        let receipt = Receipt {
            no: 0,
            digest: PageDigest::default(),
            results: vec![
                ItemResult::Kept(4),
                ItemResult::Had(2),
                ItemResult::Refused(Refusal::NotYourGrid),
            ],
        };
        let answer = Answer::receipt_alone(Millis(1), Some(receipt)).encode(true);
        let heard = Fate::Heard {
            taken: 2,
            refused: 1,
        };
        assert_eq!(Fate::of(Ok(&answer)), heard);
        // A portal's page, half an answer, and no answer at all.
        assert_eq!(Fate::of(Ok(b"<html>login</html>")), Fate::Waits);
        assert_eq!(Fate::of(Ok(&answer[..answer.len() - 1])), Fate::Waits);
        for failure in [LinkFailure::Offline, LinkFailure::NotOurs] {
            assert_eq!(Fate::of(Err(failure)), Fate::Waits, "{failure:?}");
        }
        for (code, fate) in [
            (ErrorCode::NoRoom, Fate::Later),
            (ErrorCode::TooMany, Fate::Later),
            (ErrorCode::Internal, Fate::Later),
            (ErrorCode::UnknownKey, Fate::Refused),
            (ErrorCode::Revoked, Fate::Refused),
        ] {
            let failure = LinkFailure::Refused(code);
            assert_eq!(Fate::of(Err(failure)), fate, "{code:?}");
        }
    }
}
