//! Two people, one record.

use serde_json::Value;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tests::browser::{DESK, PHONE};
use tests::server::Server;
use tests::walk::Person;
use tests::words;

#[tokio::test]
async fn the_station_and_a_supervisor_each_see_their_own_view() {
    let mut server = Server::demo().await;
    let station = Person::join(&mut server, "station", DESK).await;
    station.page().heading(words::STATION).await;
    let supervisor = Person::join(&mut server, "supervisor", DESK).await;
    supervisor.page().heading(words::OVERVIEW).await;
}

#[tokio::test]
async fn two_phones_that_edit_the_same_dispute_keep_both_values_until_one_is_chosen() {
    let mut server = Server::demo().await;
    let one = Person::join(&mut server, "officer", PHONE).await;
    let case = one
        .register_dispute("界石旁", "两家对界石的位置说法不一")
        .await;
    one.sync().await;
    let other = Person::join(&mut server, "officer", PHONE).await;
    other.sync().await;
    other.go(&case).await;
    other.page().sees("两家对界石的位置说法不一").await;

    one.lose_network().await;
    other.lose_network().await;
    one.go(&case).await;
    one.rewrite("界石被人移动了半米").await;
    other.rewrite("界石还在老地方").await;
    one.find_network().await;
    other.find_network().await;
    one.sync().await;
    other.sync().await;
    one.sync().await;

    for phone in [&one, &other] {
        phone.go(&case).await;
        phone.page().sees_word(words::TWO_WROTE).await;
        phone.page().sees("界石被人移动了半米").await;
        phone.page().sees("界石还在老地方").await;
    }
    // The first touch asks, so that nothing is decided by what slides under a finger.
    other.page().press(words::USE_THIS).await;
    other.page().sees_word(words::TWO_WROTE).await;
    other.page().press(words::USE_THIS_SURE).await;
    other.page().sees_no_more(words::TWO_WROTE).await;
    other.sync().await;
    one.sync().await;
    for phone in [&one, &other] {
        phone.go(&case).await;
        phone.page().heading_starting("暂-").await;
        assert!(
            !phone.page().shows(words::TWO_WROTE.zh).await,
            "settled on both phones"
        );
    }
}

#[tokio::test]
async fn sg1_a_browser_signs_and_the_server_proves_who_wrote_a_case() {
    let mut server = Server::demo().await;
    let mut officer = Person::join(&mut server, "officer", PHONE).await;
    let case = officer.register_dispute("桥头", "两家为停车位争执").await;
    officer.sync().await;
    // The key outlives the app, and the server learns no second one.
    officer.die_and_wake().await;
    officer.go(&case).await;
    officer.rewrite("两家为停车位争执，已劝开").await;
    officer.sync().await;
    let record = case.trim_start_matches("/disputes/");
    let proven = server.admin(&["prove", "--record", record]).await;
    let changes = proven.lines().filter(|line| line.contains("device"));
    assert!(changes.clone().count() >= 3, "{proven}");
    for line in changes {
        assert!(line.contains("signature holds"), "{proven}");
    }
    assert_eq!(keys(&server).await, 1);
    // No script can read the private half.
    let script = "return new Promise(done => { const open = indexedDB.open('fengge');\
        open.onsuccess = () => { const all = open.result.transaction('settings')\
            .objectStore('settings').getAll();\
            all.onsuccess = () => { const pair = all.result.find(one => one && one.privateKey);\
                open.result.close(); crypto.subtle.exportKey('pkcs8', pair.privateKey)\
                    .then(() => done('read'), error => done(error.name)); }; }; })";
    assert_eq!(
        officer.page().run(script).await,
        Value::from("InvalidAccessError")
    );
}

/// Takes the key out of the browser's store, as a restored profile does.
const FORGET: &str = "return new Promise(done => { const open = indexedDB.open('fengge');\
    open.onsuccess = () => { const write = open.result.transaction('settings', 'readwrite');\
        const store = write.objectStore('settings'), asked = store.getAllKeys();\
        asked.onsuccess = () => asked.result.filter(name => String(name).startsWith('key-'))\
            .forEach(name => store.delete(name));\
        write.oncomplete = () => { open.result.close(); done(true); }; }; })";

#[tokio::test]
async fn sg7_a_phone_that_lost_its_key_says_so_keeps_everything_and_goes_on_with_a_code() {
    let mut server = Server::demo().await;
    let mut officer = Person::join(&mut server, "officer", PHONE).await;
    officer.register_dispute("桥头", "密钥还在时的纠纷").await;
    officer.sync().await;
    assert_eq!(officer.page().run(FORGET).await, Value::from(true));
    officer.die_and_wake().await;
    officer.register_dispute("河边", "密钥丢了以后的纠纷").await;
    officer.is_let_in_again(&server).await;
    officer.sync().await;
    officer.go("/records").await;
    for brief in ["密钥还在时的纠纷", "密钥丢了以后的纠纷"] {
        officer.page().sees(brief).await;
    }
    assert_eq!(keys(&server).await, 2);
    // Shut out for good, it says that, and keeps what is on it.
    let listed = server.admin(&["device", "list"]).await;
    let name = listed.lines().find_map(|line| line.strip_prefix("device "));
    let name = name.and_then(|line| line.split('\t').next());
    server
        .admin(&["device", "revoke", name.expect("a device")])
        .await;
    officer.go("/").await;
    officer.page().press(words::SYNC_NOW).await;
    officer.page().sees("本机已被停用").await;
    officer.go("/records").await;
    officer.page().sees("密钥丢了以后的纠纷").await;
}

/// How many keys devices have enrolled.
async fn keys(server: &Server) -> i64 {
    let file = server.data().join("fengge.db");
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut db = options.connect().await.expect("a database");
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM device_key");
    count.fetch_one(&mut db).await.expect("a count")
}
