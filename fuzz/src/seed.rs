//! What inputs are made of: sound changes of sound records, and bytes laid one after the other.

use domain::command::{Command, Context};
use domain::document::{Document, Edit, Hashed, Stamp};
use domain::id::{ActorKey, ChangeHash, DeviceId, DocId, Fresh, Part, RecordId, UnitId};
use domain::record::dispute::Draft;
use domain::record::note_edits;
use domain::record::patrol::NewPatrol;
use domain::sync::message::{Ask, Batch, Item, PAGE_KIB_MAX, Request, Secret};
use domain::time::Millis;
use domain::unit::{Directory, Grid, Level, Member, Role, Unit};
use sha2::{Digest as _, Sha256};
use sync_server::bench;

/// When everything happened.
pub const AT: Millis = Millis(1_700_000_000_000);

/// The device that sends.
pub const DEVICE: DeviceId = DeviceId([7; 16]);
/// Its proof.
pub const SECRET: Secret = Secret([8; 16]);

/// A sound change and where it belongs.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its document.
    pub doc: DocId,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The record of that number.
pub fn record(n: u8) -> RecordId {
    RecordId::new(AT, [n; 10])
}

/// The one grid.
pub fn grid() -> UnitId {
    bench::GRID.parse().expect("a code")
}

/// A dispute with its vault and two notes that were written at the same time.
pub fn dispute(n: u8) -> Vec<Made> {
    let draft = Draft {
        grid: bench::GRID.to_owned(),
        category: "04".to_owned(),
        place: "by the well".to_owned(),
        brief: "a quarrel about the ditch between two fields".to_owned(),
        party_a_name: "A".to_owned(),
        party_a_phone: "10000001234".to_owned(),
        party_b_name: "B".to_owned(),
        ..Draft::default()
    };
    let new = draft.parse(AT).expect("a sound form");
    let mut made = first(
        bench::PERSON,
        &Command::RegisterDispute { id: record(n), new },
        n,
    );
    let body = DocId::body(record(n));
    let person = bench::person().expect("a person");
    for writer in 1..=2 {
        let begin = made.iter().filter(|one| one.doc == body).take(1);
        let (mut document, _) = Document::from_changes(begin.map(|one| one.bytes.as_slice()));
        let note = RecordId::new(AT, [writer; 10]);
        let edits = note_edits(note, &person, AT, "visit", "both have come");
        made.push(commit(&mut document, (body, n + writer), &edits));
    }
    made
}

/// A patrol.
pub fn patrol(n: u8) -> Vec<Made> {
    patrol_by(bench::PERSON, n)
}

/// A patrol of the colleague's.
pub fn colleagues_patrol(n: u8) -> Vec<Made> {
    patrol_by(bench::COLLEAGUE, n)
}

fn patrol_by(person: &str, n: u8) -> Vec<Made> {
    let new = NewPatrol {
        grid: grid(),
        kind: "P01".parse().expect("a code"),
        mode: "walk".parse().expect("a code"),
    };
    first(person, &Command::StartPatrol { id: record(n), new }, n)
}

fn first(person: &str, command: &Command, n: u8) -> Vec<Made> {
    let directory = directory_of(person);
    let mut context = Context {
        directory: &directory,
        device: DEVICE,
        actor: ActorKey([n; 8]),
        fresh: Fresh::new(AT, [n; 16]),
    };
    let plans = command.plan(&mut context, None).expect("a plan");
    let edits = plans.into_iter().flat_map(|plan| {
        let record = plan.record;
        let doc = move |(part, edits)| (DocId { record, part }, edits);
        plan.edits.into_iter().map(doc)
    });
    edits
        .map(|(doc, edits)| commit(&mut Document::default(), (doc, n), &edits))
        .collect()
}

fn commit(document: &mut Document, (doc, n): (DocId, u8), edits: &[Edit]) -> Made {
    let stamp = Stamp {
        actor: ActorKey([n; 8]),
        at: AT,
    };
    let change = document.commit(stamp, edits).expect("edits");
    let bytes = change.expect("something new").bytes;
    Made { doc, bytes }
}

/// The directory of the one person.
pub fn directory() -> Directory {
    directory_of(bench::PERSON)
}

fn directory_of(person: &str) -> Directory {
    let station: UnitId = "bench-station".parse().expect("a code");
    Directory {
        me: Member {
            person: person.parse().expect("a person"),
            name: person.to_owned(),
            roles: vec![Role::AuxOfficer, Role::Mediator],
            units: vec![grid()],
        },
        home: Unit {
            id: station.clone(),
            level: Level::Station,
            name: "bench-station".to_owned(),
            parent: None,
            village: None,
        },
        grids: vec![Grid {
            id: grid(),
            name: bench::GRID.to_owned(),
            village: "bench".to_owned(),
            station,
        }],
        checkpoints: Vec::new(),
        colleagues: Vec::new(),
        demo: false,
    }
}

/// A request with these changes.
pub fn request(no: u64, made: &[Made], whole: bool) -> Request {
    let item = |one: &Made| Item {
        doc: one.doc,
        grid: 0,
        author: 0,
        change: Hashed::of(one.bytes.clone()),
    };
    let batch = Batch {
        no,
        grids: vec![grid()],
        authors: Vec::new(),
        items: made.iter().map(item).collect(),
    };
    Request {
        device: DEVICE,
        secret: SECRET,
        join: None,
        ask: Ask {
            cursor: Vec::new(),
            directory: None,
            now: AT,
            page_kib: PAGE_KIB_MAX,
            sound: false,
            whole,
            repair: None,
        },
        batch: (!made.is_empty()).then_some(batch),
    }
}

/// Blocks of an input: each a byte that says what it is, its length in two bytes, and its bytes.
pub fn blocks(mut input: &[u8], most: usize) -> Vec<(u8, Vec<u8>)> {
    let mut blocks = Vec::new();
    while let [kind, low, high, rest @ ..] = input {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (block, rest) = rest.split_at(len);
        blocks.push((*kind, block.to_vec()));
        input = rest;
        if blocks.len() == most {
            break;
        }
    }
    blocks
}

/// Lays blocks one after the other.
pub fn lay(blocks: &[(u8, &[u8])]) -> Vec<u8> {
    let mut input = Vec::new();
    for (kind, bytes) in blocks {
        let len = u16::try_from(bytes.len()).expect("a short block");
        input.push(*kind);
        input.extend(len.to_le_bytes());
        input.extend(*bytes);
    }
    input
}

/// Makes the checksum of a change true again.
pub fn repair(bytes: &mut [u8]) {
    if let Some((head, hashed)) = bytes.split_at_mut_checked(8) {
        let (_, check) = head.split_at_mut(4);
        check.copy_from_slice(&Sha256::digest(hashed)[..4]);
    }
}

/// A change that says that it begins one operation later than it does.
pub fn begun_later(bytes: &[u8]) -> Vec<u8> {
    let head = domain::document::check(bytes).expect("one of our own changes");
    // Magic, checksum, kind; the length; how many it follows, their names; the author; its number.
    let length = bytes
        .iter()
        .skip(9)
        .take_while(|byte| **byte >= 128)
        .count()
        + 1;
    let start = 9 + length + 1 + 32 * head.deps.len() + 9 + 1;
    let mut later = bytes.to_vec();
    later[start] += 1;
    repair(&mut later);
    later
}

/// The name of a change.
pub fn name(bytes: &[u8]) -> ChangeHash {
    Hashed::name(bytes)
}

/// One of four documents: two records, each with its body and its vault.
pub fn doc(kind: u8) -> DocId {
    let part = if kind & 1 == 0 {
        Part::Body
    } else {
        Part::Vault
    };
    DocId {
        record: record(10 + ((kind >> 1) & 1)),
        part,
    }
}
