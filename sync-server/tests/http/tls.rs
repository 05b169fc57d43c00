//! TLS: what a phone on a network needs before its browser grants it a service worker.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::server::{Answer, PATIENCE, TestServer};

/// A server with a certificate of its own for `localhost`, and that certificate.
async fn server() -> (TestServer, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
    let made = made.expect("a certificate");
    let server = TestServer::start_tls(&made.cert.pem(), &made.signing_key.serialize_pem()).await;
    (server, made.cert.der().clone())
}

/// Connects as a browser that trusts the certificate and speaks these protocols.
async fn connect(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
    protocols: &[&[u8]],
) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(address).await.expect("connects");
    let name = ServerName::try_from("localhost").expect("a name");
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    connecting.await.expect("a handshake")
}

#[tokio::test]
async fn a_server_with_a_certificate_speaks_tls_and_offers_http_2_first() {
    let (server, trusted) = server().await;
    let both = connect(server.address, &trusted, &[b"http/1.1", b"h2"]).await;
    assert_eq!(both.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    drop(both);
    assert_eq!(get(&server, &trusted, "/health").await.status, 200);
    server.stop().await;
}

/// Asks for a path as a browser that trusts the certificate.
async fn get(server: &TestServer, trusted: &CertificateDer<'static>, path: &str) -> Answer {
    let mut plain = connect(server.address, trusted, &[b"http/1.1"]).await;
    let ask = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    plain.write_all(ask.as_bytes()).await.expect("writes");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, plain.read_to_end(&mut answer)).await;
    // A server that closes without a last word of TLS has still said everything before.
    drop(read.expect("in time"));
    Answer::parse(&answer)
}

#[tokio::test]
async fn a_page_that_came_over_tls_is_asked_for_over_nothing_else_from_then_on() {
    let (server, trusted) = server().await;
    let only = "strict-transport-security";
    for path in ["/", "/index.html"] {
        let page = get(&server, &trusted, path).await;
        assert_eq!(
            (page.status, page.header(only)),
            (200, Some("max-age=15552000")),
            "{path}"
        );
    }
    // What is no page does without: each byte counts on a bad line.
    for path in [
        "/health",
        "/api/v1/parts/00112233445566778899aabb",
        "/sw.js",
    ] {
        assert_eq!(
            get(&server, &trusted, path).await.header(only),
            None,
            "{path}"
        );
    }
    server.stop().await;
    // Without TLS there is nothing to hold a browser to.
    let clear = TestServer::start().await;
    assert_eq!(clear.get("/").await.header(only), None);
    clear.stop().await;
}

#[tokio::test]
async fn who_does_not_speak_tls_gets_nothing_and_harms_nobody() {
    let (server, trusted) = server().await;
    let clear = server.raw(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(!clear.await.starts_with(b"HTTP/"));
    let next = connect(server.address, &trusted, &[b"h2"]).await;
    assert_eq!(next.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    drop(next);
    server.stop().await;
}

#[tokio::test]
async fn ac27_tls_1_3_and_1_2_are_spoken_and_nothing_older() {
    let (server, trusted) = server().await;
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(server.address).await.expect("connects");
        let name = ServerName::try_from("localhost").expect("a name");
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let connected = connected.await.expect("a handshake");
        let spoken = connected.get_ref().1.protocol_version();
        assert_eq!(spoken, Some(version.version));
    }
    for minor in [1_u8, 2] {
        let heard = server.raw(&hello(minor)).await;
        // An alert, fatal: this version is not spoken (or nothing of it can be agreed on).
        assert!(
            matches!(heard.as_slice(), [21, 3, _, 0, 2, 2, 40 | 70, ..]),
            "{heard:?}"
        );
    }
    server.stop().await;
}

/// The greeting of a client that speaks nothing newer than TLS 1.0 or 1.1, and one old cipher.
fn hello(minor: u8) -> Vec<u8> {
    let mut said = vec![3, minor];
    said.extend([7; 32]);
    said.extend([0, 0, 4, 0xc0, 0x13, 0x00, 0x2f, 1, 0]);
    let len = |bytes: &[u8]| u16::try_from(bytes.len()).expect("short").to_be_bytes();
    let mut message = vec![1, 0];
    message.extend(len(&said));
    message.extend(said);
    let mut record = vec![22, 3, 1];
    record.extend(len(&message));
    record.extend(message);
    record
}
