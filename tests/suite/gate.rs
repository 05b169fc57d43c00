//! The gate does to a connection what its mode says.

use std::net::SocketAddr;
use std::time::Duration;

use tests::gate::{Gate, Mode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A server that says everything back.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    address
}

async fn connect(gate: &Gate) -> std::io::Result<TcpStream> {
    TcpStream::connect(gate.url().trim_start_matches("http://")).await
}

async fn say(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(text).await?;
    let mut heard = vec![0; text.len()];
    stream.read_exact(&mut heard).await?;
    Ok(heard)
}

#[tokio::test]
async fn an_open_gate_passes_and_counts() {
    let gate = Gate::before(echo().await).await;
    let mut stream = connect(&gate).await.unwrap();
    assert_eq!(say(&mut stream, b"hello").await.unwrap(), b"hello");
    let traffic = gate.traffic();
    assert_eq!((traffic.up, traffic.down, traffic.connections), (5, 5, 1));
}

#[tokio::test]
async fn a_shut_gate_refuses_and_opens_again_at_the_same_address() {
    let gate = Gate::before(echo().await).await;
    let mut old = connect(&gate).await.unwrap();
    assert_eq!(say(&mut old, b"a").await.unwrap(), b"a");
    gate.set(Mode::Refuse);
    assert!(say(&mut old, b"b").await.is_err());
    tests::eventually("refusal", || async {
        connect(&gate).await.is_err().then_some(())
    })
    .await;
    gate.set(Mode::Open);
    let mut new = tests::eventually("an open gate", || async { connect(&gate).await.ok() }).await;
    assert_eq!(say(&mut new, b"c").await.unwrap(), b"c");
}

#[tokio::test]
async fn a_black_hole_takes_and_never_answers() {
    let gate = Gate::before(echo().await).await;
    let mut stream = connect(&gate).await.unwrap();
    assert_eq!(say(&mut stream, b"a").await.unwrap(), b"a");
    gate.set(Mode::BlackHole);
    let answer = tokio::time::timeout(Duration::from_millis(200), say(&mut stream, b"b")).await;
    assert!(answer.is_err(), "nothing must come");
}

#[tokio::test]
async fn an_answer_is_cut_after_so_many_bytes() {
    let gate = Gate::before(echo().await).await;
    gate.set(Mode::CutAnswerAfter(3));
    let mut stream = connect(&gate).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut heard = Vec::new();
    // The end may come as an orderly close or as a reset.
    let _end = stream.read_to_end(&mut heard).await;
    assert_eq!(heard, b"hel");
}
