//! Documents: written, carried over, merged.

use super::*;
use crate::id::ActorKey;
use crate::time::Millis;

fn stamp(actor: u8, at: i64) -> Stamp {
    Stamp {
        actor: ActorKey([actor; 8]),
        at: Millis(at),
    }
}

fn genesis() -> (Document, NewChange) {
    let mut document = Document::default();
    let edits = [Edit::new("place", "A"), Edit::new("ev/*", "")];
    let change = document
        .commit(stamp(1, 10), &edits)
        .expect("edits")
        .expect("change");
    (document, change)
}

#[test]
fn a_change_carries_its_fields_to_another_document() {
    let (_, change) = genesis();
    let (mut other, damaged) = Document::from_changes([change.bytes.as_slice()]);
    assert!(damaged.is_empty());
    let tree = other.tree();
    assert_eq!(tree.text("place"), Some("A"));
    let written = tree
        .field("place")
        .and_then(Field::winner)
        .expect("written");
    assert_eq!(
        tree.span(written).map(|span| (span.hash, span.at)),
        Some((change.hash, Millis(10)))
    );
}

#[test]
fn writing_the_same_value_makes_no_change() {
    let (mut document, _) = genesis();
    assert_eq!(
        document.commit(stamp(2, 11), &[Edit::new("place", "A")]),
        Ok(None)
    );
}

#[test]
fn two_values_of_one_field_are_both_kept_and_a_later_write_settles_them() {
    let (mut left, first) = genesis();
    let (mut right, _) = Document::from_changes([first.bytes.as_slice()]);
    let a = left
        .commit(stamp(2, 20), &[Edit::new("place", "B")])
        .expect("ok")
        .expect("change");
    let b = right
        .commit(stamp(3, 21), &[Edit::new("place", "C")])
        .expect("ok")
        .expect("change");
    left.apply(&b.bytes).expect("applies");
    right.apply(&a.bytes).expect("applies");
    let (one, two) = (left.tree(), right.tree());
    assert_eq!(one, two);
    let mut values: Vec<_> = one
        .field("place")
        .expect("field")
        .values
        .iter()
        .map(|w| w.value.clone())
        .collect();
    values.sort();
    assert_eq!(values, [Value::from("B"), Value::from("C")]);
    // Choosing the value that already wins still settles the matter.
    let winner = one.text("place").expect("text").to_owned();
    let settled = left.commit(stamp(2, 30), &[Edit::new("place", winner.as_str())]);
    assert!(settled.expect("ok").is_some());
    assert_eq!(left.tree().field("place").expect("field").values.len(), 1);
}

#[test]
fn items_added_by_two_writers_are_both_there() {
    let (mut left, first) = genesis();
    let (mut right, _) = Document::from_changes([first.bytes.as_slice()]);
    let a = left
        .commit(stamp(2, 20), &[Edit::new("ev/x/text", "a")])
        .expect("ok")
        .expect("change");
    right
        .commit(stamp(3, 20), &[Edit::new("ev/y/text", "b")])
        .expect("ok")
        .expect("change");
    right.apply(&a.bytes).expect("applies");
    let tree = right.tree();
    assert_eq!(
        (tree.text("ev/x/text"), tree.text("ev/y/text")),
        (Some("a"), Some("b"))
    );
    assert_eq!(tree.items("ev").collect::<Vec<_>>(), ["x", "y"]);
}

#[test]
fn a_container_is_never_made_after_the_first_change() {
    let (mut document, _) = genesis();
    let edit = [Edit::new("sessions/x/text", "a")];
    assert_eq!(
        document.commit(stamp(2, 20), &edit),
        Err(EditError::NoContainer)
    );
    assert_eq!(
        document.commit(stamp(2, 20), &[Edit::new("place/x", "a")]),
        Err(EditError::Path)
    );
    assert_eq!(
        document.commit(stamp(2, 20), &[Edit::new("ev//x", "a")]),
        Err(EditError::Path)
    );
    assert_eq!(document.tree().text("place"), Some("A"));
}

#[test]
fn changes_apply_in_any_order_and_any_number_of_times() {
    let (mut document, first) = genesis();
    let second = document
        .commit(stamp(1, 11), &[Edit::new("place", "B")])
        .expect("ok")
        .expect("change");
    let mut other = Document::default();
    other.apply(&second.bytes).expect("waits for the first");
    assert_eq!(other.missing(), 1);
    for bytes in [&first.bytes, &second.bytes, &first.bytes] {
        other.apply(bytes).expect("applies");
    }
    assert_eq!(other.missing(), 0);
    assert_eq!(other.tree(), document.tree());
}

#[test]
fn ck1_a_byte_that_was_turned_anywhere_in_a_kept_change_is_noticed() {
    let mut document = Document::default();
    let stamp = Stamp {
        actor: ActorKey([7; 8]),
        at: Millis(1_795_000_000_000),
    };
    let edits = [Edit::new("text", "what somebody wrote")];
    let change = document.commit(stamp, &edits).expect("edits");
    let change = Hashed::of(change.expect("a change").bytes);
    let kept = Hashed::kept(change.hash(), change.bytes().to_vec());
    assert_eq!(kept, Ok(change.clone()));
    for place in 0..change.bytes().len() {
        let mut turned = change.bytes().to_vec();
        turned[place] ^= 0x10;
        assert!(Hashed::kept(change.hash(), turned).is_err(), "{place}");
        let cut = change.bytes()[..place].to_vec();
        assert!(Hashed::kept(change.hash(), cut).is_err(), "cut at {place}");
    }
}
