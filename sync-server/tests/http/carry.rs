//! Bundles: what somebody else carries to the server, and what they hear.

use domain::sync::bundle::{BundleError, Code, Content, Load};
use domain::sync::message::{Answer, ItemResult};
use sync_server::Server;
use sync_server::carry::{self, Carried, CarryError};

use crate::phone::{Phone, town};
use crate::proof::pushing;

fn code() -> Code {
    Code::read("7K2M-9QXD-R4TB").expect("a code")
}

#[tokio::test]
async fn bd2_whoever_carries_hears_of_the_changes_and_of_nothing_else() {
    let server = town().await;
    let (mut one, key) = Phone::signing(&server, 1, "one").await;
    let mut two = Phone::joined(&server, 2, "one").await;
    // Something is new for the phone, and its directory is asked for.
    let (other, _) = pushing(&mut two);
    two.send(&server, &other).await.expect("is taken");
    let (mut carried, _) = pushing(&mut one);
    carried.ask.page_kib = 0;
    carried.ask.cursor = Vec::new();
    carried.ask.directory = None;
    let carried = key.sign(carried.encode_to_sign(None).expect("to sign"));
    let answer = server.post("/api/v1/exchange", &carried).await;
    assert_eq!(answer.status, 200);
    let heard = Answer::decode(&answer.body).expect("an answer").answer;
    let receipt = heard.receipt.clone().expect("a receipt");
    assert!(matches!(receipt.results.as_slice(), [ItemResult::Kept(_)]));
    assert_eq!(
        heard,
        Answer::receipt_alone(heard.now, heard.receipt.clone())
    );
    server.stop().await;
}

#[tokio::test]
async fn bd3_a_file_comes_in_once_however_often_it_is_carried() {
    let server = town().await;
    let (mut phone, key) = Phone::signing(&server, 1, "one").await;
    let mut requests = Vec::new();
    for _ in 0..2 {
        let (mut request, _) = pushing(&mut phone);
        request.ask.page_kib = 0;
        requests.push(key.sign(request.encode_to_sign(None).expect("to sign")));
    }
    let config = server.config.clone();
    let folder = server.leave().await;
    let path = folder.path().join("work.fengge");
    let file = carry::seal(
        &Content::Requests(requests.clone()),
        &code(),
        ([1; 16], [2; 12]),
    )
    .expect("seals");
    std::fs::write(&path, &file).expect("written");

    let server = Server::open(&config).await.expect("opens");
    let new = Carried {
        kept: 2,
        ..Carried::default()
    };
    let import = carry::import(&server, &path, "7k2m 9qxd r4tb").await;
    assert_eq!(import.expect("comes in"), new);
    // The same file again: the receipts are those of the first time.
    let again = carry::import(&server, &path, "7K2M-9QXD-R4TB").await;
    assert_eq!(again.expect("comes in"), new);

    let wrong = carry::import(&server, &path, "7K2M-9QXD-R4TC").await;
    assert!(matches!(wrong, Err(CarryError::WrongCode)), "{wrong:?}");
    let none = carry::import(&server, &path, "7K2M").await;
    assert!(matches!(none, Err(CarryError::NoCode)), "{none:?}");
    let mut turned = file.clone();
    let place = turned.len() - 40;
    turned[place] = if turned[place] == b'A' { b'B' } else { b'A' };
    std::fs::write(&path, &turned).expect("written");
    let altered = carry::import(&server, &path, "7K2M-9QXD-R4TB").await;
    assert!(matches!(altered, Err(CarryError::WrongCode)), "{altered:?}");
    std::fs::write(&path, b"a picture").expect("written");
    let other = carry::import(&server, &path, "7K2M-9QXD-R4TB").await;
    let other = other.expect_err("no bundle");
    assert!(matches!(other, CarryError::Bundle(BundleError::NotOurs)));
    // Signed by nobody that is known here: refused as a whole.
    let mut forged = requests.clone();
    let place = forged[0].len() - 1;
    forged[0][place] ^= 1;
    let file = carry::seal(&Content::Requests(forged), &code(), ([1; 16], [3; 12])).expect("seals");
    std::fs::write(&path, &file).expect("written");
    let refused = carry::import(&server, &path, "7K2M-9QXD-R4TB").await;
    assert!(
        matches!(refused, Err(CarryError::Refused(_))),
        "{refused:?}"
    );
    // What is for a new phone is not for the server.
    let load = Content::Load(Load {
        grids: vec!["a1".parse().expect("a code")],
        pages: vec![vec![5]],
    });
    let file = carry::seal(&load, &code(), ([1; 16], [4; 12])).expect("seals");
    std::fs::write(&path, &file).expect("written");
    let other = carry::import(&server, &path, "7K2M-9QXD-R4TB").await;
    let other = other.expect_err("not for here");
    assert!(matches!(other, CarryError::Bundle(BundleError::ForADevice)));
    server.close().await;
}
