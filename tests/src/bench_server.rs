//! The server that lets any device join one station with a fixed code, as a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::PATIENCE;
use crate::server::{built, ready};
use crate::usage::{Memory, Usage};

/// The running server.
#[derive(Debug)]
pub struct BenchServer {
    child: Child,
    address: SocketAddr,
    frames_ms: Arc<AtomicU64>,
}

/// A certificate for `localhost` that vouches for itself, in files.
#[derive(Debug)]
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    der: CertificateDer<'static>,
}

impl Certificate {
    /// Makes one and writes it into a folder.
    pub fn new(folder: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
        let made = made.expect("a certificate");
        let (chain, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&chain, made.cert.pem()).expect("written");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
        Self {
            chain,
            key,
            der: made.cert.der().clone(),
        }
    }

    /// What a client trusts.
    pub fn der(&self) -> CertificateDer<'static> {
        self.der.clone()
    }
}

/// What such a server prints when it has built frames, followed by the milliseconds that it took.
const FRAMES: &str = "FRAMES ";

impl BenchServer {
    /// Starts it on a free port with `data` as its folder and `code` as everybody's code.
    pub async fn start(data: &Path, code: &str) -> Self {
        Self::start_with(data, code, None).await
    }

    /// The same, serving a build of the app as well.
    pub async fn start_with(data: &Path, code: &str, app: Option<&Path>) -> Self {
        let app = app.iter().flat_map(|app| [Path::new("--app"), *app]);
        Self::start_as(data, code, app).await
    }

    /// The same, over TLS.
    pub async fn start_tls(data: &Path, code: &str, certificate: &Certificate) -> Self {
        let (chain, key) = (Path::new("--tls-cert"), Path::new("--tls-key"));
        let files = [chain, &certificate.chain, key, &certificate.key];
        Self::start_as(data, code, files.into_iter()).await
    }

    async fn start_as<'a>(
        data: &Path,
        code: &str,
        arguments: impl Iterator<Item = &'a Path>,
    ) -> Self {
        // The one that was built the same way as this program.
        let usual = if cfg!(debug_assertions) {
            "target/debug/sync-server"
        } else {
            "target/release/sync-server"
        };
        let program = built("FENGGE_SERVER", usual);
        let mut child = Command::new(&program)
            .args(["--listen", "127.0.0.1:0"])
            .arg("--data")
            .arg(data)
            .args(["--bench-join", code])
            .args(arguments)
            .env("FENGGE_LOG", "warn")
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let stdout = child.stdout.take().expect("a piped output");
        let mut lines = BufReader::new(stdout).lines();
        let ready = tokio::time::timeout(PATIENCE, ready(&mut lines)).await;
        let (address, _) = ready.expect("the server never printed READY");
        let frames_ms = Arc::new(AtomicU64::new(0));
        let sum = Arc::clone(&frames_ms);
        // Whatever it prints later must not fill the pipe.
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let time = line
                    .strip_prefix(FRAMES)
                    .and_then(|ms| ms.trim().parse().ok());
                sum.fetch_add(time.unwrap_or_default(), Ordering::SeqCst);
            }
        });
        Self {
            child,
            address,
            frames_ms,
        }
    }

    /// Kills it at once, as a power cut would, and waits until it is gone.
    ///
    /// # Panics
    /// When the process cannot be killed.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("the server can be killed");
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Returns when it has died by itself.
    ///
    /// # Panics
    /// When that cannot be told.
    pub async fn died(&mut self) {
        let _status = self.child.wait().await.expect("a child");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its resident memory; the worst moment is counted from here on anew.
    pub fn memory(&self) -> Memory {
        Memory::of(self.child.id().unwrap_or_default())
    }

    /// Time that it says it spent on building frames; none when it never said so.
    pub fn frame_building(&self) -> Option<Duration> {
        let time = self.frames_ms.load(Ordering::SeqCst);
        (time > 0).then(|| Duration::from_millis(time))
    }

    /// What its process and all below it used until now, once nothing is going on.
    pub async fn idle(&self) -> Usage {
        Usage::when_idle(self.child.id().unwrap_or_default()).await
    }
}
