//! What the server does not have, put where it belongs: into the outbox, aside, or nowhere.

use std::collections::BTreeSet;

use super::super::{Aside, AsideReason, StoredChange, StoredRecord, Way, WriteBatch};
use super::Passing;
use crate::id::{ChangeHash, DocId, PersonId, UnitId};
use crate::sync::sum::{Mark, Sums};
use crate::time::Millis;
use crate::view::case::Opened;

/// Changes that the server does not have, on their way to where they belong.
pub(super) struct Putting<'a> {
    pub(super) me: Option<&'a PersonId>,
    pub(super) wanted_back: &'a BTreeSet<[u8; 16]>,
    pub(super) now: Millis,
    pub(super) passing: Passing,
    pub(super) sums: Sums,
    pub(super) batch: WriteBatch,
}

impl Putting<'_> {
    /// Sees to a record's lost changes: the person's own go into the outbox as if they had never been
    /// sent. Those of others go there too where the server takes them, and stay as they are otherwise,
    /// and also when it refuses them. What came by hand is set aside; what of it is not lost, the
    /// server has.
    pub(super) fn put_back(&mut self, stored: &StoredRecord, lost: &BTreeSet<(DocId, ChangeHash)>) {
        let Some(row) = &stored.row else { return };
        let mut row = row.clone();
        let mut left = stored.clone();
        let (mut places, mut last) = (Vec::new(), 0);
        let (mut changed, mut gone) = (false, false);
        for (doc, change) in stored.changes() {
            let Some(seq) = change.seq else { continue };
            let is_lost = lost.contains(&(doc, change.hash));
            let is_own = self.me.is_none_or(|me| *me == change.author);
            // The server had it, and only its bytes are damaged there.
            let mark = Mark::of(doc, change.hash).short();
            let is_wanted = is_lost && self.wanted_back.contains(&mark);
            if is_lost && change.way.by_hand && !is_wanted {
                self.set_aside(&row.grid, (doc, change));
                left.body.retain(|kept| kept.hash != change.hash);
                left.vault.retain(|kept| kept.hash != change.hash);
                (changed, gone) = (true, true);
                continue;
            }
            if change.way.by_hand {
                self.batch.changes.push((doc, confirmed(change)));
                changed = true;
            }
            if is_lost && !is_own && !self.passing.is_taken && !is_wanted {
                self.passing.waits = true;
            } else if is_lost {
                places.push((seq, doc, change, is_own));
            }
            if !is_lost || !is_own {
                last = last.max(seq);
            }
        }
        changed = changed || !places.is_empty();
        if !changed {
            return;
        }
        // In the order of the log, in which each change comes after those that it follows.
        places.sort_unstable_by_key(|(seq, doc, ..)| (*seq, *doc));
        for (_, doc, change, is_own) in places {
            self.send_again(&row.grid, (doc, change), is_own);
            row.delivery.unsent = row.delivery.unsent.saturating_add(1);
        }
        let rev = row.delivery.rev;
        self.batch.expect.push((stored.id, rev));
        if gone {
            // Without what was set aside the record may look different, or not be there at all.
            match Opened::open(&left).row(stored.id, Some(&row)) {
                Ok(folded) => row = folded,
                Err(_) => return self.batch.rows_drop.push(stored.id),
            }
        }
        row.delivery.rev = rev.wrapping_add(1);
        row.delivery.seq = last;
        self.batch.rows.push(row);
    }

    /// Puts a change into the outbox again; a person's own as if it had never been sent.
    fn send_again(&mut self, grid: &UnitId, (doc, change): (DocId, &StoredChange), is_own: bool) {
        if is_own {
            let sum = self.sums.entry(grid.clone()).or_default();
            sum.remove(Mark::of(doc, change.hash));
        }
        let again = StoredChange {
            seq: change.seq.filter(|_| !is_own),
            ..confirmed(change)
        };
        self.batch.changes.push((doc, again));
        let entry = (doc, grid.clone(), change.hash);
        self.batch.outbox_add.push(entry);
    }

    /// Sets a change aside that came by hand and is not the server's.
    fn set_aside(&mut self, grid: &UnitId, (doc, change): (DocId, &StoredChange)) {
        let sum = self.sums.entry(grid.clone()).or_default();
        sum.remove(Mark::of(doc, change.hash));
        self.batch.drop_changes.push((doc, change.hash));
        self.batch.aside.push(Aside {
            doc: Some(doc),
            hash: Some(change.hash),
            reason: AsideReason::NotConfirmed,
            at: self.now,
            bytes: change.bytes.clone(),
        });
    }
}

/// The change as one that came from the server.
fn confirmed(change: &StoredChange) -> StoredChange {
    let way = Way {
        by_hand: false,
        ..change.way.clone()
    };
    StoredChange {
        way,
        ..change.clone()
    }
}
