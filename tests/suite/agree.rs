//! Many rounds of concurrent edits by headless phones over lines that cut: in the end all of them and
//! the server hold the same changes, byte for byte, and show the same.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _};
use tests::bench_server::BenchServer;
use tests::headless::shell::Shell;
use tests::proxy::{Profile, Proxy};
use tests::workload::Workload;

const CODE: &str = "AGRE-0100";
const ROUNDS: usize = 100;
const RECORDS: usize = 12;
/// Fields that everybody edits.
const FIELDS: [&str; 5] = ["title", "place", "narrative", "agreement", "note"];

/// One phone, its folder, its own line, and records that it has yet to write.
struct Side {
    phone: Option<Shell>,
    folder: tempfile::TempDir,
    proxy: Proxy,
    own: Vec<String>,
}

impl Side {
    async fn begin(server: &BenchServer, n: u64, cut_after: u64) -> Self {
        let profile = Profile {
            rtt: Duration::from_millis(n),
            cut_after: Some(cut_after),
            ..Profile::CLEAR
        };
        let own = Workload::invent(100 + n, RECORDS).initial;
        let mut side = Self {
            phone: None,
            folder: tempfile::tempdir().expect("a folder"),
            proxy: Proxy::before(server.address(), profile).await,
            own: puts(&own),
        };
        side.start();
        side
    }

    /// The app is started again on what is on the disk.
    fn start(&mut self) {
        self.phone = None;
        let phone = Shell::open(self.folder.path(), &self.proxy.url(), CODE);
        self.phone = Some(phone.expect("opens"));
    }

    fn phone(&mut self) -> &mut Shell {
        self.phone.as_mut().expect("a running phone")
    }

    async fn sync(&mut self) {
        self.phone().sync().await.expect("finishes");
    }

    /// The bytes of every change that it holds.
    fn bytes(&mut self) -> Vec<Vec<u8>> {
        let changes = self.phone().store().kept.changes();
        let mut all: Vec<_> = changes.map(|(_, change)| change.bytes.clone()).collect();
        all.sort_unstable();
        all
    }
}

/// The lines that make records.
fn puts(operations: &str) -> Vec<String> {
    let lines = operations.lines().filter(|line| line.contains("\"put\""));
    lines.map(str::to_owned).collect()
}

/// The bytes of every change of the server's log.
async fn of_server(data: &Path) -> Vec<Vec<u8>> {
    let options = SqliteConnectOptions::new().filename(data.join("fengge.db"));
    let mut db = options.read_only(true).connect().await.expect("a database");
    let query = "SELECT change.bytes FROM entry JOIN change ON change.id = entry.change";
    let rows = sqlx::query(query).fetch_all(&mut db).await.expect("a log");
    let mut all: Vec<Vec<u8>> = rows.iter().map(|row| row.get(0)).collect();
    all.sort_unstable();
    all
}

/// What one side does in a round: every third time all write into the same field.
fn edits(ids: &[String], (round, side): (usize, usize)) -> String {
    let (record, field) = match round % 3 {
        0 => (round / 3, round / 3),
        _ => (round * 5 + side * 7, round + side * 2),
    };
    let id = ids.get(record % ids.len()).expect("a record");
    let field = FIELDS.get(field % FIELDS.len()).expect("a field");
    let value = format!("第{round}轮，第{side}部手机写的话");
    let set = json!({ "set": { "id": id, "field": field, "value": value } });
    set.to_string()
}

fn ids(operations: &[String]) -> Vec<String> {
    let id = |line: &String| {
        let line: Value = serde_json::from_str(line).expect("an operation");
        let id = line.pointer("/put/id").and_then(Value::as_str);
        id.expect("an id").to_owned()
    };
    operations.iter().map(id).collect()
}

#[tokio::test]
async fn pr3_f16_phones_that_edit_at_the_same_time_for_a_hundred_rounds_agree_byte_for_byte() {
    let data = tempfile::tempdir().expect("a folder");
    let server = BenchServer::start(data.path(), CODE).await;
    let mut sides = [
        Side::begin(&server, 1, 1_500).await,
        Side::begin(&server, 2, 2_300).await,
        Side::begin(&server, 3, 4_100).await,
    ];
    let first = puts(&Workload::invent(9, RECORDS).initial);
    let ids = ids(&first);
    sides[0].phone().apply(&first.join("\n"));
    for side in &mut sides {
        side.sync().await;
    }
    for round in 0..ROUNDS {
        for (n, side) in sides.iter_mut().enumerate() {
            let mut work = edits(&ids, (round, n));
            if round % 9 == n
                && let Some(put) = side.own.pop()
            {
                work = format!("{work}\n{put}");
            }
            side.phone().apply(&work);
        }
        // One after the other stays away for a while, and is started anew before it comes back.
        let away = (round / 5) % 4;
        if round % 5 == 4
            && let Some(side) = sides.get_mut(away)
        {
            side.start();
        }
        let (at_home, [one, two, three]) = (round % 5 != 4, &mut sides);
        let run = async |n: usize, side: &mut Side| {
            if n != away || !at_home {
                side.sync().await;
            }
        };
        tokio::join!(run(0, one), run(1, two), run(2, three));
    }
    for _ in 0..2 {
        for side in &mut sides {
            side.sync().await;
        }
    }
    let log = of_server(data.path()).await;
    assert!(log.len() > 3 * ROUNDS, "{} changes", log.len());
    let shown = sides[0].phone().dump();
    for side in &mut sides {
        assert!(side.proxy.tally().cuts > 0, "the line never broke");
        assert!(side.bytes() == log, "the same changes as the server");
        assert_eq!(side.phone().dump(), shown);
        assert_eq!(side.phone().store().kept.aside(), []);
    }
    let rows = sides[0].phone().store().kept.rows();
    let contested = rows.filter(|row| row.is_contested()).count();
    assert!(contested > 0, "nobody wrote at the same time");
}
