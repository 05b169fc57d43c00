//! Without a signal: what waits goes to the server on a colleague's phone, as a file.

use serde_json::Value;
use tests::browser::{DESK, PHONE};
use tests::server::Server;
use tests::walk::Person;
use tests::words;

/// Takes the share sheet's place and keeps what is handed on.
const SHARE: &str = "navigator.canShare = () => true;\
    navigator.share = async what => { window.__shared = [what.files[0].name, await what.files[0].text()]; };";

/// The name and text of the file that was handed on, and the code on the screen.
async fn handed_on(officer: &Person) -> (String, String, String) {
    let page = officer.page();
    officer.go("/settings").await;
    page.run(SHARE).await;
    page.press(words::CARRY_MAKE).await;
    page.press(words::CARRY_GIVE).await;
    let shared = tests::eventually("a file", || async {
        let shared = page.run("return window.__shared || null").await;
        shared.as_array().cloned()
    })
    .await;
    let code = page
        .run("return document.querySelector('.carry-code').textContent")
        .await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&shared[0]), text(&shared[1]), text(&code))
}

/// Chooses a file with this text, types the code and sends it.
async fn send_along(person: &Person, text: &str, code: &str) {
    let page = person.page();
    let choose = format!(
        "const field = document.getElementById('carry-file');\
         if (!field) return false;\
         const files = new DataTransfer();\
         files.items.add(new File(['{text}'], 'fengge.txt', {{ type: 'text/plain' }}));\
         field.files = files.files;\
         return true;"
    );
    tests::eventually("a field for a file", || async {
        (page.run(&choose).await == Value::Bool(true)).then_some(())
    })
    .await;
    page.fill(words::CARRY_CODE, code).await;
    page.press(words::CARRY_SEND).await;
}

#[tokio::test]
async fn bd4_a_phone_without_a_signal_hands_its_work_to_a_colleague_s_tablet() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let tablet = Person::join(&mut server, "station", DESK).await;
    officer.lose_network().await;
    let case = officer
        .register_dispute("渡口", "两家为靠船的位置争执")
        .await;
    officer.register_dispute("水井边", "两家为排水沟争执").await;
    let (name, file, code) = handed_on(&officer).await;
    assert!(
        name.starts_with("fengge-") && name.ends_with(".txt"),
        "{name}"
    );
    // Nothing of it can be read on the way.
    assert!(!file.contains("渡口") && file.is_ascii(), "{file}");
    // It stays on the phone, and is not called sent.
    officer.go(&case).await;
    officer.page().sees_word(words::ON_PHONE).await;

    tablet.go("/settings").await;
    send_along(&tablet, &file, "7K2M-9QXD-R4TB").await;
    tablet.page().sees_word(words::CARRY_WRONG_CODE).await;
    tablet.lose_network().await;
    send_along(&tablet, &file, &code).await;
    tablet.page().sees_word(words::CARRY_OFFLINE).await;
    tablet.find_network().await;
    for _twice in 0..2 {
        send_along(&tablet, &file, &code.to_lowercase()).await;
        tablet.page().sees_word(words::CARRY_TAKEN).await;
    }
    tablet.go("/").await;
    tablet.page().sees("渡口").await;
    tablet.page().sees("水井边").await;

    // When the phone has a signal again it hears that all is there, and nothing is there twice.
    officer.find_network().await;
    officer.sync().await;
    officer.go(&case).await;
    tests::eventually("the record sent, or seen already", || async {
        let page = officer.page();
        let sent = page.shows(words::SENT.zh).await || page.shows(words::SEEN.zh).await;
        sent.then_some(())
    })
    .await;
    tablet.go("/").await;
    tablet.page().sees("水井边").await;
    let count = "return document.body.innerText.split('渡口').length - 1";
    let once = tablet.page().run(count).await;
    assert_eq!(once, Value::from(1));
}
