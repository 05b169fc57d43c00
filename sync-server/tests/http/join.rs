//! Joining: codes that work once, and requests of devices that did not join.

use domain::sync::message::{Request, Secret};

use crate::phone::{EXCHANGE, Phone, command, entries, invite, town};

#[tokio::test]
async fn a_join_can_be_repeated_by_the_same_device_and_by_no_other() {
    let server = town().await;
    let code = invite(&server, "one").await;
    let mut phone = Phone::new(1, "one");
    let request = Request {
        join: Some(code.to_lowercase()),
        ..phone.request()
    };
    let first = phone.clone().send(&server, &request).await.expect("joins");
    // The answer was lost on the way: the same request gives the same person again.
    let again = phone.send(&server, &request).await.expect("joins again");
    assert_eq!(first.directory, again.directory);
    let directory = again.directory.expect("a directory");
    assert_eq!(
        (directory.me.name.as_str(), directory.home.id.as_str()),
        ("One", "A")
    );
    assert_eq!(directory.grids.len(), 1);
    assert_eq!(directory.checkpoints.len(), 1);
    assert!(!directory.demo);
    let mut thief = Phone::new(2, "one");
    let request = Request {
        join: Some(code),
        ..thief.request()
    };
    let refused = thief.send(&server, &request).await.expect_err("refused");
    assert_eq!(refused, (403, "used_code".to_owned()));
    let unjoined = thief.request();
    let refused = thief.send(&server, &unjoined).await.expect_err("refused");
    assert_eq!(refused, (401, "unknown_device".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn pr4_a_request_that_is_damaged_uses_up_no_invitation() {
    let server = town().await;
    let code = invite(&server, "one").await;
    let mut phone = Phone::new(1, "one");
    let mut request = Request {
        join: Some(code),
        ..phone.request()
    };
    // Too long to be checked before the code is looked up: who is in the clear is believed first.
    let noise = (0..8_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]);
    request.ask.cursor = noise.collect();
    for place in [9_000_usize, 100] {
        let mut bytes = request.encode();
        let place = place.min(bytes.len() - 1);
        bytes[place] ^= 1;
        let answer = server.post("/api/v1/exchange", &bytes).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "bad_request")
        );
    }
    let mut other = Phone::new(2, "one");
    let first = Request {
        join: request.join.clone(),
        ..other.request()
    };
    assert!(
        other.send(&server, &first).await.is_ok(),
        "the code is free"
    );
    request.ask.cursor = Vec::new();
    let refused = phone.send(&server, &request).await.expect_err("refused");
    assert_eq!(refused, (403, "used_code".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_changes_nothing() {
    let server = town().await;
    let mut phone = Phone::joined(&server, 1, "one").await;
    let (_, _, item) = phone.hazard("a1");
    let batch = crate::phone::batch(1, &[(item, "a1")]);
    let request = Request {
        secret: Secret([9; 16]),
        batch: Some(batch),
        ..phone.request()
    };
    let refused = phone.send(&server, &request).await.expect_err("refused");
    assert_eq!(refused, (401, "unknown_device".to_owned()));
    assert_eq!(entries(&server).await, 0);
    server.stop().await;
}

#[tokio::test]
async fn guessing_codes_is_braked() {
    let server = town().await;
    let mut phone = Phone::new(1, "one");
    let mut codes = Vec::new();
    for guess in 0..30 {
        let join = Some(format!("0000-00{guess:02}"));
        let request = Request {
            join,
            ..phone.request()
        };
        codes.push(phone.send(&server, &request).await.expect_err("refused"));
    }
    assert_eq!(codes.first(), Some(&(403, "unknown_code".to_owned())));
    assert_eq!(codes.last(), Some(&(429, "too_many".to_owned())));
    server.stop().await;
}

#[tokio::test]
async fn a_revoked_device_is_refused() {
    let server = town().await;
    let mut phone = Phone::joined(&server, 1, "one").await;
    let revoke = ["device", "revoke", &phone.device.hex()];
    command(&server, &revoke).await.expect("revoked");
    let request = phone.request();
    let refused = phone.send(&server, &request).await.expect_err("refused");
    assert_eq!(refused, (403, "revoked".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn pr10_a_right_code_joins_however_many_wrong_ones_come_from_the_same_place() {
    let server = town().await;
    let code = invite(&server, "one").await;
    let mut guesses = tokio::task::JoinSet::new();
    for guess in 0..26_u8 {
        let phone = Phone::new(100 + guess, "one");
        let request = Request {
            join: Some(format!("0000-00{guess:02}")),
            ..phone.request()
        };
        // All at once: what is being judged counts until it has proven right.
        let (address, body) = (server.address, request.encode());
        guesses.spawn(async move {
            crate::server::post_to(address, EXCHANGE, &body)
                .await
                .code()
        });
    }
    let mut honest = Phone::new(1, "one");
    let request = Request {
        join: Some(code),
        ..honest.request()
    };
    honest.send(&server, &request).await.expect("joins");
    let codes = guesses.join_all().await;
    let unknown = codes.iter().filter(|code| *code == "unknown_code").count();
    assert!(unknown <= 20, "{codes:?}");
    assert!(codes.iter().any(|code| code == "too_many"));
    let again = honest.pull(&server).await;
    assert!(again.receipt.is_none());
    server.stop().await;
}
