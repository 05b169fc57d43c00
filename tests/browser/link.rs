//! The app's link: cut everywhere, spoken to by strangers, and slow.

use std::time::Duration;

use domain::sync::message::Answer;
use domain::time::Millis;
use tests::browser::PHONE;
use tests::gate::Mode;
use tests::proxy::{Profile, Proxy};
use tests::server::Server;
use tests::walk::Person;
use tests::words;

/// Chinese text that packs badly, so that a request has some length.
fn long_text(seed: u32) -> String {
    let mut state = seed;
    let letter = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from_u32(0x4e00 + (state >> 12) % 8_000).unwrap_or('村')
    };
    (0..900).map(letter).collect()
}

/// Lines of an answer's head, and its body, for as long as the process lives.
fn answer(head: &str, body: &[u8]) -> &'static [u8] {
    let mut bytes = head.replace('\n', "\r\n").into_bytes();
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes.extend_from_slice(body);
    bytes.leak()
}

/// What networks answer in place of the server.
fn strangers() -> Vec<(&'static str, &'static [u8])> {
    let page = b"<!doctype html><title>login</title>";
    let old = Answer {
        now: Millis(1_800_000_000_000),
        receipt: None,
        authors: Vec::new(),
        entries: Vec::new(),
        cursor: Some(vec![1; 20]),
        more: false,
        seen: u64::MAX,
        directory: None,
        sum: None,
        repaired: None,
        frame: None,
        cells: Vec::new(),
    };
    let old = old.encode(false);
    let binary = "HTTP/1.1 200 OK\ncontent-type: application/octet-stream\nconnection: close";
    vec![
        (
            "a page",
            answer(
                "HTTP/1.1 200 OK\ncontent-type: text/html\ncontent-length: 35",
                page,
            ),
        ),
        (
            "a page without a type",
            answer("HTTP/1.1 200 OK\ncontent-length: 35", page),
        ),
        (
            "another address",
            answer(
                "HTTP/1.1 302 Found\nlocation: http://127.0.0.1:9/login\ncontent-length: 0",
                b"",
            ),
        ),
        ("an older answer", answer(binary, &old)),
        (
            "half an answer",
            answer(&format!("{binary}\ncontent-length: 400"), &old),
        ),
        (
            "an older answer without its end",
            answer(binary, old.get(..old.len() / 2).unwrap_or_default()),
        ),
        (
            "a proxy's error",
            answer(
                "HTTP/1.1 502 Bad Gateway\ncontent-type: application/json\ncontent-length: 2",
                b"{}",
            ),
        ),
    ]
}

#[tokio::test]
async fn f30_whatever_a_captive_portal_answers_nothing_counts_as_sent() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    officer.lose_network().await;
    let case = officer.register_dispute("晒谷场", "门户网络里的纠纷").await;
    officer.page().sees_word(words::ON_PHONE).await;
    officer.browser.say_offline(false).await;
    for (what, bytes) in strangers() {
        officer.gate.set(Mode::Portal(bytes));
        let before = officer.gate.traffic().connections;
        officer.go("/").await;
        officer.page().press(words::SYNC_NOW).await;
        tests::eventually(what, || async {
            (officer.gate.traffic().connections > before).then_some(())
        })
        .await;
        officer.page().sees_word(words::NOT_SENT).await;
        officer.go(&case).await;
        officer.page().sees_word(words::ON_PHONE).await;
        let shown = officer.page().shows(words::SENT.zh).await;
        assert!(!shown, "{what}: nothing was sent");
    }
    officer.gate.set(Mode::Open);
    officer.sync().await;
    officer.go(&case).await;
    officer.page().sees_word(words::SENT).await;
}

#[tokio::test]
async fn f29_a_reply_cut_at_many_places_is_taken_up_and_counts_once() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    for cut in [0, 1, 9, 60, 120, 180, 240, 300, 360, 420] {
        officer.gate.set(Mode::Refuse);
        let brief = format!("回复在第 {cut} 个字节断开的纠纷");
        let case = officer.register_dispute("河边", &brief).await;
        officer.gate.set(Mode::CutAnswerAfter(cut));
        officer.go("/").await;
        officer.page().press(words::SYNC_NOW).await;
        officer.gate.set(Mode::Open);
        officer.go("/").await;
        officer.page().press(words::SYNC_NOW).await;
        officer.sync_is_done().await;
        officer.go(&case).await;
        officer.page().sees_word(words::SENT).await;
    }
    // Another phone of the same grid gets each of them once.
    let other = Person::join(&mut server, "officer", PHONE).await;
    other.sync().await;
    other.go("/records").await;
    other.page().sees("回复在第 420 个字节断开的纠纷").await;
    let count = "return document.body.innerText.split('个字节断开').length - 1";
    assert_eq!(other.page().run(count).await.as_u64(), Some(10));
}

#[tokio::test]
async fn f36_a_line_that_breaks_every_few_kilobytes_still_delivers_a_long_request() {
    let mut server = Server::demo().await;
    let profile = Profile {
        rtt: Duration::from_millis(60),
        cut_after: Some(4_000),
        ..Profile::CLEAR
    };
    let proxy = Proxy::before(server.address(), profile).await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    officer.gate.set(Mode::Refuse);
    let mut cases = Vec::new();
    for seed in 0..6 {
        cases.push(officer.register_dispute("村口", &long_text(seed)).await);
    }
    let before = proxy.tally();
    officer.gate.set(Mode::Through(proxy.address()));
    officer.go("/").await;
    officer.page().press(words::SYNC_NOW).await;
    officer.sync_is_done().await;
    for case in &cases {
        officer.go(case).await;
        officer.page().sees_word(words::SENT).await;
    }
    let passed = proxy.tally().since(&before);
    assert!(passed.cuts >= 2, "{passed:?}");
    // About 14 kB of text, of which little goes twice, and the browser's own head on each request.
    let heads = 1_000 * u64::from(passed.requests);
    assert!(passed.up < 30_000 + heads, "{passed:?}");
}
