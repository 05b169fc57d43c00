//! The world of one run: one clock, one queue of what is to come, phones and a server.

use std::collections::{BTreeMap, VecDeque};

use domain::id::{ActorKey, RecordId};
use domain::replica::{Cause, Event, LinkFailure, Ticket, WriteBatch};
use domain::sync::bundle::Load;
use domain::time::Millis;

use super::bug::Bug;
use super::chance::Chance;
use super::invariant::Broken;
use super::people::Town;
use super::phone::{Letter, Phone};
use super::plan::{Fault, Move, PhoneNo, Plan, Step, Work};
use super::station::{Copy, Station};
use super::truth::Truth;
use super::{setting::Setting, work};

/// The true time when every run begins: 2026-11-22 09:00 in Shanghai.
pub const BEGIN: i64 = 1_795_309_200_000;

/// What is to come to a phone.
#[derive(Debug)]
pub enum Coming {
    /// Records were read.
    Load(Ticket, Vec<RecordId>),
    /// The outbox was read.
    Outbox(usize, usize),
    /// The store was read through.
    Scan(Ticket),
    /// A batch is written.
    Write(Ticket, Box<WriteBatch>),
    /// A timer, with its number.
    Timer(u64),
    /// An answer, or why there is none.
    Answer(u64, Result<Vec<u8>, LinkFailure>),
    /// A first load that was made on another phone.
    HandOver(Box<Load>),
}

/// What is to come.
#[derive(Debug)]
pub enum Happening {
    /// To a phone, unless it was started again meanwhile.
    Phone(PhoneNo, u32, Coming),
    /// A request comes to the server.
    Arrive(Box<Letter>),
}

/// The world.
#[derive(Debug)]
pub struct World {
    /// The true time.
    pub now: i64,
    /// What is to come, by time and order.
    pub queue: BTreeMap<(i64, u64), Happening>,
    queued: u64,
    /// The phones, copies at the end.
    pub phones: Vec<Phone>,
    /// The server.
    pub station: Station,
    /// The server's clock less the true time, in milliseconds.
    pub server_skew: i64,
    /// Whether the server's disk is full.
    pub full: bool,
    /// After how many instructions the server dies in the next request.
    pub fuse: Option<u32>,
    /// Whether an administrator has opened healing.
    pub healing: bool,
    /// Older copies of the server's database.
    pub copies: VecDeque<Copy>,
    /// Who works where.
    pub town: Town,
    /// What is so.
    pub truth: Truth,
    /// Chance for what no move decides.
    pub chance: Chance,
    /// What is wrong on purpose.
    pub bug: Option<Bug>,
    /// The newest that each phone was served, by the server's clock (for a planted bug).
    pub served: BTreeMap<PhoneNo, Millis>,
    /// How often each fault came to pass.
    pub faults: BTreeMap<Fault, u64>,
    /// Requests so far.
    pub letters: u64,
    /// Words typed so far.
    pub words: usize,
    /// What happened, where that is wanted.
    pub trace: Option<Vec<String>>,
}

impl World {
    /// The world before a run.
    #[must_use]
    pub fn new(setting: &Setting, plan: &Plan, bug: Option<Bug>) -> Self {
        let mut chance = Chance::new(plan.seed ^ 0xfe96_6e00);
        let town = Town::default();
        let station = Station::start(Some(&setting.database), &town, Millis(BEGIN));
        let mut phones: Vec<Phone> = setting.phones(plan.phones);
        for phone in &mut phones {
            let actor = ActorKey(chance.bytes());
            phone.stored_actor = Some(actor);
            if !phone.asleep {
                phone.boot(actor);
            }
        }
        Self {
            now: BEGIN,
            queue: BTreeMap::new(),
            queued: 0,
            phones,
            station,
            server_skew: 0,
            full: false,
            fuse: None,
            healing: false,
            copies: VecDeque::new(),
            town,
            truth: Truth::default(),
            chance,
            bug,
            served: BTreeMap::new(),
            faults: BTreeMap::new(),
            letters: 0,
            words: 0,
            trace: None,
        }
    }

    /// Plays a plan to its end and heals everything.
    ///
    /// # Errors
    /// When an invariant does not hold.
    pub fn play(&mut self, plan: &Plan) -> Result<(), Broken> {
        for no in 0..self.phones.len() {
            self.wake(no, Cause::Visible)?;
        }
        let restores = plan
            .moves
            .iter()
            .any(|step| matches!(step.step, Step::Fault(Fault::Restore)));
        for (count, step) in plan.moves.iter().enumerate() {
            self.run_until(self.now + step.after)?;
            if count % 8 == 0 && restores {
                self.copies.push_back(self.station.copy());
            }
            self.make(step)?;
            self.truth.keeps_promises(&self.phones)?;
        }
        self.heal()
    }

    fn make(&mut self, step: &Move) -> Result<(), Broken> {
        let mut chance = Chance::new(step.salt);
        match step.step {
            Step::Work(work) => self.work(step.phone, work, &mut chance),
            Step::Fault(fault) => {
                *self.faults.entry(fault).or_default() += 1;
                self.strike(step.phone, fault, &mut chance)
            }
        }
    }

    fn work(&mut self, no: PhoneNo, work: Work, chance: &mut Chance) -> Result<(), Broken> {
        if work == Work::Button {
            return self.button(no);
        }
        self.words += 1;
        let words = self.words;
        let at = self.clock(no);
        let Some(phone) = self.phones.get_mut(no) else {
            return Ok(());
        };
        let Some(mut asking) = work::command(phone, work, (at, words), chance) else {
            return Ok(());
        };
        if self.bug == Some(Bug::DraftIdReused) {
            work::reuse(&mut asking.command, &mut phone.last_id);
        }
        let ticket = phone.ticket();
        let asked = super::phone::Asked {
            work,
            token: asking.token.clone(),
            record: asking.command.record(),
            at,
            batch: None,
        };
        phone.asked.insert(ticket, asked);
        phone.failed_at = None;
        self.say(|world| {
            let who = world.name(no);
            format!(
                "{who} does {work:?} {} on {}",
                asking.token,
                asking.command.record()
            )
        });
        self.feed(
            no,
            Event::Command {
                ticket,
                command: Box::new(asking.command),
                fresh: domain::id::Fresh::new(at, chance.bytes()),
                drafts: Vec::new(),
            },
        )
    }

    /// Presses the button; a phone that never joined joins.
    pub(super) fn button(&mut self, no: PhoneNo) -> Result<(), Broken> {
        let now = self.clock(no);
        let Some(phone) = self.phones.get_mut(no) else {
            return Ok(());
        };
        phone.failed_at = None;
        let joined = phone
            .replica
            .as_ref()
            .is_some_and(|r| r.directory().is_some());
        if joined && phone.lost_its_key() {
            return self.type_code(no);
        }
        if joined {
            return self.wake(no, Cause::Button);
        }
        if phone.code.is_none() {
            let (who, device) = (phone.person.clone(), phone.device);
            self.set_server_clock();
            // A device that joined elsewhere, from a copy, has a key: the code is for it alone.
            let alone = (self.station.keys_of(device) > 0).then_some(device);
            let code = self.station.invite(&who, alone);
            if let Some(phone) = self.phones.get_mut(no) {
                phone.code = code;
            }
        }
        match self.phones.get(no).and_then(|phone| phone.code.clone()) {
            Some(code) => self.feed(no, Event::Join { code, now }),
            None => Ok(()),
        }
    }

    /// Tells a machine to look.
    pub(super) fn wake(&mut self, no: PhoneNo, cause: Cause) -> Result<(), Broken> {
        let now = self.clock(no);
        if let Some(phone) = self.phones.get_mut(no) {
            phone.failed_at = None;
        }
        self.feed(no, Event::Wake { cause, now })
    }

    /// Lets everything happen that happens up to a time.
    pub(super) fn run_until(&mut self, end: i64) -> Result<(), Broken> {
        while let Some(entry) = self.queue.first_entry() {
            let (at, _) = *entry.key();
            if at > end {
                break;
            }
            let happening = entry.remove();
            self.now = self.now.max(at);
            match happening {
                Happening::Phone(no, start, coming) => {
                    let same = self
                        .phones
                        .get(no)
                        .is_some_and(|phone| phone.start == start);
                    if same {
                        self.come(no, coming)?;
                    }
                }
                Happening::Arrive(letter) => self.arrive(&letter)?,
            }
        }
        self.now = end;
        Ok(())
    }

    /// Lets something happen later.
    pub(super) fn later(&mut self, after: i64, happening: Happening) {
        self.queued += 1;
        self.queue
            .insert((self.now + after.max(0), self.queued), happening);
    }

    /// Lets something come to a phone later.
    pub(super) fn later_to(&mut self, no: PhoneNo, after: i64, coming: Coming) {
        let start = self.phones.get(no).map_or(0, |phone| phone.start);
        self.later(after, Happening::Phone(no, start, coming));
    }

    /// A phone's clock.
    pub(super) fn clock(&self, no: PhoneNo) -> Millis {
        Millis(self.now + self.phones.get(no).map_or(0, |phone| phone.skew))
    }

    /// Sets the server's clock to what it is by now.
    pub(super) fn set_server_clock(&self) {
        self.station.set_clock(Millis(self.now + self.server_skew));
    }

    /// A phone's name.
    pub(super) fn name(&self, no: PhoneNo) -> String {
        self.phones
            .get(no)
            .map_or_else(String::new, |phone| phone.name.clone())
    }

    /// Notes what happened, where somebody wants to read it.
    pub(super) fn say(&mut self, what: impl FnOnce(&Self) -> String) {
        if self.trace.is_some() {
            let line = format!("{:>9} ms  {}", self.now - BEGIN, what(self));
            if let Some(trace) = &mut self.trace {
                trace.push(line);
            }
        }
    }
}
