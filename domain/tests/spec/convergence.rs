//! Properties: whatever the order, repetition and splitting of deliveries, all end with the same.

use domain::command::Command;
use domain::document::{Document, check};
use domain::record::dispute::{CloseDraft, EventDraft, SessionDraft};
use domain::sync::lean;
use domain::sync::message::{Answer, Request, VERSION, closed};
use domain::view::Row;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::fixture::{morning, new_dispute, officer, record, said};
use crate::phone::{Link, Phone, Server};

#[derive(Debug, Clone)]
enum Move {
    Edit(u8, u8),
    Note(u8),
    Session(u8),
    Close(u8, u8),
    Sync(u8),
    Lose(u8),
    FailStore(u8),
    Restart(u8),
}

fn moves() -> impl Strategy<Value = Move> {
    let phone = 0..3_u8;
    prop_oneof![
        (phone.clone(), any::<u8>()).prop_map(|(p, n)| Move::Edit(p, n)),
        phone.clone().prop_map(Move::Note),
        phone.clone().prop_map(Move::Session),
        (phone.clone(), any::<u8>()).prop_map(|(p, n)| Move::Close(p, n)),
        phone.clone().prop_map(Move::Sync),
        phone.clone().prop_map(Move::Lose),
        phone.clone().prop_map(Move::FailStore),
        phone.prop_map(Move::Restart),
    ]
}

fn command(phone: &mut Phone, step: &Move) -> Option<Command> {
    let id = record(1);
    Some(match step {
        Move::Edit(_, n) => {
            let base = new_dispute();
            let mut new = base.clone();
            new.place = said(&format!("地点{}", n % 4));
            new.level = said(["G", "Y", "R"][usize::from(n % 3)]);
            Command::EditDispute { id, base, new }
        }
        Move::Note(_) => {
            let form = EventDraft {
                kind: "visit".into(),
                text: "走访".into(),
                at: String::new(),
            };
            Command::AddEvent {
                id,
                new: form.parse(phone.now).ok()?,
            }
        }
        Move::Session(_) => {
            let form = SessionDraft {
                statements: "谈".into(),
                result: "again".into(),
                consent: true,
                notice: true,
                ..SessionDraft::default()
            };
            Command::RecordSession {
                id,
                new: form.parse(phone.now, true).ok()?,
            }
        }
        Move::Close(_, n) => {
            let outcome = ["13", "22", "41"][usize::from(n % 3)];
            let form = CloseDraft {
                outcome: outcome.into(),
                fail_reason: "R2".into(),
                remedies_told: true,
                summary: String::new(),
            };
            Command::CloseDispute {
                id,
                new: form.parse().ok()?,
            }
        }
        Move::Sync(_) | Move::Lose(_) | Move::FailStore(_) | Move::Restart(_) => return None,
    })
}

fn play(steps: &[Move]) -> (Vec<Phone>, Server) {
    let known = [officer("p1"), officer("p2"), crate::fixture::station()];
    let mut phones: Vec<Phone> = (1..).zip(&known).map(|(n, d)| Phone::new(n, d)).collect();
    let pairs: Vec<_> = phones.iter().zip(&known).collect();
    let mut server = Server::with(&pairs);
    let register = Command::RegisterDispute {
        id: record(1),
        new: new_dispute(),
    };
    phones[0].act(&mut server, register).expect("registers");
    for phone in &mut phones {
        phone.sync(&mut server);
        phone.link = Link::Down;
    }
    for (time, step) in (1..).zip(steps) {
        let (Move::Edit(p, _)
        | Move::Note(p)
        | Move::Session(p)
        | Move::Close(p, _)
        | Move::Sync(p)
        | Move::Lose(p)
        | Move::FailStore(p)
        | Move::Restart(p)) = step;
        let phone = &mut phones[usize::from(*p)];
        phone.now = morning().plus(time * 1_000);
        match step {
            Move::Sync(_) | Move::Lose(_) => {
                let lose = matches!(step, Move::Lose(_));
                phone.link = if lose { Link::AnswerLost } else { Link::Up };
                phone.sync(&mut server);
                phone.link = Link::Down;
            }
            Move::FailStore(_) => phone.store_failures = 1,
            Move::Restart(_) => phone.restart(100 + u8::try_from(time % 100).unwrap_or(0)),
            Move::Edit(..) | Move::Note(_) | Move::Session(_) | Move::Close(..) => {
                if let Some(command) = command(phone, step) {
                    // A denial is an answer too; what matters is that all agree in the end.
                    let _denied_or_done = phone.act(&mut server, command).is_ok();
                }
            }
        }
    }
    (phones, server)
}

fn shown(phone: &Phone) -> Row {
    let row = phone.row(record(1));
    Row {
        delivery: Default::default(),
        ..row
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn mg1_phones_that_have_exchanged_everything_show_the_same(steps in vec(moves(), 0..40)) {
        let (mut phones, mut server) = play(&steps);
        for _ in 0..2 {
            for phone in &mut phones {
                phone.link = Link::Up;
                phone.store_failures = 0;
                phone.sync(&mut server);
            }
        }
        let first = shown(&phones[0]);
        for phone in &phones {
            prop_assert_eq!(phone.waiting(), 0);
            prop_assert_eq!(&shown(phone), &first);
            prop_assert_eq!(&phone.case(record(1)).row, &phone.row(record(1)));
        }
    }

    #[test]
    fn mg8_changes_applied_in_any_order_and_repeatedly_give_the_same_fields(
        steps in vec(moves(), 0..25),
        order in vec(any::<prop::sample::Index>(), 0..80),
    ) {
        let (mut phones, mut server) = play(&steps);
        for phone in &mut phones {
            phone.link = Link::Up;
            phone.store_failures = 0;
            phone.sync(&mut server);
        }
        let stored = phones[2].store.load(record(1)).body;
        let mut document = Document::default();
        for index in &order {
            document.apply(&index.get(&stored).bytes).expect("applies");
        }
        for change in stored.iter().rev() {
            document.apply(&change.bytes).expect("applies");
        }
        let (mut straight, damaged) =
            Document::from_changes(stored.iter().map(|change| change.bytes.as_slice()));
        prop_assert!(damaged.is_empty());
        prop_assert_eq!(document.tree(), straight.tree());
    }

    #[test]
    fn sy14_random_bytes_never_read_as_a_message_or_a_change_and_never_panic(
        bytes in vec(any::<u8>(), 0..600),
    ) {
        prop_assert!(check(&bytes).is_err());
        let mut framed = vec![VERSION, bytes.first().copied().unwrap_or(0) & 1];
        framed.extend(&bytes);
        let framed = closed(framed);
        // Most are refused; what matters is that each is answered with an error or a message.
        let request = Request::open(&framed).map(|(_, sealed)| sealed.unseal().is_ok());
        let _either = request.is_ok() || Answer::decode(&framed).is_ok();
        let _page = lean::read(&bytes);
        let _maybe = Row::decode(&bytes);
    }
}
