//! Mending: when the sums tell that device and server hold different changes, the device finds out
//! which, asks for what it lacks and sends again what the server has lost.
//!
//! It costs nothing while the sums are equal. A server that was restored from an older backup gets what
//! a person wrote back from that person's devices, without anybody's help; what others wrote it gets
//! while it says that healing is open, and until then the difference is known and quiet. A device that
//! lost a part of its store is mended in the same way.

mod putting;

use std::collections::{BTreeMap, BTreeSet};

use putting::Putting;

use super::exchange::Phase;
use super::{
    Activity, Cause, Effect, MetaKey, OutboxItem, Replica, StoredRecord, Ticket, WriteBatch,
};
use crate::access::Refusal;
use crate::id::{ChangeHash, DocId, RecordId, UnitId};
use crate::sync::backoff::IDLE_MS;
use crate::sync::message::{Answer, ItemResult};
use crate::sync::repair::{Comparison, Held, Repair, Repaired, WANTED_MAX};
use crate::sync::sum::{Mark, ShortSum, Sums, combined};
use crate::time::Millis;

/// How often a device compares its store with its own sums, change by change, without being asked.
pub const CHECK_EVERY_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Records whose changes are put into the outbox again at a time: each is held in memory.
const RECORDS_AT_ONCE: usize = 64;

/// How far the search for a difference has come.
#[derive(Debug, Default)]
enum Step {
    /// There is none, or none that can be mended.
    #[default]
    Quiet,
    /// The changes in the store are to be read.
    Scan,
    /// The server is asked which streams differ.
    Streams(Vec<Held>),
    /// The changes of the streams that differ are compared.
    Ranges {
        held: Vec<Held>,
        request: Repair,
        comparison: Box<Comparison>,
    },
    /// What the device lacks is asked for.
    Fetch(Vec<[u8; 16]>),
}

/// The changes of a record that the server does not have; none where only the way is to be noted on
/// which others came.
type Lost = BTreeMap<RecordId, BTreeSet<(DocId, ChangeHash)>>;

/// What a device knows of a difference.
#[derive(Debug, Default)]
pub(super) struct Mending {
    step: Step,
    lost: Lost,
    /// The server's sum at the last exchange.
    server: ShortSum,
    /// A difference that stayed after it was looked into: a change that one side cannot take.
    known_gap: Option<u64>,
    /// The difference when the last search began. One that is the same when it ends, stays; another
    /// one came up while it was looked for, and is looked into in its turn.
    looked_into: Option<u64>,
    /// A search has just ended.
    ended: bool,
    /// The sums were equal, or their difference is known.
    pub(super) sound: bool,
    /// Changes that the server did not take because it lacks what they follow.
    missed: BTreeSet<ChangeHash>,
    /// A record that somebody wants to see before its turn.
    opened: Option<RecordId>,
    /// The one that the last request asked for.
    asked: Option<RecordId>,
    passing: Passing,
    /// The device began anew because its store was empty; it does so once.
    began_anew: bool,
    /// Changes that are damaged at the server, by the first halves of their marks: it takes them back
    /// from anybody and whoever wrote them, also while healing is closed. Whatever else keeps a change
    /// from being put back does not hold for these.
    wanted_back: BTreeSet<[u8; 16]>,
}

/// How it stands with what others wrote and the server does not have.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Passing {
    /// The server takes what is passed on for others, as it said last.
    pub(super) is_taken: bool,
    /// Something is here and not there, and waits until the server takes it.
    pub(super) waits: bool,
}

/// Lost changes on their way back into the outbox.
#[derive(Debug)]
pub(super) struct Requeuing {
    pub(super) ticket: Ticket,
    records: Vec<RecordId>,
    changed: Vec<RecordId>,
    sums: Sums,
    by_hand: BTreeMap<RecordId, UnitId>,
    /// Something goes into the outbox.
    pushes: bool,
    now: Millis,
}

impl Mending {
    /// What is to be asked of the server.
    pub(super) fn question(&mut self, sums: &Sums) -> Option<Repair> {
        self.asked = None;
        match &self.step {
            Step::Quiet | Step::Scan => {
                self.asked = self.opened;
                self.opened.map(Repair::Record)
            }
            Step::Streams(_) => {
                let streams = sums.iter().map(|(id, sum)| (id.clone(), sum.short()));
                Some(Repair::Streams(streams.collect()))
            }
            Step::Ranges { request, .. } => Some(request.clone()),
            Step::Fetch(wanted) => {
                let some = wanted.iter().take(WANTED_MAX);
                Some(Repair::Wanted(some.copied().collect()))
            }
        }
    }

    /// What was asked for by name.
    pub(super) fn wanted(&self) -> BTreeSet<[u8; 16]> {
        match &self.step {
            Step::Fetch(wanted) => wanted.iter().copied().collect(),
            Step::Quiet | Step::Scan | Step::Streams(_) | Step::Ranges { .. } => BTreeSet::new(),
        }
    }

    /// Has the store looked through before the next exchange.
    pub(super) fn suspect(&mut self) {
        if matches!(self.step, Step::Quiet) {
            self.step = Step::Scan;
        }
    }

    const fn is_searching(&self) -> bool {
        !matches!(self.step, Step::Quiet)
    }

    /// Whether something is to be done at once.
    pub(super) fn is_busy(&self) -> bool {
        self.is_searching() || !self.lost.is_empty()
    }

    /// Whether the server lacks something that others are to bring, or may be allowed to.
    pub(super) fn waits_for_others(&self) -> bool {
        !self.wanted_back.is_empty() || self.passing.waits
    }

    /// Which of the changes that the server refused stay in the outbox: what they follow may be
    /// lost there, and is then sent again. Once nothing more can bring it, they do not.
    pub(super) fn keep_back(
        &mut self,
        pushed: &[(OutboxItem, ItemResult)],
        (answer, left): (&Answer, bool),
    ) -> BTreeSet<ChangeHash> {
        let moved = pushed
            .iter()
            .any(|(_, result)| matches!(result, ItemResult::Kept(_)));
        // While the server waits for something damaged, or this device for the server to take what
        // others wrote, what follows it waits with it; only the last page of an answer tells.
        let waits = self.waits_for_others() || !answer.wanted_back().is_empty() || answer.more;
        let hopeless = !left && !moved && !waits && !self.is_busy();
        let mut kept = BTreeSet::new();
        for (item, result) in pushed {
            if *result == ItemResult::Refused(Refusal::MissingDeps) {
                let first = self.missed.insert(item.hash);
                if first || !hopeless {
                    kept.insert(item.hash);
                } else {
                    self.missed.remove(&item.hash);
                }
            }
        }
        kept
    }

    /// Takes note of what the server wants back; where it names something new, even a difference that
    /// was known is looked into again.
    fn note_wanted_back(&mut self, wanted: BTreeSet<[u8; 16]>) {
        if !wanted.is_subset(&self.wanted_back) {
            self.known_gap = None;
        }
        self.wanted_back = wanted;
    }

    /// Compares the server's sum with the device's own; whether they are equal.
    fn compare(&mut self, server: ShortSum, own: ShortSum) -> bool {
        self.server = server;
        if self.is_busy() {
            return false;
        }
        let gap = gap(server, own);
        if gap == 0 {
            self.known_gap = None;
            self.sound = true;
            self.passing.waits = false;
        } else if self.known_gap == Some(gap) || (self.ended && self.looked_into == Some(gap)) {
            // Both sums move alike with whatever is new; their difference stays.
            self.known_gap = Some(gap);
            self.sound = true;
        } else {
            self.sound = false;
            self.step = Step::Scan;
        }
        self.ended = false;
        gap == 0
    }

    /// Goes on with what the server said; `again` where its changes could not be rebuilt and come once
    /// more with every name in full. Says whether a comparison came to its end.
    fn go_on(&mut self, answer: &Answer, again: bool) -> bool {
        // Whatever came of it, it is not asked for again by itself.
        if self.asked.is_some() && self.opened == self.asked {
            self.opened = None;
        }
        let (step, compared) = match (core::mem::take(&mut self.step), &answer.repaired) {
            (Step::Streams(held), Some(Repaired::Streams(differing))) => {
                (begin(held, differing), false)
            }
            (
                Step::Ranges {
                    held,
                    request: Repair::Ranges { streams, .. },
                    comparison,
                },
                Some(Repaired::Ranges(message)),
            ) => self.compare_on(held, streams, comparison, message),
            (Step::Fetch(wanted), _) if again => (Step::Fetch(wanted), false),
            (Step::Fetch(wanted), _) => (still_wanted(wanted, answer), false),
            // The answer was lost to an older server or another tab: whatever differs shows again.
            (Step::Streams(_) | Step::Ranges { .. }, _) => (Step::Quiet, false),
            (step @ (Step::Quiet | Step::Scan), _) => {
                self.step = step;
                return false;
            }
        };
        self.step = step;
        self.ended = !self.is_searching();
        compared
    }

    /// Goes on with a comparison; whether it came to its end.
    fn compare_on(
        &mut self,
        held: Vec<Held>,
        streams: Vec<UnitId>,
        mut comparison: Box<Comparison>,
        message: &[u8],
    ) -> (Step, bool) {
        match comparison.step(message) {
            Err(_) => (Step::Quiet, false),
            Ok(Some(message)) => {
                let request = Repair::Ranges { streams, message };
                let step = Step::Ranges {
                    held,
                    request,
                    comparison,
                };
                (step, false)
            }
            Ok(None) => {
                let ours: BTreeSet<Mark> = comparison.ours.iter().copied().collect();
                for held in held {
                    if ours.contains(&Mark::of(held.doc, held.hash)) {
                        let lost = self.lost.entry(held.doc.record).or_default();
                        lost.insert((held.doc, held.hash));
                    }
                }
                let theirs: Vec<_> = comparison.theirs.iter().map(|mark| mark.short()).collect();
                let next = if theirs.is_empty() {
                    Step::Quiet
                } else {
                    Step::Fetch(theirs)
                };
                (next, true)
            }
        }
    }
}

/// How two sums differ.
const fn gap(server: ShortSum, own: ShortSum) -> u64 {
    u64::from_le_bytes(server).wrapping_sub(u64::from_le_bytes(own))
}

/// Begins to compare the changes of the streams that differ.
fn begin(mut held: Vec<Held>, differing: &[UnitId]) -> Step {
    held.retain(|held| differing.contains(&held.grid));
    if differing.is_empty() {
        return Step::Quiet;
    }
    match Comparison::begin(held.iter().map(|held| (held.doc, held.hash))) {
        Ok((comparison, message)) => Step::Ranges {
            held,
            request: Repair::Ranges {
                streams: differing.to_vec(),
                message,
            },
            comparison: Box::new(comparison),
        },
        Err(_) => Step::Quiet,
    }
}

/// What is wanted after an answer; nothing when it brought none of it.
fn still_wanted(mut wanted: Vec<[u8; 16]>, answer: &Answer) -> Step {
    let entries = answer.entries.iter();
    let came: BTreeSet<_> = entries
        .map(|entry| Mark::of(entry.doc, entry.change.hash()).short())
        .collect();
    let before = wanted.len();
    wanted.retain(|mark| !came.contains(mark));
    if wanted.is_empty() || wanted.len() == before {
        Step::Quiet
    } else {
        Step::Fetch(wanted)
    }
}

impl Replica {
    /// Brings the changes of a record of which there is only a row: those that have not come yet
    /// before their turn, those that the store has lost by looking through it.
    pub(super) fn bring(&mut self, stored: &StoredRecord) {
        if stored.is_ahead() {
            self.mending.opened = Some(stored.id);
        } else {
            self.mending.suspect();
        }
    }

    /// Asks for a record whose changes have not come yet: somebody looks at it.
    pub(super) fn bring_record(
        &mut self,
        record: RecordId,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) {
        self.mending.opened = Some(record);
        self.wake(Cause::Button, now, effects);
    }

    /// Looks at an answer that was written down: is anything different, or still to be mended?
    pub(super) fn examine(&mut self, answer: &Answer, now: Millis) {
        let opened = answer.is_healing() && !self.mending.passing.is_taken;
        self.mending.passing.is_taken = answer.is_healing();
        if opened && self.mending.passing.waits {
            self.mending.suspect();
        }
        let searched = self.mending.go_on(answer, self.whole);
        let (Some(server), false) = (answer.sum, answer.more) else {
            return self.settle(searched);
        };
        self.mending.note_wanted_back(answer.wanted_back());
        let own = self.own_sum();
        let equal = self.mending.compare(server, own);
        self.settle(searched || equal);
        let due = *self.checked_at.get_or_insert(now);
        let is_due = now.since(due) > CHECK_EVERY_MS || due.since(now) > CHECK_EVERY_MS;
        if is_due && !self.mending.is_busy() {
            self.mending.step = Step::Scan;
        }
    }

    /// Notes what came by hand for a look at each record, once a comparison has told what of it the
    /// server has: what was not found to be missing is confirmed.
    fn settle(&mut self, compared: bool) {
        if compared {
            // Of grids that are not in scope nothing was compared.
            let known = self.directory.as_ref();
            let compared = |grid| known.is_some_and(|known| known.grid(grid).is_some());
            for (record, grid) in &self.by_hand {
                if compared(grid) {
                    self.mending.lost.entry(*record).or_default();
                }
            }
        }
    }

    fn own_sum(&self) -> ShortSum {
        let grids = self.directory.iter().flat_map(|known| &known.grids);
        combined(&self.sums, grids.map(|grid| &grid.id))
    }

    /// Begins what must be done before the next exchange, if anything.
    pub(super) fn mend(&mut self, now: Millis, effects: &mut Vec<Effect>) -> bool {
        if matches!(self.mending.step, Step::Scan) {
            let ticket = self.ticket();
            self.phase = Phase::Scanning(ticket);
            effects.push(Effect::Scan { ticket });
        } else if !self.mending.lost.is_empty() {
            let ticket = self.ticket();
            let records: Vec<_> = self.mending.lost.keys().copied().collect();
            let records: Vec<_> = records.into_iter().take(RECORDS_AT_ONCE).collect();
            effects.push(Effect::Load {
                ticket,
                records: records.clone(),
            });
            self.phase = Phase::Requeuing(Requeuing {
                ticket,
                records,
                changed: Vec::new(),
                sums: self.sums.clone(),
                by_hand: self.by_hand.clone(),
                pushes: false,
                now,
            });
        } else {
            return false;
        }
        self.status.activity = Activity::Working;
        true
    }

    /// Takes what the store holds, change by change.
    pub(super) fn scanned(
        &mut self,
        ticket: Ticket,
        held: Vec<Held>,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) {
        if !matches!(self.phase, Phase::Scanning(of) if of == ticket) {
            return;
        }
        self.phase = Phase::Idle;
        self.sums = Sums::default();
        for held in &held {
            let sum = self.sums.entry(held.grid.clone()).or_default();
            sum.add(Mark::of(held.doc, held.hash));
        }
        self.checked_at = Some(now);
        // The sums alone were wrong, or the store is not what the server has.
        self.mending.step = if self.own_sum() == self.mending.server {
            self.mending.sound = true;
            Step::Quiet
        } else if held.is_empty() && self.ahead.is_empty() && !self.mending.began_anew {
            // Everything is missing: a first load brings it sooner than a search.
            self.mending.began_anew = true;
            self.cursor.clear();
            Step::Quiet
        } else {
            self.mending.looked_into = Some(gap(self.mending.server, self.own_sum()));
            Step::Streams(held)
        };
        self.wake(Cause::Button, now, effects);
    }

    /// Puts the lost changes of some records into the outbox again, as far as the server takes them.
    pub(super) fn requeue(
        &mut self,
        ticket: Ticket,
        stored: &[StoredRecord],
        effects: &mut Vec<Effect>,
    ) {
        let Phase::Requeuing(requeuing) = &mut self.phase else {
            return;
        };
        if requeuing.ticket != ticket {
            return;
        }
        let mut putting = Putting {
            me: self.directory.as_ref().map(|known| &known.me.person),
            wanted_back: &self.mending.wanted_back,
            now: requeuing.now,
            passing: self.mending.passing,
            sums: self.sums.clone(),
            batch: WriteBatch::default(),
        };
        requeuing.by_hand.clone_from(&self.by_hand);
        for stored in stored {
            if let Some(lost) = self.mending.lost.get(&stored.id) {
                putting.put_back(stored, lost);
                requeuing.by_hand.remove(&stored.id);
            }
        }
        let mut batch = putting.batch;
        self.mending.passing = putting.passing;
        requeuing.sums = putting.sums;
        requeuing.pushes = !batch.outbox_add.is_empty();
        let rows = batch.rows.iter().map(|row| row.id);
        requeuing.changed = rows.chain(batch.rows_drop.iter().copied()).collect();
        let sums = postcard::to_allocvec(&requeuing.sums).unwrap_or_default();
        batch.meta.push((MetaKey::Sums, sums));
        if requeuing.by_hand != self.by_hand {
            let by_hand = postcard::to_allocvec(&requeuing.by_hand).unwrap_or_default();
            batch.meta.push((MetaKey::ByHand, by_hand));
        }
        effects.push(Effect::Commit {
            ticket,
            batch: Box::new(batch),
        });
    }

    /// Goes on once the lost changes are in the outbox.
    pub(super) fn requeued(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        if let Phase::Requeuing(requeuing) = core::mem::replace(&mut self.phase, Phase::Idle) {
            for record in &requeuing.records {
                self.mending.lost.remove(record);
            }
            self.sums = requeuing.sums;
            self.by_hand = requeuing.by_hand;
            if !requeuing.changed.is_empty() {
                effects.push(Effect::Changed {
                    records: requeuing.changed,
                });
            }
            let waits = self.again || self.failures > 0 || self.status.on_phone > 0;
            if requeuing.pushes || waits || self.mending.is_busy() || !self.mending.sound {
                self.wake(Cause::Button, now, effects);
            } else {
                // Nothing is to be told to the server.
                self.status.activity = Activity::Idle;
                self.rest(now.plus(IDLE_MS), effects);
            }
        }
    }

    /// Reads the records again that another window changed meanwhile.
    pub(super) fn requeue_stale(&self, ticket: Ticket, effects: &mut Vec<Effect>) {
        if let Phase::Requeuing(requeuing) = &self.phase
            && requeuing.ticket == ticket
        {
            effects.push(Effect::Load {
                ticket,
                records: requeuing.records.clone(),
            });
        }
    }
}
