//! Commands: load the record, plan, write the changes, tell the person.

use super::{
    Aside, AsideReason, CommandError, Effect, Replica, StoredChange, StoredRecord, Ticket, Way,
    WriteBatch,
};
use crate::command::{Command, Context, Current, Denial, Plan};
use crate::document::{Document, Stamp};
use crate::id::{DocId, Fresh, Part, RecordId};
use crate::replica::Cause;
use crate::time::Millis;
use crate::view::case::Opened;

/// How often a command is planned again because the record changed meanwhile.
const ATTEMPTS_MAX: u32 = 8;

/// A command on its way to the store.
#[derive(Debug)]
pub(super) struct Pending {
    command: Command,
    fresh: Fresh,
    drafts: Vec<String>,
    attempts: u32,
    changed: Vec<RecordId>,
}

impl Pending {
    pub(super) const fn new(command: Command, fresh: Fresh, drafts: Vec<String>) -> Self {
        Self {
            command,
            fresh,
            drafts,
            attempts: 0,
            changed: Vec::new(),
        }
    }
}

impl Replica {
    pub(super) fn take_command(
        &mut self,
        ticket: Ticket,
        pending: Pending,
        effects: &mut Vec<Effect>,
    ) {
        if self.directory.is_none() {
            let result = Err(CommandError::NotJoined);
            effects.push(Effect::Finished { ticket, result });
            return;
        }
        let records = vec![pending.command.record()];
        self.commands.insert(ticket, pending);
        effects.push(Effect::Load { ticket, records });
    }

    pub(super) fn command_loaded(
        &mut self,
        ticket: Ticket,
        records: &[StoredRecord],
        effects: &mut Vec<Effect>,
    ) {
        let Some(mut pending) = self.commands.remove(&ticket) else {
            return;
        };
        let record = pending.command.record();
        let absent = StoredRecord::absent(record);
        let stored = records
            .iter()
            .find(|stored| stored.id == record)
            .unwrap_or(&absent);
        // A row without any change behind it: they have not come yet, or the store has lost them.
        // Writing on would begin the record a second time.
        if stored.row.is_some() && stored.body.is_empty() {
            self.bring(stored);
            let result = Err(CommandError::Denied(Denial::NotHere));
            effects.push(Effect::Finished { ticket, result });
            self.wake(Cause::Button, pending.fresh.now, effects);
            return;
        }
        let beside = Self::beside(&pending.command, stored);
        let known = |id: &RecordId| records.iter().any(|stored| stored.id == *id);
        if let Some(other) = beside.filter(|id| !known(id)) {
            self.commands.insert(ticket, pending);
            let records = vec![record, other];
            effects.push(Effect::Load { ticket, records });
            return;
        }
        let beside = beside.and_then(|id| records.iter().find(|stored| stored.id == id));
        match self.write(&mut pending, stored, beside) {
            Ok(batch) if batch.rows.is_empty() && pending.drafts.is_empty() => {
                effects.push(Effect::Finished {
                    ticket,
                    result: Ok(record),
                });
            }
            // Nothing to write, but for the draft: what it says is in the record.
            Ok(batch) if batch.rows.is_empty() => {
                let drafts_remove = pending.drafts.clone();
                self.commands.insert(ticket, pending);
                let batch = Box::new(WriteBatch {
                    drafts_remove,
                    ..WriteBatch::default()
                });
                effects.push(Effect::Commit { ticket, batch });
            }
            Ok(batch) => {
                pending.changed = batch.rows.iter().map(|row| row.id).collect();
                self.commands.insert(ticket, pending);
                effects.push(Effect::Commit {
                    ticket,
                    batch: Box::new(batch),
                });
            }
            Err(error) => effects.push(Effect::Finished {
                ticket,
                result: Err(error),
            }),
        }
    }

    /// The other record that a command leaves a note in.
    fn beside(command: &Command, stored: &StoredRecord) -> Option<RecordId> {
        if !command.may_note() || stored.is_absent() {
            return None;
        }
        let other = command.beside(&current(&mut Opened::open(stored)));
        other.filter(|id| *id != stored.id)
    }

    fn write(
        &self,
        pending: &mut Pending,
        stored: &StoredRecord,
        beside: Option<&StoredRecord>,
    ) -> Result<WriteBatch, CommandError> {
        let directory = self.directory.as_ref().ok_or(CommandError::NotJoined)?;
        let mut opened = Opened::open(stored);
        let current = (!stored.is_absent()).then(|| current(&mut opened));
        // Every attempt draws the same ids: nothing of an attempt that failed was kept.
        let mut context = Context {
            directory,
            device: self.device,
            actor: self.actor,
            fresh: pending.fresh.clone(),
        };
        let plans = pending.command.plan(&mut context, current.as_ref())?;
        let mut batch = WriteBatch {
            drafts_remove: pending.drafts.clone(),
            aside: set_aside(stored, &opened, pending.fresh.now),
            drop_changes: opened
                .damaged
                .iter()
                .map(|(doc, hash, _)| (*doc, *hash))
                .collect(),
            ..WriteBatch::default()
        };
        let at = pending.fresh.now;
        if let Some(other) = beside.filter(|other| !other.body.is_empty()) {
            let mut opened = Opened::open(other);
            let current = self::current(&mut opened);
            let note = pending
                .command
                .plan_beside(&mut context, (other.id, &current));
            if let Some(plan) = note {
                // A case that takes nothing more stays as it is; what was reported is saved.
                let _noted = self.carry_out(&plan, (other, &mut opened), at, &mut batch);
            }
        }
        for plan in plans {
            if plan.record == stored.id {
                self.carry_out(&plan, (stored, &mut opened), at, &mut batch)?;
            } else {
                let stored = StoredRecord::absent(plan.record);
                let mut opened = Opened::open(&stored);
                self.carry_out(&plan, (&stored, &mut opened), at, &mut batch)?;
            }
        }
        Ok(batch)
    }

    /// Makes the changes of one plan and the row that they lead to.
    fn carry_out(
        &self,
        plan: &Plan,
        (stored, opened): (&StoredRecord, &mut Opened),
        at: Millis,
        batch: &mut WriteBatch,
    ) -> Result<(), CommandError> {
        let directory = self.directory.as_ref().ok_or(CommandError::NotJoined)?;
        let mut made = Vec::new();
        for (part, edits) in &plan.edits {
            let document = match part {
                Part::Body => &mut opened.body,
                Part::Vault => opened.vault.get_or_insert_with(Document::default),
            };
            let stamp = Stamp {
                actor: self.actor,
                at,
            };
            if let Some(change) = document.commit(stamp, edits)? {
                made.push((
                    DocId {
                        record: plan.record,
                        part: *part,
                    },
                    change,
                ));
            }
        }
        if made.is_empty() {
            return Ok(());
        }
        let mut row = opened
            .row(plan.record, stored.row.as_ref())
            .map_err(|_| Denial::NotHere)?;
        batch.expect.push((plan.record, row.delivery.rev));
        row.delivery.rev = row.delivery.rev.wrapping_add(1);
        let count = u32::try_from(made.len()).unwrap_or(u32::MAX);
        row.delivery.unsent = row.delivery.unsent.saturating_add(count);
        for (doc, change) in made {
            batch.outbox_add.push((doc, row.grid.clone(), change.hash));
            let author = directory.me.person.clone();
            let stored = StoredChange {
                hash: change.hash,
                author,
                seq: None,
                bytes: change.bytes,
                way: Way::default(),
            };
            batch.changes.push((doc, stored));
        }
        batch.rows.push(row);
        Ok(())
    }

    pub(super) fn command_committed(
        &mut self,
        ticket: Ticket,
        pending: Pending,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) {
        let record = pending.command.record();
        effects.push(Effect::Finished {
            ticket,
            result: Ok(record),
        });
        if !pending.changed.is_empty() {
            effects.push(Effect::Changed {
                records: pending.changed,
            });
            self.wake(Cause::Saved, now, effects);
        }
    }

    pub(super) fn command_stale(&mut self, ticket: Ticket, effects: &mut Vec<Effect>) {
        let Some(pending) = self.commands.get_mut(&ticket) else {
            return;
        };
        pending.attempts += 1;
        if pending.attempts > ATTEMPTS_MAX {
            self.commands.remove(&ticket);
            effects.push(Effect::Finished {
                ticket,
                result: Err(CommandError::Busy),
            });
        } else {
            let records = vec![pending.command.record()];
            effects.push(Effect::Load { ticket, records });
        }
    }
}

/// The fields of a record as they stand.
fn current(opened: &mut Opened) -> Current {
    Current {
        body: opened.body.tree(),
        vault: opened.vault.as_mut().map(Document::tree),
    }
}

/// The damaged changes of a record, with their bytes.
pub(super) fn set_aside(stored: &StoredRecord, opened: &Opened, at: Millis) -> Vec<Aside> {
    let damaged = opened.damaged.iter().filter_map(|(doc, hash, error)| {
        let changes = match doc.part {
            Part::Body => &stored.body,
            Part::Vault => &stored.vault,
        };
        let change = changes.iter().find(|change| change.hash == *hash)?;
        Some(Aside {
            doc: Some(*doc),
            hash: Some(*hash),
            reason: AsideReason::Damaged(*error),
            at,
            bytes: change.bytes.clone(),
        })
    });
    damaged.collect()
}
