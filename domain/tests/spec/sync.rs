//! SY: the exchange between device and server.

use domain::access::Refusal;
use domain::command::{Command, NamedField};
use domain::document::Value;
use domain::id::DocId;
use domain::record::SAID_CHARS_MAX;
use domain::record::dispute::{Draft as NewDisputeDraft, NewDispute};
use domain::replica::{Activity, AsideReason, Cause, Event, LinkFailure, clock};
use domain::sync::message::Cell;
use domain::time::{DAY_MS, MINUTE_MS, Millis};
use domain::view::DeliveryState;

use crate::fixture::{directory, draft, member, new_dispute, officer, record, said, station, unit};
use crate::phone::{Link, Phone, Server};

pub fn register(n: u8) -> Command {
    Command::RegisterDispute {
        id: record(n),
        new: new_dispute(),
    }
}

pub fn pair() -> (Phone, Phone, Server) {
    let (p1, duty) = (officer("p1"), station());
    let phone = Phone::new(1, &p1);
    let tablet = Phone::new(3, &duty);
    let server = Server::with(&[(&phone, &p1), (&tablet, &duty)]);
    (phone, tablet, server)
}

#[test]
fn sy1_one_request_pushes_and_pulls() {
    let (mut phone, mut tablet, mut server) = pair();
    assert_eq!(tablet.act(&mut server, register(1)), Ok(record(1)));
    phone.link = Link::Down;
    assert_eq!(phone.act(&mut server, register(2)), Ok(record(2)));
    phone.link = Link::Up;
    phone.requests.clear();
    phone.answers.clear();
    phone.sync(&mut server);
    let lean = domain::sync::message::Answer::decode(&phone.answers[0]).expect("an answer");
    let results = lean
        .answer
        .receipt
        .as_ref()
        .map(|receipt| receipt.results.len());
    assert_eq!(results, Some(2));
    assert!(lean.docs().any(|doc| doc == DocId::body(record(1))));
}

#[test]
fn sy2_a_batch_whose_answer_was_lost_is_sent_again_and_counted_once() {
    let (mut phone, _, mut server) = pair();
    phone.link = Link::AnswerLost;
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    assert_eq!((server.len(), phone.waiting()), (2, 2));
    assert_eq!(
        phone.row(record(1)).delivery.state(0),
        DeliveryState::OnPhone
    );
    phone.link = Link::Up;
    phone.sync(&mut server);
    assert_eq!((server.len(), phone.waiting()), (2, 0));
    assert_eq!(phone.row(record(1)).delivery.state(0), DeliveryState::Sent);
}

#[test]
fn sy3_only_a_receipt_that_names_the_batch_counts_as_sent() {
    let (mut phone, _, mut server) = pair();
    phone.link = Link::Portal;
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    let status = phone.status.expect("a status");
    assert_eq!(status.activity, Activity::Failed(LinkFailure::NotOurs));
    assert_eq!((status.on_phone, phone.waiting()), (1, 2));
    // A cached answer to an earlier request names another batch.
    phone.link = Link::Up;
    phone.sync(&mut server);
    let old = phone.answers[0].clone();
    phone.link = Link::Down;
    assert_eq!(phone.act(&mut server, register(2)), Ok(record(2)));
    let waiting = phone.waiting();
    let effects = phone.replica.handle(Event::Wake {
        cause: Cause::Button,
        now: phone.now,
    });
    assert!(!effects.is_empty());
    let (items, records) = phone.store.outbox(usize::MAX, usize::MAX);
    phone.replica.handle(Event::Outbox {
        items,
        records,
        now: phone.now,
    });
    phone.run(
        &mut server,
        Event::Answer {
            bytes: old,
            now: phone.now,
        },
    );
    assert_eq!(phone.waiting(), waiting);
}

#[test]
fn sy4_an_answer_that_could_not_be_written_comes_again_whole() {
    let (mut phone, mut tablet, mut server) = pair();
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    tablet.store_failures = 1;
    tablet.sync(&mut server);
    assert!(tablet.store.load(record(1)).is_absent());
    assert!(tablet.store.meta().cursor.is_empty());
    tablet.sync(&mut server);
    assert_eq!(tablet.row(record(1)).place, new_dispute().place);
}

#[test]
fn sy5_one_bad_change_from_the_log_is_set_aside_and_the_rest_arrives() {
    let (mut phone, mut tablet, mut server) = pair();
    server.plant(DocId::body(record(9)), "g1", b"poison".to_vec());
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    server.plant(DocId::body(record(1)), "g1", vec![0; 500]);
    tablet.sync(&mut server);
    assert_eq!(tablet.row(record(1)).place, new_dispute().place);
    assert_eq!(tablet.store.aside().len(), 2);
}

#[test]
fn sy6_a_refused_change_is_kept_counted_and_shown_and_blocks_nothing() {
    let (p1, duty) = (officer("p1"), station());
    // The phone believes that it may write in g2; the server knows better.
    let roles = p1.me.roles.clone();
    let believes = directory(member("p1", &roles, &["g1", "g2"]), &["g1", "g2"]);
    let mut phone = Phone::new(1, &believes);
    let tablet = Phone::new(3, &duty);
    let mut server = Server::with(&[(&phone, &p1), (&tablet, &duty)]);
    phone.link = Link::Down;
    let elsewhere = NewDispute {
        grid: unit("g2"),
        ..new_dispute()
    };
    let wrong = Command::RegisterDispute {
        id: record(2),
        new: elsewhere,
    };
    assert_eq!(phone.act(&mut server, wrong), Ok(record(2)));
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    phone.link = Link::Up;
    phone.sync(&mut server);
    assert_eq!(phone.row(record(1)).delivery.state(0), DeliveryState::Sent);
    assert_eq!(
        phone.row(record(2)).delivery.state(0),
        DeliveryState::NeedsAttention
    );
    assert_eq!(phone.waiting(), 0);
    let refused = AsideReason::Refused(Refusal::NotYourGrid);
    assert!(
        phone
            .store
            .aside()
            .iter()
            .all(|aside| aside.reason == refused)
    );
    assert_eq!(phone.store.aside().len(), 2);
    assert_eq!(phone.case(record(2)).row.place, new_dispute().place);
}

#[test]
fn sy7_an_idle_exchange_is_one_request_of_at_most_100_bytes_both_ways() {
    let (mut phone, _, mut server) = pair();
    for n in 1..60 {
        assert_eq!(phone.act(&mut server, register(n)), Ok(record(n)));
    }
    phone.requests.clear();
    phone.answers.clear();
    phone.sync(&mut server);
    assert_eq!((phone.requests.len(), phone.answers.len()), (1, 1));
    let bytes = phone.requests[0].len() + phone.answers[0].len();
    assert!(bytes <= 100, "{bytes} bytes");
}

#[test]
fn sy8_fifty_new_disputes_go_up_in_one_request() {
    let (mut phone, _, mut server) = pair();
    phone.link = Link::Down;
    for n in 1..=50 {
        assert_eq!(phone.act(&mut server, register(n)), Ok(record(n)));
    }
    phone.link = Link::Up;
    phone.requests.clear();
    phone.sync(&mut server);
    assert_eq!((server.len(), phone.waiting()), (100, 0));
    // One request carries them all, and nothing is left to ask.
    assert_eq!(phone.requests.len(), 1);
}

#[test]
fn sy9_what_is_saved_during_an_exchange_is_sent_right_after_it() {
    let (mut phone, _, mut server) = pair();
    phone.link = Link::Down;
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    phone.link = Link::Up;
    let now = phone.now;
    let mut effects = phone.replica.handle(Event::Wake {
        cause: Cause::Button,
        now,
    });
    effects.retain(|effect| matches!(effect, domain::replica::Effect::ReadOutbox { .. }));
    assert_eq!(effects.len(), 1);
    // While the outbox is being read, another dispute is saved.
    assert_eq!(phone.act(&mut server, register(2)), Ok(record(2)));
    let (items, records) = phone.store.outbox(usize::MAX, 2);
    phone.run(
        &mut server,
        Event::Outbox {
            items,
            records,
            now,
        },
    );
    assert_eq!((phone.waiting(), server.len()), (0, 4));
}

#[test]
fn sy10_seen_is_said_only_when_a_device_of_the_station_has_it() {
    let (mut phone, mut tablet, mut server) = pair();
    tablet.sync(&mut server);
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    phone.sync(&mut server);
    assert_eq!(
        phone.row(record(1)).delivery.state(phone.seen()),
        DeliveryState::Sent
    );
    tablet.store_failures = 1;
    tablet.sync(&mut server);
    phone.sync(&mut server);
    assert_eq!(
        phone.row(record(1)).delivery.state(phone.seen()),
        DeliveryState::Sent
    );
    tablet.sync(&mut server);
    phone.sync(&mut server);
    assert_eq!(
        phone.row(record(1)).delivery.state(phone.seen()),
        DeliveryState::Seen
    );
}

#[test]
fn sy11_pages_follow_each_other_until_nothing_is_left() {
    for page in [1, 2, 3, 5, 6, 7] {
        let (mut phone, mut tablet, mut server) = pair();
        for n in 1..=3 {
            assert_eq!(phone.act(&mut server, register(n)), Ok(record(n)));
        }
        server.page = page;
        tablet.sync(&mut server);
        assert_eq!(tablet.store.rows().count(), 3, "pages of {page}");
        assert!(tablet.store.rows().all(|row| row.delivery.seq > 0));
    }
}

#[test]
fn sy12_after_failures_the_wait_grows_and_the_button_does_not_wait() {
    let (mut phone, _, _) = pair();
    phone.link = Link::Down;
    let mut waits = Vec::new();
    for _ in 0..4 {
        let now = phone.now;
        let wake = phone.replica.handle(Event::Wake {
            cause: Cause::Button,
            now,
        });
        assert!(
            wake.iter()
                .any(|e| matches!(e, domain::replica::Effect::ReadOutbox { .. }))
        );
        let empty = Event::Outbox {
            items: Vec::new(),
            records: 0,
            now,
        };
        phone.replica.handle(empty);
        let failure = LinkFailure::Offline;
        let failed = phone.replica.handle(Event::LinkFailed {
            failure,
            now,
            random: u16::MAX,
        });
        for effect in failed {
            if let domain::replica::Effect::WakeAt(at) = effect {
                waits.push(at.since(now));
            }
        }
    }
    assert_eq!(waits, [2_000, 4_000, 8_000, 16_000]);
    // A timer that comes too early starts nothing and is set again for its time.
    let early = Event::Wake {
        cause: Cause::Timer,
        now: Millis(phone.now.0 + 1),
    };
    let at = phone.now.plus(16_000);
    assert_eq!(
        phone.replica.handle(early),
        [domain::replica::Effect::WakeAt(at)]
    );
    let in_time = Event::Wake {
        cause: Cause::Timer,
        now: at,
    };
    let effects = phone.replica.handle(in_time);
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, domain::replica::Effect::ReadOutbox { .. }))
    );
}

#[test]
fn f40_a_clock_that_is_set_back_does_not_silence_a_phone() {
    let (mut phone, _, mut server) = pair();
    phone.sync(&mut server);
    // The timer was set by the clock as it was; when it rings, the clock says last year.
    let timer = Event::Wake {
        cause: Cause::Timer,
        now: phone.now.plus(-365 * 24 * 3_600_000),
    };
    let effects = phone.replica.handle(timer);
    assert!(
        effects
            .iter()
            .any(|e| matches!(e, domain::replica::Effect::ReadOutbox { .. }))
    );
}

#[test]
fn sy13_the_authors_of_what_arrives_are_known() {
    let (mut phone, mut tablet, mut server) = pair();
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    tablet.sync(&mut server);
    let case = tablet.case(record(1));
    let writer = case
        .writers
        .get("place")
        .and_then(|writing| writing.by.as_ref());
    assert_eq!(writer.map(ToString::to_string).as_deref(), Some("p1"));
}

#[test]
fn qt5_what_is_above_a_day_s_quota_stays_and_goes_by_itself_and_reading_goes_on() {
    let (mut phone, mut tablet, mut server) = pair();
    phone.sync(&mut server);
    phone.link = Link::Full(7_200);
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    let until = phone.replica.status().held_until.expect("a time");
    assert!(until.since(phone.now) >= 7_200_000);
    // Before that time nothing is sent again and everything is kept; what others wrote comes.
    let before = server.len();
    assert_eq!(tablet.act(&mut server, register(2)), Ok(record(2)));
    phone.link = Link::Up;
    phone.now = phone.now.plus(3_600_000);
    phone.sync(&mut server);
    assert_eq!(server.len(), before + 2, "the tablet's alone");
    assert_eq!(phone.waiting(), 2);
    assert_eq!(phone.replica.status().on_phone, 1);
    assert_eq!(phone.row(record(2)).id, record(2));
    phone.now = until;
    let cause = Cause::Timer;
    let now = phone.now;
    phone.run(&mut server, Event::Wake { cause, now });
    assert_eq!((server.len(), phone.waiting()), (before + 4, 0));
    assert_eq!(phone.replica.status().held_until, None);
}

#[test]
fn qt8_a_record_out_of_use_is_set_aside_with_its_bytes_and_not_brought_back() {
    let (mut phone, mut tablet, mut server) = pair();
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    tablet.sync(&mut server);
    assert!(!tablet.store.load(record(1)).is_absent());
    server.forget_after(0);
    server.cells = Vec::from_iter(Cell::retired(&[(record(1), true)]));
    for phone in [&mut phone, &mut tablet] {
        phone.sync(&mut server);
        assert!(phone.store.load(record(1)).is_absent());
        let aside = phone.store.aside();
        assert_eq!(aside.len(), 2);
        let kept = |one: &domain::replica::Aside| {
            one.reason == AsideReason::Retired && !one.bytes.is_empty()
        };
        assert!(aside.iter().all(kept));
        // Its sum is the server's again: nothing is looked for and nothing sent back.
        phone.requests.clear();
        phone.sync(&mut server);
        assert_eq!(
            (server.len(), phone.waiting(), phone.requests.len()),
            (0, 0, 1)
        );
    }
    server.cells.clear();
    // A record that the server takes anew comes like any other.
    assert_eq!(tablet.act(&mut server, register(1)), Ok(record(1)));
    phone.sync(&mut server);
    assert_eq!(phone.row(record(1)).id, record(1));
}

#[test]
fn sy41_one_record_that_the_server_cannot_read_holds_up_no_other() {
    let (mut phone, _, mut server) = pair();
    phone.link = Link::Down;
    for n in 1..=9 {
        assert_eq!(phone.act(&mut server, register(n)), Ok(record(n)));
    }
    server.chokes_on = vec![record(4)];
    phone.link = Link::Up;
    phone.requests.clear();
    phone.sync(&mut server);
    assert_eq!(phone.waiting(), 0);
    assert!(phone.requests.len() < 60, "{}", phone.requests.len());
    for n in 1..=9 {
        let state = phone.row(record(n)).delivery.state(0);
        let wanted = if n == 4 {
            DeliveryState::NeedsAttention
        } else {
            DeliveryState::Sent
        };
        assert_eq!(state, wanted, "{n}");
    }
    // Only what was refused is set aside, with its bytes, and the record is still here.
    let aside = phone.store.aside();
    assert!(
        aside
            .iter()
            .all(|one| one.doc.map(|doc| doc.record) == Some(record(4)))
    );
    assert!(
        aside
            .iter()
            .all(|one| one.reason == AsideReason::Refused(Refusal::Damaged))
    );
    assert_eq!(phone.row(record(4)).place, new_dispute().place);
    // What is saved from then on goes as ever.
    assert_eq!(phone.act(&mut server, register(20)), Ok(record(20)));
    assert_eq!(
        (phone.waiting(), phone.row(record(20)).delivery.refused),
        (0, 0)
    );
}

#[test]
fn sy41_a_server_that_reads_nothing_makes_nothing_be_set_aside() {
    let (mut phone, _, mut server) = pair();
    server.deaf = true;
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    for _ in 0..20 {
        phone.now = phone.now.plus(400_000);
        phone.sync(&mut server);
    }
    assert!(phone.waiting() > 0 && phone.store.aside().is_empty());
    assert!(matches!(
        phone.replica.status().activity,
        Activity::Failed(LinkFailure::Refused(_))
    ));
    server.deaf = false;
    phone.now = phone.now.plus(400_000);
    phone.sync(&mut server);
    assert_eq!(
        (phone.waiting(), phone.row(record(1)).delivery.refused),
        (0, 0)
    );
}

/// Thousands of equal characters pack so well that a reader takes them for a bomb.
#[test]
fn sy40_what_a_phone_may_save_every_server_reads() {
    let (mut phone, _, mut server) = pair();
    let new = NewDispute {
        brief: said(&"水".repeat(1_000)),
        place: said(&"a".repeat(80)),
        ..new_dispute()
    };
    let note = Value::Text("水".repeat(SAID_CHARS_MAX));
    let edit = Command::PutFields {
        id: record(1),
        fields: vec![NamedField::new("x/note", &note).expect("a field")],
    };
    let register = Command::RegisterDispute { id: record(1), new };
    assert_eq!(phone.act(&mut server, register), Ok(record(1)));
    assert_eq!(phone.act(&mut server, edit), Ok(record(1)));
    assert_eq!((phone.waiting(), phone.store.aside().len()), (0, 0));
}

#[test]
fn sy42_a_clock_that_is_off_is_measured_told_and_kept() {
    let (mut phone, _, mut server) = pair();
    let behind = 3 * DAY_MS;
    server.clock_gap_ms = behind;
    assert_eq!(phone.act(&mut server, register(1)), Ok(record(1)));
    let gap = |phone: &Phone| phone.replica.status().clock_gap_ms;
    assert_eq!(gap(&phone), behind);
    phone.restart(7);
    assert_eq!(gap(&phone), behind);
    // By the corrected time a form takes the true one, which the clock alone says is to come.
    let typed = NewDisputeDraft {
        found_at: phone.now.plus(behind).to_local_text(),
        ..draft()
    };
    assert!(typed.parse(phone.now).is_err());
    let corrected = phone.now.plus(clock::correction(gap(&phone)));
    assert!(typed.parse(corrected).is_ok());
    // Once the clock is set, it is right again.
    server.clock_gap_ms = 0;
    phone.sync(&mut server);
    assert_eq!(gap(&phone), 0);
    assert_eq!(clock::correction(4 * MINUTE_MS), 0);
}
