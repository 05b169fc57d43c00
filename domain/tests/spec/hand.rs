//! BD7: a first load that a colleague's device hands over.

use domain::command::Command;
use domain::id::UnitId;
use domain::record::dispute::{NewDispute, NewEvent};
use domain::replica::hand::TakeInError;
use domain::replica::{Activity, AsideReason, Event, LinkFailure, StoreFault};
use domain::sync::bundle::Load;
use domain::sync::message::Answer;
use domain::unit::{Directory, Role};
use domain::view::DeliveryState;

use crate::fixture::{directory, member, new_dispute, officer, record, said, station, unit};
use crate::phone::{Link, Phone, Server};

/// A tablet that has everything of two officers in two grids, and the server.
fn told() -> (Phone, Server) {
    let (p1, duty) = (officer("p1"), station());
    let p2 = directory(member("p2", &[Role::AuxOfficer], &["g2"]), &["g2"]);
    let mut one = Phone::new(1, &p1);
    let mut two = Phone::new(2, &p2);
    let mut tablet = Phone::new(3, &duty);
    let mut server = Server::with(&[(&one, &p1), (&two, &p2), (&tablet, &duty)]);
    for n in 1..=4 {
        let new = new_dispute();
        let id = record(n);
        assert_eq!(
            one.act(&mut server, Command::RegisterDispute { id, new }),
            Ok(id)
        );
    }
    let grid = unit("g2");
    let new = NewDispute {
        grid,
        ..new_dispute()
    };
    let id = record(9);
    assert_eq!(
        two.act(&mut server, Command::RegisterDispute { id, new }),
        Ok(id)
    );
    tablet.sync(&mut server);
    // Not the server's yet, so not for others to have.
    tablet.link = Link::Down;
    let new = NewEvent {
        kind: said("other"),
        at: tablet.now,
        text: said("所里补记一笔"),
    };
    let command = Command::AddEvent { id: record(1), new };
    assert_eq!(tablet.act(&mut server, command), Ok(record(1)));
    (tablet, server)
}

fn handed(from: &Phone, grids: &[&str]) -> (Load, u32) {
    let grids: Vec<UnitId> = grids.iter().map(|grid| unit(grid)).collect();
    let mut writer = from.replica.hand(grids);
    for row in from.store.rows() {
        writer.add(&from.store.load(row.id));
    }
    writer.finish().expect("records")
}

/// A new phone of somebody, out of reach.
fn begins(n: u8, known: &Directory, server: &mut Server) -> Phone {
    let mut phone = Phone::new(n, known);
    server.appoint(&phone, known);
    phone.link = Link::Down;
    phone
}

fn take_in(phone: &mut Phone, server: &mut Server, load: &Load) -> Result<u32, TakeInError> {
    let event = Event::TakeIn {
        ticket: 7,
        load: load.clone(),
        now: phone.now,
    };
    phone.run(server, event);
    phone.took_in.pop().expect("an answer")
}

fn entries_of(answers: &[Vec<u8>]) -> usize {
    let docs = |bytes: &Vec<u8>| Answer::decode(bytes).expect("an answer").docs().count();
    answers.iter().map(docs).sum()
}

#[test]
fn bd7_a_new_phone_begins_with_what_a_colleague_hands_over() {
    let (tablet, mut server) = told();
    let (load, records) = handed(&tablet, &["g1"]);
    assert_eq!(records, 4);
    let mut phone = begins(5, &officer("p5"), &mut server);
    for _twice in 0..2 {
        assert_eq!(take_in(&mut phone, &mut server, &load), Ok(4));
        assert_eq!(phone.store.rows().count(), 4);
        // Body and vault, and not what waits on the tablet.
        assert_eq!(phone.store.held().len(), 8);
        assert_eq!(phone.case(record(1)).parties.map(|of| of.len()), Some(2));
        assert_eq!(phone.row(record(1)).by.as_str(), "p1");
    }
    // It was not in touch with the server, and does not say so.
    assert_eq!(phone.replica.status().synced_at, None);
    assert_eq!(
        phone.replica.status().activity,
        Activity::Failed(LinkFailure::Offline)
    );
    assert_eq!(phone.waiting(), 0);
    // It goes on where the tablet stood, also after a new start.
    phone.restart(50);
    phone.link = Link::Up;
    phone.sync(&mut server);
    assert_eq!(entries_of(&phone.answers), 0);
    assert_eq!(phone.replica.status().activity, Activity::Idle);
    assert_eq!(phone.store.aside(), []);
}

#[test]
fn bd7_what_came_later_and_what_is_missing_comes_from_the_server() {
    let (mut tablet, mut server) = told();
    let (mut load, _) = handed(&tablet, &["g1", "g2"]);
    tablet.link = Link::Up;
    tablet.sync(&mut server);
    // A file of one grid for somebody with two says nothing of the other one.
    let (one, _) = handed(&tablet, &["g2"]);
    let duty = station();
    let mut phone = begins(5, &duty, &mut server);
    assert_eq!(take_in(&mut phone, &mut server, &one), Ok(1));
    phone.link = Link::Up;
    phone.sync(&mut server);
    assert_eq!(phone.store.rows().count(), 5);
    assert_eq!(phone.store.held(), tablet.store.held());

    // The first page was lost, and the cursor says that everything is there: the sums tell.
    let mut phone = begins(6, &duty, &mut server);
    let last = load.pages.pop().expect("a page");
    let mut cut = Answer::decode(&last).expect("a page").answer;
    cut.entries.clear();
    assert!(cut.cursor.is_some());
    load.pages.push(cut.encode(true));
    assert_eq!(take_in(&mut phone, &mut server, &load), Ok(0));
    assert_eq!(phone.store.rows().count(), 0);
    phone.link = Link::Up;
    phone.sync(&mut server);
    assert_eq!(phone.store.held(), tablet.store.held());
}

#[test]
fn bd7_nobody_takes_more_than_his_own_grids() {
    let (tablet, mut server) = told();
    let (load, records) = handed(&tablet, &["g1", "g2"]);
    assert_eq!(records, 5);
    let mut phone = begins(5, &officer("p5"), &mut server);
    assert_eq!(take_in(&mut phone, &mut server, &load), Ok(4));
    assert_eq!(phone.store.rows().count(), 4);
    assert!(phone.store.load(record(9)).is_absent());
    phone.link = Link::Up;
    phone.sync(&mut server);
    assert_eq!(entries_of(&phone.answers), 0);

    let me = member("super", &[Role::Supervisor], &["s1"]);
    let mut supervisor = begins(6, &directory(me, &["g1"]), &mut server);
    let refused = take_in(&mut supervisor, &mut server, &load);
    assert_eq!(refused, Err(TakeInError::NotAllowed));
    assert_eq!(supervisor.store.rows().count(), 0);
}

#[test]
fn bd7_a_damaged_first_load_or_a_full_phone_harms_nothing() {
    let (tablet, mut server) = told();
    let (load, _) = handed(&tablet, &["g1"]);
    let mut phone = begins(5, &officer("p5"), &mut server);
    let mut damaged = load.clone();
    let len = damaged.pages[0].len();
    for place in (0..len).step_by(7) {
        damaged.pages[0][place] ^= 0x10;
        let result = take_in(&mut phone, &mut server, &damaged);
        assert_eq!(result, Err(TakeInError::Damaged), "{place}");
        damaged.pages[0][place] ^= 0x10;
    }
    assert_eq!(phone.store.rows().count(), 0);
    phone.store_failures = 1;
    let full = take_in(&mut phone, &mut server, &load);
    assert_eq!(full, Err(TakeInError::Store(StoreFault::Full)));
    assert_eq!(phone.store.rows().count(), 0);
    assert_eq!(take_in(&mut phone, &mut server, &load), Ok(4));
    phone.link = Link::Up;
    phone.sync(&mut server);
    assert_eq!((entries_of(&phone.answers), phone.waiting()), (0, 0));
}

/// A first load of the tablet's, with a record in somebody else's name that the server never had.
fn forged(tablet: &Phone, server: &mut Server) -> Load {
    let p1 = officer("p1");
    let mut faker = Phone::new(8, &p1);
    let mut elsewhere = Server::with(&[(&faker, &p1)]);
    let new = NewDispute {
        place: said("示例村没有的地方"),
        ..new_dispute()
    };
    let id = record(66);
    let command = Command::RegisterDispute { id, new };
    assert_eq!(faker.act(&mut elsewhere, command), Ok(id));
    let (mut load, _) = handed(tablet, &["g1"]);
    let (false_one, _) = handed(&faker, &["g1"]);
    load.pages.splice(0..0, false_one.pages);
    assert_eq!(server.len(), 10);
    load
}

#[test]
fn bd7_what_came_by_hand_counts_as_confirmed_only_once_the_server_has_said_so() {
    let (tablet, mut server) = told();
    let (load, _) = handed(&tablet, &["g1"]);
    let mut phone = begins(5, &officer("p5"), &mut server);
    assert_eq!(take_in(&mut phone, &mut server, &load), Ok(4));
    let states = |phone: &Phone| {
        let rows = phone.store.rows();
        let states = rows.map(|row| row.delivery.state(u64::MAX));
        states.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(states(&phone), [DeliveryState::OnPhone].into());
    // Nobody gets from this phone what only a colleague vouches for.
    let grids = vec![unit("g1")];
    let mut writer = phone.replica.hand(grids);
    for row in phone.store.rows() {
        writer.add(&phone.store.load(row.id));
    }
    assert_eq!(writer.finish(), None);
    phone.link = Link::Up;
    phone.sync(&mut server);
    assert_eq!(states(&phone), [DeliveryState::Seen].into());
    assert!(phone.store.meta().by_hand.is_empty());
    let marked = |phone: &Phone| phone.store.changes().any(|(_, change)| change.way.by_hand);
    assert!(!marked(&phone));
    assert_eq!(phone.requests.len(), 2, "one that failed, and one");
    // Taken again, it is not less confirmed for that.
    assert_eq!(take_in(&mut phone, &mut server, &load), Ok(4));
    assert!(!marked(&phone));
    assert_eq!(handed(&phone, &["g1"]).1, 4);
}

#[test]
fn bd7_what_came_by_hand_and_is_not_the_servers_is_set_aside_and_never_passed_on() {
    for healing in [false, true] {
        let (tablet, mut server) = told();
        let load = forged(&tablet, &mut server);
        server.healing = healing;
        let mut phone = begins(5, &officer("p5"), &mut server);
        assert_eq!(take_in(&mut phone, &mut server, &load), Ok(5));
        assert_eq!(phone.store.rows().count(), 5);
        phone.restart(50);
        phone.link = Link::Up;
        phone.sync(&mut server);
        assert_eq!(server.len(), 10, "healing {healing}");
        assert!(phone.store.load(record(66)).is_absent());
        assert_eq!(phone.store.rows().count(), 4);
        let aside = phone.store.aside();
        assert_eq!(aside.len(), 2, "body and vault, with their bytes");
        assert!(
            aside
                .iter()
                .all(|one| one.reason == AsideReason::NotConfirmed && !one.bytes.is_empty())
        );
        assert!(phone.store.meta().by_hand.is_empty());
        phone.requests.clear();
        phone.sync(&mut server);
        assert_eq!((phone.requests.len(), phone.waiting()), (1, 0));
    }
}
