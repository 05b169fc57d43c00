//! One phone: the real machine of a device, its store, its clock and its network.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use domain::id::{ActorKey, DeviceId, PersonId, RecordId};
use domain::replica::{Effect, Event, LinkFailure, OutboxItem, Replica, Ticket, WriteBatch};
use domain::sync::message::{Caller, ErrorCode, Request, Secret};
use domain::time::Millis;

use super::disk::Disk;
use super::plan::{Fault, PhoneNo, Work};
use crate::headless::signer::Signer;

/// How the network of a phone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Net {
    /// Both ways.
    Up,
    /// What it sends arrives; nothing comes back.
    OneWay,
    /// None.
    Down,
}

/// A request on its way.
#[derive(Debug, Clone)]
pub struct Letter {
    /// From which phone.
    pub phone: PhoneNo,
    /// The request's number, counted over all phones.
    pub no: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it carries.
    pub items: Vec<OutboxItem>,
    /// The query of its address.
    pub query: String,
    /// What happens to it, or to its answer.
    pub fault: Option<(Fault, u64)>,
    /// Whether anybody waits for its answer.
    pub answered: bool,
}

/// What a command will have saved once it is said.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What is done.
    pub work: Work,
    /// The word that its text holds.
    pub token: String,
    /// What it is about.
    pub record: RecordId,
    /// The phone's clock.
    pub at: Millis,
    /// What it wrote, once it is written.
    pub batch: Option<WriteBatch>,
}

/// A phone.
#[derive(Debug)]
pub struct Phone {
    /// What it is called in a trace.
    pub name: String,
    /// Whose it is.
    pub person: PersonId,
    /// Its name for the server.
    pub device: DeviceId,
    /// Its proof.
    pub secret: Secret,
    /// The key that it signs with.
    pub signer: Arc<Signer>,
    /// Its store.
    pub disk: Disk,
    /// Its machine; none while it is off.
    pub replica: Option<Replica>,
    /// Counts its starts: what was under way before is of no use after.
    pub start: u32,
    /// Its network.
    pub net: Net,
    /// Its clock less the true time, in milliseconds.
    pub skew: i64,
    /// What happens to its next requests.
    pub letters: VecDeque<(Fault, u64)>,
    /// The request whose answer it waits for.
    pub awaits: Option<u64>,
    /// What the outbox held when it was read last.
    pub read: Vec<OutboxItem>,
    /// Its last request.
    pub last_request: Vec<u8>,
    /// The last answer that came, for a proxy to say again.
    pub last_answer: Vec<u8>,
    /// Commands on their way.
    pub asked: BTreeMap<Ticket, Asked>,
    /// The code that it is to join with.
    pub code: Option<String>,
    /// Somebody typed a code that no request has brought yet.
    pub typed: bool,
    /// When its last request failed, in true time, where nobody asked for another since.
    pub failed_at: Option<i64>,
    /// Counts its timers: only the last one wakes it.
    pub timer: u64,
    /// Someone else has the phone, or it is off: it does not start by itself.
    pub asleep: bool,
    /// The key it writes under, where that is stored (a planted bug).
    pub stored_actor: Option<ActorKey>,
    /// The last id that a form got.
    pub last_id: Option<RecordId>,
    next_ticket: Ticket,
}

impl Phone {
    /// A phone that was never on.
    #[must_use]
    pub fn new(
        name: String,
        person: PersonId,
        (device, secret, signer): (DeviceId, Secret, Arc<Signer>),
        disk: Disk,
    ) -> Self {
        Self {
            name,
            person,
            device,
            secret,
            signer,
            disk,
            replica: None,
            start: 0,
            net: Net::Up,
            skew: 0,
            letters: VecDeque::new(),
            awaits: None,
            read: Vec::new(),
            last_request: Vec::new(),
            last_answer: Vec::new(),
            asked: BTreeMap::new(),
            code: None,
            typed: false,
            failed_at: None,
            timer: 0,
            asleep: false,
            stored_actor: None,
            last_id: None,
            next_ticket: 0,
        }
    }

    /// Starts the app on what the store holds.
    pub fn boot(&mut self, actor: ActorKey) {
        self.stop();
        let meta = self.disk.kept.meta();
        let replica = Replica::new(self.device, self.secret, actor, &meta);
        self.replica = Some(replica.signing(self.signer.key()));
    }

    /// Ends the app wherever it is.
    pub fn stop(&mut self) {
        self.replica = None;
        self.start += 1;
        self.awaits = None;
        self.asked.clear();
        self.disk.trouble = None;
        self.disk.unreadable = false;
    }

    /// Hands an event to the machine; none when it panicked.
    pub fn handle(&mut self, event: Event) -> Option<Vec<Effect>> {
        let Some(replica) = &mut self.replica else {
            return Some(Vec::new());
        };
        catch_unwind(AssertUnwindSafe(|| replica.handle(event))).ok()
    }

    /// The next number of a command.
    pub const fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        self.next_ticket
    }

    /// A request as it goes out.
    #[must_use]
    pub fn finished(&self, request: Vec<u8>) -> Vec<u8> {
        self.signer.finish(request).expect("random numbers")
    }

    /// Whether this is answered at once: with names in full where the server does not know them by
    /// their beginnings, with the key where it does not know that, without it where nothing vouches for
    /// it.
    #[must_use]
    pub fn asks_again_at_once(&self, failure: LinkFailure) -> bool {
        let (names_its_key, joins) = match Request::open(&self.last_request) {
            Ok((Caller::Signed { enrolment, .. }, _)) => {
                let joins = enrolment.as_ref().is_some_and(|key| key.join.is_some());
                (enrolment.is_some(), joins)
            }
            _ => (true, true),
        };
        match failure {
            LinkFailure::Refused(_) if self.typed => true,
            LinkFailure::Refused(ErrorCode::Unknown) => true,
            LinkFailure::Refused(ErrorCode::UnknownKey) => !names_its_key,
            LinkFailure::Refused(ErrorCode::KeyLocked) => names_its_key && !joins,
            LinkFailure::Offline
            | LinkFailure::NotOurs
            | LinkFailure::Wait(_)
            | LinkFailure::Refused(_) => false,
        }
    }

    /// Whether its last request brings a code.
    #[must_use]
    pub fn brings_a_code(&self) -> bool {
        match Request::open(&self.last_request) {
            Ok((Caller::Signed { enrolment, .. }, _)) => {
                enrolment.is_some_and(|key| key.join.is_some())
            }
            Ok((Caller::Plain { join, .. }, _)) => join.is_some(),
            Err(_) => false,
        }
    }

    /// Whether it has joined, with a key that the server does not know yet.
    #[must_use]
    pub fn lost_its_key(&self) -> bool {
        let joined = self
            .replica
            .as_ref()
            .is_some_and(|r| r.directory().is_some());
        joined && self.disk.kept.meta().enrolled != self.signer.key()
    }

    /// Whether the machine rests and nothing waits to be sent.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.awaits.is_none() && self.disk.kept.waiting().next().is_none()
    }
}
