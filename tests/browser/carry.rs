//! Without a signal: what waits goes to the server on a colleague's phone, as a file or as QR codes.

use serde_json::Value;
use tests::browser::{DESK, PHONE};
use tests::camera::Film;
use tests::server::Server;
use tests::walk::Person;
use tests::words;

/// Takes the share sheet's place and keeps what is handed on.
const SHARE: &str = "navigator.canShare = () => true;\
    navigator.share = async what => { window.__shared = [what.files[0].name, await what.files[0].text()]; };";

/// The name and text of the file that was handed on, and the code on the screen.
async fn handed_on(officer: &Person, make: words::Word) -> (String, String, String) {
    officer.go("/carry").await;
    made(officer, make).await
}

/// The text of the file of what was not sent, and its code, where the app opens no record.
pub async fn exported(officer: &Person) -> (String, String) {
    let (_, file, code) = made(officer, words::EXPORT).await;
    (file, code)
}

async fn made(officer: &Person, make: words::Word) -> (String, String, String) {
    let page = officer.page();
    page.run(SHARE).await;
    page.press(make).await;
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
pub async fn send_along(person: &Person, text: &str, code: &str) {
    let page = person.page();
    let choose = format!(
        "const field = document.getElementById('carry-file');\
         if (!field) return false;\
         const files = new DataTransfer();\
         files.items.add(new File(['{text}'], 'fengge.txt', {{ type: 'text/plain' }}));\
         field.files = files.files;\
         field.dispatchEvent(new Event('change', {{ bubbles: true }}));\
         return true;"
    );
    tests::eventually("a field for a file", || async {
        (page.run(&choose).await == Value::Bool(true)).then_some(())
    })
    .await;
    page.fill(words::CARRY_CODE, code).await;
    page.press(words::CARRY_TAKE).await;
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
    let (name, file, code) = handed_on(&officer, words::CARRY_MAKE).await;
    assert!(
        name.starts_with("fengge-") && name.ends_with(".txt"),
        "{name}"
    );
    // Nothing of it can be read on the way.
    assert!(!file.contains("渡口") && file.is_ascii(), "{file}");
    // It stays on the phone, and is not called sent.
    officer.go(&case).await;
    officer.page().sees_word(words::ON_PHONE).await;

    tablet.go("/carry").await;
    send_along(&tablet, &file, "7K2M-9QXD-R4TB").await;
    tablet.page().sees_word(words::CARRY_WRONG_CODE).await;
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

#[tokio::test]
async fn bd7_a_new_phone_gets_its_records_as_a_file_and_shows_them_without_a_signal() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let new = Person::join(&mut server, "officer", PHONE).await;
    new.lose_network().await;
    let case = officer
        .register_dispute("石板路", "两家为门前堆的柴争执")
        .await;
    officer.sync().await;
    officer.go(&case).await;
    officer.page().sees_no_more(words::ON_PHONE).await;
    let (_, file, code) = handed_on(&officer, words::FIRST_LOAD_MAKE).await;

    new.go("/carry").await;
    send_along(&new, &file, &code).await;
    new.page().sees_word(words::FIRST_LOAD_TAKEN).await;
    new.go("/records").await;
    new.page().sees("石板路").await;
    new.go(&case).await;
    new.page().sees("两家为门前堆的柴争执").await;
    // Whoever gave it says that the server has it; that counts once the server has said so itself.
    new.page().sees_word(words::ON_PHONE).await;
    new.find_network().await;
    new.sync().await;
    new.go(&case).await;
    new.page().sees("两家为门前堆的柴争执").await;
    new.page().sees_no_more(words::ON_PHONE).await;
}

/// Puts what the codes on the screen look like on a film, one after the other.
async fn filmed(officer: &Person) -> Film {
    let page = officer.page();
    officer.go("/carry").await;
    page.press(words::CARRY_SHOW).await;
    page.drawn(".codes svg").await;
    let place = "return document.querySelector('.codes .place').textContent";
    let place = page.run(place).await;
    let of = place.as_str().and_then(|place| place.split_once(" / "));
    let of = of.map_or(Ok(1), |(_, of)| of.parse());
    let of = of.expect("a number of codes");
    Film::of_svgs(&page, ".codes svg", of).await
}

/// More than one code holds.
const LONG: &str = "采茶时踩坏了田埂，水渗到下面三家的菜地里，豇豆和辣椒倒了两行。茶户说走的是老路，\
    菜农拿出十二年前的图，说路在坎子上面；组长回忆修水渠那年改过一次，当时口头讲好由茶户每年清明前培土。\
    双方约定周六上午带着卷尺一起去看，先把缺口堵上，损失按三十七棵辣椒、五架豇豆估算，超出的部分再谈。";

#[tokio::test]
async fn bd5_bd6_qr_codes_are_filmed_without_a_network_and_sent_when_there_is_one() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    officer.lose_network().await;
    officer
        .register_dispute("老码头", "两家为晒鱼的地方争执")
        .await;
    officer.register_dispute("茶山", LONG).await;
    let film = filmed(&officer).await;
    assert!(film.scenes() > 1, "more than one code holds");

    let mut colleague = Person::join_with_film(&mut server, "officer", PHONE, &film).await;
    colleague.lose_network().await;
    colleague.go("/carry").await;
    colleague.page().press(words::CARRY_SCAN).await;
    colleague.page().sees(words::CARRY_WAITING.zh).await;
    // It outlives the phone's death, and the first exchange takes it along.
    colleague.die_and_wake().await;
    colleague.go("/carry").await;
    colleague.page().sees(words::CARRY_WAITING.zh).await;
    colleague.find_network().await;
    colleague.sync().await;
    let station = Person::join(&mut server, "station", DESK).await;
    for place in ["老码头", "茶山"] {
        station.page().fill(words::SEARCH, place).await;
        station.page().sees("显示 1 / 1").await;
        station.page().sees(place).await;
    }
    colleague.go("/carry").await;
    colleague.page().heading(words::NO_SIGNAL).await;
    colleague.page().sees_no_more(words::CARRY_WAITING).await;
}
