//! Photos: taken without a network, kept by a phone that dies, sent after the text, seen elsewhere.

use tests::browser::{DESK, PHONE};
use tests::camera::{SECRET, Shot};
use tests::server::Server;
use tests::walk::Person;
use tests::words;

const THUMB: &str = ".shot img";
const WHOLE: &str = ".photo[data-whole=true]";

/// Every file of a folder and those below it.
fn files(folder: &std::path::Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let read = entries.flat_map(|entry| match entry.path() {
        path if path.is_dir() => files(&path),
        path => std::fs::read(path).into_iter().collect(),
    });
    read.collect()
}

/// F17.
#[tokio::test]
async fn ph1_a_photo_of_a_draft_survives_dead_phones_and_the_station_opens_it() {
    let mut server = Server::demo().await;
    let mut officer = Person::join(&mut server, "officer", PHONE).await;
    let shot = Shot::draw(&officer.page(), 205).await;
    officer.lose_network().await;
    officer.fill_dispute("晒谷场", "拍了照片的纠纷").await;
    officer.page().shoot(shot.path()).await;
    officer.page().sees("0 / 1 张照片").await;
    officer.page().sees("草稿").await;

    // The system ends the browser: the form and its photo come back.
    officer.die_and_wake().await;
    officer.go("/disputes/new").await;
    officer.page().sees("0 / 1 张照片").await;
    let (width, height) = officer.page().picture(THUMB).await;
    assert_eq!((width, height), (240, 320), "turned as the camera was held");
    officer.page().press(words::SAVE).await;
    officer.page().heading_starting("暂-").await;
    let case = officer.page().path().await;
    officer.page().sees("0 / 1 张照片").await;
    officer.page().picture(THUMB).await;

    // Once more, with the record saved and nothing sent.
    officer.die_and_wake().await;
    officer.find_network().await;
    officer.sync().await;
    officer.go(&case).await;
    officer.page().sees("拍了照片").await;
    officer.page().sees("1 张照片").await;
    officer.page().sees_no_text("0 / 1").await;

    let station = Person::join(&mut server, "station", DESK).await;
    station.go(&case).await;
    station.page().sees("1 张照片").await;
    station.page().sees_no_text("0 / 1").await;
    assert_eq!(station.page().picture(THUMB).await, (240, 320));
    station.page().press(words::PHOTO_1).await;
    assert_eq!(station.page().picture(WHOLE).await, (1200, 1600));

    let kept = files(&server.data().join("photos"));
    assert_eq!(kept.len(), 2, "the photo and its thumbnail");
    for bytes in kept {
        let has = |what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
        assert!(
            !has(SECRET.as_bytes()) && !has(b"Exif"),
            "nothing of the camera's notes"
        );
        assert!(bytes.len() <= 150 * 1024, "{} bytes", bytes.len());
    }
}

#[tokio::test]
async fn ph10_f38_a_record_says_how_many_of_its_photos_have_arrived_on_both_sides() {
    let mut server = Server::demo().await;
    let mut officer = Person::join(&mut server, "officer", PHONE).await;
    let (one, two) = (
        Shot::draw(&officer.page(), 20).await,
        Shot::draw(&officer.page(), 120).await,
    );
    let case = officer.register_dispute("河边", "两张照片的纠纷").await;
    officer.page().shoot(one.path()).await;
    officer.page().sees("1 张照片").await;
    officer.page().sees_no_text("0 / 1").await;
    // Text now, photos on Wi-Fi: the second one stays on the phone, its thumbnail goes.
    officer.go("/settings").await;
    officer.page().toggle(words::WIFI_ONLY).await;
    officer.go(&case).await;
    officer.page().shoot(two.path()).await;
    officer.page().sees("1 / 2 张照片").await;
    officer.sync().await;
    officer.page().sees("1 张照片等 Wi-Fi").await;
    // A browser that dies forgets the settings of its last seconds.
    officer.browser.close().await;

    let station = Person::join(&mut server, "station", DESK).await;
    station.go(&case).await;
    station.page().sees("1 / 2 张照片").await;
    station.page().picture("li:nth-child(2) .shot img").await;
    station.page().press(words::PHOTO_2).await;
    station.page().sees("照片还没传到这台设备").await;

    officer.browser.open().await;
    officer.go(&case).await;
    officer.page().sees("1 / 2 张照片").await;
    officer.go("/settings").await;
    officer.page().toggle(words::WIFI_ONLY).await;
    officer.go(&case).await;
    officer.page().sees("2 张照片").await;
    officer.page().sees_no_text("1 / 2").await;
    station.go(&case).await;
    station.page().sees_no_text("1 / 2").await;
    station.page().press(words::PHOTO_2).await;
    station.page().picture(WHOLE).await;
}

#[tokio::test]
async fn a_photo_that_is_taken_away_is_gone_for_all_and_its_removal_is_seen() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let shot = Shot::draw(&officer.page(), 300).await;
    let case = officer.register_dispute("桥头", "照片拍错了的纠纷").await;
    officer.page().shoot(shot.path()).await;
    officer.page().sees("1 张照片").await;
    officer.page().press(words::PHOTO_1).await;
    officer.page().press(words::PHOTO_DELETE).await;
    officer.page().press(words::PHOTO_DELETE_YES).await;
    officer.page().sheet_closes().await;
    officer.page().sees("删除了照片").await;
    officer.sync().await;
    let station = Person::join(&mut server, "station", DESK).await;
    station.go(&case).await;
    station.page().sees("删除了照片").await;
    station.page().sees_no_text("张照片").await;
}

/// A folder as it was, in the place of what it is.
fn put_back(data: &std::path::Path, backup: &std::path::Path) {
    let run = |program: &str, arguments: &[&std::ffi::OsStr]| {
        let done = std::process::Command::new(program).args(arguments).status();
        assert!(done.expect("runs").success(), "{program} {arguments:?}");
    };
    run("rm", &["-rf".as_ref(), data.as_os_str()]);
    run("cp", &["-a".as_ref(), backup.as_os_str(), data.as_os_str()]);
}

#[tokio::test]
async fn ph11_f31_a_server_restored_from_a_backup_gets_its_photos_back() {
    let mut server = Server::demo().await;
    let officer = Person::join(&mut server, "officer", PHONE).await;
    let shot = Shot::draw(&officer.page(), 40).await;
    officer.register_dispute("渡口", "备份之前的纠纷").await;
    officer.sync().await;
    let backup = tempfile::tempdir().expect("a folder");
    let backup = backup.path().join("data");
    server.kill().await;
    put_back(&backup, server.data());
    server.restart().await;

    let case = officer.register_dispute("石桥", "备份之后的纠纷").await;
    officer.page().shoot(shot.path()).await;
    officer.page().sees("1 张照片").await;
    officer.page().sees_no_text("0 / 1").await;
    assert_eq!(files(&server.data().join("photos")).len(), 2);
    server.kill().await;
    put_back(server.data(), &backup);
    server.restart().await;
    assert_eq!(files(&server.data().join("photos")).len(), 0);

    officer.sync().await;
    tests::eventually("the photo and its thumbnail at the server", || async {
        (files(&server.data().join("photos")).len() == 2).then_some(())
    })
    .await;
    let station = Person::join(&mut server, "station", DESK).await;
    station.go(&case).await;
    station.page().sees("1 张照片").await;
    station.page().press(words::PHOTO_1).await;
    assert_eq!(station.page().picture(WHOLE).await, (1200, 1600));
}
