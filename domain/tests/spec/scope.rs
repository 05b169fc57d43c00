//! Rights that come and go take nothing away from a phone.

use std::collections::BTreeMap;

use domain::command::Command;
use domain::replica::{AsideReason, MetaKey, WriteBatch};
use domain::unit::{Directory, Role};
use domain::view::{Delivery, DeliveryState, Row};

use crate::fixture::{directory, draft, member, morning, new_dispute, officer, record, unit};
use crate::phone::{Link, Phone, Server};

fn register(n: u8) -> Command {
    Command::RegisterDispute {
        id: record(n),
        new: new_dispute(),
    }
}

#[test]
fn f34_a_phone_that_is_told_of_no_grids_deletes_nothing() {
    let known = officer("p1");
    let mut phone = Phone::new(1, &known);
    let mut server = Server::with(&[(&phone, &known)]);
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    phone.sync(&mut server);
    phone.link = Link::Down;
    for n in 2..=3 {
        assert_eq!(phone.act(&mut server, register(n)), Ok(record(n)));
    }
    let before: Vec<_> = phone
        .store
        .changes()
        .map(|(doc, change)| (doc, change.hash))
        .collect();
    // The server says once that there are no grids, and refuses what is sent.
    server.appoint(&phone, &directory(known.me.clone(), &[]));
    phone.link = Link::Up;
    phone.sync(&mut server);
    phone.restart(9);
    phone.sync(&mut server);
    let after: Vec<_> = phone
        .store
        .changes()
        .map(|(doc, change)| (doc, change.hash))
        .collect();
    let kept: Vec<_> = phone
        .store
        .aside()
        .iter()
        .filter_map(|aside| Some((aside.doc?, aside.hash?)))
        .collect();
    for change in &before {
        assert!(
            after.contains(change) || kept.contains(change),
            "{change:?} is gone"
        );
    }
    for n in 1..=3 {
        assert_eq!(phone.case(record(n)).row.place, new_dispute().place);
    }
    let refused = |reason: &AsideReason| matches!(reason, AsideReason::Refused(_));
    assert!(
        phone
            .store
            .aside()
            .iter()
            .all(|aside| refused(&aside.reason) && !aside.bytes.is_empty())
    );
    assert_eq!(phone.row(record(1)).delivery.state(0), DeliveryState::Sent);
    // The rights come back: work goes on, and what was sent before is there still.
    server.appoint(&phone, &known);
    phone.sync(&mut server);
    assert_eq!(phone.act(&mut server, register(4)), Ok(record(4)));
    phone.sync(&mut server);
    assert_eq!(phone.row(record(4)).delivery.state(0), DeliveryState::Sent);
}

/// An officer of these grids.
fn of(grids: &[&str]) -> Directory {
    let roles = [Role::AuxOfficer, Role::Mediator];
    directory(member("p1", &roles, grids), grids)
}

fn register_in(n: u8, grid: &str) -> Command {
    let grid = grid.to_owned();
    let draft = domain::record::dispute::Draft { grid, ..draft() };
    Command::RegisterDispute {
        id: record(n),
        new: draft.parse(morning()).expect("a sound form"),
    }
}

/// A server with a record in each of two grids, and the rows that would go before them.
fn two_grids(phone: &Phone, both: &Directory) -> (Server, Vec<Row>) {
    let mut writer = Phone::new(7, both);
    let mut server = Server::with(&[(phone, both), (&writer, both)]);
    for (n, grid) in [(1, "g1"), (2, "g2")] {
        let saved = writer.act(&mut server, register_in(n, grid));
        assert_eq!(saved, Ok(record(n)));
    }
    writer.sync(&mut server);
    let ahead = |n| Row {
        delivery: Delivery::default(),
        ..writer.row(record(n))
    };
    (server, [1, 2].map(ahead).to_vec())
}

#[test]
fn sy25_rows_whose_grid_left_the_scope_before_their_records_came_go_again() {
    let (both, one) = (of(&["g1", "g2"]), of(&["g1"]));
    let mut phone = Phone::new(1, &both);
    let (mut server, mut rows) = two_grids(&phone, &both);
    // What the phone itself wrote in the grid that it is about to lose.
    phone.link = Link::Down;
    let own = phone.act(&mut server, register_in(3, "g2"));
    assert_eq!(own, Ok(record(3)));
    rows.push(phone.row(record(3)));
    phone.link = Link::Up;
    // Rows come; by the next request the person has one grid alone.
    server.ahead = Some((rows, one));
    phone.sync(&mut server);
    assert!(phone.store.load(record(2)).is_absent());
    assert!(!phone.store.load(record(1)).is_ahead());
    assert_eq!(phone.case(record(1)).row.grid, unit("g1"));
    assert!(phone.store.meta().ahead.is_empty());
    // Nothing of its own went: the server refused it, and it is kept with its reason.
    let kept = phone.store.load(record(3));
    assert!(kept.row.is_some() && (!kept.body.is_empty() || !phone.store.aside().is_empty()));
    // The grid comes back, and everything in it.
    server.appoint(&phone, &both);
    phone.sync(&mut server);
    assert_eq!(phone.case(record(2)).row.grid, unit("g2"));
}

#[test]
fn sy25_rows_of_a_lost_grid_go_also_after_a_restart_and_never_with_something_behind_them() {
    let (both, one) = (of(&["g1", "g2"]), of(&["g1"]));
    let mut phone = Phone::new(1, &both);
    let (mut server, rows) = two_grids(&phone, &both);
    // One record of the grid is here whole, and many are not.
    let saved = phone.act(&mut server, register_in(4, "g2"));
    assert_eq!(saved, Ok(record(4)));
    let mut strays: Vec<_> = (0..=250_u8)
        .filter(|n| ![1, 2, 4].contains(n))
        .map(|n| Row {
            id: record(n),
            ..rows[1].clone()
        })
        .collect();
    let grid = strays.iter().map(|row| row.id).chain([record(4)]);
    let ahead = BTreeMap::from([(unit("g2"), grid.collect())]);
    let ahead: domain::replica::ahead::Ahead = ahead;
    let batch = WriteBatch {
        rows_ahead: std::mem::take(&mut strays),
        meta: vec![(
            MetaKey::Ahead,
            postcard::to_allocvec(&ahead).expect("encodes"),
        )],
        ..WriteBatch::default()
    };
    phone.store.commit(&batch).expect("writes");
    phone.restart(9);
    server.appoint(&phone, &one);
    phone.sync(&mut server);
    let left: Vec<_> = phone.store.rows().map(|row| row.id).collect();
    assert!(left.contains(&record(4)), "its changes are here");
    assert!(phone.store.rows().all(|row| !row.delivery.is_ahead()));
    assert!(phone.store.meta().ahead.is_empty());
}
