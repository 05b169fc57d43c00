//! Pictures of every screen of the real app, at three sizes.
#![expect(clippy::print_stdout, reason = "says which picture it has written")]

use std::path::PathBuf;

use tests::browser::{DESK, PHONE, Screen, TABLET};
use tests::camera::{Film, Shot};
use tests::server::Server;
use tests::walk::Person;
use tests::words;

const SCREENS: [Screen; 3] = [PHONE, TABLET, DESK];
/// Two frames drawn, fonts there, pictures decoded: then the screen stands still.
const STILL: &str = "const done = arguments[arguments.length - 1];\
    document.fonts.ready.then(() => requestAnimationFrame(() => requestAnimationFrame(() => \
    setTimeout(done, 250))));";

/// The album: a folder and a number for the next picture.
struct Album {
    folder: PathBuf,
    next: usize,
}

#[tokio::main]
async fn main() {
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("target/shots"), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| fail(&error));
    let mut album = Album { folder, next: 1 };
    let mut server = Server::demo().await;
    officer(&mut album, &mut server).await;
    looks(&mut album, &mut server).await;
    station(&mut album, &mut server).await;
    supervisor(&mut album, &mut server).await;
}

fn fail(error: &dyn std::fmt::Display) -> ! {
    println!("{error}");
    std::process::exit(1)
}

impl Album {
    /// Takes the screen at all sizes and leaves it as it was.
    async fn take(&mut self, person: &mut Person, name: &str, back_to: Screen) {
        for screen in SCREENS {
            person.browser.resize(screen).await;
            let _still = person.page().run_async(STILL).await;
            let size = format!("{}x{}", screen.width, screen.height);
            let path = self
                .folder
                .join(format!("{:02}-{name}-{size}.png", self.next));
            std::fs::write(&path, person.browser.picture().await)
                .unwrap_or_else(|error| fail(&error));
            println!("{}", path.display());
        }
        self.next += 1;
        person.browser.resize(back_to).await;
    }
}

async fn officer(album: &mut Album, server: &mut Server) {
    let join = server.join("officer");
    let mut new = Person::arrive(server, PHONE).await;
    album.take(&mut new, "join", PHONE).await;
    let mut officer = new;
    officer.enter(&join).await;
    album.take(&mut officer, "home", PHONE).await;
    officer.page().press(words::NEW_DISPUTE).await;
    officer.page().heading(words::NEW_DISPUTE).await;
    album.take(&mut officer, "dispute-empty", PHONE).await;
    officer.page().press(words::SAVE).await;
    album.take(&mut officer, "dispute-missing", PHONE).await;
    officer
        .fill_dispute(
            "村东头水井边",
            "两家为排水沟争吵，已经劝开，约好明天上午再谈。",
        )
        .await;
    album.take(&mut officer, "dispute-filled", PHONE).await;
    officer.page().press(words::SAVE).await;
    officer.page().heading_starting("暂-").await;
    album.take(&mut officer, "case", PHONE).await;
    for (name, word) in [
        ("case-event", words::ADD_EVENT),
        ("case-session", words::SESSION),
        ("case-agreement", words::AGREEMENT),
        ("case-close", words::CLOSE_CASE),
        ("case-edit", words::EDIT),
    ] {
        officer.page().press(word).await;
        album.take(&mut officer, name, PHONE).await;
        officer.page().press(words::CLOSE).await;
        officer.page().sheet_closes().await;
    }
    photo(album, &mut officer).await;
    patrol(album, &mut officer).await;
    officer.go("/hazards/new").await;
    officer.page().heading(words::NEW_HAZARD).await;
    album.take(&mut officer, "hazard", PHONE).await;
    for (path, name, heading) in [
        ("/records", "records", words::MY_RECORDS),
        ("/settings", "settings", words::SETTINGS),
    ] {
        officer.go(path).await;
        officer.page().heading(heading).await;
        album.take(&mut officer, name, PHONE).await;
    }
    officer.lose_network().await;
    officer
        .register_dispute("晒谷场", "没有信号的时候记下的一件事。")
        .await;
    officer.go("/").await;
    officer.page().heading(words::TODAY).await;
    album.take(&mut officer, "home-offline", PHONE).await;
    carry(album, server, &mut officer).await;
}

/// Without a signal: a file, QR codes, and a colleague's camera.
async fn carry(album: &mut Album, server: &mut Server, officer: &mut Person) {
    officer.go("/carry").await;
    officer.page().heading(words::NO_SIGNAL).await;
    album.take(officer, "carry", PHONE).await;
    officer.page().press(words::CARRY_MAKE).await;
    officer.page().find("button", words::CARRY_GIVE).await;
    album.take(officer, "carry-file", PHONE).await;
    officer.page().press(words::CARRY_SHOW).await;
    officer.page().sheet_opens().await;
    officer.page().drawn(".codes svg").await;
    album.take(officer, "carry-codes", PHONE).await;
    // A film of nothing that can be read: the sheet stays open.
    let film = Film::of_svgs(&officer.page(), "nav svg", 1).await;
    let mut colleague = Person::join_with_film(server, "officer", PHONE, &film).await;
    colleague.go("/carry").await;
    colleague.page().press(words::CARRY_SCAN).await;
    colleague.page().sees_word(words::CARRY_POINT).await;
    album.take(&mut colleague, "carry-scan", PHONE).await;
}

async fn patrol(album: &mut Album, officer: &mut Person) {
    officer.go("/").await;
    officer.page().press(words::START_PATROL).await;
    officer.page().sheet_opens().await;
    album.take(officer, "patrol-start", PHONE).await;
    officer.page().press(words::START_PATROL).await;
    officer.page().press(words::CHECK_IN).await;
    officer.page().sheet_opens().await;
    album.take(officer, "patrol-check-in", PHONE).await;
    officer.page().press(words::CLOSE).await;
    officer.page().sheet_closes().await;
    album.take(officer, "patrol", PHONE).await;
    officer.page().press(words::FINISH).await;
    officer.page().sheet_opens().await;
    album.take(officer, "patrol-finish", PHONE).await;
    officer.page().press(words::FINISH).await;
    officer.page().sheet_closes().await;
    album.take(officer, "patrol-summary", PHONE).await;
}

/// Photos on the page that is open, and one of them whole.
async fn photo(album: &mut Album, officer: &mut Person) {
    for (hue, count) in [(205, "1 张照片"), (95, "2 张照片"), (30, "3 张照片")] {
        let shot = Shot::draw(&officer.page(), hue).await;
        officer.page().shoot(shot.path()).await;
        officer.page().sees(count).await;
    }
    officer
        .page()
        .find("button", words::PHOTO_1)
        .await
        .scroll_into_view()
        .await
        .ok();
    album.take(officer, "photos", PHONE).await;
    officer.page().press(words::PHOTO_1).await;
    officer.page().picture(".photo[data-whole=true]").await;
    album.take(officer, "photo", PHONE).await;
    officer.page().press(words::CLOSE).await;
    officer.page().sheet_closes().await;
}

/// The same screens in other looks.
async fn looks(album: &mut Album, server: &mut Server) {
    let mut officer = Person::join(server, "officer", PHONE).await;
    for (name, key, value) in [
        ("home-dark", "fengge.theme", "dark"),
        ("home-sun", "fengge.theme", "sun"),
        ("home-large", "fengge.size", "large"),
        ("home-english", "fengge.locale", "en"),
    ] {
        officer
            .page()
            .run(&format!("localStorage.setItem('{key}', '{value}')"))
            .await;
        officer.go("/").await;
        officer.page().heading(words::TODAY).await;
        album.take(&mut officer, name, PHONE).await;
        if name == "home-large" {
            officer.go("/carry").await;
            officer.page().heading(words::NO_SIGNAL).await;
            album.take(&mut officer, "carry-large", PHONE).await;
        }
        officer.page().run("localStorage.clear()").await;
    }
}

async fn station(album: &mut Album, server: &mut Server) {
    let mut station = Person::join(server, "station", DESK).await;
    station.sync_is_done().await;
    album.take(&mut station, "station", DESK).await;
    station.page().press_row("需定夺").await;
    station.page().sees_word(words::TWO_WROTE).await;
    album.take(&mut station, "station-conflict", DESK).await;
}

async fn supervisor(album: &mut Album, server: &mut Server) {
    let mut supervisor = Person::join(server, "supervisor", DESK).await;
    album.take(&mut supervisor, "overview", DESK).await;
}
