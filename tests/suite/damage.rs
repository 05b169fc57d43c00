//! A server whose disk damaged what it kept is healed by the phones that have it, by themselves.

use std::path::Path;

use domain::document::Hashed;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Row as _};
use sync_server::admin::{self, Command};
use sync_server::config::{Config, Settings};
use tests::bench_server::BenchServer;
use tests::headless::shell::Shell;
use tests::workload::Workload;

const CODE: &str = "DAMA-0100";
const RECORDS: usize = 40;
const DAMAGED: usize = 25;

async fn database(data: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(data.join("fengge.db"));
    options.connect().await.expect("a database")
}

/// The bytes of every change that a phone holds.
fn bytes(phone: &mut Shell) -> Vec<Vec<u8>> {
    let changes = phone.store().kept.changes();
    let mut all: Vec<_> = changes.map(|(_, change)| change.bytes.clone()).collect();
    all.sort_unstable();
    all
}

/// Damages some stored changes: some as a disk does, some as somebody does who mends what would tell.
async fn damage(data: &Path) -> Vec<String> {
    let mut db = database(data).await;
    let rows = sqlx::query("SELECT id, bytes, hash FROM change ORDER BY id")
        .fetch_all(&mut db)
        .await
        .expect("changes");
    let mut names = Vec::new();
    let step = rows.len() / DAMAGED;
    for (n, row) in rows.iter().step_by(step.max(1)).take(DAMAGED).enumerate() {
        let mut bytes: Vec<u8> = row.get(1);
        let place = if n % 2 == 0 { n } else { bytes.len() - 1 - n };
        let flipped = bytes.get_mut(place).expect("a change has bytes");
        *flipped ^= 0x40;
        if n % 4 == 1 {
            let name = Hashed::name(&bytes);
            let mends = bytes.iter_mut().skip(4).zip(name.0.iter().take(4));
            mends.for_each(|(byte, right)| *byte = *right);
        }
        sqlx::query("UPDATE change SET bytes = ? WHERE id = ?")
            .bind(bytes)
            .bind(row.get::<i64, _>(0))
            .execute(&mut db)
            .await
            .expect("written");
        let hash: Vec<u8> = row.get(2);
        names.push(hash.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    names
}

/// `sync-server check`: what it prints, and whether it is content.
async fn check(data: &Path) -> (String, bool) {
    let settings = Settings {
        data: Some(data.to_path_buf()),
        ..Settings::default()
    };
    let config = Config::resolve(settings).expect("a configuration");
    let (mut out, command) = (Vec::new(), Command::Check { read_only: false });
    let done = admin::run(command, &config, &mut out).await;
    (String::from_utf8(out).expect("text"), done.is_ok())
}

fn open(folder: &tempfile::TempDir, server: &BenchServer) -> Shell {
    let url = format!("http://{}", server.address());
    Shell::open(folder.path(), &url, CODE).expect("opens")
}

#[tokio::test]
async fn ck3_ck8_check_prints_what_is_damaged_and_a_phone_that_has_it_heals_it_by_itself() {
    let data = tempfile::tempdir().expect("a folder");
    let server = BenchServer::start(data.path(), CODE).await;
    let folders = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let mut writer = open(&folders[0], &server);
    writer.apply(&Workload::invent(77, RECORDS).initial);
    writer.sync().await.expect("sends");
    let mut other = open(&folders[1], &server);
    other.sync().await.expect("receives");
    let whole = bytes(&mut writer);
    assert_eq!(bytes(&mut other), whole);
    assert!(whole.len() >= DAMAGED);
    // The phone that wrote it all is gone.
    drop(writer);
    let names = damage(data.path()).await;
    let (said, content) = check(data.path()).await;
    assert!(!content, "{said}");
    for name in &names {
        let line = said.lines().find(|line| line.contains(name));
        let line = line.unwrap_or_else(|| panic!("{name} is not in {said}"));
        assert!(
            line.contains("its bytes do not fit its hash\tset aside"),
            "{line}"
        );
    }
    // A new phone gets the rest, and nothing of it.
    let mut late = open(&folders[2], &server);
    late.sync().await.expect("receives");
    let (got, left) = (bytes(&mut late), whole.len() - names.len());
    assert!(got.iter().all(|change| whole.contains(change)) && got.len() <= left);
    // The other one only does what it does at any time.
    other.sync().await.expect("heals");
    let (said, content) = check(data.path()).await;
    assert!(content, "{said}");
    late.sync().await.expect("receives");
    assert_eq!(bytes(&mut late), whole);
    assert_eq!(late.dump(), other.dump());
}
