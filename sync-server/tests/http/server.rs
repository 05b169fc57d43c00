//! A server of one test, and a client that says exactly what it is told to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sync_server::clock::Clock;
use sync_server::config::Config;
use sync_server::prefix::Network;
use sync_server::store::usage::Quotas;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long a test waits for anything before it fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
#[derive(Debug)]
pub struct TestServer {
    pub config: Config,
    pub address: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl TestServer {
    /// Starts a server with an empty database and a small app folder.
    pub async fn start() -> Self {
        Self::with(false).await
    }

    /// Starts a server with the demonstration.
    pub async fn start_demo() -> Self {
        Self::with(true).await
    }

    /// Stops the server and starts it again on the same data with other quotas.
    pub async fn restart_with(mut self, quotas: Quotas) -> Self {
        drop(self.stop.take());
        self.task.await.expect("stops");
        Self::by((Clock::default(), quotas), self.folder, false, None).await
    }

    async fn with(demo: bool) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let app = folder.path().join("app");
        std::fs::create_dir_all(&app).expect("app folder");
        for (name, text) in APP {
            std::fs::write(app.join(name), text).expect("app file");
        }
        Self::on(folder, demo, None).await
    }

    /// Starts a server on a data folder that is there, and leaves it there.
    pub async fn start_on(data: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address");
        let mut server = Self::elsewhere(address, data);
        let (stop, stopped) = oneshot::channel::<()>();
        let opened = sync_server::Server::open(&server.config).await;
        let opened = opened.expect("opens");
        server.task = tokio::spawn(async move {
            let until = async move { drop(stopped.await) };
            opened.serve(listener, until).await;
        });
        server.stop = Some(stop);
        server
    }

    /// Starts a server that speaks TLS with this certificate and key.
    pub async fn start_tls(cert: &str, key: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::create_dir_all(folder.path().join("app")).expect("app folder");
        for (name, text) in APP {
            std::fs::write(folder.path().join("app").join(name), text).expect("app file");
        }
        let files = [("cert.pem", cert), ("key.pem", key)].map(|(name, pem)| {
            let path = folder.path().join(name);
            std::fs::write(&path, pem).expect("written");
            path
        });
        let [cert, key] = files;
        Self::on(folder, false, Some((cert, key))).await
    }

    async fn on(folder: tempfile::TempDir, demo: bool, tls: Option<(PathBuf, PathBuf)>) -> Self {
        Self::by((Clock::default(), Quotas::default()), folder, demo, tls).await
    }

    /// Starts a server behind proxies of this network.
    pub async fn start_behind(proxies: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::create_dir_all(folder.path().join("app")).expect("app folder");
        std::fs::write(folder.path().join("app/index.html"), "").expect("app file");
        let proxies = vec![proxies.parse().expect("a network")];
        let usual = (Clock::default(), Quotas::default());
        Self::behind(proxies, usual, folder, (false, None)).await
    }

    async fn by(
        (clock, quotas): (Clock, Quotas),
        folder: tempfile::TempDir,
        demo: bool,
        tls: Option<(PathBuf, PathBuf)>,
    ) -> Self {
        Self::behind(Vec::new(), (clock, quotas), folder, (demo, tls)).await
    }

    async fn behind(
        trusted_proxies: Vec<Network>,
        (clock, quotas): (Clock, Quotas),
        folder: tempfile::TempDir,
        (demo, tls): (bool, Option<(PathBuf, PathBuf)>),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address");
        let config = Config {
            listen: address,
            data: folder.path().join("data"),
            app: Some(folder.path().join("app")),
            tls,
            public_url: None,
            demo,
            frames_from: 512,
            quotas,
            trusted_proxies,
            bench_join: None,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let own = config.clone();
        let task = tokio::spawn(async move {
            let until = async move { drop(stopped.await) };
            let server = sync_server::Server::open_by(&own, clock).await;
            server.expect("opens").serve(listener, until).await;
        });
        Self {
            config,
            address,
            stop: Some(stop),
            task,
            folder,
        }
    }

    /// A server that runs in another process.
    pub fn elsewhere(address: std::net::SocketAddr, data: &Path) -> Self {
        let config = Config {
            listen: address,
            data: data.to_owned(),
            app: None,
            tls: None,
            public_url: None,
            demo: false,
            frames_from: 512,
            quotas: Quotas::default(),
            trusted_proxies: Vec::new(),
            bench_join: None,
        };
        let task = tokio::spawn(async {});
        let folder = tempfile::tempdir().expect("folder");
        Self {
            config,
            address,
            stop: None,
            task,
            folder,
        }
    }

    /// Stops the server and starts it again on the same data.
    pub async fn restart(mut self) -> Self {
        drop(self.stop.take());
        self.task.await.expect("stops");
        let (demo, tls) = (self.config.demo, self.config.tls.take());
        Self::on(self.folder, demo, tls).await
    }

    /// Stops the server and starts it again on the same data, so many days later than it is.
    pub async fn restart_later(mut self, days: i64) -> Self {
        drop(self.stop.take());
        self.task.await.expect("stops");
        let later = days * 24 * 60 * 60 * 1000;
        let clock = Clock::new(move || sync_server::clock::now().plus(later));
        Self::by((clock, Quotas::default()), self.folder, false, None).await
    }

    /// Stops the server and waits until it has ended.
    pub async fn stop(self) {
        drop(self.leave().await);
    }

    /// Stops it and keeps its folder.
    pub async fn leave(mut self) -> tempfile::TempDir {
        drop(self.stop.take());
        self.task.await.expect("stops");
        self.folder
    }

    /// The folder of the database.
    pub fn data(&self) -> &Path {
        &self.config.data
    }

    /// Sends bytes on a fresh connection and reads until the server closes it.
    pub async fn raw(&self, request: &[u8]) -> Vec<u8> {
        raw_to(self.address, request).await
    }

    /// One request on a connection of its own.
    pub async fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        Answer::parse(&self.raw(&request(method, path, headers, body)).await)
    }

    /// A GET without further headers.
    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "", &[]).await
    }

    /// A POST of a binary body.
    pub async fn post(&self, path: &str, body: &[u8]) -> Answer {
        self.request("POST", path, BINARY, body).await
    }
}

impl TestServer {
    /// Posts a body and reads the answer up to its first bytes: one that does not end.
    pub async fn opens(&self, path: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.expect("connects");
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("writes");
        stream.write_all(body).await.expect("writes");
        let mut bytes = vec![0; 4096];
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut bytes)).await;
        bytes.truncate(read.expect("in time").expect("reads"));
        Answer::parse(&bytes)
    }
}

/// Sends bytes on a fresh connection and reads until the server closes it.
pub async fn raw_to(address: std::net::SocketAddr, request: &[u8]) -> Vec<u8> {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        // A server that refuses a body may close while the client still writes: what was read counts.
        drop(stream.write_all(request).await);
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        answer
    };
    tokio::time::timeout(PATIENCE, talk)
        .await
        .expect("an answer in time")
}

/// A POST of a binary body on a connection of its own.
pub async fn post_to(address: std::net::SocketAddr, path: &str, body: &[u8]) -> Answer {
    let bytes = request("POST", path, BINARY, body);
    Answer::parse(&raw_to(address, &bytes).await)
}

/// The header of a binary body.
pub const BINARY: &str = "content-type: application/octet-stream\r\n";

/// A request as its bytes; the connection ends with its answer.
pub fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = if body.is_empty() && method != "POST" {
        String::new()
    } else {
        format!("content-length: {}\r\n", body.len())
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{length}{headers}\r\n"
    );
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// An answer, taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .expect("a head");
        let head = std::str::from_utf8(&bytes[..end]).expect("text");
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .expect("status");
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self {
            status: status.parse().expect("number"),
            headers,
            body: bytes[end + 4..].to_vec(),
        }
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The fixed code of an error.
    pub fn code(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).expect("an error is JSON");
        json["code"].as_str().expect("a code").to_owned()
    }
}

/// The files of a small app.
pub const APP: [(&str, &str); 6] = [
    ("index.html", "<!doctype html><title>Fengge</title>"),
    ("sw.js", "// service worker"),
    ("manifest.webmanifest", "{}"),
    ("app-0a1b2c3d4e5f6071.js", "// app"),
    ("app-0a1b2c3d4e5f6071.js.br", "brotli bytes"),
    ("app_bg-1a1b2c3d4e5f6071.wasm", "\0asm"),
];
