//! The device's state machine: commands and events go in, effects come out.
//!
//! The shell owns a store and a link and runs what it is told, one event at a time. Nothing here
//! waits: whatever takes time leaves as an effect and comes back as an event with the same ticket.

mod act;
pub mod ahead;
mod applying;
pub mod attempts;
pub mod carry;
pub mod clock;
mod doubt;
mod exchange;
pub mod hand;
pub mod journal;
pub mod memory;
mod mend;
pub mod store;

use std::collections::{BTreeMap, VecDeque};

use crate::command::{Command, Denial};
use crate::document::EditError;
use crate::id::{ActorKey, DeviceId, Fresh, RecordId, UnitId};
use crate::sync::bundle::Load;
use crate::sync::message::{ErrorCode, Secret, UsedUp};
use crate::sync::repair::Held;
use crate::sync::signed::PublicKey;
use crate::sync::sum::Sums;
use crate::time::Millis;
use crate::unit::Directory;

pub use mend::CHECK_EVERY_MS;
pub use store::{
    Aside, AsideReason, Meta, MetaKey, OutboxItem, StoreFault, StoredChange, StoredRecord, Way,
    WriteBatch,
};

/// Ties an effect to the event that answers it; chosen by the shell for commands, by the replica
/// for its own work.
pub type Ticket = u64;

/// Tickets from here on are the replica's own.
pub const OWN_TICKETS_FROM: Ticket = 1 << 62;

/// Why the replica should look for something to exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Something was saved.
    Saved,
    /// The network came back.
    Online,
    /// The app came to the front.
    Visible,
    /// The time asked for has come.
    Timer,
    /// The server says that something is new.
    News,
    /// A person pressed the button.
    Button,
}

/// Why a request brought no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFailure {
    /// There is no network, or the server cannot be reached.
    Offline,
    /// Something answered that is not the server: a portal, a proxy, an error page.
    NotOurs,
    /// The server refused the request with this code.
    Refused(ErrorCode),
    /// The server takes nothing more of this device for so many seconds.
    Wait(u32),
}

/// What happens to the replica.
#[derive(Debug)]
pub enum Event {
    /// A person asks for something; `drafts` are dropped in the transaction that saves it.
    Command {
        /// The shell's own number for it.
        ticket: Ticket,
        /// What is asked.
        command: Box<Command>,
        /// The time, and random bytes for ids.
        fresh: Fresh,
        /// Keys of the drafts that it was typed in.
        drafts: Vec<String>,
    },
    /// A person typed an invitation code.
    Join {
        /// The code as typed.
        code: String,
        /// The device's clock.
        now: Millis,
    },
    /// The records that were asked for, in the order asked.
    Loaded {
        /// Of which effect.
        ticket: Ticket,
        /// The records; one that is not there has no row and no changes.
        records: Vec<StoredRecord>,
    },
    /// The head of the outbox.
    Outbox {
        /// Its first items, oldest first.
        items: Vec<OutboxItem>,
        /// How many records have something in it.
        records: u32,
        /// The device's clock.
        now: Millis,
    },
    /// A batch was committed for good.
    Committed {
        /// Of which effect.
        ticket: Ticket,
        /// The device's clock.
        now: Millis,
    },
    /// A batch was not written because a row had changed since it was loaded.
    Stale {
        /// Of which effect.
        ticket: Ticket,
    },
    /// The store failed; nothing of the batch was written.
    StoreFailed {
        /// Of which effect.
        ticket: Ticket,
        /// How.
        fault: StoreFault,
        /// The device's clock.
        now: Millis,
    },
    /// What the store holds, change by change.
    Scanned {
        /// Of which effect.
        ticket: Ticket,
        /// Every change that the server confirmed.
        held: Vec<Held>,
        /// The device's clock.
        now: Millis,
    },
    /// Somebody looks at a record of which only the row has come.
    Bring {
        /// Which.
        record: RecordId,
        /// The device's clock.
        now: Millis,
    },
    /// A colleague's device hands over a first load.
    TakeIn {
        /// The shell's own number for it.
        ticket: Ticket,
        /// What is handed over.
        load: Load,
        /// The device's clock.
        now: Millis,
    },
    /// It is time to look for something to exchange.
    Wake {
        /// Why.
        cause: Cause,
        /// The device's clock.
        now: Millis,
    },
    /// The server's answer.
    Answer {
        /// Its bytes.
        bytes: Vec<u8>,
        /// The device's clock.
        now: Millis,
    },
    /// The request failed.
    LinkFailed {
        /// How.
        failure: LinkFailure,
        /// The device's clock.
        now: Millis,
        /// To spread the next attempt.
        random: u16,
    },
}

/// What the shell is to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read these records and answer with [`Event::Loaded`].
    Load {
        /// To answer with.
        ticket: Ticket,
        /// The records.
        records: Vec<RecordId>,
    },
    /// Read the head of the outbox and answer with [`Event::Outbox`].
    ReadOutbox {
        /// The most bytes of changes.
        bytes_max: usize,
        /// The most items.
        items_max: usize,
    },
    /// Read every change that the server confirmed, as it is stored, and answer with
    /// [`Event::Scanned`].
    Scan {
        /// To answer with.
        ticket: Ticket,
    },
    /// Write this in one transaction and answer with `Committed`, `Stale` or `StoreFailed`.
    Commit {
        /// To answer with.
        ticket: Ticket,
        /// What to write.
        batch: Box<WriteBatch>,
    },
    /// Post these bytes and answer with `Answer` or `LinkFailed`.
    Send {
        /// The request.
        bytes: Vec<u8>,
    },
    /// A command is done.
    Finished {
        /// The shell's own number for it.
        ticket: Ticket,
        /// The record, or why nothing was saved.
        result: Result<RecordId, CommandError>,
    },
    /// A first load is in the store, or is not.
    TookIn {
        /// The shell's own number for it.
        ticket: Ticket,
        /// The records that came with it, or why it ended early.
        result: Result<u32, hand::TakeInError>,
    },
    /// These devices of the station have used up what they may bring in a day.
    Notices(Vec<UsedUp>),
    /// These records look different now.
    Changed {
        /// Which.
        records: Vec<RecordId>,
    },
    /// The directory changed.
    Directory(Box<Directory>),
    /// The state of the exchange changed.
    Status(SyncStatus),
    /// Wake the replica at this time, and forget any earlier wish.
    WakeAt(Millis),
}

/// Why a command saved nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It must not be done as things stand.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The document did not take the edit.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The store failed; what was typed is still in the form.
    #[error(transparent)]
    Store(StoreFault),
    /// The record changed again and again while it was being written.
    #[error("the record is being written elsewhere")]
    Busy,
    /// The device has not joined.
    #[error("the device has not joined")]
    NotJoined,
}

/// What the exchange is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Nothing: the last exchange went well, or there was none yet.
    Idle,
    /// An exchange is under way.
    Working,
    /// The last attempt brought no answer.
    Failed(LinkFailure),
    /// The store failed while an answer was to be written.
    StoreFailed(StoreFault),
}

/// The state of the exchange, for the one calm line on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncStatus {
    /// What it is doing.
    pub activity: Activity,
    /// Records with something that the server has not confirmed.
    pub on_phone: u32,
    /// When the last exchange ended well.
    pub synced_at: Option<Millis>,
    /// The place of the log up to which the station's devices have everything.
    pub seen: u64,
    /// The server's clock less the device's, in milliseconds, at the last exchange.
    pub clock_gap_ms: i64,
    /// Until when the server takes nothing more of what waits here: the device brought as much as it
    /// may in a day.
    pub held_until: Option<Millis>,
}

/// The state machine of one device.
#[derive(Debug)]
pub struct Replica {
    device: DeviceId,
    secret: Secret,
    /// What its batches are signed with, where the edge can sign.
    key: Option<PublicKey>,
    /// The key that the server knows.
    enrolled: Option<PublicKey>,
    /// Nothing vouches for the key: where the server knows none of this device, it goes on without.
    unsigned: bool,
    actor: ActorKey,
    directory: Option<Directory>,
    cursor: Vec<u8>,
    /// The next exchange names every change in full: one could not be rebuilt.
    whole: bool,
    status: SyncStatus,
    told: Option<SyncStatus>,
    failures: u32,
    joining: Option<String>,
    commands: BTreeMap<Ticket, act::Pending>,
    phase: exchange::Phase,
    /// Something was saved while an exchange was under way.
    again: bool,
    next_ticket: Ticket,
    wake_at: Option<Millis>,
    /// The devices that used up their day, as was told last.
    notices: Vec<UsedUp>,
    /// The sums of what the server confirmed, as the store remembers them.
    sums: Sums,
    checked_at: Option<Millis>,
    mending: mend::Mending,
    /// First loads that a colleague's device handed over.
    handed: VecDeque<hand::Handed>,
    /// What is known of a request that was refused whole.
    doubt: doubt::Doubt,
    /// The rows that came before their records, as the store remembers them.
    ahead: ahead::Ahead,
    /// The records with changes that came by hand and are not confirmed, as the store remembers them.
    by_hand: BTreeMap<RecordId, UnitId>,
}

impl Replica {
    /// The machine of a device with what its store remembers.
    ///
    /// `actor` is fresh at every start and never stored: a restored copy of the phone can then not
    /// write in the name of the original. What it writes under is made of it, and names the device.
    #[must_use]
    pub fn new(device: DeviceId, secret: Secret, actor: ActorKey, meta: &Meta) -> Self {
        let status = SyncStatus {
            activity: Activity::Idle,
            on_phone: 0,
            synced_at: meta.synced_at,
            seen: meta.seen,
            clock_gap_ms: meta.clock_gap_ms,
            held_until: None,
        };
        Self {
            device,
            secret,
            key: None,
            enrolled: meta.enrolled,
            unsigned: false,
            actor: ActorKey::naming(actor.0, device),
            directory: meta.directory.clone(),
            cursor: meta.cursor.clone(),
            whole: false,
            status,
            told: None,
            failures: 0,
            joining: None,
            commands: BTreeMap::new(),
            phase: exchange::Phase::Idle,
            again: false,
            next_ticket: OWN_TICKETS_FROM,
            wake_at: None,
            notices: Vec::new(),
            sums: meta.sums.clone(),
            checked_at: meta.checked_at,
            mending: mend::Mending::default(),
            handed: VecDeque::new(),
            doubt: doubt::Doubt::default(),
            ahead: meta.ahead.clone(),
            by_hand: meta.by_hand.clone(),
        }
    }

    /// The same for a device that can sign: the edge ends each request for which
    /// [`to_sign`](crate::sync::signed::to_sign) gives bytes with a signature by this key.
    #[must_use]
    pub const fn signing(mut self, key: Option<PublicKey>) -> Self {
        self.key = key;
        self
    }

    /// What the device proves itself with.
    #[must_use]
    pub const fn proof(&self) -> (DeviceId, Secret) {
        (self.device, self.secret)
    }

    /// Who and where, once the device has joined.
    #[must_use]
    pub const fn directory(&self) -> Option<&Directory> {
        self.directory.as_ref()
    }

    /// The state of the exchange.
    #[must_use]
    pub const fn status(&self) -> SyncStatus {
        self.status
    }

    /// Takes one event and tells what is to be done.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Command {
                ticket,
                command,
                fresh,
                drafts,
            } => {
                let pending = act::Pending::new(*command, fresh, drafts);
                self.take_command(ticket, pending, &mut effects);
            }
            Event::Join { code, now } => self.join(&code, now, &mut effects),
            Event::Loaded { ticket, records } => {
                if self.commands.contains_key(&ticket) {
                    self.command_loaded(ticket, &records, &mut effects);
                } else {
                    self.page_loaded(ticket, &records, &mut effects);
                    self.requeue(ticket, &records, &mut effects);
                }
            }
            Event::Outbox {
                items,
                records,
                now,
            } => {
                self.status.on_phone = records;
                self.outbox_read(items, now, &mut effects);
            }
            Event::Committed { ticket, now } => {
                if let Some(pending) = self.commands.remove(&ticket) {
                    self.command_committed(ticket, pending, now, &mut effects);
                } else {
                    self.page_committed(ticket, now, &mut effects);
                }
            }
            Event::Stale { ticket } => {
                if self.commands.contains_key(&ticket) {
                    self.command_stale(ticket, &mut effects);
                } else {
                    self.page_stale(ticket, &mut effects);
                    self.requeue_stale(ticket, &mut effects);
                }
            }
            Event::StoreFailed { ticket, fault, now } => {
                if self.commands.remove(&ticket).is_some() {
                    let result = Err(CommandError::Store(fault));
                    effects.push(Effect::Finished { ticket, result });
                } else {
                    self.page_failed(ticket, fault, now, &mut effects);
                }
            }
            Event::Scanned { ticket, held, now } => {
                self.scanned(ticket, held, now, &mut effects);
            }
            Event::Bring { record, now } => self.bring_record(record, now, &mut effects),
            Event::TakeIn { ticket, load, now } => self.take_in(ticket, load, now, &mut effects),
            Event::Wake { cause, now } => self.wake(cause, now, &mut effects),
            Event::Answer { bytes, now } => self.answered(&bytes, now, &mut effects),
            Event::LinkFailed {
                failure,
                now,
                random,
            } => {
                self.link_failed(failure, now, random, &mut effects);
            }
        }
        self.tell(&mut effects);
        effects
    }

    /// Tells the state of the exchange where it changed.
    fn tell(&mut self, effects: &mut Vec<Effect>) {
        if self.told != Some(self.status) {
            self.told = Some(self.status);
            effects.push(Effect::Status(self.status));
        }
    }

    const fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        self.next_ticket
    }
}
