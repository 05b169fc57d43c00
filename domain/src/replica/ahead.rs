//! Rows that went before their records: what becomes of them when their grid leaves the scope.
//!
//! A first load brings rows first. When a person is moved to other grids in the middle of it, it
//! begins anew, and the records of the grids that were left never come: their rows go again. Nobody
//! wrote on them, so nothing is lost; should the grid come back, everything in it does.

use std::collections::{BTreeMap, BTreeSet};

use super::{Replica, StoredRecord, WriteBatch};
use crate::access::{self, Reach};
use crate::id::{RecordId, UnitId};
use crate::unit::Directory;
use crate::view::Row;

/// The records whose rows came ahead, by grid, until the first load is over.
pub type Ahead = BTreeMap<UnitId, BTreeSet<RecordId>>;

/// The most rows that go with one answer: each is read before.
const STRAYS_MAX: usize = 512;

/// The records whose rows came ahead and that never come: their grids are not in scope.
pub(super) fn strays(ahead: &Ahead, known: &Directory) -> BTreeSet<RecordId> {
    let gone = ahead.iter().filter(|(grid, _)| !in_scope(known, grid));
    let strays = gone.flat_map(|(_, records)| records).copied();
    strays.take(STRAYS_MAX).collect()
}

fn in_scope(known: &Directory, grid: &UnitId) -> bool {
    access::reach(&known.me) == Reach::Documents && known.grids.iter().any(|one| one.id == *grid)
}

/// Takes away the row of a stray, where nothing but the row is there.
pub(super) fn drop_row(stored: &StoredRecord, batch: &mut WriteBatch) {
    if stored.is_ahead() && stored.vault.is_empty() {
        batch.expect.push((stored.id, 0));
        batch.rows_drop.push(stored.id);
    }
}

/// What is still ahead once rows were added and strays went; what is in scope has come where the
/// first load is `over`.
pub(super) fn after(
    mut ahead: Ahead,
    rows: &[Row],
    strays: &BTreeSet<RecordId>,
    over: Option<&Directory>,
) -> Ahead {
    for row in rows {
        let records = ahead.entry(row.grid.clone()).or_default();
        records.insert(row.id);
    }
    for records in ahead.values_mut() {
        records.retain(|record| !strays.contains(record));
    }
    ahead.retain(|grid, records| {
        !records.is_empty() && over.is_none_or(|known| !in_scope(known, grid))
    });
    ahead
}

impl Replica {
    /// Whether rows are to go that no answer has to bring anything for.
    pub(super) fn has_strays(&self) -> bool {
        let known = self.directory.as_ref();
        known.is_some_and(|known| !strays(&self.ahead, known).is_empty())
    }
}
