//! Two people, one record.

use tests::browser::{DESK, PHONE};
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

#[tokio::test]
async fn two_phones_that_edit_the_same_dispute_keep_both_values_until_one_is_chosen() {
    let mut server = Server::demo().await;
    let one = Person::join(&mut server, "officer", PHONE).await;
    let case = one
        .register_dispute("界石旁", "两家对界石的位置说法不一")
        .await;
    one.sync().await;
    let other = Person::join(&mut server, "officer", PHONE).await;
    other.sync().await;
    other.go(&case).await;
    other.page().sees("两家对界石的位置说法不一").await;

    one.lose_network().await;
    other.lose_network().await;
    one.go(&case).await;
    one.rewrite("界石被人移动了半米").await;
    other.rewrite("界石还在老地方").await;
    one.find_network().await;
    other.find_network().await;
    one.sync().await;
    other.sync().await;
    one.sync().await;

    for phone in [&one, &other] {
        phone.go(&case).await;
        phone.page().sees_word(words::TWO_WROTE).await;
        phone.page().sees("界石被人移动了半米").await;
        phone.page().sees("界石还在老地方").await;
    }
    other.page().press(words::USE_THIS).await;
    other.page().sees_no_more(words::TWO_WROTE).await;
    other.sync().await;
    one.sync().await;
    for phone in [&one, &other] {
        phone.go(&case).await;
        phone.page().heading_starting("暂-").await;
        assert!(
            !phone.page().shows(words::TWO_WROTE.zh).await,
            "settled on both phones"
        );
    }
}
