//! The binary itself: its lines on the standard output, its commands, and its sudden death.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use domain::sync::message::ItemResult;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::phone::{Phone, TOWN, entries};
use crate::server::{PATIENCE, TestServer};

const BINARY: &str = env!("CARGO_BIN_EXE_sync-server");

/// Starts the binary and waits for its READY line.
async fn start(data: &Path) -> (Child, TestServer) {
    let mut child = tokio::process::Command::new(BINARY)
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("starts");
    let out = child.stdout.take().expect("piped");
    let mut lines = BufReader::new(out).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line())
        .await
        .expect("in time");
    let line = line.expect("a line").expect("not the end");
    let address = line.strip_prefix("READY http://").expect("the address");
    let server = TestServer::elsewhere(address.parse().expect("an address"), data);
    (child, server)
}

fn admin(data: &Path, args: &[&str]) -> Output {
    Command::new(BINARY)
        .args(args)
        .arg("--data")
        .arg(data)
        .output()
        .expect("runs")
}

#[tokio::test]
async fn f56_what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().expect("folder");
    let data = folder.path().join("data");
    let file = folder.path().join("org.json");
    std::fs::write(&file, TOWN).expect("written");
    let file = file.to_str().expect("text");
    let imported = admin(&data, &["org", "import", file]);
    assert!(
        imported.status.success(),
        "{}",
        String::from_utf8_lossy(&imported.stderr)
    );
    let (mut child, server) = start(&data).await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut kept = 0;
    for round in 1..=5 {
        let item = one.hazard("a1").2;
        let answer = one.push(&server, round, &[(item, "a1")]).await;
        let results = answer.receipt.expect("a receipt").results;
        assert!(matches!(results.as_slice(), [ItemResult::Kept(_)]));
        kept += 1;
    }
    child.kill().await.expect("killed");
    let (mut child, server) = start(&data).await;
    assert_eq!(entries(&server).await, kept);
    assert!(one.pull(&server).await.entries.is_empty());
    child.kill().await.expect("killed");
    let rebuilt = admin(&data, &["rebuild"]);
    assert_eq!(
        String::from_utf8_lossy(&rebuilt.stdout).trim(),
        "5 rows folded anew, 0 differed"
    );
}

#[test]
fn every_wrong_command_says_in_one_line_what_to_do() {
    let folder = tempfile::tempdir().expect("folder");
    let data = folder.path().join("data");
    let unit = ["unit", "add", "--id", "x", "--level", "3", "--name", "X"];
    let person = [
        "person", "add", "--id", "p", "--name", "P", "--role", "auditor", "--unit", "x",
    ];
    let cases: [(&[&str], &str); 7] = [
        (&["invite", "--person", "p"], "no database"),
        (&unit, "only a city has no unit above it"),
        (&person, "no unit x; add it first"),
        (
            &["org", "import", "missing.json"],
            "cannot read missing.json",
        ),
        (&["device", "revoke", "zz"], "no active device zz"),
        (&["--listen", "nowhere"], "give an address and a port"),
        (&["--bogus"], "--help"),
    ];
    for (args, expected) in cases {
        let output = admin(&data, args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{args:?}");
        assert!(
            said.starts_with("error: ") && said.contains(expected),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
