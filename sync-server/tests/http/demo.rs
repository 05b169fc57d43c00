//! The demonstration: it looks alive, everyone can join it, and its rows follow from its changes.

use domain::sync::message::Request;
use domain::time::Millis;
use sync_server::demo;
use sync_server::store::Store;

#[tokio::test]
async fn the_demonstration_is_made_whole_and_can_be_rebuilt() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path(), true).await.expect("opens");
    let now = Millis::from_local_text("2026-11-22T10:30").expect("valid");
    demo::seed(&store, now).await.expect("made");
    demo::seed(&store, now)
        .await
        .expect("nothing is made twice");
    let mut write = store.begin().await.expect("begins");
    let mut count = async |sql: &'static str| -> i64 {
        sqlx::query_scalar(sql)
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
    let overdue =
        "SELECT COUNT(*) FROM row WHERE open AND due_at < unixepoch('2026-11-22 02:30') * 1000";
    assert!(count(overdue).await >= 4);
    let ahead =
        "SELECT COUNT(*) FROM change WHERE device_at > unixepoch('2026-11-22 02:30') * 1000";
    assert_eq!(count(ahead).await, 0);
    let report = sync_server::projection::rebuild(&mut write)
        .await
        .expect("rebuilt");
    assert_eq!(report.differed, 0);
    write.rollback().await.expect("ends");
    let lines = demo::join_lines(&store, now).await.expect("codes");
    let words: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
    for line in &words {
        assert_eq!(
            (line[0], line.len()),
            ("JOIN", if line[1] == "officer" { 5 } else { 4 })
        );
    }
    assert!(words.iter().any(|line| line[1] == "station"));
    assert!(words.iter().any(|line| line[1] == "supervisor"));
    store.close().await;
}

#[tokio::test]
async fn the_station_of_the_demonstration_pulls_every_change() {
    use crate::phone::{Phone, entries, invite};
    use crate::server::TestServer;
    let server = TestServer::start_demo().await;
    let all = entries(&server).await;
    let code = invite(&server, "duty").await;
    let mut duty = Phone::new(1, "duty");
    let mut got = 0;
    let mut join = Some(code);
    loop {
        let request = Request {
            join: join.take(),
            ..duty.request()
        };
        let page = duty.send(&server, &request).await.expect("pulled");
        got += u64::try_from(page.entries.len()).expect("few");
        if !page.more {
            break;
        }
    }
    assert_eq!(got, all);
    assert!(
        duty.directory
            .as_ref()
            .is_some_and(|known| known.demo && known.grids.len() == 98)
    );
    server.stop().await;
}
