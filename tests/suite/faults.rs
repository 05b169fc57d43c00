//! Entries of the catalogue of failures that the real server and headless phones show.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use domain::id::{ChangeHash, DeviceId, DocId};
use domain::sync::lean::Known;
use domain::sync::message::{Answer, ItemResult};
use domain::time::{HOUR_MS, Millis};
use fuzz::seed::{self, AT, Made};
use sqlx::sqlite::SqliteConnectOptions;
use sync_server::Server;
use sync_server::bench;
use sync_server::clock::Clock;
use sync_server::config::Config;
use sync_server::proof::{self, Verdict};
use sync_server::store::{Store, device};
use tests::bench_server::BenchServer;
use tests::headless::shell::Shell;
use tests::workload::Workload;

const CODE: &str = "FALT-0001";
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A server in this process, by a clock that a test sets.
struct Station {
    server: Server,
    clock: Arc<AtomicI64>,
    _data: tempfile::TempDir,
}

/// Nothing is known: everything comes in full.
struct Nothing;

impl Known for Nothing {
    fn resolve(&self, _: DocId, _: [u8; 4]) -> Option<ChangeHash> {
        None
    }
}

impl Station {
    async fn start() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let config = Config {
            listen: (PEER, 0).into(),
            data: data.path().to_owned(),
            app: None,
            tls: None,
            public_url: None,
            demo: false,
            bench_join: Some(CODE.to_owned()),
            frames_from: u64::MAX,
            quotas: sync_server::store::usage::Quotas::default(),
            trusted_proxies: Vec::new(),
        };
        let clock = Arc::new(AtomicI64::new(AT.0));
        let told = Arc::clone(&clock);
        let told = Clock::new(move || Millis(told.load(Ordering::Relaxed)));
        let server = Server::open_by(&config, told).await.expect("a server");
        let station = Self {
            server,
            clock,
            _data: data,
        };
        for n in 1..=5 {
            let mut join = seed::request(0, &[], true);
            // The last is another person's.
            let mark = if n == 5 { bench::COLLEAGUE_MARK } else { "" };
            (join.device, join.join) = (device(n), Some(format!("{CODE}{mark}")));
            station.send(join.encode()).await;
        }
        station
    }

    async fn send(&self, body: Vec<u8>) -> Answer {
        let request = Request::post("/api/v1/exchange").body(Body::from(body));
        let answer = self.server.answer(PEER, request.expect("a request")).await;
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 4 << 20).await.expect("a body");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let lean = Answer::decode(&body).expect("an answer");
        lean.rebuild(&Nothing).expect("everything in full")
    }

    async fn push(&self, n: u8, no: u64, made: &[Made]) -> Vec<ItemResult> {
        let mut request = seed::request(no, made, true);
        request.device = device(n);
        let answer = self.send(request.encode()).await;
        answer.receipt.expect("a receipt").results
    }

    /// What is new for a device since its cursor.
    async fn pull(&self, n: u8, cursor: &mut Vec<u8>) -> Vec<Vec<u8>> {
        let mut request = seed::request(0, &[], true);
        (request.device, request.ask.cursor) = (device(n), cursor.clone());
        let answer = self.send(request.encode()).await;
        if let Some(next) = answer.cursor {
            *cursor = next;
        }
        answer
            .entries
            .into_iter()
            .map(|entry| entry.change.into_bytes())
            .collect()
    }
}

fn device(n: u8) -> DeviceId {
    DeviceId([n; 16])
}

#[tokio::test]
async fn f32_no_change_is_skipped_by_clocks_that_go_back_or_commits_that_overtake() {
    let station = Station::start().await;
    let mut cursor = Vec::new();
    station.push(1, 1, &seed::patrol(20)).await;
    assert_eq!(station.pull(4, &mut cursor).await.len(), 1);
    station.clock.fetch_sub(HOUR_MS, Ordering::Relaxed);
    station.push(1, 2, &seed::patrol(21)).await;
    let came = station.pull(4, &mut cursor).await;
    let sent: Vec<_> = seed::patrol(21)
        .into_iter()
        .map(|made| made.bytes)
        .collect();
    assert_eq!(came, sent);
    // Three devices send at the same time, and a fourth one fetches meanwhile.
    let mut all = Vec::new();
    for round in 0..8_u8 {
        let made = [1, 2, 3].map(|n| seed::patrol(30 + 3 * round + n));
        let no = 10 + u64::from(round);
        let [one, two, three] = &made;
        let (_, _, _, came) = tokio::join!(
            station.push(1, no, one),
            station.push(2, no, two),
            station.push(3, no, three),
            station.pull(4, &mut cursor),
        );
        all.extend(came);
        station.clock.fetch_sub(HOUR_MS, Ordering::Relaxed);
    }
    all.extend(station.pull(4, &mut cursor).await);
    let each: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), each.len()), (24, 24));
}

#[tokio::test]
async fn f45_a_forged_change_drops_none_of_its_batch_mates_in_any_order() {
    let station = Station::start().await;
    station.push(5, 1, &seed::colleagues_patrol(10)).await;
    // The author key of another person's device; bytes that are no change; a change that follows nothing.
    let mut forged = seed::patrol(10).remove(0);
    forged.doc = DocId::body(seed::record(11));
    let noise = Made {
        doc: DocId::body(seed::record(12)),
        bytes: vec![7; 300],
    };
    let mut orphan = seed::dispute(13).pop().expect("a note");
    orphan.doc = DocId::body(seed::record(14));
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];
    let mut next = 100;
    for (bad, no) in [forged, noise, orphan].into_iter().zip(1_u64..) {
        for (order, place) in orders.iter().zip(1_u64..) {
            let honest = [seed::patrol(next), seed::patrol(next + 1)].concat();
            next += 2;
            let three = [vec![bad.clone()], honest].concat();
            let made: Vec<_> = order
                .iter()
                .filter_map(|at| three.get(*at).cloned())
                .collect();
            let results = station.push(1, no * 10 + place, &made).await;
            for (at, result) in order.iter().zip(&results) {
                let kept = matches!(result, ItemResult::Kept(_));
                assert_eq!(kept, *at != 0, "{order:?}: {results:?}");
            }
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copies");
    }
}

#[tokio::test]
async fn f20_a_phone_and_its_copy_lose_nothing_of_what_either_writes() {
    let [shared, one_alone, other_alone, last] =
        [1, 2, 3, 4].map(|seed| Workload::invent(seed, 12));
    let [data, first, second] = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let server = BenchServer::start(data.path(), CODE).await;
    let url = format!("http://{}", server.address());
    let mut one = Shell::open(first.path(), &url, CODE).expect("opens");
    one.apply(&shared.initial);
    one.sync().await.expect("finishes");
    // Something waits while the phone is copied: both will send it.
    one.apply(&shared.edits_a);
    drop(one);
    copy(first.path(), second.path());
    let mut one = Shell::open(first.path(), &url, CODE).expect("opens");
    let mut copy = Shell::open(second.path(), &url, CODE).expect("opens");
    one.apply(&one_alone.initial);
    copy.apply(&other_alone.initial);
    copy.apply(&shared.edits_b);
    one.sync().await.expect("finishes");
    copy.sync().await.expect("finishes");
    // Only now does anybody know that both go on.
    one.apply(&last.initial);
    for phone in [&mut one, &mut copy] {
        phone.sync().await.expect("finishes");
    }
    assert_eq!(one.dump().len(), 48);
    assert_eq!(one.dump(), copy.dump());
    for phone in [&one, &copy] {
        assert_eq!(phone.store().kept.waiting().count(), 0);
        assert_eq!(phone.store().kept.aside(), []);
    }
    // Both signed with the one key, so who wrote what is proven, and that there are two is noticed.
    server.kill().await;
    let store = Store::open(data.path(), false).await.expect("opens");
    let mut view = store.view().await.expect("reads");
    for row in one.store().kept.rows() {
        let proven = proof::of_record(&mut view, row.id).await.expect("reads");
        assert!(!proven.is_empty());
        assert!(proven.iter().all(|one| one.verdict == Verdict::Holds));
    }
    let person = bench::person().expect("a person");
    let devices = device::list(&mut view, Some(&person)).await.expect("reads");
    assert_eq!(devices.len(), 1);
    assert!(devices.iter().all(|one| one.forked_at.is_some()));
    drop(view);
    store.close().await;
}

#[tokio::test]
async fn f47_poison_that_got_into_the_log_harms_no_phone() {
    use sqlx::ConnectOptions as _;
    let [data, first, second] = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let server = BenchServer::start(data.path(), CODE).await;
    let url = format!("http://{}", server.address());
    let mut one = Shell::open(first.path(), &url, CODE).expect("opens");
    one.apply(&Workload::invent(47, 10).initial);
    one.sync().await.expect("finishes");
    server.kill().await;
    // By hand: a change that claims 10^18 operations, in the document of a sound one.
    let options = SqliteConnectOptions::new().filename(data.path().join("fengge.db"));
    let mut db = options.connect().await.expect("a database");
    let poison = tests::hostile::run_length_bomb();
    let change = "INSERT INTO change (doc, hash, bytes, author, device, device_at, received_at) \
                  SELECT doc, ?, ?, author, device, device_at, received_at FROM change LIMIT 1";
    let name = domain::document::Hashed::name(&poison).0.to_vec();
    let planted = sqlx::query(change)
        .bind(name)
        .bind(&poison)
        .execute(&mut db)
        .await;
    assert_eq!(planted.expect("a change").rows_affected(), 1);
    let entry = "INSERT INTO entry (stream, change) \
                 SELECT (SELECT stream FROM entry LIMIT 1), max(id) FROM change";
    let entered = sqlx::query(entry).execute(&mut db).await;
    assert_eq!(entered.expect("an entry").rows_affected(), 1);
    drop(db);
    let server = BenchServer::start(data.path(), CODE).await;
    let url = format!("http://{}", server.address());
    let mut two = Shell::open(second.path(), &url, CODE).expect("opens");
    two.sync().await.expect("finishes");
    assert_eq!(two.dump(), one.dump());
    let aside = two.store().kept.aside();
    assert_eq!(aside.len(), 1);
    assert!(aside.iter().all(|one| one.bytes == poison));
}
