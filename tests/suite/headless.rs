//! Headless phones against the real server, over lines that break.

use std::path::Path;

use tests::bench_server::BenchServer;
use tests::headless::shell::Shell;
use tests::proxy::{Profile, Proxy};
use tests::workload::Workload;

const RECORDS: usize = 40;
const CODE: &str = "BNCH-0001";

fn open(dir: &Path, url: &str) -> Shell {
    Shell::open(dir, url, CODE).expect("opens")
}

#[tokio::test]
async fn f29_two_phones_agree_over_lines_that_break_at_every_few_bytes() {
    let (first, second) = (Workload::invent(1, RECORDS), Workload::invent(2, RECORDS));
    for cut_after in [900, 2_500, 7_000] {
        let profile = Profile {
            cut_after: Some(cut_after),
            ..Profile::CLEAR
        };
        let data = tempfile::tempdir().expect("a folder");
        let server = BenchServer::start(data.path(), CODE).await;
        let proxy = Proxy::before(server.address(), profile).await;
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let [mut one, mut two] = folders.each_ref().map(|dir| open(dir.path(), &proxy.url()));
        one.apply(&first.initial);
        two.apply(&second.initial);
        one.sync().await.expect("finishes");
        two.sync().await.expect("finishes");
        one.sync().await.expect("finishes");
        assert!(proxy.tally().cuts > 0);
        assert_eq!(one.dump().len(), 2 * RECORDS, "cut after {cut_after}");
        assert_eq!(one.dump(), two.dump(), "cut after {cut_after}");
        // What was saved is there after a new start, and nothing waits to be sent.
        drop(two);
        let [_, dir] = &folders;
        assert_eq!(open(dir.path(), &proxy.url()).dump(), one.dump());
    }
}

/// Puts what lies in one folder in the place of what lies in another.
fn replace(to: &Path, from: &Path) {
    for entry in std::fs::read_dir(to).expect("a folder") {
        std::fs::remove_file(entry.expect("an entry").path()).expect("removes");
    }
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copies");
    }
}

#[tokio::test]
async fn f31_a_server_restored_from_a_backup_gets_everything_back_from_the_phones() {
    let texts = [1, 2, 3].map(|seed| Workload::invent(seed, RECORDS));
    let (data, backup) = (tempfile::tempdir(), tempfile::tempdir());
    let (data, backup) = (data.expect("a folder"), backup.expect("a folder"));
    let [first, second, third] = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let server = BenchServer::start(data.path(), CODE).await;
    let mut one = open(first.path(), &format!("http://{}", server.address()));
    one.apply(&texts[0].initial);
    one.sync().await.expect("finishes");
    server.kill().await;
    replace(backup.path(), data.path());

    // After the backup: more by the first phone, edits by a second one that has joined since.
    let server = BenchServer::start(data.path(), CODE).await;
    let url = format!("http://{}", server.address());
    let (mut one, mut two) = (open(first.path(), &url), open(second.path(), &url));
    one.apply(&texts[1].initial);
    one.sync().await.expect("finishes");
    two.sync().await.expect("finishes");
    two.apply(&texts[0].edits_a);
    two.sync().await.expect("finishes");
    two.apply(&texts[0].edits_b);
    server.kill().await;
    replace(data.path(), backup.path());

    // The log grows again before the first phone comes back: its cursor looks as if it were good.
    let server = BenchServer::start(data.path(), CODE).await;
    let url = format!("http://{}", server.address());
    let [mut one, mut two, mut three] = [&first, &second, &third].map(|dir| open(dir.path(), &url));
    three.apply(&texts[2].initial);
    for _ in 0..2 {
        for phone in [&mut three, &mut two, &mut one] {
            phone.sync().await.expect("finishes");
        }
    }
    assert_eq!(one.dump().len(), 3 * RECORDS);
    assert_eq!(one.dump(), two.dump());
    assert_eq!(one.dump(), three.dump());
    for phone in [&one, &two, &three] {
        assert_eq!(phone.store().kept.aside(), []);
    }
}

#[tokio::test]
async fn bd7_a_first_load_by_file_is_not_sent_again_over_the_line() {
    let work = Workload::invent(1, 600);
    let data = tempfile::tempdir().expect("a folder");
    let server = BenchServer::start(data.path(), CODE).await;
    let folders = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let url = format!("http://{}", server.address());
    let mut old = open(folders[0].path(), &url);
    old.apply(&work.initial);
    old.sync().await.expect("finishes");
    let load = old.hand_over().expect("records");

    let mut bytes = Vec::new();
    for (dir, load) in [(&folders[1], Some(load)), (&folders[2], None)] {
        let proxy = Proxy::before(server.address(), Profile::CLEAR).await;
        let mut new = open(dir.path(), &proxy.url());
        if let Some(load) = load {
            assert_eq!(new.take_in(load).expect("writes"), Some(600));
            assert_eq!(new.dump(), old.dump());
        }
        new.sync().await.expect("finishes");
        assert_eq!(new.dump(), old.dump());
        assert_eq!(new.store().kept.aside(), []);
        let tally = proxy.tally();
        bytes.push(tally.up + tally.down);
    }
    // One exchange that joins, against a first load of all the texts.
    assert!(bytes[0] < 2_000 && bytes[1] > 100_000, "{bytes:?}");
}
