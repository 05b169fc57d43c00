//! QT, AC: what a device with every right can make the server keep, hold up or give out.

use domain::document::{Document, Edit};
use domain::id::PhotoHash;
use domain::sync::message::{Batch, HEAD_BYTES_MAX, Item, Request};
use domain::sync::sum::{Mark, Sum};
use sqlx::Row as _;
use sync_server::admin::{Command, RecordAction};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::damage::{Scene, forge, run, scene, sql};
use crate::phone::{EXCHANGE, Phone, batch, command, town};
use crate::proof::Key;
use crate::server::{Answer, BINARY, TestServer};

async fn number(server: &TestServer, what: &'static str) -> i64 {
    let rows = sql(server, what, &[]).await;
    let first = rows.first().and_then(|row| row.get::<Option<i64>, _>(0));
    first.unwrap_or(0)
}

/// A signed request that brings this and asks for nothing.
fn signed(phone: &Phone, key: &Key, items: &[(Item, &str)]) -> Vec<u8> {
    let mut batch = batch(0, items);
    batch.no = Batch::number(&batch.digest());
    let mut request = Request {
        batch: Some(batch),
        ..phone.request()
    };
    request.ask.page_kib = 0;
    let message = request.encode_to_sign(None);
    message.map(|message| key.sign(message)).unwrap_or_default()
}

/// Seen: 20 requests of which each named a change 2,000 times that the server had, and each was kept as
/// a proof of 66 KB; a request of which something was refused was kept as a proof each time it came.
#[tokio::test]
async fn qt9_what_brings_nothing_new_leaves_nothing_and_what_proves_counts_with_the_day() {
    const PROOFS: &str = "SELECT COUNT(*) FROM proof";
    let server = town().await;
    let (mut one, key) = Phone::signing(&server, 1, "one").await;
    let had: Vec<_> = (0..40).map(|_| (one.hazard("a1").2, "a1")).collect();
    one.push_signed(&server, &had, &key).await;
    let (proofs, bytes) = (
        number(&server, PROOFS).await,
        "SELECT SUM(bytes) FROM usage",
    );
    let before = number(&server, bytes).await;
    let refused = one.hazard("b1").2;
    for n in [0, 1, 1, 1] {
        let mut many = had[n..].to_vec();
        many.push((refused.clone(), "b1"));
        let body = signed(&one, &key, &many);
        let answer = server.post(EXCHANGE, &body).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(number(&server, PROOFS).await, proofs);
    assert_eq!(number(&server, bytes).await, before);
    let mut many = had;
    many.push((one.hazard("a1").2, "a1"));
    let body = signed(&one, &key, &many);
    assert_eq!(server.post(EXCHANGE, &body).await.status, 200);
    assert_eq!(number(&server, PROOFS).await, proofs + 1);
    let names = "SELECT MAX(length(names)) FROM proof";
    let (used, names) = (number(&server, bytes).await, number(&server, names).await);
    assert!(used - before > names && names > 40 * 32, "{used} {names}");
    server.stop().await;
}

/// Seen: after a record was taken out of use of which a change was set aside, the sum that phones were
/// told was never that of what they got.
#[tokio::test]
async fn qt8_ck3_sums_are_right_when_a_record_with_a_damaged_change_goes_and_comes_back() {
    let Scene {
        server,
        items,
        second: id,
        ..
    } = scene().await;
    forge(&server, items[2].change.hash()).await;
    let by = || Some("chief".to_owned());
    let reason = || "junk".to_owned();
    let retire = RecordAction::Retire {
        record: Some(id),
        device: None,
        since: None,
        until: None,
        reason: reason(),
        by: by(),
        dry_run: false,
    };
    let (record, restore_by, restore_reason) = (id, by(), reason());
    let restore = RecordAction::Restore {
        record,
        reason: restore_reason,
        by: restore_by,
    };
    let first = [None, Some(retire), Some(restore)];
    for (n, action) in (7_u8..).zip(first) {
        if let Some(action) = action {
            run(&server, Command::Record { action }).await;
        }
        // The first to be told finds what is damaged, and the next gets a sum without it.
        let mut fresh = Phone::joined(&server, n, "duty").await;
        let mut got = None;
        for _ in 0..2 {
            fresh.cursor.clear();
            got = Some(fresh.pull(&server).await);
        }
        let got = got.expect("an answer");
        let mut own = Sum::default();
        for entry in &got.entries {
            own.add(Mark::of(entry.doc, entry.change.hash()));
        }
        assert_eq!(got.sum, Some(own.short()), "{n}: {}", got.entries.len());
    }
    server.stop().await;
}

/// Somebody who was shut out while the last byte of his request was on its way gets nothing; a colleague
/// who is as slow is answered.
#[tokio::test]
async fn ac10_a_request_that_is_slower_than_its_device_s_revocation_gets_nothing() {
    let server = town().await;
    let thief = Phone::joined(&server, 1, "one").await;
    let colleague = Phone::joined(&server, 2, "two").await;
    let mut other = Phone::joined(&server, 3, "duty").await;
    let mut slow = [
        Slow::begin(&server, &thief).await,
        Slow::begin(&server, &colleague).await,
    ];
    // What came before on other connections was read by the time that this is answered.
    for _ in 0..3 {
        other.pull(&server).await;
    }
    command(&server, &["device", "revoke", &thief.device.hex()])
        .await
        .expect("revoked");
    let [of_thief, of_colleague] = &mut slow;
    assert_eq!(of_thief.end().await.status, 403);
    assert_eq!(of_colleague.end().await.status, 200);
    server.stop().await;
}

/// A request of which all but the last byte was sent.
struct Slow {
    stream: TcpStream,
    last: u8,
}

impl Slow {
    async fn begin(server: &TestServer, phone: &Phone) -> Self {
        let mut request = phone.request();
        // So long, and so hard to pack, that its sender is looked up before it is whole; a cursor that
        // nobody reads.
        let noise = |n: u64| PhotoHash::of(&n.to_be_bytes()).0;
        request.ask.cursor = (0..300).flat_map(noise).collect();
        let mut bytes = request.encode();
        assert!(bytes.len() > HEAD_BYTES_MAX + 1, "{}", bytes.len());
        let head = format!(
            "POST {EXCHANGE} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
             content-length: {}\r\n{BINARY}\r\n",
            bytes.len()
        );
        let last = bytes.pop().unwrap_or_default();
        let mut stream = TcpStream::connect(server.address).await.expect("connects");
        let all = [head.into_bytes(), bytes].concat();
        stream.write_all(&all).await.expect("written");
        Self { stream, last }
    }

    async fn end(&mut self) -> Answer {
        self.stream.write_all(&[self.last]).await.expect("written");
        let mut all = Vec::new();
        self.stream.read_to_end(&mut all).await.expect("an answer");
        Answer::parse(&all)
    }
}

/// Two devices of one person: the long batch of the first is never judged while nobody else can write.
#[tokio::test]
async fn qt4_a_long_batch_that_is_disturbed_all_the_time_holds_up_nobody_else() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let two = Phone::joined(&server, 2, "one").await;
    let (id, _, item) = one.hazard("a1");
    one.push(&server, 1, &[(item.clone(), "a1")]).await;
    let (mut mine, _) = Document::from_changes([item.change.bytes()]);
    let many: Vec<_> = (0..600)
        .map(|n| {
            let edit = Edit::new("place", format!("{n} m").as_str());
            (one.change(id, &mut mine, &[edit]), "a1")
        })
        .collect();
    let receipts = |phone: &Phone, no, items: &[(Item, &str)]| {
        let mut request = Request {
            batch: Some(batch(no, items)),
            ..phone.request()
        };
        request.ask.page_kib = 0;
        request.encode()
    };
    let long = receipts(&one, 2, &many);
    let (mut theirs, _) = Document::from_changes([item.change.bytes()]);
    let small: Vec<_> = (0..60)
        .map(|n| {
            let edit = Edit::new("place", format!("{n} km").as_str());
            let item = two.change(id, &mut theirs, &[edit]);
            receipts(&two, 10 + n, &[(item, "a1")])
        })
        .collect();
    let disturbing = async {
        for body in &small {
            assert_eq!(server.post(EXCHANGE, body).await.status, 200);
        }
    };
    let (answer, ()) = tokio::join!(server.post(EXCHANGE, &long), disturbing);
    // It is taken in a quiet moment, or its device comes again: at the latest once it is quiet.
    assert!(
        matches!(answer.status, 200 | 503 | 429),
        "{}",
        answer.status
    );
    assert_eq!(server.post(EXCHANGE, &long).await.status, 200);
    let all = "SELECT COUNT(*) FROM entry";
    assert_eq!(number(&server, all).await, 1 + 600 + 60);
    server.stop().await;
}
