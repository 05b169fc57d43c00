//! Pages: what is left out comes back, and what cannot be told apart is not guessed.

use super::*;
use crate::document::{Document, Edit, Stamp};
use crate::time::Millis;

type Hashes = BTreeMap<DocId, Vec<ChangeHash>>;

impl Known for Hashes {
    fn resolve(&self, doc: DocId, prefix: [u8; 4]) -> Option<ChangeHash> {
        only(self.get(&doc)?, prefix)
    }
}

/// Three changes to each document of two records, in turn.
fn sample() -> Vec<(DocId, Vec<u8>)> {
    let records = [7, 9].map(|n| RecordId::from_bytes([n; 16]));
    let docs = records.map(|record| [DocId::body(record), DocId::vault(record)]);
    let mut open: Vec<(DocId, Document)> = docs
        .concat()
        .into_iter()
        .map(|doc| (doc, Document::default()))
        .collect();
    let mut made = Vec::new();
    for round in 0..3 {
        for (doc, document) in &mut open {
            let stamp = Stamp {
                actor: ActorKey([round; 8]),
                at: Millis(i64::from(round) * 1_000 - 5),
            };
            let edits = [
                Edit::new("of", doc.record.to_string().as_str()),
                Edit::new("round", i64::from(round).to_string().as_str()),
            ];
            let change = document
                .commit(stamp, &edits)
                .expect("edits")
                .expect("a change");
            made.push((*doc, change.bytes));
        }
    }
    made
}

fn wholes(changes: &[(DocId, Vec<u8>)]) -> impl Iterator<Item = Whole<'_>> {
    changes.iter().zip(100..).map(|((doc, bytes), seq)| Whole {
        doc: *doc,
        tag: Tag {
            who: u16::from(seq % 3 == 0),
            seq,
            at: -4,
        },
        hash: Hashed::name(bytes),
        bytes,
    })
}

#[test]
fn changes_come_back_byte_for_byte_and_smaller() {
    let changes = sample();
    for whole in [false, true] {
        let page = write(wholes(&changes), whole);
        let items = read(&page).expect("a page");
        let tags: Vec<_> = wholes(&changes)
            .map(|whole| (whole.doc, whole.tag))
            .collect();
        assert_eq!(
            items.iter().map(|i| (i.doc, i.tag)).collect::<Vec<_>>(),
            tags
        );
        let rebuilt = rebuild(&items, &Hashes::new()).expect("all named");
        let bytes: Vec<_> = rebuilt.into_iter().map(Hashed::into_bytes).collect();
        assert!(bytes.iter().eq(changes.iter().map(|(_, bytes)| bytes)));
        assert!(page.len() * 10 < 7 * changes.iter().map(|(_, b)| b.len()).sum::<usize>());
    }
}

#[test]
fn what_a_change_follows_is_looked_up_and_must_be_the_only_one() {
    let changes = sample();
    let (early, late) = changes.split_at(4);
    let page = write(wholes(late), false);
    let items = read(&page).expect("a page");
    assert_eq!(rebuild(&items, &Hashes::new()), None);
    let mut known = Hashes::new();
    for (doc, bytes) in early {
        known.entry(*doc).or_default().push(Hashed::name(bytes));
    }
    assert_eq!(needed(&items).count(), 4);
    assert!(rebuild(&items, &known).is_some());
    // Another change whose name begins alike: the beginning no longer says which is meant.
    for hashes in known.values_mut() {
        let mut twin = hashes[0];
        twin.0[31] ^= 1;
        hashes.push(twin);
    }
    assert_eq!(rebuild(&items, &known), None);
    let full = read(&write(wholes(late), true)).expect("a page");
    assert!(rebuild(&full, &Hashes::new()).is_some());
}

#[test]
fn bytes_that_are_no_change_travel_as_they_are() {
    let doc = DocId::body(RecordId::from_bytes([1; 16]));
    let strange = [(doc, b"not a change".to_vec()), (doc, Vec::new())];
    let items = read(&write(wholes(&strange), false)).expect("a page");
    let rebuilt = rebuild(&items, &Hashes::new()).expect("raw");
    assert_eq!(rebuilt[0].bytes(), strange[0].1);
    assert_eq!(rebuilt[1].bytes(), strange[1].1);
}

#[test]
fn a_page_that_promises_too_much_is_refused_unread() {
    for promise in [u64::MAX, 1 << 40, 9_000] {
        let mut page = Writer::default();
        page.number(promise);
        page.raw(&[0; 64]);
        assert!(read(&page.bytes).is_err());
    }
    let page = write(wholes(&sample()), false);
    for len in 0..page.len() {
        assert!(read(&page[..len]).is_err(), "cut at {len}");
    }
}
