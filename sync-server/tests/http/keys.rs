//! Keys of devices: how one comes in, and how none does.

use crate::phone::{Phone, command, entries, invite, invite_by, town};
use crate::proof::{Key, pushing};
use crate::server::TestServer;

async fn keys(server: &TestServer, phone: &Phone) -> Vec<String> {
    let listed = command(
        server,
        &["device", "list", "--person", phone.person.as_str()],
    )
    .await;
    let listed = listed.expect("a list");
    let name = phone.device.hex();
    let mut lines = listed.lines().skip_while(|line| !line.contains(&name));
    lines.next().expect("the device");
    let keys = lines.take_while(|line| line.starts_with('\t'));
    keys.map(str::to_owned).collect()
}

fn locked() -> (u16, String) {
    (403, "key_locked".to_owned())
}

#[tokio::test]
async fn sg4_whoever_holds_the_secret_alone_brings_no_key_in() {
    let server = town().await;
    let (mut owner, key) = Phone::signing(&server, 1, "one").await;
    let (thief, stolen) = (owner.clone(), Key::fresh());
    assert_eq!(
        thief.bring(&server, &stolen, (&stolen, None)).await,
        locked()
    );
    assert_eq!(
        (entries(&server).await, keys(&server, &owner).await.len()),
        (0, 1)
    );
    // The key that is here vouches for the next one, and that for the one after it.
    let (second, third) = (Key::fresh(), Key::fresh());
    assert_eq!(owner.bring(&server, &second, (&key, None)).await.0, 200);
    assert_eq!(
        owner.bring(&server, &third, (&key, None)).await,
        (401, "unknown_key".to_owned())
    );
    assert_eq!(owner.bring(&server, &third, (&second, None)).await.0, 200);
    // All of them sign, and the same key again is no new one.
    for known in [&key, &second, &third] {
        let (request, _) = pushing(&mut owner);
        let message = request.encode_to_sign(None).expect("to sign");
        let answer = server.post("/api/v1/exchange", &known.sign(message)).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(owner.bring(&server, &key, (&key, None)).await.0, 200);
    let listed = keys(&server, &owner).await;
    assert_eq!(listed.len(), 3);
    assert!(listed[0].contains("when it joined"), "{listed:?}");
    assert!(listed[1].contains("vouched for by key"), "{listed:?}");
    server.stop().await;
}

#[tokio::test]
async fn sg4_a_device_without_a_key_gets_none_by_its_secret_and_goes_on_without() {
    let server = town().await;
    let mut phone = Phone::new(1, "one");
    let code = invite(&server, "one").await;
    let plain = domain::sync::message::Request {
        join: Some(code.clone()),
        ..phone.request()
    };
    phone.send(&server, &plain).await.expect("joins");
    let key = Key::fresh();
    assert_eq!(phone.bring(&server, &key, (&key, None)).await, locked());
    let (_, _, item) = phone.hazard("a1");
    phone.push(&server, 1, &[(item, "a1")]).await;
    assert_eq!(entries(&server).await, 1);
    // Its own code, whose answer was lost, still brings the first one.
    assert_eq!(
        phone
            .bring(&server, &key, (&key, Some(code.clone())))
            .await
            .0,
        200
    );
    let other = Key::fresh();
    let again = phone.bring(&server, &other, (&other, Some(code))).await;
    assert_eq!(again, locked(), "a used code is no new invitation");
    server.stop().await;
}

#[tokio::test]
async fn sg5_an_invitation_for_a_device_brings_it_a_key_and_serves_no_other() {
    let server = town().await;
    let (owner, _) = Phone::signing(&server, 1, "one").await;
    let fresh = Key::fresh();
    // A spare code of the person joins another device, and is not used up by the attempt.
    let spare = invite(&server, "one").await;
    let tried = owner
        .bring(&server, &fresh, (&fresh, Some(spare.clone())))
        .await;
    assert_eq!(tried, locked());
    let second = Phone::new(2, "one");
    let other = Key::fresh();
    assert_eq!(
        second.bring(&server, &other, (&other, Some(spare))).await.0,
        200
    );
    // One that is made for the device.
    let name = owner.device.hex();
    let bound = invite_by(&server, &["--device", &name[..8]]).await;
    let stranger = Phone::new(3, "one");
    for phone in [&stranger, &second] {
        let tried = phone
            .bring(&server, &other, (&other, Some(bound.clone())))
            .await;
        assert_eq!(tried, (403, "unknown_code".to_owned()));
    }
    let mut wrong = owner.clone();
    wrong.secret.0[0] ^= 1;
    let tried = wrong
        .bring(&server, &fresh, (&fresh, Some(bound.clone())))
        .await;
    assert_eq!(tried, (401, "unknown_device".to_owned()));
    // The answer was lost: the same request once more.
    for _ in 0..2 {
        let came = owner
            .bring(&server, &fresh, (&fresh, Some(bound.clone())))
            .await;
        assert_eq!(came, (200, String::new()));
    }
    let third = Key::fresh();
    let tried = owner.bring(&server, &third, (&third, Some(bound))).await;
    assert_eq!(tried, locked(), "once");
    let listed = keys(&server, &owner).await;
    assert_eq!(listed.len(), 2);
    assert!(
        listed[1].contains("by an invitation for this device"),
        "{listed:?}"
    );
    let far = ["invite", "--device", &name, "--person", "far"];
    let refused = command(&server, &far).await.expect_err("another's");
    assert!(refused.contains("is not of person far"), "{refused}");
    let none = command(&server, &["invite", "--device", "ffffffff"]).await;
    assert!(none.expect_err("none").contains("no active device"));
    server.stop().await;
}

#[tokio::test]
async fn sg6_no_key_gives_way_to_another_and_the_list_shows_them_with_their_days() {
    let server = town().await;
    let (mut owner, first) = Phone::signing(&server, 1, "one").await;
    let mut newest = first;
    let mut all = Vec::new();
    for _ in 0..7 {
        let next = Key::fresh();
        assert_eq!(owner.bring(&server, &next, (&newest, None)).await.0, 200);
        all.push(core::mem::replace(&mut newest, next));
        // The next one comes with other work.
        pushing(&mut owner);
    }
    let ninth = Key::fresh();
    let refused = owner.bring(&server, &ninth, (&newest, None)).await;
    assert_eq!(refused, (403, "too_many_keys".to_owned()));
    let (request, _) = pushing(&mut owner);
    let message = request.encode_to_sign(None).expect("to sign");
    let answer = server.post("/api/v1/exchange", &all[0].sign(message)).await;
    assert_eq!(answer.status, 200, "the first one still signs");
    let listed = keys(&server, &owner).await;
    assert_eq!(listed.len(), 8);
    for line in &listed {
        assert!(line.contains("enrolled 20"), "{line}");
    }
    let days = listed.iter().filter(|line| line.contains("last used 20"));
    assert_eq!(days.count(), 7, "{listed:?}");
    assert!(listed[7].contains("last used never"), "{listed:?}");
    let name = owner.device.hex();
    let refused = command(&server, &["invite", "--device", &name]).await;
    assert!(refused.expect_err("full").contains("revoke it and invite"));
    server.stop().await;
}
