//! What waits to be sent, as requests that somebody else carries to the server.

use super::exchange::batch;
use super::{OutboxItem, Replica};
use crate::sync::bundle::REQUESTS_MAX;
use crate::sync::message::{Ask, BATCH_BYTES_MAX, BATCH_ITEMS_MAX, Request};
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
        let requests = batches(items).take(REQUESTS_MAX).map(|items| {
            let request = Request {
                device: self.device,
                secret: self.secret,
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
