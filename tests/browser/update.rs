//! New versions: half fetched, arriving while somebody types, and windows that stand in the way.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tests::browser::{Browser, PHONE};
use tests::gate::{Gate, Mode};
use tests::server::Server;
use tests::walk::Person;
use tests::words;

/// Files of a build that the next one changes here: text, so that a line more does no harm.
const CHANGED: [&str; 3] = [".css", ".webmanifest", ".svg"];

/// Makes the next build: some files differ, and so does the list of the service worker.
fn next_build(from: &Path, to: &Path) -> usize {
    let mut worker = std::fs::read_to_string(from.join("sw.js")).expect("a worker");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .arg(from.join("."))
        .arg(to)
        .status();
    assert!(copied.is_ok_and(|status| status.success()), "copied");
    let mut changed = 0;
    for path in listed(&worker) {
        if !CHANGED.iter().any(|kind| path.ends_with(kind)) {
            continue;
        }
        let file = to.join(path.trim_start_matches('/'));
        let mut bytes = std::fs::read(&file).expect("a file of the build");
        let before = short_hash(&bytes);
        bytes.extend_from_slice(b"\n\n");
        // The hash, not the name that holds it too.
        let pair = |hash: &str| format!("\",\"{hash}\"]");
        worker = worker.replace(&pair(&before), &pair(&short_hash(&bytes)));
        write(&file, &bytes);
        changed += 1;
    }
    let version = worker
        .split("VERSION = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let version = version.expect("a version").to_owned();
    let worker = worker.replace(&version, NEXT);
    write(&to.join("sw.js"), worker.as_bytes());
    changed
}

/// The version of the next build.
const NEXT: &str = "next-build";

/// Writes a file and removes its packed twins.
fn write(file: &Path, bytes: &[u8]) {
    std::fs::write(file, bytes).expect("writes");
    for twin in ["br", "gz"] {
        let name = format!("{}.{twin}", file.display());
        let _absent = std::fs::remove_file(name);
    }
}

fn short_hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        let _ok = write!(text, "{byte:02x}");
        text
    })
}

/// The paths in the worker's list.
fn listed(worker: &str) -> Vec<String> {
    let list = worker
        .split("new Map(")
        .nth(1)
        .and_then(|rest| rest.split(");").next());
    let list: Value = serde_json::from_str(list.expect("a list")).expect("a list");
    let pairs = list.as_array().expect("pairs").iter();
    pairs
        .filter_map(|pair| pair[0].as_str().map(ToOwned::to_owned))
        .collect()
}

/// Asks for a new version and tells whether one waits, or is in charge. A browser that is still at it
/// when patience ends has none.
async fn look_for_update(officer: &Person) -> bool {
    let page = officer.page();
    page.run(
        "window.__update = null; navigator.serviceWorker.getRegistration()\
        .then(r => r.update().catch(() => null).then(() => {\
            const done = came => { window.__update = came; };\
            const w = r.installing; if (!w) return done(!!r.waiting);\
            w.addEventListener('statechange', () => {\
                if (w.state === 'installed') done(true);\
                if (w.state === 'redundant') done(false); }); }))",
    )
    .await;
    let end = tokio::time::Instant::now() + tests::PATIENCE;
    loop {
        if let Value::Bool(came) = page.run("return window.__update").await {
            return came;
        }
        if tokio::time::Instant::now() > end {
            return false;
        }
        tokio::time::sleep(tests::LOOK_EVERY).await;
    }
}

/// The version of the worker in charge.
async fn version(officer: &Person) -> String {
    let ask = "return new Promise(done => { const way = new MessageChannel();\
        way.port1.onmessage = e => done(e.data);\
        navigator.serviceWorker.controller.postMessage('version', [way.port2]); })";
    tests::eventually("a worker's version", || async {
        let version = officer.page().run(ask).await;
        version.as_str().map(ToOwned::to_owned)
    })
    .await
}

/// Lets the version in that waits, and waits until it is in charge. Nobody asks the worker meanwhile: a
/// browser lets the next one in only when the one before it rests.
async fn take_update(officer: &Person) {
    officer.go("/settings").await;
    officer.page().press(words::UPDATE_NOW).await;
    let script = "return navigator.serviceWorker.getRegistration().then(r =>\
        !r.waiting && r.active.state === 'activated'\
        && r.active === navigator.serviceWorker.controller)";
    tests::eventually("an update in charge", || async {
        (officer.page().run(script).await == Value::Bool(true)).then_some(())
    })
    .await;
    assert_eq!(version(officer).await, NEXT);
}

#[tokio::test]
async fn f22_an_update_cut_at_any_point_leaves_the_old_version_whole() {
    let mut server = Server::demo().await;
    let mut officer = Person::join(&mut server, "officer", PHONE).await;
    let old = version(&officer).await;
    let next = tempfile::tempdir().expect("a folder");
    let files = next_build(&Server::app(), next.path());
    assert!(files >= 3, "{files} files differ");
    server.kill().await;
    server.restart_with(next.path()).await;
    // Not inside a head: without TLS the browser takes half a head for a whole answer.
    for cut in [0, 2_000, 4_000, 6_000, 9_000, 14_000] {
        officer.gate.set(Mode::CutAnswerAfter(cut));
        let came = look_for_update(&officer).await;
        assert!(
            !came,
            "cut after {cut} bytes of each connection, {:?}",
            officer.gate.traffic()
        );
        officer.gate.set(Mode::Refuse);
        officer.die_and_wake().await;
        officer.page().heading(words::TODAY).await;
        assert_eq!(version(&officer).await, old);
    }
    officer.gate.set(Mode::Open);
    assert!(look_for_update(&officer).await, "a whole one comes");
    take_update(&officer).await;
    officer.gate.set(Mode::Refuse);
    officer.die_and_wake().await;
    officer.page().heading(words::TODAY).await;
}

#[tokio::test]
async fn f23_an_update_while_somebody_types_changes_nothing_on_the_screen() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let next = tempfile::tempdir().expect("a folder");
    next_build(&Server::app(), next.path());
    officer.fill_dispute("晒谷场", "更新来的时候正在写").await;
    officer.page().run("window.__same = true").await;
    server.kill().await;
    server.restart_with(next.path()).await;
    assert!(look_for_update(&officer).await, "a new version waits");
    officer
        .page()
        .type_into(words::WHAT_HAPPENED, "，还没有写完")
        .await;
    let same = officer.page().run("return window.__same === true").await;
    assert_eq!(same, Value::Bool(true), "the page was not loaded again");
    officer.page().sees("草稿").await;
    take_update(&officer).await;
    officer.go("/disputes/new").await;
    assert_eq!(
        officer.page().value(words::WHAT_HAPPENED).await,
        "更新来的时候正在写，还没有写完"
    );
}

#[tokio::test]
async fn f24_a_lost_cache_and_worker_cost_no_record() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    officer.lose_network().await;
    for place in ["河边", "村口", "桥头"] {
        officer.register_dispute(place, "还没有送达的纠纷").await;
    }
    let wipe = "const done = arguments[0]; (async () => {\
        for (const r of await navigator.serviceWorker.getRegistrations()) await r.unregister();\
        for (const name of await caches.keys()) await caches.delete(name); done(true); })()";
    officer.page().run_async(wipe).await;
    // Without its files the app cannot start; with them it has everything.
    officer.gate.set(Mode::Open);
    officer.browser.say_offline(false).await;
    officer.go("/records").await;
    officer.page().sees("河边").await;
    officer.page().sees("村口").await;
    officer.page().sees("桥头").await;
    officer.sync().await;
}

#[tokio::test]
async fn f25_an_old_window_lets_a_newer_version_of_the_database_in_within_three_seconds() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    officer.fill_dispute("晒谷场", "旧窗口里没有写完的话").await;
    let newer = "const done = arguments[0]; (async () => {\
        const all = await indexedDB.databases();\
        const one = all.find(d => /^fengge-[0-9a-f]{32}$/.test(d.name));\
        const began = performance.now(); const asked = indexedDB.open(one.name, one.version + 1);\
        asked.onerror = () => done(-1);\
        asked.onsuccess = () => { asked.result.close(); done(performance.now() - began); }; })()";
    let ms = officer.page().run_async(newer).await.as_f64();
    let ms = ms.expect("the newer version opens");
    assert!((0.0..3_000.0).contains(&ms), "{ms} ms");
    officer.page().sees("新版本已在另一个窗口打开").await;
}

#[tokio::test]
async fn up2_a_first_load_that_is_cut_begins_again_by_itself() {
    let server = Server::demo().await;
    let gate = Gate::before(server.address()).await;
    // More than the pages and scripts, less than the app.
    gate.set(Mode::CutAnswerAfter(300_000));
    let browser = Browser::new(PHONE).await;
    let newcomer = Person { browser, gate };
    newcomer.go("/join").await;
    newcomer.page().sees("如果一直停在这里").await;
    newcomer.gate.set(Mode::Open);
    newcomer.page().heading(words::JOIN).await;
    newcomer.page().sees_no_text("如果一直停在这里").await;
}
