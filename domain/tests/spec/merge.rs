//! MG: what becomes of edits that people make without knowing of each other.

use domain::command::{Command, Denial};
use domain::document::Value;
use domain::id::RecordId;
use domain::record::dispute::{AgreementDraft, CloseDraft, EventDraft, SessionDraft};
use domain::record::{EventKind, Said};
use domain::replica::CommandError;
use domain::time::DAY_MS;
use domain::view::Row;
use domain::view::case::Contents;

use crate::fixture::{morning, new_dispute, officer, record, said, station};
use crate::phone::{Link, Phone, Server};

/// Two officers and the station, all holding one dispute; the officers then lose the network.
fn apart() -> (Phone, Phone, Phone, Server, RecordId) {
    let (p1, p2, duty) = (officer("p1"), officer("p2"), station());
    let mut first = Phone::new(1, &p1);
    let mut second = Phone::new(2, &p2);
    let mut tablet = Phone::new(3, &duty);
    let mut server = Server::with(&[(&first, &p1), (&second, &p2), (&tablet, &duty)]);
    let id = record(1);
    let done = first.act(
        &mut server,
        Command::RegisterDispute {
            id,
            new: new_dispute(),
        },
    );
    assert_eq!(done, Ok(id));
    second.sync(&mut server);
    tablet.sync(&mut server);
    first.link = Link::Down;
    second.link = Link::Down;
    (first, second, tablet, server, id)
}

fn together(phones: [&mut Phone; 3], server: &mut Server) {
    let mut phones = phones;
    for phone in &mut phones {
        phone.link = Link::Up;
        phone.sync(server);
    }
    for phone in &mut phones {
        phone.sync(server);
    }
}

fn edit(id: RecordId, place: &str, brief: &str) -> Command {
    let base = new_dispute();
    let mut new = base.clone();
    new.place = said(place);
    new.brief = said(brief);
    Command::EditDispute { id, base, new }
}

#[test]
fn mg2_two_values_of_one_field_are_both_shown_with_their_writers_until_a_person_settles() {
    let (mut first, mut second, mut tablet, mut server, id) = apart();
    let brief = new_dispute().brief;
    assert_eq!(first.act(&mut server, edit(id, "石桥4组", &brief)), Ok(id));
    assert_eq!(second.act(&mut server, edit(id, "石桥5组", &brief)), Ok(id));
    together([&mut first, &mut second, &mut tablet], &mut server);
    let case = tablet.case(id);
    assert_eq!(case.row.conflicts, 1);
    let conflict = &case.conflicts[0];
    assert_eq!(conflict.path, "place");
    let mut claims: Vec<_> = conflict
        .claims
        .iter()
        .map(|claim| {
            (
                claim.value.clone(),
                claim.by.as_ref().map(ToString::to_string),
            )
        })
        .collect();
    claims.sort();
    let claim = |place: &str, by: &str| (Value::from(place), Some(by.to_owned()));
    assert_eq!(claims, [claim("石桥4组", "p1"), claim("石桥5组", "p2")]);
    let settle = Command::Settle {
        doc: conflict.doc,
        path: conflict.path.clone(),
        value: Value::from("石桥5组"),
    };
    assert_eq!(tablet.act(&mut server, settle.clone()), Ok(id));
    first.sync(&mut server);
    assert_eq!(
        (first.row(id).conflicts, first.row(id).place.as_str()),
        (0, "石桥5组")
    );
    let again = tablet.act(&mut server, settle);
    assert_eq!(again, Err(CommandError::Denied(Denial::Nothing)));
}

#[test]
fn mg3_edits_of_different_fields_both_hold() {
    let (mut first, mut second, mut tablet, mut server, id) = apart();
    let base = new_dispute();
    assert_eq!(
        first.act(&mut server, edit(id, "石桥4组", &base.brief)),
        Ok(id)
    );
    assert_eq!(
        second.act(&mut server, edit(id, &base.place, "补充：水沟")),
        Ok(id)
    );
    together([&mut first, &mut second, &mut tablet], &mut server);
    for phone in [&first, &second, &tablet] {
        let row = phone.row(id);
        let shown = (row.place.as_str(), row.text.as_str(), row.conflicts);
        assert_eq!(shown, ("石桥4组", "补充：水沟", 0));
    }
}

#[test]
fn mg4_items_that_two_people_add_are_all_there() {
    let (mut first, mut second, mut tablet, mut server, id) = apart();
    for (phone, text) in [(&mut first, "甲"), (&mut second, "乙")] {
        let form = EventDraft {
            kind: "visit".to_owned(),
            text: text.to_owned(),
            ..Default::default()
        };
        let new = form.parse(morning()).expect("sound");
        assert_eq!(
            phone.act(&mut server, Command::AddEvent { id, new }),
            Ok(id)
        );
        let form = SessionDraft {
            statements: text.to_owned(),
            result: "again".to_owned(),
            consent: true,
            notice: true,
            ..Default::default()
        };
        let new = form.parse(morning(), false).expect("sound");
        assert_eq!(
            phone.act(&mut server, Command::RecordSession { id, new }),
            Ok(id)
        );
    }
    together([&mut first, &mut second, &mut tablet], &mut server);
    let Contents::Dispute(dispute) = tablet.case(id).contents else {
        panic!("a dispute")
    };
    let notes = dispute
        .events
        .iter()
        .filter(|event| matches!(&event.what, EventKind::Note { kind, .. } if kind == "visit"));
    assert_eq!((notes.count(), dispute.sessions.len()), (2, 2));
    // Both accepted the case: the same step twice is no contradiction.
    assert_eq!(
        (dispute.standing.status.as_str(), tablet.row(id).review),
        ("mediating", 0)
    );
}

#[test]
fn mg5_of_two_contradicting_ends_neither_is_lost_and_a_person_decides() {
    let (mut first, mut second, mut tablet, mut server, id) = apart();
    let form = AgreementDraft {
        content: "以老田坎为界".to_owned(),
        consent: true,
        notice: true,
        ..Default::default()
    };
    let new = form.parse(morning(), false).expect("sound");
    assert_eq!(
        first.act(&mut server, Command::RecordAgreement { id, new }),
        Ok(id)
    );
    second.now = second.now.plus(5_000);
    let form = CloseDraft {
        outcome: "22".to_owned(),
        fail_reason: "R2".to_owned(),
        remedies_told: true,
        ..Default::default()
    };
    let new = form.parse().expect("sound");
    assert_eq!(
        second.act(&mut server, Command::CloseDispute { id, new }),
        Ok(id)
    );
    together([&mut first, &mut second, &mut tablet], &mut server);
    let row = tablet.row(id);
    assert_eq!(row.status, "agreed");
    assert!(row.review > 0 && row.is_contested());
    assert_eq!(
        row,
        Row {
            delivery: row.delivery,
            ..first.row(id)
        }
    );
    // The officer who had agreed takes it back: the other end then holds.
    let steps = first.case(id).contradiction().expect("to be decided");
    assert_eq!(steps.stands, "agreed");
    let to: Vec<_> = steps.waiting.iter().map(|(_, to)| to.as_str()).collect();
    assert_eq!(to, ["accepted", "failed", "closed"]);
    for event in steps.instead_of {
        assert_eq!(
            first.act(&mut server, Command::DropStep { id, event }),
            Ok(id)
        );
    }
    tablet.sync(&mut server);
    assert_eq!(
        (tablet.row(id).status.as_str(), tablet.row(id).review),
        ("closed", 0)
    );
}

#[test]
fn mg6_a_step_made_on_a_phone_with_a_slow_clock_still_follows_what_its_writer_saw() {
    let (mut first, mut second, mut tablet, mut server, id) = apart();
    let step = |to: &'static str| Command::Step {
        id,
        to,
        reason: Said::default(),
    };
    first.link = Link::Up;
    assert_eq!(first.act(&mut server, step("accepted")), Ok(id));
    second.link = Link::Up;
    second.sync(&mut server);
    second.now = second.now.plus(-400 * DAY_MS);
    assert_eq!(second.act(&mut server, step("mediating")), Ok(id));
    together([&mut first, &mut second, &mut tablet], &mut server);
    assert_eq!(
        (tablet.row(id).status.as_str(), tablet.row(id).review),
        ("mediating", 0)
    );
}

#[test]
fn mg7_writing_what_is_there_makes_no_change() {
    let (mut first, _, _, mut server, id) = apart();
    let base = new_dispute();
    let before = first.store.load(id);
    let same = Command::EditDispute {
        id,
        base: base.clone(),
        new: base,
    };
    let denied = first.act(&mut server, same);
    assert_eq!(denied, Err(CommandError::Denied(Denial::Nothing)));
    assert_eq!(first.store.load(id), before);
}
