//! The first load: rows first, then the records that changed last, and nobody else's.

use std::collections::BTreeMap;

use domain::document::Edit;
use domain::id::RecordId;
use domain::sync::message::{Answer, Entry, LeanAnswer};
use domain::sync::repair::Repair;
use domain::view::Row;
use sync_server::store::org::Org;

use crate::phone::{Nothing, Phone, TOWN, put, town};
use crate::server::TestServer;

/// Records of the town: more than come without frames.
const RECORDS: usize = 600;

/// A town whose third record was changed last; the phone that wrote it, and all records in order.
pub async fn full_town() -> (TestServer, Phone, Vec<RecordId>) {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut made: Vec<_> = (0..RECORDS).map(|_| one.hazard("a1")).collect();
    let items: Vec<_> = made.iter().map(|(.., item)| (item.clone(), "a1")).collect();
    for (some, no) in items.chunks(200).zip(1..) {
        one.push(&server, no, some).await;
    }
    let (id, document, _) = &mut made[2];
    let edit = one.change(*id, document, &[Edit::new("place", "2 km")]);
    one.push(&server, 9, &[(edit, "a1")]).await;
    (server, one, made.into_iter().map(|(id, ..)| id).collect())
}

/// One exchange that asks for names as short as they can be.
async fn pull(server: &TestServer, phone: &mut Phone, repair: Option<Repair>) -> LeanAnswer {
    let mut request = phone.request();
    request.ask.whole = false;
    request.ask.repair = repair;
    let answer = server.post("/api/v1/exchange", &request.encode()).await;
    assert_eq!(answer.status, 200);
    let lean = Answer::decode(&answer.body).expect("an answer");
    if let Some(cursor) = &lean.answer.cursor {
        phone.cursor.clone_from(cursor);
    }
    lean
}

fn entries(lean: &LeanAnswer) -> Vec<Entry> {
    lean.rebuild(&Nothing).expect("nothing is missing").entries
}

/// What a whole first load brought: rows, entries in the order of their coming, and answers.
pub async fn load(server: &TestServer, phone: &mut Phone) -> (Vec<Row>, Vec<Entry>, usize) {
    let (mut rows, mut all, mut answers) = (Vec::new(), Vec::new(), 0);
    loop {
        let lean = pull(server, phone, None).await;
        answers += 1;
        assert!(lean.rows.is_empty() || all.is_empty(), "rows come first");
        all.extend(entries(&lean));
        rows.extend(lean.rows);
        assert_eq!(lean.answer.sum.is_some(), !lean.answer.more);
        if !lean.answer.more {
            return (rows, all, answers);
        }
    }
}

fn places(entries: &[Entry]) -> Vec<u64> {
    let mut places: Vec<_> = entries.iter().map(|entry| entry.seq).collect();
    places.sort_unstable();
    places
}

#[tokio::test]
async fn sy23_a_device_that_begins_gets_rows_first_and_then_everything_once() {
    let (server, mut one, records) = full_town().await;
    let mut duty = Phone::joined(&server, 2, "duty").await;
    // Joining was the first exchange, and brought the rows.
    duty.cursor.clear();
    let (rows, all, answers) = load(&server, &mut duty).await;
    assert_eq!(rows.len(), RECORDS);
    assert_eq!((rows[0].id, rows[0].place.as_str()), (records[2], "2 km"));
    assert_eq!(rows[1].id, records[RECORDS - 1], "the newest follows");
    assert_eq!(rows[RECORDS - 1].id, records[0], "the oldest is last");
    assert!(rows.iter().all(|row| row.delivery.is_ahead()));
    assert_eq!(places(&all), (1..=601).collect::<Vec<_>>());
    assert!(answers >= 2);
    // A record's changes come together, in the order in which they follow each other.
    let of_third = all.iter().filter(|entry| entry.doc.record == records[2]);
    assert_eq!(of_third.map(|e| e.seq).collect::<Vec<_>>(), [3, 601]);
    // Only now does the station have it all.
    let idle = pull(&server, &mut duty, None).await;
    assert!(idle.answer.cursor.is_none() && idle.docs().next().is_none());
    assert_eq!(one.pull(&server).await.seen, 601);
    // The next device gets the same frames, and from the log what came after them.
    let (.., late) = one.hazard("a1");
    one.push(&server, 10, &[(late, "a1")]).await;
    let mut tablet = Phone::joined(&server, 3, "duty").await;
    tablet.cursor.clear();
    let (again, more, _) = load(&server, &mut tablet).await;
    assert_eq!(again, rows);
    let (last, before) = more.split_last().expect("entries");
    assert_eq!(before, all);
    assert_eq!(last.seq, 602);
    server.stop().await;
}

#[tokio::test]
async fn sy23_a_first_load_is_taken_up_at_each_frame_and_after_a_restart() {
    let (server, _, _) = full_town().await;
    let mut duty = Phone::joined(&server, 2, "duty").await;
    duty.cursor.clear();
    let first = pull(&server, &mut duty, None).await;
    assert_eq!(first.rows.len(), RECORDS);
    let server = server.restart().await;
    let mut all = Vec::new();
    loop {
        // An answer that is lost is asked for again.
        let cursor = duty.cursor.clone();
        let lost = pull(&server, &mut duty, None).await;
        duty.cursor = cursor;
        let lean = pull(&server, &mut duty, None).await;
        assert_eq!(entries(&lost), entries(&lean));
        all.extend(entries(&lean));
        if !lean.answer.more {
            break;
        }
    }
    assert_eq!(places(&all), (1..=601).collect::<Vec<_>>());
    server.stop().await;
}

#[tokio::test]
async fn sy24_a_record_comes_before_its_turn_to_whoever_may_have_it() {
    let (server, one, records) = full_town().await;
    drop(one);
    let mut duty = Phone::joined(&server, 2, "duty").await;
    duty.cursor.clear();
    pull(&server, &mut duty, None).await;
    let before = duty.cursor.clone();
    let asked = pull(&server, &mut duty, Some(Repair::Record(records[2]))).await;
    assert_eq!(places(&entries(&asked)), [3, 601]);
    assert!(asked.answer.more && asked.answer.sum.is_none());
    assert_eq!(duty.cursor, before, "the first load goes on where it was");
    let mut far = Phone::joined(&server, 3, "far").await;
    let other = pull(&server, &mut far, Some(Repair::Record(records[2]))).await;
    assert!(other.docs().next().is_none());
    far.cursor.clear();
    let (rows, all, _) = load(&server, &mut far).await;
    assert!(rows.is_empty() && all.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn sy23_a_record_that_changes_during_a_first_load_is_whole_at_its_end() {
    let (server, mut one, records) = full_town().await;
    let mut duty = Phone::joined(&server, 2, "duty").await;
    duty.cursor.clear();
    pull(&server, &mut duty, None).await;
    let (_, mut document, begins) = one.hazard("a1");
    let id = begins.doc.record;
    let edit = one.change(id, &mut document, &[Edit::new("place", "3 km")]);
    one.push(&server, 11, &[(begins, "a1"), (edit, "a1")]).await;
    let (_, all, _) = load(&server, &mut duty).await;
    let mut count: BTreeMap<RecordId, usize> = BTreeMap::new();
    for entry in &all {
        *count.entry(entry.doc.record).or_default() += 1;
    }
    assert_eq!((count.len(), all.len()), (RECORDS + 1, RECORDS + 3));
    assert_eq!((count[&id], count[&records[2]]), (2, 2));
    server.stop().await;
}

#[tokio::test]
async fn sy25_a_first_load_begins_anew_when_the_scope_changes_and_brings_nothing_of_what_was_left()
{
    let (server, _, _) = full_town().await;
    let mut two = Phone::joined(&server, 2, "two").await;
    two.cursor.clear();
    let first = pull(&server, &mut two, None).await;
    assert_eq!((first.rows.len(), first.answer.more), (RECORDS, true));
    let moved = TOWN.replace(r#"["a1", "a2"]"#, r#"["a2"]"#);
    let org: Org = serde_json::from_str(&moved).expect("an organisation");
    put(&server, &org).await;
    let next = pull(&server, &mut two, None).await;
    assert!(next.rows.is_empty() && next.docs().next().is_none());
    assert!(!next.answer.more);
    // The same answer tells the device what its grids are.
    let known = next.answer.directory.expect("a directory");
    let grids: Vec<_> = known.grids.iter().map(|grid| grid.id.as_str()).collect();
    assert_eq!(grids, ["a2"]);
    let org: Org = serde_json::from_str(TOWN).expect("an organisation");
    put(&server, &org).await;
    let (rows, all, _) = load(&server, &mut two).await;
    assert!(
        rows.is_empty(),
        "from the log, as any grid that comes into scope"
    );
    assert_eq!(places(&all), (1..=601).collect::<Vec<_>>());
    server.stop().await;
}
