//! ST: what a device keeps, and when it may say that it is kept.

use domain::command::Command;
use domain::id::{ChangeHash, DocId};
use domain::record::Said;
use domain::replica::{AsideReason, CommandError, StoreFault, StoredChange, WriteBatch};
use domain::view::DeliveryState;

use crate::fixture::{new_dispute, officer, record};
use crate::phone::{Link, Phone, Server};

fn phone() -> (Phone, Server) {
    let mut phone = Phone::new(1, &officer("p1"));
    phone.link = Link::Down;
    let server = Server::with(&[(&phone, &officer("p1"))]);
    (phone, server)
}

#[test]
fn st1_change_row_outbox_mark_and_draft_go_in_one_transaction() {
    let (mut phone, mut server) = phone();
    phone.store.put_draft("form", "{}");
    let id = record(1);
    let register = Command::RegisterDispute {
        id,
        new: new_dispute(),
    };
    phone.store_failures = 1;
    let failed = phone.act(&mut server, register.clone());
    assert_eq!(failed, Err(CommandError::Store(StoreFault::Full)));
    assert!(phone.store.load(id).is_absent());
    assert_eq!(
        (phone.waiting(), phone.store.draft("form")),
        (0, Some("{}"))
    );
    assert_eq!(phone.act(&mut server, register), Ok(id));
    assert_eq!((phone.waiting(), phone.store.draft("form")), (2, None));
    assert_eq!(phone.row(id).delivery.state(0), DeliveryState::OnPhone);
}

#[test]
fn st2_a_write_on_an_older_revision_is_planned_again() {
    let (mut phone, mut server) = phone();
    let id = record(1);
    let register = Command::RegisterDispute {
        id,
        new: new_dispute(),
    };
    assert_eq!(phone.act(&mut server, register), Ok(id));
    phone.meddle = Some(id);
    let step = Command::Step {
        id,
        to: "accepted",
        reason: Said::default(),
    };
    assert_eq!(phone.act(&mut server, step), Ok(id));
    let row = phone.row(id);
    assert_eq!((row.status.as_str(), row.delivery.rev), ("accepted", 3));
    assert_eq!(phone.store.load(id).body.len(), 2);
}

#[test]
fn st3_a_damaged_change_is_set_aside_with_its_bytes_and_the_rest_is_read() {
    let (mut phone, mut server) = phone();
    let id = record(1);
    let register = Command::RegisterDispute {
        id,
        new: new_dispute(),
    };
    assert_eq!(phone.act(&mut server, register), Ok(id));
    let hash = ChangeHash([9; 32]);
    let author = "p1".parse().expect("a code");
    let bytes = b"damaged".to_vec();
    let change = StoredChange {
        hash,
        author,
        seq: Some(7),
        bytes: bytes.clone(),
        way: Default::default(),
    };
    let batch = WriteBatch {
        changes: vec![(DocId::body(id), change)],
        ..Default::default()
    };
    phone.store.commit(&batch).expect("writes");
    assert_eq!(phone.case(id).row.place, new_dispute().place);
    let step = Command::Step {
        id,
        to: "accepted",
        reason: Said::default(),
    };
    assert_eq!(phone.act(&mut server, step), Ok(id));
    let aside = phone.store.aside();
    assert_eq!(aside.len(), 1);
    assert_eq!((aside[0].hash, &aside[0].bytes), (Some(hash), &bytes));
    assert!(matches!(aside[0].reason, AsideReason::Damaged(_)));
    assert!(
        phone
            .store
            .load(id)
            .body
            .iter()
            .all(|change| change.hash != hash)
    );
}

#[test]
fn st4_after_a_restart_everything_that_was_saved_is_there_and_is_sent() {
    let (mut phone, mut server) = phone();
    let id = record(1);
    let register = Command::RegisterDispute {
        id,
        new: new_dispute(),
    };
    assert_eq!(phone.act(&mut server, register), Ok(id));
    phone.restart(77);
    phone.link = Link::Up;
    phone.sync(&mut server);
    assert_eq!((phone.waiting(), server.len()), (0, 2));
    assert_eq!(phone.row(id).delivery.state(0), DeliveryState::Sent);
}
