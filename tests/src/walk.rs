//! Steps that many tests share: joining, recording, the network going and coming back.

use crate::browser::{Browser, Screen};
use crate::camera::Film;
use crate::gate::{Gate, Mode};
use crate::page::Page;
use crate::server::{Join, Server};
use crate::words::{self, Word};

/// One person: a browser, the gate that its network goes through, and who it is.
#[derive(Debug)]
pub struct Person {
    /// The browser.
    pub browser: Browser,
    /// The network between it and the server.
    pub gate: Gate,
}

impl Person {
    /// Opens the app for the first time and joins with a code of that role.
    pub async fn join(server: &mut Server, role: &str, screen: Screen) -> Self {
        let join = server.join(role);
        Self::join_as(server, &join, screen).await
    }

    /// Opens the app for the first time and joins with that code.
    pub async fn join_as(server: &Server, join: &Join, screen: Screen) -> Self {
        let person = Self::arrive(server, screen).await;
        person.enter(join).await;
        person
    }

    /// The same, with a camera that sees a film.
    pub async fn join_with_film(
        server: &mut Server,
        role: &str,
        screen: Screen,
        film: &Film,
    ) -> Self {
        let join = server.join(role);
        let browser = Browser::with_film(screen, film).await;
        let person = Self::arrive_in(server, browser).await;
        person.enter(&join).await;
        person
    }

    /// Opens the app for the first time.
    pub async fn arrive(server: &Server, screen: Screen) -> Self {
        Self::arrive_in(server, Browser::new(screen).await).await
    }

    async fn arrive_in(server: &Server, browser: Browser) -> Self {
        let gate = Gate::before(server.address()).await;
        let person = Self { browser, gate };
        person.go("/join").await;
        person.page().heading(words::JOIN).await;
        person
    }

    /// Types the code of an invitation and waits for the first screen.
    pub async fn enter(&self, join: &Join) {
        let page = self.page();
        page.fill(words::CODE, &join.code).await;
        page.press(words::JOIN).await;
        page.heading(home_of(&join.role)).await;
        page.works_without_network().await;
    }

    /// The phone lost its key: it says so, the officer tells the station its number, and types the code
    /// that the station makes for it.
    pub async fn is_let_in_again(&self, server: &Server) {
        let page = self.page();
        self.go("/").await;
        page.press(words::SYNC_NOW).await;
        page.sees("服务器认不出本机了").await;
        page.press(words::TYPE_CODE).await;
        page.heading(words::AGAIN).await;
        let text = page.text().await;
        let number = text.split("本机编号 ").nth(1).expect("a number");
        let number = number.get(..9).expect("nine signs");
        let printed = server.admin(&["invite", "--device", number]).await;
        let code = printed.lines().next().expect("a code");
        page.fill(words::CODE, code).await;
        page.press(words::AGAIN).await;
        page.sees_no_text("服务器认不出本机了").await;
        page.heading(words::TODAY).await;
    }

    /// What is on the screen.
    pub fn page(&self) -> Page {
        self.browser.page()
    }

    /// Goes to a path of the app by its address.
    pub async fn go(&self, path: &str) {
        self.page()
            .open(&format!("{}{path}", self.gate.url()))
            .await;
    }

    /// Takes the network away: connections are refused and the browser says so.
    pub async fn lose_network(&self) {
        self.gate.set(Mode::Refuse);
        self.browser.say_offline(true).await;
    }

    /// Gives it back.
    pub async fn find_network(&self) {
        self.gate.set(Mode::Open);
        self.browser.say_offline(false).await;
    }

    /// The phone dies and is switched on again; the app opens at home.
    pub async fn die_and_wake(&mut self) {
        self.browser.kill().await;
        self.browser.open().await;
        self.go("/").await;
    }

    /// Fills in the quick register and saves; returns the path of the case.
    pub async fn register_dispute(&self, place: &str, brief: &str) -> String {
        self.fill_dispute(place, brief).await;
        let page = self.page();
        page.press(words::SAVE).await;
        page.path_where("the case that was saved", |path| {
            path.starts_with("/disputes/") && path != "/disputes/new"
        })
        .await
    }

    /// Changes what happened on the case page that is open.
    pub async fn rewrite(&self, brief: &str) {
        let page = self.page();
        page.press(words::EDIT).await;
        page.fill(words::WHAT_HAPPENED, brief).await;
        page.press(words::SAVE).await;
        page.sheet_closes().await;
        page.sees(brief).await;
    }

    /// Presses the sync button at home and waits until everything is delivered.
    pub async fn sync(&self) {
        self.go("/").await;
        self.page().press(words::SYNC_NOW).await;
        self.sync_is_done().await;
    }

    /// Waits until everything is delivered and fetched.
    pub async fn sync_is_done(&self) {
        self.page().sees_word(words::ALL_DELIVERED).await;
    }

    /// Fills in the quick register and leaves it open.
    pub async fn fill_dispute(&self, place: &str, brief: &str) {
        self.go("/").await;
        let page = self.page();
        page.press(words::NEW_DISPUTE).await;
        page.heading(words::NEW_DISPUTE).await;
        page.choose_first(words::CATEGORY).await;
        page.fill(words::PLACE, place).await;
        page.fill(words::WHAT_HAPPENED, brief).await;
        page.fill(words::PARTY_A_NAME, "田一").await;
        page.fill(words::PARTY_B_NAME, "林二").await;
    }
}

/// The heading that greets a role.
pub fn home_of(role: &str) -> Word {
    match role {
        "station" => words::STATION,
        "supervisor" => words::OVERVIEW,
        _ => words::TODAY,
    }
}
