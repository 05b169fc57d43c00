//! Rows made again: from a record's changes, when the stored row is damaged or of another version.

use std::collections::BTreeMap;

use domain::id::RecordId;
use domain::replica::{Aside, AsideReason, StoredRecord};
use domain::view::case::Opened;
use domain::view::{Delivery, Row};

use super::codec;

/// What the rest of the store knows about the way of each record.
#[derive(Debug, Default)]
pub(super) struct Ways {
    unsent: BTreeMap<RecordId, u32>,
    refused: BTreeMap<RecordId, u32>,
}

impl Ways {
    /// From the bytes of the outbox and of what was set aside.
    pub(super) fn read<'a>(
        outbox: impl Iterator<Item = &'a [u8]>,
        aside: impl Iterator<Item = &'a [u8]>,
    ) -> Self {
        let mut ways = Self::default();
        for (doc, ..) in outbox.filter_map(codec::decode_waiting) {
            *ways.unsent.entry(doc.record).or_default() += 1;
        }
        for aside in aside.filter_map(codec::decode_aside) {
            if let Aside {
                doc: Some(doc),
                reason: AsideReason::Refused(_),
                ..
            } = aside
            {
                *ways.refused.entry(doc.record).or_default() += 1;
            }
        }
        ways
    }
}

/// The row of `record`; `None` when its changes do not make one.
///
/// `rev` is that of the row which cannot be read, so that whoever loaded it before is not stopped.
pub(super) fn row(record: &StoredRecord, rev: u32, ways: &Ways) -> Option<Row> {
    let mut row = Opened::open(record).row(record.id, None).ok()?;
    let places = record
        .body
        .iter()
        .chain(&record.vault)
        .filter_map(|change| change.seq);
    row.delivery = Delivery {
        rev,
        unsent: ways.unsent.get(&record.id).copied().unwrap_or_default(),
        refused: ways.refused.get(&record.id).copied().unwrap_or_default(),
        seq: places.max().unwrap_or_default(),
    };
    Some(row)
}
