//! The shell of a simulated phone: carries out what its machine asks for, each thing in its time.

use domain::command::Denial;
use domain::id::{ChangeHash, DocId, RecordId};
use domain::replica::{
    Cause, CommandError, Effect, Event, LinkFailure, OWN_TICKETS_FROM, StoreFault, Ticket,
    WriteBatch,
};

use super::bug::Bug;
use super::disk::Written;
use super::invariant::{Broken, Invariant};
use super::plan::{PhoneNo, Work};
use super::truth::{Promise, Said};
use super::world::{Coming, World};

/// A phone that failed does not ask again before this, in milliseconds.
const RETRY_NOT_BEFORE_MS: i64 = 900;

impl World {
    /// Something comes to a phone.
    pub(super) fn come(&mut self, no: PhoneNo, coming: Coming) -> Result<(), Broken> {
        let now = self.clock(no);
        let Some(phone) = self.phones.get_mut(no) else {
            return Ok(());
        };
        let event = match coming {
            Coming::Load(ticket, _) if std::mem::take(&mut phone.disk.unreadable) => {
                let fault = StoreFault::Closed;
                Event::StoreFailed { ticket, fault, now }
            }
            Coming::Load(ticket, records) => {
                let records = records.into_iter().map(|id| phone.disk.kept.load(id));
                let records = records.collect();
                Event::Loaded { ticket, records }
            }
            Coming::Outbox(..) if std::mem::take(&mut phone.disk.unreadable) => {
                let (ticket, fault) = (0, StoreFault::Closed);
                Event::StoreFailed { ticket, fault, now }
            }
            Coming::Outbox(bytes_max, items_max) => {
                let (items, records) = phone.disk.kept.outbox(bytes_max, items_max);
                phone.read.clone_from(&items);
                Event::Outbox {
                    items,
                    records,
                    now,
                }
            }
            Coming::Scan(ticket) => {
                let held = phone.disk.kept.held();
                Event::Scanned { ticket, held, now }
            }
            Coming::Write(ticket, batch) => return self.write(no, ticket, &batch),
            Coming::Timer(number) if number == phone.timer => {
                let hasty = self.bug == Some(Bug::NoBackoff);
                let cause = if hasty { Cause::Online } else { Cause::Timer };
                Event::Wake { cause, now }
            }
            Coming::Timer(_) => return Ok(()),
            Coming::HandOver(load) => {
                let ticket = phone.ticket();
                let load = *load;
                // Somebody does it, so nobody waits.
                phone.failed_at = None;
                Event::TakeIn { ticket, load, now }
            }
            Coming::Answer(letter, _) if phone.awaits != Some(letter) => return Ok(()),
            Coming::Answer(_, result) => {
                phone.awaits = None;
                return self.answered(no, result);
            }
        };
        self.feed(no, event)
    }

    /// An answer comes to a phone, or the news that there is none.
    fn answered(
        &mut self,
        no: PhoneNo,
        result: Result<Vec<u8>, LinkFailure>,
    ) -> Result<(), Broken> {
        let now = self.clock(no);
        let result = result.and_then(|bytes| {
            if let Some(phone) = self.phones.get_mut(no) {
                phone.last_answer.clone_from(&bytes);
            }
            self.misread(no, bytes)
        });
        let event = match result {
            Ok(bytes) => Event::Answer { bytes, now },
            Err(failure) => {
                if let Some(phone) = self.phones.get_mut(no)
                    && !phone.asks_again_at_once(failure)
                {
                    phone.failed_at = Some(self.now);
                }
                let random = u16::try_from(self.chance.below(65_536)).unwrap_or(0);
                Event::LinkFailed {
                    failure,
                    now,
                    random,
                }
            }
        };
        self.feed(no, event)
    }

    /// Hands an event to a phone's machine and begins what it asks for.
    pub(super) fn feed(&mut self, no: PhoneNo, event: Event) -> Result<(), Broken> {
        let Some(phone) = self.phones.get_mut(no) else {
            return Ok(());
        };
        let name = phone.name.clone();
        let effects = phone.handle(event);
        self.truth.hold(effects.is_some(), Invariant::I13, || {
            format!("{name}'s machine panicked")
        })?;
        for effect in effects.unwrap_or_default() {
            self.perform(no, effect)?;
        }
        Ok(())
    }

    fn perform(&mut self, no: PhoneNo, effect: Effect) -> Result<(), Broken> {
        match effect {
            Effect::Load { ticket, records } => {
                let after = self.chance.span(0, 6);
                self.later_to(no, after, Coming::Load(ticket, records));
            }
            Effect::ReadOutbox {
                bytes_max,
                items_max,
            } => {
                let after = self.chance.span(0, 6);
                self.later_to(no, after, Coming::Outbox(bytes_max, items_max));
            }
            Effect::Scan { ticket } => {
                let after = self.chance.span(0, 6);
                self.later_to(no, after, Coming::Scan(ticket));
            }
            Effect::Commit { ticket, batch } => self.begin_write(no, ticket, batch)?,
            Effect::Send { bytes } => self.send(no, bytes)?,
            Effect::Finished { ticket, result } => self.finished(no, ticket, &result),
            Effect::WakeAt(at) => {
                let mut after = at.since(self.clock(no));
                let hasty = self.bug == Some(Bug::NoBackoff);
                if let Some(phone) = self.phones.get_mut(no) {
                    if hasty && phone.failed_at.is_some() {
                        after = 1;
                    }
                    phone.timer += 1;
                    let timer = phone.timer;
                    self.later_to(no, after, Coming::Timer(timer));
                }
            }
            Effect::Directory(known) => self.purge(no, &known),
            Effect::TookIn { .. }
            | Effect::Notices(_)
            | Effect::Changed { .. }
            | Effect::Status(_) => {}
        }
        Ok(())
    }

    fn begin_write(
        &mut self,
        no: PhoneNo,
        ticket: Ticket,
        batch: Box<WriteBatch>,
    ) -> Result<(), Broken> {
        let early = self.bug == Some(Bug::SavedTooEarly) && ticket < OWN_TICKETS_FROM;
        let now = self.clock(no);
        if let Some(phone) = self.phones.get_mut(no)
            && let Some(asked) = phone.asked.get_mut(&ticket)
        {
            let stamps = batch
                .outbox_add
                .iter()
                .map(|(_, _, hash)| (*hash, asked.at));
            self.truth.stamps.extend(stamps);
            let hashes = batch
                .outbox_add
                .iter()
                .map(|(doc, _, hash)| (doc.record, *hash));
            if asked.work == Work::Edit {
                self.truth.unsaid_edits.extend(hashes.map(|(_, hash)| hash));
            } else if asked.work == Work::Count {
                self.truth.counted.extend(hashes);
            }
            asked.batch = Some((*batch).clone());
        }
        let after = self.chance.span(1, 25);
        self.later_to(no, after, Coming::Write(ticket, batch));
        if early {
            return self.feed(no, Event::Committed { ticket, now });
        }
        Ok(())
    }

    /// A write comes to its end.
    fn write(&mut self, no: PhoneNo, ticket: Ticket, batch: &WriteBatch) -> Result<(), Broken> {
        let (now, bug) = (self.clock(no), self.bug);
        let Some(phone) = self.phones.get_mut(no) else {
            return Ok(());
        };
        let gone: Vec<(DocId, ChangeHash)> = phone
            .disk
            .kept
            .waiting()
            .filter(|(n, ..)| batch.outbox_remove.contains(n))
            .map(|(_, doc, hash)| (doc, hash))
            .collect();
        let event = match phone.disk.write(batch, bug) {
            Written::Whole => Event::Committed { ticket, now },
            Written::Stale => Event::Stale { ticket },
            Written::Failed(fault) => Event::StoreFailed { ticket, fault, now },
            Written::Died => {
                self.truth.note_station(phone, batch);
                self.say(|world| format!("{} dies while it writes", world.name(no)));
                return self.restart(no);
            }
        };
        let whole = matches!(event, Event::Committed { .. });
        if whole {
            // What was passed on and not taken stays here, as what the server once confirmed.
            let stays = |(doc, hash): &(DocId, ChangeHash)| {
                let kept = phone.disk.kept.change(*doc, *hash);
                kept.is_some_and(|kept| kept.seq.is_some() && kept.author != phone.person)
            };
            let gone: Vec<_> = gone.iter().filter(|key| !stays(key)).copied().collect();
            self.truth.sent(&gone, batch)?;
            self.truth.note_station(phone, batch);
            self.truth.rows(phone, batch)?;
            self.evidence(no, batch)?;
            if ticket < OWN_TICKETS_FROM
                && let Some(phone) = self.phones.get_mut(no)
            {
                phone.failed_at = None;
            }
        }
        self.feed(no, event)?;
        match self.phones.get(no) {
            Some(phone) if whole => self.truth.seen(phone),
            _ => Ok(()),
        }
    }

    /// What the server refused is set aside with its bytes.
    fn evidence(&mut self, no: PhoneNo, batch: &WriteBatch) -> Result<(), Broken> {
        let Some(phone) = self.phones.get(no) else {
            return Ok(());
        };
        for meant in &batch.aside {
            let kept = phone.disk.kept.aside().contains(meant);
            self.truth.hold(kept, Invariant::I13, || {
                format!("{} refused {:?} and kept nothing", phone.name, meant.reason)
            })?;
        }
        Ok(())
    }

    /// A person is told how a command ended.
    fn finished(&mut self, no: PhoneNo, ticket: Ticket, result: &Result<RecordId, CommandError>) {
        let asked = self
            .phones
            .get_mut(no)
            .and_then(|phone| phone.asked.remove(&ticket));
        let Some(asked) = asked else {
            return;
        };
        self.say(|world| {
            let (who, what) = (world.name(no), &asked.token);
            match result {
                Ok(_) => format!("{who} is told that {what} is saved"),
                Err(error) => format!("{who} is told that {what} is not saved: {error}"),
            }
        });
        if result.is_ok() {
            let batch = asked.batch.unwrap_or_default();
            let promises = batch.outbox_add.iter().map(|(doc, _, hash)| Promise {
                phone: no,
                doc: *doc,
                hash: *hash,
                token: asked.token.clone(),
            });
            self.truth.promises.extend(promises);
            if !batch.outbox_add.is_empty() {
                self.truth.said.push(Said {
                    work: asked.work,
                    token: asked.token,
                    record: asked.record,
                    hashes: batch.outbox_add.iter().map(|(_, _, hash)| *hash).collect(),
                });
            }
        } else if self.bug == Some(Bug::DraftIdReused)
            && matches!(result, Err(CommandError::Denied(Denial::SavedBefore)))
        {
            // The planted shell takes the refusal of a form whose id was used for "saved".
            self.truth.said.push(Said {
                work: asked.work,
                token: asked.token,
                record: asked.record,
                hashes: Vec::new(),
            });
        }
    }

    /// A phone may not ask again right after it failed.
    pub(super) fn patient(&mut self, no: PhoneNo) -> Result<(), Broken> {
        let failed = self
            .phones
            .get_mut(no)
            .and_then(|phone| phone.failed_at.take());
        let since = failed.map(|at| self.now - at);
        let name = self.name(no);
        let patient = since.is_none_or(|since| since >= RETRY_NOT_BEFORE_MS);
        self.truth.hold(patient, Invariant::I11, || {
            format!("{name} asks again {since:?} ms after it failed")
        })
    }
}
