//! Memory before trust, and seats: what strangers may take, and what is left for the others.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::phone::{EXCHANGE, Phone, town};
use crate::server::{BINARY, PATIENCE, TestServer, post_to};

/// A connection from an address of this machine.
async fn connect_from(server: &TestServer, last: [u8; 3]) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let [b, c, d] = last;
    socket.bind(([127, b, c, d], 0).into()).expect("an address");
    socket.connect(server.address).await.expect("connects")
}

/// The head of an exchange of so many bytes.
fn head(length: usize) -> String {
    format!("POST {EXCHANGE} HTTP/1.1\r\nhost: t\r\ncontent-length: {length}\r\n{BINARY}\r\n")
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = vec![0; 4_096];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut answer)).await;
    let read = read.expect("in time").unwrap_or(0);
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn pr4_a_strangers_large_body_is_refused_from_its_first_4_kib() {
    let server = town().await;
    let mut request = Phone::new(9, "one").request();
    // Noise does not pack.
    let noise = (0..225_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes());
    request.ask.cursor = noise.collect();
    let body = request.encode();
    assert!(body.len() > 500_000, "{}", body.len());
    let mut stream = connect_from(&server, [0, 0, 2]).await;
    stream
        .write_all(head(body.len()).as_bytes())
        .await
        .expect("writes");
    stream.write_all(&body[..4_096]).await.expect("writes");
    // The rest has not even been sent.
    let refused = answer(&mut stream).await;
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    assert!(refused.contains("unknown_device"), "{refused}");
    // And whoever sends it all the same can read why it was refused.
    let late = post_to(server.address, EXCHANGE, &body).await;
    assert_eq!((late.status, late.code().as_str()), (401, "unknown_device"));
    server.stop().await;
}

#[tokio::test]
async fn pr9_four_addresses_cannot_take_all_seats_and_the_known_keep_theirs() {
    let server = town().await;
    let phone = Phone::joined(&server, 1, "one").await;
    let body = phone.request().encode();
    let mut known = connect_from(&server, [0, 0, 6]).await;
    known
        .write_all(head(body.len()).as_bytes())
        .await
        .expect("writes");
    known.write_all(&body).await.expect("writes");
    assert!(answer(&mut known).await.starts_with("HTTP/1.1 200"));
    let mut held = Vec::new();
    for n in 0..600_u16 {
        let last = u8::try_from(2 + n % 4).expect("few");
        held.push(connect_from(&server, [0, 0, last]).await);
    }
    // Somebody new of the same prefix, somebody new of another, and who was known before.
    for last in [[0, 0, 7], [9, 9, 9]] {
        let mut newcomer = connect_from(&server, last).await;
        let ask = "GET /health HTTP/1.1\r\nhost: t\r\n\r\n";
        newcomer.write_all(ask.as_bytes()).await.expect("writes");
        let served = answer(&mut newcomer).await;
        assert!(served.starts_with("HTTP/1.1 200"), "{last:?}: {served}");
    }
    known
        .write_all(head(body.len()).as_bytes())
        .await
        .expect("writes");
    known.write_all(&body).await.expect("writes");
    assert!(answer(&mut known).await.starts_with("HTTP/1.1 200"));
    // Those that were there first have given way.
    let mut gone = 0;
    for stream in &mut held {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_millis(1), stream.read(&mut byte)).await;
        gone += usize::from(read.is_ok());
    }
    assert!(gone >= 600 - 128, "{gone}");
    server.stop().await;
}

#[tokio::test]
async fn pr11_a_forwarded_address_counts_only_where_a_trusted_proxy_says_it() {
    let (trusting, plain) = (TestServer::start_behind("127.0.0.0/8").await, town().await);
    crate::phone::put_town(&trusting).await;
    for (server, is_trusted) in [(&trusting, true), (&plain, false)] {
        for n in 0..24_u8 {
            let phone = Phone::new(100 + n, "one");
            let mut request = phone.request();
            request.join = Some(format!("0000-00{n:02}"));
            let from = format!("{BINARY}x-forwarded-for: 198.51.{n}.7\r\n");
            let answer = server
                .request("POST", EXCHANGE, &from, &request.encode())
                .await;
            // Each from another prefix, where the word of the proxy counts.
            let expected = if is_trusted || n < 20 {
                (403, "unknown_code".to_owned())
            } else {
                (429, "too_many".to_owned())
            };
            assert_eq!((answer.status, answer.code()), expected, "{n} {is_trusted}");
        }
    }
    trusting.stop().await;
    plain.stop().await;
}
