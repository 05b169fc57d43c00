//! What only a real browser database can do to us.

use std::rc::Rc;

use app::store::indexed_db::{IndexedDb, Notice, OpenError};
use app::store::{Fault, List, Store};
use domain::id::RecordId;
use domain::replica::{AsideReason, WriteBatch};
use domain::time::Millis;
use domain::view::{ROW_VERSION, Row};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{change, database, id, listener, registration, row};
use crate::raw;

#[wasm_bindgen_test]
async fn a_database_keeps_its_records_when_it_is_opened_again() {
    let store = database("again").await;
    store.commit(&registration(1)).await.expect("saved");
    store.close();
    assert_eq!(store.commit(&registration(2)).await, Err(Fault::Closed));
    assert_eq!(store.rows(List::Newest).await, Err(Fault::Closed));
    let store = IndexedDb::open("test-again", &listener().0)
        .await
        .expect("opens");
    assert_eq!(
        store.rows(List::Newest).await.expect("rows"),
        [row(1, 1, 1)]
    );
    store.close();
}

/// Nothing is ever packed together: a change is written once and stays, whatever two windows do.
#[wasm_bindgen_test]
async fn f13_two_connections_see_each_other_and_never_overwrite() {
    let left = database("two").await;
    let right = IndexedDb::open("test-two", &listener().0)
        .await
        .expect("opens");
    left.commit(&registration(1)).await.expect("saved");
    assert_eq!(right.commit(&registration(1)).await, Err(Fault::Stale));
    let rows = vec![row(1, 2, 9)];
    let batch = WriteBatch {
        expect: vec![(id(1), 1)],
        rows,
        ..WriteBatch::default()
    };
    right.commit(&batch).await.expect("saved");
    assert_eq!(left.rows_of(&[id(1)]).await.expect("rows"), [row(1, 2, 9)]);
    left.close();
    right.close();
}

#[wasm_bindgen_test]
async fn a_newer_window_is_told_of_and_let_through() {
    let (ears, heard) = listener();
    app::store::indexed_db::delete("test-newer")
        .await
        .expect("deleted");
    let store = Rc::new(IndexedDb::open("test-newer", &ears).await.expect("opens"));
    store.commit(&registration(1)).await.expect("saved");
    let closing = Rc::clone(&store);
    let opening = raw::open("test-newer", 99);
    // The app closes when it is told; until then the other window waits.
    raw::until(|| heard.borrow().contains(&Notice::Closing)).await;
    closing.close();
    let newer = opening.await.expect("opens");
    newer.close();
    let older = IndexedDb::open("test-newer", &ears).await;
    assert_eq!(
        older.err(),
        Some(OpenError::Newer),
        "a newer database is left alone"
    );
}

#[wasm_bindgen_test]
async fn an_abort_after_every_request_succeeded_is_a_failure() {
    let store = database("abort").await;
    raw::abort_next_after_success();
    assert_eq!(store.commit(&registration(1)).await, Err(Fault::Aborted));
    raw::back_to_normal();
    assert!(store.rows(List::Newest).await.expect("rows").is_empty());
    store.commit(&registration(1)).await.expect("saved");
    store.close();
}

#[wasm_bindgen_test]
async fn a_full_phone_is_named() {
    let store = database("full").await;
    raw::fail_next_put("QuotaExceededError");
    assert_eq!(store.commit(&registration(1)).await, Err(Fault::Full));
    raw::back_to_normal();
    assert!(store.rows(List::Newest).await.expect("rows").is_empty());
    store.close();
}

#[wasm_bindgen_test]
async fn a_damaged_change_is_set_aside_and_the_rest_reads() {
    let store = database("damaged-change").await;
    store.commit(&registration(1)).await.expect("saved");
    store.commit(&registration(2)).await.expect("saved");
    let key = format!("{}b{}", id(1), change(1, 0).hash.hex());
    raw::put(
        "test-damaged-change",
        "changes",
        &key,
        &raw::bytes(&[250, 1, 2]),
    )
    .await;
    let records = store.load(&[id(1), id(2)]).await.expect("loaded");
    assert!(records[0].body.is_empty() && records[1].body.len() == 1);
    let aside = store.aside().await.expect("aside");
    assert_eq!(aside.len(), 1);
    assert_eq!(
        (aside[0].reason, aside[0].bytes.as_slice()),
        (AsideReason::Unreadable, &[250, 1, 2][..])
    );
    assert_eq!(aside[0].hash, Some(change(1, 0).hash));
    // It is set aside once.
    store.load(&[id(1)]).await.expect("loaded");
    assert_eq!(store.aside_count().await.expect("count"), 1);
    store.close();
}

#[wasm_bindgen_test]
async fn a_damaged_row_is_set_aside_and_the_rest_reads() {
    let store = database("damaged-row").await;
    store.commit(&registration(1)).await.expect("saved");
    store.commit(&registration(2)).await.expect("saved");
    let value = js_sys::Object::new();
    for (name, field) in [
        ("bytes", raw::bytes(&[ROW_VERSION, 9, 9])),
        ("rev", 1.into()),
        ("newest", JsValue::from(-5)),
    ] {
        js_sys::Reflect::set(&value, &name.into(), &field).expect("set");
    }
    raw::put(
        "test-damaged-row",
        "rows",
        &id(1).to_string(),
        value.unchecked_ref(),
    )
    .await;
    assert_eq!(
        store.rows(List::Newest).await.expect("rows"),
        [row(2, 1, 2)]
    );
    assert_eq!(store.aside_count().await.expect("count"), 1);
    assert_eq!(
        store.rows(List::Newest).await.expect("rows"),
        [row(2, 1, 2)]
    );
    assert_eq!(store.aside_count().await.expect("count"), 1);
    store.close();
}

#[wasm_bindgen_test]
async fn a_store_that_never_answers_is_a_fault_in_the_end() {
    let store = database("mute").await;
    raw::mute_next_transaction();
    let end = store.commit(&registration(1)).await;
    raw::back_to_normal();
    assert_eq!(end, Err(Fault::Timeout));
    store.close();
}

#[wasm_bindgen_test]
async fn a_connection_that_the_browser_closed_is_opened_again() {
    let store = database("lost").await;
    store.commit(&registration(1)).await.expect("saved");
    raw::lose_connection();
    store
        .commit(&registration(2))
        .await
        .expect("saved on a new connection");
    raw::lose_connection();
    let rows = store.rows(List::Newest).await.expect("rows");
    raw::back_to_normal();
    assert_eq!(rows.len(), 2);
    store.close();
    assert_eq!(store.commit(&registration(3)).await, Err(Fault::Closed));
}

#[wasm_bindgen_test]
async fn what_waits_without_its_change_leaves_the_outbox() {
    let store = database("orphan").await;
    store.commit(&registration(1)).await.expect("saved");
    store.commit(&registration(2)).await.expect("saved");
    let key = format!("{}b{}", id(1), change(1, 0).hash.hex());
    raw::put("test-orphan", "changes", &key, &raw::bytes(&[250])).await;
    store.load(&[id(1)]).await.expect("loaded");
    assert_eq!(
        store.outbox(1_000, 10).await.expect("outbox").items.len(),
        1
    );
    let outbox = store.outbox(1_000, 10).await.expect("outbox");
    assert_eq!((outbox.items.len(), outbox.records), (1, 1));
    store.close();
}

/// Seen: of 10,000 rows the newest 5,000 were read after a restart, and every count was of these.
#[wasm_bindgen_test]
async fn vw12_a_list_is_whole_however_long_it_is() {
    let store = database("whole-list").await;
    for part in 0..6_u64 {
        let numbers = part * 1_000..(part + 1) * 1_000;
        let numbered = |n: u64| Row {
            id: RecordId::new(Millis(i64::try_from(n).unwrap_or(0)), [7; 10]),
            ..row(1, 1, 10)
        };
        let rows = numbers.map(numbered).collect();
        let page = WriteBatch {
            rows,
            ..WriteBatch::default()
        };
        store.commit(&page).await.expect("saved");
    }
    assert_eq!(store.rows(List::Newest).await.expect("rows").len(), 6_000);
    store.close();
}
