//! Push and pull: what is taken, what is refused, what others get, and what a restart leaves.

use domain::access::Refusal;
use domain::document::{Edit, Hashed};
use domain::sync::message::{self, ItemResult, Overview, OverviewRequest, Request};
use domain::view::cells::Cell;
use domain::view::supervisor::Place;
use domain::view::weeks::{Span, Weeks, week_of};
use sync_server::admin::{self, Command};
use sync_server::store::org::{Org, UnitLine};

use crate::damage::{Scene, forge, scene};
use crate::phone::{NOW, Phone, batch, entries, put, refused, town};
use crate::quota::count;
use crate::server::TestServer;

fn results(answer: &message::Answer) -> Vec<ItemResult> {
    answer.receipt.as_ref().expect("a receipt").results.clone()
}

#[tokio::test]
async fn sy1_what_one_phone_pushes_others_of_its_grid_and_station_get_byte_for_byte() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut two = Phone::joined(&server, 2, "two").await;
    let mut far = Phone::joined(&server, 3, "far").await;
    let mut duty = Phone::joined(&server, 4, "duty").await;
    let (_, _, item) = one.hazard("a1");
    let pushed = one.push(&server, 1, &[(item.clone(), "a1")]).await;
    assert_eq!(results(&pushed), [ItemResult::Kept(1)]);
    assert!(
        pushed.entries.is_empty(),
        "a phone is not sent what it pushed itself"
    );
    for phone in [&mut two, &mut duty] {
        let page = phone.pull(&server).await;
        assert_eq!(page.entries.len(), 1);
        assert_eq!(page.entries[0].change, item.change);
        assert_eq!(page.authors, [one.person.clone()]);
        let next = phone.pull(&server).await;
        assert!(next.entries.is_empty() && next.cursor.is_none() && next.directory.is_none());
    }
    assert!(far.pull(&server).await.entries.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn sy7_an_idle_exchange_is_below_100_bytes() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut duty = Phone::joined(&server, 2, "duty").await;
    let items: Vec<_> = (0..200).map(|_| (one.hazard("a1").2, "a1")).collect();
    one.push(&server, 1, &items).await;
    while duty.pull(&server).await.more {}
    for phone in [&mut one, &mut duty] {
        let mut request = phone.request();
        request.ask.whole = false;
        let request = request.encode();
        let answer = server.post("/api/v1/exchange", &request).await;
        assert_eq!(answer.status, 200);
        let idle = request.len() + answer.body.len();
        assert!(idle <= 100, "an idle exchange takes {idle} bytes");
    }
    server.stop().await;
}

#[tokio::test]
async fn sy10_an_officer_learns_when_the_station_has_a_record() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut duty = Phone::joined(&server, 2, "duty").await;
    let (_, _, item) = one.hazard("a1");
    one.push(&server, 1, &[(item, "a1")]).await;
    assert_eq!(one.pull(&server).await.seen, 0);
    duty.pull(&server).await;
    // Only the next request shows that the page was committed on the station's device.
    assert_eq!(one.pull(&server).await.seen, 0);
    duty.pull(&server).await;
    assert_eq!(one.pull(&server).await.seen, 1);
    server.stop().await;
}

#[tokio::test]
async fn sy10_a_grid_that_comes_back_to_a_station_was_not_seen_there_meanwhile() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut two = Phone::joined(&server, 2, "two").await;
    let mut duty = Phone::joined(&server, 3, "duty").await;
    put(&server, &moved("a1", "B")).await;
    let (_, _, away) = one.hazard("a1");
    one.push(&server, 1, &[(away, "a1")]).await;
    let (_, _, here) = two.hazard("a2");
    two.push(&server, 1, &[(here, "a2")]).await;
    duty.pull(&server).await;
    duty.pull(&server).await;
    put(&server, &moved("a1", "A")).await;
    // The station's device has the log up to its end, without what came to the grid meanwhile.
    assert_eq!(one.pull(&server).await.seen, 0);
    duty.pull(&server).await;
    duty.pull(&server).await;
    assert_eq!(one.pull(&server).await.seen, 2);
    server.stop().await;
}

/// Seen: the station's device went past a change that was damaged, the change came back, and its writer
/// was told that the station has it.
#[tokio::test]
async fn ck3_sy21_what_was_damaged_is_seen_once_the_station_has_heard_that_it_is_back() {
    let Scene {
        server,
        mut one,
        items,
        ..
    } = scene().await;
    let mut duty = Phone::joined(&server, 2, "duty").await;
    forge(&server, items[2].change.hash()).await;
    // It got all of it when it joined, and has lost its store since.
    duty.cursor.clear();
    for _ in 0..3 {
        // It gets the others, and says that it has all that there is.
        duty.pull(&server).await;
    }
    assert_eq!(one.pull(&server).await.seen, 2, "what comes before it");
    one.push(&server, 2, &[(items[2].clone(), "a1")]).await;
    let before = duty.cursor.clone();
    for _ in 0..2 {
        // Whoever has not been told since cannot say that nothing is missing, however often.
        duty.cursor.clone_from(&before);
        duty.pull(&server).await;
        assert_eq!(one.pull(&server).await.seen, 2);
    }
    assert_ne!(duty.cursor, before);
    duty.pull(&server).await;
    assert_eq!(one.pull(&server).await.seen, 4);
    server.stop().await;
}

/// The line that hangs a grid below a station.
fn moved(grid: &str, station: &str) -> Org {
    let code = |code: &str| code.parse().expect("a code");
    Org {
        units: vec![UnitLine {
            id: code(grid),
            level: 5,
            name: grid.to_owned(),
            parent: Some(code(station)),
            village_code: Some("v".to_owned()),
            village: Some("V".to_owned()),
        }],
        ..Org::default()
    }
}

#[tokio::test]
async fn sy2_a_batch_sent_twice_is_taken_once_and_gets_the_same_receipt() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let (_, _, a) = one.hazard("a1");
    let (_, _, b) = one.hazard("a1");
    let first = one
        .push(&server, 1, &[(a.clone(), "a1"), (b.clone(), "a1")])
        .await;
    let again = one
        .push(&server, 1, &[(a.clone(), "a1"), (b.clone(), "a1")])
        .await;
    assert_eq!(first.receipt, again.receipt);
    // The same changes under another number: nothing is kept a second time.
    let later = one.push(&server, 2, &[(a.clone(), "a1"), (b, "a1")]).await;
    assert_eq!(results(&later), [ItemResult::Had(1), ItemResult::Had(2)]);
    let other = Request {
        batch: Some(batch(1, &[(a, "a1")])),
        ..one.request()
    };
    let refused = one.send(&server, &other).await.expect_err("refused");
    assert_eq!(refused, (409, "bad_request".to_owned()));
    assert_eq!(entries(&server).await, 2);
    server.stop().await;
}

#[tokio::test]
async fn sy6_one_bad_change_is_refused_alone() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let stranger = "two".parse().expect("code");
    let (id, mut document, good) = one.hazard("a1");
    let mut damaged = one.hazard("a1").2;
    let mut bytes = damaged.change.into_bytes();
    bytes[20] ^= 1;
    damaged.change = Hashed::of(bytes);
    let forged = one.hazard_by("a1", &stranger).2;
    let elsewhere = one.hazard("b1").2;
    let nowhere = one.hazard("zz").2;
    let skipped = one.change(id, &mut document, &[Edit::new("place", "never sent")]);
    let orphan = one.change(id, &mut document, &[Edit::new("place", "follows it")]);
    let (last_id, mut last_document, last) = one.hazard("a1");
    let header = one.change(last_id, &mut last_document, &[Edit::new("grid", "a2")]);
    drop(skipped);
    let items = [
        (good, "a1"),
        (damaged, "a1"),
        (forged, "a1"),
        (elsewhere, "b1"),
        (nowhere, "zz"),
        (orphan, "a1"),
        (last, "a1"),
        (header, "a1"),
    ];
    let answer = one.push(&server, 1, &items).await;
    let expected = [
        ItemResult::Kept(1),
        ItemResult::Refused(Refusal::Damaged),
        ItemResult::Refused(Refusal::AnotherName),
        ItemResult::Refused(Refusal::NotYourGrid),
        ItemResult::Refused(Refusal::UnknownGrid),
        ItemResult::Refused(Refusal::MissingDeps),
        ItemResult::Kept(2),
        ItemResult::Refused(Refusal::Fixed),
    ];
    assert_eq!(results(&answer), expected);
    assert_eq!(entries(&server).await, 2);
    server.stop().await;
}

#[tokio::test]
async fn sy2_a_batch_of_which_something_was_refused_is_judged_anew() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let (id, mut document, first) = one.hazard("a1");
    let second = one.change(id, &mut document, &[Edit::new("place", "2 km")]);
    let early = [(second, "a1")];
    for _ in 0..2 {
        let answer = one.push(&server, 7, &early).await;
        let missing = ItemResult::Refused(Refusal::MissingDeps);
        assert_eq!(results(&answer), [missing]);
    }
    assert_eq!(refused(&server).await, 1, "kept aside once");
    one.push(&server, 8, &[(first, "a1")]).await;
    // The very same batch, as a phone sends it whose outbox holds nothing else.
    let answer = one.push(&server, 7, &early).await;
    assert_eq!(results(&answer), [ItemResult::Kept(2)]);
    let again = one.push(&server, 7, &early).await;
    assert_eq!(results(&again), results(&answer), "the receipt is kept now");
    server.stop().await;
}

#[tokio::test]
async fn ac5_nobody_writes_with_the_author_key_of_another_device() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut two = Phone::joined(&server, 2, "two").await;
    let (id, mut document, item) = one.hazard("a1");
    one.push(&server, 1, &[(item, "a1")]).await;
    let forged = one.change(id, &mut document, &[Edit::new("place", "forged")]);
    let answer = two.push(&server, 1, &[(forged.clone(), "a1")]).await;
    assert_eq!(
        results(&answer),
        [ItemResult::Refused(Refusal::AnotherName)]
    );
    let answer = one.push(&server, 2, &[(forged, "a1")]).await;
    assert_eq!(results(&answer), [ItemResult::Kept(2)]);
    server.stop().await;
}

#[tokio::test]
async fn vw1_a_restart_keeps_everything_and_rebuilt_rows_are_the_same() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let items: Vec<_> = (0..5).map(|_| (one.hazard("a1").2, "a1")).collect();
    let before = one.push(&server, 1, &items).await;
    let server = server.restart().await;
    let again = one.push(&server, 1, &items).await;
    assert_eq!(before.receipt, again.receipt);
    let mut two = Phone::joined(&server, 2, "two").await;
    let mut out = Vec::new();
    admin::run(Command::Rebuild, &server.config, &mut out)
        .await
        .expect("no row differs");
    assert_eq!(
        String::from_utf8_lossy(&out).trim(),
        "5 rows folded anew, 0 differed"
    );
    assert_eq!(two.cursor.len(), 11, "joining brought all five at once");
    assert!(two.pull(&server).await.entries.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn up1_rows_of_another_version_are_folded_anew_at_the_start() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let item = one.hazard("a1").2;
    one.push(&server, 1, &[(item, "a1")]).await;
    let store = sync_server::store::Store::open(server.data(), false)
        .await
        .expect("opens");
    let mut write = store.begin().await.expect("begins");
    // Frames hold rows: those that another version made would give devices what they cannot read.
    let spoilt = "UPDATE row SET bytes = x'00'";
    let frame = "INSERT INTO frame (scope, seq, rows, top, within, bytes, hash) \
                 VALUES (x'01020304', 1, 1, 1, 0, x'00', x'00')";
    let older = "UPDATE setting SET value = x'0000' WHERE key = 'frames_of'";
    for statement in [spoilt, frame, older] {
        sqlx::query(statement)
            .execute(&mut *write)
            .await
            .expect("written");
    }
    write.commit().await.expect("commits");
    store.close().await;
    let server = server.restart().await;
    let mut out = Vec::new();
    server.get("/health").await;
    assert_eq!(count(&server, "SELECT COUNT(*) FROM frame").await, 0);
    admin::run(Command::Rebuild, &server.config, &mut out)
        .await
        .expect("no row differs");
    server.stop().await;
}

#[tokio::test]
async fn ac2_a_supervisor_gets_counts_and_no_record() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let items = [(one.hazard("a1").2, "a1"), (one.hazard("a1").2, "a1")];
    one.push(&server, 1, &items).await;
    let mut boss = Phone::joined(&server, 2, "super").await;
    let page = boss.pull(&server).await;
    assert!(page.entries.is_empty());
    assert!(
        boss.directory
            .as_ref()
            .is_some_and(|known| known.colleagues.is_empty())
    );
    // What was seen: ones and twos were sent, of any grid and any single day.
    let over = Weeks::latest(Span::Week, NOW);
    let ask = |phone: &Phone, unit: Option<&str>, period| OverviewRequest {
        device: phone.device,
        secret: phone.secret,
        place: unit.map(|id| Place {
            unit: id.parse().expect("code"),
            village: None,
        }),
        period,
    };
    let drawn = overview(&server, &ask(&boss, None, over)).await;
    let drawn = drawn.expect("drawn");
    assert_eq!((drawn.total.open, drawn.below.len()), (Cell::Under, 2));
    let station = overview(&server, &ask(&boss, Some("A"), over)).await;
    let station = station.expect("drawn");
    let path: Vec<_> = station
        .path
        .iter()
        .map(|one| one.place.unit.as_str())
        .collect();
    assert_eq!(path, ["district", "A"]);
    assert!(
        station
            .below
            .iter()
            .all(|one| one.named.place.village.is_some())
    );
    assert_eq!(station.matters, [], "two are never listed");
    for (phone, unit, period, code) in [
        (&boss, Some("a1"), over, "too_fine"),
        (
            &boss,
            None,
            Weeks::Week(week_of(sync_server::clock::now().day())),
            "too_fine",
        ),
        (&boss, None, Weeks::Quarter(i64::MAX, 1), "too_fine"),
        (&boss, Some("city"), over, "not_allowed"),
        (&boss, Some("nowhere"), over, "not_allowed"),
        (&one, Some("A"), over, "not_allowed"),
    ] {
        let refused = overview(&server, &ask(phone, unit, period)).await;
        assert_eq!(refused, Err((403, code.to_owned())), "{unit:?} {period:?}");
    }
    // An older app asks by another path and is told so.
    let old = message::encode(&(boss.device, boss.secret, None::<String>, (0_i64, 1_i64)));
    let answer = server.post("/api/v1/overview", &old).await;
    assert_eq!(answer.code(), "other_version");
    // A third one, and the three of them are told, by what they have in common.
    let third = one.hazard("a1").2;
    one.push(&server, 2, &[(third, "a1")]).await;
    let station = overview(&server, &ask(&boss, Some("A"), over)).await;
    let station = station.expect("drawn");
    assert_eq!(station.total.open, Cell::Count(3));
    let counts: Vec<_> = station.matters.iter().map(|group| group.count).collect();
    assert_eq!(counts, [3]);
    server.stop().await;
}

#[tokio::test]
async fn vw4_what_a_supervisor_gets_names_no_record_no_person_and_no_grid() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let items: Vec<_> = (0..4).map(|_| (one.hazard("a1").2, "a1")).collect();
    one.push(&server, 1, &items).await;
    let boss = Phone::joined(&server, 2, "super").await;
    let ask = OverviewRequest {
        device: boss.device,
        secret: boss.secret,
        place: Some(Place {
            unit: "A".parse().expect("code"),
            village: None,
        }),
        period: Weeks::latest(Span::Month, NOW),
    };
    let drawn = overview(&server, &ask).await.expect("drawn");
    assert_eq!(drawn.matters.len(), 1);
    let bytes = postcard::to_allocvec(&drawn).expect("encodes");
    for secret in ["T-1", "1 km", "xxx", "one", "One", "a1", "post"] {
        let mut windows = bytes.windows(secret.len());
        assert!(
            !windows.any(|window| window == secret.as_bytes()),
            "{secret}"
        );
    }
    server.stop().await;
}

async fn overview(
    server: &TestServer,
    request: &OverviewRequest,
) -> Result<Overview, (u16, String)> {
    let answer = server
        .post("/api/v2/overview", &message::encode(request))
        .await;
    if answer.status != 200 {
        return Err((answer.status, answer.code()));
    }
    Ok(message::decode(&answer.body).expect("an overview"))
}

#[tokio::test]
async fn ac3_a_supervisor_and_an_admin_write_nothing() {
    let server = town().await;
    for (number, person) in [(1, "super"), (2, "admin")] {
        let mut phone = Phone::joined(&server, number, person).await;
        let item = phone.hazard("a1").2;
        let answer = phone.push(&server, 1, &[(item, "a1")]).await;
        assert_eq!(
            results(&answer),
            [ItemResult::Refused(Refusal::NotYourGrid)]
        );
    }
    assert_eq!(entries(&server).await, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_grid_that_comes_into_scope_brings_its_past() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut two = Phone::joined(&server, 2, "two").await;
    let items: Vec<_> = (0..12).map(|_| (two.hazard("a2").2, "a2")).collect();
    two.push(&server, 1, &items).await;
    let own = two.hazard("a1").2;
    two.push(&server, 2, &[(own, "a1")]).await;
    assert_eq!(one.pull(&server).await.entries.len(), 1);
    let moved = r#"{ "people": [
        { "id": "one", "name": "One", "roles": ["grid_worker"], "units": ["a1", "a2"] } ] }"#;
    put(
        &server,
        &serde_json::from_str(moved).expect("an organisation"),
    )
    .await;
    let mut got = Vec::new();
    loop {
        let mut request = one.request();
        request.ask.page_kib = 2;
        let page = one.send(&server, &request).await.expect("pulled");
        got.extend(page.entries.iter().map(|entry| entry.seq));
        if !page.more {
            break;
        }
    }
    assert_eq!(
        got,
        (1..=12).collect::<Vec<_>>(),
        "the past of a2 and nothing twice"
    );
    assert_eq!(
        one.directory.as_ref().map(|known| known.grids.len()),
        Some(2)
    );
    assert!(one.pull(&server).await.entries.is_empty());
    server.stop().await;
}
