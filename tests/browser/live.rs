//! An open list at the station: what an officer saves is on it without anybody pressing anything.

use tests::browser::{DESK, PHONE};
use tests::server::Server;
use tests::walk::Person;

#[tokio::test]
async fn lv3_a_new_dispute_appears_on_the_station_s_open_list_within_one_exchange() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let station = Person::join(&mut server, "station", DESK).await;
    // One exchange to fetch what there is, and one to say so: then it only listens.
    let calls = "return performance.getEntriesByType('resource')\
                 .filter(e => e.name.includes('/api/v1/exchange')).length";
    station.sync().await;
    let listens = "return performance.getEntriesByType('resource').length > 0";
    assert_eq!(station.page().run(listens).await.as_bool(), Some(true));
    let before = station.page().run(calls).await.as_u64().unwrap_or(0);
    let began = std::time::Instant::now();
    officer.register_dispute("井边", "所里马上看见的纠纷").await;
    station.page().sees("所里马上看见的纠纷").await;
    assert!(began.elapsed().as_secs() < 30, "well before the timer");
    let after = station.page().run(calls).await.as_u64().unwrap_or(0);
    // The one that fetched it, and the one that tells the server that the station has it.
    assert!(after - before <= 2, "{before} and then {after} exchanges");
}
