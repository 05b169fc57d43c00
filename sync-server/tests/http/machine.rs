//! The server on its machine: what other accounts see of its files, and what it says in its log.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use domain::record::hazard::{NewHazard, register_edits};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Child;

use crate::phone::{Phone, TOWN, said};
use crate::server::{PATIENCE, TestServer};

const BINARY: &str = env!("CARGO_BIN_EXE_sync-server");

/// Runs the binary by a shell that sets the umask first.
fn by_umask(umask: &str, args: &[&str], data: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "umask \"$1\"; shift; exec \"$@\"",
            "sh",
            umask,
            BINARY,
        ])
        .args(args)
        .arg("--data")
        .arg(data);
    command
}

/// Starts a server and waits for its READY line; its log is piped.
async fn start(command: Command, data: &Path) -> (Child, TestServer) {
    let mut child = tokio::process::Command::from(command)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("starts");
    let out = child.stdout.take().expect("piped");
    let mut lines = BufReader::new(out).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
    let line = line.expect("in time").expect("a line").expect("no end");
    let address = line.strip_prefix("READY http://").expect("the address");
    let server = TestServer::elsewhere(address.parse().expect("an address"), data);
    (child, server)
}

/// Ends a server and gives what it said.
async fn log_of(mut child: Child) -> String {
    let id = child.id().expect("running").to_string();
    let asked = Command::new("kill").args(["-TERM", &id]).status();
    assert!(asked.expect("kill runs").success());
    let mut said = String::new();
    let mut err = child.stderr.take().expect("piped");
    let read = tokio::time::timeout(PATIENCE, err.read_to_string(&mut said)).await;
    read.expect("ends in time").expect("text");
    child.wait().await.expect("ends");
    said
}

/// What is open to others in a folder, itself included, and how much there is in all.
fn open_to_others(path: &Path) -> (Vec<String>, usize) {
    let found = std::fs::symlink_metadata(path).expect("there");
    let mut open = Vec::new();
    let mut count = 1;
    let mode = found.permissions().mode() & 0o777;
    if mode != if found.is_dir() { 0o700 } else { 0o600 } {
        open.push(format!("{} {mode:o}", path.display()));
    }
    if found.is_dir() {
        for entry in std::fs::read_dir(path).expect("a folder") {
            let (more, below) = open_to_others(&entry.expect("an entry").path());
            open.extend(more);
            count += below;
        }
    }
    (open, count)
}

const SERVE: [&str; 2] = ["--listen", "127.0.0.1:0"];

#[tokio::test]
async fn ac20_nothing_in_the_data_folder_is_open_to_others_whatever_the_umask() {
    for umask in ["0", "0022", "0077"] {
        let folder = tempfile::tempdir().expect("folder");
        let data = folder.path().join("above/data");
        let org = folder.path().join("org.json");
        std::fs::write(&org, TOWN).expect("written");
        let org = org.to_str().expect("text");
        let imported = by_umask(umask, &["org", "import", org], &data).output();
        assert!(imported.expect("runs").status.success());
        let (child, server) = start(by_umask(umask, &SERVE, &data), &data).await;
        let mut phone = Phone::joined(&server, 1, "one").await;
        crate::photo::send_one_and_begin_another(&server, &mut phone).await;
        // The database, its two companions, the lock, a whole photo and a beginning, in their folders.
        let (open, count) = open_to_others(&data);
        assert!(open.is_empty(), "umask {umask}: {open:?}");
        assert!(count >= 10, "umask {umask}: {count}");
        let said = log_of(child).await;
        assert!(!said.contains("open to other accounts"), "{said}");
    }
}

#[tokio::test]
async fn ac20_what_was_left_open_is_closed_at_the_start_with_one_line() {
    let folder = tempfile::tempdir().expect("folder");
    let data = folder.path().join("data");
    std::fs::create_dir_all(data.join("photos/ab")).expect("made");
    std::fs::write(data.join("photos/ab/picture"), "x").expect("written");
    // What shows that the folder is a server's; pictures without it would be those of one that was lost.
    std::fs::write(data.join("fengge.db"), "").expect("written");
    for (name, mode) in [
        ("fengge.db", 0o600),
        ("", 0o777),
        ("photos/ab", 0o755),
        ("photos/ab/picture", 0o644),
    ] {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(data.join(name), mode).expect("set");
    }
    std::fs::set_permissions(data.join("photos"), std::fs::Permissions::from_mode(0o700))
        .expect("set");
    let (child, _server) = start(by_umask("0", &SERVE, &data), &data).await;
    assert_eq!(open_to_others(&data).0, Vec::<String>::new());
    let said = log_of(child).await;
    let lines = said
        .lines()
        .filter(|line| line.contains("open to other accounts"));
    assert_eq!(lines.count(), 1, "{said}");
    assert!(said.contains("closed=3"), "{said}");
    // What cannot be mended is refused, and left as it is.
    std::os::unix::fs::symlink("/etc/hostname", data.join("photos/ab/other")).expect("linked");
    let refused = by_umask("0", &SERVE, &data).output().expect("runs");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(
        said.starts_with("error: ") && said.contains("is a symbolic link"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[tokio::test]
async fn ac23_a_server_that_others_reach_without_tls_says_so_in_one_line() {
    let folder = tempfile::tempdir().expect("folder");
    for (listen, warns) in [
        ("0.0.0.0:0", true),
        ("[::]:0", true),
        ("127.0.0.1:0", false),
    ] {
        let data = folder.path().join(listen.replace([':', '[', ']'], "-"));
        let (child, _server) = start(by_umask("0022", &["--listen", listen], &data), &data).await;
        let said = log_of(child).await;
        let lines = said.lines().filter(|line| line.contains("no TLS:"));
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), usize::from(warns), "{listen}: {said}");
        assert!(
            lines
                .iter()
                .all(|line| line.contains("WARN") && line.contains("--tls-cert"))
        );
    }
}

#[tokio::test]
async fn ac26_no_line_of_the_log_holds_what_somebody_wrote_a_name_a_secret_or_a_code() {
    const TEXT: &str = "canary-of-the-text";
    let folder = tempfile::tempdir().expect("folder");
    let data = folder.path().join("data");
    let org = folder.path().join("org.json");
    std::fs::write(&org, TOWN.replace("\"One\"", "\"Canary Name\"")).expect("written");
    let org = org.to_str().expect("text");
    let imported = by_umask("0022", &["org", "import", org], &data).output();
    assert!(imported.expect("runs").status.success());
    let mut command = by_umask("0022", &SERVE, &data);
    let library = domain::document::LIBRARY;
    let loudest = format!("trace,{library}=trace,hyper=trace,h2=trace,sqlx=trace");
    command.env("FENGGE_LOG", loudest);
    let (child, server) = start(command, &data).await;

    let mut phone = Phone::new(1, "one");
    let code = crate::phone::invite(&server, "one").await;
    for join in ["WRONGONE", code.as_str(), code.as_str()] {
        let request = domain::sync::message::Request {
            join: Some(join.to_owned()),
            ..phone.request()
        };
        // The first is refused, the second joins, the third comes from the device that has joined.
        drop(phone.send(&server, &request).await);
    }
    let header = phone.header("a1");
    let new = NewHazard {
        grid: header.grid.clone(),
        category: said("H08"),
        place: said(TEXT),
        description: said(TEXT),
        level: said("1"),
        patrol: None,
        fixed: said(TEXT),
    };
    let (id, mut document) = phone.blank();
    let sound = phone.change(id, &mut document, &register_edits(&header, &new));
    let mut damaged = sound.clone();
    damaged.change = domain::document::Hashed::of(TEXT.as_bytes().to_vec());
    phone
        .push(&server, 1, &[(damaged, "a1"), (sound, "a1")])
        .await;
    crate::photo::send_one_and_begin_another(&server, &mut phone).await;
    for path in [format!("/join?code={code}"), format!("/api/v1/{TEXT}")] {
        server.get(&path).await;
        server.post(&path, TEXT.as_bytes()).await;
    }
    server
        .raw(format!("GET / HTTP/1.1\r\nhost: x\r\nx: {TEXT}\r\n\0\r\n").as_bytes())
        .await;

    let said = log_of(child).await;
    assert!(
        said.contains("device joined") && said.contains("refused in the last minute"),
        "{said}"
    );
    let hex: String = phone
        .secret
        .0
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let bytes = format!("{:?}", phone.secret.0);
    let bytes = bytes.trim_matches(['[', ']']);
    for never in [TEXT, "Canary Name", &code, "WRONGONE", &hex, bytes] {
        let line = said.lines().find(|line| line.contains(never));
        assert_eq!(line, None, "{never}");
    }
}
