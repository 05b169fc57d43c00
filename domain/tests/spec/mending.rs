//! SY: what was lost on either side is found and brought back.

use domain::access::Refusal;
use domain::command::{Command, Denial};
use domain::id::DocId;
use domain::record::dispute::NewDispute;
use domain::replica::{AsideReason, CHECK_EVERY_MS, CommandError, Event, MetaKey};
use domain::sync::message::Request;
use domain::sync::repair::Repair;
use domain::view::DeliveryState;

use crate::fixture::{new_dispute, officer, record, said};
use crate::phone::{Link, Phone};
use crate::sync::{pair, register};

fn edit(n: u8) -> Command {
    Command::EditDispute {
        id: record(n),
        base: new_dispute(),
        new: NewDispute {
            place: said("示例村村口"),
            ..new_dispute()
        },
    }
}

#[test]
fn sy20_f48_a_device_that_lost_changes_finds_which_and_fetches_them() {
    let (mut phone, mut tablet, mut server) = pair();
    for n in 1..=3 {
        assert_eq!(phone.act(&mut server, register(n)), Ok(record(n)));
    }
    tablet.sync(&mut server);
    let body = |tablet: &Phone| tablet.store.load(record(2)).body;
    let lost = body(&tablet).first().expect("a change").hash;
    let hole = domain::replica::WriteBatch {
        drop_changes: vec![(DocId::body(record(2)), lost)],
        ..Default::default()
    };
    tablet.store.commit(&hole).expect("writes");
    // The next change of that record cannot be rebuilt, and waits for the one that is missing, until
    // a look through the store, which the change that cannot be rebuilt does not need, finds it.
    assert_eq!(phone.act(&mut server, edit(2)), Ok(record(2)));
    tablet.now = tablet.now.plus(CHECK_EVERY_MS + 1);
    tablet.sync(&mut server);
    assert_eq!(body(&tablet).len(), 2);
    assert_eq!(tablet.row(record(2)).place, "示例村村口");
    // All is well: the next exchange is one request again.
    tablet.requests.clear();
    tablet.sync(&mut server);
    assert_eq!(tablet.requests.len(), 1);
}

#[test]
fn sy18_sy20_f31_a_server_restored_from_a_backup_is_healed_by_the_devices() {
    for kept in 0..=6 {
        let (mut phone, mut tablet, mut server) = pair();
        for n in 1..=3 {
            assert_eq!(phone.act(&mut server, register(n)), Ok(record(n)));
        }
        tablet.sync(&mut server);
        phone.sync(&mut server);
        phone.link = Link::Down;
        assert_eq!(phone.act(&mut server, edit(2)), Ok(record(2)));
        server.forget_after(kept);
        phone.link = Link::Up;
        phone.sync(&mut server);
        assert_eq!((server.len(), phone.waiting()), (7, 0), "kept {kept}");
        assert_eq!(phone.store.aside(), []);
        assert!(
            phone
                .store
                .rows()
                .all(|row| row.delivery.state(0) == DeliveryState::Sent)
        );
        tablet.sync(&mut server);
        assert_eq!(tablet.row(record(2)).place, "示例村村口", "kept {kept}");
        phone.sync(&mut server);
        let seen = phone.seen();
        assert!(
            phone
                .store
                .rows()
                .all(|row| row.delivery.state(seen) == DeliveryState::Seen)
        );
    }
}

#[test]
fn sy22_f31_what_only_another_device_still_has_is_passed_on_in_its_authors_name() {
    let (mut phone, mut tablet, mut server) = pair();
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    tablet.sync(&mut server);
    server.forget_after(0);
    server.healing = true;
    // The phone itself is gone; the station's tablet has what it wrote.
    tablet.sync(&mut server);
    assert_eq!((server.len(), tablet.waiting()), (2, 0));
    assert_eq!(server.author(0).to_string(), "p1");
    // Whoever gets it sees on which way it came, and so does the device that passed it on.
    let p5 = officer("p5");
    let mut newcomer = Phone::new(5, &p5);
    server.appoint(&newcomer, &p5);
    newcomer.sync(&mut server);
    for device in [&tablet, &newcomer] {
        let case = device.case(record(1));
        let ways: Vec<_> = case.passed_on.iter().collect();
        assert_eq!(ways.len(), 1);
        let (way, count) = ways[0];
        assert_eq!((way.by.as_str(), *count), ("duty", 2));
        assert_eq!(case.passed_on_at("by"), Some(way));
    }
}

#[test]
fn sy27_others_lost_changes_wait_quietly_until_the_server_takes_them() {
    let (mut phone, mut tablet, mut server) = pair();
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    tablet.sync(&mut server);
    assert_eq!(tablet.act(&mut server, register(2)), Ok(record(2)));
    let (held, log) = (tablet.store.held(), server.len());
    server.forget_after(0);
    // Its own comes back by itself, in as many requests as that takes.
    tablet.sync(&mut server);
    assert_eq!((server.len(), tablet.waiting()), (2, 0));
    assert_eq!(server.author(0).to_string(), "duty");
    tablet.requests.clear();
    for _ in 0..3 {
        tablet.sync(&mut server);
    }
    assert_eq!(tablet.requests.len(), 3, "nothing is tried again and again");
    assert_eq!(tablet.store.aside(), []);
    let all = |tablet: &Phone| {
        let mut held = tablet.store.held();
        held.sort_by_key(|held| (held.doc, held.hash));
        held
    };
    let mut before = held;
    before.sort_by_key(|held| (held.doc, held.hash));
    assert_eq!(all(&tablet), before, "nothing is lost here");
    let state = |tablet: &Phone| tablet.row(record(1)).delivery.state(tablet.seen());
    assert_ne!(state(&tablet), DeliveryState::NeedsAttention);
    // The device's own work goes on.
    assert_eq!(tablet.act(&mut server, register(3)), Ok(record(3)));
    assert_eq!((server.len(), tablet.waiting()), (4, 0));
    // As soon as the server takes them they go; what it refuses is as quiet as before.
    server.healing = true;
    tablet.sync(&mut server);
    assert_eq!((server.len(), tablet.waiting()), (log + 2, 0));
    assert_eq!(tablet.store.aside(), []);
}

#[test]
fn sy27_what_the_server_refuses_of_others_is_not_the_officers_trouble() {
    let (mut phone, mut tablet, mut server) = pair();
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    tablet.sync(&mut server);
    server.forget_after(0);
    // Nobody with that name works here any more.
    let other = officer("p7");
    server.appoint(&phone, &other);
    server.healing = true;
    tablet.sync(&mut server);
    assert_eq!((server.len(), tablet.waiting()), (0, 0));
    assert_eq!(tablet.store.aside(), []);
    assert_eq!(tablet.store.held().len(), 2);
    let row = tablet.row(record(1));
    assert_eq!((row.delivery.refused, row.delivery.unsent), (0, 0));
    tablet.requests.clear();
    for _ in 0..3 {
        tablet.sync(&mut server);
    }
    assert_eq!(tablet.requests.len(), 3, "nothing is tried again and again");
}

#[test]
fn sy26_a_device_with_an_empty_store_and_a_cursor_begins_anew() {
    let (mut phone, mut tablet, mut server) = pair();
    for n in 1..=3 {
        assert_eq!(phone.act(&mut server, register(n)), Ok(record(n)));
    }
    tablet.sync(&mut server);
    let known = tablet.store.meta();
    let directory = postcard::to_allocvec(&known.directory.expect("has joined"));
    let meta = [
        (MetaKey::Cursor, known.cursor),
        (MetaKey::Directory, directory.expect("writes")),
    ];
    tablet.store = domain::replica::memory::MemoryStore::default();
    let batch = domain::replica::WriteBatch {
        meta: meta.to_vec(),
        ..Default::default()
    };
    tablet.store.commit(&batch).expect("writes");
    tablet.restart(9);
    tablet.requests.clear();
    tablet.sync(&mut server);
    assert_eq!(tablet.store.rows().count(), 3);
    let asked = |bytes: &Vec<u8>| {
        let (_, sealed) = Request::open(bytes).expect("a request");
        sealed.unseal().expect("a request").0.repair
    };
    assert!(tablet.requests.iter().all(|bytes| asked(bytes).is_none()));
}

#[test]
fn sy24_a_record_of_which_only_the_row_has_come_is_asked_for_and_not_begun_anew() {
    let (mut phone, mut tablet, mut server) = pair();
    for n in 1..=2 {
        assert_eq!(phone.act(&mut server, register(n)), Ok(record(n)));
    }
    let row = |phone: &Phone, n| phone.store.load(record(n)).row.expect("a row");
    let ahead = [1, 2].map(|n| domain::view::Row {
        delivery: Default::default(),
        ..row(&phone, n)
    });
    let rows = domain::replica::WriteBatch {
        rows_ahead: ahead.to_vec(),
        ..Default::default()
    };
    tablet.store.commit(&rows).expect("writes");
    tablet.link = Link::Down;
    let denied = Err(CommandError::Denied(Denial::NotHere));
    assert_eq!(tablet.act(&mut server, edit(2)), denied);
    assert!(tablet.store.load(record(2)).is_ahead());
    assert_eq!(tablet.waiting(), 0);
    // The attempt itself asked for it, and so does looking at it.
    for n in [2, 1] {
        tablet.requests.clear();
        let (record, now) = (record(n), tablet.now);
        tablet.run(&mut server, Event::Bring { record, now });
        let last = tablet.requests.last().map_or(&[][..], Vec::as_slice);
        let (_, sealed) = Request::open(last).expect("a request");
        let (ask, _) = sealed.unseal().expect("sense");
        assert_eq!(ask.repair, Some(Repair::Record(record)));
    }
    tablet.link = Link::Up;
    tablet.sync(&mut server);
    assert_eq!(tablet.act(&mut server, edit(1)), Ok(record(1)));
    // A row that went before its record never takes the place of one that is there.
    let newer = row(&tablet, 1);
    tablet.store.commit(&rows).expect("writes");
    assert_eq!(row(&tablet, 1), newer);
    tablet.requests.clear();
    tablet.sync(&mut server);
    assert_eq!(tablet.requests.len(), 1);
}

#[test]
fn sy20_a_change_whose_forerunner_is_nowhere_is_kept_with_the_reason() {
    let (mut phone, _, mut server) = pair();
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    // Whatever the change follows is neither at the server nor here any more as a confirmed one.
    let stored = phone.store.load(record(1));
    let unconfirmed = stored.body.iter().chain(&stored.vault).map(|change| {
        let change = domain::replica::StoredChange {
            seq: None,
            ..change.clone()
        };
        let part = stored.body.iter().any(|body| body.hash == change.hash);
        let doc = if part {
            DocId::body(record(1))
        } else {
            DocId::vault(record(1))
        };
        (doc, change)
    });
    let forgotten = domain::replica::WriteBatch {
        changes: unconfirmed.collect(),
        ..Default::default()
    };
    phone.store.commit(&forgotten).expect("writes");
    server.forget_after(0);
    assert_eq!(phone.act(&mut server, edit(1)), Ok(record(1)));
    assert_eq!((server.len(), phone.waiting()), (0, 0));
    let kept: Vec<_> = phone
        .store
        .aside()
        .iter()
        .map(|aside| aside.reason)
        .collect();
    assert_eq!(kept, [AsideReason::Refused(Refusal::MissingDeps)]);
}

#[test]
fn sy21_a_station_that_cannot_say_that_it_has_everything_has_seen_nothing() {
    let (mut phone, mut tablet, mut server) = pair();
    tablet.sync(&mut server);
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    tablet.restart(9);
    tablet.requests.clear();
    tablet.sync(&mut server);
    let sound = |request: &Vec<u8>| {
        let (_, sealed) = Request::open(request).expect("a request");
        sealed.unseal().expect("a request").0.sound
    };
    // What it has before it compared its sum says nothing; what it has after that does.
    let said: Vec<bool> = tablet.requests.iter().map(sound).collect();
    assert_eq!(said, [false, true]);
    // A hole in its store, of which it does not know yet, comes to light by the sums it has kept.
    let hole = domain::replica::WriteBatch {
        meta: vec![(MetaKey::Sums, Vec::new())],
        ..Default::default()
    };
    tablet.store.commit(&hole).expect("writes");
    tablet.restart(10);
    tablet.requests.clear();
    assert_eq!(phone.act(&mut server, register(2)), Ok(record(2)));
    tablet.sync(&mut server);
    let said: Vec<bool> = tablet.requests.iter().map(sound).collect();
    assert_eq!((said.first(), said.last()), (Some(&false), Some(&true)));
    phone.sync(&mut server);
    assert_eq!(
        phone.row(record(2)).delivery.state(phone.seen()),
        DeliveryState::Seen
    );
}

#[test]
fn sy20_f05_a_record_whose_changes_are_lost_is_fetched_before_anybody_writes_on() {
    let (mut phone, _, mut server) = pair();
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    let stored = phone.store.load(record(1));
    let lost = stored
        .body
        .iter()
        .map(|change| (DocId::body(record(1)), change.hash));
    let hole = domain::replica::WriteBatch {
        drop_changes: lost.collect(),
        ..Default::default()
    };
    phone.store.commit(&hole).expect("writes");
    let refused = phone.act(&mut server, edit(1));
    assert_eq!(refused, Err(CommandError::Denied(Denial::NotHere)));
    assert_eq!(phone.store.load(record(1)).body, stored.body);
    assert_eq!(phone.act(&mut server, edit(1)), Ok(record(1)));
    assert_eq!((phone.waiting(), phone.store.aside()), (0, [].as_slice()));
}
