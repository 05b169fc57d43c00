//! What others hand over, in the browser's database: kept whole, once, in its order, and with a limit.

use app::store::carried::BYTES_MAX;
use app::store::indexed_db::IndexedDb;
use app::store::{Fault, List, Store};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{database, listener, registration, row};
use crate::raw;

async fn requests(store: &IndexedDb) -> Vec<Vec<u8>> {
    let carried = store.carried().await.expect("read");
    carried.into_iter().map(|one| one.request).collect()
}

#[wasm_bindgen_test]
async fn bd6_what_is_taken_along_is_there_once_and_in_its_order_when_the_phone_wakes() {
    let store = database("carried").await;
    store.commit(&registration(1)).await.expect("saved");
    let (one, two, three) = (vec![5; 400], vec![6; 300], vec![7; 200]);
    let first = [one.clone(), two.clone()];
    store.keep_carried(&first).await.expect("kept");
    store.close();
    let store = IndexedDb::open("test-carried", &listener().0)
        .await
        .expect("opens");
    store
        .keep_carried(&[two.clone(), three.clone()])
        .await
        .expect("kept");
    assert_eq!(requests(&store).await, [one, two.clone(), three.clone()]);
    let gone = store.carried().await.expect("read")[0].n;
    store.drop_carried(gone).await.expect("dropped");
    assert_eq!(requests(&store).await, [two, three]);
    // One's own records are as they were.
    let rows = store.rows(List::Newest).await.expect("rows");
    assert_eq!(rows, [row(1, 1, 1)]);
    store.close();
}

#[wasm_bindgen_test]
async fn bd6_what_does_not_fit_is_refused_whole() {
    let store = database("carried-full").await;
    let small = vec![vec![5; 400]];
    store.keep_carried(&small).await.expect("kept");
    let large = vec![vec![1; BYTES_MAX / 2], vec![2; BYTES_MAX / 2]];
    assert_eq!(store.keep_carried(&large).await, Err(Fault::Full));
    assert_eq!(requests(&store).await, small);
    raw::fail_next_put("QuotaExceededError");
    let kept = store.keep_carried(&[vec![3; 10]]).await;
    raw::back_to_normal();
    assert_eq!(kept, Err(Fault::Full));
    assert_eq!(requests(&store).await, small);
    store.close();
}
