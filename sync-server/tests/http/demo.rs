//! The demonstration: it looks alive, everyone can join it, and its rows follow from its changes.

use domain::sync::message::Request;
use sync_server::store::Store;
use sync_server::{clock, demo, projection};

use crate::phone::{Phone, entries, invite};
use crate::server::TestServer;

#[tokio::test]
async fn the_demonstration_is_whole_and_its_station_pulls_every_change() {
    let server = TestServer::start_demo().await;
    server.get("/health").await;
    let now = clock::now();
    let store = Store::open(server.data(), false).await.expect("opens");
    demo::seed(&store, now)
        .await
        .expect("nothing is made twice");
    check_rows(&store, now.0).await;
    check_join_lines(&store).await;
    store.close().await;
    assert_eq!(pull_all(&server).await, entries(&server).await);
    server.stop().await;
}

async fn check_rows(store: &Store, now: i64) {
    let mut write = store.begin().await.expect("begins");
    let mut count = async |sql: &'static str| -> i64 {
        sqlx::query_scalar(sql)
            .bind(now)
            .fetch_one(&mut *write)
            .await
            .expect("a count")
    };
    assert_eq!(count("SELECT COUNT(*) FROM unit WHERE level = 5").await, 98);
    assert_eq!(
        count("SELECT COUNT(*) FROM row WHERE kind = 'dispute'").await,
        60
    );
    assert_eq!(
        count("SELECT COUNT(*) FROM row WHERE kind = 'patrol'").await,
        120
    );
    assert_eq!(
        count("SELECT COUNT(*) FROM row WHERE kind = 'hazard'").await,
        40
    );
    assert!(count("SELECT COUNT(*) FROM row WHERE kind = 'task'").await > 20);
    assert_eq!(
        count("SELECT COUNT(*) FROM row WHERE conflicts > 0").await,
        2
    );
    assert_eq!(count("SELECT COUNT(*) FROM poison").await, 0);
    assert!(count("SELECT COUNT(*) FROM row WHERE open AND due_at < ?").await >= 4);
    assert_eq!(
        count("SELECT COUNT(*) FROM change WHERE device_at > ?").await,
        0
    );
    let report = projection::rebuild(&mut write, clock::now())
        .await
        .expect("rebuilt");
    assert_eq!((report.differed, report.rows > 240), (0, true));
    write.rollback().await.expect("ends");
}

async fn check_join_lines(store: &Store) {
    let lines = demo::join_lines(store, clock::now()).await.expect("codes");
    let words: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
    for line in &words {
        let expected = if line[1] == "officer" { 5 } else { 4 };
        assert_eq!((line[0], line.len()), ("JOIN", expected));
    }
    for role in ["officer", "station", "supervisor"] {
        assert!(words.iter().any(|line| line[1] == role), "{role}");
    }
}

async fn pull_all(server: &TestServer) -> u64 {
    let mut duty = Phone::new(1, "duty");
    let mut join = Some(invite(server, "duty").await);
    let mut got = 0;
    loop {
        let request = Request {
            join: join.take(),
            ..duty.request()
        };
        let page = duty.send(server, &request).await.expect("pulled");
        got += u64::try_from(page.entries.len()).expect("few");
        if !page.more {
            break;
        }
    }
    assert!(
        duty.directory
            .as_ref()
            .is_some_and(|known| known.demo && known.grids.len() == 98)
    );
    got
}
