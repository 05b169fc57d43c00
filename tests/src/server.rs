//! The real server as a process of its own: started, killed, started again on the same port and data.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::PATIENCE;

/// A one-time code that the server printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// `officer`, `station` or `supervisor`.
    pub role: String,
    /// The code to type.
    pub code: String,
    /// Who it is for, and for an officer the grid.
    pub rest: String,
}

/// The running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    joins: Vec<Join>,
    data: TempDir,
    /// The station that it serves, as arguments.
    station: Vec<String>,
}

impl Server {
    /// Starts the demo station with data of its own on a free port.
    pub async fn demo() -> Self {
        Self::with(vec!["--demo".to_owned()]).await
    }

    /// Starts the bench station, which anybody here joins with `code`.
    pub async fn bench(code: &str) -> Self {
        Self::with(vec!["--bench-join".to_owned(), code.to_owned()]).await
    }

    async fn with(station: Vec<String>) -> Self {
        let data = TempDir::new().expect("a temporary folder");
        let (child, address, joins) =
            start((data.path(), &Self::app()), "127.0.0.1:0", &station).await;
        Self {
            child,
            address,
            joins,
            data,
            station,
        }
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// What an administrator's command prints, beside the running server.
    pub async fn admin(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(built("FENGGE_SERVER", "target/debug/sync-server"));
        command.args(arguments).arg("--data").arg(self.data.path());
        let ended = command.output().await.expect("the server's program");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{arguments:?}: {said}");
        String::from_utf8(ended.stdout).expect("text")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An unused code for `role`; each is given out once.
    pub fn code(&mut self, role: &str) -> String {
        self.join(role).code
    }

    /// An unused code for `role`, with who it is for.
    pub fn join(&mut self, role: &str) -> Join {
        let at = self.joins.iter().position(|join| join.role == role);
        let at = at.unwrap_or_else(|| panic!("the server printed no further code for {role}"));
        self.joins.remove(at)
    }

    /// Ends it without any warning, as a power cut does.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("the server process");
    }

    /// Starts it again on the same port with the same data, as after a power cut.
    pub async fn restart(&mut self) {
        let listen = self.address.to_string();
        self.start_again(&listen, &Self::app()).await;
    }

    /// The same, with another build of the app.
    pub async fn restart_with(&mut self, app: &Path) {
        let listen = self.address.to_string();
        self.start_again(&listen, app).await;
    }

    /// Another server at the same address, which has never heard of anybody.
    pub async fn set_up_anew(&mut self) {
        let listen = self.address.to_string();
        self.data = TempDir::new().expect("a temporary folder");
        self.start_again(&listen, &Self::app()).await;
    }

    /// The build of the app that the tests are about.
    pub fn app() -> PathBuf {
        built("FENGGE_DIST", "target/dist")
    }

    async fn start_again(&mut self, listen: &str, app: &Path) {
        let (child, _, joins) = start((self.data.path(), app), listen, &self.station).await;
        self.child = child;
        self.joins = joins;
    }

    /// Resident memory in kilobytes.
    pub fn resident_kb(&self) -> u64 {
        let id = self.child.id().unwrap_or_default();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|text| text.split_whitespace().next()?.parse().ok())
            .unwrap_or_default()
    }
}

async fn start(
    (data, app): (&Path, &Path),
    listen: &str,
    station: &[String],
) -> (Child, SocketAddr, Vec<Join>) {
    let program = built("FENGGE_SERVER", "target/debug/sync-server");
    let mut child = Command::new(&program)
        .args(station)
        .args(["--listen", listen])
        .arg("--data")
        .arg(data)
        .arg("--app")
        .arg(app)
        .env("FENGGE_LOG", "warn")
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let stdout = child.stdout.take().expect("a piped output");
    let mut lines = BufReader::new(stdout).lines();
    let ready = tokio::time::timeout(PATIENCE, ready(&mut lines)).await;
    let (address, joins) = ready.expect("the server never printed READY");
    // Whatever it prints later must not fill the pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, address, joins)
}

/// Reads what a starting server prints, up to its address.
pub(crate) async fn ready(lines: &mut Lines<BufReader<ChildStdout>>) -> (SocketAddr, Vec<Join>) {
    let mut joins = Vec::new();
    while let Some(line) = lines.next_line().await.expect("readable output") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("JOIN"), Some(role), Some(code)) => joins.push(Join {
                role: role.to_owned(),
                code: code.to_owned(),
                rest: words.next().unwrap_or_default().to_owned(),
            }),
            (Some("READY"), Some(url), _) => {
                let address = url.trim_end_matches('/');
                let address = address.rsplit('/').next().unwrap_or_default();
                return (address.parse().expect("READY names an address"), joins);
            }
            _ => {}
        }
    }
    panic!("the server ended before it was ready");
}

/// A thing that `cargo xtask` built: named by the environment or at its usual place.
pub(crate) fn built(variable: &str, usual: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(usual),
        PathBuf::from,
    );
    assert!(
        path.exists(),
        "{} is missing: `cargo xtask` builds it",
        path.display()
    );
    path
}
