//! Who may come in: shutting out a device, a person and a unit ends everything at once, on every route.

use std::collections::BTreeSet;

use domain::sync::bundle::{Code, Content};
use domain::sync::message::{OverviewRequest, Request, encode};
use domain::upload::ArrivedRequest;
use domain::view::weeks::Weeks;
use sync_server::Server;
use sync_server::carry::{self, CarryError};

use crate::news::Ear;
use crate::phone::{Phone, command, entries, invite, invite_by, town};
use crate::proof::{Key, pushing};
use crate::server::TestServer;

const BINARY: &str = "content-type: application/octet-stream\r\n";

/// Every route that asks who somebody is, with what this phone gets there.
async fn walk(
    server: &TestServer,
    phone: &Phone,
    key: &Key,
) -> Vec<(&'static str, &'static str, u16, String)> {
    let mut met = Vec::new();
    for (method, route, what, headers, path, body) in asked(phone, key) {
        let answer = match (method, what) {
            // Its answer does not end where it is given.
            ("POST", "news") => server.opens(&path, &body).await,
            _ => server.request(method, &path, &headers, &body).await,
        };
        let code = match answer.status {
            200..300 => String::new(),
            // An answer to HEAD has no body.
            403 if method == "HEAD" => "revoked".to_owned(),
            _ if method == "HEAD" => String::new(),
            _ => answer.code(),
        };
        met.push((route, what, answer.status, code));
    }
    met
}

/// A request: its method, its route, what it is, its headers, its path and its body.
type Asked = (
    &'static str,
    &'static str,
    &'static str,
    String,
    String,
    Vec<u8>,
);

/// A request of each kind that asks who somebody is.
fn asked(phone: &Phone, key: &Key) -> Vec<Asked> {
    let mut phone = phone.clone();
    let (exchange, photos) = ("/api/v1/exchange", "/api/v1/photos");
    let signed = |request: &Request| key.sign(request.encode_to_sign(None).expect("to sign"));
    let work = pushing(&mut phone).0;
    let mut carried = pushing(&mut phone).0;
    carried.ask.page_kib = 0;
    let again = work.encode_to_sign(Some(key.public())).expect("to sign");
    let overview = OverviewRequest {
        device: phone.device,
        secret: phone.secret,
        place: None,
        period: Weeks::Year(2024),
    };
    let arrived = ArrivedRequest {
        device: phone.device,
        secret: phone.secret,
        records: vec![],
    };
    let who = [phone.device.0, phone.secret.0].concat();
    let hex = |bytes: [u8; 16]| domain::id::DeviceId(bytes).hex();
    let proof = format!(
        "authorization: Device {}.{}\r\nupload-offset: 0\r\nupload-checksum: sha256 {}\r\n",
        hex(phone.device.0),
        hex(phone.secret.0),
        domain::id::PhotoHash::of(b"").hex(),
    );
    let record = domain::id::RecordId::new(crate::phone::NOW, [1; 10]);
    let picture = format!("{photos}/{}?record={record}&size=full", "0".repeat(64));
    let part = format!("/api/v1/parts/{}", "0".repeat(24));
    let piece = format!("{exchange}?part={}&at=0&of=9", "0".repeat(24));
    let asked: [(&str, &str, &str, &str, Vec<u8>); 13] = [
        ("POST", exchange, "a pull", BINARY, phone.request().encode()),
        ("POST", exchange, "unsigned work", BINARY, work.encode()),
        ("POST", exchange, "signed work", BINARY, signed(&work)),
        ("POST", exchange, "its key again", BINARY, key.sign(again)),
        ("POST", exchange, "carried work", BINARY, signed(&carried)),
        ("POST", exchange, "a beginning", &proof, b"begun".to_vec()),
        ("GET", "/api/v1/parts/{id}", "what was cut", &proof, vec![]),
        ("POST", "/api/v1/news", "news", BINARY, who),
        (
            "POST",
            "/api/v2/overview",
            "overview",
            BINARY,
            encode(&overview),
        ),
        ("POST", photos, "which are whole", BINARY, encode(&arrived)),
        ("HEAD", "/api/v1/photos/{hash}", "how much", &proof, vec![]),
        ("GET", "/api/v1/photos/{hash}", "a picture", &proof, vec![]),
        ("PATCH", "/api/v1/photos/{hash}", "a piece", &proof, vec![]),
    ];
    let with_path = |(method, route, what, headers, body): (_, &'static str, _, &str, _)| {
        let path = match what {
            "a beginning" => piece.clone(),
            "what was cut" => part.clone(),
            _ => route.replace("/{hash}", picture.trim_start_matches(photos)),
        };
        (method, route, what, headers.to_owned(), path, body)
    };
    asked.into_iter().map(with_path).collect()
}

/// The routes that somebody may go without saying who they are: the last one tells everybody that it is
/// of another version, and nothing else.
const OPEN: [&str; 4] = ["/health", "/api", "/api/{*rest}", "/api/v1/overview"];

#[tokio::test]
async fn ac10_every_route_is_closed_to_whoever_was_shut_out_and_to_nobody_else() {
    let server = town().await;
    let (revoked, first) = Phone::signing(&server, 1, "one").await;
    let (retired, second) = Phone::signing(&server, 2, "far").await;
    let (unitless, third) = Phone::signing(&server, 3, "duty").await;
    let (stays, fourth) = Phone::signing(&server, 4, "two").await;
    let all = [
        (&revoked, &first),
        (&retired, &second),
        (&unitless, &third),
        (&stays, &fourth),
    ];
    for (phone, key) in all {
        for (_, what, status, code) in walk(&server, phone, key).await {
            assert_ne!(code, "revoked", "{what}: {status}");
        }
    }
    let before = entries(&server).await;
    let name = revoked.device.hex();
    command(&server, &["device", "revoke", &name])
        .await
        .expect("revoked");
    command(&server, &["person", "retire", "--id", "far"])
        .await
        .expect("retired");
    // A whole station, but not the grid of somebody who has another one.
    let grids = ["unit", "retire", "--id", "a1"];
    let refused = command(&server, &grids).await.expect_err("in use");
    assert!(refused.contains("person one, person two"), "{refused}");
    let station = ["unit", "retire", "--id", "A", "--with-all-below"];
    let mut unit: domain::id::UnitId = "b1".parse().expect("a code");
    give(&server, "two", &["a1", unit.as_str()]).await;
    command(&server, &station).await.expect("retired");
    let mut routes = BTreeSet::from(OPEN);
    for (phone, key) in &all[..3] {
        for (route, what, status, code) in walk(&server, phone, key).await {
            assert_eq!((status, code.as_str()), (403, "revoked"), "{what}");
            routes.insert(route);
        }
    }
    assert_eq!(entries(&server).await, before);
    // A new route is walked here too, or is open to strangers with a reason.
    let router = include_str!("../../src/router.rs");
    let told = router
        .split('"')
        .filter(|text| text.starts_with("/api") || *text == "/health");
    assert_eq!(told.collect::<BTreeSet<_>>(), routes);
    // Who has another unit goes on in that.
    let mut stays = stays;
    let answer = stays.pull(&server).await;
    let grids = answer.directory.expect("a new one").grids;
    unit = grids.first().expect("a grid").id.clone();
    assert_eq!((grids.len(), unit.as_str()), (1, "b1"));
    server.stop().await;
}

/// Gives a person these units.
async fn give(server: &TestServer, person: &str, units: &[&str]) {
    let mut line = vec![
        "person",
        "add",
        "--id",
        person,
        "--name",
        "N",
        "--role",
        "aux_officer",
    ];
    for unit in units {
        line.extend(["--unit", unit]);
    }
    command(server, &line).await.expect("is there");
}

/// The end of an answer, after which the connection may go on.
const END: &str = "\r\n0\r\n\r\n";

#[tokio::test]
async fn ac11_an_open_stream_of_news_ends_when_a_command_beside_the_server_shuts_out() {
    let server = town().await;
    let (phone, _) = Phone::signing(&server, 1, "one").await;
    let (other, _) = Phone::signing(&server, 2, "far").await;
    let (stays, _) = Phone::signing(&server, 3, "duty").await;
    let (mut first, mut second) = (
        Ear::open(&server, &phone).await,
        Ear::open(&server, &other).await,
    );
    let mut third = Ear::open(&server, &stays).await;
    let name = phone.device.hex();
    command(&server, &["device", "revoke", &name])
        .await
        .expect("revoked");
    first.hears(END).await;
    command(&server, &["person", "retire", "--id", "far"])
        .await
        .expect("retired");
    second.hears(END).await;
    // Whoever may still listen hears on.
    let (mut two, key) = Phone::signing(&server, 4, "two").await;
    let (_, _, item) = two.hazard("a1");
    two.push_signed(&server, &[(item, "a1")], &key).await;
    third.hears("data: 1\n\n").await;
    server.stop().await;
}

#[tokio::test]
async fn ac12_open_invitations_end_with_their_person_and_the_list_shows_no_code() {
    let server = town().await;
    let (phone, _) = Phone::signing(&server, 1, "one").await;
    let [spare, second, far, cancelled] = [
        invite(&server, "one").await,
        invite_by(&server, &["--person", "one"]).await,
        invite(&server, "far").await,
        invite(&server, "two").await,
    ];
    let listed = command(&server, &["invite", "list"]).await.expect("a list");
    let line = |person: &str, state: &str| {
        let mut lines = listed.lines();
        lines.find(|line| line.contains(&format!("\t{person}\t")) && line.contains(state))
    };
    let used = format!("used by device {}", phone.device.hex());
    assert!(line("one", &used).is_some(), "{listed}");
    for code in [&spare, &second, &far, &cancelled] {
        assert!(!listed.contains(code.as_str()) && !listed.contains(&code.replace('-', "")));
    }
    let open = line("two", "open").expect("open");
    assert!(
        open.contains("made 20") && open.contains("ends 20"),
        "{open}"
    );
    let (handle, _) = open.split_once('\t').expect("a handle");
    command(&server, &["invite", "cancel", handle])
        .await
        .expect("cancelled");
    let again = command(&server, &["invite", "cancel", handle]).await;
    assert!(again.expect_err("once").contains("no open invitation"));
    let name = phone.device.hex();
    let said = command(&server, &["device", "revoke", &name[..8]]).await;
    assert!(said.expect("revoked").contains("2 open invitations"));
    let said = command(&server, &["person", "retire", "--id", "far"]).await;
    assert!(said.expect("retired").contains("1 open invitations"));
    for (number, (person, code)) in (5..).zip([
        ("one", spare),
        ("one", second),
        ("far", far),
        ("two", cancelled),
    ]) {
        let (thief, key) = (Phone::new(number, person), Key::fresh());
        let joined = thief.bring(&server, &key, (&key, Some(code))).await;
        assert_eq!(joined, (403, "expired_code".to_owned()), "{person}");
    }
    assert!(
        command(&server, &["invite", "--person", "far"])
            .await
            .is_err()
    );
    server.stop().await;
}

#[tokio::test]
async fn ac13_who_and_what_was_retired_comes_back_by_being_added_again() {
    let server = town().await;
    let (mut phone, _) = Phone::signing(&server, 1, "one").await;
    phone.pull(&server).await;
    command(&server, &["person", "retire", "--id", "one"])
        .await
        .expect("retired");
    let request = phone.request();
    let refused = phone.send(&server, &request).await.expect_err("refused");
    assert_eq!(refused, (403, "revoked".to_owned()));
    let listed = command(&server, &["device", "list"]).await.expect("a list");
    assert!(
        listed.contains("shut out: its person or unit is retired"),
        "{listed}"
    );
    give(&server, "one", &["a1", "a3"]).await;
    let back = phone.pull(&server).await;
    assert_eq!(back.directory.expect("a new one").grids.len(), 2);
    // A unit below which nobody and nothing is.
    give(&server, "one", &["a1"]).await;
    command(&server, &["unit", "retire", "--id", "a3"])
        .await
        .expect("retired");
    let above = command(&server, &["unit", "retire", "--id", "post"]).await;
    assert!(above.expect_err("in use").contains("unit a2, person two"));
    let unknown = command(&server, &["unit", "retire", "--id", "a3"]).await;
    assert!(unknown.expect_err("gone").contains("no active unit a3"));
    let (mut duty, _) = Phone::signing(&server, 2, "duty").await;
    let grids = |phone: &Phone| phone.directory.as_ref().map(|known| known.grids.len());
    duty.pull(&server).await;
    assert_eq!(grids(&duty), Some(2));
    let back = [
        "unit",
        "add",
        "--id",
        "a3",
        "--level",
        "5",
        "--name",
        "a3",
        "--parent",
        "A",
        "--village",
        "V",
        "--village-code",
        "1",
    ];
    command(&server, &back).await.expect("is there");
    duty.pull(&server).await;
    assert_eq!(grids(&duty), Some(3));
    server.stop().await;
}

#[tokio::test]
async fn ac14_what_a_device_signed_comes_in_by_nobodys_hand_once_it_is_shut_out() {
    let server = town().await;
    let (mut lost, key) = Phone::signing(&server, 1, "one").await;
    let (mut carrier, own) = Phone::signing(&server, 2, "two").await;
    let mut station = Phone::joined(&server, 3, "duty").await;
    // The station has everything up to here.
    let (_, _, item) = carrier.hazard("a1");
    carrier.push_signed(&server, &[(item, "a1")], &own).await;
    for _ in 0..2 {
        station.pull(&server).await;
    }
    assert_eq!(carrier.pull(&server).await.seen, 1);
    let mut requests = Vec::new();
    for _ in 0..2 {
        let (mut request, _) = pushing(&mut lost);
        request.ask.page_kib = 0;
        requests.push(key.sign(request.encode_to_sign(None).expect("to sign")));
    }
    command(&server, &["device", "revoke", &lost.device.hex()])
        .await
        .expect("revoked");
    command(&server, &["device", "revoke", &station.device.hex()])
        .await
        .expect("revoked");
    let answer = server.post("/api/v1/exchange", &requests[0]).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "revoked"));
    // What a lost tablet of the station saw, nobody at the station sees any more.
    assert_eq!(carrier.pull(&server).await.seen, 0);
    assert_eq!(entries(&server).await, 1);
    let config = server.config.clone();
    let folder = server.leave().await;
    let path = folder.path().join("work.fengge");
    let code = Code::read("7K2M-9QXD-R4TB").expect("a code");
    let content = Content::Requests(requests);
    let file = carry::seal(&content, &code, ([1; 16], [2; 12])).expect("seals");
    std::fs::write(&path, &file).expect("written");
    let server = Server::open(&config).await.expect("opens");
    let refused = carry::import(&server, &path, "7K2M-9QXD-R4TB").await;
    match refused {
        Err(CarryError::Refused(said)) => assert!(said.contains("revoked"), "{said}"),
        other => panic!("{other:?}"),
    }
    server.close().await;
}
