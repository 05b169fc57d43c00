//! What was cut on the way: whose it is, and who gets it.

use domain::sync::message::{Answer, Request};
use sync_server::parts::PartId;
use sync_server::store::{Store, device};

use crate::phone::{NOW, Phone, batch, entries, invite, town};
use crate::proof::pushing;
use crate::server::{Answer as Said, TestServer};

/// A request that goes in pieces.
struct Pieces<'a> {
    server: &'a TestServer,
    bytes: Vec<u8>,
    id: PartId,
}

impl<'a> Pieces<'a> {
    fn of(server: &'a TestServer, bytes: Vec<u8>) -> Self {
        let id = PartId::of(&bytes);
        Self { server, bytes, id }
    }

    /// A request that brings 300 hazards.
    fn bringing(server: &'a TestServer, phone: &mut Phone) -> Self {
        let items: Vec<_> = (0..300).map(|_| (phone.hazard("a1").2, "a1")).collect();
        let request = Request {
            batch: Some(batch(7, &items)),
            ..phone.request()
        };
        Self::of(server, request.encode())
    }

    async fn post(&self, (from, to): (usize, usize), proof: &str) -> Said {
        let (id, of) = (self.id.as_str(), self.bytes.len());
        let path = format!("/api/v1/exchange?part={id}&at={from}&of={of}");
        let piece = &self.bytes[from..to];
        self.server.request("POST", &path, proof, piece).await
    }

    async fn get(&self, from: usize, proof: &str) -> Said {
        let path = format!("/api/v1/parts/{}?from={from}", self.id.as_str());
        self.server.request("GET", &path, proof, &[]).await
    }
}

#[tokio::test]
async fn sy19_a_request_and_its_answer_are_taken_up_where_they_were_cut() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let (request, proof) = (Pieces::bringing(&server, &mut one), one.proof());
    assert_eq!(request.get(0, &proof).await.status, 404);
    let (half, whole) = (request.bytes.len() / 2, request.bytes.len());
    let cut = request.post((0, half), &proof).await;
    assert_eq!((cut.status, cut.code()), (409, "bad_request".to_owned()));
    assert_eq!(entries(&server).await, 0);
    let come = request.get(0, &proof).await;
    assert_eq!(
        (come.status, come.body),
        (202, half.to_string().into_bytes())
    );
    let gap = request.post((half + 1, whole), &proof).await;
    assert_eq!(gap.status, 409);
    let answer = request.post((half, whole), &proof).await;
    assert_eq!(answer.status, 200);
    assert_eq!(entries(&server).await, 300);
    let rest = request.get(10, &proof).await;
    assert_eq!((rest.status, &rest.body[..]), (200, &answer.body[10..]));
    // The same request again, in one piece: nothing is counted twice.
    let again = server.post("/api/v1/exchange", &request.bytes).await;
    assert_eq!(again.status, 200);
    assert_eq!(entries(&server).await, 300);
    server.stop().await;
}

/// Seen: a request that said that it was one byte long was given room for one and brought 1 MiB.
#[tokio::test]
async fn pr6_a_request_in_parts_is_no_longer_than_it_said() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let (request, proof) = (Pieces::bringing(&server, &mut one), one.proof());
    let path = format!("/api/v1/exchange?part={}&at=0&of=1", request.id.as_str());
    let answer = server.request("POST", &path, &proof, &request.bytes).await;
    assert_eq!(
        (answer.status, answer.code()),
        (413, "too_large".to_owned())
    );
    assert_eq!(
        request.get(0, &proof).await.status,
        404,
        "nothing of it is kept"
    );
    assert_eq!(entries(&server).await, 0);
    let whole = request.bytes.len();
    assert_eq!(request.post((0, whole), &proof).await.status, 200);
    server.stop().await;
}

/// Seen: 66 beginnings of one byte from 66 addresses pushed an honest one out.
#[tokio::test]
async fn pr13_a_beginning_belongs_to_the_device_that_proves_itself() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let two = Phone::joined(&server, 2, "two").await;
    let (request, proof) = (Pieces::bringing(&server, &mut one), one.proof());
    let (half, whole) = (request.bytes.len() / 2, request.bytes.len());
    assert_eq!(request.post((0, half), &proof).await.status, 409);
    // Nobody else finds it, goes on with it or begins as much without having joined.
    let mut liar = one.clone();
    liar.secret.0[0] ^= 1;
    let others = [two.proof(), liar.proof(), String::new()];
    for other in &others {
        assert_eq!(request.get(0, other).await.status, 404);
    }
    assert_eq!(request.post((half, whole), &others[0]).await.status, 409);
    for stranger in &others[1..] {
        let refused = request.post((half, whole), stranger).await;
        let code = (refused.status, refused.code());
        assert_eq!(code, (401, "unknown_device".to_owned()));
    }
    for n in 0..70_u8 {
        let begun = Pieces::of(&server, vec![n; 200]);
        assert_eq!(begun.post((0, 1), "").await.status, 409);
    }
    assert_eq!(request.post((half, whole), &proof).await.status, 200);
    assert_eq!(entries(&server).await, 300);
    server.stop().await;
}

/// Seen: whoever knew the name of an answer was given all of it.
#[tokio::test]
async fn pr14_a_kept_answer_is_given_to_its_device_alone_and_to_no_revoked_one() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let two = Phone::joined(&server, 2, "two").await;
    let (request, proof) = (Pieces::bringing(&server, &mut one), one.proof());
    let whole = request.bytes.len();
    assert_eq!(request.post((0, whole), &proof).await.status, 200);
    // A large answer to a request that came whole is named too.
    let large = Phone::joined(&server, 3, "one").await;
    let mut pull = large.request();
    pull.ask.cursor.clear();
    let answer = server.post("/api/v1/exchange", &pull.encode()).await;
    let id = PartId::read(answer.header("part").expect("a name")).expect("a name");
    let kept = Pieces {
        server: &server,
        bytes: Vec::new(),
        id,
    };
    for (part, own) in [(&request, &proof), (&kept, &large.proof())] {
        for other in [two.proof(), String::new()] {
            let refused = part.get(0, &other).await;
            let code = (refused.status, refused.code());
            assert_eq!(code, (404, "not_found".to_owned()));
        }
        assert_eq!(part.get(0, own).await.status, 200);
    }
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut write = store.begin().await.expect("begins");
    let revoked = device::revoke(&mut write, large.device, NOW).await;
    assert!(revoked.expect("revokes"));
    write.commit().await.expect("commits");
    store.close().await;
    let (get, post) = (
        kept.get(0, &large.proof()).await,
        kept.post((0, 0), &large.proof()).await,
    );
    for refused in [get, post] {
        let code = (refused.status, refused.code());
        assert_eq!(code, (403, "revoked".to_owned()));
    }
    server.stop().await;
}

#[tokio::test]
async fn pr15_who_has_not_joined_joins_in_pieces_and_gets_the_rest_of_the_answer() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let request = Pieces::bringing(&server, &mut one);
    let whole = request.bytes.len();
    assert_eq!(request.post((0, whole), &one.proof()).await.status, 200);
    let new = Phone::new(9, "one");
    let join = Request {
        join: Some(invite(&server, "one").await),
        ..new.request()
    };
    let (join, proof) = (Pieces::of(&server, join.encode()), new.proof());
    let whole = join.bytes.len();
    let mut at = 0;
    for to in [30, 60, whole] {
        let come = join.get(0, &proof).await;
        let said = if at == 0 { 404 } else { 202 };
        assert_eq!(come.status, said);
        let status = if to == whole { 200 } else { 409 };
        assert_eq!(join.post((at, to), &proof).await.status, status);
        at = to;
    }
    // It has joined: the rest is its own from now on, and no stranger's.
    let rest = join.get(4_000, &proof).await;
    assert!(rest.status == 200 && rest.body.len() > 100);
    assert_eq!(join.get(4_000, "").await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn pr16_a_carried_request_is_begun_and_heard_of_by_its_carrier() {
    let server = town().await;
    let (mut one, key) = Phone::signing(&server, 1, "one").await;
    let two = Phone::joined(&server, 2, "two").await;
    let sign = |request: Request| key.sign(request.encode_to_sign(None).expect("to sign"));
    let (mut carried, _) = pushing(&mut one);
    carried.ask.page_kib = 0;
    let carried = Pieces::of(&server, sign(carried));
    let (half, whole) = (carried.bytes.len() / 2, carried.bytes.len());
    let (carrier, own) = (two.proof(), one.proof());
    assert_eq!(carried.post((0, half), &carrier).await.status, 409);
    assert_eq!(carried.get(0, &own).await.status, 404);
    let heard = carried.post((half, whole), &carrier).await;
    assert_eq!(heard.status, 200);
    let rest = carried.get(0, &carrier).await;
    assert_eq!((rest.status, &rest.body), (200, &heard.body));
    let receipt = Answer::decode(&heard.body).expect("an answer").answer;
    assert!(receipt.receipt.is_some() && receipt.entries.is_empty());
    assert_eq!(carried.get(0, &own).await.status, 404);
    // Whatever tells more than a receipt is its device's own, whoever brought the request.
    let (more, _) = pushing(&mut one);
    let more = Pieces::of(&server, sign(more));
    let answered = more.post((0, more.bytes.len()), &carrier).await;
    assert_eq!(answered.status, 200);
    assert_eq!(more.get(0, &carrier).await.status, 404);
    assert_eq!(more.get(0, &own).await.status, 200);
    server.stop().await;
}
