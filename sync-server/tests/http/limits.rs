//! Requests that are too large, too slow, or not what they should be.

use sync_server::parts::PartId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::phone::{Phone, town};
use crate::server::{PATIENCE, TestServer};

/// Method, path, headers and body; status and code of the answer.
type Case<'a> = (&'a str, &'a str, &'a str, &'a [u8], u16, &'a str);

#[tokio::test]
async fn each_wrong_request_gets_its_fixed_code() {
    let server = TestServer::start().await;
    let binary = "content-type: application/octet-stream\r\n";
    let huge = vec![0_u8; 1024 * 1024 + 1];
    let cases: [Case<'_>; 8] = [
        (
            "POST",
            "/api/v1/exchange",
            "content-type: text/plain\r\n",
            b"x",
            415,
            "bad_request",
        ),
        (
            "POST",
            "/api/v1/exchange",
            binary,
            b"\x04\x00no message",
            400,
            "bad_request",
        ),
        (
            "POST",
            "/api/v1/exchange",
            binary,
            b"\x09\x00other",
            400,
            "other_version",
        ),
        ("POST", "/api/v1/exchange", binary, b"", 400, "bad_request"),
        ("POST", "/api/v1/exchange", binary, &huge, 413, "too_large"),
        ("GET", "/api/v1/exchange", "", b"", 405, "not_found"),
        ("POST", "/api/v2/exchange", binary, b"x", 404, "not_found"),
        ("GET", "/api", "", b"", 404, "not_found"),
    ];
    for (method, path, headers, body, status, code) in cases {
        let answer = server.request(method, path, headers, body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{method} {path}"
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    server.stop().await;
}

#[tokio::test]
async fn f64_a_slow_head_and_a_silent_connection_are_closed_and_others_are_served() {
    let server = TestServer::start().await;
    let mut slow = TcpStream::connect(server.address).await.expect("connects");
    slow.write_all(b"GET /health HTTP/1.1\r\nhost: te")
        .await
        .expect("writes");
    let mut silent = TcpStream::connect(server.address).await.expect("connects");
    assert_eq!(server.get("/health").await.status, 200);
    for stream in [&mut slow, &mut silent] {
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(
            closed.is_ok(),
            "the server closes a connection that says nothing"
        );
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
    server.stop().await;
}

#[tokio::test]
async fn f62_a_second_server_on_the_same_data_folder_refuses_to_start() {
    let server = TestServer::start().await;
    server.get("/health").await;
    let second = sync_server::Server::open(&server.config)
        .await
        .expect_err("refused");
    let message = second.to_string();
    assert!(message.contains("another server"), "{message}");
    assert_eq!(message.lines().count(), 1);
    let server = server.restart().await;
    assert_eq!(server.get("/health").await.status, 200);
    assert!(server.data().join("fengge.db").exists());
    server.stop().await;
}

#[tokio::test]
async fn a_request_in_flight_finishes_while_the_server_stops() {
    let server = TestServer::start().await;
    assert_eq!(server.get("/health").await.status, 200);
    let mut client = TcpStream::connect(server.address).await.expect("connects");
    let head = "POST /api/v1/exchange HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\
        content-type: application/octet-stream\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n";
    client.write_all(head.as_bytes()).await.expect("writes");
    let mut go_on = [0; 25];
    client
        .read_exact(&mut go_on)
        .await
        .expect("the server waits for the body");
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    let address = server.address;
    let stopping = tokio::spawn(server.stop());
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused)
        .await
        .expect("nobody new is let in");
    client.write_all(&[1, 0, 9, 9]).await.expect("writes");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.expect("reads");
    assert!(
        answer.starts_with(b"HTTP/1.1 400"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    stopping.await.expect("stopped");
}

#[tokio::test]
async fn pr4_f37_a_request_spliced_from_two_is_not_taken_and_a_strangers_is_not_kept() {
    let server = town().await;
    let known = Phone::joined(&server, 1, "one").await;
    let stranger = Phone::new(2, "one");
    for (phone, status, code) in [
        (&known, 400, "bad_request"),
        (&stranger, 401, "unknown_device"),
    ] {
        let body = phone.request().encode();
        let of = body.len();
        let name = "00112233445566778899aabb";
        let path = format!("/api/v1/exchange?part={name}&at=0&of={of}");
        let proof = phone.proof();
        let answer = server.request("POST", &path, &proof, &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        let kept = format!("/api/v1/parts/{name}");
        assert_eq!(server.request("GET", &kept, &proof, &[]).await.status, 404);
        assert_eq!(server.get(&kept).await.status, 404);
        // Under its own name it goes as far as its sender may.
        let name = PartId::of(&body);
        let path = format!("/api/v1/exchange?part={}&at=0&of={of}", name.as_str());
        let answer = server.request("POST", &path, &proof, &body).await;
        let status = if status == 400 { 200 } else { status };
        assert_eq!(answer.status, status);
    }
    server.stop().await;
}
