//! What the server and the network may do to a phone without anything being lost.

use std::time::Duration;

use tests::browser::PHONE;
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
