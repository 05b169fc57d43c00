//! Where one was: lists, addresses and the focus, after Back, after a sheet, after something arrives.

use tests::browser::{DESK, PHONE};
use tests::server::Server;
use tests::walk::Person;
use tests::words;

const SEARCH: &str = "return document.querySelector('main input[type=search]').value";
const DOWN: &str = "return Math.round(window.scrollY)";
const FOCUS: &str = "return (document.activeElement.getAttribute('href') || \
                     document.activeElement.textContent || '').trim()";

async fn text(person: &Person, script: &str) -> String {
    let value = person.page().run(script).await;
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Waits until a script gives this.
async fn gives(person: &Person, script: &str, expected: &str) {
    for _ in 0..100 {
        if text(person, script).await == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(text(person, script).await, expected, "{script}");
}

/// Seen: search, filters, "show more" and the place on the page were gone after Back.
#[tokio::test]
async fn vw13_back_leads_to_the_list_as_it_was_left() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "station", PHONE).await;
    let page = officer.page();
    officer.go("/records").await;
    page.heading(words::MY_RECORDS).await;
    page.run(
        "const field = document.querySelector('main input[type=search]'); field.value = '村'; \
         field.dispatchEvent(new Event('input', { bubbles: true }))",
    )
    .await;
    let rows = "return String(document.querySelectorAll('main a.row').length)";
    page.run("[...document.querySelectorAll('main button.button')].pop()?.click()")
        .await;
    let shown = text(&officer, rows).await;
    page.run("window.scrollTo(0, 700)").await;
    gives(&officer, DOWN, "700").await;
    page.run("document.querySelectorAll('main a.row')[9].click()")
        .await;
    page.path_where("a record", |path| path.len() > 20).await;
    gives(&officer, DOWN, "0").await;
    page.run("history.back()").await;
    page.path_where("the records", |path| path == "/records")
        .await;
    gives(&officer, SEARCH, "村").await;
    gives(&officer, rows, &shown).await;
    gives(&officer, DOWN, "700").await;
}

/// Seen: a record beside the station's list had no address, and Back left the app.
#[tokio::test]
async fn vw13_a_record_beside_the_list_has_an_address_and_back_closes_it() {
    let mut server = Server::demo().await;
    let station = Person::join(&mut server, "station", DESK).await;
    let page = station.page();
    page.heading(words::STATION).await;
    let there = "return String(document.querySelectorAll('.station tbody a').length > 5)";
    gives(&station, there, "true").await;
    page.run("document.querySelector('.station tbody a').click()")
        .await;
    let panes = "return String(document.querySelectorAll('article.pane').length)";
    gives(&station, panes, "1").await;
    let query = "return location.search";
    let address = text(&station, query).await;
    assert!(address.starts_with("?record="), "{address}");
    page.reload().await;
    gives(&station, panes, "1").await;
    page.run("history.back()").await;
    gives(&station, query, "").await;
    gives(&station, panes, "0").await;
}

/// Seen: the overview's way down the tree was in no address, and Back left the app.
#[tokio::test]
async fn vw13_back_leads_up_the_overview_and_a_reload_stays() {
    let mut server = Server::demo().await;
    let boss = Person::join(&mut server, "supervisor", DESK).await;
    let page = boss.page();
    page.heading(words::OVERVIEW).await;
    let place = "return document.querySelector('.path [aria-current]')?.textContent || ''";
    let down = "return String(document.querySelectorAll('.below tbody button').length > 0)";
    gives(&boss, down, "true").await;
    let top = text(&boss, place).await;
    page.run("document.querySelector('.below tbody button').click()")
        .await;
    let below = "return location.search.includes('unit=') ? 'below' : 'top'";
    gives(&boss, below, "below").await;
    page.reload().await;
    gives(&boss, below, "below").await;
    page.run("history.back()").await;
    gives(&boss, below, "top").await;
    gives(&boss, place, &top).await;
}

#[tokio::test]
async fn vw13_an_address_that_leads_nowhere_says_so() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    for path in ["/nowhere", "/disputes/mistyped"] {
        officer.go(path).await;
        officer.page().sees("没有这个页面").await;
    }
}

/// Seen: after a sheet was closed the focus was on the body, and it went to another record when a row
/// arrived.
#[tokio::test]
async fn vw14_the_focus_comes_back_after_a_sheet_and_stays_on_its_row() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let case = officer.register_dispute("井边", "看焦点的纠纷").await;
    let page = officer.page();
    page.run("const b = [...document.querySelectorAll('.foot button')].find(b => b.textContent.includes('进展')); b.focus(); b.click()").await;
    page.sheet_opens().await;
    page.run("history.back()").await;
    page.sheet_closes().await;
    gives(&officer, FOCUS, "添加进展").await;
    officer.go("/records").await;
    page.heading(words::MY_RECORDS).await;
    page.run(&format!(
        "document.querySelector(\"main a[href='{case}']\").focus()"
    ))
    .await;
    gives(&officer, FOCUS, &case).await;
    // Something happens to other rows: here the same that an arriving row does, the list drawn anew.
    page.run(
        "const field = document.querySelector('main input[type=search]'); field.value = '焦点'; \
         field.dispatchEvent(new Event('input', { bubbles: true }))",
    )
    .await;
    let rows = "return String(document.querySelectorAll('main a.row').length)";
    gives(&officer, rows, "1").await;
    gives(&officer, FOCUS, &case).await;
}
