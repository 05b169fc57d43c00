//! Which of the changes it is that the server cannot read: a request that is refused whole is sent again
//! in smaller groups, until the one is found that stands in the way of the others.

use super::OutboxItem;
use crate::sync::message::{BATCH_ITEMS_MAX, ErrorCode};

/// So often a change is refused alone, each time with an answer to a request without it in between,
/// before it is set aside: a line that damages a request now and then is no such change.
const STRIKES_MAX: u8 = 3;

/// What is known of a request that was refused whole.
#[derive(Debug)]
pub(super) struct Doubt {
    /// The most changes that the next request brings.
    most: usize,
    /// The one that was refused alone, until a request without it is answered: then it was not the
    /// server.
    suspect: Option<OutboxItem>,
    /// How often that was so.
    strikes: u8,
}

impl Default for Doubt {
    fn default() -> Self {
        Self {
            most: BATCH_ITEMS_MAX,
            suspect: None,
            strikes: 0,
        }
    }
}

impl Doubt {
    /// The most changes that the next request brings.
    pub(super) const fn items_max(&self) -> usize {
        self.most
    }

    /// Whether the next request is to bring nothing, so that its answer tells of the last one.
    pub(super) const fn asks_without(&self) -> bool {
        self.suspect.is_some()
    }

    /// A request with these changes was refused; whether another one is to be sent at once.
    pub(super) fn refused(&mut self, code: ErrorCode, items: &[OutboxItem]) -> bool {
        if !matches!(code, ErrorCode::BadRequest | ErrorCode::TooLarge) {
            return false;
        }
        match items {
            [] => {
                // It is not the changes.
                self.suspect = None;
                self.strikes = 0;
                false
            }
            [one] => {
                self.suspect = Some(one.clone());
                true
            }
            many => {
                self.most = many.len() / 2;
                true
            }
        }
    }

    /// A request with so many changes was answered; the change that stood in the way, once that is
    /// beyond doubt.
    pub(super) fn answered(&mut self, items: usize) -> Option<OutboxItem> {
        if items > 0 {
            self.most = self.most.saturating_mul(2).min(BATCH_ITEMS_MAX);
            self.strikes = 0;
            return None;
        }
        let suspect = self.suspect.take()?;
        self.strikes += 1;
        if self.strikes < STRIKES_MAX {
            return None;
        }
        self.strikes = 0;
        Some(suspect)
    }
}
