//! One device does not stop the others: turns, judging beside the write, and what a day takes.

use domain::access::Refusal;
use domain::document::{Document, Edit};
use domain::sync::message::{Item, ItemResult, READS_CELLS, Request};
use sync_server::admin::{AuditAction, Command, RecordAction};
use sync_server::limits;
use sync_server::store::Store;
use sync_server::store::usage::Quotas;

use crate::phone::{Phone, batch, entries, town};
use crate::server::{Answer, TestServer};

const EXCHANGE: &str = "/api/v1/exchange";

/// A request that brings so many new hazards.
fn bringing(phone: &mut Phone, no: u64, count: usize) -> Vec<u8> {
    let items: Vec<_> = (0..count).map(|_| (phone.hazard("a1").2, "a1")).collect();
    encoded(phone, no, &items)
}

fn encoded(phone: &Phone, no: u64, items: &[(Item, &str)]) -> Vec<u8> {
    let mut request = Request {
        batch: Some(batch(no, items)),
        ..phone.request()
    };
    request.ask.page_kib = 0;
    request.encode()
}

/// The refusal of one that has to wait, and how many seconds.
fn wait(answer: &Answer) -> (u16, String, u32) {
    let said: serde_json::Value = serde_json::from_slice(&answer.body).expect("json");
    let seconds = answer.header("retry-after").and_then(|s| s.parse().ok());
    assert_eq!(said["wait_s"].as_u64(), seconds.map(u64::from));
    (answer.status, answer.code(), seconds.expect("a time"))
}

pub async fn count(server: &TestServer, query: &'static str) -> i64 {
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut view = store.view().await.expect("a view");
    let count = sqlx::query_scalar(query).fetch_one(&mut *view).await;
    drop(view);
    store.close().await;
    count.expect("a number")
}

/// Seen: 1,900 refused changes of one record held the write lock for 4.5 s.
#[tokio::test]
async fn qt1_what_need_not_be_written_is_answered_while_somebody_else_writes() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let two = Phone::joined(&server, 2, "two").await;
    let taken = bringing(&mut one, 1, 3);
    assert_eq!(server.post(EXCHANGE, &taken).await.status, 200);
    let store = Store::open(server.data(), false).await.expect("opens");
    let write = store.begin().await.expect("the write lock");
    let again = server.post(EXCHANGE, &taken).await;
    assert_eq!(again.status, 200);
    let read = server.post(EXCHANGE, &two.request().encode()).await;
    assert_eq!(read.status, 200);
    drop(write);
    store.close().await;
    server.stop().await;
}

/// Seen: ten parallel batches of 1,900 new records from one device gave everybody else 503.
#[tokio::test]
async fn qt2_a_device_that_floods_keeps_nobody_else_waiting() {
    let server = town().await;
    let mut flood = Phone::joined(&server, 1, "one").await;
    let mut honest = Phone::joined(&server, 2, "two").await;
    let batches: Vec<_> = (1..=5).map(|no| bringing(&mut flood, no, 250)).collect();
    let mine = bringing(&mut honest, 1, 2);
    let posts = batches.iter().map(|bytes| server.post(EXCHANGE, bytes));
    let flooding = async {
        let mut all = Vec::new();
        let mut posts: Vec<_> = posts.map(Box::pin).collect();
        while !posts.is_empty() {
            let (answer, _, rest) = select_all(posts).await;
            all.push((answer, std::time::Instant::now()));
            posts = rest;
        }
        all
    };
    let served = async {
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.push(
                server
                    .post(EXCHANGE, &honest.request().encode())
                    .await
                    .status,
            );
        }
        answers.push(server.post(EXCHANGE, &mine).await.status);
        (answers, std::time::Instant::now())
    };
    let (flooded, (answers, done)) = tokio::join!(flooding, served);
    assert_eq!(answers, [200; 4]);
    assert!(flooded.iter().any(|(_, at)| *at > done), "before the flood");
    for (answer, _) in &flooded {
        if answer.status != 200 {
            assert_eq!(wait(answer).0, 429);
        }
    }
    server.stop().await;
}

/// The first of some futures that is ready, and the rest.
async fn select_all<F: Future + Unpin>(mut all: Vec<F>) -> (F::Output, usize, Vec<F>) {
    let (output, place) = std::future::poll_fn(|cx| {
        for (place, one) in all.iter_mut().enumerate() {
            if let std::task::Poll::Ready(output) = std::pin::Pin::new(one).poll(cx) {
                return std::task::Poll::Ready((output, place));
            }
        }
        std::task::Poll::Pending
    })
    .await;
    drop(all.remove(place));
    (output, place, all)
}

#[tokio::test]
async fn qt4_devices_that_write_on_one_record_at_once_get_what_they_would_get_in_turn() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let two = Phone::joined(&server, 2, "two").await;
    let (id, _, item) = one.hazard("a1");
    one.push(&server, 1, &[(item.clone(), "a1")]).await;
    let edits = |phone: &Phone, from: u8| -> Vec<Vec<u8>> {
        let (mut own, _) = Document::from_changes([item.change.bytes()]);
        (0..8_u8)
            .map(|n| {
                let edit = Edit::new("place", format!("{} km", from + n).as_str());
                let item = phone.change(id, &mut own, &[edit]);
                encoded(phone, 10 + u64::from(n), &[(item, "a1")])
            })
            .collect()
    };
    let (mine, theirs) = (edits(&one, 31), edits(&two, 101));
    let push = async |all: &[Vec<u8>]| {
        for bytes in all {
            let answer = server.post(EXCHANGE, bytes).await;
            assert_eq!(answer.status, 200);
            let lean = domain::sync::message::Answer::decode(&answer.body).expect("an answer");
            let results = lean.answer.receipt.expect("a receipt").results;
            assert!(
                matches!(results.as_slice(), [ItemResult::Kept(_)]),
                "{results:?}"
            );
        }
    };
    tokio::join!(push(&mine), push(&theirs));
    assert_eq!(entries(&server).await, 17);
    let mut out = Vec::new();
    let rebuilt = sync_server::admin::run(Command::Rebuild, &server.config, &mut out).await;
    assert!(rebuilt.is_ok(), "{}", String::from_utf8_lossy(&out));
    server.stop().await;
}

/// Seen: 11,400 junk records in 11 s.
#[tokio::test]
async fn qt5_a_device_that_used_up_its_day_waits_and_others_and_reading_go_on() {
    let few = Quotas {
        records: 5,
        refused: 4,
        ..Quotas::default()
    };
    let server = town().await.restart_with(few).await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut other = Phone::joined(&server, 2, "one").await;
    let first = bringing(&mut one, 1, 4);
    for _ in 0..3 {
        // The same once more is no more.
        assert_eq!(server.post(EXCHANGE, &first).await.status, 200);
    }
    let second = bringing(&mut one, 2, 4);
    assert_eq!(server.post(EXCHANGE, &second).await.status, 200);
    let third = bringing(&mut one, 3, 1);
    let (status, code, seconds) = wait(&server.post(EXCHANGE, &third).await);
    assert_eq!((status, code.as_str()), (429, "too_many"));
    assert!((1..=86_401).contains(&seconds));
    assert_eq!(entries(&server).await, 8);
    // What was taken is answered for, reading goes on, and so do others, also of the same person.
    assert_eq!(server.post(EXCHANGE, &first).await.status, 200);
    assert_eq!(
        server.post(EXCHANGE, &one.request().encode()).await.status,
        200
    );
    // What is refused counts once, however often somebody sends it again.
    let (_, _, foreign) = other.hazard("b1");
    let foreign: Vec<_> = vec![(foreign, "b1"); 3];
    let refused = encoded(&other, 9, &foreign);
    for _ in 0..5 {
        assert_eq!(server.post(EXCHANGE, &refused).await.status, 200);
    }
    let mine = bringing(&mut other, 1, 2);
    assert_eq!(server.post(EXCHANGE, &mine).await.status, 200);
    // The next day everything goes on.
    let server = server.restart_later(1).await;
    assert_eq!(server.post(EXCHANGE, &third).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn qt7_what_is_refused_again_is_not_written_again() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let foreign: Vec<_> = (0..20).map(|_| (one.hazard("b1").2, "b1")).collect();
    for no in 1..=3 {
        let refused = encoded(&one, no, &foreign);
        assert_eq!(server.post(EXCHANGE, &refused).await.status, 200);
    }
    assert_eq!(count(&server, "SELECT COUNT(*) FROM poison").await, 20);
    assert_eq!(count(&server, "SELECT MAX(id) FROM poison").await, 20);
    for no in 10..17 {
        let many: Vec<_> = (0..190).map(|_| (one.hazard("b1").2, "b1")).collect();
        let refused = encoded(&one, no, &many);
        assert_eq!(server.post(EXCHANGE, &refused).await.status, 200);
    }
    assert_eq!(count(&server, "SELECT COUNT(*) FROM poison").await, 1_000);
    server.stop().await;
}

#[tokio::test]
async fn qt6_the_station_is_told_which_of_its_devices_used_up_its_day_and_nobody_else_is() {
    let few = Quotas {
        records: 2,
        ..Quotas::default()
    };
    let server = town().await.restart_with(few).await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let tablets = [("duty", true), ("two", false), ("far", false)];
    let mut told = Vec::new();
    for (number, (person, is_told)) in (5_u8..).zip(tablets) {
        told.push((Phone::joined(&server, number, person).await, is_told));
    }
    let used_up = async |phone: &Phone| {
        let mut request = phone.request();
        request.ask.page_kib |= READS_CELLS;
        let answer = server.post(EXCHANGE, &request.encode()).await;
        let lean = domain::sync::message::Answer::decode(&answer.body).expect("an answer");
        lean.answer.notices()
    };
    for (phone, _) in &told {
        assert_eq!(used_up(phone).await, []);
    }
    let many = bringing(&mut one, 1, 2);
    assert_eq!(server.post(EXCHANGE, &many).await.status, 200);
    for (phone, is_told) in &told {
        let named: Vec<_> = used_up(phone)
            .await
            .into_iter()
            .map(|one| one.name)
            .collect();
        let expected: &[&str] = if *is_told { &["One"] } else { &[] };
        assert_eq!(named, expected, "{}", phone.person);
    }
    server.stop().await;
}

/// Runs a command for the admin and gives what it prints.
async fn admin(server: &TestServer, command: Command) -> Result<String, String> {
    let mut out = Vec::new();
    let done = sync_server::admin::run(command, &server.config, &mut out).await;
    done.map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).expect("text"))
}

fn retire(device: &Phone, dry_run: bool) -> Command {
    let action = RecordAction::Retire {
        record: None,
        device: Some(device.device.hex()),
        since: Some("2020-01-01".to_owned()),
        until: None,
        reason: "junk from a stolen phone".to_owned(),
        by: Some("chief".to_owned()),
        dry_run,
    };
    Command::Record { action }
}

#[tokio::test]
async fn qt8_junk_is_taken_out_of_use_with_a_line_that_stays_and_comes_back_whole() {
    let server = town().await;
    let mut junk = Phone::joined(&server, 1, "one").await;
    let mut honest = Phone::joined(&server, 2, "two").await;
    let mut station = Phone::joined(&server, 5, "duty").await;
    let (id, mut document, item) = junk.hazard("a1");
    let all: Vec<_> = std::iter::once((item, "a1"))
        .chain((0..4).map(|_| (junk.hazard("a1").2, "a1")))
        .collect();
    junk.push(&server, 1, &all).await;
    let (_, _, item) = honest.hazard("a1");
    honest.push(&server, 1, &[(item, "a1")]).await;
    let before = station.pull(&server).await;
    assert_eq!(before.entries.len(), 6);

    let said = admin(&server, retire(&junk, true)).await.expect("says");
    assert!(said.contains("5 records would be"), "{said}");
    assert_eq!(entries(&server).await, 6);
    let said = admin(&server, retire(&junk, false)).await.expect("done");
    assert!(said.contains("5 records are out of use"), "{said}");
    assert_eq!(count(&server, "SELECT COUNT(*) FROM row").await, 1);
    assert_eq!(count(&server, "SELECT COUNT(*) FROM change").await, 6);

    // Devices hear of it at their place, once; one that begins never had them.
    let mut request = station.request();
    request.ask.page_kib |= READS_CELLS;
    let heard = station.send(&server, &request).await.expect("an answer");
    assert_eq!(heard.retired().len(), 5);
    assert_eq!(heard.retired().get(&id), Some(&true));
    let mut request = station.request();
    request.ask.page_kib |= READS_CELLS;
    let again = station.send(&server, &request).await.expect("an answer");
    assert!(again.retired().is_empty() && again.entries.is_empty());
    let mut new = Phone::joined(&server, 7, "duty").await;
    new.cursor.clear();
    let fresh = new.pull(&server).await;
    assert_eq!(fresh.entries.len(), 1);
    assert_eq!(fresh.sum, again.sum, "sums are of what is in use");

    // What is pushed to one is refused, with a code of its own.
    let edit = junk.change(id, &mut document, &[Edit::new("place", "2 km")]);
    let refused = junk.push(&server, 2, &[(edit, "a1")]).await;
    let results = refused.receipt.expect("a receipt").results;
    assert_eq!(results, [ItemResult::Refused(Refusal::Retired)]);

    let restore = |record| Command::Record {
        action: RecordAction::Restore {
            record,
            reason: "it was real".to_owned(),
            by: Some("chief".to_owned()),
        },
    };
    admin(&server, restore(id)).await.expect("is back");
    assert!(admin(&server, restore(id)).await.is_err());
    let mut request = station.request();
    request.ask.page_kib |= READS_CELLS;
    let back = station.send(&server, &request).await.expect("an answer");
    assert_eq!(back.retired().get(&id), Some(&false));
    assert_eq!(back.entries.len(), 1);
    assert_eq!(back.entries[0].change.bytes(), all[0].0.change.bytes());
    assert_eq!(count(&server, "SELECT COUNT(*) FROM row").await, 2);
    let rebuilt = admin(&server, Command::Rebuild)
        .await
        .expect("nothing differs");
    assert!(
        rebuilt.contains("2 rows folded anew, 0 differed"),
        "{rebuilt}"
    );

    both_are_in_the_audit_for_good(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn qt8_thousands_of_junk_records_go_some_at_a_time_each_with_its_line() {
    let server = town().await;
    let mut junk = Phone::joined(&server, 1, "one").await;
    let many = limits::RETIRED_AT_ONCE + 2;
    let all: Vec<_> = (0..many).map(|_| (junk.hazard("a1").2, "a1")).collect();
    junk.push(&server, 1, &all).await;
    assert_eq!(entries(&server).await, u64::try_from(many).expect("few"));
    let said = admin(&server, retire(&junk, false)).await.expect("done");
    assert!(
        said.contains(&format!("{many} records are out of use")),
        "{said}"
    );
    assert_eq!(entries(&server).await, 0);
    let action = AuditAction::List;
    let audit = admin(&server, Command::Audit { action }).await;
    let audit = audit.expect("a list");
    let counts: Vec<_> = audit.lines().map(|line| line.split('\t').nth(3)).collect();
    let whole = limits::RETIRED_AT_ONCE.to_string();
    assert_eq!(counts, [Some(whole.as_str()), Some("2")]);
    server.stop().await;
}

async fn both_are_in_the_audit_for_good(server: &TestServer) {
    let action = AuditAction::List;
    let audit = admin(server, Command::Audit { action })
        .await
        .expect("a list");
    let lines: Vec<&str> = audit.lines().collect();
    assert_eq!(lines.len(), 2, "{audit}");
    assert!(lines[0].contains("chief\trecord retire device") && lines[0].contains("\t5\tjunk"));
    assert!(lines[1].contains("record restore"));
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut write = store.begin().await.expect("begins");
    for statement in ["DELETE FROM audit", "UPDATE audit SET who = ''"] {
        assert!(sqlx::query(statement).execute(&mut *write).await.is_err());
    }
    drop(write);
    store.close().await;
}
