//! Builders: people, a station with two grids, forms filled as an officer would.

use domain::id::{ActorKey, DeviceId, Fresh, RecordId, UnitId};
use domain::record::Said;
use domain::record::dispute::{Draft, NewDispute};
use domain::time::Millis;
use domain::unit::{Directory, Grid, Level, Member, Role, Unit};

/// A Sunday morning: 2026-11-22 09:00 in Shanghai.
pub fn morning() -> Millis {
    Millis::from_local_text("2026-11-22T09:00").expect("a valid time")
}

pub fn unit(code: &str) -> UnitId {
    code.parse().expect("a code")
}

pub fn member(person: &str, roles: &[Role], units: &[&str]) -> Member {
    Member {
        person: person.parse().expect("a code"),
        name: person.to_uppercase(),
        roles: roles.to_vec(),
        units: units.iter().map(|code| unit(code)).collect(),
    }
}

/// The directory of a member who sees these grids.
pub fn directory(me: Member, grids: &[&str]) -> Directory {
    let grid = |code: &&str| Grid {
        id: unit(code),
        name: format!("Grid {code}"),
        village: "Village".to_owned(),
        station: unit("s1"),
    };
    Directory {
        me,
        home: Unit {
            id: unit("s1"),
            level: Level::Station,
            name: "Station".to_owned(),
            parent: None,
            village: None,
        },
        grids: grids.iter().map(grid).collect(),
        checkpoints: Vec::new(),
        colleagues: Vec::new(),
        demo: true,
    }
}

pub fn officer(person: &str) -> Directory {
    directory(
        member(person, &[Role::AuxOfficer, Role::Mediator], &["g1"]),
        &["g1"],
    )
}

pub fn station() -> Directory {
    directory(member("duty", &[Role::StationDuty], &["s1"]), &["g1", "g2"])
}

pub fn draft() -> Draft {
    Draft {
        grid: "g1".to_owned(),
        category: "04".to_owned(),
        place: "石桥4组水井旁".to_owned(),
        brief: "两户因田坎界址发生争执，当场劝开".to_owned(),
        party_a_name: "周仁发".to_owned(),
        party_a_phone: "10000001234".to_owned(),
        party_b_name: "李国清".to_owned(),
        ..Draft::default()
    }
}

/// Text that may be stored.
pub fn said(text: &str) -> Said {
    text.parse().expect("text that may be stored")
}

pub fn new_dispute() -> NewDispute {
    draft().parse(morning()).expect("a sound form")
}

pub fn device(n: u8) -> DeviceId {
    DeviceId([n; 16])
}

pub fn actor(n: u8) -> ActorKey {
    ActorKey([n; 8])
}

pub fn fresh(n: u8, at: Millis) -> Fresh {
    Fresh::new(at, [n; 16])
}

pub fn record(n: u8) -> RecordId {
    RecordId::new(morning(), [n; 10])
}
