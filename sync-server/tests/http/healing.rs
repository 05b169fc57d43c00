//! Whose a change is: what opens healing, what is passed on while it is open, and what never is.

use domain::access::Refusal;
use domain::document::{Document, Edit, Stamp};
use domain::id::{ActorKey, DocId, Fresh, RecordId};
use domain::record::status::{Step, step_edits};
use domain::sync::message::{
    self, Cell, Item, ItemResult, PAGE_KIB_MAX, PassedOn, READS_CELLS, Request,
};
use sync_server::admin::{self, Command, HealAction};
use sync_server::proof::{self, Verdict};
use sync_server::store::Store;

use crate::phone::{NOW, Phone, batch, entries, town};
use crate::server::TestServer;

const NOT_HIS: ItemResult = ItemResult::Refused(Refusal::AnotherName);
const HELD: ItemResult = ItemResult::Refused(Refusal::NotYourRole);

async fn heal(server: &TestServer, days: Option<u32>, action: Option<HealAction>) -> String {
    let mut out = Vec::new();
    let command = Command::Heal { days, action };
    admin::run(command, &server.config, &mut out)
        .await
        .expect("heals");
    String::from_utf8(out).expect("text")
}

/// Pushes items in somebody else's name.
async fn pass_on(
    server: &TestServer,
    (phone, no): (&mut Phone, u64),
    author: &str,
    items: &[(Item, &str)],
) -> Vec<ItemResult> {
    let mut batch = batch(no, items);
    batch.authors = vec![author.parse().expect("a code")];
    for item in &mut batch.items {
        item.author = 1;
    }
    let request = Request {
        batch: Some(batch),
        ..phone.request()
    };
    let answer = phone.send(server, &request).await.expect("answered");
    answer.receipt.expect("a receipt").results
}

fn results(answer: &message::Answer) -> Vec<ItemResult> {
    answer.receipt.as_ref().expect("a receipt").results.clone()
}

/// A step that only the station takes, after the first change of a hazard.
fn assigned(phone: &Phone, id: RecordId, document: &mut Document) -> Item {
    let step = Step {
        from: "found".to_owned(),
        to: "assigned".to_owned(),
        reason: String::new(),
        dropped: false,
    };
    let event = Fresh::new(NOW, [7; 16]).id();
    let edits = step_edits(event, &phone.person, NOW, &step);
    phone.change(id, document, &edits)
}

/// Loses the end of the log, as a server does that was put back to a backup.
async fn forget_after(server: &TestServer, seq: i64) {
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut write = store.begin().await.expect("begins");
    for sql in [
        "DELETE FROM entry WHERE seq > ?",
        "DELETE FROM change WHERE ?1 = ?1 AND id NOT IN (SELECT change FROM entry)",
        "DELETE FROM doc WHERE ?1 = ?1 AND id NOT IN (SELECT doc FROM change)",
        "DELETE FROM row WHERE ?1 = ?1 AND record NOT IN (SELECT record FROM doc)",
        "DELETE FROM actor WHERE ?1 = ?1",
        "UPDATE sqlite_sequence SET seq = ? WHERE name = 'entry'",
    ] {
        sqlx::query(sql)
            .bind(seq)
            .execute(&mut *write)
            .await
            .expect("forgets");
    }
    sync_server::store::sums::rebuild(&mut write)
        .await
        .expect("sums");
    write.commit().await.expect("commits");
    store.close().await;
}

async fn count(server: &TestServer, sql: &'static str) -> i64 {
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut view = store.view().await.expect("reads");
    let count = sqlx::query_scalar(sql).fetch_one(&mut *view).await;
    drop(view);
    store.close().await;
    count.expect("counts")
}

/// The mark of the changes that come to a phone, by their places.
async fn marks(server: &TestServer, phone: &mut Phone) -> Vec<(u64, Option<PassedOn>)> {
    let mut request = phone.request();
    request.ask.page_kib = PAGE_KIB_MAX | READS_CELLS;
    let answer = phone.send(server, &request).await.expect("pulled");
    let marks = answer.entries.into_iter();
    marks.map(|entry| (entry.seq, entry.passed_on)).collect()
}

/// As it was done: one exchange with the cursor of another log and a large place, and after it a record
/// and a step of the station in the name of whoever is on duty.
#[tokio::test]
async fn sy22_sy26_an_invented_cursor_opens_nothing_and_nobody_forges_a_step() {
    let server = town().await;
    let mut duty = Phone::joined(&server, 1, "duty").await;
    let mut one = Phone::joined(&server, 2, "one").await;
    let own = one.hazard("a1").2;
    one.push(&server, 1, &[(own, "a1")]).await;
    let good = one
        .pull(&server)
        .await
        .cursor
        .unwrap_or_else(|| one.cursor.clone());
    // Another log's name and a large place: as an earlier version wrote it, with a check that is
    // invented, and with the check of a cursor that the server made.
    let (scope, check) = (&good[1..5], &good[good.len() - 5..]);
    let large = [0xff, 0xff, 0x7f];
    let cursors = [
        [[9; 4].as_slice(), scope, &large].concat(),
        [&[9], scope, &large, &[3; 5]].concat(),
        [&[9], scope, &large, check].concat(),
    ];
    let (id, mut document, begins) = duty.hazard("a1");
    let step = assigned(&duty, id, &mut document);
    let forged = [(begins, "a1"), (step, "a1")];
    for (cursor, no) in cursors.into_iter().zip(10..) {
        one.cursor = cursor;
        let answer = one.pull(&server).await;
        assert!(answer.entries.is_empty() && !answer.is_healing());
        let judged = pass_on(&server, (&mut one, no), "duty", &forged).await;
        assert_eq!(judged, [NOT_HIS; 2]);
    }
    assert_eq!(entries(&server).await, 1);
    let said = heal(&server, None, None).await;
    assert!(
        said.contains("healing is closed and was never open"),
        "{said}"
    );
    assert!(said.contains("no device has shown"), "{said}");
    server.stop().await;
}

#[tokio::test]
async fn sy26_a_cursor_that_the_server_made_is_noted_when_the_log_ends_before_it() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut two = Phone::joined(&server, 2, "two").await;
    let items: Vec<_> = (0..3).map(|_| (one.hazard("a1").2, "a1")).collect();
    one.push(&server, 1, &items).await;
    two.pull(&server).await;
    forget_after(&server, 1).await;
    for _ in 0..3 {
        two.pull(&server).await;
    }
    let said = heal(&server, None, None).await;
    let witness = format!("device {} of two knows more of the log", two.device.hex());
    assert!(said.contains(&witness), "{said}");
    assert!(said.contains("healing is closed"), "{said}");
    assert_eq!(
        count(&server, "SELECT COUNT(*) FROM restored_seen").await,
        1
    );
    // A person's own changes come back without anybody's help.
    let again = one.push(&server, 2, &items).await;
    let back = [ItemResult::Had(1), ItemResult::Kept(2), ItemResult::Kept(3)];
    assert_eq!(results(&again), back);
    server.stop().await;
}

#[tokio::test]
async fn sy26_a_cursor_that_was_not_made_here_acknowledges_nothing() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut duty = Phone::joined(&server, 2, "duty").await;
    let before = duty.cursor.clone();
    let item = one.hazard("a1").2;
    one.push(&server, 1, &[(item, "a1")]).await;
    // The place that the device would have after one more page, with an invented check.
    let mut invented = before;
    invented[5] = 1;
    duty.cursor = invented;
    duty.pull(&server).await;
    assert_eq!(one.pull(&server).await.seen, 0);
    server.stop().await;
}

#[tokio::test]
async fn sy26_frames_are_made_only_for_places_that_the_server_named() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    for no in 0..6 {
        let items: Vec<_> = (0..100).map(|_| (one.hazard("a1").2, "a1")).collect();
        one.push(&server, no, &items).await;
    }
    let mut duty = Phone::joined(&server, 2, "duty").await;
    duty.cursor.clear();
    while duty.pull(&server).await.more {}
    let frames = "SELECT COUNT(*) FROM frame";
    let usual = count(&server, frames).await;
    let scope = duty.cursor[1..5].to_vec();
    let check = duty.cursor[..1].to_vec();
    for (top, kind) in (1..60_u8).flat_map(|top| [(top, 2), (top, 3)]) {
        let place = [0xd8, 0x04, kind, top, 0];
        let invented = [&check, scope.as_slice(), &place, &[5; 5]].concat();
        let before = [[0; 3].as_slice(), &invented[..invented.len() - 5]].concat();
        for cursor in [before, invented] {
            duty.cursor = cursor;
            duty.pull(&server).await;
        }
    }
    assert_eq!(count(&server, frames).await, usual);
    server.stop().await;
}

#[tokio::test]
async fn sy22_sy28_while_healing_is_open_others_changes_come_back_and_say_so_for_good() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut two = Phone::joined(&server, 2, "two").await;
    let mut duty = Phone::joined(&server, 3, "duty").await;
    let kept = one.hazard("a1").2;
    one.push(&server, 1, &[(kept, "a1")]).await;
    let (id, mut document, begins) = one.hazard("a1");
    let edit = one.change(id, &mut document, &[Edit::new("place", "3 km")]);
    let lost = [(begins.clone(), "a1"), (edit.clone(), "a1")];
    assert_eq!(
        pass_on(&server, (&mut two, 1), "one", &lost).await,
        [NOT_HIS; 2]
    );
    let said = heal(&server, Some(30), None).await;
    assert!(said.contains("healing is open until"), "{said}");
    // An older app hears nothing of it and goes on.
    assert!(!two.pull(&server).await.is_healing());
    let mut request = two.request();
    request.ask.page_kib = PAGE_KIB_MAX | READS_CELLS;
    assert!(
        two.send(&server, &request)
            .await
            .expect("pulled")
            .is_healing()
    );
    // Nobody passes on what its author may not do, or does not do in that grid.
    let elsewhere = two.hazard("a2").2;
    let judged = pass_on(&server, (&mut two, 2), "one", &[(elsewhere, "a2")]).await;
    assert_eq!(judged, [ItemResult::Refused(Refusal::NotYourGrid)]);
    let judged = pass_on(&server, (&mut two, 3), "nobody", &lost).await;
    assert_eq!(judged, [NOT_HIS; 2]);
    let judged = pass_on(&server, (&mut two, 4), "one", &lost).await;
    assert_eq!(judged, [ItemResult::Kept(2), ItemResult::Kept(3)]);
    // The key that it was written with stays its author's.
    let mut stolen = document;
    let theft = one.change(id, &mut stolen, &[Edit::new("place", "4 km")]);
    let answer = two.push(&server, 5, &[(theft, "a1")]).await;
    assert_eq!(results(&answer), [NOT_HIS]);
    let answer = one.push(&server, 6, &lost).await;
    assert_eq!(results(&answer), [ItemResult::Had(2), ItemResult::Had(3)]);
    heal(&server, Some(0), None).await;
    let later = one.change(id, &mut stolen, &[Edit::new("place", "5 km")]);
    let judged = pass_on(&server, (&mut two, 7), "one", &[(later, "a1")]).await;
    assert_eq!(judged, [NOT_HIS]);
    // Everybody who gets them sees on which way they came.
    let marks = marks(&server, &mut duty).await;
    assert_eq!(marks[0], (1, None));
    let (from, to) = (marks[1].1.clone(), marks[2].1.clone());
    let mark = from.clone().expect("a mark");
    assert_eq!((from, mark.by.as_str()), (to, "two"));
    assert!(mark.from <= mark.to);
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut view = store.view().await.expect("reads");
    let proven = proof::of_record(&mut view, id).await.expect("reads");
    assert!(proven.iter().all(|one| one.person == "one"));
    assert!(proven.iter().all(|one| one.device == two.device));
    assert!(proven.iter().all(|one| one.passed_on == Some(mark.clone())));
    assert!(proven.iter().all(|one| one.verdict == Verdict::Unsigned));
    drop(view);
    store.close().await;
    let mut out = Vec::new();
    let prove = Command::Prove { record: id };
    admin::run(prove, &server.config, &mut out)
        .await
        .expect("proves");
    let said = String::from_utf8(out).expect("text");
    let line = format!(
        "passed on by device {} of two while healing was open, gap {} – {}",
        two.device.hex(),
        mark.from.to_local_text(),
        mark.to.to_local_text()
    );
    assert_eq!(said.matches(&line).count(), 2, "{said}");
    server.stop().await;
}

#[tokio::test]
async fn sy28_frames_say_what_was_passed_on() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut two = Phone::joined(&server, 2, "two").await;
    for no in 0..6 {
        let items: Vec<_> = (0..100).map(|_| (one.hazard("a1").2, "a1")).collect();
        one.push(&server, no, &items).await;
    }
    heal(&server, Some(1), None).await;
    let lost = one.hazard("a1").2;
    pass_on(&server, (&mut two, 7), "one", &[(lost, "a1")]).await;
    for round in 0..2 {
        let mut duty = Phone::joined(&server, 3 + round, "duty").await;
        duty.cursor.clear();
        let mut marked = Vec::new();
        loop {
            let mut request = duty.request();
            request.ask.page_kib = PAGE_KIB_MAX | READS_CELLS;
            // With names as short as they can be: what is kept for everybody.
            request.ask.whole = round == 0;
            let answer = server.post("/api/v1/exchange", &request.encode()).await;
            let lean = message::Answer::decode(&answer.body).expect("an answer");
            let answer = lean.rebuild(&crate::phone::Nothing).expect("in full");
            duty.cursor = answer.cursor.clone().unwrap_or(duty.cursor);
            let passed = answer.entries.iter().filter(|one| one.passed_on.is_some());
            marked.extend(passed.map(|entry| entry.seq));
            if !answer.more {
                break;
            }
        }
        assert_eq!(marked, [601], "round {round}");
    }
    server.stop().await;
}

#[tokio::test]
async fn ac8_a_step_beyond_whoever_passes_it_on_waits_for_the_station() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut duty = Phone::joined(&server, 2, "duty").await;
    let mut other = Phone::joined(&server, 3, "duty").await;
    heal(&server, Some(30), None).await;
    let mut waiting = Vec::new();
    for no in 1..=3 {
        let (id, mut document, begins) = duty.hazard("a1");
        let step = assigned(&duty, id, &mut document);
        let lost = [(begins, "a1"), (step.clone(), "a1")];
        let judged = pass_on(&server, (&mut one, no), "duty", &lost).await;
        assert_eq!(judged, [ItemResult::Kept(no), HELD]);
        waiting.push(step);
    }
    assert_eq!(entries(&server).await, 3);
    let listed = heal(&server, None, Some(HealAction::List)).await;
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let passed = format!("by duty\tpassed on by device {} of one", one.device.hex());
    assert!(listed.contains(&passed), "{listed}");
    let said = heal(&server, None, None).await;
    assert!(said.contains("3 steps wait for the station"), "{said}");
    // A device whose person may take it brings the same one.
    let same = (waiting[0].clone(), "a1");
    let answer = other.push(&server, 1, &[same]).await;
    assert_eq!(results(&answer), [ItemResult::Kept(4)]);
    // The administrator confirms one and drops another, also once healing is closed.
    heal(&server, Some(0), None).await;
    let name = |place: usize| Item::clone(&waiting[place]).change.hash().hex();
    let hash = name(1);
    let said = heal(&server, None, Some(HealAction::Confirm { hash })).await;
    assert!(said.contains("is in the log"), "{said}");
    let hash = name(2);
    heal(&server, None, Some(HealAction::Drop { hash })).await;
    let left = heal(&server, None, Some(HealAction::List)).await;
    assert_eq!((left.as_str(), entries(&server).await), ("", 5));
    let marks = marks(&server, &mut duty).await;
    let by = |seq: u64| {
        let found = marks.iter().find(|(of, _)| *of == seq).expect("is there");
        found.1.as_ref().map(|mark| mark.by.as_str().to_owned())
    };
    assert_eq!((by(4), by(5)), (None, Some("one".to_owned())));
    let mut out = Vec::new();
    let hash = name(2);
    let gone = Command::Heal {
        days: None,
        action: Some(HealAction::Confirm { hash }),
    };
    let error = admin::run(gone, &server.config, &mut out).await;
    assert!(error.is_err_and(|error| error.to_string().contains("waits")));
    server.stop().await;
}

#[tokio::test]
async fn ac9_what_a_persons_phone_wrote_another_device_of_that_person_may_bring_and_nobody_else() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut tablet = Phone::joined(&server, 2, "one").await;
    let mut two = Phone::joined(&server, 3, "two").await;
    let (id, mut document, begins) = one.hazard("a1");
    one.push(&server, 1, &[(begins, "a1")]).await;
    // Written under a fresh key that names the phone, and lost with the server's end.
    let stamp = Stamp {
        actor: ActorKey::naming([9; 8], one.device),
        at: NOW,
    };
    let mut made = Vec::new();
    for place in ["2 km", "3 km"] {
        let change = document
            .commit(stamp, &[Edit::new("place", place)])
            .expect("edits")
            .expect("a change");
        made.push(Item {
            doc: DocId::body(id),
            grid: 0,
            author: 0,
            change: domain::document::Hashed::of(change.bytes),
        });
    }
    // A colleague who has it cannot make it his own before its author comes.
    let first = [(made[0].clone(), "a1")];
    let answer = two.push(&server, 1, &first).await;
    assert_eq!(results(&answer), [NOT_HIS]);
    let answer = tablet.push(&server, 1, &first).await;
    assert_eq!(results(&answer), [ItemResult::Kept(2)]);
    // The key stays the phone's, which goes on with it.
    let answer = one.push(&server, 2, &[(made[1].clone(), "a1")]).await;
    assert_eq!(results(&answer), [ItemResult::Kept(3)]);
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut view = store.view().await.expect("reads");
    let owner = sync_server::store::author::owner(&mut view, stamp.actor).await;
    let owner = owner.expect("reads").expect("is bound");
    assert_eq!(owner.device, Some(one.device));
    drop(view);
    store.close().await;
    server.stop().await;
}

#[tokio::test]
async fn sy29_only_a_reader_of_cells_is_sent_any() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    heal(&server, Some(1), None).await;
    let plain = one.pull(&server).await;
    assert_eq!(plain.cells, []);
    let mut request = one.request();
    request.ask.page_kib = PAGE_KIB_MAX | READS_CELLS;
    request.ask.whole = false;
    let answer = one.send(&server, &request).await.expect("pulled");
    assert_eq!(answer.cells, [Cell::healing()]);
    // What is idle stays so small, also while healing is open.
    let request = request.encode();
    let answer = server.post("/api/v1/exchange", &request).await;
    let idle = request.len() + answer.body.len();
    assert!(idle <= 100, "an idle exchange takes {idle} bytes");
    server.stop().await;
}
