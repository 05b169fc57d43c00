//! Properties: whatever is accepted can be read, saved and loaded again, and nothing panics.

use std::sync::LazyLock;

use domain::document::{
    ChangeHead, DecodeError, Document, Edit, Lens, NewChange, Reading, Sound, Stamp, reopens,
};
use domain::time::Millis;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::fixture::actor;
use crate::forge::{Forged, Row, repair, signed, unsigned};

fn commit(document: &mut Document, n: u8, edits: &[Edit]) -> NewChange {
    let stamp = Stamp {
        actor: actor(n),
        at: Millis(1_700_000_000_000 + i64::from(n)),
    };
    document
        .commit(stamp, edits)
        .expect("edits")
        .expect("a change")
}

static REAL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(real);

/// What three people wrote into one record, partly at the same time.
fn real() -> Vec<Vec<u8>> {
    let mut one = Document::default();
    let begin = [
        Edit::new("kind", "hazard"),
        Edit::new("place", "石桥4组"),
        Edit::new("count", Millis(3)),
        Edit::new("ev/*", ""),
        Edit::new("sessions/*", ""),
    ];
    let mut all = vec![commit(&mut one, 1, &begin)];
    let (mut two, _) = Document::from_changes([all[0].bytes.as_slice()]);
    all.push(commit(
        &mut one,
        1,
        &[
            Edit::new("place", "B"),
            Edit::new("count", Millis(i64::MAX)),
        ],
    ));
    all.push(commit(
        &mut two,
        2,
        &[Edit::new("place", "C"), Edit::new("ev/x/text", "走访")],
    ));
    all.push(commit(
        &mut two,
        2,
        &[Edit::new("ev/x/text", "走访2"), Edit::new("ev/y/text", "t")],
    ));
    one.apply(&all[2].bytes).expect("applies");
    one.apply(&all[3].bytes).expect("applies");
    all.push(commit(
        &mut one,
        3,
        &[Edit::new("place", "D"), Edit::new("ev/x/at", Millis(-5))],
    ));
    all.push(commit(
        &mut two,
        2,
        &[Edit::new("sessions/s/st/k", "v"), Edit::new("kind", "x")],
    ));
    two.apply(&all[1].bytes).expect("applies");
    two.apply(&all[4].bytes).expect("applies");
    all.push(commit(
        &mut two,
        4,
        &[Edit::new("place", "E"), Edit::new("ev/x/text", "z")],
    ));
    all.into_iter().map(|change| change.bytes).collect()
}

/// Whatever came before: it reads, it saves and loads, and its owner can write on.
fn alive(document: &mut Document) -> Result<(), TestCaseError> {
    document.tree();
    prop_assert!(document.reopens());
    if document.is_empty() {
        return Ok(());
    }
    let stamp = Stamp {
        actor: actor(200),
        at: Millis(0),
    };
    let edits = [Edit::new("written", "after"), Edit::new("place", "Z")];
    // A field may have become a map.
    if document.commit(stamp, &edits).is_ok() {
        document.tree();
        prop_assert!(document.reopens());
    }
    Ok(())
}

/// At least so many cases; more where the environment asks for them.
fn cases(least: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: config.cases.max(least),
        ..config
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn sy15_changed_bytes_under_a_true_checksum_are_refused_or_harmless(
        which in any::<Index>(),
        changed in vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut all = REAL.clone();
        let place = which.index(all.len());
        let bytes = &mut all[place];
        for (at, byte) in &changed {
            *at.get_mut(bytes) = *byte;
        }
        repair(bytes);
        let mut document = Document::default();
        for bytes in &all {
            let _refused = document.apply(bytes).is_err();
        }
        alive(&mut document)?;
        let (mut opened, _) = Document::from_changes(all.iter().map(Vec::as_slice));
        let tree = opened.tree();
        prop_assert!(opened.reopens());
        let (reading, _) = Reading::from_changes(all.iter().map(Vec::as_slice));
        prop_assert_eq!(reading.tree(), tree);
    }
}

/// Everything of the root and of one container whose keys the made-up changes use.
const LENS: Lens = Lens {
    fields: &["0", "1", "2"],
    container: "0",
    item_fields: &["0", "1", "2"],
};

/// Takes a change, once it was shown that one which is refused by its effect leaves nothing behind.
fn take(reading: &mut Reading, bytes: &[u8]) -> Result<(), TestCaseError> {
    let sound = Sound::read(bytes).expect("it was taken before");
    let (before, ops) = (reading.tree(), reading.ops());
    let refused = reading.take(&sound, &LENS, |_| Err::<(), _>(DecodeError::History));
    prop_assert!(refused.is_err());
    prop_assert_eq!((reading.tree(), reading.ops()), (before, ops));
    prop_assert!(
        reading
            .take(&sound, &LENS, |_| Ok::<_, DecodeError>(()))
            .is_ok()
    );
    Ok(())
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn sy16_made_up_changes_are_refused_or_harmless_wherever_they_arrive(
        made in vec(made_up(), 1..10),
    ) {
        let mut document = Document::default();
        let mut there: Vec<There> = Vec::new();
        let mut contradicts = false;
        let mut reading = Reading::default();
        for one in &made {
            let (forged, ops) = one.forge(&there);
            let bytes = forged.bytes();
            let again = there.iter().any(|one| one.bytes == bytes);
            match document.apply(&bytes) {
                Ok(head) => {
                    if !again {
                        take(&mut reading, &bytes)?;
                    }
                    there.push(There { bytes, head, ops });
                }
                Err(error) => contradicts |= error == DecodeError::Contradicts,
            }
        }
        let tree = document.tree();
        prop_assert_eq!(&reading.tree(), &tree);
        let all: Vec<_> = there.iter().map(|one| one.bytes.as_slice()).collect();
        prop_assert!(reopens(&reading, &all));
        alive(&mut document)?;
        // Another device gets the same changes the other way round.
        let mut other = Document::default();
        for one in there.iter().rev() {
            prop_assert!(other.apply(&one.bytes).is_ok());
        }
        let (mut opened, damaged) =
            Document::from_changes(there.iter().rev().map(|one| one.bytes.as_slice()));
        if !contradicts {
            prop_assert_eq!(damaged, vec![]);
            prop_assert_eq!(&other.tree(), &tree);
            prop_assert_eq!(&opened.tree(), &tree);
        }
        alive(&mut other)?;
    }
}

/// A change that was taken, with its operations.
struct There {
    bytes: Vec<u8>,
    head: ChangeHead,
    ops: Vec<Op>,
}

/// An operation with its name; objects by the name of what made them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Op {
    name: Name,
    action: u64,
    object: Option<Name>,
    key: u8,
}

/// A number and an author.
type Name = (u64, Vec<u8>);

#[derive(Debug, Clone)]
struct MadeUp {
    actor: u8,
    deps: Vec<Index>,
    all_heads: bool,
    off: (u8, u8),
    rows: Vec<MadeUpRow>,
}

#[derive(Debug, Clone)]
struct MadeUpRow {
    action: u8,
    object: Option<Index>,
    key: u8,
    value: (u8, i64),
    over: Vec<Index>,
    wild: u8,
}

fn made_up() -> impl Strategy<Value = MadeUp> {
    let row = (
        (0..12_u8, 0..60_u8),
        prop::option::weighted(0.5, any::<Index>()),
        0..3_u8,
        (0..16_u8, any::<i64>()),
        vec(any::<Index>(), 0..3),
    );
    let row = row.prop_map(|((action, wild), object, key, value, over)| MadeUpRow {
        action,
        object,
        key,
        value,
        over,
        wild,
    });
    let deps = (vec(any::<Index>(), 0..3), prop::bool::weighted(0.7));
    (0..3_u8, deps, (0..40_u8, 0..40_u8), vec(row, 1..6)).prop_map(
        |(actor, (deps, all_heads), off, rows)| MadeUp {
            actor,
            deps,
            all_heads,
            off,
            rows,
        },
    )
}

impl MadeUp {
    /// Mostly sound, so that what it does comes to the test.
    fn forge(&self, there: &[There]) -> (Forged, Vec<Op>) {
        let own = actor(self.actor + 1);
        let deps = self.deps(there);
        let written = there.iter().filter(|one| one.head.actor == own).count() as u64;
        let last = deps.iter().map(|one| one.head.max_op()).max().unwrap_or(0);
        let (seq, start_op) = (off(written + 1, self.off.0), off(last + 1, self.off.1));
        let mut ops: Vec<Op> = there.iter().flat_map(|one| one.ops.clone()).collect();
        let before = ops.len();
        let mut overs = Vec::new();
        for (counter, row) in (start_op..).zip(&self.rows) {
            let (op, over) = row.choose((counter, own.0.to_vec()), &ops);
            ops.push(op);
            overs.push(over);
        }
        let ops = ops.split_off(before);
        let named = ops
            .iter()
            .filter_map(|op| op.object.as_ref())
            .chain(overs.iter().flatten());
        let mut others: Vec<Vec<u8>> = named.map(|name| name.1.clone()).collect();
        others.retain(|name| *name != own.0);
        others.sort_unstable();
        others.dedup();
        let place = |name: &Name| {
            let other = others.iter().position(|other| *other == name.1);
            other.map_or(0, |other| other as u64 + 1)
        };
        let rows: Vec<Row> = (self.rows.iter().zip(&ops).zip(&overs))
            .map(|((row, op), over)| Row {
                action: op.action,
                object: op.object.as_ref().map(|name| (place(name), name.0)),
                key: format!("{}", op.key),
                value: row.value(op.action),
                over: over
                    .iter()
                    .map(|name| (place(name), name.0 as i64))
                    .collect(),
            })
            .collect();
        let mut forged = Forged::of(self.actor + 1, &rows);
        forged.deps = deps.iter().map(|one| one.head.hash.0).collect();
        (forged.seq, forged.start_op, forged.others) = (seq, start_op, others);
        (forged, ops)
    }

    fn deps<'a>(&self, there: &'a [There]) -> Vec<&'a There> {
        let own = actor(self.actor + 1);
        let followed = |one: &There| {
            there
                .iter()
                .any(|next| next.head.deps.contains(&one.head.hash))
        };
        let heads = there.iter().filter(|one| self.all_heads && !followed(one));
        let mut deps: Vec<_> = heads.collect();
        if !there.is_empty() {
            deps.extend(self.deps.iter().map(|dep| dep.get(there)));
        }
        deps.extend(there.iter().rfind(|one| one.head.actor == own));
        deps.sort_by_key(|one| one.head.hash);
        deps.dedup_by_key(|one| one.head.hash);
        deps
    }
}

impl MadeUpRow {
    /// An operation and what it takes the place of, chosen from those that there are.
    fn choose(&self, name: Name, ops: &[Op]) -> (Op, Vec<Name>) {
        let pick = |index: &Index, fits: &dyn Fn(&&Op) -> bool| {
            let fitting: Vec<&Op> = ops.iter().filter(fits).collect();
            (!fitting.is_empty()).then(|| index.get(&fitting).name.clone())
        };
        let object = self.object.as_ref();
        let object = object.and_then(|index| pick(index, &|op| self.wild == 0 || op.action == 0));
        let fits = |op: &&Op| {
            self.wild == 1 || (op.object == object && op.key == self.key && op.action != 3)
        };
        let mut over: Vec<Name> = self
            .over
            .iter()
            .filter_map(|index| pick(index, &fits))
            .collect();
        over.sort_unstable();
        over.dedup();
        let action = match self.action {
            0..=2 => 0,
            3 | 4 if self.wild == 2 || !over.is_empty() => 3,
            _ if self.wild == 3 => 5,
            _ => 1,
        };
        let op = Op {
            name,
            action,
            object,
            key: self.key,
        };
        (op, over)
    }

    fn value(&self, action: u64) -> (u64, Vec<u8>) {
        let (kind, number) = (u64::from(self.value.0), self.value.1);
        let bytes = match kind {
            _ if action != 1 => return (0, Vec::new()),
            0..=2 => Vec::new(),
            3 => unsigned(number.unsigned_abs()),
            4 | 8 | 9 => signed(number),
            5 => number.to_le_bytes().to_vec(),
            _ => b"text"[..usize::from(number.to_le_bytes()[0] & 3)].to_vec(),
        };
        (kind, bytes)
    }
}

/// Mostly the number itself.
const fn off(number: u64, by: u8) -> u64 {
    match by {
        0 => number + 1,
        1 => number.saturating_sub(1),
        2 => number + 4_000_000_000,
        _ => number,
    }
}
