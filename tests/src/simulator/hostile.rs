//! A hostile device: sound credentials, forged changes, and an honest one beside them.

use domain::command::{Command, Context};
use domain::document::{Document, Edit, Hashed, Stamp, check};
use domain::id::{ActorKey, DocId, Fresh, Part, RecordId, UnitId};
use domain::record::note_edits;
use domain::record::patrol::NewPatrol;
use domain::sync::message::{Answer, Ask, Batch, Entry, Item, ItemResult, PAGE_KIB_MAX, Request};
use domain::time::Millis;
use domain::unit::{Directory, Level, Member, Role, Unit};

use super::chance::Chance;
use super::invariant::{Broken, Invariant};
use super::people::{self, HOSTILE, unit};
use super::phone::Letter;
use super::setting;
use super::station::Logged;
use super::world::World;

/// What is forged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forgery {
    /// A change under the key of another device.
    Key,
    /// A change to what never changes.
    Header,
    /// A note in another person's name.
    Name,
    /// A change of which a bit is another one.
    Bit,
    /// Bytes that are no change.
    Noise,
    /// A change that follows one which nobody has.
    Orphan,
}

const FORGERIES: &[Forgery] = &[
    Forgery::Key,
    Forgery::Header,
    Forgery::Name,
    Forgery::Bit,
    Forgery::Noise,
    Forgery::Orphan,
];

impl World {
    /// The hostile device sends a forged change and an honest one.
    pub(super) fn attack(&mut self, chance: &mut Chance) -> Result<(), Broken> {
        self.set_server_clock();
        let grid = unit("g1");
        let actor = ActorKey(chance.bytes());
        let Some((doc, forged)) = self.forge(actor, &grid, chance) else {
            return Ok(());
        };
        if let Ok(head) = check(&forged) {
            self.truth.forbidden.insert(head.hash);
        }
        let at = Millis(self.now);
        let (mate, honest) = honest(ActorKey(chance.bytes()), &grid, at, chance);
        if let Ok(head) = check(&honest) {
            self.truth.stamps.insert(head.hash, at);
            self.truth.of_hostile.insert(head.hash);
        }
        let item = |doc, change| Item {
            doc,
            grid: 0,
            author: 0,
            change: Hashed::of(change),
        };
        let mut items = vec![item(doc, forged), item(DocId::body(mate), honest)];
        let bad = chance.place(2);
        if bad == 1 {
            items.reverse();
        }
        let bytes = request(chance.number() >> 1, grid.clone(), items, at);
        let letter = Letter {
            phone: usize::MAX,
            no: 0,
            bytes: bytes.clone(),
            items: Vec::new(),
            query: String::new(),
            fault: None,
            answered: false,
        };
        let before = self.before_answer();
        let answered = self.station.answer(("", ""), bytes);
        let answered = self.tamper(&letter, answered, before)?;
        self.look()?;
        let lean = (answered.status == 200).then(|| Answer::decode(&answered.body).ok());
        let Some(receipt) = lean.flatten().and_then(|lean| lean.answer.receipt) else {
            let excused = self.full;
            return self.truth.hold(excused, Invariant::I13, || {
                format!("a hostile batch was answered with {}", answered.status)
            });
        };
        let mut results = receipt.results;
        if bad == 1 {
            results.reverse();
        }
        let refused = matches!(results.first(), Some(ItemResult::Refused(_)));
        self.truth.hold(refused, Invariant::I13, || {
            format!("a forged change was answered with {:?}", results.first())
        })?;
        let kept = matches!(results.get(1), Some(ItemResult::Kept(_)));
        self.truth.hold(kept, Invariant::I10, || {
            format!("an honest change beside a forged one: {:?}", results.get(1))
        })?;
        self.borrow(&grid, chance)
    }

    /// The hostile device presents a cursor that it invented or borrowed, and passes on what nobody
    /// wrote, in the name of somebody else.
    fn borrow(&mut self, grid: &UnitId, chance: &mut Chance) -> Result<(), Broken> {
        // While healing is open this may be what it seems; it is then marked for good.
        if self.healing || self.full {
            return Ok(());
        }
        let (borrowed, invented) = self.cursor(chance);
        if self.is_deceived(invented) {
            self.station.heal(30);
        }
        let at = Millis(self.now);
        let author = people::person("wang");
        let (record, forged) = begun("wang", ActorKey(chance.bytes()), (grid, at), chance);
        if let Ok(head) = check(&forged) {
            self.truth.forbidden.insert(head.hash);
        }
        let item = Item {
            doc: DocId::body(record),
            grid: 0,
            author: 1,
            change: Hashed::of(forged),
        };
        let mut request = asking(chance.number() >> 1, grid.clone(), vec![item], at);
        request.ask.cursor = borrowed;
        if let Some(batch) = &mut request.batch {
            batch.authors.push(author);
        }
        let answered = self.station.answer(("", ""), request.encode());
        self.look()?;
        let lean = (answered.status == 200).then(|| Answer::decode(&answered.body).ok());
        let receipt = lean.flatten().and_then(|lean| lean.answer.receipt);
        let results = receipt.map(|receipt| receipt.results).unwrap_or_default();
        let refused = results
            .iter()
            .all(|result| matches!(result, ItemResult::Refused(_)));
        self.truth.hold(refused, Invariant::I13, || {
            format!("what nobody wrote was passed on and answered with {results:?}")
        })
    }

    /// A cursor that is not the device's own, and whether the server never made it.
    fn cursor(&self, chance: &mut Chance) -> (Vec<u8>, bool) {
        let others = self
            .phones
            .iter()
            .map(|phone| phone.disk.kept.meta().cursor);
        let others: Vec<_> = others.filter(|cursor| cursor.len() > 9).collect();
        let borrowed = chance.pick(&others).cloned();
        match (borrowed, chance.below(3)) {
            (Some(cursor), 0) => (cursor, false),
            (Some(mut cursor), 1) => {
                // Another place in the same log.
                if let Some(place) = cursor.get_mut(5) {
                    *place ^= 1 << chance.below(7);
                }
                (cursor, true)
            }
            _ => (chance.bytes::<16>().to_vec(), true),
        }
    }

    /// A page of a first load with a record that somebody else is said to have written.
    pub(super) fn forged_page(&mut self, chance: &mut Chance) -> Vec<u8> {
        let (grid, at) = (unit("g1"), Millis(self.now));
        let (record, forged) = begun("li", ActorKey(chance.bytes()), (&grid, at), chance);
        let change = Hashed::of(forged);
        self.truth.forbidden.insert(change.hash());
        // Whoever writes on it loses what it stands on.
        self.truth.hurt = true;
        self.truth.holed = true;
        let entry = Entry {
            seq: 1 + chance.below(50),
            doc: DocId::body(record),
            author: 0,
            received_at: at,
            change,
            passed_on: None,
        };
        let answer = Answer {
            authors: vec![people::person("li")],
            entries: vec![entry],
            ..Answer::receipt_alone(at, None)
        };
        answer.encode(true)
    }

    /// Forges a change to a record of the grid.
    fn forge(
        &self,
        actor: ActorKey,
        grid: &UnitId,
        chance: &mut Chance,
    ) -> Option<(DocId, Vec<u8>)> {
        let bodies = |entry: &&Logged| {
            entry.doc.part == Part::Body
                && entry.grid == *grid
                && !self.truth.of_hostile.contains(&entry.hash)
        };
        let all: Vec<&Logged> = self.truth.log.values().filter(bodies).collect();
        let victim = *chance.pick(&all)?;
        let doc = victim.doc;
        let log = self.truth.log.values();
        let mut known: Vec<_> = log.filter(|entry| entry.doc == doc).collect();
        known.sort_by_key(|entry| entry.seq);
        let bytes = known.iter().map(|entry| entry.bytes.as_slice());
        let (mut document, _) = Document::from_changes(bytes);
        let at = Millis(self.now);
        let mut make = |actor, edits: &[Edit]| {
            let change = document.commit(Stamp { actor, at }, edits).ok().flatten();
            change.map(|change| change.bytes)
        };
        let note = |who: &str, id| note_edits(id, &people::person(who), at, "visit", "forged");
        let id = RecordId::new(at, chance.bytes());
        let forged = match chance.pick(FORGERIES)? {
            Forgery::Key => make(check(&victim.bytes).ok()?.actor, &note(HOSTILE, id))?,
            Forgery::Header => make(actor, &[Edit::new("grid", "g2")])?,
            Forgery::Name => make(actor, &note("wang", id))?,
            Forgery::Bit => {
                let mut bytes = make(actor, &note(HOSTILE, id))?;
                let at = chance.place(bytes.len());
                *bytes.get_mut(at)? ^= 1;
                bytes
            }
            Forgery::Noise => chance.bytes::<200>().to_vec(),
            Forgery::Orphan => {
                make(actor, &note(HOSTILE, id))?;
                let next = RecordId::new(at, chance.bytes());
                make(actor, &note(HOSTILE, next))?
            }
        };
        Some((doc, forged))
    }
}

/// A patrol that anybody may start.
pub(super) fn honest(
    actor: ActorKey,
    grid: &UnitId,
    at: Millis,
    chance: &mut Chance,
) -> (RecordId, Vec<u8>) {
    begun(HOSTILE, actor, (grid, at), chance)
}

/// A patrol in the name of somebody.
fn begun(
    who: &str,
    actor: ActorKey,
    (grid, at): (&UnitId, Millis),
    chance: &mut Chance,
) -> (RecordId, Vec<u8>) {
    let id = RecordId::new(at, chance.bytes());
    let command = Command::StartPatrol {
        id,
        new: NewPatrol {
            grid: grid.clone(),
            kind: "P01".parse().expect("a code"),
            mode: "walk".parse().expect("a code"),
        },
    };
    let directory = directory(who, grid);
    let mut context = Context {
        directory: &directory,
        device: setting::hostile().0,
        actor,
        fresh: Fresh::new(at, chance.bytes()),
    };
    let plans = command.plan(&mut context, None).expect("a plan");
    let edits = plans.into_iter().flat_map(|plan| plan.edits);
    let edits: Vec<Edit> = edits.flat_map(|(_, edits)| edits).collect();
    let change = Document::default().commit(Stamp { actor, at }, &edits);
    let change = change.expect("a change").expect("something new");
    (id, change.bytes)
}

fn directory(who: &str, grid: &UnitId) -> Directory {
    let station = unit("s1");
    Directory {
        me: Member {
            person: people::person(who),
            name: who.to_owned(),
            roles: vec![Role::AuxOfficer, Role::Mediator],
            units: vec![grid.clone()],
        },
        home: Unit {
            id: station.clone(),
            level: Level::Station,
            name: "s1".to_owned(),
            parent: None,
            village: None,
        },
        grids: vec![domain::unit::Grid {
            id: grid.clone(),
            name: "g1".to_owned(),
            village: "Village".to_owned(),
            station,
        }],
        checkpoints: Vec::new(),
        colleagues: Vec::new(),
        demo: false,
    }
}

fn request(no: u64, grid: UnitId, items: Vec<Item>, now: Millis) -> Vec<u8> {
    asking(no, grid, items, now).encode()
}

fn asking(no: u64, grid: UnitId, items: Vec<Item>, now: Millis) -> Request {
    let (device, secret) = setting::hostile();
    Request {
        device,
        secret,
        join: None,
        ask: Ask {
            cursor: Vec::new(),
            directory: None,
            now,
            page_kib: PAGE_KIB_MAX,
            whole: true,
            sound: false,
            repair: None,
        },
        batch: Some(Batch {
            no,
            grids: vec![grid],
            authors: Vec::new(),
            items,
        }),
    }
}
