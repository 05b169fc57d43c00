//! The proxy counts exactly, cuts exactly, and a slower line takes longer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tests::proxy::{Profile, Proxy, Tally};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A server that reads all there is, then answers with so many bytes.
async fn answering(bytes: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = Vec::new();
                stream.read_to_end(&mut heard).await?;
                stream.write_all(&vec![b'a'; bytes]).await?;
                stream.shutdown().await
            });
        }
    });
    address
}

/// Sends so many bytes and reads the answer to its end, however it ends.
async fn talk(proxy: &Proxy, bytes: usize) -> (usize, bool) {
    let mut stream = TcpStream::connect(proxy.address()).await.expect("a proxy");
    let (mut read, mut write) = stream.split();
    let say = async {
        let said = write.write_all(&vec![b'q'; bytes]).await;
        said.and(write.shutdown().await)
    };
    let mut heard = Vec::new();
    let (said, end) = tokio::join!(say, read.read_to_end(&mut heard));
    (heard.len(), said.is_ok() && end.is_ok())
}

fn cut_after(bytes: u64) -> Profile {
    Profile {
        cut_after: Some(bytes),
        ..Profile::CLEAR
    }
}

#[tokio::test]
async fn every_byte_of_both_directions_is_counted() {
    let proxy = Proxy::before(answering(70_000).await, Profile::CLEAR).await;
    assert_eq!(talk(&proxy, 30_001).await, (70_000, true));
    let first = proxy.tally();
    assert_eq!((first.up, first.down), (30_001, 70_000));
    assert_eq!((first.connections, first.cuts), (1, 0));
    assert_eq!(talk(&proxy, 5).await, (70_000, true));
    let second = proxy.tally().since(&first);
    assert_eq!((second.bytes(), second.connections), (70_005, 1));
}

#[tokio::test]
async fn a_cut_falls_on_the_byte_whichever_way_it_goes() {
    for (sent, limit, up, down) in [
        (1_000, 20_000, 1_000, 19_000),
        (50_000, 20_000, 20_000, 0),
        (1_000, 1_001, 1_000, 1),
        (1_000, 1_000, 1_000, 0),
    ] {
        let proxy = Proxy::before(answering(100_000).await, cut_after(limit)).await;
        let (heard, whole) = talk(&proxy, sent).await;
        assert!(!whole, "{limit} bytes of {sent} and 100,000 cannot be all");
        let tally = proxy.tally();
        assert_eq!((tally.up, tally.down, tally.cuts), (up, down, 1));
        assert_eq!(heard as u64, down, "what was delivered is what was heard");
    }
}

#[tokio::test]
async fn every_connection_has_a_budget_of_its_own() {
    let proxy = Proxy::before(answering(100).await, cut_after(1_000)).await;
    for _ in 0..20 {
        assert_eq!(talk(&proxy, 100).await, (100, true));
    }
    let tally = proxy.tally();
    assert_eq!(
        (tally.bytes(), tally.connections, tally.cuts),
        (4_000, 20, 0)
    );
}

#[tokio::test]
async fn a_dropping_proxy_resets_old_and_new_connections_and_counts_none() {
    let proxy = Proxy::before(answering(100).await, Profile::CLEAR).await;
    let mut old = TcpStream::connect(proxy.address()).await.unwrap();
    tests::eventually("the first connection", || async {
        (proxy.tally().connections == 1).then_some(())
    })
    .await;
    proxy.drop_all(true);
    assert!(old.read(&mut [0; 1]).await.is_err(), "a reset, not an end");
    assert!(!talk(&proxy, 100).await.1);
    assert_eq!(proxy.tally().bytes(), 0);
    assert_eq!(proxy.tally().connections, 1);
    proxy.drop_all(false);
    assert_eq!(talk(&proxy, 100).await, (100, true));
}

#[tokio::test]
async fn requests_are_counted_by_their_heads() {
    let proxy = Proxy::before(answering(10).await, Profile::CLEAR).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let request = b"POST / HTTP/1.1\r\ncontent-length: 7\r\n\r\nPOST / ";
    for _ in 0..3 {
        stream.write_all(request).await.unwrap();
    }
    stream.shutdown().await.unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    let Tally {
        requests,
        unreadable,
        ..
    } = proxy.tally();
    assert_eq!((requests, unreadable), (3, 0));
}

/// How long an exchange takes on a line of that kind.
async fn time_on(profile: Profile, sent: usize, answered: usize) -> Duration {
    let proxy = Proxy::before(answering(answered).await, profile).await;
    let start = Instant::now();
    assert_eq!(talk(&proxy, sent).await, (answered, true));
    start.elapsed()
}

#[tokio::test]
async fn a_line_of_a_quarter_takes_longer_by_about_four() {
    let line = |bits| Profile {
        up_bits: Some(bits),
        down_bits: Some(bits * 2),
        ..Profile::CLEAR
    };
    let fast = time_on(line(800_000), 20_000, 40_000).await;
    let slow = time_on(line(200_000), 20_000, 40_000).await;
    let ratio = slow.as_secs_f64() / fast.as_secs_f64();
    assert!((2.0..8.0).contains(&ratio), "ratio {ratio}");
}

#[tokio::test]
async fn a_far_line_takes_longer_and_a_new_connection_costs_round_trips() {
    let far = |connect_round_trips| Profile {
        rtt: Duration::from_millis(100),
        connect_round_trips,
        ..Profile::CLEAR
    };
    let near = time_on(Profile::CLEAR, 10, 10).await;
    let plain = time_on(far(0), 10, 10).await;
    let costly = time_on(far(4), 10, 10).await;
    assert!(
        near < plain && plain < costly,
        "{near:?} {plain:?} {costly:?}"
    );
    let ratio = costly.as_secs_f64() / plain.as_secs_f64();
    assert!(ratio > 2.0, "five round trips against one: {ratio}");
}
