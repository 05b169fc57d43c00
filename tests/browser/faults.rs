//! Entries of the catalogue of failures whose fault is the browser's.

use serde_json::json;
use tests::browser::PHONE;
use tests::gate::Mode;
use tests::server::Server;
use tests::walk::{Person, home_of};
use tests::words;

/// Text that packs badly, as long as a form takes.
fn long_text(seed: u32) -> String {
    let mut state = seed;
    let letter = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from_u32(0x4e00 + (state >> 12) % 8_000).unwrap_or('村')
    };
    (0..900).map(letter).collect()
}

/// Saves until the phone is full; how many were said to be saved, and what is left in the form.
async fn fill_up(officer: &Person) -> (Vec<String>, String) {
    let mut saved = Vec::new();
    for n in 0..20 {
        let brief = format!("第 {n} 件纠纷 {}", long_text(n));
        officer.fill_dispute("晒谷场", &brief).await;
        officer.page().press(words::SAVE).await;
        let full = tests::eventually("saved, or said to be full", || async {
            let path = officer.page().path().await;
            let shown = officer.page().shows("手机空间满了").await;
            let done = path.starts_with("/disputes/") && path != "/disputes/new";
            (shown || done).then_some(shown)
        })
        .await;
        if full {
            return (saved, brief);
        }
        saved.push(brief);
    }
    panic!("the phone never was full");
}

/// A phone that has room for little: nothing is said to be saved that is not, and nothing is lost.
async fn full_phone(officer: &mut Person) {
    officer.gate.set(Mode::Refuse);
    let url = officer.gate.url();
    let (saved, left) = fill_up(officer).await;
    assert_eq!(officer.page().path().await, "/disputes/new");
    assert_eq!(officer.page().value(words::WHAT_HAPPENED).await, left);
    officer.browser.limit_storage(&url, None).await;
    officer.page().press(words::SAVE).await;
    let case = |path: &str| path.starts_with("/disputes/") && path != "/disputes/new";
    let what = "the case, once there is room";
    officer.page().path_where(what, case).await;
    officer.gate.set(Mode::Open);
    officer.sync().await;
    officer.go("/records").await;
    for brief in saved.iter().chain([&left]) {
        let head: String = brief.chars().take(7).collect();
        officer.page().sees(&head).await;
    }
}

#[tokio::test]
async fn f01_a_phone_that_gets_full_never_says_saved_of_what_is_not() {
    let mut server = Server::demo().await;
    let mut officer = Person::join(&mut server, "officer", PHONE).await;
    shrink(&mut officer).await;
    full_phone(&mut officer).await;
}

#[tokio::test]
async fn f02_a_browser_that_promises_room_which_it_has_not_costs_nothing() {
    let mut server = Server::demo().await;
    let mut officer = Person::join(&mut server, "officer", PHONE).await;
    shrink(&mut officer).await;
    let lie = "navigator.storage.estimate = async () => ({ quota: 1e12, usage: 0 })";
    let wish = json!({ "source": lie });
    officer.browser.cdp("Page.enable", json!({})).await;
    officer
        .browser
        .cdp("Page.addScriptToEvaluateOnNewDocument", wish)
        .await;
    full_phone(&mut officer).await;
}

/// Leaves room for some records and no more.
async fn shrink(officer: &mut Person) {
    // A browser that has just started asks for its quota anew; later it trusts what it knew. And it
    // tidies up what the last one left, so it is asked for its usage itself.
    officer.browser.kill().await;
    officer.browser.open().await;
    let url = officer.gate.url();
    let asked = json!({ "origin": url });
    let answer = officer.browser.cdp("Storage.getUsageAndQuota", asked);
    let used = answer.await["usage"].as_f64().expect("a count of bytes");
    let room = format!("{:.0}", used + 16_384.0)
        .parse()
        .expect("a count of bytes");
    officer.browser.limit_storage(&url, Some(room)).await;
}

#[tokio::test]
async fn f10_another_person_on_the_phone_takes_nothing_from_what_waits() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let second = server.join("officer");
    officer.go("/settings").await;
    in_sight(&officer, "main.settings section > button.button").await;
    officer.page().press(words::JOIN_ANOTHER).await;
    officer.page().heading(words::JOIN).await;
    officer.page().fill(words::CODE, &second.code).await;
    officer.page().press(words::JOIN).await;
    officer.page().heading(home_of("officer")).await;
    take_turns(&officer).await;
    officer.lose_network().await;
    let briefs = ["甲的第一件纠纷", "甲的第二件纠纷", "甲的第三件纠纷"];
    for brief in briefs {
        officer.register_dispute("河边", brief).await;
    }
    take_turns(&officer).await;
    officer.register_dispute("村口", "乙自己的纠纷").await;
    officer.go("/records").await;
    officer.page().sees("乙自己的纠纷").await;
    for brief in briefs {
        assert!(
            !officer.page().shows(brief).await,
            "each has a store of their own"
        );
    }
    officer.find_network().await;
    officer.sync().await;
    take_turns(&officer).await;
    officer.go("/records").await;
    for brief in briefs {
        officer.page().sees(brief).await;
    }
    officer.sync().await;
    let third = Person::join(&mut server, "station", tests::browser::DESK).await;
    third.go("/records").await;
    for brief in briefs {
        third.page().sees(brief).await;
    }
}

/// Scrolls to it, as a person does: the bar at the foot of the screen may lie over it.
async fn in_sight(officer: &Person, selector: &str) {
    let scroll = format!(
        "const it = document.querySelector('{selector}');\
         if (it) it.scrollIntoView({{ block: 'center' }}); return !!it"
    );
    tests::eventually(selector, || async {
        (officer.page().run(&scroll).await == json!(true)).then_some(())
    })
    .await;
}

/// The other person of the phone takes it over.
async fn take_turns(officer: &Person) {
    officer.go("/settings").await;
    let using = "return [...document.querySelectorAll('li.row.plain')]\
        .findIndex((row) => row.querySelector('.tag.seen'))";
    let before = tests::eventually("who uses the phone", || async {
        let at = officer.page().run(using).await.as_i64()?;
        (at >= 0).then_some(at)
    })
    .await;
    in_sight(officer, "li.row.plain button.mini").await;
    officer.page().press(words::SWITCH).await;
    tests::eventually("the other one to use the phone", || async {
        // Taking turns may lead to another screen.
        if officer.page().path().await != "/settings" {
            return Some(());
        }
        let now = officer.page().run(using).await.as_i64()?;
        (now >= 0 && now != before).then_some(())
    })
    .await;
}

/// Each round types on, and ends with the sudden death of the browser at another moment.
#[tokio::test]
async fn f16_of_what_was_typed_a_dead_phone_loses_two_seconds_at_most() {
    let mut server = Server::demo().await;
    let mut officer = Person::join(&mut server, "officer", PHONE).await;
    officer.lose_network().await;
    officer.fill_dispute("晒谷场", "起").await;
    officer.page().sees("草稿").await;
    let mut safe = String::from("起");
    for round in 0..6_u64 {
        officer
            .page()
            .type_into(words::WHAT_HAPPENED, "甲乙丙丁")
            .await;
        let typed = format!("{safe}甲乙丙丁");
        // What is typed now may be lost: it is younger than two seconds.
        let pause = std::time::Duration::from_millis(2_000 + 37 * round);
        tokio::time::sleep(pause).await;
        officer.page().type_into(words::WHAT_HAPPENED, "末").await;
        officer.die_and_wake().await;
        officer.go("/disputes/new").await;
        let back = officer.page().value(words::WHAT_HAPPENED).await;
        assert!(back.starts_with(&typed), "round {round}: {back} of {typed}");
        safe = back;
    }
    assert_eq!(officer.page().value(words::PLACE).await, "晒谷场");
}
