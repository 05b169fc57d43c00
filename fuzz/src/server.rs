//! The whole server behind its sockets: the gate with the log behind it, and every route.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::LazyLock;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use domain::id::PhotoHash;
use domain::sync::message::{self, Answer, ItemResult, VERSION, closed};
use domain::upload::ArrivedRequest;
use sync_server::Server;
use sync_server::config::Config;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::seed::{self, DEVICE, Made, SECRET};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const CODE: &str = "BENCH000";
/// The most changes of an input.
const CHANGES_MAX: usize = 12;
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// What a request leaves behind, the last first.
const LEFT_BEHIND: &[&str] = &[
    "photo_record",
    "photo",
    "frame",
    "row",
    "poison",
    "refused_batch",
    "usage",
    "batch",
    "stream_sum",
    "entry",
    "change",
    "doc",
    "actor",
];

thread_local! {
    /// One server a thread: libFuzzer has one, the tests one each.
    static STATION: RefCell<Option<Station>> = const { RefCell::new(None) };
}

/// What an honest device sends.
static HONEST: LazyLock<Made> = LazyLock::new(|| seed::patrol(90).remove(0));

struct Station {
    runtime: Runtime,
    server: Server,
    _folder: TempDir,
}

impl Station {
    fn start() -> Self {
        let folder = folder();
        let config = Config {
            listen: (PEER, 0).into(),
            data: folder.path().to_owned(),
            app: None,
            tls: None,
            public_url: None,
            demo: false,
            bench_join: Some(CODE.to_owned()),
            frames_from: u64::MAX,
            quotas: sync_server::store::usage::Quotas::default(),
            trusted_proxies: Vec::new(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(1)
            .build()
            .expect("a runtime");
        let server = runtime.block_on(Server::open(&config)).expect("a server");
        let station = Self {
            runtime,
            server,
            _folder: folder,
        };
        let mut join = seed::request(0, &[], true);
        join.join = Some(CODE.to_owned());
        let (status, _) = station.post(join.encode());
        assert_eq!(status, StatusCode::OK, "the device joins");
        station
    }

    fn post(&self, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
        let request = Request::post("/api/v1/exchange").body(Body::from(body));
        self.answer(request.expect("a request"))
    }

    /// An answer and its body; a body that does not end is not waited for.
    fn answer(&self, request: Request) -> (StatusCode, Vec<u8>) {
        self.runtime.block_on(async {
            let answer = self.server.answer(PEER, request).await;
            let status = answer.status();
            let endless = HeaderValue::from_static("text/event-stream");
            if answer.headers().get(header::CONTENT_TYPE) == Some(&endless) {
                return (status, Vec::new());
            }
            let body = to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await;
            (status, body.expect("a body").to_vec())
        })
    }

    /// Forgets everything but the device, so that the next input meets the same server.
    fn forget(&self) {
        self.runtime.block_on(async {
            let mut write = self.server.store().begin().await.expect("a write");
            for table in LEFT_BEHIND {
                let forget = sqlx::AssertSqlSafe(format!("DELETE FROM {table}"));
                let forget = sqlx::query(forget).execute(&mut *write).await;
                let _rows = forget.expect("an empty table");
            }
            write.commit().await.expect("a commit");
        });
    }
}

/// In memory where the machine has such a folder: the disk is not what is tried here.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    folder.expect("a folder")
}

fn with_station(work: impl FnOnce(&Station)) {
    STATION.with_borrow_mut(|station| {
        let station = station.get_or_insert_with(Station::start);
        work(station);
        station.forget();
    });
}

/// Changes of an input in one batch, with an honest one at their end: whatever they are, the batch is
/// answered, and the honest one is kept.
pub(crate) fn gate(input: &[u8]) {
    let mut made: Vec<Made> = seed::blocks(input, CHANGES_MAX)
        .into_iter()
        .map(|(kind, mut bytes)| {
            if kind & 0x80 == 0 {
                seed::repair(&mut bytes);
            }
            let doc = seed::doc(kind);
            Made { doc, bytes }
        })
        .collect();
    made.push(HONEST.clone());
    with_station(|station| {
        let results = pushed(station, &made, 1);
        assert_eq!(results.len(), made.len());
        let last = results.last();
        assert!(
            matches!(last, Some(ItemResult::Kept(_))),
            "an honest change: {last:?}"
        );
        // Packing takes most of the time: what comes after is for what got in.
        let mut hostile = results.iter().rev().skip(1);
        if hostile.any(|result| matches!(result, ItemResult::Kept(_))) {
            repeated(station, &made, &results);
            delivered(station, &made, &results);
        }
    });
}

fn pushed(station: &Station, made: &[Made], no: u64) -> Vec<ItemResult> {
    let (status, body) = station.post(seed::request(no, made, true).encode());
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    let lean = Answer::decode(&body).expect("an answer");
    lean.answer.receipt.expect("a receipt").results
}

/// Sent again under another number, everything that was kept is there, and nothing comes twice.
fn repeated(station: &Station, made: &[Made], results: &[ItemResult]) {
    for (before, after) in results.iter().zip(pushed(station, made, 2)) {
        match (*before, after) {
            (ItemResult::Kept(at) | ItemResult::Had(at), ItemResult::Had(now)) => {
                assert_eq!(at, now);
            }
            (ItemResult::Refused(_), ItemResult::Refused(_) | ItemResult::Kept(_)) => {}
            other => panic!("the second time it is different: {other:?}"),
        }
    }
}

/// A colleague gets what was kept, byte for byte, and nothing of what was refused.
fn delivered(station: &Station, made: &[Made], results: &[ItemResult]) {
    let (status, body) = station.post(seed::request(3, &[], true).encode());
    assert_eq!(status, StatusCode::OK);
    let lean = Answer::decode(&body).expect("an answer");
    let answer = lean.rebuild(&Nothing).expect("everything is named in full");
    for (one, result) in made.iter().zip(results) {
        let came =
            |entry: &message::Entry| entry.doc == one.doc && entry.change.bytes() == one.bytes;
        if matches!(result, ItemResult::Kept(_)) {
            assert!(answer.entries.iter().any(came), "kept and not given out");
        }
    }
}

struct Nothing;

impl domain::sync::lean::Known for Nothing {
    fn resolve(&self, _: domain::id::DocId, _: [u8; 4]) -> Option<domain::id::ChangeHash> {
        None
    }
}

/// Each change of a dispute in its place, alone and together, and one in a wrong place.
pub(crate) fn gate_seeds() -> Vec<Vec<u8>> {
    let dispute = seed::dispute(10);
    let kind = |one: &Made| u8::from(one.doc.part == domain::id::Part::Vault);
    let all: Vec<_> = dispute
        .iter()
        .map(|one| (kind(one), one.bytes.as_slice()))
        .collect();
    let patrol = seed::patrol(20);
    vec![
        seed::lay(&all),
        seed::lay(&all[..1]),
        seed::lay(&[(2, &patrol[0].bytes)]),
        seed::lay(&[(3, &patrol[0].bytes), (0x80, b"noise")]),
    ]
}

/// Any request to any route: the method and the path on a line, headers on lines, an empty line and a
/// body; a body behind `+` stands between a true version and a true check.
pub(crate) fn router(input: &[u8]) {
    let Some(request) = read(input) else {
        return;
    };
    with_station(|station| {
        let (status, body) = station.answer(request);
        let failed = status == StatusCode::INTERNAL_SERVER_ERROR;
        assert!(!failed, "{status}: {}", String::from_utf8_lossy(&body));
        let (status, _) = station.post(seed::request(0, &[], true).encode());
        assert_eq!(status, StatusCode::OK, "the next honest request");
    });
}

fn read(input: &[u8]) -> Option<Request> {
    let end = input.windows(2).position(|two| two == b"\n\n")?;
    let (head, body) = input.split_at(end);
    let body = body.get(2..)?;
    let body = match body {
        [b'+', rest @ ..] => closed([&[VERSION], rest].concat()),
        _ => body.to_vec(),
    };
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        request = request.header(name, value);
    }
    request.body(Body::from(body)).ok()
}

/// One request of each kind.
pub(crate) fn router_seeds() -> Vec<Vec<u8>> {
    let plain = |message: Vec<u8>| {
        let end = message.len() - 4;
        [b"+", &message[1..end]].concat()
    };
    let post = |path: &str, body: &[u8]| [format!("POST {path}\n\n").as_bytes(), body].concat();
    let made = seed::dispute(10);
    let push = plain(seed::request(1, &made, false).encode());
    let records = vec![made[0].doc.record];
    let arrived = ArrivedRequest {
        device: DEVICE,
        secret: SECRET,
        records,
    };
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let (device, secret) = (hex(&DEVICE.0), hex(&SECRET.0));
    let proof = format!("authorization: Device {device}.{secret}");
    let piece = b"\xff\xd8\xff\xe0piece";
    let sum = hex(&PhotoHash::of(piece).0);
    let photo = format!(
        "/api/v1/photos/{sum}?record={}&size=full",
        made[0].doc.record
    );
    let part = "00112233445566778899aabb";
    let patch =
        format!("PATCH {photo}\n{proof}\nupload-offset: 0\nupload-checksum: sha256 {sum}\n\n");
    vec![
        post("/api/v1/exchange", &push),
        post(
            "/api/v1/exchange",
            &plain(seed::request(0, &[], false).encode()),
        ),
        post(
            &format!("/api/v1/exchange?part={part}&at=0&of=99"),
            &push[..50],
        ),
        post("/api/v1/news", &[DEVICE.0, SECRET.0].concat()),
        post("/api/v1/photos", &plain(message::encode(&arrived))),
        post(
            "/api/v2/overview",
            &plain(message::encode(&(DEVICE, SECRET))),
        ),
        format!("GET /api/v1/parts/{part}?from=10\n\n").into_bytes(),
        format!("GET /api/v1/parts/{part}?from=10\n{proof}\n\n").into_bytes(),
        [
            format!("POST /api/v1/exchange?part={part}&at=0&of=99\n{proof}\n\n").as_bytes(),
            &push[..50],
        ]
        .concat(),
        format!("HEAD {photo}\n{proof}\n\n").into_bytes(),
        format!("GET {photo}\n{proof}\nrange: bytes=1-5\n\n").into_bytes(),
        [patch.as_bytes(), piece].concat(),
        b"GET /health\n\n".to_vec(),
        b"PUT /api/v1/exchange\n\nx".to_vec(),
    ]
}
