//! The link of an invitation, and what the page lets strings become.

use serde_json::{Value, json};
use tests::browser::{Browser, PHONE};
use tests::gate::{Gate, Mode};
use tests::server::Server;
use tests::walk::Person;
use tests::words;

/// Every address that a page can see of itself and of where it has been.
const ADDRESSES: &str = "return [location.href, document.URL, document.referrer, \
    JSON.stringify(history.state), ...Object.values(localStorage), \
    ...Object.values(sessionStorage), window.name, document.cookie].join(' ')";

/// Opens a path in a new browser.
async fn opens(server: &Server, path: &str) -> Person {
    let gate = Gate::before(server.address()).await;
    let browser = Browser::new(PHONE).await;
    let person = Person { browser, gate };
    person.go(path).await;
    person.page().heading(words::JOIN).await;
    person
}

#[tokio::test]
async fn ac24_a_code_leaves_the_address_and_is_taken_from_behind_the_hash_alone() {
    let mut server = Server::demo().await;
    let (first, second) = (server.code("officer"), server.code("station"));
    let person = opens(&server, &format!("/join#{first}")).await;
    let page = person.page();
    assert_eq!(page.value(words::CODE).await, first);
    let seen = page.run(ADDRESSES).await;
    assert!(!seen.to_string().contains(&first), "{seen}");
    assert!(seen.to_string().contains("/join"), "{seen}");
    // A second link while the page stands.
    let follow = format!("location.hash = '{second}'");
    page.run(&follow).await;
    page.shows_value(words::CODE, &second).await;
    let seen = page.run(ADDRESSES).await;
    assert!(!seen.to_string().contains(&second), "{seen}");
    page.press(words::JOIN).await;
    page.heading(words::STATION).await;
    let seen = page.run(ADDRESSES).await;
    assert!(!seen.to_string().contains(&second), "{seen}");

    let other = opens(&server, &format!("/join?code={first}")).await;
    assert_eq!(other.page().value(words::CODE).await, "");
    let seen = other.page().run(ADDRESSES).await;
    assert!(!seen.to_string().contains(&first), "{seen}");
}

#[tokio::test]
async fn ac24_a_code_comes_along_when_the_first_load_begins_again() {
    let mut server = Server::demo().await;
    let code = server.code("officer");
    let gate = Gate::before(server.address()).await;
    gate.set(Mode::CutAnswerAfter(300_000));
    let newcomer = Person {
        browser: Browser::new(PHONE).await,
        gate,
    };
    newcomer.go(&format!("/join#{code}")).await;
    newcomer.page().sees("如果一直停在这里").await;
    newcomer.gate.set(Mode::Open);
    newcomer.page().heading(words::JOIN).await;
    assert_eq!(newcomer.page().value(words::CODE).await, code);
    let seen = newcomer.page().run(ADDRESSES).await;
    assert!(!seen.to_string().contains(&code), "{seen}");
}

/// Tries to make code and HTML of strings; what came of each.
const TRIES: &str = "const tries = {
    html: () => { document.createElement('div').innerHTML = '<b>x</b>'; },
    empty: () => { document.createElement('div').innerHTML = ''; },
    document: () => new DOMParser().parseFromString('<b>x</b>', 'text/html'),
    worker: () => new Worker('/boot.js'),
    elsewhere: () => new Worker('https://example.org/sw.js'),
    script: () => { document.createElement('script').src = '/sw.js?x'; },
    policy: () => trustedTypes.createPolicy('mine', { createHTML: (text) => text }),
    again: () => trustedTypes.createPolicy('default', { createHTML: (text) => text }),
  };
  return Object.fromEntries(Object.entries(tries).map(([name, make]) => {
    try { make(); return [name, 'made']; } catch (error) { return [name, error.name]; }
  }));";

#[tokio::test]
async fn ac25_no_string_becomes_html_or_code_but_the_addresses_of_two_workers() {
    let mut server = Server::demo().await;
    let person = Person::join(&mut server, "officer", PHONE).await;
    let page = person.page();
    let known = page.run("return typeof trustedTypes === 'object'").await;
    assert_eq!(known, Value::Bool(true), "a browser that knows them");
    let came = page.run(TRIES).await;
    let all = came.as_object().expect("an object");
    assert_eq!(all.len(), 8);
    for (name, outcome) in all {
        assert_eq!(outcome, &json!("TypeError"), "{name}");
    }
    let own = "return document.getElementById('start').dataset.qr";
    let own = page.run(own).await;
    let made = format!("new Worker({own}, {{ type: 'module' }}).terminate(); return 'made'");
    assert_eq!(page.run(&made).await, json!("made"));
    let controlled = "return !!navigator.serviceWorker.controller";
    assert_eq!(page.run(controlled).await, Value::Bool(true));
}
