//! What every store promises; each check runs on the store in memory and on IndexedDB.

use app::store::memory::Memory;
use app::store::{Fault, List, Store};
use domain::id::DocId;
use domain::record::Kind;
use domain::replica::{Aside, AsideReason, MetaKey, StoredRecord, WriteBatch};
use domain::time::Millis;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{change, database, due, grid, id, registration, row};

/// Runs one check on both stores.
macro_rules! on_every_store {
    ($($name:ident),+ $(,)?) => {
        $(
            mod $name {
                use super::*;

                #[wasm_bindgen_test]
                async fn in_memory() {
                    super::$name(&Memory::default()).await;
                }

                #[wasm_bindgen_test]
                async fn in_indexed_db() {
                    let store = database(stringify!($name)).await;
                    super::$name(&store).await;
                    store.close();
                }
            }
        )+
    };
}

on_every_store!(
    what_is_put_reads_back,
    a_batch_on_an_older_revision_writes_nothing,
    one_stale_row_of_many_stops_all,
    a_draft_goes_with_its_save,
    drafts_are_kept_by_key,
    the_outbox_keeps_its_order_and_its_limits,
    a_confirmed_change_leaves_the_outbox_and_keeps_its_place,
    lists_come_newest_first_and_due_first,
    a_big_page_is_one_save,
    sy24_a_row_goes_before_its_record_and_never_over_one,
    what_is_remembered_reads_back,
    what_is_set_aside_is_counted,
);

async fn what_is_put_reads_back(store: &impl Store) {
    store.commit(&registration(1)).await.expect("saved");
    let records = store.load(&[id(1), id(2)]).await.expect("loaded");
    let first = StoredRecord {
        id: id(1),
        row: Some(row(1, 1, 1)),
        body: vec![change(1, 40)],
        vault: Vec::new(),
    };
    assert_eq!(records, [first, StoredRecord::absent(id(2))]);
    assert_eq!(
        store.rows_of(&[id(2), id(1)]).await.expect("rows"),
        [row(1, 1, 1)]
    );
}

async fn a_batch_on_an_older_revision_writes_nothing(store: &impl Store) {
    store.commit(&registration(1)).await.expect("saved");
    let mut again = registration(1);
    again.changes = vec![(DocId::vault(id(1)), change(9, 10))];
    assert_eq!(store.commit(&again).await, Err(Fault::Stale));
    let records = store.load(&[id(1)]).await.expect("loaded");
    assert!(records[0].vault.is_empty());
    assert_eq!(
        store.outbox(1_000, 10).await.expect("outbox").items.len(),
        1
    );
    again.expect = vec![(id(1), 1)];
    again.rows = vec![row(1, 2, 5)];
    store
        .commit(&again)
        .await
        .expect("saved on the revision that is there");
}

async fn one_stale_row_of_many_stops_all(store: &impl Store) {
    store.commit(&registration(2)).await.expect("saved");
    let mut page = WriteBatch::default();
    for n in 1..=3 {
        let one = registration(n);
        page.expect.extend(one.expect);
        page.rows.extend(one.rows);
        page.changes.extend(one.changes);
    }
    page.meta.push((MetaKey::Cursor, vec![1]));
    assert_eq!(store.commit(&page).await, Err(Fault::Stale));
    assert_eq!(store.rows(List::Newest).await.expect("rows").len(), 1);
    assert!(store.meta().await.expect("meta").cursor.is_empty());
}

async fn a_draft_goes_with_its_save(store: &impl Store) {
    store.put_draft("dispute/new", "{}").await.expect("kept");
    let mut stale = registration(1);
    stale.expect = vec![(id(1), 7)];
    stale.drafts_remove = vec!["dispute/new".to_owned()];
    assert_eq!(store.commit(&stale).await, Err(Fault::Stale));
    assert_eq!(store.drafts().await.expect("drafts").len(), 1);
    stale.expect = vec![(id(1), 0)];
    store.commit(&stale).await.expect("saved");
    assert!(store.drafts().await.expect("drafts").is_empty());
}

async fn drafts_are_kept_by_key(store: &impl Store) {
    store.put_draft("a", "一").await.expect("kept");
    store.put_draft("b", "二").await.expect("kept");
    store.put_draft("a", "三").await.expect("kept");
    store.remove_draft("b").await.expect("dropped");
    store.remove_draft("never").await.expect("nothing to drop");
    assert_eq!(
        store.drafts().await.expect("drafts"),
        [("a".to_owned(), "三".to_owned())]
    );
}

async fn the_outbox_keeps_its_order_and_its_limits(store: &impl Store) {
    for n in [3, 1, 2] {
        store.commit(&registration(n)).await.expect("saved");
    }
    let all = store.outbox(10_000, 10).await.expect("outbox");
    let docs: Vec<_> = all.items.iter().map(|item| item.doc.record).collect();
    assert_eq!(docs, [id(3), id(1), id(2)]);
    assert_eq!(all.records, 3);
    assert!(all.items.is_sorted_by_key(|item| item.n));
    assert_eq!(all.items[0].bytes, change(3, 40).bytes);
    assert_eq!(all.items[0].grid, grid());
    let two = store.outbox(10_000, 2).await.expect("outbox");
    assert_eq!((two.items.len(), two.records), (2, 3));
    assert_eq!(store.outbox(90, 10).await.expect("outbox").items.len(), 2);
    // The first item goes even when it alone is beyond the limit: else nothing ever would.
    assert_eq!(store.outbox(1, 10).await.expect("outbox").items.len(), 1);
}

async fn a_confirmed_change_leaves_the_outbox_and_keeps_its_place(store: &impl Store) {
    store.commit(&registration(1)).await.expect("saved");
    let item = store
        .outbox(1_000, 1)
        .await
        .expect("outbox")
        .items
        .remove(0);
    let mut confirmed = change(1, 40);
    confirmed.seq = Some(77);
    let batch = WriteBatch {
        expect: vec![(id(1), 1)],
        changes: vec![(item.doc, confirmed.clone())],
        rows: vec![row(1, 2, 1)],
        outbox_remove: vec![item.n],
        ..WriteBatch::default()
    };
    store.commit(&batch).await.expect("saved");
    assert_eq!(
        store.load(&[id(1)]).await.expect("loaded")[0].body,
        [confirmed]
    );
    let outbox = store.outbox(1_000, 1).await.expect("outbox");
    assert_eq!((outbox.items.len(), outbox.records), (0, 0));
    // A place is never given twice.
    store.commit(&registration(2)).await.expect("saved");
    assert!(store.outbox(1_000, 1).await.expect("outbox").items[0].n > item.n);
}

async fn lists_come_newest_first_and_due_first(store: &impl Store) {
    let mut task = due(row(4, 1, 40), 5);
    task.kind = Kind::Task;
    let rows = vec![row(1, 1, 10), due(row(2, 1, 30), 9), row(3, 1, 20), task];
    store
        .commit(&WriteBatch {
            rows,
            ..WriteBatch::default()
        })
        .await
        .expect("saved");
    let ids = |rows: Vec<domain::view::Row>| rows.iter().map(|row| row.id).collect::<Vec<_>>();
    let newest = store.rows(List::Newest).await.expect("rows");
    assert_eq!(ids(newest), [id(4), id(2), id(3), id(1)]);
    let disputes = store.rows(List::OfKind(Kind::Dispute)).await.expect("rows");
    assert_eq!(ids(disputes), [id(2), id(3), id(1)]);
    let due = store.rows(List::Due).await.expect("rows");
    assert_eq!(ids(due), [id(4), id(2)]);
}

async fn a_big_page_is_one_save(store: &impl Store) {
    let mut page = WriteBatch::default();
    for n in 0..200 {
        let one = registration(n);
        page.expect.extend(one.expect);
        page.rows.extend(one.rows);
        page.changes.push((DocId::body(id(n)), change(n, 1_300)));
        page.changes.push((DocId::vault(id(n)), change(n, 300)));
    }
    store.commit(&page).await.expect("saved");
    let ids: Vec<_> = (0..200).map(id).collect();
    let records = store.load(&ids).await.expect("loaded");
    assert!(
        records
            .iter()
            .all(|one| one.body.len() == 1 && one.vault.len() == 1)
    );
    assert_eq!(store.rows(List::Newest).await.expect("rows").len(), 200);
}

async fn sy24_a_row_goes_before_its_record_and_never_over_one(store: &impl Store) {
    store.commit(&registration(2)).await.expect("saved");
    let ahead = WriteBatch {
        rows_ahead: (1..=3).map(|n| row(n, 0, 9)).collect(),
        meta: vec![(MetaKey::Cursor, vec![7])],
        ..WriteBatch::default()
    };
    store.commit(&ahead).await.expect("saved");
    let records = store.load(&[1, 2, 3].map(id)).await.expect("loaded");
    let ahead = records.iter().map(StoredRecord::is_ahead);
    assert_eq!(ahead.collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(records[1].row, Some(row(2, 1, 2)));
    assert_eq!(store.meta().await.expect("meta").cursor, [7]);
    // When its record comes, it is as if there had been no row.
    store.commit(&registration(3)).await.expect("saved");
    let records = store.load(&[id(3)]).await.expect("loaded");
    assert_eq!(
        (records[0].row.clone(), records[0].body.len()),
        (Some(row(3, 1, 3)), 1)
    );
    // One whose record never comes goes again, and only it.
    let stray = WriteBatch {
        expect: vec![(id(1), 0)],
        rows_drop: vec![id(1)],
        ..WriteBatch::default()
    };
    store.commit(&stray).await.expect("saved");
    let rows = store.rows_of(&[1, 2, 3].map(id)).await.expect("rows");
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.id != id(1)));
}

async fn what_is_remembered_reads_back(store: &impl Store) {
    assert_eq!(
        store.meta().await.expect("meta"),
        domain::replica::Meta::default()
    );
    let batch = WriteBatch {
        meta: vec![(MetaKey::Cursor, vec![1, 2, 3]), (MetaKey::Seen, vec![5])],
        ..WriteBatch::default()
    };
    store.commit(&batch).await.expect("saved");
    let meta = store.meta().await.expect("meta");
    assert_eq!((meta.cursor, meta.seen), (vec![1, 2, 3], 5));
}

async fn what_is_set_aside_is_counted(store: &impl Store) {
    let doc = DocId::body(id(1));
    let aside = Aside {
        doc: Some(doc),
        hash: Some(change(1, 0).hash),
        reason: AsideReason::Refused(domain::access::Refusal::NotYourGrid),
        at: Millis(3),
        bytes: vec![1; 40],
    };
    let mut batch = registration(1);
    store.commit(&batch).await.expect("saved");
    batch = WriteBatch {
        aside: vec![aside.clone()],
        drop_changes: vec![(doc, change(1, 0).hash)],
        ..WriteBatch::default()
    };
    store.commit(&batch).await.expect("saved");
    assert_eq!(store.aside().await.expect("aside"), [aside]);
    assert_eq!(store.aside_count().await.expect("count"), 1);
    assert!(
        store.load(&[id(1)]).await.expect("loaded")[0]
            .body
            .is_empty()
    );
    // What waits in the outbox without its change does not stop the rest.
    store.commit(&registration(2)).await.expect("saved");
    let outbox = store.outbox(1_000, 10).await.expect("outbox");
    assert_eq!(
        outbox
            .items
            .iter()
            .map(|item| item.doc.record)
            .collect::<Vec<_>>(),
        [id(2)]
    );
}
