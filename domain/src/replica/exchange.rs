//! The exchange: read the outbox, send, apply the answer, commit, and start over while there is more.

use std::collections::BTreeSet;

use super::ahead;
use super::applying::{Applying, Stored};
use super::clock;
use super::hand::TakeInError;
use super::mend::Requeuing;
use super::{
    Activity, Cause, Effect, LinkFailure, MetaKey, OutboxItem, Replica, StoreFault, StoredRecord,
    Ticket, WriteBatch,
};
use crate::access::{self, Refusal};
use crate::document::{CHANGE_BYTES_MAX, Hashed};
use crate::id::{PersonId, RecordId};
use crate::sync::backoff::{HELD_MS_MAX, IDLE_MS, RETRY_MS_MAX, held_ms, retry_ms};
use crate::sync::message::{
    Answer, Ask, BATCH_BYTES_MAX, Batch, CODE_CHARS_MAX, ErrorCode, Item, ItemResult, LeanAnswer,
    PAGE_KIB_MAX, PageDigest, READS_CELLS, Receipt, Request,
};
use crate::time::Millis;

/// Where the exchange is.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nothing is under way.
    Idle,
    /// The outbox is being read.
    Reading,
    /// The request is on its way.
    Sent(Sent),
    /// The records that the answer touches are being read or written.
    Applying(Box<Applying>),
    /// The store is being read through, change by change.
    Scanning(Ticket),
    /// Changes that the server lost go into the outbox again.
    Requeuing(Requeuing),
}

#[derive(Debug)]
pub(super) struct Sent {
    items: Vec<OutboxItem>,
    digest: Option<PageDigest>,
    /// The outbox holds more than this.
    left: bool,
    /// It tells the server the device's key.
    enrols: bool,
    /// It is signed.
    signed: bool,
    /// The code that it brings.
    joins: Option<String>,
    /// When it was made.
    at: Millis,
}

impl Replica {
    pub(super) fn join(&mut self, code: &str, now: Millis, effects: &mut Vec<Effect>) {
        self.joining = Some(code.chars().take(CODE_CHARS_MAX).collect());
        self.unsigned = false;
        self.failures = 0;
        self.wake(Cause::Button, now, effects);
    }

    pub(super) fn wake(&mut self, cause: Cause, now: Millis, effects: &mut Vec<Effect>) {
        if self.directory.is_none() && self.joining.is_none() {
            return;
        }
        // Further away than any wait: the clock was set back, and nobody knows what the time is.
        let near = |at: &Millis| now < *at && at.since(now) <= RETRY_MS_MAX;
        let early = self.wake_at.filter(|at| cause == Cause::Timer && near(at));
        match self.phase {
            // A browser's timer may come a moment before its time: without another one the device
            // would rest until somebody saves something.
            Phase::Idle if early.is_some() => effects.extend(early.map(Effect::WakeAt)),
            Phase::Idle => self.begin(now, effects),
            Phase::Reading
            | Phase::Sent(_)
            | Phase::Applying(_)
            | Phase::Scanning(_)
            | Phase::Requeuing(_) => {
                self.again =
                    self.again || matches!(cause, Cause::Saved | Cause::Button | Cause::News);
            }
        }
    }

    /// Mends what is to be mended first, or reads the outbox for an exchange.
    fn begin(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        self.again = false;
        if self.next_handed(effects) || self.mend(now, effects) {
            return;
        }
        self.phase = Phase::Reading;
        self.status.activity = Activity::Working;
        effects.push(Effect::ReadOutbox {
            bytes_max: BATCH_BYTES_MAX,
            items_max: self.doubt.items_max(),
        });
    }

    pub(super) fn outbox_read(
        &mut self,
        items: Vec<OutboxItem>,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) {
        if !matches!(self.phase, Phase::Reading) {
            return;
        }
        // Who joins sends a small request, which is taken up where it was cut: the server keeps no
        // more of somebody whom it does not know.
        let alone = self.joining.is_some() || self.doubt.asks_without();
        let items = if self.is_held(now) || alone {
            Vec::new()
        } else {
            items
        };
        let me = self.directory.as_ref().map(|known| &known.me.person);
        let batch = batch(&items, me);
        let digest = batch.as_ref().map(Batch::digest);
        let request = Request {
            device: self.device,
            secret: self.secret,
            join: self.joining.clone(),
            ask: Ask {
                cursor: self.cursor.clone(),
                directory: self.directory.as_ref().map(crate::unit::Directory::digest),
                now,
                page_kib: PAGE_KIB_MAX | READS_CELLS,
                whole: self.whole,
                sound: self.mending.sound,
                repair: self.mending.question(&self.sums),
            },
            batch,
        };
        // What is held waits for its time, and nothing goes round meanwhile.
        let full = items.len() >= self.doubt.items_max();
        let left = (full || leaves_some(&items, self.status.on_phone)) && !self.is_held(now);
        let new = self.joining.is_some() || self.enrolled != self.key;
        let key = self.key.filter(|_| !self.unsigned);
        let bytes = key.and_then(|key| request.encode_to_sign(new.then_some(key)));
        self.phase = Phase::Sent(Sent {
            items,
            digest,
            left,
            enrols: bytes.is_some() && new,
            signed: bytes.is_some(),
            joins: self.joining.clone(),
            at: now,
        });
        effects.push(Effect::Send {
            bytes: bytes.unwrap_or_else(|| request.encode()),
        });
    }

    pub(super) fn answered(&mut self, bytes: &[u8], now: Millis, effects: &mut Vec<Effect>) {
        let Phase::Sent(sent) = core::mem::replace(&mut self.phase, Phase::Idle) else {
            return;
        };
        let (left, enrols, brought) = (sent.left, sent.enrols, sent.items.len());
        let began = sent.at;
        let lean = Answer::decode(bytes).ok();
        let pushed = lean
            .as_ref()
            .and_then(|lean| results(sent, lean.answer.receipt.as_ref()));
        let (Some(lean), Some(mut pushed)) = (lean, pushed) else {
            // Whatever answered, it was not our server, or not to this request: nothing is sent
            // until a receipt names it.
            self.link_failed_now(LinkFailure::NotOurs, now, effects);
            return;
        };
        let known = self.status.clock_gap_ms;
        self.status.clock_gap_ms = clock::gap(known, lean.answer.now, (began, now));
        if let Some(unreadable) = self.doubt.answered(brought) {
            pushed.push((unreadable, ItemResult::Refused(Refusal::Damaged)));
        }
        let docs = pushed.iter().map(|(item, _)| item.doc).chain(lean.docs());
        let mut records: BTreeSet<RecordId> = docs.map(|doc| doc.record).collect();
        let known = lean.answer.directory.as_ref().or(self.directory.as_ref());
        let strays = known.map(|known| ahead::strays(&self.ahead, known));
        let strays: BTreeSet<_> = &strays.unwrap_or_default() - &records;
        records.extend(&strays);
        records.extend(lean.answer.retired().keys());
        let ticket = self.ticket();
        let kept_back = self.mending.keep_back(&pushed, (&lean.answer, left));
        let records: Vec<_> = records.into_iter().collect();
        effects.push(Effect::Load {
            ticket,
            records: records.clone(),
        });
        let applying = Applying {
            pushed,
            kept_back,
            wanted: self.mending.wanted(),
            strays,
            left,
            enrols,
            ..self.applying(ticket, lean, records, now)
        };
        self.phase = Phase::Applying(Box::new(applying));
    }

    /// An answer that is to be written, with nothing pushed.
    pub(super) fn applying(
        &self,
        ticket: Ticket,
        lean: LeanAnswer,
        records: Vec<RecordId>,
        now: Millis,
    ) -> Applying {
        Applying {
            ticket,
            answer: lean.answer.clone(),
            lean,
            pushed: Vec::new(),
            enrols: false,
            kept_back: BTreeSet::new(),
            wanted: BTreeSet::new(),
            me: self.directory.as_ref().map(|known| known.me.person.clone()),
            left: false,
            records,
            changed: Vec::new(),
            strays: BTreeSet::new(),
            ahead: self.ahead.clone(),
            by_hand: self.by_hand.clone(),
            sums: self.sums.clone(),
            now,
            handed: None,
            clock_gap_ms: self.status.clock_gap_ms,
        }
    }

    pub(super) fn page_loaded(
        &mut self,
        ticket: Ticket,
        records: &[StoredRecord],
        effects: &mut Vec<Effect>,
    ) {
        let Phase::Applying(applying) = &mut self.phase else {
            return;
        };
        if applying.ticket != ticket {
            return;
        }
        let rebuilt = applying.lean.rebuild(&Stored::of(records));
        if rebuilt.is_none() && applying.handed.is_some() {
            let now = applying.now;
            return self.give_up_handed(TakeInError::Damaged, now, effects);
        }
        applying.answer = match rebuilt {
            Some(answer) => answer,
            // Every name was in full and still they do not fit together: damaged on the way.
            None if self.whole => {
                let now = applying.now;
                self.link_failed_now(LinkFailure::NotOurs, now, effects);
                return;
            }
            // Something is missing here that the server thought was there. What it confirmed holds;
            // its page is asked for again, with every name in full.
            None => Answer {
                cursor: None,
                more: true,
                sum: None,
                ..applying.lean.answer.clone()
            },
        };
        if applying.handed.is_none() {
            self.whole = applying.answer.entries.len() < applying.lean.docs().count();
        }
        let mut batch = WriteBatch {
            rows_ahead: applying.lean.rows.clone(),
            ..WriteBatch::default()
        };
        applying.sums.clone_from(&self.sums);
        applying.by_hand.clone_from(&self.by_hand);
        let retired = applying.answer.retired();
        for stored in records {
            if applying.strays.contains(&stored.id) {
                ahead::drop_row(stored, &mut batch);
            } else if applying.is_retired(stored, &retired) {
                applying.retire(stored, &mut batch);
            } else if !stored.is_absent()
                || !retired.contains_key(&stored.id)
                || applying.brings(stored.id)
            {
                applying.apply(stored, &mut batch);
            }
        }
        let rows = batch.rows.iter().chain(&batch.rows_ahead);
        let rows = rows.map(|row| row.id).chain(batch.rows_drop.clone());
        applying.changed = rows.collect();
        applying.ahead = applying.still_ahead(&self.ahead, self.directory.as_ref());
        let checked = self.checked_at.unwrap_or(applying.now);
        applying.remember((self.status.synced_at, checked), &self.ahead, &mut batch);
        // The server took what was signed, so it knows the key.
        if applying.enrols {
            self.enrolled = self.key;
            let key = postcard::to_allocvec(&self.key).unwrap_or_default();
            batch.meta.push((MetaKey::Enrolled, key));
        }
        effects.push(Effect::Commit {
            ticket,
            batch: Box::new(batch),
        });
    }

    pub(super) fn page_committed(
        &mut self,
        ticket: Ticket,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) {
        match &self.phase {
            Phase::Requeuing(requeuing) if requeuing.ticket == ticket => {
                self.requeued(now, effects);
            }
            Phase::Applying(applying) if applying.ticket == ticket => {
                if let Phase::Applying(applying) = core::mem::replace(&mut self.phase, Phase::Idle)
                {
                    self.applied(*applying, now, effects);
                }
            }
            Phase::Idle
            | Phase::Reading
            | Phase::Sent(_)
            | Phase::Applying(_)
            | Phase::Scanning(_)
            | Phase::Requeuing(_) => {}
        }
    }

    fn applied(&mut self, mut applying: Applying, now: Millis, effects: &mut Vec<Effect>) {
        if let Some(handed) = applying.handed.take() {
            return self.handed_applied(handed, applying, now, effects);
        }
        let Applying {
            answer,
            changed,
            left,
            kept_back,
            sums,
            ahead,
            by_hand,
            ..
        } = applying;
        let news = !answer.entries.is_empty();
        self.sums = sums;
        self.ahead = ahead;
        self.by_hand = by_hand;
        self.failures = 0;
        self.joining = None;
        self.status.activity = Activity::Idle;
        self.status.seen = answer.seen;
        self.status.synced_at = Some(now);
        if let Some(cursor) = &answer.cursor {
            self.cursor.clone_from(cursor);
        }
        if let Some(directory) = &answer.directory {
            self.directory = Some(directory.clone());
            effects.push(Effect::Directory(Box::new(directory.clone())));
        }
        if !changed.is_empty() {
            effects.push(Effect::Changed { records: changed });
        }
        let notices = answer.notices();
        if self.notices != notices {
            self.notices.clone_from(&notices);
            effects.push(Effect::Notices(notices));
        }
        // A station's device asks once more after news, so that its new cursor tells the server,
        // and through it the officers, that the station has them.
        let tell = news
            && self
                .directory
                .as_ref()
                .is_some_and(|known| access::is_station_staff(&known.me));
        if !left && kept_back.is_empty() && self.status.held_until.is_none() {
            self.status.on_phone = 0;
        }
        self.examine(&answer, now);
        // What waits for others is sent again from time to time, not at once.
        let again = !kept_back.is_empty() && !self.mending.waits_for_others();
        let mending = self.mending.is_busy() || again || self.has_strays();
        if answer.more || left || self.again || tell || mending {
            self.wake(Cause::Button, now, effects);
        } else {
            let idle = now.plus(IDLE_MS);
            let held = self.status.held_until;
            self.rest(held.map_or(idle, |until| until.max(now).min(idle)), effects);
        }
    }

    pub(super) fn page_stale(&mut self, ticket: Ticket, effects: &mut Vec<Effect>) {
        if let Phase::Applying(applying) = &self.phase
            && applying.ticket == ticket
        {
            effects.push(Effect::Load {
                ticket,
                records: applying.records.clone(),
            });
        }
    }

    pub(super) fn page_failed(
        &mut self,
        ticket: Ticket,
        fault: StoreFault,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) {
        let ours = match &self.phase {
            Phase::Applying(applying) => applying.ticket == ticket,
            Phase::Requeuing(requeuing) => requeuing.ticket == ticket,
            Phase::Scanning(of) => *of == ticket,
            Phase::Reading => true,
            Phase::Idle | Phase::Sent(_) => false,
        };
        if matches!(&self.phase, Phase::Applying(applying) if ours && applying.handed.is_some()) {
            self.give_up_handed(TakeInError::Store(fault), now, effects);
        } else if ours {
            // Nothing of the answer was kept, nor its cursor: the same page comes again.
            self.phase = Phase::Idle;
            self.failures += 1;
            self.status.activity = Activity::StoreFailed(fault);
            self.rest(now.plus(retry_ms(self.failures, u16::MAX)), effects);
        }
    }

    pub(super) fn link_failed(
        &mut self,
        failure: LinkFailure,
        now: Millis,
        random: u16,
        effects: &mut Vec<Effect>,
    ) {
        let Phase::Sent(sent) = &self.phase else {
            return;
        };
        let (enrols, signed) = (sent.enrols, sent.signed);
        let narrows = match failure {
            LinkFailure::Refused(code) => self.doubt.refused(code, &sent.items),
            LinkFailure::Offline | LinkFailure::NotOurs | LinkFailure::Wait(_) => false,
        };
        let typed = self.joining.is_some() && self.joining != sent.joins;
        self.phase = Phase::Idle;
        if failure == LinkFailure::Refused(ErrorCode::Unknown) && !self.whole {
            self.whole = true;
            self.wake(Cause::Button, now, effects);
            return;
        }
        let asks_again = match failure {
            // What was refused did not bring the code that somebody typed meanwhile.
            LinkFailure::Refused(_) if typed || narrows => true,
            // A server that was restored from before it learned the key.
            LinkFailure::Refused(ErrorCode::UnknownKey) if signed && !enrols => {
                self.enrolled.take().is_some()
            }
            // One that joined without a key may go on so: the server still tells the two apart.
            LinkFailure::Refused(ErrorCode::KeyLocked) if self.joining.is_none() => {
                !core::mem::replace(&mut self.unsigned, true)
            }
            LinkFailure::Offline
            | LinkFailure::NotOurs
            | LinkFailure::Wait(_)
            | LinkFailure::Refused(_) => false,
        };
        if asks_again {
            self.wake(Cause::Button, now, effects);
            return;
        }
        if let LinkFailure::Wait(seconds) = failure
            && self.directory.is_some()
        {
            self.hold(seconds, (now, random), effects);
            return;
        }
        self.failures += 1;
        self.status.activity = Activity::Failed(match failure {
            LinkFailure::Refused(ErrorCode::UnknownKey) => {
                LinkFailure::Refused(ErrorCode::KeyLocked)
            }
            LinkFailure::Offline
            | LinkFailure::NotOurs
            | LinkFailure::Wait(_)
            | LinkFailure::Refused(_) => failure,
        });
        // A code that was refused is not tried again by itself.
        if self.directory.is_none() || matches!(failure, LinkFailure::Refused(_)) {
            self.joining = None;
        }
        if self.directory.is_some() {
            self.rest(now.plus(retry_ms(self.failures, random)), effects);
        }
    }

    /// The server takes no more of what waits here for a time: everything stays, what others wrote goes
    /// on coming, and at its time the rest goes by itself.
    fn hold(&mut self, seconds: u32, (now, random): (Millis, u16), effects: &mut Vec<Effect>) {
        let wait = held_ms(seconds, random);
        self.failures += 1;
        self.status.activity = Activity::Failed(LinkFailure::Wait(seconds));
        if wait > RETRY_MS_MAX {
            self.status.held_until = Some(now.plus(wait));
        }
        let retry = retry_ms(self.failures, random).max(wait).min(RETRY_MS_MAX);
        self.rest(now.plus(retry), effects);
    }

    /// Whether what waits here is held. A time that lies further away than any wait comes of a clock
    /// that was set back, and is none.
    fn is_held(&mut self, now: Millis) -> bool {
        let near = |until: &Millis| now < *until && until.since(now) <= 2 * HELD_MS_MAX;
        self.status.held_until = self.status.held_until.filter(near);
        self.status.held_until.is_some()
    }

    fn link_failed_now(&mut self, failure: LinkFailure, now: Millis, effects: &mut Vec<Effect>) {
        self.phase = Phase::Sent(Sent {
            items: Vec::new(),
            digest: None,
            left: true,
            enrols: false,
            signed: false,
            joins: self.joining.clone(),
            at: now,
        });
        self.link_failed(failure, now, u16::MAX, effects);
    }

    pub(super) fn rest(&mut self, at: Millis, effects: &mut Vec<Effect>) {
        self.wake_at = Some(at);
        effects.push(Effect::WakeAt(at));
    }
}

/// Whether a batch leaves something in the outbox: records that it does not name, or one more change
/// that might not have fitted.
fn leaves_some(items: &[OutboxItem], records: u32) -> bool {
    let bytes: usize = items.iter().map(|item| item.bytes.len()).sum();
    let named: BTreeSet<RecordId> = items.iter().map(|item| item.doc.record).collect();
    u32::try_from(named.len()).unwrap_or(u32::MAX) < records
        || bytes + CHANGE_BYTES_MAX > BATCH_BYTES_MAX
}

/// The batch of the outbox's head; `None` when there is nothing to send.
pub(super) fn batch(items: &[OutboxItem], me: Option<&PersonId>) -> Option<Batch> {
    items.first()?;
    let (mut grids, mut authors) = (Vec::new(), Vec::new());
    let items = items.iter().map(|item| Item {
        doc: item.doc,
        grid: place(&mut grids, &item.grid),
        author: if me.is_none_or(|me| *me == item.author) {
            0
        } else {
            place(&mut authors, &item.author).saturating_add(1)
        },
        change: Hashed::of(item.bytes.clone()),
    });
    let items = items.collect();
    let mut batch = Batch {
        no: 0,
        grids,
        authors,
        items,
    };
    // A phone that lost its store and counts its outbox anew never uses a number twice for
    // different things.
    batch.no = Batch::number(&batch.digest());
    Some(batch)
}

/// The place of a name in a list, at its end where it is new.
fn place<T: Clone + PartialEq>(list: &mut Vec<T>, name: &T) -> u16 {
    let known = list.iter().position(|known| known == name);
    let place = known.unwrap_or_else(|| {
        list.push(name.clone());
        list.len() - 1
    });
    u16::try_from(place).unwrap_or(u16::MAX)
}

/// Pairs what was sent with what became of it; `None` when the receipt does not name the batch.
fn results(sent: Sent, receipt: Option<&Receipt>) -> Option<Vec<(OutboxItem, ItemResult)>> {
    match (sent.digest, receipt) {
        (None, None) => Some(Vec::new()),
        (Some(digest), Some(receipt))
            if receipt.digest == digest && receipt.results.len() == sent.items.len() =>
        {
            Some(
                sent.items
                    .into_iter()
                    .zip(receipt.results.iter().copied())
                    .collect(),
            )
        }
        (None | Some(_), None | Some(_)) => None,
    }
}
