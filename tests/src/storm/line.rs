//! Connections from chosen addresses of this machine, and what the server answers on them.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// A connection over TLS.
pub(super) type Line = TlsStream<TcpStream>;

/// How long anything of one connection may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The server, as clients reach it.
#[derive(Clone)]
pub struct Target {
    address: SocketAddr,
    http1: TlsConnector,
    http2: TlsConnector,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({})", self.address)
    }
}

impl Target {
    /// A server there with this certificate.
    ///
    /// # Panics
    /// When the certificate is none.
    #[must_use]
    pub fn new(address: SocketAddr, trusted: CertificateDer<'static>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(trusted).expect("a certificate");
        let connector = |protocol: &[u8]| {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let mut config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_root_certificates(roots.clone())
                .with_no_client_auth();
            config.alpn_protocols = vec![protocol.to_vec()];
            TlsConnector::from(Arc::new(config))
        };
        Self {
            address,
            http1: connector(b"http/1.1"),
            http2: connector(b"h2"),
        }
    }

    /// A connection without a word.
    pub(super) async fn bare(&self, from: Ipv4Addr) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind((from, 0).into())?;
        let connecting = socket.connect(self.address);
        tokio::time::timeout(PATIENCE, connecting).await?
    }

    /// A connection over TLS, for HTTP/2 or HTTP/1.1.
    pub(super) async fn connect(&self, from: Ipv4Addr, http2: bool) -> io::Result<Line> {
        let stream = self.bare(from).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let connector = if http2 { &self.http2 } else { &self.http1 };
        let connecting = connector.connect(name, stream);
        tokio::time::timeout(PATIENCE, connecting).await?
    }
}

/// The head of a post of so many bytes.
pub(super) fn head(path: &str, length: usize) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\
         content-type: application/octet-stream\r\n\r\n"
    )
    .into_bytes()
}

/// Posts a body and reads status and body of the answer; the connection stays open.
pub(super) async fn post(line: &mut Line, path: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let asking = async {
        let mut bytes = head(path, body.len());
        bytes.extend_from_slice(body);
        line.write_all(&bytes).await?;
        answer(line).await
    };
    tokio::time::timeout(PATIENCE, asking).await?
}

/// Reads one answer.
pub(super) async fn answer(line: &mut Line) -> io::Result<(u16, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if line.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let mut body = bytes.split_off(end);
    let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse::<usize>().ok())
        .unwrap_or(0);
    while body.len() < length {
        if line.read_buf(&mut body).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((status.unwrap_or(0), body))
}

/// What a storm was answered, counted.
#[derive(Debug, Default, Clone)]
pub struct Counts(Arc<Mutex<BTreeMap<String, u64>>>);

impl Counts {
    pub(super) fn count(&self, what: impl Into<String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *all.entry(what.into()).or_default() += 1;
    }

    /// All counts.
    #[must_use]
    pub fn all(&self) -> Vec<(String, u64)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(what, n)| (what.clone(), *n)).collect()
    }
}
