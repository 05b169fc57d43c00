//! Honest people meanwhile: a phone that exchanges, one that joins; and those who guess codes.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::id::{DeviceId, DocId};
use domain::sync::message::{Answer, Batch, Request, Secret};
use fuzz::seed;
use tokio::sync::oneshot;

use super::flood::Stopped;
use super::line::{Counts, Line, Target, post};
use super::work;
use crate::server::built;

const EXCHANGE: &str = "/api/v1/exchange";
/// How long a phone waits between two exchanges, and before it tries again.
const PAUSE: Duration = Duration::from_millis(100);
/// Where new people are.
const JOINING: Ipv4Addr = Ipv4Addr::new(127, 0, 6, 2);

/// How long honest requests took.
#[derive(Debug, Default, Clone)]
pub struct Times {
    took: Vec<Duration>,
    /// How often one had to be tried again.
    pub retries: u64,
}

impl Times {
    /// How many were answered.
    #[must_use]
    pub fn count(&self) -> usize {
        self.took.len()
    }

    /// The time within which so many of a hundred were answered.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.took.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(at).copied().unwrap_or_default()
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.took.iter().max().copied().unwrap_or_default()
    }
}

/// Runs honest people on a thread and a runtime of their own: in the storm's they would wait for
/// their turn among thousands of its tasks, and that wait would be called the server's.
pub(super) fn apart<T, F>(people: impl FnOnce() -> F + Send + 'static) -> oneshot::Receiver<T>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let (told, done) = oneshot::channel();
    std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        let _left = told.send(runtime.block_on(people()));
    });
    done
}

/// A phone that has joined.
pub(super) struct Phone {
    target: Arc<Target>,
    from: Ipv4Addr,
    device: DeviceId,
    cursor: Vec<u8>,
    line: Option<Line>,
    made: u64,
}

impl Phone {
    pub(super) async fn join(
        target: &Arc<Target>,
        from: Ipv4Addr,
        device: DeviceId,
        code: &str,
    ) -> Self {
        let mut phone = Self {
            target: Arc::clone(target),
            from,
            device,
            cursor: Vec::new(),
            line: None,
            made: 0,
        };
        let mut request = phone.request();
        request.join = Some(code.to_owned());
        phone.send(&request, true).await.expect("joins");
        phone
    }

    /// One exchange after the other, each with a new record; every second one over a connection of
    /// its own. What is not answered is tried again, and its time goes on.
    pub(super) async fn exchange_until(mut self, mut stopped: Stopped) -> Times {
        let mut times = Times::default();
        while !*stopped.borrow() {
            let mut request = self.request();
            self.made += 1;
            request.batch = Some(work::patrol(self.device, self.made));
            let begun = Instant::now();
            let is_fresh = self.made.is_multiple_of(2);
            while self.send(&request, is_fresh).await.is_err() {
                times.retries += 1;
                if *stopped.borrow() {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            times.took.push(begun.elapsed());
            let _over = tokio::time::timeout(PAUSE, stopped.changed()).await;
        }
        times
    }

    fn request(&self) -> Request {
        let mut request = seed::request(0, &[], true);
        request.batch = None;
        (request.device, request.secret) = (self.device, secret(self.device));
        request.ask.cursor.clone_from(&self.cursor);
        request
    }

    async fn send(&mut self, request: &Request, is_fresh: bool) -> io::Result<()> {
        let kept = self.line.take().filter(|_| !is_fresh);
        let mut line = match kept {
            Some(line) => line,
            None => self.target.connect(self.from, false).await?,
        };
        let (status, body) = post(&mut line, EXCHANGE, &request.encode()).await?;
        if status != 200 {
            return Err(io::Error::other(format!("{status}")));
        }
        self.line = Some(line);
        let answer = Answer::decode(&body).map_err(io::Error::other)?.answer;
        if let Some(cursor) = answer.cursor {
            self.cursor = cursor;
        }
        Ok(())
    }
}

/// What a device of the storms proves itself with.
pub(super) fn secret(device: DeviceId) -> Secret {
    Secret(device.0.map(|byte| byte ^ 0x55))
}

/// New people join one after the other, each with a code of their own.
pub(super) async fn join_until(target: &Target, data: &Path, mut stopped: Stopped) -> Times {
    let mut times = Times::default();
    let mut number = 0_u64;
    while !*stopped.borrow() {
        number += 1;
        let code = invite(data).await;
        let mut name = [0xF0; 16];
        name[..8].copy_from_slice(&number.to_be_bytes());
        let device = DeviceId(name);
        let mut request = seed::request(0, &[], true);
        (request.device, request.secret) = (device, secret(device));
        (request.batch, request.join) = (None, Some(code));
        let begun = Instant::now();
        loop {
            let joined = async {
                let mut line = target.connect(JOINING, false).await?;
                post(&mut line, EXCHANGE, &request.encode()).await
            };
            if matches!(joined.await, Ok((200, _))) {
                break;
            }
            times.retries += 1;
            if *stopped.borrow() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        times.took.push(begun.elapsed());
        let _over = tokio::time::timeout(PAUSE, stopped.changed()).await;
    }
    times
}

/// A fresh code, made by the administrator's command beside the running server.
async fn invite(data: &Path) -> String {
    let usual = if cfg!(debug_assertions) {
        "target/debug/sync-server"
    } else {
        "target/release/sync-server"
    };
    let mut command = tokio::process::Command::new(built("FENGGE_SERVER", usual));
    command.args(["invite", "--person", sync_server::bench::PERSON]);
    let ended = command.arg("--data").arg(data).output().await;
    let ended = ended.expect("the server's program");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    said.lines().next().unwrap_or_default().to_owned()
}

/// Guesses codes without end, one after the other.
pub(super) async fn guess(target: Arc<Target>, from: Ipv4Addr, counts: Counts) {
    let [.., c, _] = from.octets();
    let mut number = 0_u32;
    loop {
        let Ok(mut line) = target.connect(from, false).await else {
            counts.count("no connection");
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        loop {
            number += 1;
            let mut request = seed::request(0, &[], true);
            let mut name = [c; 16];
            name[..4].copy_from_slice(&number.to_be_bytes());
            (request.device, request.secret) = (DeviceId(name), secret(DeviceId(name)));
            request.batch = None;
            request.join = Some(format!("{:04}-{:04}", number / 10_000, number % 10_000));
            match post(&mut line, EXCHANGE, &request.encode()).await {
                Ok((status, _)) => counts.count(status.to_string()),
                Err(_) => break,
            }
        }
        counts.count("closed");
    }
}

/// A batch of one device, numbered by what it holds.
pub(super) fn numbered(mut batch: Batch) -> Batch {
    batch.no = Batch::number(&batch.digest());
    batch
}

/// The body of a record.
pub(super) const fn body(record: domain::id::RecordId) -> DocId {
    DocId::body(record)
}
