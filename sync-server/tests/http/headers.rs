//! The headers of every answer, and what a stranger learns from the server.

use std::collections::BTreeSet;

use domain::sync::message::Answer as Message;

use crate::phone::{Phone, town};
use crate::server::{Answer, TestServer};

/// The routes as they are written down, so that a new one is asked as well.
const ROUTES: &str = include_str!("../../src/router.rs");
const BINARY: &str = "content-type: application/octet-stream\r\n";
const PAGE: &str = "accept: text/html\r\n";

/// Every path that the router names, with something in the place of its parameters, and paths of
/// files that are there and are not.
fn paths() -> Vec<String> {
    let named = ROUTES.split('"').skip(1).step_by(2);
    let named = named.filter(|text| text.starts_with('/') && text.len() > 1);
    let mut paths: Vec<String> = named
        .map(|path| {
            let hash = "ab".repeat(32);
            let path = path.replace("{id}", "00112233445566778899aabb");
            path.replace("{hash}", &hash).replace("{*rest}", "v1/x")
        })
        .collect();
    assert!(paths.iter().any(|path| path == "/api/v1/exchange"));
    for more in [
        "/",
        "/index.html",
        "/sw.js",
        "/app_bg-1a1b2c3d4e5f6071.wasm",
        "/manifest.webmanifest",
        "/missing.js",
        "/join",
        "/../data/fengge.db",
        "/api/v1/exchange?part=zz",
    ] {
        paths.push(more.to_owned());
    }
    paths
}

/// What can be shown in a browser is taken for what it says it is, is shown in no frame, runs nothing
/// and is kept by nobody who was not told to.
fn check(answer: &Answer, asked: &str) {
    assert_eq!(
        answer.header("x-content-type-options"),
        Some("nosniff"),
        "{asked}"
    );
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(policy.starts_with("default-src 'none'"), "{asked}");
    assert!(policy.contains("frame-ancestors 'none'"), "{asked}");
    assert_eq!(
        answer.header("cross-origin-resource-policy"),
        Some("same-origin"),
        "{asked}"
    );
    assert!(answer.header("cache-control").is_some(), "{asked}");
    assert_eq!(answer.header("server"), None, "{asked}");
}

#[tokio::test]
async fn ac21_every_answer_of_every_route_carries_the_fixed_headers() {
    let server = town().await;
    let mut statuses = BTreeSet::new();
    for path in paths() {
        for method in ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"] {
            for headers in ["", BINARY, "content-type: text/plain\r\n", PAGE] {
                let answer = server.request(method, &path, headers, b"x").await;
                check(&answer, &format!("{method} {path} {headers}"));
                statuses.insert(answer.status);
            }
        }
    }
    let etag = server
        .get("/")
        .await
        .header("etag")
        .expect("a tag")
        .to_owned();
    let known = format!("if-none-match: {etag}\r\n");
    let same = server.request("GET", "/", &known, &[]).await;
    check(&same, "what is known");
    let large = server
        .post("/api/v1/exchange", &vec![0; 1024 * 1024 + 1])
        .await;
    check(&large, "what is too large");
    statuses.extend([same.status, large.status]);
    for status in [200, 304, 400, 401, 404, 405, 413, 415] {
        assert!(statuses.contains(&status), "{status} was not among them");
    }
    server.stop().await;
}

#[tokio::test]
async fn ac21_an_exchange_carries_what_its_reader_needs_and_no_byte_more() {
    let server = town().await;
    let phone = Phone::joined(&server, 1, "one").await;
    let body = phone.request().encode();
    // Code of a page, which names the type of what it sends.
    let page = server.post("/api/v1/exchange", &body).await;
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(
        page.header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(page.header("cache-control"), Some("no-store"));
    // A program that names none.
    let program = server.request("POST", "/api/v1/exchange", "", &body).await;
    Message::decode(&program.body).expect("an answer");
    let names = program.headers.iter().map(|(name, _)| name.as_str());
    let names: Vec<_> = names.filter(|name| *name != "connection").collect();
    assert_eq!(names, ["content-length"]);
    // Whoever fetches the rest of an answer could as well go there with a browser.
    let part = server.get("/api/v1/parts/00112233445566778899aabb").await;
    check(&part, "a part");
    server.stop().await;
}

#[tokio::test]
async fn ac22_a_stranger_hears_that_the_server_is_well_and_nothing_else() {
    let server = TestServer::start().await;
    let health = server.get("/health").await;
    assert_eq!((health.status, health.body.as_slice()), (200, &b"ok\n"[..]));
    assert_eq!(health.header("content-type"), Some("text/plain"));
    let version = env!("CARGO_PKG_VERSION");
    for (name, value) in &health.headers {
        assert!(!value.contains(version), "{name}: {value}");
    }
    server.stop().await;
}
