//! What a phone reads back from its own disk, which browsers and people damage.

use domain::document::Document;
use domain::id::ChangeHash;
use domain::replica::attempts::Attempts;
use domain::replica::journal::{self, Entry, Ledger, Marker};
use domain::replica::{StoredChange, StoredRecord, Way};
use domain::view::Row;
use sha2::{Digest as _, Sha256};

use crate::seed;

/// The first byte says what it is read as.
pub(crate) fn run(input: &[u8]) {
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    match kind % 5 {
        0 => text(&String::from_utf8_lossy(bytes)),
        1 => drop(Ledger::decode(Some(bytes)).after(&[ChangeHash([1; 32])])),
        2 => row(bytes),
        3 => journal(bytes),
        _ => {
            // Under a true check, as a flipped bit never has it.
            let check: [u8; 32] = Sha256::digest(bytes).into();
            journal(&[&check[..8], bytes].concat());
        }
    }
}

fn text(text: &str) {
    if let Some(marker) = Marker::read(text) {
        assert_eq!(Marker::read(&marker.to_string()), Some(marker));
        let _finding = journal::find(Some(marker), Ledger::default());
    }
    let attempts = Attempts::read(text).crashed();
    assert_eq!(Attempts::read(&attempts.to_string()), attempts);
}

fn row(bytes: &[u8]) {
    if let Some(row) = Row::decode(bytes) {
        assert_eq!(Row::decode(&row.encode()), Some(row.clone()));
        let _found = row.matches("well 04", "");
        let _late = row.is_overdue(seed::AT);
    }
}

fn journal(bytes: &[u8]) {
    let Some(entries) = journal::decode(bytes) else {
        return;
    };
    assert_eq!(
        journal::decode(&journal::encode(&entries)),
        Some(entries.clone())
    );
    let entries: Vec<&Entry> = entries.iter().collect();
    let stored = StoredRecord {
        id: seed::record(10),
        row: None,
        body: Vec::new(),
        vault: Vec::new(),
    };
    let _batch = journal::bring_back(&stored, &entries);
}

/// A marker, a ledger, a row, a journal and what is remembered of crashes.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let made = seed::dispute(10);
    let ledger = Ledger::default().after(&[seed::name(&made[0].bytes)]);
    let marker = Marker { ledger, waiting: 2 };
    let attempts = Attempts {
        crashes: 2,
        reading: Some(seed::record(1)),
        shunned: [seed::record(2), seed::record(3)].into(),
    };
    let (mut document, _) = Document::from_changes([made[0].bytes.as_slice()]);
    let row = Row::fold(seed::record(10), &document.tree(), None).expect("a row");
    let entry = |one: &seed::Made| Entry {
        doc: one.doc,
        grid: seed::grid(),
        change: StoredChange {
            hash: seed::name(&one.bytes),
            author: sync_server::bench::person().expect("a person"),
            seq: None,
            bytes: one.bytes.clone(),
            way: Way::default(),
        },
        number: "1".to_owned(),
        title: "title".to_owned(),
    };
    let entries: Vec<_> = made.iter().map(entry).collect();
    let file = journal::encode(&entries);
    let seed = |kind: u8, bytes: &[u8]| [&[kind], bytes].concat();
    vec![
        seed(0, marker.to_string().as_bytes()),
        seed(0, attempts.to_string().as_bytes()),
        seed(1, &ledger.encode()),
        seed(2, &row.encode()),
        seed(3, &file),
        seed(4, &file[8..]),
    ]
}
