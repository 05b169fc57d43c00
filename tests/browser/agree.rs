//! Two browsers and a headless phone share a station over lines that cut, delay and repeat: in the end
//! all of them and the server hold the same changes, byte for byte.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnectOptions;
use tests::browser::PHONE;
use tests::gate::Mode;
use tests::headless::record;
use tests::headless::shell::{Shell, now};
use tests::proxy::{Profile, Proxy};
use tests::server::{Join, Server};
use tests::walk::Person;
use tests::words;
use tests::workload::Workload;

const CODE: &str = "AGRE-0001";

/// Changes by document and hash, as hexadecimal digits of their bytes.
type Held = BTreeMap<String, String>;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every value of a browser's store of changes, by its key.
async fn of_browser(person: &Person) -> Held {
    let script = "const done = arguments[0]; (async () => {\
        const all = {};\
        for (const { name } of await indexedDB.databases()) {\
            const db = await new Promise((ok, no) => { const r = indexedDB.open(name);\
                r.onsuccess = () => ok(r.result); r.onerror = () => no(r.error); });\
            if (db.objectStoreNames.contains('changes')) {\
                const store = db.transaction('changes').objectStore('changes');\
                const read = (r) => new Promise((ok) => { r.onsuccess = () => ok(r.result); });\
                const keys = read(store.getAllKeys()), values = read(store.getAll());\
                const hex = (v) => Array.from(new Uint8Array(v.buffer ?? v, v.byteOffset ?? 0,\
                    v.byteLength), (b) => b.toString(16).padStart(2, '0')).join('');\
                const found = await values;\
                (await keys).forEach((key, at) => { all[key] = hex(found[at]); });\
            }\
            db.close();\
        }\
        done(all); })()";
    let Value::Object(all) = person.page().run_async(script).await else {
        panic!("the browser gives no changes");
    };
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    all.into_iter()
        .map(|(key, value)| (key, text(value)))
        .collect()
}

/// The same as the browser writes it, from a headless phone's store.
fn of_phone(phone: &Shell) -> Held {
    let changes = phone.store().kept.changes();
    let line = |(doc, change): (domain::id::DocId, &domain::replica::StoredChange)| {
        let stored = postcard::to_allocvec(change).expect("encodes");
        (format!("{doc}{}", change.hash.hex()), hex(&stored))
    };
    changes.map(line).collect()
}

/// The bytes of every change of the server's log, each once.
async fn of_server(data: &Path) -> Vec<String> {
    use sqlx::ConnectOptions as _;
    let options = SqliteConnectOptions::new().filename(data.join("fengge.db"));
    let mut db = options.read_only(true).connect().await.expect("a database");
    let query = "SELECT change.bytes FROM entry JOIN change ON change.id = entry.change";
    let rows = sqlx::query(query).fetch_all(&mut db).await.expect("a log");
    let mut all: Vec<_> = rows
        .iter()
        .map(|row| hex(&row.get::<Vec<u8>, _>(0)))
        .collect();
    all.sort_unstable();
    all
}

/// The bytes of every change of a phone.
fn bytes(phone: &Shell) -> Vec<String> {
    let changes = phone.store().kept.changes();
    let mut all: Vec<_> = changes.map(|(_, change)| hex(&change.bytes)).collect();
    all.sort_unstable();
    all
}

fn apply(phone: &mut Shell, operations: &str) {
    let grid = phone.grid().expect("a grid");
    for line in operations.lines() {
        let operation = serde_json::from_str(line).expect("an operation");
        let command = record::command(&operation, &grid, now()).expect("a command");
        phone.act(command).expect("saves");
    }
    phone.settle().expect("writes");
}

async fn joined(server: &Server) -> Person {
    let join = Join {
        role: "officer".to_owned(),
        code: CODE.to_owned(),
        rest: String::new(),
    };
    Person::join_as(server, &join, PHONE).await
}

/// Presses the button, whatever the line does.
async fn try_to_sync(person: &Person) {
    person.go("/").await;
    person.page().press(words::SYNC_NOW).await;
}

#[tokio::test]
async fn pr3_two_browsers_and_a_headless_phone_agree_byte_for_byte() {
    let server = Server::bench(CODE).await;
    let (one, two) = (joined(&server).await, joined(&server).await);
    let bad = Profile {
        rtt: Duration::from_millis(80),
        cut_after: Some(2_500),
        ..Profile::CLEAR
    };
    let proxy = Proxy::before(server.address(), bad).await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut phone = Shell::open(folder.path(), &proxy.url(), CODE).expect("opens");
    let work = Workload::invent(5, 20);
    apply(&mut phone, &work.initial);
    // Each works without the others; then the lines break, are slow and repeat what they carried.
    one.gate.set(Mode::Refuse);
    two.gate.set(Mode::Refuse);
    let case = one
        .register_dispute("河边", "甲写的纠纷，两家为排水沟争吵")
        .await;
    two.register_dispute("晒谷场", "乙写的纠纷，堆放粮食占了路")
        .await;
    phone.sync().await.expect("finishes");
    apply(&mut phone, &work.edits_a);
    for mode in [
        Mode::CutAnswerAfter(60),
        Mode::CutRequestAfter(900),
        Mode::Through(proxy.address()),
        Mode::Delay(Duration::from_millis(150)),
    ] {
        one.gate.set(mode);
        two.gate.set(mode);
        tokio::join!(try_to_sync(&one), try_to_sync(&two), async {
            phone.sync().await.expect("finishes");
        });
    }
    one.gate.set(Mode::Open);
    two.gate.set(Mode::Open);
    one.sync().await;
    two.sync().await;
    // Both rewrite the same case, neither knowing of the other.
    two.gate.set(Mode::Refuse);
    one.go(&case).await;
    two.go(&case).await;
    one.rewrite("甲改过的话").await;
    two.rewrite("乙改过的话").await;
    apply(&mut phone, &work.edits_b);
    two.gate.set(Mode::CutAnswerAfter(200));
    try_to_sync(&two).await;
    two.gate.set(Mode::Open);
    for _ in 0..2 {
        one.sync().await;
        two.sync().await;
        phone.sync().await.expect("finishes");
    }
    assert!(proxy.tally().cuts > 0, "the line never broke");
    let held = of_phone(&phone);
    assert!(held.len() > 100, "{} changes", held.len());
    for (name, browser) in [("one", &one), ("two", &two)] {
        tests::eventually(name, || async {
            (of_browser(browser).await == held).then_some(())
        })
        .await;
    }
    assert_eq!(of_server(server.data()).await, bytes(&phone));
}
