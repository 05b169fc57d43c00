//! Changes as a phone reads them, where no gate catches a panic: what is taken can be read, saved and
//! loaded again, whatever the order.

use domain::document::{DecodeError, Document, Edit, Reading, Stamp, check, reopens};
use domain::id::ActorKey;
use domain::record::Header;
use domain::view::Row;

use crate::seed::{self, AT};

/// The most changes of an input.
const CHANGES_MAX: usize = 12;

/// Applies the changes of an input under true checksums; a block of an odd kind is taken as it is.
pub(crate) fn run(input: &[u8]) {
    let mut changes = seed::blocks(input, CHANGES_MAX);
    for (kind, bytes) in &mut changes {
        if *kind & 1 == 0 {
            seed::repair(bytes);
        }
    }
    let mut document = Document::default();
    let (mut taken, mut contradicts, mut waited) = (Vec::new(), false, false);
    for (_, bytes) in &changes {
        let checked = check(bytes);
        match document.apply(bytes) {
            Ok(head) => {
                assert_eq!(checked.map(|head| head.hash), Ok(head.hash));
                if !taken.contains(&bytes.as_slice()) {
                    taken.push(bytes.as_slice());
                }
                waited |= document.missing() > 0;
            }
            Err(error) => contradicts |= error == DecodeError::Contradicts,
        }
    }
    // One that waited and then did not follow was let go: it is refused like one that comes late.
    let came = taken.len();
    taken.retain(|bytes| document.apply(bytes).is_ok());
    assert!(waited || taken.len() == came, "a change was let go");
    let tree = document.tree();
    let (mut opened, damaged) = Document::from_changes(taken.iter().rev().copied());
    if !contradicts {
        assert!(damaged.is_empty(), "what was taken is damaged: {damaged:?}");
        assert_eq!(opened.tree(), tree, "another order shows something else");
    }
    // The server reads changes by itself, and sees the same; it takes none that follow nothing.
    if document.missing() == 0 {
        let (reading, unread) = Reading::from_changes(taken.iter().copied());
        assert_eq!(unread, 0, "the gate does not read what a phone takes");
        assert_eq!(reading.tree(), tree, "gate and phone see different things");
        assert!(reopens(&reading, &taken), "it cannot be loaded again");
    }
    alive(&mut document);
    alive(&mut opened);
}

/// Whatever came before: it reads, it folds, it saves and loads, and its owner can write on.
fn alive(document: &mut Document) {
    let tree = document.tree();
    let _header = Header::fold(&tree);
    let _row = Row::fold(seed::record(10), &tree, None);
    assert!(document.reopens(), "it cannot be loaded again");
    if document.is_empty() {
        return;
    }
    let stamp = Stamp {
        actor: ActorKey([200; 8]),
        at: AT,
    };
    let edits = [Edit::new("written", "after"), Edit::new("place", "Z")];
    // A field may have become a map.
    if document.commit(stamp, &edits).is_ok() {
        let _tree = document.tree();
        assert!(document.reopens(), "it cannot be loaded again");
    }
}

/// Each change of a dispute and a patrol, and all of them together.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let made = [seed::dispute(10), seed::patrol(20)].concat();
    let one = |one: &seed::Made| seed::lay(&[(0, &one.bytes)]);
    let mut seeds: Vec<_> = made.iter().map(one).collect();
    let all: Vec<_> = made.iter().map(|one| (0, one.bytes.as_slice())).collect();
    seeds.push(seed::lay(&all));
    // A change that waits, and does not follow from the one that it waited for; beside them one that
    // contradicts, or nothing.
    let first = made.first().expect("a first change");
    let follows = |one: &&seed::Made| {
        check(&one.bytes).is_ok_and(|head| head.deps == [seed::name(&first.bytes)])
    };
    let second = made.iter().find(follows).expect("one that follows it");
    let late = seed::begun_later(&second.bytes);
    let other = seed::begun_later(&first.bytes);
    let waits = [(0, late.as_slice()), (0, &first.bytes), (0, &other)];
    seeds.push(seed::lay(&waits[..2]));
    seeds.push(seed::lay(&waits));
    seeds
}
