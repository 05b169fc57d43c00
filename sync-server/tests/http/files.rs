//! The app's files: caching, precompression, security headers, pages and real 404s.

use crate::server::TestServer;

#[tokio::test]
async fn hashed_files_are_kept_for_ever_and_entry_points_are_asked_for_each_time() {
    let server = TestServer::start().await;
    for path in ["/app-0a1b2c3d4e5f6071.js", "/app_bg-1a1b2c3d4e5f6071.wasm"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(
            answer.header("cache-control"),
            Some("public, max-age=31536000, immutable")
        );
    }
    for path in ["/", "/index.html", "/sw.js", "/manifest.webmanifest"] {
        let answer = server.get(path).await;
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path}");
        let known = format!(
            "if-none-match: {}\r\n",
            answer.header("etag").expect("an etag")
        );
        let again = server.request("GET", path, &known, &[]).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_file_is_sent_as_it_was_compressed_by_the_build() {
    let server = TestServer::start().await;
    let path = "/app-0a1b2c3d4e5f6071.js";
    let small = server
        .request("GET", path, "accept-encoding: gzip, deflate, br\r\n", &[])
        .await;
    assert_eq!(small.header("content-encoding"), Some("br"));
    assert_eq!(small.header("vary"), Some("accept-encoding"));
    assert_eq!(small.body, b"brotli bytes");
    let plain = server.get(path).await;
    assert_eq!(
        (plain.header("content-encoding"), plain.body.as_slice()),
        (None, b"// app".as_slice())
    );
    let wasm = server.get("/app_bg-1a1b2c3d4e5f6071.wasm").await;
    assert_eq!(wasm.header("content-type"), Some("application/wasm"));
    server.stop().await;
}

#[tokio::test]
async fn pages_and_scripts_carry_a_strict_policy() {
    let server = TestServer::start().await;
    let page = server.get("/").await;
    let policy = page.header("content-security-policy").expect("a policy");
    for part in [
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{part}");
    }
    for never in ["unsafe-inline", "'unsafe-eval'", "data:", "http", "*"] {
        assert!(!policy.contains(never), "{never}");
    }
    // A worker is held to the policy of its own script.
    let script = server.get("/sw.js").await;
    assert_eq!(script.header("content-security-policy"), Some(policy));
    let refused = server.post("/api/v1/nothing", b"x").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (404, "not_found")
    );
    server.stop().await;
}

#[tokio::test]
async fn a_navigation_gets_the_app_and_a_missing_file_gets_404() {
    let server = TestServer::start().await;
    let page = "accept: text/html,application/xhtml+xml\r\n";
    for path in ["/join", "/disputes/new", "/station", "/overview"] {
        let answer = server.request("GET", path, page, &[]).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(
            answer
                .header("content-type")
                .is_some_and(|media| media.starts_with("text/html"))
        );
    }
    assert_eq!(
        server
            .request("GET", "/old-0a1b2c3d4e5f6071.js", page, &[])
            .await
            .status,
        404
    );
    assert_eq!(server.get("/join").await.status, 404);
    assert_eq!(server.get("/../data/fengge.db").await.status, 404);
    assert_eq!(server.request("POST", "/", "", b"x").await.status, 405);
    server.stop().await;
}
