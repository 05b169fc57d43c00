//! Entries of the catalogue of failures that the server alone shows.

use domain::access::Refusal;
use domain::sync::message::ItemResult;

use sync_server::store::Store;

use crate::phone::{Phone, put, town};
use crate::server::TestServer;

fn with_grids(grids: &str) -> sync_server::store::org::Org {
    let text = format!(
        r#"{{ "people": [ {{ "id": "one", "name": "One", "roles": ["grid_worker"],
            "units": [{grids}] }} ] }}"#
    );
    serde_json::from_str(&text).expect("an organisation")
}

/// What the server holds aside, by reason.
async fn poison(server: &TestServer) -> Vec<(String, i64)> {
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut view = store.view().await.expect("reads");
    let query = sqlx::query_as("SELECT code, COUNT(*) FROM poison GROUP BY code");
    let poison = query.fetch_all(&mut *view).await.expect("reads");
    view.rollback().await.expect("ends");
    store.close().await;
    poison
}

#[tokio::test]
async fn f33_what_an_officer_wrote_before_being_moved_is_held_and_can_be_released() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let items: Vec<_> = (0..10).map(|_| (one.hazard("a1").2, "a1")).collect();
    put(&server, &with_grids("\"a2\"")).await;
    let held = one.push(&server, 1, &items).await;
    let refused = ItemResult::Refused(Refusal::NotYourGrid);
    assert_eq!(
        held.receipt.map(|receipt| receipt.results),
        Some(vec![refused; 10])
    );
    // The server holds each of them too, with the reason.
    assert_eq!(poison(&server).await, vec![("NotYourGrid".to_owned(), 10)]);
    put(&server, &with_grids("\"a1\", \"a2\"")).await;
    let released = one.push(&server, 2, &items).await;
    let results = released.receipt.expect("a receipt").results;
    let kept = |result: &ItemResult| matches!(result, ItemResult::Kept(_));
    assert_eq!(results.iter().filter(|result| kept(result)).count(), 10);
    server.stop().await;
}
