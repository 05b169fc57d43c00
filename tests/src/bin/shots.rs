//! Pictures of every screen: the real app in a real browser, walked through as people use it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool prints"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tests::browser::{DESK, PHONE, Screen, TABLET};
use tests::server::Server;
use tests::walk::Person;
use tests::words;

/// The sizes that people use, with the name that stands in a picture's file name.
const SIZES: [(&str, Screen); 3] = [("phone", PHONE), ("tablet", TABLET), ("desk", DESK)];

/// Where the pictures go and how many there are.
struct Album {
    folder: PathBuf,
    count: usize,
}

impl Album {
    /// The screen that is shown, at every size.
    async fn all_sizes(&mut self, person: &mut Person, name: &str) {
        for (size, screen) in SIZES {
            person.browser.resize(screen).await;
            self.one(person, &format!("{name}-{size}")).await;
        }
        person.browser.resize(PHONE).await;
    }

    /// The screen that is shown, as it is.
    async fn one(&mut self, person: &Person, name: &str) {
        let path = self.folder.join(format!("{name}.png"));
        match std::fs::write(&path, person.browser.picture().await) {
            Ok(()) => {
                self.count += 1;
                println!("{}", path.display());
            }
            Err(error) => eprintln!("{}: {error}", path.display()),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: shots FOLDER");
        return ExitCode::FAILURE;
    };
    let folder = PathBuf::from(folder);
    if let Err(error) = fresh(&folder) {
        eprintln!("{}: {error}", folder.display());
        return ExitCode::FAILURE;
    }
    let mut album = Album { folder, count: 0 };
    let mut server = Server::demo().await;
    officer(&mut album, &mut server).await;
    station(&mut album, &mut server).await;
    supervisor(&mut album, &mut server).await;
    println!("{} pictures", album.count);
    ExitCode::SUCCESS
}

fn fresh(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)
}

/// An officer's day, from joining to the settings.
async fn officer(album: &mut Album, server: &mut Server) {
    let mut officer = Person::join(server, "officer", PHONE).await;
    officer.page().sees_word(words::SENT).await;
    album.all_sizes(&mut officer, "home").await;
    disputes(album, &mut officer).await;
    patrol(album, &mut officer).await;
    hazard(album, &mut officer).await;
    for (path, heading, name) in [
        ("/records", words::MY_RECORDS, "records"),
        ("/patrols", words::PATROL, "patrols"),
        ("/settings", words::SETTINGS, "settings"),
    ] {
        officer.go(path).await;
        officer.page().heading(heading).await;
        album.all_sizes(&mut officer, name).await;
    }
    looks(album, &mut officer).await;
}

async fn disputes(album: &mut Album, officer: &mut Person) {
    officer.lose_network().await;
    officer.go("/").await;
    officer.page().heading(words::TODAY).await;
    album.one(officer, "home-offline").await;
    officer.page().press(words::NEW_DISPUTE).await;
    officer.page().heading(words::NEW_DISPUTE).await;
    album.all_sizes(officer, "dispute-new").await;
    officer.page().press(words::SAVE).await;
    officer.page().sees("请选一个类别").await;
    album.one(officer, "dispute-errors").await;
    let case = officer.register_dispute("石桥 4 组水井旁", "两户因田坎界址发生争执，当场劝开").await;
    album.all_sizes(officer, "case").await;
    for (word, name) in [
        (words::ADD_EVENT, "case-event"),
        (words::SESSION, "case-session"),
        (words::AGREEMENT, "case-agreement"),
        (words::CLOSE_CASE, "case-close"),
    ] {
        officer.go(&case).await;
        officer.page().press(word).await;
        officer.page().find("button", words::SAVE).await;
        album.all_sizes(officer, name).await;
    }
    officer.find_network().await;
}

async fn patrol(album: &mut Album, officer: &mut Person) {
    officer.go("/").await;
    officer.page().press(words::START_PATROL).await;
    officer.page().sees("巡逻类型").await;
    album.one(officer, "patrol-start").await;
    // The sheet's own button has the same name as the one that opened it.
    officer
        .page()
        .run("document.querySelector('.sheet button[type=submit]').click()")
        .await;
    officer.page().heading(words::PATROL).await;
    album.all_sizes(officer, "patrol").await;
    officer.page().press(words::CHECK_IN).await;
    officer.page().sees("其他地点").await;
    album.one(officer, "patrol-checkin").await;
}

async fn hazard(album: &mut Album, officer: &mut Person) {
    officer.go("/hazards/new").await;
    officer.page().heading(words::NEW_HAZARD).await;
    album.all_sizes(officer, "hazard-new").await;
    officer.page().choose_first(words::CATEGORY).await;
    officer.page().fill(words::PLACE, "村口老屋").await;
    officer.page().fill(words::DESCRIPTION, "楼梯口堆放柴火，堵住出口").await;
    officer.page().press(words::SAVE).await;
    officer
        .page()
        .path_where("the hazard that was saved", |path| {
            path.starts_with("/hazards/") && path != "/hazards/new"
        })
        .await;
    album.all_sizes(officer, "hazard").await;
}

/// The home screen in each look and in English.
async fn looks(album: &mut Album, officer: &mut Person) {
    for (key, value, name) in [
        ("fengge.theme", "dark", "home-dark"),
        ("fengge.theme", "sun", "home-sun"),
        ("fengge.size", "large", "home-large"),
        ("fengge.locale", "en", "home-english"),
    ] {
        let set = format!("localStorage.setItem('{key}', '{value}')");
        officer.page().run(&set).await;
        officer.go("/").await;
        officer.page().heading(words::TODAY).await;
        album.one(officer, name).await;
        if name != "home-english" {
            officer.page().run(&format!("localStorage.removeItem('{key}')")).await;
        }
    }
    officer.go("/disputes/new").await;
    officer.page().heading(words::NEW_DISPUTE).await;
    album.one(officer, "dispute-new-english").await;
}

async fn station(album: &mut Album, server: &mut Server) {
    let mut station = Person::join(server, "station", PHONE).await;
    album.all_sizes(&mut station, "station").await;
    let contested = "[...document.querySelectorAll('table a')][0].getAttribute('href')";
    let case = station.page().run(&format!("return {contested}")).await;
    if let Some(case) = case.as_str() {
        station.go(case).await;
        station.page().find("button", words::ADD_EVENT).await;
        album.all_sizes(&mut station, "station-case").await;
    }
}

async fn supervisor(album: &mut Album, server: &mut Server) {
    let mut supervisor = Person::join(server, "supervisor", PHONE).await;
    supervisor.page().sees("%").await;
    album.all_sizes(&mut supervisor, "overview").await;
}
