//! The promised figures, measured on the real app and the real server; printed, not judged.
#![expect(clippy::print_stdout, reason = "prints what it measured")]
#![expect(
    clippy::expect_used,
    reason = "a bench stops when something does not work"
)]

use std::time::Duration;

use serde_json::{Value, json};
use tests::browser::{DESK, PHONE};
use tests::headless::record;
use tests::headless::shell::{Shell, now};
use tests::server::{Join, Server};
use tests::walk::Person;
use tests::words;
use tests::workload::Workload;

/// A phone of the cheap kind, as seen from this machine.
const TIMES_SLOWER: u32 = 4;
const DISPUTES: usize = 50;
const COLD_STARTS: usize = 10;
/// Records in the scope of an officer after some years.
const RECORDS: usize = 2_000;
const CODE: &str = "BNCH-0001";
/// An idle exchange takes less than this; what comes later belongs to something else.
const QUIET: Duration = Duration::from_secs(3);

/// Put into every page before its own scripts: bodies of exchanges, moments of the first usable
/// screen, of a submitted form and of the screen that follows it.
const PROBE: &str = "
(() => {
  const seen = { exchanges: [], usable: 0, saves: [] };
  window.__bench = seen;
  const plain = window.fetch;
  window.fetch = async (...args) => {
    const request = new Request(...args);
    const sent = (await request.clone().arrayBuffer()).byteLength;
    const answer = await plain.call(window, request);
    const got = (await answer.clone().arrayBuffer()).byteLength;
    if (new URL(request.url).pathname.startsWith('/api/')) seen.exchanges.push([sent, got]);
    return answer;
  };
  new MutationObserver((_, watch) => {
    const heading = document.querySelector('h1');
    if (!heading || !document.querySelector('main') || document.getElementById('fallback')) return;
    watch.disconnect();
    requestAnimationFrame(() => { seen.usable = performance.now(); });
  }).observe(document, { childList: true, subtree: true });
  let pressed = 0;
  document.addEventListener('submit', () => { pressed = performance.now(); }, true);
  for (const name of ['pushState', 'replaceState']) {
    const plain = history[name];
    history[name] = function (...args) {
      if (pressed) { seen.saves.push(performance.now() - pressed); pressed = 0; }
      return plain.apply(this, args);
    };
  }
})();";

#[tokio::main]
async fn main() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    idle(&officer).await;
    recording(&officer).await;
    upload(&officer).await;
    cold(&officer, "officer").await;
    let station = Person::join(&mut server, "station", DESK).await;
    station.sync_is_done().await;
    cold(&station, "station").await;
    many().await;
    println!(
        "server memory (resident): {:.1} MB, at most 64",
        kilo(server.resident_kb())
    );
}

/// The start of a phone that has many records in its scope.
async fn many() {
    let server = Server::bench(CODE).await;
    let url = format!("http://{}", server.address());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut other = Shell::open(folder.path(), &url, CODE).expect("a headless phone");
    let grid = other.grid().expect("a grid");
    for line in Workload::invent(1, RECORDS).initial.lines() {
        let operation = serde_json::from_str(line).expect("an operation");
        let command = record::command(&operation, &grid, now()).expect("a command");
        other.act(command).expect("saves");
    }
    other.sync().await.expect("syncs");
    let join = Join {
        role: "officer".to_owned(),
        code: CODE.to_owned(),
        rest: String::new(),
    };
    let officer = Person::join_as(&server, &join, PHONE).await;
    officer.sync_is_done().await;
    cold(
        &officer,
        &format!("officer with {RECORDS} records in scope"),
    )
    .await;
}

/// What an exchange costs when nothing is new.
async fn idle(person: &Person) {
    person
        .browser
        .cdp(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": PROBE }),
        )
        .await;
    person.sync().await;
    tokio::time::sleep(QUIET).await;
    let before = exchanges(person).await.len();
    person.page().press(words::SYNC_NOW).await;
    tokio::time::sleep(QUIET).await;
    let all = exchanges(person).await;
    let news = all.get(before..).unwrap_or_default();
    let bytes: u64 = news.iter().map(|(sent, got)| sent + got).sum();
    println!(
        "idle sync: {} request(s), {bytes} bytes of bodies, at most 1 and 100",
        news.len()
    );
}

/// Saves many disputes without a network on a slow phone.
async fn recording(person: &Person) {
    person.lose_network().await;
    person.browser.slow_down(TIMES_SLOWER).await;
    let mut times = Vec::new();
    for number in 1..=DISPUTES {
        let brief = format!("第{number}起：两家为排水沟争吵，已经劝开，约好明天再谈");
        person.register_dispute("示例村东头水井边", &brief).await;
        let saves = person.page().run("return window.__bench.saves").await;
        times.extend(
            saves
                .as_array()
                .and_then(|all| all.last())
                .and_then(Value::as_f64),
        );
    }
    person.browser.slow_down(1).await;
    show(
        &format!("save a dispute at {TIMES_SLOWER}x"),
        &mut times,
        150,
    );
}

/// What it takes to send them all.
async fn upload(person: &Person) {
    person.go("/").await;
    person.page().heading(words::TODAY).await;
    let before = exchanges(person).await.len();
    person.find_network().await;
    person.page().press(words::SYNC_NOW).await;
    person.sync_is_done().await;
    let all = exchanges(person).await;
    let news = all.get(before..).unwrap_or_default();
    let carrying = news.iter().filter(|(sent, _)| *sent > 1_000).count();
    let bytes: u64 = news.iter().map(|(sent, _)| sent).sum();
    println!("upload of {DISPUTES} disputes: {carrying} request(s), {bytes} bytes sent, at most 1");
}

/// From nothing to a usable screen, without a network, on a slow phone.
async fn cold(person: &Person, who: &str) {
    person
        .browser
        .cdp(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": PROBE }),
        )
        .await;
    person.lose_network().await;
    person.browser.slow_down(TIMES_SLOWER).await;
    let mut times = Vec::new();
    for _ in 0..COLD_STARTS {
        person.go("/").await;
        let usable = tests::eventually("a usable screen", || async {
            person
                .page()
                .run("return window.__bench.usable")
                .await
                .as_f64()
                .filter(|at| *at > 0.0)
        });
        times.push(usable.await);
    }
    person.browser.slow_down(1).await;
    person.find_network().await;
    show(
        &format!("start without network at {TIMES_SLOWER}x, {who}"),
        &mut times,
        2_000,
    );
}

async fn exchanges(person: &Person) -> Vec<(u64, u64)> {
    let seen = person
        .page()
        .run("return window.__bench ? window.__bench.exchanges : []")
        .await;
    let pair = |pair: &Value| Some((pair.get(0)?.as_u64()?, pair.get(1)?.as_u64()?));
    seen.as_array()
        .into_iter()
        .flatten()
        .filter_map(pair)
        .collect()
}

fn show(what: &str, times: &mut [f64], most: u32) {
    times.sort_by(f64::total_cmp);
    let at =
        |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
    let (half, tail) = (
        at(50).copied().unwrap_or(f64::NAN),
        at(95).copied().unwrap_or(f64::NAN),
    );
    println!(
        "{what}: median {half:.0} ms, p95 {tail:.0} ms of {}, at most {most}",
        times.len()
    );
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn kilo(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1024.0
}
