//! Builders for tests.

use std::cell::RefCell;
use std::rc::Rc;

use app::store::indexed_db::{IndexedDb, Listener, Notice};
use domain::id::{ChangeHash, DocId, PersonId, RecordId, UnitId};
use domain::record::Kind;
use domain::record::dispute::{Draft, NewDispute};
use domain::replica::{StoredChange, Way, WriteBatch};
use domain::time::Millis;
use domain::unit::{Directory, Grid, Level, Member, Role, Unit};
use domain::view::{Delivery, Due, DueKind, Row};

/// A record's id, from a small number.
pub fn id(n: u8) -> RecordId {
    RecordId::new(Millis(1_790_000_000_000 + i64::from(n)), [n; 10])
}

/// A grid.
pub fn grid() -> UnitId {
    "500154001-01".parse().expect("a code")
}

/// A person.
pub fn person() -> PersonId {
    "p1".parse().expect("a code")
}

/// A change whose bytes nobody decodes.
pub fn change(n: u8, bytes: usize) -> StoredChange {
    StoredChange {
        hash: ChangeHash([n; 32]),
        author: person(),
        seq: None,
        bytes: vec![n; bytes],
        way: Way::default(),
    }
}

/// A row at a revision, last changed at a time.
pub fn row(n: u8, rev: u32, updated_at: i64) -> Row {
    Row {
        id: id(n),
        kind: Kind::Dispute,
        schema: 1,
        grid: grid(),
        number: format!("N{n}"),
        title: String::new(),
        category: "neighbour".to_owned(),
        place: "示例村 3 组".to_owned(),
        text: "水渠".to_owned(),
        status: "registered".to_owned(),
        level: String::new(),
        by: person(),
        created_at: Millis(1),
        updated_at: Millis(updated_at),
        happened_at: Millis(1),
        accepted_at: None,
        closed_at: None,
        open: true,
        due: None,
        outcome: String::new(),
        conflicts: 0,
        review: 0,
        link: None,
        checkins: 0,
        active_ms: 0,
        photos: Vec::new(),
        delivery: Delivery {
            rev,
            unsent: 1,
            refused: 0,
            seq: 0,
        },
    }
}

/// The same row with something due.
pub fn due(row: Row, at: i64) -> Row {
    Row {
        due: Some(Due {
            at: Millis(at),
            what: DueKind::Accept,
        }),
        ..row
    }
}

/// What registering record `n` writes.
pub fn registration(n: u8) -> WriteBatch {
    let doc = DocId::body(id(n));
    WriteBatch {
        expect: vec![(id(n), 0)],
        changes: vec![(doc, change(n, 40))],
        rows: vec![row(n, 1, i64::from(n))],
        outbox_add: vec![(doc, grid(), change(n, 0).hash)],
        ..WriteBatch::default()
    }
}

/// A listener that writes down what it hears.
pub fn listener() -> (Listener, Rc<RefCell<Vec<Notice>>>) {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let ears = Rc::clone(&heard);
    (Rc::new(move |notice| ears.borrow_mut().push(notice)), heard)
}

/// A database of its own, deleted if an earlier run has left it.
pub async fn database(name: &str) -> IndexedDb {
    let name = format!("test-{name}");
    app::store::indexed_db::delete(&name)
        .await
        .expect("deleted");
    IndexedDb::open(&name, &listener().0).await.expect("opens")
}

/// A form filled as an officer would.
pub fn new_dispute() -> NewDispute {
    let draft = Draft {
        grid: "g1".to_owned(),
        category: "04".to_owned(),
        place: "石桥4组水井旁".to_owned(),
        brief: "两户因田坎界址发生争执，当场劝开".to_owned(),
        party_a_name: "周仁发".to_owned(),
        party_a_phone: "10000001234".to_owned(),
        party_b_name: "李国清".to_owned(),
        ..Draft::default()
    };
    draft
        .parse(Millis::from_local_text("2026-11-22T09:00").expect("a time"))
        .expect("a sound form")
}

/// The directory of an officer with one grid.
pub fn officer() -> Directory {
    let unit = |code: &str| -> UnitId { code.parse().expect("a code") };
    Directory {
        me: Member {
            person: person(),
            name: "示例甲".to_owned(),
            roles: vec![Role::AuxOfficer, Role::Mediator],
            units: vec![unit("g1")],
        },
        home: Unit {
            id: unit("s1"),
            level: Level::Station,
            name: "示例派出所".to_owned(),
            parent: None,
            village: None,
        },
        grids: vec![Grid {
            id: unit("g1"),
            name: "示例村 01 网格".to_owned(),
            village: "示例村".to_owned(),
            station: unit("s1"),
        }],
        checkpoints: Vec::new(),
        colleagues: Vec::new(),
        demo: true,
    }
}
