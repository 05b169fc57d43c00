//! Two people, one record.

use tests::browser::DESK;
use tests::server::Server;
use tests::walk::Person;
use tests::words;

#[tokio::test]
async fn the_station_and_a_supervisor_each_see_their_own_view() {
    let mut server = Server::demo().await;
    let station = Person::join(&mut server, "station", DESK).await;
    station.page().heading(words::STATION).await;
    let supervisor = Person::join(&mut server, "supervisor", DESK).await;
    supervisor.page().heading(words::OVERVIEW).await;
}
