//! The same from a real browser: Chromium's own headers, the service worker, `IndexedDB`.

use std::time::Duration;

use super::stage::{CODE, Stage};
use super::table::{Row, Table, bytes, calls, ratio, ways};
use super::{BenchError, Options, SIZE_LINES, floor};
use crate::browser::{Browser, PHONE};
use crate::proxy::{Profile, Proxy, Tally};
use crate::words;

/// Nothing went over the line for so long: what was asked for is done.
const QUIET: Duration = Duration::from_secs(4);

/// A phone uploads, a browser downloads all of it and then asks once more.
pub(super) async fn run(options: &Options, table: &mut Table) -> Result<(), BenchError> {
    let workload = options.workload(SIZE_LINES)?;
    let floor = floor::of(&workload.initial);
    let stage = Stage::with_app().await?;
    let mut a = stage.device("device-a", Profile::CLEAR).await?;
    a.apply(&workload.initial).await?;
    a.sync().await?;
    let line = Proxy::before(stage.server.address(), Profile::CLEAR).await;
    let mut browser = Browser::new(PHONE).await;
    let page = browser.page();
    page.open(&format!("{}/join", line.url())).await;
    page.heading(words::JOIN).await;
    page.works_without_network().await;
    let app = quiet(&line).await;
    page.fill(words::CODE, CODE).await;
    page.press(words::JOIN).await;
    page.heading(words::TODAY).await;
    let loaded = quiet(&line).await;
    let held = page.run_async(COUNT).await;
    table.row(&row(
        format!("first download of {SIZE_LINES} to a browser"),
        &loaded.since(&app),
        floor,
        &format!("{held} changes in IndexedDB then; joining included, the app's files not"),
    ));
    page.press(words::SYNC_NOW).await;
    let idle = quiet(&line).await;
    table.row(&row(
        "nothing new, from a browser".to_owned(),
        &idle.since(&loaded),
        floor,
        "the button pressed once",
    ));
    browser.kill().await;
    a.close().await
}

/// How many changes the page's databases hold.
const COUNT: &str = "
    const done = arguments[0];
    (async () => {
        let sum = 0;
        for (const { name } of await indexedDB.databases()) {
            const open = indexedDB.open(name);
            await new Promise((ok) => { open.onsuccess = ok; });
            const base = open.result;
            if (base.objectStoreNames.contains('changes')) {
                const asked = base.transaction('changes').objectStore('changes').count();
                await new Promise((ok) => { asked.onsuccess = ok; });
                sum += asked.result;
            }
            base.close();
        }
        done(sum);
    })();
";

fn row(scenario: String, tally: &Tally, floor: u64, how: &str) -> Row {
    let times = ratio(tally.bytes(), floor);
    Row {
        scenario,
        goal: "printed".to_owned(),
        measured: format!("{} = {times:.2} x, {}", bytes(tally.bytes()), calls(tally)),
        met: None,
        method: format!("proxy's count of both ways ({}); {how}", ways(tally)),
    }
}

/// The count when nothing moves any more.
async fn quiet(line: &Proxy) -> Tally {
    let mut last = line.tally();
    loop {
        tokio::time::sleep(QUIET).await;
        let now = line.tally();
        if now.bytes() == last.bytes() {
            return now;
        }
        last = now;
    }
}
