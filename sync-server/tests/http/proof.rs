//! Signed batches: who wrote what can be proven, and nobody writes in another's name.

use domain::id::{ActorKey, ChangeHash, DocId};
use domain::sync::message::{Answer, Batch, ItemResult, Request};
use domain::sync::signed::{self, PublicKey};
use domain::time::Millis;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use sync_server::proof::{self, Verdict};
use sync_server::store::{Store, author};

use crate::phone::{Phone, batch, invite, town};
use crate::server::TestServer;

pub struct Key(EcdsaKeyPair);

impl Key {
    pub fn fresh() -> Self {
        let (kind, chance) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let made = EcdsaKeyPair::generate_pkcs8(kind, &chance).expect("a key");
        Self(EcdsaKeyPair::from_pkcs8(kind, made.as_ref(), &chance).expect("a key"))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey::from_point(self.0.public_key().as_ref()).expect("a point")
    }

    pub fn sign(&self, message: Vec<u8>) -> Vec<u8> {
        let input = signed::to_sign(&message).expect("to sign");
        let signature = self.0.sign(&SystemRandom::new(), &input).expect("signs");
        signed::signed(message, signature.as_ref().try_into().expect("64 bytes"))
    }
}

/// A request of this phone that brings a new record, and the record's change.
pub fn pushing(phone: &mut Phone) -> (Request, (DocId, ChangeHash)) {
    let (_, _, item) = phone.hazard("a1");
    let name = (item.doc, item.change.hash());
    let mut batch = batch(0, &[(item, "a1")]);
    batch.no = Batch::number(&batch.digest());
    let request = Request {
        batch: Some(batch),
        ..phone.request()
    };
    (request, name)
}

async fn post(server: &TestServer, bytes: &[u8]) -> (u16, String) {
    let answer = server.post("/api/v1/exchange", bytes).await;
    match answer.status {
        200 => {
            let lean = Answer::decode(&answer.body).expect("an answer");
            let receipt = lean.answer.receipt.expect("a receipt");
            (200, format!("{:?}", receipt.results))
        }
        status => (status, answer.code()),
    }
}

#[tokio::test]
async fn sg2_a_wrong_a_missing_and_another_devices_signature_are_refused() {
    let server = town().await;
    let mut phone = Phone::new(1, "one");
    let (mine, other) = (Key::fresh(), Key::fresh());
    let refused = (401, "unknown_key".to_owned());
    let (mut request, _) = pushing(&mut phone);
    let plain = request.encode_to_sign(None).expect("to sign");
    assert_eq!(
        post(&server, &mine.sign(plain.clone())).await,
        refused,
        "not enrolled"
    );
    request.join = Some(invite(&server, "one").await);
    let first = request
        .encode_to_sign(Some(mine.public()))
        .expect("to sign");
    assert_eq!(
        post(&server, &other.sign(first.clone())).await,
        refused,
        "another's key"
    );
    let signed = mine.sign(first);
    let kept = post(&server, &signed).await;
    assert!(
        kept.1.contains(&format!("{:?}", ItemResult::Kept(1))),
        "{kept:?}"
    );
    assert_eq!(post(&server, &signed).await, kept, "replayed: counted once");
    assert_eq!(post(&server, &mine.sign(plain)).await, kept);
    // From now on the secret alone is not enough.
    let (second, _) = pushing(&mut phone);
    assert_eq!(post(&server, &second.encode()).await, refused, "missing");
    let message = second.encode_to_sign(None).expect("to sign");
    assert_eq!(
        post(&server, &other.sign(message.clone())).await,
        refused,
        "wrong"
    );
    let mut turned = mine.sign(message.clone());
    let place = turned.len() - 70;
    turned[place] ^= 1;
    assert_eq!(post(&server, &turned).await, refused, "altered on the way");
    assert_eq!(post(&server, &mine.sign(message)).await.0, 200);
    // Another phone's key does not sign for this one.
    let (_, other) = Phone::signing(&server, 2, "one").await;
    let (fourth, _) = pushing(&mut phone);
    let message = fourth.encode_to_sign(None).expect("to sign");
    assert_eq!(post(&server, &other.sign(message)).await, refused);
    server.stop().await;
}

#[tokio::test]
async fn sg1_the_server_proves_who_wrote_a_change() {
    let server = town().await;
    let (mut phone, key) = Phone::signing(&server, 1, "one").await;
    let (request, name) = pushing(&mut phone);
    let message = request.encode_to_sign(None).expect("to sign");
    assert_eq!(post(&server, &key.sign(message)).await.0, 200);
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut view = store.view().await.expect("reads");
    let proven = proof::of_record(&mut view, name.0.record)
        .await
        .expect("reads");
    let found: Vec<_> = proven.iter().map(|one| (one.hash, one.verdict)).collect();
    assert_eq!(found, [(name.1, Verdict::Holds)]);
    assert_eq!(proven[0].device, phone.device);
    assert_eq!(proven[0].sent_at, Some(crate::phone::NOW));
    drop(view);
    store.close().await;
    server.stop().await;
}

#[tokio::test]
async fn sg3_f20_a_copied_phone_is_noticed_and_one_that_was_restarted_is_not() {
    let server = town().await;
    let phone = Phone::joined(&server, 1, "one").await;
    let store = Store::open(server.data(), false).await.expect("opens");
    let mut db = store.begin().await.expect("begins");
    let (first, second) = (ActorKey([1; 8]), ActorKey([2; 8]));
    let mut now = 1_000;
    // Restarted: what the first start wrote is older than anything of the second.
    for (actor, at, forked) in [
        (first, 100, false),
        (second, 200, false),
        (first, 150, false),
        (second, 250, false),
        (first, 300, true),
    ] {
        now += 1_000;
        author::bind_actor(&mut db, actor, phone.device)
            .await
            .expect("binds");
        let used = (actor, Millis(at));
        proof::notice_fork(&mut db, phone.device, used, Millis(now))
            .await
            .expect("notes");
        let noted: Option<i64> = sqlx::query_scalar("SELECT forked_at FROM device WHERE id = ?")
            .bind(phone.device.0.as_slice())
            .fetch_one(&mut *db)
            .await
            .expect("reads");
        assert_eq!(noted.is_some(), forked, "{actor:?} at {at}");
    }
    drop(db);
    store.close().await;
    server.stop().await;
}
