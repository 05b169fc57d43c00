//! The tree of units: what an import may do to it, and a server that finds it broken.

use domain::sync::message::{self, OverviewRequest};
use domain::view::supervisor::Place;
use domain::view::weeks::Weeks;
use sync_server::admin::{self, AdminError, Command, OrgAction, UnitAction};
use sync_server::store::Store;

use crate::phone::{Phone, town};
use crate::server::TestServer;

async fn import(server: &TestServer, text: &str) -> Result<(), AdminError> {
    let file = server.data().join("import.json");
    std::fs::write(&file, text).expect("a file");
    let action = OrgAction::Import { file };
    admin::run(Command::Org { action }, &server.config, &mut Vec::new()).await
}

async fn units(server: &TestServer) -> Vec<(String, i64, Option<String>)> {
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut view = store.view().await.expect("a view");
    let rows = sqlx::query_as("SELECT id, level, parent FROM unit ORDER BY id")
        .fetch_all(&mut *view)
        .await
        .expect("units");
    drop(view);
    store.close().await;
    rows
}

#[tokio::test]
async fn ac15_an_import_is_judged_whole_before_anything_of_it_is_written() {
    let server = town().await;
    let before = units(&server).await;
    // A sound new grid, and the district again below its own station: what was seen to be taken.
    let text = r#"{"units": [
        {"id": "a9", "level": 5, "name": "九", "parent": "A", "village_code": "v9", "village": "九村"},
        {"id": "district", "level": 4, "name": "D", "parent": "A"}],
        "people": [{"id": "new", "name": "新人", "roles": ["grid_worker"], "units": ["nowhere"]}]}"#;
    let refused = import(&server, text)
        .await
        .expect_err("refused")
        .to_string();
    for place in [
        "units[1].level (district)",
        "units[1].parent (district)",
        "people[0].units[0]",
    ] {
        assert!(refused.contains(place), "{refused}");
    }
    assert!(refused.ends_with("nothing was changed"), "{refused}");
    assert_eq!(units(&server).await, before);
    // One unit goes through the same judgement.
    let action = UnitAction::Add {
        id: "district".parse().expect("a code"),
        level: 4,
        name: "D".to_owned(),
        parent: Some("A".parse().expect("a code")),
        village_code: None,
        village: None,
    };
    let added = admin::run(Command::Unit { action }, &server.config, &mut Vec::new()).await;
    assert!(added.is_err());
    assert_eq!(units(&server).await, before);
    server.stop().await;
}

#[tokio::test]
async fn ac16_a_server_whose_units_lie_in_a_circle_starts_and_answers() {
    let server = town().await;
    let boss = Phone::joined(&server, 1, "super").await;
    let mut one = Phone::joined(&server, 2, "one").await;
    // What older versions took.
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut write = store.begin().await.expect("begins");
    sqlx::query("UPDATE unit SET level = 4, parent = 'A' WHERE id = 'district'")
        .execute(&mut *write)
        .await
        .expect("a circle");
    sqlx::query("UPDATE setting SET value = x'01' WHERE key = 'org_version'")
        .execute(&mut *write)
        .await
        .expect("known");
    write.commit().await.expect("commits");
    store.close().await;
    let server = server.restart().await;
    for unit in [None, Some("district"), Some("A"), Some("city")] {
        let ask = OverviewRequest {
            device: boss.device,
            secret: boss.secret,
            place: unit.map(|id| Place {
                unit: id.parse().expect("a code"),
                village: None,
            }),
            period: Weeks::Year(2024),
        };
        let answer = server
            .post("/api/v2/overview", &message::encode(&ask))
            .await;
        assert!([200, 403].contains(&answer.status), "{unit:?}");
    }
    // Work goes on below.
    let item = one.hazard("a1").2;
    let answer = one.push(&server, 1, &[(item, "a1")]).await;
    assert!(answer.receipt.is_some());
    server.stop().await;
}
