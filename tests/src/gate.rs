//! A gate between browser and server: open, shut, deaf, slow or cut off in the middle; it counts bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const BUFFER_BYTES: usize = 16 * 1024;

/// What the gate does with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Lets everything through.
    Open,
    /// Nobody listens: connections are refused, existing ones closed.
    Refuse,
    /// Connections stand, but nothing moves: one bar of signal that lies.
    BlackHole,
    /// Every piece waits so long.
    Delay(Duration),
    /// Requests are cut after so many bytes of each connection.
    CutRequestAfter(u64),
    /// Requests arrive, answers are cut after so many bytes of each connection.
    CutAnswerAfter(u64),
    /// Somebody in between answers every request with these bytes; nothing reaches the server.
    Portal(&'static [u8]),
    /// Leads somewhere else than to the server, such as to a bad line before it.
    Through(SocketAddr),
}

/// Bytes and connections that went through.
#[derive(Debug, Default)]
struct Counters {
    up: AtomicU64,
    down: AtomicU64,
    connections: AtomicU64,
}

/// What went through a gate so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes towards the server.
    pub up: u64,
    /// Bytes from the server.
    pub down: u64,
    /// Connections that were accepted.
    pub connections: u64,
}

/// The gate; its address stays the same whatever its mode.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

impl Gate {
    /// An open gate in front of `server`.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the port that was bound");
        let (mode, seen) = watch::channel(Mode::Open);
        let counters = Arc::new(Counters::default());
        let task = tokio::spawn(keep(listener, server, seen, Arc::clone(&counters)));
        Self {
            address,
            mode,
            counters,
            task,
        }
    }

    /// The address that browsers open.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes what the gate does, for existing connections too.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// What went through so far.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            up: self.counters.up.load(Ordering::SeqCst),
            down: self.counters.down.load(Ordering::SeqCst),
            connections: self.counters.connections.load(Ordering::SeqCst),
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Accepts while connections are wanted; gives the port back while they are refused.
async fn keep(
    first: TcpListener,
    server: SocketAddr,
    mut mode: watch::Receiver<Mode>,
    counters: Arc<Counters>,
) {
    let address = first.local_addr().expect("the port that was bound");
    let mut listener = Some(first);
    loop {
        let wanted = *mode.borrow_and_update() != Mode::Refuse;
        if wanted && listener.is_none() {
            listener = Some(
                TcpListener::bind(address)
                    .await
                    .expect("the gate's own port again"),
            );
        } else if !wanted {
            listener = None;
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = mode.changed() => if changed.is_err() { return },
            connection = accepted => if let Some((client, _)) = connection {
                counters.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(carry(client, server, mode.clone(), Arc::clone(&counters)));
            },
        }
    }
}

/// Carries one connection until either side, or the mode, ends it.
async fn carry(
    mut client: TcpStream,
    server: SocketAddr,
    mut mode: watch::Receiver<Mode>,
    counters: Arc<Counters>,
) {
    while *mode.borrow_and_update() == Mode::BlackHole {
        if mode.changed().await.is_err() {
            return;
        }
    }
    let seen = *mode.borrow();
    let way = if let Mode::Through(line) = seen {
        line
    } else {
        server
    };
    let Ok(mut server) = TcpStream::connect(way).await else {
        return;
    };
    let (mut up, mut down) = (vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]);
    // Bytes since the mode was last set.
    let (mut sent, mut answered) = (0, 0);
    loop {
        let now = *mode.borrow_and_update();
        if now == Mode::Refuse {
            return;
        }
        if let Mode::Portal(answer) = now {
            // A client that has gone needs no answer.
            let _told = intercept(&mut client, answer).await;
            return;
        }
        let deaf = now == Mode::BlackHole;
        tokio::select! {
            changed = mode.changed() => {
                if changed.is_err() { return }
                (sent, answered) = (0, 0);
            }
            read = client.read(&mut up), if !deaf => {
                let limit = if let Mode::CutRequestAfter(limit) = now { limit } else { u64::MAX };
                let Ok(count @ 1..) = read else { return };
                let whole = pass(&mut server, up.get(..count), now, limit.saturating_sub(sent)).await;
                sent += count as u64;
                counters.up.fetch_add(count as u64, Ordering::SeqCst);
                if !whole { return }
            }
            read = server.read(&mut down), if !deaf => {
                let limit = if let Mode::CutAnswerAfter(limit) = now { limit } else { u64::MAX };
                let Ok(count @ 1..) = read else { return };
                let whole = pass(&mut client, down.get(..count), now, limit.saturating_sub(answered)).await;
                answered += count as u64;
                counters.down.fetch_add(count as u64, Ordering::SeqCst);
                if !whole { return }
            }
        }
    }
}

/// Reads one request whole and answers in place of the server.
async fn intercept(client: &mut TcpStream, answer: &[u8]) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !is_whole(&request) {
        if client.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    client.write_all(answer).await?;
    client.shutdown().await
}

/// Whether a request's head and as much body as it announces are there.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let end = request.windows(4).position(|four| four == b"\r\n\r\n");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length = length
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    request.len() >= end.unwrap_or(0) + 4 + length
}

/// Writes what the limit allows; false when the connection must end.
async fn pass(to: &mut TcpStream, bytes: Option<&[u8]>, mode: Mode, limit: u64) -> bool {
    let bytes = bytes.unwrap_or_default();
    if let Mode::Delay(time) = mode {
        tokio::time::sleep(time).await;
    }
    let allowed = usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .min(bytes.len());
    let written = to.write_all(bytes.get(..allowed).unwrap_or_default()).await;
    written.is_ok() && allowed == bytes.len()
}
