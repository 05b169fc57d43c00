//! Who is let in: phones that lose their key and are invited anew, people who are retired and come
//! back, and somebody who has a phone's secret and a key of their own.

use domain::id::{ActorKey, DeviceId};
use domain::replica::Event;
use domain::sync::message::{Ask, Batch, Item, PAGE_KIB_MAX, Request, Secret};
use domain::time::Millis;

use super::chance::Chance;
use super::hostile::honest;
use super::invariant::{Broken, Invariant};
use super::people::{self, unit};
use super::plan::PhoneNo;
use super::setting;
use super::station::Answered;
use super::world::World;

/// A device gets no new key in a run beyond so many: the server takes eight.
const KEYS_MAX: usize = 6;

impl World {
    /// The browser forgot the phone's key; the station makes a code for this phone, which is typed
    /// now or some time later.
    pub(super) fn lose_key(&mut self, no: PhoneNo, chance: &mut Chance) -> Result<(), Broken> {
        let now = chance.one_in(2);
        let Some(phone) = self.phones.get_mut(no) else {
            return Ok(());
        };
        let device = phone.device;
        if self.station.keys_of(device) >= KEYS_MAX {
            return Ok(());
        }
        phone.stop();
        phone.signer = setting::signer();
        phone.code = None;
        self.restart(no)?;
        if now { self.type_code(no) } else { Ok(()) }
    }

    /// A phone whose key the server does not know gets a code of its own.
    pub(super) fn type_code(&mut self, no: PhoneNo) -> Result<(), Broken> {
        let Some(phone) = self.phones.get(no).filter(|phone| phone.lost_its_key()) else {
            return Ok(());
        };
        let (who, device) = (phone.person.clone(), phone.device);
        self.set_server_clock();
        let Some(code) = self.station.invite(&who, Some(device)) else {
            return Ok(());
        };
        self.say(|world| format!("{} types a code made for this phone", world.name(no)));
        let now = self.clock(no);
        if let Some(phone) = self.phones.get_mut(no) {
            phone.failed_at = None;
            phone.typed = true;
        }
        self.feed(no, Event::Join { code, now })
    }

    /// Somebody has read a phone's secret, and brings a key of their own with it.
    pub(super) fn steal(&mut self, no: PhoneNo, chance: &mut Chance) -> Result<(), Broken> {
        let Some(phone) = self.phones.get(no) else {
            return Ok(());
        };
        let (device, secret) = (phone.device, phone.secret);
        self.set_server_clock();
        let key = setting::signer();
        let request = stolen((device, secret), Millis(self.now), chance);
        let signed = key.key().and_then(|public| {
            let message = request.encode_to_sign(Some(public))?;
            Some((public, key.finish(message).ok()?))
        });
        let Some((public, bytes)) = signed else {
            return Ok(());
        };
        let answered = self.station.answer(("", ""), bytes.clone());
        let answered = self.let_in(answered, (device, &public), bytes);
        self.look()?;
        let Answered { status, .. } = answered;
        self.truth.hold(status != 200, Invariant::I13, || {
            "a key came in by a phone's secret alone".to_owned()
        })
    }

    /// Somebody is retired; back with the next move of this kind. Not the station's staff: what a
    /// retired person has seen counts as seen by nobody.
    pub(super) fn retire(&mut self, no: PhoneNo) {
        let Some(who) = self.phones.get(no).map(|phone| phone.person.clone()) else {
            return;
        };
        if self.full || people::is_staff(&who) {
            return;
        }
        self.set_server_clock();
        if self.town.is_retired(&who) {
            self.station.put_person(&self.town.bring_back(&who));
        } else {
            self.town.retire(&who);
            self.station.retire(&who);
        }
    }

    /// Everybody who is retired comes back.
    pub(super) fn bring_all_back(&mut self) {
        for who in self.town.retired() {
            self.station.put_person(&self.town.bring_back(&who));
        }
    }
}

/// Work in the name of a device, signed with nothing yet.
fn stolen((device, secret): (DeviceId, Secret), at: Millis, chance: &mut Chance) -> Request {
    let grid = unit("g1");
    let (record, change) = honest(ActorKey(chance.bytes()), &grid, at, chance);
    let item = Item {
        doc: domain::id::DocId::body(record),
        grid: 0,
        author: 0,
        change: domain::document::Hashed::of(change),
    };
    let mut batch = Batch {
        no: 0,
        grids: vec![grid],
        authors: Vec::new(),
        items: vec![item],
    };
    batch.no = Batch::number(&batch.digest());
    Request {
        device,
        secret,
        join: None,
        ask: Ask {
            cursor: Vec::new(),
            directory: None,
            now: at,
            page_kib: PAGE_KIB_MAX,
            whole: true,
            sound: false,
            repair: None,
        },
        batch: Some(batch),
    }
}
