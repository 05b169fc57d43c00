//! SY: changes that somebody made by hand to hurt whoever reads them.

use std::io::Write;
use std::time::Instant;

use domain::document::check::{ACTORS_MAX, DEPS_MAX, KEY_BYTES_MAX, OP_MAX, OPS_MAX};
use domain::document::{
    CHANGE_BYTES_MAX, DecodeError, Document, Edit, NewChange, PATH_KEYS_MAX, Stamp, WAITING_MAX,
    check,
};
use domain::time::Millis;
use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::fixture::actor;
use crate::forge::{self, Forged, Row, run, signed, unsigned};

fn stamp(n: u8) -> Stamp {
    Stamp {
        actor: actor(n),
        at: Millis(1_000 + i64::from(n)),
    }
}

fn commit(document: &mut Document, n: u8, edits: &[Edit]) -> NewChange {
    let change = document.commit(stamp(n), edits).expect("edits");
    change.expect("a change")
}

/// What became of one poisoned change, with the time that it cost.
#[expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "the figures are for the reader of the test's output; nothing depends on them"
)]
fn poison(name: &str, bytes: &[u8], expected: DecodeError) {
    let mut document = Document::default();
    commit(&mut document, 9, &[Edit::new("place", "A")]);
    let began = Instant::now();
    let found = document.apply(bytes);
    let took = began.elapsed();
    println!(
        "{name:<44} {:>7} bytes {:>9.1} us, {}",
        bytes.len(),
        took.as_secs_f64() * 1e6,
        found
            .as_ref()
            .map_or_else(ToString::to_string, |head| format!("{} ops", head.ops)),
    );
    assert_eq!(found, Err(expected), "{name}");
    // Nothing of it is left, and the owner writes on.
    let edits = [Edit::new("place", "B")];
    commit(&mut document, 9, &edits);
    assert_eq!(document.tree().text("place"), Some("B"));
    assert!(document.reopens());
}

/// Zeros, packed.
fn deflated_zeros(len: usize) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; len]).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn sy15_packed_bombs_are_refused_unopened() {
    let bomb = deflated_zeros(60 << 20);
    poison(
        "chunk of 60 MiB of zeros, packed",
        &forge::chunk(2, &bomb),
        DecodeError::Compressed,
    );
    let huge = deflated_zeros(260 << 20);
    poison(
        "chunk of 260 MiB of zeros, packed",
        &forge::chunk(2, &huge),
        DecodeError::TooLarge,
    );
    let column = Forged::puts(1, 1).with(forge::KEY | 8, deflated_zeros(1 << 20));
    poison(
        "column of 1 MiB of zeros, packed",
        &column.bytes(),
        DecodeError::Compressed,
    );
    let chunks = [(0, "document"), (3, "bundle"), (9, "unknown")];
    for (kind, name) in chunks {
        poison(name, &forge::chunk(kind, &[0; 64]), DecodeError::Malformed);
    }
}

#[test]
fn sy15_runs_of_any_length_are_counted_and_not_expanded() {
    let lengths = [2_001_i64, 1_000_000, 10_000_000, 1_000_000_000_000_000_000];
    for length in lengths {
        let all = Forged::puts(1, length.unsigned_abs());
        poison(
            &format!("{length} operations"),
            &all.bytes(),
            DecodeError::Bounds,
        );
        let two = Forged::puts(1, 2);
        let columns = [
            (forge::OBJECT_ACTOR, vec![0]),
            (forge::OBJECT_COUNTER, vec![1]),
            (forge::KEY, vec![1, b'k']),
            (forge::VALUE_KIND, vec![0]),
            (forge::OVER_COUNT, vec![0]),
            (forge::OVER_ACTOR, vec![0]),
            (forge::OVER_COUNTER, vec![1]),
        ];
        for (kind, value) in columns {
            let long = two.clone().with(kind, run(length, &value));
            let error = check(&long.bytes()).expect_err("too long");
            poison(
                &format!("{length} values in column {kind:#x}"),
                &long.bytes(),
                error,
            );
        }
        let insert = two
            .clone()
            .with(forge::INSERT, unsigned(length.unsigned_abs()));
        poison(
            &format!("{length} insertions"),
            &insert.bytes(),
            DecodeError::Operation,
        );
        let nothing = two.with(
            forge::KEY,
            [signed(0), unsigned(length.unsigned_abs())].concat(),
        );
        poison(
            &format!("{length} times no key"),
            &nothing.bytes(),
            DecodeError::Malformed,
        );
    }
    let overs = Forged::puts(1, 2).with(forge::OVER_COUNT, run(2, &unsigned(1 << 60)));
    poison(
        "2 operations over 2^60 others each",
        &overs.bytes(),
        DecodeError::Bounds,
    );
    let value = Forged::puts(1, 1).with(forge::VALUE_KIND, run(-1, &unsigned(u64::MAX)));
    poison(
        "a value of 2^60 bytes",
        &value.bytes(),
        DecodeError::Malformed,
    );
    let most = Forged::puts(1, OPS_MAX);
    assert_eq!(check(&most.bytes()).map(|head| head.ops), Ok(OPS_MAX));
}

type Spoil = fn(&mut Forged);

fn spoil_each(cases: &[(&str, DecodeError, Spoil)]) {
    let sound = Forged::puts(1, 1);
    assert!(check(&sound.bytes()).is_ok());
    for (name, error, spoil) in cases {
        let mut spoilt = sound.clone();
        spoil(&mut spoilt);
        poison(name, &spoilt.bytes(), *error);
    }
}

#[test]
fn sy15_every_number_has_a_bound() {
    use DecodeError::{Actor, Bounds, Malformed};
    spoil_each(&[
        ("time i64::MIN", Bounds, |c| c.at = i64::MIN),
        ("time i64::MAX", Bounds, |c| c.at = i64::MAX),
        ("number 0", Bounds, |c| c.seq = 0),
        ("number u64::MAX", Bounds, |c| c.seq = u64::MAX),
        ("first operation 0", Bounds, |c| c.start_op = 0),
        ("first operation 2^32 - 2", Bounds, |c| {
            c.start_op = 0xffff_fffe
        }),
        ("first operation u64::MAX", Bounds, |c| {
            c.start_op = u64::MAX
        }),
        ("a message", Bounds, |c| c.message = b"hello".to_vec()),
        ("an actor of 16 bytes", Actor, |c| c.actor = vec![1; 16]),
        ("an author for nothing", Malformed, |c| {
            c.others = vec![vec![2; 8]]
        }),
        ("an author of 7 bytes", Actor, |c| {
            c.others = vec![vec![2; 7], vec![3; 9]]
        }),
        ("too many dependencies", Bounds, |c| {
            c.deps = (0..=DEPS_MAX).map(|n| [n as u8; 32]).collect();
        }),
        ("a dependency twice", Malformed, |c| {
            c.deps = vec![[7; 32]; 2]
        }),
        ("too many authors", Bounds, |c| {
            c.others = (0..=ACTORS_MAX).map(|n| vec![n as u8; 8]).collect();
        }),
    ]);
}

#[test]
fn sy15_every_byte_has_a_meaning() {
    use DecodeError::{Checksum, Malformed, Operation, TooLarge};
    spoil_each(&[
        ("bytes after the columns", Malformed, |c| c.extra = vec![0]),
        ("no columns", Malformed, |c| c.columns.clear()),
        ("a column of nothing", Malformed, |c| {
            c.columns.push((0x73, vec![]))
        }),
        ("columns out of order", Malformed, |c| c.columns.reverse()),
        ("an unknown column", Malformed, |c| {
            c.columns.push((0x105, vec![0]))
        }),
        ("a mark on a text", Operation, |c| {
            c.columns.push((0xa5, vec![0]))
        }),
    ]);
    // A payload that was altered without its checksum: "hello" read back as "jello".
    let mut row = Row::put("k");
    row.value = (6, b"hello".to_vec());
    let mut stale = Forged::of(1, &[row]).bytes();
    let place = stale.windows(5).position(|part| part == b"hello");
    stale[place.expect("the value")] = b'j';
    poison("an altered value", &stale, Checksum);
    poison(
        "64 KiB and a byte",
        &vec![0; CHANGE_BYTES_MAX + 1],
        TooLarge,
    );
}

#[test]
fn sy15_only_maps_and_plain_values_are_taken() {
    let row = |spoil: &dyn Fn(&mut Row)| {
        let mut row = Row::put("k");
        spoil(&mut row);
        Forged::of(1, &[row]).bytes()
    };
    let value = |kind: u64, bytes: &[u8]| row(&|row| row.value = (kind, bytes.to_vec()));
    for action in [2, 4, 5, 6, 7, 8, u64::MAX] {
        poison(
            &format!("action {action}"),
            &row(&|row| row.action = action),
            DecodeError::Operation,
        );
    }
    poison(
        "a key of nothing",
        &row(&|row| row.key = String::new()),
        DecodeError::Bounds,
    );
    let long = "k".repeat(KEY_BYTES_MAX + 1);
    poison(
        "a long key",
        &row(&|row| row.key.clone_from(&long)),
        DecodeError::Bounds,
    );
    poison(
        "a deletion of nothing",
        &row(&|row| row.action = 3),
        DecodeError::Malformed,
    );
    let spoilt = [
        (
            "a map with a value",
            row(&|row| (row.action, row.value) = (0, (6, b"x".to_vec()))),
        ),
        ("nothing with a byte", value(0, &[0])),
        ("a yes with a byte", value(2, &[0])),
        ("a number in two parts", value(4, &[0, 0])),
        ("a number longer than it needs", value(4, &[0x80, 0])),
        ("a broken number of 7 bytes", value(5, &[0; 7])),
        ("a text that is none", value(6, &[0xff])),
    ];
    for (name, bytes) in &spoilt {
        poison(name, bytes, DecodeError::Malformed);
    }
    // What a newer version may write is kept.
    let kept = [
        value(2, &[]),
        value(3, &unsigned(u64::MAX)),
        value(4, &signed(i64::MIN)),
        value(5, &f64::NAN.to_le_bytes()),
        value(6, "好".as_bytes()),
        value(7, &[0xff; 300]),
        value(8, &signed(i64::MAX)),
        value(9, &signed(i64::MAX)),
        value(10, &[]),
        value(15, &[1, 2, 3]),
    ];
    for bytes in &kept {
        let (mut document, damaged) = Document::from_changes([bytes.as_slice()]);
        assert_eq!(damaged, []);
        document.tree();
        assert!(document.reopens(), "{bytes:x?}");
    }
}

/// A document of three changes: the first makes a map, the other two follow it side by side.
fn forked() -> [NewChange; 3] {
    let mut left = Document::default();
    let first = commit(
        &mut left,
        1,
        &[Edit::new("place", "A"), Edit::new("ev/*", "")],
    );
    let (mut right, _) = Document::from_changes([first.bytes.as_slice()]);
    let one = commit(&mut left, 1, &[Edit::new("place", "B")]);
    let two = commit(&mut right, 2, &[Edit::new("place", "C")]);
    [first, one, two]
}

fn follows(changes: &[&NewChange], seq: u64, start_op: u64, row: Row) -> Vec<u8> {
    let mut forged = Forged::of(3, &[row]);
    forged.deps = changes.iter().map(|change| change.hash.0).collect();
    forged.deps.sort_unstable();
    (forged.seq, forged.start_op) = (seq, start_op);
    forged.bytes()
}

#[test]
fn sy16_a_change_follows_from_the_ones_that_it_names() {
    let all @ [first, one, two] = &forked();
    let apply = |bytes: &[u8]| {
        let (mut document, damaged) =
            Document::from_changes(all.iter().map(|change| change.bytes.as_slice()));
        assert_eq!(damaged, []);
        let found = document.apply(bytes).map(|head| head.ops);
        assert!(document.reopens());
        commit(&mut document, 1, &[Edit::new("place", "D")]);
        assert!(document.reopens());
        found
    };
    let put = || Row::put("k");
    assert_eq!(apply(&follows(&[one, two], 1, 4, put())), Ok(1));
    assert_eq!(apply(&follows(&[first], 1, 3, put())), Ok(1));
    // Its number: a second one without a first.
    assert_eq!(
        apply(&follows(&[one, two], 2, 4, put())),
        Err(DecodeError::History)
    );
    // Its first operation: every other place than the next.
    for start_op in [1, 3, 5, 10_000, OP_MAX] {
        let found = apply(&follows(&[one, two], 1, start_op, put()));
        assert_eq!(found, Err(DecodeError::History), "{start_op}");
    }
    // No dependencies in a document that has begun is a second beginning, which merges.
    assert_eq!(apply(&follows(&[], 1, 1, put())), Ok(1));
    let after = |dep: &NewChange, start_op: u64, by: u8, row: Row| {
        let mut forged = Forged::of(3, &[row]);
        forged.others = vec![vec![by; 8]];
        forged.deps = vec![dep.hash.0];
        forged.start_op = start_op;
        apply(&forged.bytes())
    };
    let named = |by: u8, row: Row| after(first, 3, by, row);
    let within = |counter: u64| Row {
        object: Some((1, counter)),
        ..put()
    };
    // The first change makes the map with one of its operations and puts values with the others.
    let maps: Vec<u64> = (1..3).filter(|at| named(1, within(*at)) == Ok(1)).collect();
    assert_eq!(maps.len(), 1);
    let over = |key: &str, counter: i64| Row {
        over: vec![(1, counter)],
        ..Row::put(key)
    };
    let places: Vec<i64> = (1..3)
        .filter(|at| named(1, over("place", *at)) == Ok(1))
        .collect();
    assert_eq!(places.len(), 1);
    assert_eq!(
        named(1, over("other", places[0])),
        Err(DecodeError::History)
    );
    // Nobody's operation, and one of a change that is there but does not come before this one.
    assert_eq!(named(5, within(maps[0])), Err(DecodeError::History));
    assert_eq!(
        after(one, 4, 2, over("place", 3)),
        Err(DecodeError::History)
    );
    assert_eq!(after(two, 4, 2, over("place", 3)), Ok(1));
    // Its own later operation.
    assert_eq!(named(1, over("place", 3)), Err(DecodeError::Bounds));
}

#[test]
fn sy16_a_change_writes_no_deeper_than_any_reader_looks() {
    // Maps in each other, and one value in the last.
    let nested = |maps: usize| {
        let row = |n: usize| Row {
            action: u64::from(n == maps),
            object: (n > 0).then_some((0, n as u64)),
            ..Row::put("k")
        };
        let rows: Vec<Row> = (0..=maps).map(row).collect();
        Forged::of(1, &rows).bytes()
    };
    let deepest = nested(PATH_KEYS_MAX - 1);
    let mut document = Document::default();
    assert!(document.apply(&deepest).is_ok());
    assert!(document.tree().field("k/k/k/k").is_some() && document.reopens());
    for maps in [PATH_KEYS_MAX, 100, 1_999] {
        let name = format!("{maps} maps in each other");
        poison(&name, &nested(maps), DecodeError::Bounds);
    }
    // A level a change is no way round it.
    let path = ["k"; PATH_KEYS_MAX].join("/");
    let mut level = Document::default();
    let first = commit(&mut level, 9, &[Edit::new(path.as_str(), "A")]);
    let map = Row {
        action: 0,
        object: Some((1, PATH_KEYS_MAX as u64 - 1)),
        ..Row::put("m")
    };
    let follow = |row: Row, head: [u8; 32], at: u64, seq: u64| {
        let mut forged = Forged::of(3, &[row]);
        (forged.deps, forged.seq, forged.start_op) = (vec![head], seq, at);
        forged
    };
    let mut map = follow(map, first.hash.0, PATH_KEYS_MAX as u64 + 1, 1);
    map.others = vec![vec![9; 8]];
    let map = level.apply(&map.bytes()).expect("a map at the last level");
    let value = Row {
        object: Some((0, map.start_op)),
        ..Row::put("v")
    };
    let value = follow(value, map.hash.0, map.start_op + 1, 2).bytes();
    assert_eq!(level.apply(&value), Err(DecodeError::Bounds));
    assert!(level.reopens());
}

#[test]
fn sy16_a_second_change_of_the_same_number_contradicts_the_first() {
    let mut document = Document::default();
    let first = Forged::of(1, &[Row::put("k")]).bytes();
    let second = Forged::of(1, &[Row::put("l")]).bytes();
    assert!(document.apply(&first).is_ok());
    assert_eq!(document.apply(&second), Err(DecodeError::Contradicts));
    assert!(document.apply(&first).is_ok());
    assert!(document.reopens());
}

#[test]
fn sy16_changes_wait_for_the_ones_that_they_follow_up_to_a_limit() {
    let mut writer = Document::default();
    let changes: Vec<NewChange> = (0..=WAITING_MAX as u8 + 2)
        .map(|n| {
            commit(
                &mut writer,
                n,
                &[Edit::new("place", format!("{n}").as_str())],
            )
        })
        .collect();
    let mut reader = Document::default();
    for (place, change) in changes.iter().skip(1).enumerate() {
        let found = reader.apply(&change.bytes).map(|_| ());
        let room = place < WAITING_MAX;
        assert_eq!(
            found,
            if room {
                Ok(())
            } else {
                Err(DecodeError::Waiting)
            }
        );
        // One that waits already takes no second place.
        assert_eq!(reader.apply(&changes[1].bytes).map(|_| ()), Ok(()));
    }
    assert!(reader.is_empty());
    assert_eq!(reader.missing(), 1);
    assert!(reader.apply(&changes[0].bytes).is_ok());
    assert_eq!(reader.missing(), 0);
    for change in &changes {
        assert!(reader.apply(&change.bytes).is_ok());
    }
    assert_eq!(reader.tree(), writer.tree());
    // Many at once need no room, in whatever order they lie in the store.
    let (mut opened, damaged) =
        Document::from_changes(changes.iter().rev().map(|change| change.bytes.as_slice()));
    assert_eq!(damaged, []);
    assert_eq!(opened.tree(), writer.tree());
}

#[test]
#[expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "the figures are for the reader of the test's output; nothing depends on them"
)]
fn sy16_a_flood_of_orphans_costs_no_more_than_reading_it() {
    let mut document = Document::default();
    let began = Instant::now();
    let mut refused = 0;
    for n in 0..4_000_u32 {
        let mut orphan = Forged::puts(1, 1);
        orphan.deps = vec![[7; 32]];
        (orphan.seq, orphan.start_op, orphan.at) = (2, 2, i64::from(n));
        refused += usize::from(document.apply(&orphan.bytes()) == Err(DecodeError::Waiting));
    }
    println!("4000 orphans: {:?}", began.elapsed());
    assert_eq!(refused, 4_000 - WAITING_MAX);
    assert_eq!(document.missing(), 1);
}
