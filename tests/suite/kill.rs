//! The server is killed at every write of 30 scripted operations: no receipt is ever lost.
//!
//! The points are the system calls of the real process: each write of a page to the database or its
//! log, each flush, each renaming, and the writing of the answer after the commit. Three operations go
//! in one exchange; it is sent again until it comes through, and each time the server is let live for
//! one call more. After each death it starts again on the same files.

use std::collections::BTreeMap;
use std::path::Path;

use domain::id::RecordId;
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnectOptions;
use tests::bench_server::BenchServer;
use tests::courier::{self, Courier};
use tests::headless::record;
use tests::headless::shell::{Shell, now};
use tests::trap::{Point, Trap, starts};
use tests::workload::Workload;

const CODE: &str = "KLLD-0001";
/// A count that no exchange comes to.
const NEVER: u32 = 60_000;
const OPERATIONS: usize = 30;
/// Operations of one exchange.
const TOGETHER: usize = 3;
/// Calls that write, besides those to the database's pages.
const FLUSHES: [&str; 3] = ["fsync", "ftruncate", "unlink"];

/// The server's data, a phone's, and what happened so far.
struct Scene {
    data: tempfile::TempDir,
    phone: tempfile::TempDir,
    kills: u32,
    receipts: usize,
}

/// Every change of the log by its place.
async fn log(data: &Path) -> BTreeMap<u64, Vec<u8>> {
    use sqlx::ConnectOptions as _;
    let options = SqliteConnectOptions::new().filename(data.join("fengge.db"));
    let mut db = options.read_only(true).connect().await.expect("a database");
    let query = "SELECT entry.seq, change.bytes FROM entry JOIN change ON change.id = entry.change";
    let rows = sqlx::query(query).fetch_all(&mut db).await.expect("a log");
    let entry = |row: &sqlx::sqlite::SqliteRow| {
        let seq: i64 = row.get(0);
        (seq.unsigned_abs(), row.get::<Vec<u8>, _>(1))
    };
    rows.iter().map(entry).collect()
}

impl Scene {
    fn new() -> Self {
        Self {
            data: tempfile::tempdir().expect("a folder"),
            phone: tempfile::tempdir().expect("a folder"),
            kills: 0,
            receipts: 0,
        }
    }

    fn open(&self, url: &str) -> Shell {
        Shell::open(self.phone.path(), url, CODE).expect("opens")
    }

    /// Exchanges with a server that dies at one of the points; whether it lived.
    async fn lived(&mut self, points: &[Point]) -> bool {
        let mut server = BenchServer::start(self.data.path(), CODE).await;
        let url = format!("http://{}", server.address());
        let trap = Trap::set(server.id(), points).await;
        let mut phone = self.open(&url);
        let lived = tokio::select! {
            biased;
            () = server.died() => false,
            synced = phone.sync() => {
                synced.expect("finishes");
                true
            }
        };
        trap.lift().await;
        self.kills += u32::from(!lived);
        self.check(&phone).await;
        if lived {
            server.kill().await;
        }
        lived
    }

    /// Everything that the phone has a receipt for is in the log, byte for byte.
    async fn check(&mut self, phone: &Shell) {
        let log = log(self.data.path()).await;
        let mut receipts = 0;
        for (doc, change) in phone.store().kept.changes() {
            if let Some(seq) = change.seq {
                assert_eq!(
                    log.get(&seq),
                    Some(&change.bytes),
                    "{doc} at {seq} was receipted"
                );
                receipts += 1;
            }
        }
        assert!(receipts >= self.receipts, "a receipt was taken back");
        self.receipts = receipts;
    }

    /// Sends what waits, with a death at each page that is written, and one before the answer.
    async fn pages(&mut self) {
        for count in 1.. {
            // Whoever gets past the last page dies with the answer in hand.
            let points = [("pwrite64", count), ("writev", 1)];
            let before = self.receipts;
            assert!(!self.lived(&points).await);
            assert_eq!(
                self.receipts, before,
                "a receipt came out of a dying server"
            );
            if self.waits_in_log().await {
                break;
            }
        }
        assert!(self.lived(&[("pwrite64", NEVER)]).await);
    }

    /// Whether what the phone still has to send is in the log already.
    async fn waits_in_log(&self) -> bool {
        let log = log(self.data.path()).await;
        let phone = self.open("http://127.0.0.1:1");
        let kept = &phone.store().kept;
        let mut waiting = kept
            .waiting()
            .filter_map(|(_, doc, hash)| kept.change(doc, hash));
        waiting.all(|change| log.values().any(|bytes| *bytes == change.bytes))
    }

    /// Sends what waits, with a death at each flush, and before the answer.
    async fn flushes(&mut self) {
        for call in FLUSHES {
            for count in 1.. {
                if self.lived(&[(call, count)]).await {
                    break;
                }
            }
        }
        assert!(self.lived(&[("pwrite64", NEVER)]).await);
    }
}

fn apply(phone: &mut Shell, operations: &[&str]) {
    let grid = phone.grid().expect("a grid");
    for line in operations {
        let operation = serde_json::from_str(line).expect("an operation");
        let command = record::command(&operation, &grid, now()).expect("a command");
        phone.act(command).expect("saves");
    }
    phone.settle().expect("writes");
}

#[tokio::test]
async fn pr2_f56_no_receipt_is_lost_by_a_kill_at_any_write() {
    let work = Workload::invent(56, 20);
    let lines = work.initial.lines().chain(work.edits_a.lines());
    let lines: Vec<&str> = lines.take(OPERATIONS).collect();
    assert_eq!(lines.len(), OPERATIONS);
    let mut scene = Scene::new();
    // A device joins first, and brings its work once it is let in.
    assert!(scene.lived(&[("pwrite64", NEVER)]).await);
    for (round, operations) in lines.chunks(TOGETHER).enumerate() {
        apply(&mut scene.open("http://127.0.0.1:1"), operations);
        if round % 2 == 0 {
            scene.pages().await;
        } else {
            scene.flushes().await;
        }
    }
    assert!(scene.kills >= 100, "{} kills", scene.kills);
    // A second phone gets the same changes, and both hold what the server holds.
    let server = BenchServer::start(scene.data.path(), CODE).await;
    let url = format!("http://{}", server.address());
    let other = tempfile::tempdir().expect("a folder");
    let mut one = scene.open(&url);
    let mut two = Shell::open(other.path(), &url, CODE).expect("opens");
    for phone in [&mut one, &mut two] {
        phone.sync().await.expect("finishes");
        assert_eq!(phone.store().kept.waiting().count(), 0);
        assert_eq!(phone.store().kept.aside(), []);
    }
    let held = |phone: &Shell| -> BTreeMap<_, _> {
        let changes = phone.store().kept.changes();
        changes
            .map(|(_, change)| (change.seq.unwrap_or(0), change.bytes.clone()))
            .collect()
    };
    let log = log(scene.data.path()).await;
    assert_eq!(held(&one), log);
    assert_eq!(held(&two), log);
}

#[tokio::test]
async fn pr2_f56_a_server_that_dies_at_any_write_of_its_start_starts_again() {
    let data = tempfile::tempdir().expect("a folder");
    let (mut kills, mut lived) = (0, false);
    for count in 1..NEVER {
        // The first start makes the database, later ones find what the last one left.
        lived = starts(data.path(), &[("pwrite64", count), ("fsync", count)]).await;
        kills += u32::from(!lived);
        if lived {
            break;
        }
    }
    assert!(lived && kills > 40, "{kills} kills");
    assert_eq!(log(data.path()).await, BTreeMap::new());
}

/// A picture in pieces, while the server dies at each file operation of its thread.
#[tokio::test]
async fn pr2_f37_f56_a_photo_survives_a_kill_at_any_write() {
    let mut scene = Scene::new();
    let mut picture = vec![0xff, 0xd8, 0xff];
    picture.resize(40_000, 7);
    let work = Workload::invent(37, 2);
    let first = work.initial.lines().next().expect("an operation");
    let mut phone = scene.open("http://127.0.0.1:1");
    apply(&mut phone, &[first]);
    let record = phone.store().kept.rows().next().expect("a record").id;
    let item = RecordId::new(now(), [1; 10]);
    let added = phone.act(courier::add(record, item, &picture));
    added.expect("saves");
    phone.settle().expect("writes");
    drop(phone);
    assert!(scene.lived(&[("pwrite64", NEVER)]).await);
    let identity = std::fs::read(scene.phone.path().join("identity")).expect("an identity");
    let courier = Courier::new(&identity, record, picture.clone());
    for call in ["write", "rename", "fsync", "pwrite64"] {
        for count in 1..NEVER {
            let mut server = BenchServer::start(scene.data.path(), CODE).await;
            let url = format!("http://{}", server.address());
            let trap = Trap::set(server.id(), &[(call, count)]).await;
            let whole = tokio::select! {
                biased;
                () = server.died() => false,
                sent = courier.send(&url) => sent,
            };
            trap.lift().await;
            scene.kills += u32::from(!whole);
            if whole {
                server.kill().await;
                break;
            }
        }
    }
    assert!(scene.kills >= 8, "{} kills", scene.kills);
    let server = BenchServer::start(scene.data.path(), CODE).await;
    let url = format!("http://{}", server.address());
    assert_eq!(courier.fetch(&url).await, Some(picture));
}
