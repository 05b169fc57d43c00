//! Backups that are made beside a running server, and servers that start on them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sync_server::admin::{self, AdminError, BackupError, Command};

use crate::phone::{Phone, entries, town};
use crate::photo::send_one_and_begin_another;
use crate::server::TestServer;

async fn backup(server: &TestServer, to: &Path) -> Result<String, AdminError> {
    let mut out = Vec::new();
    let command = Command::Backup { to: to.to_owned() };
    admin::run(command, &server.config, &mut out).await?;
    Ok(String::from_utf8(out).expect("text"))
}

/// Files below a folder, and whether others may look into any.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.file_name().expect("a name").display().to_string());
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn up4_a_backup_beside_a_running_server_holds_all_and_starts_as_a_server() {
    let server = town().await;
    let mut phone = Phone::joined(&server, 1, "one").await;
    let first = phone.hazard("a1").2;
    phone.push(&server, 1, &[(first, "a1")]).await;
    send_one_and_begin_another(&server, &mut phone).await;
    let folder = tempfile::tempdir().expect("folder");
    let to = folder.path().join("backup");
    let said = backup(&server, &to).await.expect("made");
    assert!(said.contains(" 1 pictures"), "{said}");
    // The database and the whole picture, not the one that is coming.
    assert_eq!(files(&to).len(), 2);
    let kept = entries(&server).await;

    // What comes later is not in it, and is in the next one, which takes its place.
    let second = phone.hazard("a1").2;
    phone.push(&server, 2, &[(second, "a1")]).await;
    let copy = TestServer::start_on(&to).await;
    assert_eq!(entries(&copy).await, kept);
    let mut known = phone.clone();
    known.cursor.clear();
    known.pull(&copy).await;
    copy.stop().await;
    let said = backup(&server, &to).await.expect("made anew");
    assert!(said.contains(" 0 pictures"), "{said}");
    let copy = TestServer::start_on(&to).await;
    assert_eq!(entries(&copy).await, kept + 1);
    copy.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn up4_a_backup_into_the_data_itself_is_refused() {
    let server = town().await;
    for to in [
        server.data().to_owned(),
        server.data().join("backup"),
        server.data().join(".."),
    ] {
        let refused = backup(&server, &to).await;
        assert!(
            matches!(refused, Err(AdminError::Backup(BackupError::Inside(_)))),
            "{}",
            to.display()
        );
    }
    assert_eq!(server.get("/health").await.status, 200);
    server.stop().await;
}
