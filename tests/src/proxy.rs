//! A TCP proxy that is a bad line: it counts, delays, limits and cuts what passes.
//!
//! The gate (`crate::gate`) changes its mind while a browser looks on; this one keeps one profile for
//! its life and is exact to the byte, because its counts are printed as results.

mod lane;
mod requests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use lane::{Budget, Ended, Lane};
use requests::Requests;

/// What the line is like, for the life of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Time of a round trip; each way takes half of it.
    pub rtt: Duration,
    /// Bits a second towards the server, shared by all connections; none is unlimited.
    pub up_bits: Option<u64>,
    /// Bits a second from the server, shared by all connections; none is unlimited.
    pub down_bits: Option<u64>,
    /// Round trips that a new connection waits before its first byte passes.
    pub connect_round_trips: u32,
    /// Every connection is reset after it delivered so many bytes, both ways together.
    pub cut_after: Option<u64>,
}

impl Profile {
    /// A line that does nothing but count.
    pub const CLEAR: Self = Self {
        rtt: Duration::ZERO,
        up_bits: None,
        down_bits: None,
        connect_round_trips: 0,
        cut_after: None,
    };
}

/// What went through a proxy so far: payload that was delivered, not what was thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Bytes delivered to the server.
    pub up: u64,
    /// Bytes delivered to clients.
    pub down: u64,
    /// Connections that were accepted.
    pub connections: u64,
    /// HTTP/1.1 requests whose head was seen whole.
    pub requests: u64,
    /// Connections whose requests could not be told apart, so that `requests` is too low.
    pub unreadable: u64,
    /// Connections that were reset because of `Profile::cut_after`.
    pub cuts: u64,
}

impl Tally {
    /// Bytes of both directions.
    pub fn bytes(&self) -> u64 {
        self.up + self.down
    }

    /// What came on top of an earlier tally of the same proxy.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            up: self.up - before.up,
            down: self.down - before.down,
            connections: self.connections - before.connections,
            requests: self.requests - before.requests,
            unreadable: self.unreadable - before.unreadable,
            cuts: self.cuts - before.cuts,
        }
    }
}

/// What all connections of a proxy share.
#[derive(Debug)]
struct Line {
    server: SocketAddr,
    profile: Profile,
    up: Lane,
    down: Lane,
    connections: AtomicU64,
    requests: AtomicU64,
    unreadable: AtomicU64,
    cuts: AtomicU64,
}

impl Line {
    fn tally(&self) -> Tally {
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Tally {
            up: self.up.delivered(),
            down: self.down.delivered(),
            connections: read(&self.connections),
            requests: read(&self.requests),
            unreadable: read(&self.unreadable),
            cuts: read(&self.cuts),
        }
    }
}

/// A look at a proxy's counts from anywhere.
#[derive(Debug, Clone)]
pub struct Counts(Arc<Line>);

impl Counts {
    /// What went through so far.
    pub fn tally(&self) -> Tally {
        self.0.tally()
    }
}

/// A proxy on a free port of its own.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
    dark: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Stands in front of `server` from now on.
    pub async fn before(server: SocketAddr, profile: Profile) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the port that was bound");
        let way = profile.rtt / 2;
        let line = Arc::new(Line {
            server,
            profile,
            up: Lane::new(profile.up_bits, way),
            down: Lane::new(profile.down_bits, way),
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
        });
        let (dark, seen) = watch::channel(false);
        let task = tokio::spawn(accept(listener, Arc::clone(&line), seen));
        Self {
            address,
            line,
            dark,
            task,
        }
    }

    /// What clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients open.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Resets every connection, and each new one at once, until told otherwise.
    pub fn drop_all(&self, dark: bool) {
        self.dark.send_replace(dark);
    }

    /// What went through so far.
    pub fn tally(&self) -> Tally {
        self.line.tally()
    }

    /// The counts alone, for somebody who looks at them at a moment of their own.
    pub fn counts(&self) -> Counts {
        Counts(Arc::clone(&self.line))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, line: Arc<Line>, dark: watch::Receiver<bool>) {
    while let Ok((client, _)) = listener.accept().await {
        if *dark.borrow() {
            reset(&client);
            continue;
        }
        line.connections.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(carry(client, Arc::clone(&line), dark.clone()));
    }
}

/// Carries one connection to its end.
async fn carry(mut client: TcpStream, line: Arc<Line>, mut dark: watch::Receiver<bool>) {
    let profile = &line.profile;
    tokio::time::sleep(profile.rtt * profile.connect_round_trips).await;
    let Ok(mut server) = TcpStream::connect(line.server).await else {
        reset(&client);
        return;
    };
    // Small pieces must leave when they are due, not when the kernel has gathered enough.
    let prompt = client.set_nodelay(true).and(server.set_nodelay(true));
    let budget = Budget::new(profile.cut_after);
    let mut watcher = Requests::default();
    let seen = |bytes: &[u8]| {
        let heads = watcher.feed(bytes);
        line.requests.fetch_add(heads.seen, Ordering::SeqCst);
        line.unreadable
            .fetch_add(u64::from(heads.lost), Ordering::SeqCst);
    };
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = async {
            tokio::try_join!(
                line.up.run(from_client, to_server, &budget, seen),
                line.down.run(from_server, to_client, &budget, |_| ()),
            )
        };
        tokio::select! {
            ended = both => ended.map(drop),
            // An error would mean that the proxy itself is gone.
            _ = dark.wait_for(|dark| *dark) => Err(Ended::Broken),
        }
    };
    if matches!(ended, Err(Ended::Cut)) {
        line.cuts.fetch_add(1, Ordering::SeqCst);
    }
    if ended.is_err() || prompt.is_err() {
        reset(&client);
        reset(&server);
    }
}

/// Makes the closing of `stream` a reset, as when a mobile network forgets a connection.
fn reset(stream: &TcpStream) {
    // A stream that is closed already needs no reset.
    stream.set_zero_linger().unwrap_or_default();
}
