//! What is damaged on the server's disk is never served and never folded, and comes back from the
//! devices that have it.

use domain::document::{Document, Edit, Hashed};
use domain::id::{ChangeHash, DocId, RecordId};
use domain::sync::message::{Item, ItemResult};
use domain::sync::sum::{Mark, Sum};
use domain::view::Row as RecordRow;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use sync_server::admin::{self, Command};
use sync_server::proof::{self, Verdict};
use sync_server::store::Store;

use crate::frames::{full_town, load};
use crate::phone::{Phone, town};
use crate::proof::pushing;
use crate::server::TestServer;

/// Runs a statement beside the server.
pub async fn sql(server: &TestServer, statement: &'static str, values: &[&[u8]]) -> Vec<SqliteRow> {
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut write = store.begin().await.expect("begins");
    let mut query = sqlx::query(statement);
    for value in values {
        query = query.bind(*value);
    }
    let rows = query.fetch_all(&mut *write).await.expect("rows");
    write.commit().await.expect("commits");
    store.close().await;
    rows
}

/// The stored bytes of a change.
pub async fn stored(server: &TestServer, hash: ChangeHash) -> Vec<u8> {
    let rows = sql(
        server,
        "SELECT bytes FROM change WHERE hash = ?",
        &[&hash.0],
    )
    .await;
    rows[0].get(0)
}

/// Alters the text of a change as somebody would who wants nobody to notice: its inner checksum fits.
pub async fn forge(server: &TestServer, hash: ChangeHash) {
    let mut bytes = stored(server, hash).await;
    let text = bytes.windows(4).position(|four| four == b"xxxx");
    let text = text.expect("a text");
    bytes[text..text + 4].copy_from_slice(b"yyyy");
    let name = Hashed::name(&bytes);
    bytes[4..8].copy_from_slice(&name.0[..4]);
    domain::document::check(&bytes).expect("sound by itself");
    let update = "UPDATE change SET bytes = ? WHERE hash = ?";
    sql(server, update, &[&bytes, &hash.0]).await;
}

async fn count(server: &TestServer, statement: &'static str) -> i64 {
    sql(server, statement, &[]).await[0].get(0)
}

/// Runs a command for the admin; what it printed, and whether it succeeded.
pub async fn run(server: &TestServer, command: Command) -> (String, bool) {
    let mut out = Vec::new();
    let done = admin::run(command, &server.config, &mut out).await;
    (String::from_utf8(out).expect("text"), done.is_ok())
}

/// The row of a record as it is stored.
async fn row(server: &TestServer, record: RecordId) -> Vec<u8> {
    let rows = sql(
        server,
        "SELECT bytes FROM row WHERE record = ?",
        &[&record.bytes()],
    )
    .await;
    rows[0].get(0)
}

/// Three records of one officer; the second has a second change, whose text is long.
pub struct Scene {
    pub server: TestServer,
    pub one: Phone,
    pub items: Vec<Item>,
    pub second: RecordId,
    document: Document,
}

pub async fn scene() -> Scene {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let (_, _, first) = one.hazard("a1");
    let (second, mut document, begins) = one.hazard("a1");
    let text = "x".repeat(300);
    let edit = one.change(
        second,
        &mut document,
        &[Edit::new("description", text.as_str())],
    );
    let (_, _, third) = one.hazard("a1");
    let items = vec![first, begins, edit, third];
    let batch: Vec<_> = items.iter().map(|item| (item.clone(), "a1")).collect();
    one.push(&server, 1, &batch).await;
    Scene {
        server,
        one,
        items,
        second,
        document,
    }
}

fn hash(item: &Item) -> ChangeHash {
    item.change.hash()
}

/// The sum of some changes, as a device tells it.
fn sum(items: &[&Item]) -> [u8; 8] {
    let mut sum = Sum::default();
    for item in items {
        sum.add(Mark::of(item.doc, item.change.hash()));
    }
    sum.short()
}

const ASIDE: &str = "SELECT COUNT(*) FROM damaged WHERE mended_at IS NULL";

#[tokio::test]
async fn ck1_ck2_an_altered_change_is_set_aside_once_and_never_served() {
    let Scene { server, items, .. } = scene().await;
    forge(&server, hash(&items[2])).await;
    let mut two = Phone::joined(&server, 2, "two").await;
    two.cursor.clear();
    let page = two.pull(&server).await;
    let came: Vec<_> = page.entries.iter().map(|entry| &entry.change).collect();
    let sound = [&items[0], &items[1], &items[3]];
    assert_eq!(came, sound.map(|item| &item.change), "the rest arrives");
    assert_eq!(page.sum, Some(sum(&sound)), "the server says what it lacks");
    assert_eq!(count(&server, ASIDE).await, 1);
    // It keeps its name, its place, its writer and its times; the damaged bytes are kept for study.
    let kept = "SELECT c.bytes, c.author, e.seq, length(d.bytes) FROM change c \
                JOIN entry e ON e.change = c.id JOIN damaged d ON d.change = c.id WHERE c.hash = ?";
    let kept = sql(&server, kept, &[&hash(&items[2]).0]).await;
    let (bytes, author): (Vec<u8>, String) = (kept[0].get(0), kept[0].get(1));
    assert_eq!(
        (bytes.len(), author.as_str(), kept[0].get(2)),
        (0, "one", 3_i64)
    );
    let length = i64::try_from(items[2].change.bytes().len()).expect("short");
    assert_eq!(kept[0].get::<i64, _>(3), length);
    // The next devices, and a start, find it aside already.
    let server = server.restart().await;
    let mut duty = Phone::joined(&server, 3, "duty").await;
    duty.cursor.clear();
    assert_eq!(duty.pull(&server).await.entries.len(), 3);
    assert_eq!(count(&server, "SELECT COUNT(*) FROM damaged").await, 1);
    server.stop().await;
}

#[tokio::test]
async fn ck2_what_follows_a_damaged_change_waits_and_the_row_stays_the_last_good_one() {
    let mut scene = scene().await;
    let before = row(&scene.server, scene.second).await;
    forge(&scene.server, hash(&scene.items[2])).await;
    let (one, server) = (&mut scene.one, &scene.server);
    let edits = [Edit::new("place", "9 km")];
    let later = one.change(scene.second, &mut scene.document, &edits);
    let answer = one.push(server, 2, &[(later.clone(), "a1")]).await;
    let missing = ItemResult::Refused(domain::access::Refusal::MissingDeps);
    assert_eq!(answer.receipt.expect("a receipt").results, [missing]);
    assert_eq!(row(server, scene.second).await, before);
    // Another record of the same batch is none the worse for it.
    let (.., fourth) = one.hazard("a1");
    let both = [(later.clone(), "a1"), (fourth, "a1")];
    let results = one
        .push(server, 3, &both)
        .await
        .receipt
        .expect("one")
        .results;
    assert_eq!(results, [missing, ItemResult::Kept(5)]);
    let (said, ok) = run(server, Command::Rebuild).await;
    assert!(ok && said.contains("1 rows stay as they were"), "{said}");
    assert_eq!(row(server, scene.second).await, before);
    // With the damaged one before it, it is taken, and the row follows.
    let both = [(scene.items[2].clone(), "a1"), (later, "a1")];
    let results = one
        .push(server, 4, &both)
        .await
        .receipt
        .expect("one")
        .results;
    assert_eq!(results, [ItemResult::Kept(3), ItemResult::Kept(6)]);
    let row = RecordRow::decode(&row(server, scene.second).await).expect("a row");
    assert_eq!(row.place, "9 km");
    scene.server.stop().await;
}

#[tokio::test]
async fn ck3_whoever_has_it_brings_it_back_to_its_own_place_and_in_its_writers_name() {
    let Scene {
        server,
        items,
        second,
        ..
    } = scene().await;
    let before = row(&server, second).await;
    let mut two = Phone::joined(&server, 2, "two").await;
    let was = "SELECT author, device, device_at, received_at FROM change WHERE hash = ?";
    let facts = |rows: Vec<SqliteRow>| -> (String, Vec<u8>, i64, i64) {
        let row = &rows[0];
        (row.get(0), row.get(1), row.get(2), row.get(3))
    };
    let name = hash(&items[1]);
    let known = facts(sql(&server, was, &[&name.0]).await);
    // The first change of a record: nothing of it can be read without it.
    forge(&server, name).await;
    forge(&server, hash(&items[2])).await;
    let mut duty = Phone::joined(&server, 3, "duty").await;
    duty.cursor.clear();
    let page = duty.pull(&server).await;
    assert_eq!(page.sum, Some(sum(&[&items[0], &items[3]])));
    // Somebody else's device, no healing, in the other order, and once more in the same batch.
    let back = [2, 1, 2].map(|place: usize| (items[place].clone(), "a1"));
    let answer = two.push(&server, 1, &back).await;
    let results = answer.receipt.expect("a receipt").results;
    assert_eq!(results, [3, 2, 3].map(ItemResult::Kept));
    assert_eq!(facts(sql(&server, was, &[&name.0]).await), known);
    for item in &items {
        assert_eq!(stored(&server, hash(item)).await, item.change.bytes());
    }
    assert_eq!(row(&server, second).await, before);
    assert_eq!(count(&server, ASIDE).await, 0);
    let mut late = Phone::joined(&server, 4, "duty").await;
    late.cursor.clear();
    let page = late.pull(&server).await;
    let came: Vec<_> = page
        .entries
        .iter()
        .map(|entry| (entry.seq, &entry.change))
        .collect();
    let all: Vec<_> = (1..).zip(items.iter().map(|item| &item.change)).collect();
    assert_eq!(came, all);
    assert_eq!(page.sum, Some(sum(&items.iter().collect::<Vec<_>>())));
    // One whose cursor had passed the place hears by the sums, and asks for it by name.
    let marks = [1, 2].map(|place: usize| Mark::of(items[place].doc, hash(&items[place])).short());
    let mut request = duty.request();
    request.ask.repair = Some(domain::sync::repair::Repair::Wanted(marks.to_vec()));
    let page = duty.send(&server, &request).await.expect("an answer");
    assert_eq!(page.entries.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn ck3_nobody_brings_back_what_is_not_his_to_write_or_what_are_other_bytes() {
    let Scene { server, items, .. } = scene().await;
    forge(&server, hash(&items[2])).await;
    let mut bytes = stored(&server, hash(&items[2])).await;
    let mut far = Phone::joined(&server, 2, "far").await;
    let results = far.push(&server, 1, &[(items[2].clone(), "a1")]).await;
    let refused = |refusal| ItemResult::Refused(refusal);
    let not_his = refused(domain::access::Refusal::NotYourGrid);
    assert_eq!(results.receipt.expect("one").results, [not_his]);
    let results = far.push(&server, 2, &[(items[2].clone(), "b1")]).await;
    let elsewhere = refused(domain::access::Refusal::Fixed);
    assert_eq!(results.receipt.expect("one").results, [elsewhere]);
    // The forged bytes have another name, and by that they are judged like any others.
    let mut two = Phone::joined(&server, 3, "two").await;
    let forged = Item {
        change: Hashed::of(bytes.clone()),
        ..items[2].clone()
    };
    let results = two
        .push(&server, 1, &[(forged, "a1")])
        .await
        .receipt
        .expect("one")
        .results;
    assert_eq!(results, [refused(domain::access::Refusal::AnotherName)]);
    // The name alone is not enough: a turned bit of the checksum is not hashed.
    bytes = items[2].change.bytes().to_vec();
    bytes[5] ^= 1;
    let turned = Item {
        change: Hashed::of(bytes),
        ..items[2].clone()
    };
    let results = two
        .push(&server, 2, &[(turned, "a1")])
        .await
        .receipt
        .expect("one")
        .results;
    assert_eq!(results, [refused(domain::access::Refusal::Damaged)]);
    assert_eq!(count(&server, ASIDE).await, 1);
    server.stop().await;
}

#[tokio::test]
async fn ck4_prove_and_rebuild_look_at_the_bytes() {
    let server = town().await;
    let (mut one, key) = Phone::signing(&server, 1, "one").await;
    let (request, (doc, name)) = pushing(&mut one);
    let message = request.encode_to_sign(None).expect("to sign");
    let answer = server.post("/api/v1/exchange", &key.sign(message)).await;
    assert_eq!(answer.status, 200);
    let before = row(&server, doc.record).await;
    assert_eq!(verdict(&server, doc).await, Verdict::Holds);
    forge(&server, name).await;
    assert_eq!(verdict(&server, doc).await, Verdict::Damaged);
    let proving = Command::Prove { record: doc.record };
    let (said, _) = run(&server, proving.clone()).await;
    assert!(said.contains("BYTES DO NOT FIT THEIR HASH"), "{said}");
    run(&server, Command::Rebuild).await;
    assert_eq!(
        row(&server, doc.record).await,
        before,
        "nothing forged is folded"
    );
    assert_eq!(verdict(&server, doc).await, Verdict::Aside);
    let (said, _) = run(&server, proving).await;
    assert!(said.contains("set aside"), "{said}");
    // A name that was written over does not fit the device that signed.
    let batch = request.batch.expect("a batch");
    let mut two = Phone::joined(&server, 2, "two").await;
    two.push(&server, 1, &[(batch.items[0].clone(), "a1")])
        .await;
    assert_eq!(verdict(&server, doc).await, Verdict::Holds);
    sql(&server, "UPDATE change SET author = 'two'", &[]).await;
    assert_eq!(verdict(&server, doc).await, Verdict::Broken);
    server.stop().await;
}

async fn verdict(server: &TestServer, doc: DocId) -> Verdict {
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut view = store.view().await.expect("reads");
    let all = proof::of_record(&mut view, doc.record)
        .await
        .expect("reads");
    drop(view);
    store.close().await;
    all[0].verdict
}

#[tokio::test]
async fn ck5_frames_rows_and_receipts_that_were_altered_are_made_anew() {
    let (server, _, records) = full_town().await;
    let mut duty = Phone::joined(&server, 2, "duty").await;
    duty.cursor.clear();
    let (rows, all, _) = load(&server, &mut duty).await;
    for alter in [
        "UPDATE frame SET bytes = CAST(substr(bytes, 1, 50) || x'00' || substr(bytes, 52) AS BLOB)",
        "DELETE FROM frame",
    ] {
        sql(&server, alter, &[]).await;
        // A row that is made up, and reads like any other.
        let third = records[2].bytes();
        let mut bytes = row(&server, records[2]).await;
        let place = bytes.windows(4).position(|four| four == b"2 km");
        let place = place.expect("a place");
        bytes[place] = b'8';
        let update = "UPDATE row SET bytes = ? WHERE record = ?";
        sql(&server, update, &[&bytes, &third]).await;
        let mut tablet = Phone::joined(&server, 3, "duty").await;
        tablet.cursor.clear();
        let (again, entries, _) = load(&server, &mut tablet).await;
        assert_eq!(again, rows, "{alter}");
        assert_eq!(entries, all, "{alter}");
    }
    server.stop().await;
    let Scene {
        server,
        mut one,
        items,
        ..
    } = scene().await;
    let alter = "UPDATE batch SET receipt = CAST(substr(receipt, 1, 20) || x'0707' AS BLOB)";
    sql(&server, alter, &[]).await;
    let batch: Vec<_> = items.iter().map(|item| (item.clone(), "a1")).collect();
    let receipt = one
        .push(&server, 1, &batch)
        .await
        .receipt
        .expect("a receipt");
    assert_eq!(receipt.results, [1, 2, 3, 4].map(ItemResult::Had));
    server.stop().await;
}

#[tokio::test]
async fn ck7_a_start_finds_what_is_damaged_before_anybody_asks() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let made: Vec<_> = (0..60).map(|_| one.hazard("a1").2).collect();
    let batch: Vec<_> = made.iter().map(|item| (item.clone(), "a1")).collect();
    one.push(&server, 1, &batch).await;
    // 25 turned bytes, anywhere: in what is hashed, in the checksum, in the magic number.
    let mut hurt = Vec::new();
    for n in 0..25_usize {
        let item = &made[n * 2];
        let mut bytes = item.change.bytes().to_vec();
        let place = if n < 10 { n } else { (n * 7_919) % bytes.len() };
        bytes[place] ^= 1 << (n % 8);
        let update = "UPDATE change SET bytes = ? WHERE hash = ?";
        sql(&server, update, &[&bytes, &hash(item).0]).await;
        hurt.push(hash(item));
    }
    let server = server.restart().await;
    server.get("/health").await;
    assert_eq!(count(&server, ASIDE).await, 25);
    let mut two = Phone::joined(&server, 2, "two").await;
    two.cursor.clear();
    let page = two.pull(&server).await;
    let came: Vec<_> = page
        .entries
        .iter()
        .map(|entry| entry.change.hash())
        .collect();
    let sound = made.iter().map(hash).filter(|name| !hurt.contains(name));
    assert_eq!(came, sound.collect::<Vec<_>>());
    assert_eq!(count(&server, ASIDE).await, 25);
    server.stop().await;
}

const CHECK: Command = Command::Check { read_only: false };
const LOOK: Command = Command::Check { read_only: true };

#[tokio::test]
async fn ck8_check_prints_each_thing_that_is_wrong_and_is_content_once_it_is_healed() {
    let Scene {
        server,
        items,
        second,
        ..
    } = scene().await;
    let (mut three, key) = Phone::signing(&server, 3, "one").await;
    let (request, (signed, _)) = pushing(&mut three);
    let message = request.encode_to_sign(None).expect("to sign");
    let answer = server.post("/api/v1/exchange", &key.sign(message)).await;
    assert_eq!(answer.status, 200);
    let (said, ok) = run(&server, LOOK).await;
    assert!(ok, "{said}");
    forge(&server, hash(&items[2])).await;
    for alter in [
        "UPDATE row SET status = 'made up' WHERE record = (SELECT record FROM doc WHERE id = 1)",
        "UPDATE stream_sum SET sum = zeroblob(16)",
        "UPDATE batch SET receipt = x'00' WHERE number = 1",
        "INSERT INTO frame (scope, seq, rows, top, within, bytes) VALUES (x'01020304', 1, 1, 1, 0, x'05')",
    ] {
        sql(&server, alter, &[]).await;
    }
    let bytes = items[2].change.bytes().len();
    let expected = [
        format!(
            "{second}\tbody\t{}\tits bytes do not fit its hash",
            hash(&items[2]).hex()
        ),
        format!(
            "{}\t-\t-\tits row is not what its changes say",
            items[0].doc.record
        ),
        "-\t-\t-\tthe sums of the log are not those of its changes".to_owned(),
        "-\t-\t-\ta kept frame does not fit its hash".to_owned(),
        "-\t-\t-\ta kept receipt does not fit its hash".to_owned(),
    ];
    // Looking alone changes nothing, however often.
    for _ in 0..2 {
        let (said, ok) = run(&server, LOOK).await;
        assert!(!ok && said.contains("5 findings, 0 set aside"), "{said}");
        for line in &expected {
            assert!(said.contains(line), "{line} is not in {said}");
        }
    }
    assert_eq!(stored(&server, hash(&items[2])).await.len(), bytes);
    let (said, ok) = run(&server, CHECK).await;
    assert!(!ok && said.contains("1 set aside"), "{said}");
    for line in &expected {
        // The sums were made anew, and the receipts dropped, when the change was set aside.
        let gone = line.contains("sums") || line.contains("receipt");
        assert!(said.contains(line) || gone, "{line} is not in {said}");
    }
    let (said, ok) = run(&server, CHECK).await;
    assert!(!ok && said.contains("1 findings, 0 set aside"), "{said}");
    assert!(said.contains("did not fit its hash on "), "{said}");
    let mut two = Phone::joined(&server, 2, "two").await;
    two.push(&server, 1, &[(items[2].clone(), "a1")]).await;
    let (said, ok) = run(&server, CHECK).await;
    assert!(ok, "{said}");
    stays(&server, signed.record).await;
    server.stop().await;
}

/// What nothing can put right is told each time, and stays.
async fn stays(server: &TestServer, signed: RecordId) {
    for (alter, what) in [
        ("UPDATE proof SET signature = zeroblob(64)", "does not fit"),
        ("DELETE FROM proof", "no signature names it"),
        ("DELETE FROM actor", "author key is not bound to its writer"),
        ("DELETE FROM entry WHERE seq = 1", "has no place in the log"),
    ] {
        sql(server, alter, &[]).await;
        let (said, ok) = run(server, CHECK).await;
        let line = said.lines().find(|line| line.contains(what));
        let line = line.unwrap_or_else(|| panic!("{what} is not in {said}"));
        assert!(!ok && line.contains("stays as it is"), "{line}");
        let of_signed = line.starts_with(&signed.to_string());
        assert!(of_signed || !what.contains("signature"), "{line}");
    }
}

#[tokio::test]
async fn ck9_a_file_that_is_torn_is_said_so_and_what_can_be_read_is_served() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    for no in 1..=8 {
        let made: Vec<_> = (0..100).map(|_| (one.hazard("a1").2, "a1")).collect();
        one.push(&server, no, &made).await;
    }
    let config = server.config.clone();
    let folder = server.leave().await;
    let file = config.data.join("fengge.db");
    let whole = std::fs::read(&file).expect("reads");
    // A page in the middle is torn.
    let mut torn = whole.clone();
    let middle = torn.len() / 2 / 4096 * 4096;
    torn[middle..middle + 4096].fill(0xa5);
    std::fs::write(&file, &torn).expect("writes");
    let (mut out, check) = (Vec::new(), CHECK);
    let done = admin::run(check, &config, &mut out).await;
    let said = String::from_utf8(out).expect("text");
    assert!(
        done.is_err() && said.contains("restore the last backup"),
        "{said}"
    );
    // The file is none.
    let mut none = whole.clone();
    none[..100].fill(0);
    std::fs::write(&file, &none).expect("writes");
    let opened = sync_server::Server::open(&config).await;
    let error = opened.expect_err("no database").to_string();
    assert!(error.contains("restore the last backup"), "{error}");
    // It is gone, and its log is there.
    std::fs::remove_file(&file).expect("removes");
    std::fs::write(config.data.join("fengge.db-wal"), [0; 32]).expect("writes");
    let opened = sync_server::Server::open(&config).await;
    let error = opened.expect_err("no database").to_string();
    assert!(error.contains("restore the last backup"), "{error}");
    std::fs::remove_file(config.data.join("fengge.db-wal")).expect("removes");
    std::fs::write(&file, &whole).expect("writes");
    let server = sync_server::Server::open(&config).await.expect("opens");
    server.close().await;
    drop(folder);
}
