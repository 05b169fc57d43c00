//! Everything that goes wrong: each fault, done to a phone, to the server or to the town.

use std::sync::Arc;

use domain::id::{ActorKey, ChangeHash, DeviceId, DocId, UnitId};
use domain::replica::Cause;
use domain::sync::message::Secret;
use domain::unit::Directory;

use super::bug::Bug;
use super::chance::Chance;
use super::disk::{Disk, Trouble};
use super::invariant::Broken;
use super::people::{self, GRIDS, SHARED, SHARED_WITH, unit};
use super::phone::{Letter, Net, Phone};
use super::plan::{Fault, PHONES_MAX, PhoneNo};
use super::world::{Coming, Happening, World};

const YEARS_MS: i64 = 5 * 365 * 24 * 60 * 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The longest way of what is carried by hand, in milliseconds.
const CARRIED_MS_MAX: i64 = 600_000;
/// The most copies of phones in a run.
const CLONES_MAX: usize = 2;
/// The most instructions that a request's writes take.
const FUSE_MAX: u64 = 6_000;

impl World {
    /// Lets something go wrong.
    pub(super) fn strike(
        &mut self,
        no: PhoneNo,
        fault: Fault,
        chance: &mut Chance,
    ) -> Result<(), Broken> {
        self.say(|world| format!("{fault:?} strikes {}", world.name(no)));
        match fault {
            Fault::Crash => self.crash(no, chance)?,
            Fault::Off => self.turn(no)?,
            Fault::Offline => self.cut_net(no, Net::Down)?,
            Fault::OneWay => self.cut_net(no, Net::OneWay)?,
            Fault::LoseRequest
            | Fault::LoseAnswer
            | Fault::Late
            | Fault::Twice
            | Fault::CutRequest
            | Fault::Resume
            | Fault::CutAnswer
            | Fault::FlipRequest
            | Fault::FlipAnswer
            | Fault::BareFlip
            | Fault::Portal
            | Fault::Cached => {
                if let Some(phone) = self.phones.get_mut(no) {
                    phone.letters.push_back((fault, chance.number()));
                }
            }
            Fault::CrashInWrite => self.trouble(no, Trouble::Death(chance.one_in(2))),
            Fault::Quota => self.trouble(no, Trouble::Full),
            Fault::Abort => self.trouble(no, Trouble::Abort),
            Fault::ReadFails => {
                if let Some(phone) = self.phones.get_mut(no) {
                    phone.disk.unreadable = phone.replica.is_some();
                }
            }
            Fault::TotalLoss => self.lose_all(no, chance)?,
            Fault::TailLoss => self.lose_tail(no, chance)?,
            Fault::Clock => {
                if let Some(phone) = self.phones.get_mut(no) {
                    phone.skew = chance.span(-YEARS_MS, YEARS_MS);
                }
            }
            Fault::Clone => self.copy_phone(no, chance)?,
            Fault::Switch => self.switch(no, chance)?,
            Fault::Scope => self.flip_scope(no, chance),
            Fault::MoveGrid => self.move_grid(chance),
            Fault::ServerCrash => {
                let fuse = u32::try_from(chance.below(FUSE_MAX)).unwrap_or(0);
                self.fuse = Some(fuse);
            }
            Fault::ServerRestart => {
                self.set_server_clock();
                self.cut_power()?;
            }
            Fault::DiskFull => {
                self.full = !self.full;
                self.station.set_full(self.full);
            }
            Fault::ServerClock => self.server_skew = chance.span(-DAY_MS, DAY_MS),
            Fault::Hostile => self.attack(chance)?,
            Fault::Restore => self.restore(chance)?,
            Fault::Heal => self.set_healing(!self.healing),
            Fault::Hole => self.make_hole(no, chance),
            Fault::Carry => self.carry(no, chance),
            Fault::HandOver => self.hand_over(no, chance),
            Fault::LoseKey => self.lose_key(no, chance)?,
            Fault::Steal => self.steal(no, chance)?,
            Fault::Retire => self.retire(no),
        }
        Ok(())
    }

    fn trouble(&mut self, no: PhoneNo, trouble: Trouble) {
        if let Some(phone) = self.phones.get_mut(no) {
            phone.disk.trouble = Some(trouble);
        }
    }

    /// The app dies: what was being written is written or not, and nobody hears of it.
    fn crash(&mut self, no: PhoneNo, chance: &mut Chance) -> Result<(), Broken> {
        let (start, bug) = (self.phones.get(no).map_or(0, |phone| phone.start), self.bug);
        let mine = |happening: &Happening| match happening {
            Happening::Phone(phone, at, Coming::Write(_, batch)) => {
                (*phone == no && *at == start).then(|| (**batch).clone())
            }
            Happening::Phone(..) | Happening::Arrive(_) => None,
        };
        let writing: Vec<_> = self.queue.values().filter_map(mine).collect();
        if let Some(phone) = self.phones.get_mut(no) {
            for batch in writing {
                if chance.one_in(2) {
                    phone.disk.write(&batch, bug);
                    self.truth.note_station(phone, &batch);
                }
            }
        }
        self.restart(no)
    }

    /// Starts the app anew on what the store holds.
    pub(super) fn restart(&mut self, no: PhoneNo) -> Result<(), Broken> {
        let fresh = ActorKey(self.chance.bytes());
        let stored = self.bug == Some(Bug::StoredActor);
        let stuck = self.bug == Some(Bug::StuckFlag);
        let Some(phone) = self.phones.get_mut(no) else {
            return Ok(());
        };
        if phone.asleep {
            return Ok(());
        }
        phone.disk.busy = stuck && phone.awaits.is_some();
        let actor = phone.stored_actor.filter(|_| stored).unwrap_or(fresh);
        phone.boot(actor);
        self.wake(no, Cause::Visible)
    }

    fn turn(&mut self, no: PhoneNo) -> Result<(), Broken> {
        let Some(phone) = self.phones.get_mut(no) else {
            return Ok(());
        };
        if phone.asleep {
            return Ok(());
        }
        if phone.replica.is_some() {
            phone.stop();
            return Ok(());
        }
        self.restart(no)
    }

    fn cut_net(&mut self, no: PhoneNo, net: Net) -> Result<(), Broken> {
        let Some(phone) = self.phones.get_mut(no) else {
            return Ok(());
        };
        let back = phone.net == net;
        phone.net = if back { Net::Up } else { net };
        if back {
            return self.wake(no, Cause::Online);
        }
        Ok(())
    }

    fn lose_all(&mut self, no: PhoneNo, chance: &mut Chance) -> Result<(), Broken> {
        let Some(phone) = self.phones.get_mut(no) else {
            return Ok(());
        };
        phone.stop();
        phone.disk = Disk::default();
        phone.device = DeviceId(chance.bytes());
        phone.secret = Secret(chance.bytes());
        phone.code = None;
        phone.last_answer = Vec::new();
        self.truth.forgive(no, phone);
        if phone.asleep {
            return Ok(());
        }
        self.restart(no)?;
        self.button(no)
    }

    fn lose_tail(&mut self, no: PhoneNo, chance: &mut Chance) -> Result<(), Broken> {
        let Some(phone) = self.phones.get_mut(no) else {
            return Ok(());
        };
        phone.stop();
        phone.disk.lose_tail(1 + chance.place(3));
        self.truth.forgive(no, phone);
        self.restart(no)
    }

    /// A backup of a phone is put on another one; both go on.
    fn copy_phone(&mut self, no: PhoneNo, chance: &mut Chance) -> Result<(), Broken> {
        let copies = self
            .phones
            .iter()
            .filter(|phone| phone.name.ends_with('\''));
        let Some(phone) = self.phones.get(no).filter(|_| copies.count() < CLONES_MAX) else {
            return Ok(());
        };
        let mut copy = Phone::new(
            format!("{}'", phone.name),
            phone.person.clone(),
            (phone.device, phone.secret, Arc::clone(&phone.signer)),
            Disk::with(phone.disk.kept.clone()),
        );
        copy.skew = phone.skew;
        copy.code.clone_from(&phone.code);
        copy.stored_actor = phone.stored_actor;
        copy.net = if chance.one_in(2) { Net::Up } else { Net::Down };
        self.phones.push(copy);
        self.restart(self.phones.len() - 1)
    }

    /// Another person takes the phone over, or the same one logs in again.
    fn switch(&mut self, no: PhoneNo, _chance: &mut Chance) -> Result<(), Broken> {
        let wipe = self.bug == Some(Bug::LogoutDropsOutbox);
        let shared = self.phones.len() >= PHONES_MAX && (no == SHARED || no == SHARED_WITH);
        let pair = if shared {
            vec![SHARED, SHARED_WITH]
        } else {
            vec![no]
        };
        for no in &pair {
            let Some(phone) = self.phones.get_mut(*no) else {
                continue;
            };
            if phone.replica.is_some() || phone.asleep {
                let was_on = phone.replica.is_some();
                if was_on && wipe {
                    phone.disk.drop_waiting(|_| true);
                }
                phone.stop();
                phone.asleep = shared && was_on;
            }
        }
        for no in pair {
            self.restart(no)?;
        }
        Ok(())
    }

    fn flip_scope(&mut self, no: PhoneNo, chance: &mut Chance) {
        let Some(who) = self.phones.get(no).map(|phone| phone.person.clone()) else {
            return;
        };
        // A server without room takes no new units either.
        if self.full {
            return;
        }
        let choices: &[&[&str]] = if people::is_staff(&who) {
            &[&["s1"], &["s2"], &["s1", "s2"]]
        } else {
            &[&["g1"], &["g2"], &["g1", "g2"], &["g2", "g3"]]
        };
        let units = chance.pick(choices).copied().unwrap_or_default();
        let units: Vec<UnitId> = units.iter().map(|code| unit(code)).collect();
        self.say(|_| format!("{who} now works in {units:?}"));
        let line = self.town.assign(&who, units);
        self.station.put_person(&line);
    }

    fn move_grid(&mut self, chance: &mut Chance) {
        if self.full {
            return;
        }
        let grid = chance.pick(&GRIDS).map(|code| unit(code));
        if let Some(line) = grid.and_then(|grid| self.town.move_grid(&grid)) {
            self.say(|_| format!("grid {} moves to {:?}", line.id, line.parent));
            self.station.put_unit(&line);
        }
    }

    /// An administrator opens healing, or closes it.
    pub(super) fn set_healing(&mut self, open: bool) {
        if self.full {
            return;
        }
        self.healing = open;
        self.set_server_clock();
        self.station.heal(if open { 30 } else { 0 });
        self.say(|_| format!("healing is {}", if open { "open" } else { "closed" }));
    }

    fn restore(&mut self, chance: &mut Chance) -> Result<(), Broken> {
        let place = chance.place(self.copies.len());
        let Some(copy) = self.copies.get(place).cloned() else {
            return Ok(());
        };
        self.copies.truncate(place + 1);
        self.set_server_clock();
        self.station.restore(&copy);
        for line in self.town.org().units {
            self.station.put_unit(&line);
        }
        for line in self.town.org().people {
            self.station.put_person(&line);
        }
        self.truth.set_back(&self.station.log_after(0));
        self.truth.hurt = true;
        // What came after the copy may come back later than what follows it.
        self.truth.holed = true;
        self.full = false;
        self.healing = self.station.is_healing();
        self.look()
    }

    /// A change that was received is gone from a store.
    fn make_hole(&mut self, no: PhoneNo, chance: &mut Chance) {
        let log = &self.truth.log;
        let known = |doc: DocId, hash: ChangeHash| log.contains_key(&(doc, hash));
        let Some(phone) = self.phones.get_mut(no) else {
            return;
        };
        let received = phone
            .disk
            .kept
            .changes()
            .map(|(doc, change)| (doc, change.hash));
        let received: Vec<_> = received.filter(|(doc, hash)| known(*doc, *hash)).collect();
        if let Some((doc, hash)) = chance.pick(&received).copied() {
            self.truth.hurt = true;
            self.truth.holed = true;
            phone
                .disk
                .drop_changes(|of, name| (of, name) == (doc, hash));
        }
    }

    /// What waits on a phone is carried to the server; the phone hears nothing of it.
    fn carry(&mut self, no: PhoneNo, chance: &mut Chance) {
        let now = self.clock(no);
        let Some(phone) = self.phones.get_mut(no) else {
            return;
        };
        let (items, _) = phone.disk.kept.outbox(usize::MAX, usize::MAX);
        let requests = phone
            .replica
            .as_ref()
            .and_then(|replica| replica.carried(&items, now));
        let signed: Vec<_> = requests
            .into_iter()
            .flatten()
            .map(|bytes| phone.finished(bytes))
            .collect();
        for bytes in signed {
            self.letters += 1;
            let letter = Letter {
                phone: no,
                no: self.letters,
                bytes,
                items: Vec::new(),
                query: String::new(),
                fault: None,
                answered: false,
            };
            for _ in 0..1 + chance.below(2) {
                let late = chance.span(0, CARRIED_MS_MAX);
                self.later(late, Happening::Arrive(Box::new(letter.clone())));
            }
        }
    }

    /// Another phone's records come to this one as a first load, soon or late.
    fn hand_over(&mut self, no: PhoneNo, chance: &mut Chance) {
        let from = chance.place(self.phones.len());
        let made = self.phones.get(from).and_then(|phone| {
            let replica = phone.replica.as_ref()?;
            let mut grids: Vec<UnitId> = replica
                .directory()?
                .grids
                .iter()
                .map(|grid| grid.id.clone())
                .collect();
            if chance.one_in(3) {
                grids.truncate(1);
            }
            let mut writer = replica.hand(grids);
            let kept = &phone.disk.kept;
            for row in kept.rows() {
                writer.add(&kept.load(row.id));
            }
            writer.finish()
        });
        if let Some((mut load, _)) = made {
            if chance.one_in(4) {
                // The colleague has altered the app: a record that the server never had.
                load.pages.insert(0, self.forged_page(chance));
            }
            let late = chance.span(0, 120_000);
            self.later_to(no, late, Coming::HandOver(Box::new(load)));
        }
    }

    /// What a phone with a planted bug does when its grids change.
    pub(super) fn purge(&mut self, no: PhoneNo, known: &Directory) {
        let rows = self.truth.grids.clone();
        let lost = |doc: DocId, phone: &Phone| {
            let row = phone.disk.kept.rows().find(|row| row.id == doc.record);
            let grid = row
                .map(|row| row.grid.clone())
                .or_else(|| rows.get(&doc.record).cloned());
            grid.is_some_and(|grid| known.grid(&grid).is_none())
        };
        let Some(phone) = self.phones.get_mut(no) else {
            return;
        };
        let all = phone.disk.kept.changes().map(|(doc, _)| doc);
        let lost: Vec<DocId> = all.filter(|doc| lost(*doc, phone)).collect();
        if self.bug == Some(Bug::ScopePurge) {
            phone.disk.drop_changes(|doc, _| lost.contains(&doc));
            phone.disk.drop_waiting(|doc| lost.contains(&doc));
        }
    }
}
