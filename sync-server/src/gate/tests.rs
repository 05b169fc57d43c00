//! What comes of a batch that somebody made to do harm.

use std::time::Instant;

use domain::document::{DecodeError, Document, Edit, Stamp, check};
use domain::id::PersonId;
use domain::record::hazard::{NewHazard, register_edits};
use domain::record::{Kind, SCHEMA, Said};
use domain::time::Millis;
use domain::unit::Role;

use super::*;
use crate::store::log::Kept;

#[path = "../../../domain/tests/spec/forge.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "it is shared with the tests of the domain, which use more of it"
)]
mod forge;

use forge::{Forged, Row};

const NOW: Millis = Millis(1_795_000_000_000);

fn member() -> Member {
    Member {
        person: "p1".parse().expect("a code"),
        name: "P1".to_owned(),
        roles: vec![Role::AuxOfficer],
        units: vec![grid()],
    }
}

fn grid() -> UnitId {
    "g1".parse().expect("a code")
}

fn case<'a>(member: &'a Member, stored: &[Vec<u8>]) -> Case<'a> {
    let author: PersonId = member.person.clone();
    let stored = stored.iter().zip(1..).map(|(bytes, seq)| Kept {
        change: Hashed::of(bytes.clone()),
        author: author.clone(),
        seq,
    });
    Case {
        record: RecordId::new(NOW, [1; 10]),
        known: Known {
            grid: None,
            body: stored.collect(),
            vault: Vec::new(),
            lacking: Vec::new(),
        },
        member,
        owners: BTreeMap::new(),
        confirmed: false,
    }
}

fn push(changes: &[Vec<u8>]) -> Vec<Pushed> {
    let one = |bytes: &Vec<u8>| Pushed {
        passed_on: None,
        part: Part::Body,
        grid: Ok(grid()),
        change: Hashed::of(bytes.clone()),
    };
    changes.iter().map(one).collect()
}

fn commit(document: &mut Document, actor: u8, edits: &[Edit]) -> Vec<u8> {
    let stamp = Stamp {
        actor: ActorKey([actor; 8]),
        at: NOW,
    };
    let change = document.commit(stamp, edits).expect("edits");
    change.expect("a change").bytes
}

fn said(text: &str) -> Said {
    text.parse().expect("text that may be stored")
}

/// A hazard's first change and, after it, one for each text.
fn hazard(descriptions: &[&str]) -> Vec<Vec<u8>> {
    let header = Header {
        kind: Kind::Hazard,
        schema: SCHEMA,
        grid: grid(),
        number: "T-1".to_owned(),
        by: "p1".parse().expect("a code"),
        created_at: NOW,
    };
    let new = NewHazard {
        grid: grid(),
        category: said("H08"),
        place: said("1 km"),
        description: said(&"x".repeat(400)),
        level: said("1"),
        patrol: None,
        fixed: Said::default(),
    };
    let mut document = Document::default();
    let mut changes = vec![commit(&mut document, 1, &register_edits(&header, &new))];
    for text in descriptions {
        let edit = Edit::new("description", *text);
        changes.push(commit(&mut document, 1, &[edit]));
    }
    changes
}

/// A change that somebody made after `first`.
fn after(first: &[u8], actor: u8, spoil: impl Fn(&mut Forged)) -> Vec<u8> {
    let head = check(first).expect("sound");
    let mut forged = Forged::of(actor, &[Row::put("k")]);
    forged.deps = vec![head.hash.0];
    forged.start_op = head.max_op() + 1;
    spoil(&mut forged);
    forged.bytes()
}

#[test]
fn sy17_no_document_grows_beyond_what_everybody_who_opens_it_can_read() {
    let noise = |n: usize| -> String {
        let letter = |at: usize| {
            "abcdefghijklmnopqrstuvwxyz"
                .chars()
                .nth((n * 31 + at * at * 7 + at / 26) % 26)
        };
        (0..60_000).filter_map(letter).collect()
    };
    let texts: Vec<String> = (0..80).map(noise).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let changes = hazard(&texts);
    let member = member();
    let judged = judge(case(&member, &[]), &push(&changes));
    let refused = refusals(&judged);
    let kept = refused.iter().take_while(|one| one.is_none()).count();
    let bytes: usize = changes.iter().take(kept).map(Vec::len).sum();
    assert!(bytes <= limits::DOC_BYTES_MAX && bytes > limits::DOC_BYTES_MAX - 70_000);
    assert_eq!(refused.get(kept), Some(&Some(Refusal::TooLarge)), "{kept}");
}

fn refusals(judgement: &Judgement) -> Vec<Option<Refusal>> {
    let refusal = |verdict: &Verdict| match verdict {
        Verdict::Refuse(refusal) => Some(*refusal),
        Verdict::Keep(..) | Verdict::Had(..) | Verdict::Back(_) | Verdict::Hold(..) => None,
    };
    judgement.verdicts.iter().map(refusal).collect()
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the figures are for the reader of the test's output; nothing depends on them"
)]
fn sy17_poison_between_sound_changes_is_refused_alone() {
    let member = member();
    let sound = hazard(&["a", "b"]);
    let first = &sound[0];
    let wide = |count: u64| {
        let puts = Forged::puts(7, count);
        move |forged: &mut Forged| forged.columns.clone_from(&puts.columns)
    };
    let poison = [
        (
            "chunk that is packed",
            forge::chunk(2, &[0; 64]),
            Refusal::Damaged,
        ),
        (
            "10^6 operations",
            after(first, 7, wide(1_000_000)),
            Refusal::Damaged,
        ),
        (
            "10^18 operations",
            after(first, 7, wide(1_000_000_000_000_000_000)),
            Refusal::Damaged,
        ),
        (
            "a second change without a first",
            after(first, 7, |c| c.seq = 2),
            Refusal::Damaged,
        ),
        (
            "first operation 2^32 - 2",
            after(first, 7, |c| c.start_op = 0xffff_fffe),
            Refusal::Damaged,
        ),
        (
            "first operation too far",
            after(first, 7, |c| c.start_op += 1),
            Refusal::Damaged,
        ),
        (
            "time i64::MAX",
            after(first, 7, |c| c.at = i64::MAX),
            Refusal::Damaged,
        ),
        (
            "64 dependencies that nobody has",
            after(first, 7, |c| {
                c.deps = (0..64).map(|n| [n; 32]).collect();
            }),
            Refusal::MissingDeps,
        ),
    ];
    for (name, bytes, expected) in poison {
        let began = Instant::now();
        let alone = judge(
            case(&member, &sound[..1]),
            &push(std::slice::from_ref(&bytes)),
        );
        println!("{name:<34} {:>6} bytes {:?}", bytes.len(), began.elapsed());
        assert_eq!(refusals(&alone), [Some(expected)], "{name}");
        let batch = [first.clone(), bytes, sound[1].clone(), sound[2].clone()];
        let judged = judge(case(&member, &[]), &push(&batch));
        assert_eq!(
            refusals(&judged),
            [None, Some(expected), None, None],
            "{name}"
        );
        assert!(judged.row.is_some());
    }
}

#[test]
fn sy17_a_change_in_the_name_of_another_person_is_refused_and_its_owner_goes_on() {
    let member = member();
    let sound = hazard(&["a"]);
    let mut forged = case(&member, &sound[..1]);
    let head = check(&sound[0]).expect("sound");
    let other = "p9".parse().expect("a code");
    forged.owners = BTreeMap::from([(head.actor, Some(other))]);
    let theft = after(&sound[0], 1, |c| c.seq = 2);
    let judged = judge(forged, &push(&[theft]));
    assert_eq!(refusals(&judged), [Some(Refusal::AnotherName)]);
    let mut owner = case(&member, &sound[..1]);
    owner.owners = BTreeMap::from([(head.actor, Some(member.person.clone()))]);
    assert_eq!(refusals(&judge(owner, &push(&sound[1..]))), [None]);
}

#[test]
fn sy17_a_document_that_would_not_load_again_costs_only_the_change_that_spoils_it() {
    let member = member();
    let sound = hazard(&["a", "spoilt", "c"]);
    // The library that this stands for cannot load a document in which this text ever stood.
    fn proof(reading: &Reading, changes: &[&[u8]]) -> bool {
        reading.tree().text("description") != Some("spoilt") && document::reopens(reading, changes)
    }
    let pushed = push(&sound[..3]);
    let judged = judge_by(case(&member, &[]), &pushed, proof);
    assert_eq!(refusals(&judged), [None, None, Some(Refusal::Damaged)]);
    let row = judged.row.expect("a row");
    let (mut without, _) = Document::from_changes(sound[..2].iter().map(Vec::as_slice));
    let expected = domain::view::Row::fold(row.id, &without.tree(), None).expect("a row");
    assert_eq!(row, expected);
    // What follows it is missing something then.
    let judged = judge_by(case(&member, &sound[..1]), &push(&sound[2..3]), proof);
    assert_eq!(refusals(&judged), [Some(Refusal::MissingDeps)]);
}

#[test]
fn sy17_a_document_that_was_spoilt_before_is_no_reason_to_refuse_what_comes() {
    let member = member();
    let sound = hazard(&["a"]);
    let judged = judge_by(case(&member, &sound[..1]), &push(&sound[1..]), |_, _| false);
    assert_eq!(refusals(&judged), [None]);
    let panics = judge_by(case(&member, &[]), &push(&sound), |reading, _| {
        assert!(reading.is_empty(), "a library that panics on everything");
        true
    });
    let damaged = Some(Refusal::Damaged);
    assert_eq!(refusals(&panics), [damaged, Some(Refusal::MissingDeps)]);
}

#[test]
fn sy17_no_document_grows_beyond_its_operations() {
    let member = member();
    let mut stored = hazard(&[]);
    let mut taken = 0;
    for actor in 100..120 {
        let wide = Forged::puts(actor, 2_000);
        let bytes = after(stored.last().expect("the last"), actor, |forged| {
            forged.columns.clone_from(&wide.columns);
        });
        match refusals(&judge(
            case(&member, &stored),
            &push(std::slice::from_ref(&bytes)),
        ))[0]
        {
            None => stored.push(bytes),
            Some(refusal) => {
                assert_eq!(refusal, Refusal::TooLarge);
                break;
            }
        }
        taken += 1;
    }
    assert_eq!(taken, 9);
    assert_eq!(
        check(&Forged::puts(1, 2_001).bytes()),
        Err(DecodeError::Bounds)
    );
}

fn note(n: u32, by: &str) -> Vec<Edit> {
    let id = RecordId::new(NOW.plus(i64::from(n)), [7; 10]);
    let by: PersonId = by.parse().expect("a code");
    domain::record::note_edits(id, &by, NOW, "visit", "x")
}

/// The first change of a body and `count` more, each of which adds a note.
fn notes(count: u32) -> Vec<Vec<u8>> {
    let mut all = hazard(&[]);
    let mut document = opened(&all);
    for n in 0..count {
        all.push(commit(&mut document, 1, &note(n, "p1")));
    }
    all
}

fn opened(changes: &[Vec<u8>]) -> Document {
    Document::from_changes(changes.iter().map(Vec::as_slice)).0
}

#[test]
fn sy17_a_batch_to_one_document_is_judged_change_by_change() {
    let member = member();
    let sound = notes(2);
    let mut document = opened(&sound);
    // Beside sound ones: in another's name, at the header, in place of all events, at an old event.
    let beside = |actor, edits: &[Edit]| commit(&mut opened(&sound), actor, edits);
    let over = after(&sound[2], 4, |forged| {
        let puts = Forged::of(4, &[Row::put("ev")]);
        forged.columns.clone_from(&puts.columns);
    });
    let event = format!("ev/{}/text", RecordId::new(NOW, [7; 10]));
    let bad = [
        beside(2, &note(9, "p2")),
        beside(3, &[Edit::new("number", "T-2")]),
        over,
        beside(5, &[Edit::new(event, "y")]),
    ];
    let last = commit(&mut document, 1, &[Edit::new("place", "2 km")]);
    let batch: Vec<_> = sound.iter().chain(&bad).chain([&last]).cloned().collect();
    let expected = [
        None,
        None,
        None,
        Some(Refusal::AnotherName),
        Some(Refusal::Fixed),
        Some(Refusal::Fixed),
        Some(Refusal::Fixed),
        None,
    ];
    let judged = judge(case(&member, &[]), &push(&batch));
    assert_eq!(refusals(&judged), expected);
    let row = judged.row.expect("a row");
    let expected = domain::view::Row::fold(row.id, &document.tree(), None).expect("a row");
    assert_eq!(row, expected);
}

#[test]
fn sy17_a_document_is_proven_once_however_many_changes_a_batch_brings() {
    use std::cell::Cell;
    thread_local!(static PROOFS: Cell<u32> = const { Cell::new(0) });
    fn proof(reading: &Reading, changes: &[&[u8]]) -> bool {
        PROOFS.set(PROOFS.get() + 1);
        document::reopens(reading, changes)
    }
    let member = member();
    let batch = notes(200);
    let judged = judge_by(case(&member, &[]), &push(&batch), proof);
    assert!(refusals(&judged).iter().all(Option::is_none));
    assert_eq!(PROOFS.get(), 1);
}
