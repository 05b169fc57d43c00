//! What a phone does without a network, and what survives.

use tests::browser::{DESK, PHONE};
use tests::server::Server;
use tests::walk::Person;
use tests::words;

#[tokio::test]
async fn the_app_starts_cold_without_any_network() {
    let mut server = Server::demo().await;
    let mut officer = Person::join(&mut server, "officer", PHONE).await;
    officer.gate.set(tests::gate::Mode::Refuse);
    officer.browser.kill().await;
    server.kill().await;
    officer.browser.open().await;
    for (path, heading) in [
        ("/", words::TODAY),
        ("/disputes/new", words::NEW_DISPUTE),
        ("/records", words::MY_RECORDS),
        ("/settings", words::SETTINGS),
    ] {
        officer.go(path).await;
        officer.page().heading(heading).await;
    }
}

#[tokio::test]
async fn a_dispute_recorded_offline_survives_a_dead_phone_and_reaches_the_station() {
    let mut server = Server::demo().await;
    let mut officer = Person::join(&mut server, "officer", PHONE).await;
    officer.lose_network().await;
    let case = officer
        .register_dispute("示例村东头水井边", "两家为排水沟争吵")
        .await;
    officer.page().sees_word(words::ON_PHONE).await;
    officer.die_and_wake().await;
    officer.page().heading(words::TODAY).await;
    officer.page().sees_word(words::ON_PHONE).await;
    officer.go(&case).await;
    officer.page().sees("两家为排水沟争吵").await;

    officer.find_network().await;
    officer.go("/").await;
    officer.page().press(words::SYNC_NOW).await;
    officer.page().sees_word(words::SENT).await;

    let station = Person::join(&mut server, "station", DESK).await;
    station.go(&case).await;
    station.page().sees("两家为排水沟争吵").await;
}

#[tokio::test]
async fn what_was_typed_survives_a_dead_phone() {
    let mut server = Server::demo().await;
    let mut officer = Person::join(&mut server, "officer", PHONE).await;
    officer.lose_network().await;
    officer.fill_dispute("晒谷场", "还没有写完的话").await;
    officer.page().sees("草稿").await;
    officer.die_and_wake().await;
    officer.go("/disputes/new").await;
    assert_eq!(
        officer.page().value(words::WHAT_HAPPENED).await,
        "还没有写完的话"
    );
    assert_eq!(officer.page().value(words::PLACE).await, "晒谷场");
}

#[tokio::test]
async fn a_full_phone_says_so_and_keeps_what_was_typed() {
    let mut server = Server::demo().await;
    let mut officer = Person::join(&mut server, "officer", PHONE).await;
    // A browser that has just started asks for its quota anew; later it trusts what it knew.
    officer.browser.kill().await;
    officer.browser.open().await;
    officer
        .browser
        .limit_storage(&officer.gate.url(), Some(1))
        .await;
    officer.fill_dispute("晒谷场", "手机存满了的那一天").await;
    officer.page().press(words::SAVE).await;
    officer.page().sees("手机空间满了").await;
    assert_eq!(officer.page().path().await, "/disputes/new");
    assert_eq!(
        officer.page().value(words::WHAT_HAPPENED).await,
        "手机存满了的那一天"
    );
    officer
        .browser
        .limit_storage(&officer.gate.url(), None)
        .await;
    officer.page().press(words::SAVE).await;
    let saved = |path: &str| path.starts_with("/disputes/") && path != "/disputes/new";
    officer
        .page()
        .path_where("the case, once there is room", saved)
        .await;
}
