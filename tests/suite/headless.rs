//! Headless phones against the real server, over lines that break.

use std::collections::BTreeSet;
use std::path::Path;

use tests::bench_server::BenchServer;
use tests::headless::record;
use tests::headless::shell::{Shell, now};
use tests::proxy::{Profile, Proxy};
use tests::workload::Workload;

const RECORDS: usize = 40;
const CODE: &str = "BNCH-0001";

fn apply(phone: &mut Shell, operations: &str) {
    let grid = phone.grid().expect("a grid");
    for line in operations.lines() {
        let operation = serde_json::from_str(line).expect("an operation");
        let command = record::command(&operation, &grid, now()).expect("a command");
        phone.act(command).expect("saves");
    }
    phone.settle().expect("writes");
}

fn dump(phone: &Shell) -> BTreeSet<String> {
    let store = &phone.store().kept;
    let records = store.rows().map(|row| store.load(row.id));
    records
        .map(|stored| record::dump(&stored).to_string())
        .collect()
}

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
        apply(&mut one, &first.initial);
        apply(&mut two, &second.initial);
        one.sync().await.expect("finishes");
        two.sync().await.expect("finishes");
        one.sync().await.expect("finishes");
        assert!(proxy.tally().cuts > 0);
        assert_eq!(dump(&one).len(), 2 * RECORDS, "cut after {cut_after}");
        assert_eq!(dump(&one), dump(&two), "cut after {cut_after}");
        // What was saved is there after a new start, and nothing waits to be sent.
        drop(two);
        let [_, dir] = &folders;
        assert_eq!(dump(&open(dir.path(), &proxy.url())), dump(&one));
    }
}
