//! Drafts: what was typed outlives windows, sheets and phones, and a record goes where its form says.

use serde_json::Value;
use tests::browser::PHONE;
use tests::page::Page;
use tests::server::Server;
use tests::walk::Person;
use tests::words;

/// Puts a whole passage into a field at once, as voice input does, and does something right after it.
fn said(selector: &str, text: &str, then: &str) -> String {
    format!(
        "const field = document.querySelector('{selector}');\
         const kind = field.tagName === 'TEXTAREA' ? HTMLTextAreaElement : HTMLInputElement;\
         Object.getOwnPropertyDescriptor(kind.prototype, 'value').set.call(field, '{text}');\
         field.dispatchEvent(new Event('input', {{ bubbles: true }}));\
         {then}"
    )
}

/// Every draft that lies in the store of whoever uses the phone, as one text.
const STORED: &str = "const done = arguments[0]; (async () => {\
    const all = await indexedDB.databases();\
    const name = all.map(d => d.name).find(name => /^fengge-[0-9a-f]{32}$/.test(name));\
    const asked = indexedDB.open(name);\
    asked.onsuccess = () => { const got = asked.result.transaction('drafts')\
        .objectStore('drafts').getAll();\
        got.onsuccess = () => { asked.result.close(); done(got.result.join('\\n')); }; }; })()";

/// Puts a draft into the store, as another window would.
fn put(key: &str, text: &str) -> String {
    format!(
        "const done = arguments[0]; (async () => {{\
         const all = await indexedDB.databases();\
         const name = all.map(d => d.name).find(name => /^fengge-[0-9a-f]{{32}}$/.test(name));\
         const asked = indexedDB.open(name);\
         asked.onsuccess = () => {{ const write = asked.result.transaction('drafts', 'readwrite');\
            write.objectStore('drafts').put(JSON.stringify({text}), '{key}');\
            write.oncomplete = () => {{ asked.result.close(); done(true); }}; }}; }})()"
    )
}

const AREA: &str = ".sheet textarea";

async fn fill_rest(page: &Page, place: &str, party: &str) {
    page.pick(words::GRID, 1).await;
    page.choose_first(words::CATEGORY).await;
    page.fill(words::PLACE, place).await;
    page.fill(words::WHAT_HAPPENED, "两个窗口里各写一件").await;
    page.fill(words::PARTY_A_NAME, party).await;
}

async fn saved(page: &Page) -> String {
    page.press(words::SAVE).await;
    page.path_where("the case that was saved", |path| {
        path.starts_with("/disputes/") && path != "/disputes/new"
    })
    .await
}

/// What the officer saw: one record with one window's place and the other's party.
#[tokio::test]
async fn fm2_two_windows_with_the_register_open_make_two_records() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let page = officer.page();
    officer.go("/disputes/new").await;
    page.heading(words::NEW_DISPUTE).await;
    page.fill(words::PLACE, "先写的地点").await;
    page.sees_word(words::DRAFT_KEPT).await;

    let first = page.open_window().await;
    officer.go("/disputes/new").await;
    page.sees_word(words::DRAFT_ELSEWHERE).await;
    assert_eq!(page.value(words::PLACE).await, "");
    fill_rest(&page, "乙村口", "第二件甲").await;

    let second = page.to_window(first).await;
    assert_eq!(page.value(words::PLACE).await, "先写的地点");
    fill_rest(&page, "甲村口", "第一件甲").await;
    let one = saved(&page).await;
    page.to_window(second).await;
    let two = saved(&page).await;
    assert_ne!(one, two);
    for (path, place, party) in [(&one, "甲村口", "第一件甲"), (&two, "乙村口", "第二件甲")]
    {
        officer.go(path).await;
        page.sees(place).await;
        page.press(words::SHOW_PARTIES).await;
        page.sees(party).await;
    }
    // Nothing is left over.
    assert_eq!(page.run_async(STORED).await, Value::from(""));
    officer.go("/").await;
    page.heading(words::TODAY).await;
    page.sees_no_more(words::DRAFT_LEFT).await;
}

/// Two blank windows have a draft each; home shows both, and each opens as it was.
#[tokio::test]
async fn fm2_blank_windows_never_share_a_draft() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let page = officer.page();
    officer.go("/hazards/new").await;
    page.heading(words::NEW_HAZARD).await;
    let first = page.open_window().await;
    officer.go("/hazards/new").await;
    page.heading(words::NEW_HAZARD).await;
    page.fill(words::PLACE, "第二个窗口").await;
    page.sees_word(words::DRAFT_KEPT).await;
    page.to_window(first).await;
    page.fill(words::PLACE, "第一个窗口").await;
    page.sees_word(words::DRAFT_KEPT).await;
    // The second window still has its own: from here only the first one can be gone on with.
    officer.go("/").await;
    page.heading(words::TODAY).await;
    let count = "return document.querySelectorAll('a.draft').length";
    assert_eq!(page.run(count).await, Value::from(2));
    page.press_last_draft().await;
    page.shows_value(words::PLACE, "第一个窗口").await;
    page.press(words::DRAFT_DISCARD).await;
    page.shows_value(words::PLACE, "").await;
    officer.go("/").await;
    page.heading(words::TODAY).await;
    page.drawn("a.draft").await;
    assert_eq!(page.run(count).await, Value::from(1));
}

/// What the officer saw: 240 characters in a sheet, and a touch beside it.
#[tokio::test]
async fn fm1_a_sheet_keeps_what_was_typed_however_it_is_left() {
    let mut server = Server::demo().await;
    let mut officer = Person::join(&mut server, "officer", PHONE).await;
    let case = officer.register_dispute("桥头", "一件要写很多的事").await;
    let text = "双方各说各的理。".repeat(30);
    let page = officer.page();
    page.press(words::ADD_EVENT).await;
    page.fill(words::TEXT, "起头").await;
    for leave in [
        "history.back()",
        "document.querySelector('.veil').click()",
        "document.querySelector('.sheet header button').click()",
        "document.querySelector('.sheet').dispatchEvent(\
            new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))",
    ] {
        let now = format!("{text}{}", leave.len());
        page.run(&said(AREA, &now, leave)).await;
        page.sheet_closes().await;
        page.press(words::ADD_EVENT).await;
        page.sees_word(words::DRAFT_RESTORED).await;
        page.shows_value(words::TEXT, &now).await;
    }
    page.run(&said(AREA, &text, "location.reload()")).await;
    page.press(words::ADD_EVENT).await;
    page.shows_value(words::TEXT, &text).await;
    let more = format!("{text}完");
    page.run(&said(AREA, &more, "history.back()")).await;
    page.sheet_closes().await;
    officer.die_and_wake().await;
    officer.go(&case).await;
    let page = officer.page();
    page.press(words::ADD_EVENT).await;
    page.shows_value(words::TEXT, &more).await;
    page.press(words::SAVE).await;
    page.sheet_closes().await;
    page.sees(&more).await;
    // The draft went with the save.
    page.press(words::ADD_EVENT).await;
    page.shows_value(words::TEXT, "").await;
    page.fill(words::TEXT, "不要的话").await;
    page.press(words::CLOSE).await;
    page.sheet_closes().await;
    page.press(words::ADD_EVENT).await;
    page.press(words::DRAFT_DISCARD).await;
    page.shows_value(words::TEXT, "").await;
    assert_eq!(page.run_async(STORED).await, Value::from(""));
}

/// Terms, ticks and chips of a sheet come back as well as its text.
#[tokio::test]
async fn fm1_every_kind_of_sheet_is_kept() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    officer.register_dispute("桥头", "每种表都写一点").await;
    let page = officer.page();
    // A session is for mediators to lead, and no button of this officer's.
    assert!(page.look("button", words::SESSION).await.is_none());
    for (button, selector) in [
        (words::AGREEMENT, ".sheet input[id=term-0]"),
        (words::CLOSE_CASE, AREA),
        (words::EDIT, AREA),
    ] {
        page.press(button).await;
        page.drawn(selector).await;
        page.run(&said(selector, "写了一半", "history.back()"))
            .await;
        page.sheet_closes().await;
        page.reload().await;
        page.press(button).await;
        page.drawn(selector).await;
        let script = format!("return document.querySelector('{selector}').value");
        assert_eq!(
            page.run(&script).await,
            Value::from("写了一半"),
            "{}",
            button.en
        );
        page.press(words::DRAFT_DISCARD).await;
        page.press(words::CLOSE).await;
        page.sheet_closes().await;
    }
    officer.go("/").await;
    page.press(words::START_PATROL).await;
    page.pick(words::GRID, 2).await;
    page.press(words::START_PATROL).await;
    page.press(words::FINISH).await;
    page.drawn(AREA).await;
    page.run(&said(AREA, "一路平安", "history.back()")).await;
    page.sheet_closes().await;
    page.press(words::CHECK_IN).await;
    page.drawn(".sheet input").await;
    page.run(&said(".sheet input", "半路", "history.back()"))
        .await;
    page.sheet_closes().await;
    page.reload().await;
    page.press(words::CHECK_IN).await;
    page.drawn(".sheet input").await;
    let place = page.run("return document.querySelector('.sheet input').value");
    assert_eq!(place.await, Value::from("半路"));
    page.press(words::CLOSE).await;
    page.sheet_closes().await;
    page.press(words::FINISH).await;
    page.drawn(AREA).await;
    let log = page.run("return document.querySelector('.sheet textarea').value");
    assert_eq!(log.await, Value::from("一路平安"));
}

/// What the officer saw: a passage by voice, then Back; after a restart it was gone.
#[tokio::test]
async fn fm1_nothing_waits_for_a_pause_when_a_form_is_left_or_hidden() {
    let mut server = Server::demo().await;
    let mut officer = Person::join(&mut server, "officer", PHONE).await;
    officer.go("/").await;
    let page = officer.page();
    page.press(words::NEW_DISPUTE).await;
    page.heading(words::NEW_DISPUTE).await;
    page.run(&said("textarea", "说了一大段就返回", "history.back()"))
        .await;
    page.heading(words::TODAY).await;
    officer.die_and_wake().await;
    let page = officer.page();
    page.press_last_draft().await;
    page.shows_value(words::WHAT_HAPPENED, "说了一大段就返回")
        .await;
    // The system takes the page to the back: nothing of the next 400 ms can be counted on.
    let hide = "Object.defineProperty(document, 'visibilityState',\
            { get: () => 'hidden', configurable: true });\
        document.dispatchEvent(new Event('visibilitychange'));";
    page.run(&said("textarea", "切到后台之前", hide)).await;
    let stored = page.run_async(STORED).await;
    let stored = stored.as_str().expect("a text");
    assert!(stored.contains("切到后台之前"), "{stored}");
    let closed = "window.dispatchEvent(new Event('pagehide'));";
    page.run(&said("textarea", "关掉之前", closed)).await;
    let stored = page.run_async(STORED).await;
    let stored = stored.as_str().expect("a text");
    assert!(stored.contains("关掉之前"), "{stored}");
    // And a real goodbye, with the browser killed right after it.
    page.run(&said("textarea", "真的走了", "location.href = '/records'"))
        .await;
    page.heading(words::MY_RECORDS).await;
    officer.die_and_wake().await;
    officer.page().press_last_draft().await;
    let page = officer.page();
    page.shows_value(words::WHAT_HAPPENED, "真的走了").await;
}

/// Drafts of the time when each kind of form had one place.
#[tokio::test]
async fn fm1_an_old_draft_still_opens() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let old = |kind: &str, last: u8, more: &str| {
        let id = format!("[1, 154, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {last}]");
        let draft = format!("{{ place: '{kind} 的旧地点' {more} }}");
        put(kind, &format!("{{ id: {id}, draft: {draft}, photos: 0 }}"))
    };
    let page = officer.page();
    page.run_async(&old("dispute", 1, "")).await;
    let patrol = ", patrol: '01KB0000000000000000000003'";
    page.run_async(&old("hazard", 2, patrol)).await;
    officer.go("/disputes/new").await;
    page.shows_value(words::PLACE, "dispute 的旧地点").await;
    page.fill(words::PLACE, "接着写的地点").await;
    // Of another patrol, or of none: not this one.
    officer.go("/hazards/new").await;
    page.heading(words::NEW_HAZARD).await;
    assert_eq!(page.value(words::PLACE).await, "");
    officer
        .go("/hazards/new?patrol=01KB0000000000000000000003")
        .await;
    page.shows_value(words::PLACE, "hazard 的旧地点").await;
    page.press(words::DRAFT_DISCARD).await;
    officer.go("/disputes/new").await;
    page.shows_value(words::PLACE, "接着写的地点").await;
    fill_rest(&page, "新的地点", "田一").await;
    saved(&page).await;
    assert_eq!(page.run_async(STORED).await, Value::from(""));
}

/// Where two windows could not be kept apart all the same: nothing is written over a record.
#[tokio::test]
async fn rc8_a_form_whose_record_was_saved_before_becomes_a_record_of_its_own() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let case = officer.register_dispute("甲村口", "第一件").await;
    let id = case.trim_start_matches("/disputes/");
    let text =
        "{ draft: { grid: '', category: '04', place: '乙村口', brief: '第二件', level: 'G' } }";
    let page = officer.page();
    page.run_async(&put(&format!("form/dispute/new/{id}"), text))
        .await;
    officer.go("/disputes/new").await;
    page.sees_word(words::DRAFT_RESTORED).await;
    page.pick(words::GRID, 1).await;
    page.press(words::SAVE).await;
    page.sees_word(words::SAVED_BEFORE).await;
    assert_eq!(page.value(words::PLACE).await, "乙村口");
    let other = saved(&page).await;
    assert_ne!(other, case);
    page.sees("第二件").await;
    officer.go(&case).await;
    page.sees("第一件").await;
    assert!(!page.shows("乙村口").await);
    assert_eq!(page.run_async(STORED).await, Value::from(""));
}

async fn fill_hazard(page: &Page, place: &str) {
    page.choose_first(words::CATEGORY).await;
    page.fill(words::PLACE, place).await;
    page.fill(words::DESCRIPTION, "围墙开裂").await;
}

async fn saved_hazard(page: &Page) {
    page.press(words::SAVE).await;
    page.path_where("the hazard that was saved", |path| {
        path.starts_with("/hazards/") && path != "/hazards/new"
    })
    .await;
}

/// What the officer saw: a hazard of one grid, booked to another, without a field to say which.
#[tokio::test]
async fn fm4_a_record_goes_to_the_grid_that_its_form_shows_and_the_next_begins_there() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let page = officer.page();
    officer.go("/hazards/new").await;
    page.heading(words::NEW_HAZARD).await;
    assert!(page.picked(words::GRID).await.is_some(), "in sight");
    fill_hazard(&page, "村小围墙").await;
    let third = page.pick(words::GRID, 3).await;
    let code = page.picked(words::GRID).await;
    saved_hazard(&page).await;
    page.sees(&third).await;
    for path in ["/", "/disputes/new"] {
        officer.go(path).await;
        if path == "/" {
            page.press(words::START_PATROL).await;
        }
        page.drawn("select").await;
        assert_eq!(page.picked(words::GRID).await, code, "{path}");
    }
}

/// What the officer saw: a draft that showed grid 2 and was refused for grid 1.
#[tokio::test]
async fn fm4_a_grid_that_was_taken_away_is_chosen_anew_also_where_one_is_left() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let page = officer.page();
    officer.go("/hazards/new").await;
    page.heading(words::NEW_HAZARD).await;
    fill_hazard(&page, "粮站").await;
    let codes = "return [...document.querySelectorAll('select option')].map(o => o.value)";
    let codes = page.run(codes).await;
    let codes: Vec<String> = serde_json::from_value(codes).expect("codes");
    page.pick(words::GRID, 4).await;
    page.sees_word(words::DRAFT_KEPT).await;
    for gone in codes.iter().skip(2) {
        let retire = ["unit", "retire", "--id", gone, "--with-all-below"];
        server.admin(&retire).await;
    }
    officer.sync().await;
    officer.go("/hazards/new").await;
    page.sees("原来的网格已不归您负责").await;
    assert_eq!(page.picked(words::GRID).await.as_deref(), Some(""));
    page.press(words::SAVE).await;
    page.drawn("select[aria-invalid=true]").await;
    let left = page.pick(words::GRID, 1).await;
    page.sees_no_text("原来的网格已不归您负责").await;
    saved_hazard(&page).await;
    page.sees(&left).await;
}

/// What the officer saw: a hazard that was found on today's patrol, linked to last week's.
#[tokio::test]
async fn fm5_a_hazard_takes_the_grid_and_the_link_of_its_own_patrol() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let page = officer.page();
    let mut patrols = Vec::new();
    for place in [2, 3] {
        officer.go("/").await;
        page.press(words::START_PATROL).await;
        page.pick(words::GRID, place).await;
        page.press(words::START_PATROL).await;
        let path = page.path_where("the patrol", |path| path.starts_with("/patrols/"));
        patrols.push(path.await);
        page.press(words::NEW_HAZARD).await;
        page.heading(words::NEW_HAZARD).await;
        assert_eq!(
            page.value(words::PLACE).await,
            "",
            "nothing of another patrol"
        );
        page.fill(words::PLACE, &format!("第{place}格")).await;
        page.sees_word(words::DRAFT_KEPT).await;
        officer.go(patrols.last().expect("a patrol")).await;
        page.press(words::FINISH).await;
        page.sheet_opens().await;
        page.press(words::FINISH).await;
        page.sheet_closes().await;
    }
    let mut chosen = Vec::new();
    for (patrol, place) in patrols.iter().zip(["第2格", "第3格"]) {
        let id = patrol.trim_start_matches("/patrols/");
        officer.go(&format!("/hazards/new?patrol={id}")).await;
        page.shows_value(words::PLACE, place).await;
        chosen.push(page.picked(words::GRID).await.expect("a grid"));
        fill_hazard(&page, place).await;
        saved_hazard(&page).await;
        officer.go(patrol).await;
        page.sees(place).await;
    }
    assert_ne!(chosen[0], chosen[1]);
    assert!(chosen.iter().all(|grid| !grid.is_empty()));
    // A dispute that is begun on the patrol page takes its grid as well.
    let id = patrols[1].trim_start_matches("/patrols/");
    officer.go(&format!("/disputes/new?patrol={id}")).await;
    page.heading(words::NEW_DISPUTE).await;
    assert_eq!(page.picked(words::GRID).await.as_ref(), chosen.get(1));
}
