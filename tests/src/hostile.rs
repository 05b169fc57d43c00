//! Hostile requests, made by code, against a real server process: what each is answered, how long
//! that takes and what it costs in memory.

mod change;
#[path = "../../domain/tests/spec/forge.rs"]
#[expect(
    clippy::indexing_slicing,
    reason = "shared with the tests of the core, which use more of it"
)]
mod forge;
mod request;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use domain::access::Refusal;
use domain::id::DeviceId;
use domain::sync::message::{Answer, ErrorCode, ItemResult};
use fuzz::seed::{self, Made};
use sync_server::bench;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bench_server::BenchServer;

/// How long a refusal may take.
pub const TIME_MAX: Duration = Duration::from_millis(5);
/// How many kilobytes more of memory a refusal may cost.
pub const MEMORY_KB_MAX: u64 = 32 * 1024;
/// The code with which both devices join.
const CODE: &str = "HSTL-0001";
/// A device that is known, and whose key is forged.
const VICTIM: DeviceId = DeviceId([3; 16]);
/// The number of the first honest record.
const HONEST: u8 = 150;

/// What should become of a hostile request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The whole of it is refused with this status and code.
    Whole(u16, ErrorCode),
    /// Refused before its path was looked at, with this status.
    Head(u16),
    /// Its first change is refused with this reason, and the honest one beside it is kept.
    Change(Refusal),
    /// Its first change is sound and does no harm: it is kept like the honest one beside it.
    Kept,
    /// It is answered, and what is hostile in it is as if it were not there.
    Ignored,
}

/// One hostile request.
#[derive(Debug, Clone)]
pub struct Hostile {
    /// What is wrong with it.
    pub name: &'static str,
    /// All its bytes, from the request line on.
    pub bytes: Vec<u8>,
    /// What should become of it.
    pub fate: Fate,
}

/// What became of one.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was wrong with it.
    pub name: &'static str,
    /// What should become of it.
    pub fate: Fate,
    /// What was answered instead, if anything.
    pub instead: Option<String>,
    /// From the first byte of the request to the last of the answer.
    pub took: Duration,
    /// Kilobytes of resident memory that were added at the worst moment.
    pub more_kb: u64,
    /// Whether an honest change was kept right after it.
    pub next_is_served: bool,
}

/// Sends all of them to a server of their own.
///
/// # Panics
/// When the server does not start or does not let the devices join.
pub async fn run() -> Vec<Outcome> {
    let data = TempDir::new().expect("a temporary folder");
    let server = BenchServer::start(data.path(), CODE).await;
    let address = server.address();
    for (device, mark) in [(seed::DEVICE, ""), (VICTIM, bench::COLLEAGUE_MARK)] {
        let mut join = seed::request(0, &[], true);
        (join.device, join.join) = (device, Some(format!("{CODE}{mark}")));
        let answer = send(address, &request::post("", &join.encode())).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    for (device, made) in [
        (seed::DEVICE, change::known()),
        (VICTIM, change::of_another()),
    ] {
        let mut known = seed::request(1, &made, true);
        known.device = device;
        let answer = send(address, &request::post("", &known.encode())).await;
        let results = answer.results();
        let all = results.iter().all(|one| matches!(one, ItemResult::Kept(_)));
        assert!(answer.status == 200 && all, "{} {results:?}", answer.text());
    }
    let all = [request::all(), change::all()].concat();
    let mut outcomes = Vec::new();
    // What only the first request of a process costs is no cost of hostile ones.
    let _warm = next(address, HONEST - 1).await;
    for (hostile, honest) in all.iter().zip(HONEST..) {
        let before = server.memory();
        let begun = Instant::now();
        let answer = send(address, &hostile.bytes).await;
        let took = begun.elapsed();
        let more_kb = server.memory().peak_kb.saturating_sub(before.now_kb);
        outcomes.push(Outcome {
            name: hostile.name,
            fate: hostile.fate,
            instead: hostile.fate.differs(&answer),
            took,
            more_kb,
            next_is_served: next(address, honest).await,
        });
    }
    outcomes
}

/// A change that claims 10^18 operations in a few bytes.
#[must_use]
pub fn run_length_bomb() -> Vec<u8> {
    forge::Forged::puts(1, 1_000_000_000_000_000_000).bytes()
}

/// Whether an honest change is kept.
async fn next(address: SocketAddr, n: u8) -> bool {
    let mut request = seed::request(u64::from(n), &seed::patrol(n), true);
    request.ask.page_kib = 0;
    let answer = send(address, &request::post("", &request.encode())).await;
    matches!(answer.results().as_slice(), [ItemResult::Kept(_)])
}

impl Fate {
    /// What came instead, if it is something else.
    fn differs(self, answer: &Answered) -> Option<String> {
        let same = match self {
            Self::Whole(status, code) => {
                let code = format!("\"code\":\"{}\"", code.code());
                answer.status == status && answer.text().replace(' ', "").contains(&code)
            }
            Self::Head(status) => answer.status == status,
            Self::Change(refusal) => matches!(
                answer.results().as_slice(),
                [ItemResult::Refused(why), ItemResult::Kept(_)] if *why == refusal
            ),
            Self::Kept => matches!(
                answer.results().as_slice(),
                [ItemResult::Kept(_), ItemResult::Kept(_)]
            ),
            Self::Ignored => answer.status == 200,
        };
        (!same).then(|| format!("{} {} {:?}", answer.status, answer.text(), answer.results()))
    }
}

/// An answer.
struct Answered {
    status: u16,
    body: Vec<u8>,
}

impl Answered {
    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        text.chars()
            .filter(|letter| !letter.is_control())
            .take(120)
            .collect()
    }

    fn results(&self) -> Vec<ItemResult> {
        let lean = Answer::decode(&self.body).ok();
        let receipt = lean.and_then(|lean| lean.answer.receipt);
        receipt.map(|receipt| receipt.results).unwrap_or_default()
    }
}

/// Sends bytes over a connection of their own and reads the answer, or until the server closes it.
async fn send(address: SocketAddr, bytes: &[u8]) -> Answered {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    // A server that has read enough may close before it has read everything.
    let _written = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    // The server may go on to throw away what it was told would come.
    let reading = async {
        while !is_whole(&answer) {
            match stream.read_buf(&mut answer).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
    };
    let read = tokio::time::timeout(crate::PATIENCE, reading).await;
    read.expect("an answer in time");
    let end = head_end(&answer);
    let (head, body) = answer.split_at(end.map_or(answer.len(), |end| end + 4));
    let status = std::str::from_utf8(head).ok();
    let status = status.and_then(|head| head.split(' ').nth(1)?.parse().ok());
    Answered {
        status: status.unwrap_or(0),
        body: body.to_vec(),
    }
}

/// Where the head of an answer ends, before its empty line.
fn head_end(answer: &[u8]) -> Option<usize> {
    answer.windows(4).position(|four| four == b"\r\n\r\n")
}

/// Whether an answer has come with as many bytes as its head tells.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = head_end(answer) else {
        return false;
    };
    let (head, rest) = answer.split_at(end);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let len = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    len.is_some_and(|len: usize| rest.len() >= len.saturating_add(4))
}

/// A hostile change to a record of its own, beside an honest one.
fn beside(name: &'static str, bad: Made, honest: u8, fate: Fate) -> Hostile {
    let made = [vec![bad], seed::patrol(honest)].concat();
    let mut request = seed::request(u64::from(honest) << 8, &made, true);
    // What is new for the sender is not to be counted.
    request.ask.page_kib = 0;
    Hostile {
        name,
        bytes: request::post("", &request.encode()),
        fate,
    }
}
