//! The floods themselves. Each is bounded in connections and ends when it is told to.

use std::net::Ipv4Addr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Request;
use h2::client::SendRequest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::line::{Counts, Line, Target, head};
use super::{FROM, Storm, frames, honest, work};

const EXCHANGE: &str = "/api/v1/exchange";
/// Just under the most that a body may have.
const BODY_BYTES: usize = 1024 * 1024 - 1;
/// How much of it is sent at a time.
const PIECE_BYTES: usize = 16 * 1024;
/// Bodies on one connection of HTTP/2, as far as the server lets them begin.
const STREAMS: usize = 32;
/// How long a client waits that was refused.
const PAUSE: Duration = Duration::from_millis(20);

/// Tells when a storm is over.
pub(super) type Stopped = watch::Receiver<bool>;

/// A storm that goes on until it is dropped.
pub(super) fn begin(
    storm: Storm,
    target: &Arc<Target>,
    counts: &Counts,
    stopped: &Stopped,
) -> JoinSet<()> {
    let mut all = JoinSet::new();
    let flood = Flood {
        target: Arc::clone(target),
        counts: counts.clone(),
    };
    let four = |count: usize| FROM.into_iter().cycle().take(count);
    match storm {
        Storm::Bodies(count) => {
            four(count).for_each(|from| drop(all.spawn(flood.clone().bodies(from))));
        }
        Storm::Plain(count) => {
            four(count).for_each(|from| drop(all.spawn(flood.clone().plain(from, BODY_BYTES))));
        }
        Storm::Stalled => {
            four(64).for_each(|from| drop(all.spawn(flood.clone().stalled(from))));
            four(448).for_each(|from| drop(all.spawn(flood.clone().plain(from, 4_000))));
        }
        Storm::Reset | Storm::Continuation | Storm::Ping | Storm::Settings => {
            for (n, from) in four(64).enumerate() {
                // Half of them never read what they are answered.
                all.spawn(flood.clone().frames(from, storm, n % 2 == 0));
            }
        }
        Storm::Fill => {
            for (n, from) in four(2_800).enumerate() {
                all.spawn(flood.clone().hold(from, n % 4 < 2));
            }
        }
        Storm::Codes => {
            for n in 0..100 {
                let from = Ipv4Addr::new(127, 0, 20 + n, 2);
                all.spawn(honest::guess(
                    flood.target.clone(),
                    from,
                    flood.counts.clone(),
                ));
            }
        }
        Storm::Batches | Storm::Refused => {
            let (target, counts) = (flood.target.clone(), flood.counts);
            let stopped = stopped.clone();
            all.spawn(work::storm(storm, target, counts, stopped));
        }
    }
    all
}

/// A connection that has shaken hands and says nothing more.
pub(super) async fn idle(
    target: &Target,
    from: Ipv4Addr,
    http2: bool,
) -> Option<(Option<Line>, JoinSet<()>)> {
    let line = target.connect(from, http2).await.ok()?;
    let mut driver = JoinSet::new();
    if !http2 {
        return Some((Some(line), driver));
    }
    let (client, connection) = h2::client::handshake(line).await.ok()?;
    driver.spawn(async move {
        let _ended = connection.await;
        drop(client);
    });
    Some((None, driver))
}

#[derive(Clone)]
struct Flood {
    target: Arc<Target>,
    counts: Counts,
}

impl Flood {
    async fn line(&self, from: Ipv4Addr, http2: bool) -> Option<Line> {
        let line = self.target.connect(from, http2).await;
        if line.is_err() {
            self.counts.count("no connection");
            tokio::time::sleep(PAUSE).await;
        }
        line.ok()
    }

    /// As many bodies as the server lets begin, again and again.
    async fn bodies(self, from: Ipv4Addr) {
        loop {
            self.streams(from, BODY_BYTES).await;
        }
    }

    /// Bodies of which the first bytes come and nothing more.
    async fn stalled(self, from: Ipv4Addr) {
        loop {
            self.streams(from, 4_000).await;
        }
    }

    /// One connection with as many requests as it may have, until it ends.
    async fn streams(&self, from: Ipv4Addr, bytes: usize) {
        let Some(line) = self.line(from, true).await else {
            return;
        };
        let Ok((client, connection)) = h2::client::handshake(line).await else {
            self.counts.count("no connection");
            return tokio::time::sleep(PAUSE).await;
        };
        let mut all = JoinSet::new();
        for n in 0..STREAMS {
            // One of them is held back just before the server would know who sends it.
            let bytes = if n == 0 { 4_000 } else { bytes };
            all.spawn(self.clone().stream(client.clone(), bytes));
        }
        let _ended = connection.await;
        self.counts.count("connection ended");
        tokio::time::sleep(PAUSE).await;
    }

    async fn stream(self, client: SendRequest<Bytes>, bytes: usize) {
        let whole = stranger(bytes);
        loop {
            let Ok(mut client) = client.clone().ready().await else {
                return;
            };
            let request = Request::post(format!("https://localhost{EXCHANGE}"))
                .header("content-length", BODY_BYTES)
                .body(())
                .expect("a request");
            let Ok((answer, mut body)) = client.send_request(request, false) else {
                return;
            };
            let sending = async {
                let mut rest = whole.clone();
                while !rest.is_empty() {
                    body.reserve_capacity(rest.len().min(PIECE_BYTES));
                    let room = std::future::poll_fn(|cx| body.poll_capacity(cx)).await;
                    let Some(Ok(room)) = room else { return };
                    let piece = rest.split_to(room.min(rest.len()));
                    if body.send_data(piece, false).is_err() {
                        return;
                    }
                }
                // It never says that this was all.
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = sending => self.counts.count("body refused"),
                answer = answer => match answer {
                    Ok(answer) => self.counts.count(answer.status().as_str()),
                    Err(_) => self.counts.count("reset"),
                },
            }
        }
    }

    /// One body after the other over HTTP/1.1, of which so many bytes are sent.
    async fn plain(self, from: Ipv4Addr, bytes: usize) {
        let body = stranger(bytes);
        loop {
            let Some(mut line) = self.line(from, false).await else {
                continue;
            };
            let begun = async {
                line.write_all(&head(EXCHANGE, BODY_BYTES)).await?;
                line.write_all(&body).await
            };
            let _sent = begun.await;
            let mut answer = [0; 256];
            match line.read(&mut answer).await {
                Ok(read) if read > 12 => {
                    let status = answer.get(9..12).unwrap_or_default();
                    self.counts
                        .count(String::from_utf8_lossy(status).into_owned());
                }
                _ => self.counts.count("closed"),
            }
        }
    }

    /// Frames that no library writes, as fast as they are taken.
    async fn frames(self, from: Ipv4Addr, storm: Storm, reads: bool) {
        loop {
            let Some(line) = self.line(from, true).await else {
                continue;
            };
            let (mut answers, mut line) = tokio::io::split(line);
            let mut reading = JoinSet::new();
            if reads {
                reading.spawn(async move {
                    let mut buffer = vec![0; 4_096];
                    while answers.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
                });
            }
            let mut next = frames::Frames::new(storm);
            if line.write_all(&frames::preface()).await.is_ok() {
                while line.write_all(&next.some()).await.is_ok() {
                    self.counts.count("hundred frames taken");
                }
            }
            self.counts.count("connection ended");
        }
    }

    /// A connection that is held for as long as the server holds it.
    async fn hold(self, from: Ipv4Addr, shakes_hands: bool) {
        let mut byte = [0; 1];
        loop {
            if shakes_hands {
                if let Some(mut line) = self.line(from, false).await {
                    let _closed = line.read(&mut byte).await;
                    self.counts.count("closed");
                }
            } else if let Ok(mut line) = self.target.bare(from).await {
                let _closed = line.read(&mut byte).await;
                self.counts.count("closed");
            }
            tokio::time::sleep(PAUSE * 10).await;
        }
    }
}

/// The beginning of an exchange of somebody whom nobody knows. It is made once: in hundreds of streams
/// that would be most of the work, and the storm a lull.
fn stranger(bytes: usize) -> Bytes {
    static WHOLE: LazyLock<Bytes> = LazyLock::new(|| {
        let mut body = vec![domain::sync::message::VERSION];
        body.extend([0xAB; 32]);
        body.push(0);
        let noise = (0..u32::MAX).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes());
        body.extend(noise.take(BODY_BYTES.saturating_sub(body.len())));
        body.into()
    });
    WHOLE.slice(..bytes.min(WHOLE.len()))
}
