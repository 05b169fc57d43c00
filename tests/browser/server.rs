//! What the server and the network may do to a phone without anything being lost.

use std::time::Duration;

use tests::browser::{DESK, PHONE};
use tests::gate::Mode;
use tests::server::Server;
use tests::walk::Person;
use tests::words;

#[tokio::test]
async fn a_server_that_dies_in_the_middle_of_an_exchange_costs_nothing() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    // The request arrives, its answer never comes back whole.
    officer.gate.set(Mode::CutAnswerAfter(10));
    let case = officer
        .register_dispute("村委会", "服务器断电时的纠纷")
        .await;
    officer.page().sees_word(words::ON_PHONE).await;
    server.kill().await;
    officer.gate.set(Mode::Open);
    server.restart().await;
    officer.go("/").await;
    officer.page().press(words::SYNC_NOW).await;
    officer.page().sees_word(words::SENT).await;
    officer.go(&case).await;
    officer.page().sees("服务器断电时的纠纷").await;
}

#[tokio::test]
async fn one_bar_of_signal_that_lies_does_not_hold_up_the_work() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    officer.gate.set(Mode::BlackHole);
    officer.register_dispute("河边", "信号只有一格的纠纷").await;
    officer.page().sees_word(words::ON_PHONE).await;
    officer.gate.set(Mode::Delay(Duration::from_millis(300)));
    officer.go("/").await;
    officer.page().press(words::SYNC_NOW).await;
    officer.page().sees_word(words::SENT).await;
}

/// Seen: phones said that the station had shut them out when the server had been set up anew.
#[tokio::test]
async fn sy30_a_server_that_was_set_up_anew_is_told_from_a_revocation_and_gets_all_that_a_phone_has()
 {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let case = officer.register_dispute("老井", "服务器重装前的纠纷").await;
    officer.sync().await;
    server.kill().await;
    server.set_up_anew().await;
    officer.go("/").await;
    officer.page().press(words::SYNC_NOW).await;
    officer.page().sees("服务器不认识本机").await;
    officer.page().sees_no_text("停用").await;
    let again = server.join("officer");
    officer.page().press(words::TYPE_CODE).await;
    officer.page().heading(words::AGAIN).await;
    officer.page().fill(words::CODE, &again.code).await;
    officer.page().press(words::AGAIN).await;
    officer.page().sees_no_text("服务器不认识本机").await;
    officer.sync().await;
    officer.sync().await;
    let station = Person::join(&mut server, "station", DESK).await;
    station.go(&case).await;
    station.page().sees("服务器重装前的纠纷").await;
}
