//! A phone whose key the server does not take: what it asks, and that it keeps everything meanwhile.

use domain::id::{ActorKey, ChangeHash, DocId};
use domain::replica::{Activity, Cause, Effect, Event, LinkFailure, Meta, OutboxItem, Replica};
use domain::sync::message::{Caller, ErrorCode, Request, Secret};
use domain::sync::signed::PublicKey;
use domain::time::Millis;

use crate::fixture::{device, morning, officer, record, unit};

const fn key(n: u8) -> PublicKey {
    PublicKey {
        x: [n; 32],
        y: [n + 1; 32],
    }
}

/// A phone that joined with one key and has another one now.
fn phone(enrolled: Option<PublicKey>) -> Replica {
    let meta = Meta {
        directory: Some(officer("zhang")),
        checked_at: Some(morning()),
        enrolled,
        ..Meta::default()
    };
    let actor = ActorKey([1; 8]);
    Replica::new(device(1), Secret([2; 16]), actor, &meta).signing(Some(key(9)))
}

fn work() -> Vec<OutboxItem> {
    vec![OutboxItem {
        n: 1,
        doc: DocId::body(record(1)),
        grid: unit("g1"),
        author: officer("zhang").me.person,
        hash: ChangeHash([3; 32]),
        bytes: vec![4; 40],
    }]
}

/// Lets the phone read its outbox, and gives what it sends.
fn sent(phone: &mut Replica, effects: &[Effect]) -> Vec<u8> {
    let reads = |effect: &Effect| matches!(effect, Effect::ReadOutbox { .. });
    assert!(effects.iter().any(reads), "asks at once: {effects:?}");
    let (items, now) = (work(), morning());
    let effects = phone.handle(Event::Outbox {
        items,
        records: 1,
        now,
    });
    let bytes = effects.into_iter().find_map(|effect| {
        if let Effect::Send { bytes } = effect {
            Some(bytes)
        } else {
            None
        }
    });
    bytes.expect("a request")
}

/// What a request says of its sender: whether it is signed, and whether it brings a key and a code.
fn said(mut bytes: Vec<u8>) -> (bool, Option<bool>) {
    if bytes.first() == Some(&5) {
        bytes.extend([0; 64]);
    }
    match Request::open(&bytes).expect("a request").0 {
        Caller::Plain { .. } => (false, None),
        Caller::Signed { enrolment, .. } => (true, enrolment.map(|new| new.join.is_some())),
    }
}

fn refused(phone: &mut Replica, code: ErrorCode) -> Vec<Effect> {
    phone.handle(Event::LinkFailed {
        failure: LinkFailure::Refused(code),
        now: morning(),
        random: 0,
    })
}

fn wake(phone: &mut Replica, now: Millis) -> Vec<Effect> {
    let cause = Cause::Button;
    phone.handle(Event::Wake { cause, now })
}

#[test]
fn sg7_a_phone_that_lost_its_key_asks_once_says_so_and_goes_on_with_a_code() {
    let mut phone = phone(Some(key(7)));
    let effects = wake(&mut phone, morning());
    let first = sent(&mut phone, &effects);
    assert_eq!(
        said(first),
        (true, Some(false)),
        "its new key, without a code"
    );
    let effects = refused(&mut phone, ErrorCode::KeyLocked);
    let second = sent(&mut phone, &effects);
    assert_eq!(said(second), (false, None), "perhaps there is no key here");
    let effects = refused(&mut phone, ErrorCode::UnknownKey);
    let waits = |effect: &Effect| matches!(effect, Effect::WakeAt(_));
    assert!(effects.iter().any(waits), "and rests: {effects:?}");
    let locked = Activity::Failed(LinkFailure::Refused(ErrorCode::KeyLocked));
    assert_eq!(phone.status().activity, locked);
    assert_eq!(phone.status().on_phone, 1, "all of it is still here");
    // A code that is not for this phone is not tried again by itself.
    let code = "ABCD-2345".to_owned();
    let join = |code: &String| Event::Join {
        code: code.clone(),
        now: morning(),
    };
    let effects = phone.handle(join(&code));
    let third = sent(&mut phone, &effects);
    assert_eq!(said(third), (true, Some(true)), "its key, with the code");
    refused(&mut phone, ErrorCode::KeyLocked);
    assert_eq!(phone.status().activity, locked);
    let effects = wake(&mut phone, morning());
    let fourth = sent(&mut phone, &effects);
    assert_eq!(said(fourth), (true, Some(false)));
    let effects = refused(&mut phone, ErrorCode::KeyLocked);
    sent(&mut phone, &effects);
    refused(&mut phone, ErrorCode::UnknownKey);
    // On a line that breaks the code stays until the server has answered for it.
    let effects = phone.handle(join(&code));
    sent(&mut phone, &effects);
    phone.handle(Event::LinkFailed {
        failure: LinkFailure::Offline,
        now: morning(),
        random: 0,
    });
    let effects = wake(&mut phone, morning());
    let fifth = sent(&mut phone, &effects);
    assert_eq!(said(fifth), (true, Some(true)));
}

#[test]
fn sg4_a_phone_that_joined_without_a_key_goes_on_without_one() {
    let mut phone = phone(None);
    let effects = wake(&mut phone, morning());
    let first = sent(&mut phone, &effects);
    assert_eq!(said(first), (true, Some(false)));
    let effects = refused(&mut phone, ErrorCode::KeyLocked);
    let second = sent(&mut phone, &effects);
    assert_eq!(said(second), (false, None));
    // From then on so, at the cost of nothing.
    phone.handle(Event::LinkFailed {
        failure: LinkFailure::Offline,
        now: morning(),
        random: 0,
    });
    let effects = wake(&mut phone, morning());
    let third = sent(&mut phone, &effects);
    assert_eq!(said(third), (false, None));
}
