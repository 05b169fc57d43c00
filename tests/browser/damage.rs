//! Damage at the phone: the browser's files cut, flipped and cleared between two starts.

use std::path::{Path, PathBuf};

use serde_json::json;
use tests::browser::{DESK, PHONE};
use tests::gate::Mode;
use tests::server::Server;
use tests::walk::Person;
use tests::words;

/// The files of the browser's database.
fn files(profile: &Path) -> Vec<PathBuf> {
    let folder = profile.join("Default").join("IndexedDB");
    let databases = std::fs::read_dir(&folder).expect("the browser's databases");
    let folders = databases
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(".leveldb"));
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten());
    files.flatten().map(|entry| entry.path()).collect()
}

/// The log that the last writes went to.
fn log(profile: &Path) -> PathBuf {
    let is_log = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "log");
    let mut logs: Vec<_> = files(profile).into_iter().filter(is_log).collect();
    logs.sort_unstable();
    logs.pop().expect("a log")
}

/// An officer who has sent one dispute and has two more on the phone alone.
async fn officer_with_work(server: &mut Server) -> Person {
    let officer = Person::join(server, "officer", PHONE).await;
    officer.register_dispute("河边", "已经送达的纠纷").await;
    officer.sync().await;
    officer.lose_network().await;
    officer.register_dispute("晒谷场", "只在本机的甲").await;
    officer.register_dispute("村口", "只在本机的乙").await;
    journal_holds(&officer, 2).await;
    officer
}

/// Waits until the second place holds so many saves.
async fn journal_holds(officer: &Person, count: u64) {
    let script = "const done = arguments[0]; (async () => {\
        const root = await navigator.storage.getDirectory(); let saves = 0;\
        for await (const [, folder] of root.entries()) {\
            for await (const [name, file] of folder.entries()) {\
                if (name.startsWith('save-') && (await file.getFile()).size > 0) saves++; } }\
        done(saves); })()";
    tests::eventually("the journal", || async {
        (officer.page().run_async(script).await.as_u64() == Some(count)).then_some(())
    })
    .await;
}

/// The work is there, the officer was told, and all of it is delivered once there is a network and the
/// station has let the phone in with a new key: the old one went with the database.
async fn nothing_is_gone(server: &Server, officer: &mut Person, told: &str) {
    officer.page().sees(told).await;
    officer.page().sees("已从备份找回").await;
    assert!(!officer.page().shows("没有找回").await, "nothing is gone");
    officer.go("/records").await;
    officer.page().sees("只在本机的甲").await;
    officer.page().sees("只在本机的乙").await;
    officer.find_network().await;
    officer.is_let_in_again(server).await;
    officer.sync().await;
    officer.go("/records").await;
    for brief in ["已经送达的纠纷", "只在本机的甲", "只在本机的乙"] {
        officer.page().sees(brief).await;
    }
    // The filter of the list bears the word once, and so do the two texts themselves.
    tests::eventually("the end of what is on this phone alone", || async {
        let text = officer.page().text().await;
        (text.matches(words::ON_PHONE.zh).count() == 3).then_some(())
    })
    .await;
    journal_holds(officer, 0).await;
}

#[tokio::test]
async fn f04_flipped_bytes_that_empty_the_database_are_noticed_and_healed() {
    let mut server = Server::demo().await;
    let mut officer = officer_with_work(&mut server).await;
    officer.browser.kill().await;
    let log = log(officer.browser.profile());
    let mut bytes = std::fs::read(&log).expect("the log");
    for byte in bytes.iter_mut().skip(20).take(5) {
        *byte ^= 0x55;
    }
    std::fs::write(&log, bytes).expect("the damaged log");
    officer.browser.open().await;
    officer.go("/").await;
    nothing_is_gone(&server, &mut officer, "浏览器丢失了本机保存的数据").await;
}

#[tokio::test]
async fn f05_a_log_cut_at_ten_places_is_noticed_each_time() {
    let mut server = Server::demo().await;
    let mut officer = officer_with_work(&mut server).await;
    // A cut before this place loses at least the save that follows.
    let before = std::fs::metadata(log(officer.browser.profile())).expect("the log");
    let before = usize::try_from(before.len()).expect("small");
    officer.register_dispute("桥头", "最后保存的纠纷").await;
    journal_holds(&officer, 3).await;
    officer.browser.kill().await;
    let log = log(officer.browser.profile());
    let whole = std::fs::read(&log).expect("the log");
    let kept = tempfile::tempdir().expect("a folder");
    copy(officer.browser.profile(), kept.path());
    for tenth in 0..10 {
        restore(kept.path(), officer.browser.profile());
        let end = before * (10 - tenth) / 10;
        std::fs::write(&log, whole.get(..end).unwrap_or_default()).expect("the cut log");
        officer.browser.open().await;
        officer.go("/").await;
        officer.page().sees("浏览器丢失了本机").await;
        officer.go("/records").await;
        officer.page().sees("最后保存的纠纷").await;
        officer.page().sees("只在本机的甲").await;
        officer.page().sees("只在本机的乙").await;
        officer.browser.kill().await;
    }
}

#[tokio::test]
async fn f07_evicted_databases_come_back_and_a_code_for_the_phone_lets_it_in_again() {
    let mut server = Server::demo().await;
    let mut officer = officer_with_work(&mut server).await;
    let wish = json!({
        "origin": officer.gate.url(),
        "storageTypes": "indexeddb,cache_storage",
    });
    officer
        .browser
        .cdp("Storage.clearDataForOrigin", wish)
        .await;
    // The page itself comes from the network: its cache is gone too.
    officer.browser.kill().await;
    officer.gate.set(Mode::Open);
    officer.browser.open().await;
    officer.go("/").await;
    nothing_is_gone(&server, &mut officer, "浏览器丢失了本机保存的数据").await;
}

#[tokio::test]
async fn f06_a_database_that_does_not_open_stops_nobody() {
    let mut server = Server::demo().await;
    let mut officer = officer_with_work(&mut server).await;
    let refuse = "indexedDB.open = () => { const asked = new EventTarget(); \
        Object.defineProperty(asked, 'error', { value: new DOMException('x', 'UnknownError') }); \
        Object.setPrototypeOf(asked, IDBOpenDBRequest.prototype); \
        throw new DOMException('Internal error opening backing store', 'UnknownError'); };";
    let wish = json!({ "source": refuse });
    let added = officer
        .browser
        .cdp("Page.addScriptToEvaluateOnNewDocument", wish)
        .await;
    officer.go("/").await;
    officer.page().sees("备用存储").await;
    officer.page().sees("没有信号时").await;
    officer
        .register_dispute("桥头", "数据库打不开时的纠纷")
        .await;
    officer.go("/records").await;
    for brief in ["只在本机的甲", "只在本机的乙", "数据库打不开时的纠纷"] {
        officer.page().sees(brief).await;
    }
    // The database opens again: what was recorded meanwhile is put into it.
    let wish = json!({ "identifier": added["identifier"] });
    officer
        .browser
        .cdp("Page.removeScriptToEvaluateOnNewDocument", wish)
        .await;
    officer.die_and_wake().await;
    officer.go("/records").await;
    officer.page().sees("数据库打不开时的纠纷").await;
    officer.find_network().await;
    officer.sync().await;
}

#[tokio::test]
async fn f06_an_overwritten_current_file_loses_nothing() {
    let mut server = Server::demo().await;
    let mut officer = officer_with_work(&mut server).await;
    officer.browser.kill().await;
    let files = files(officer.browser.profile());
    let current = files.iter().find(|path| path.ends_with("CURRENT"));
    std::fs::write(current.expect("the file"), b"no such manifest\n").expect("overwrites");
    officer.browser.open().await;
    officer.go("/").await;
    // Chromium does not open it any more, and starts no empty one either.
    officer.page().sees("备用存储").await;
    officer.go("/records").await;
    officer.page().sees("只在本机的甲").await;
    officer.page().sees("只在本机的乙").await;
    officer.find_network().await;
    officer.is_let_in_again(&server).await;
    officer.sync().await;
    officer.go("/records").await;
    officer.page().sees("已经送达的纠纷").await;
}

fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp")
        .arg("-a")
        .arg(from.join("Default"))
        .arg(to)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "copied");
}

fn restore(from: &Path, to: &Path) {
    std::fs::remove_dir_all(to.join("Default")).expect("removes");
    copy(from, to);
}

#[tokio::test]
async fn dm4_f18_a_record_that_the_app_crashed_on_is_left_alone_and_can_be_tried_again() {
    let mut server = Server::demo().await;
    let officer = officer_with_work(&mut server).await;
    let case = officer.register_dispute("桥头", "打开时出错的纠纷").await;
    let id = case.rsplit('/').next().unwrap_or_default().to_owned();
    // As the last words of a start that crashed while it read this record.
    let crashed = format!("localStorage.setItem('fengge.attempts', '1 - {id}')");
    officer.page().run(&crashed).await;
    officer.go("/").await;
    officer.page().heading(words::TODAY).await;
    officer.go(&case).await;
    officer.page().sees("先放在一边").await;
    officer.page().press(words::TRY_AGAIN).await;
    officer.page().sees("打开时出错的纠纷").await;
}

#[tokio::test]
async fn dm4_f18_after_three_crashes_in_a_row_the_app_offers_what_was_not_sent() {
    let mut server = Server::demo().await;
    let officer = officer_with_work(&mut server).await;
    let crashed = "localStorage.setItem('fengge.attempts', '3 -')";
    officer.page().run(crashed).await;
    officer.go("/").await;
    officer.page().sees("连续几次出错停下").await;
    // What waits goes to the station on a colleague's tablet, without a record being opened here.
    let (file, code) = crate::carry::exported(&officer).await;
    assert!(!file.contains("只在本机的甲"));
    let tablet = Person::join(&mut server, "station", DESK).await;
    tablet.go("/carry").await;
    crate::carry::send_along(&tablet, &file, &code).await;
    tablet.page().sees_word(words::CARRY_TAKEN).await;
    tablet.go("/").await;
    tablet.page().fill(words::SEARCH, "只在本机的甲").await;
    tablet.page().sees("显示 1 / 1").await;
    officer.page().press(words::OPEN_AGAIN).await;
    officer.page().heading(words::TODAY).await;
    officer.go("/records").await;
    officer.page().sees("只在本机的甲").await;
}

/// Overwrites the running app's memory: whatever it does next ends in a trap.
const WRECK: &str = r"
    const done = arguments[arguments.length - 1];
    import(document.getElementById('start').dataset.script)
        .then(({ default: init }) => init())
        .then((app) => { new Uint8Array(app.memory.buffer).fill(255); done(true); });
";

#[tokio::test]
async fn dm5_f18_an_app_that_stops_says_so_and_starts_without_records_after_the_third_time() {
    let mut server = Server::demo().await;
    let officer = officer_with_work(&mut server).await;
    for _ in 0..3 {
        officer.go("/").await;
        officer.page().heading(words::TODAY).await;
        officer.page().sees_no_text("出错停下").await;
        officer.page().run_async(WRECK).await;
        officer
            .page()
            .run("window.dispatchEvent(new Event('popstate'))")
            .await;
        officer.page().sees("枫格出错停下了").await;
        officer.page().sees("已保存的记录都在本机").await;
    }
    officer
        .page()
        .run("document.querySelector('.stopped a').click()")
        .await;
    officer.page().sees("连续几次出错停下").await;
    officer.page().press(words::OPEN_AGAIN).await;
    officer.page().heading(words::TODAY).await;
    officer.go("/records").await;
    officer.page().sees("只在本机的甲").await;
}
