//! Rights that come and go take nothing away from a phone.

use domain::command::Command;
use domain::replica::AsideReason;
use domain::view::DeliveryState;

use crate::fixture::{directory, new_dispute, officer, record};
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
