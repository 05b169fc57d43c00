//! The accept loop: caps, time limits, TLS, and a stop that lets requests finish.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use crate::guarded::Guarded;
use crate::limits;

/// The address at the other end of the connection that a request came in by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Serves connections until `shutdown` is ready, then lets requests in flight finish.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    tls: Option<TlsAcceptor>,
    shutdown: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let seats = Seats::default();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        let Some(seat) = seats.take(peer.ip()) else {
            tracing::info!("connection refused: too many are open");
            continue;
        };
        let connection = Connection {
            router: router.clone(),
            tls: tls.clone(),
            peer,
            _seat: seat,
        };
        tokio::spawn(connection.serve(stream, graceful.watcher()));
    }
    drop(listener);
    tracing::info!("stopping: no new connections");
    if tokio::time::timeout(limits::SHUTDOWN_GRACE, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("stopping: some requests did not finish in time");
    }
}

/// Waits a little when the process is out of descriptors, so that the loop does not spin.
async fn pause_after(error: &io::Error) {
    let of_one_client = matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    );
    if !of_one_client {
        tracing::error!(%error, "cannot accept connections");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

struct Connection {
    router: Router,
    tls: Option<TlsAcceptor>,
    peer: SocketAddr,
    _seat: Seat,
}

impl Connection {
    async fn serve(self, stream: TcpStream, watcher: Watcher) {
        // Answers are small and whole: waiting for more bytes to send would only add delay.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no delay");
        }
        let stream = Guarded::new(
            stream,
            limits::FIRST_BYTE_TIMEOUT,
            limits::CONNECTION_IDLE_TIMEOUT,
        );
        let outcome = match self.tls.clone() {
            None => self.speak(stream, false, watcher).await,
            Some(tls) => {
                let handshake =
                    tokio::time::timeout(limits::FIRST_BYTE_TIMEOUT, tls.accept(stream)).await;
                let Ok(Ok(stream)) = handshake else {
                    tracing::debug!("TLS handshake failed");
                    return;
                };
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                self.speak(stream, http2, watcher).await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(error, "connection ended");
        }
    }

    /// Speaks the protocol that TLS settled on; without TLS that is HTTP/1.1, as in browsers.
    async fn speak<S>(self, stream: S, http2: bool, watcher: Watcher) -> Result<(), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self {
            router,
            peer,
            _seat: seat,
            ..
        } = self;
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer.ip()));
            router.clone().call(request.map(Body::new))
        });
        let builder = protocol(http2);
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let outcome = watcher
            .watch(connection)
            .await
            .map_err(|error| error.to_string());
        drop(seat);
        outcome
    }
}

fn protocol(http2: bool) -> Builder<TokioExecutor> {
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = if http2 {
        builder.http2_only()
    } else {
        builder.http1_only()
    };
    builder
        .http1()
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .header_read_timeout(limits::HEADER_READ_TIMEOUT)
        .max_headers(limits::HEADER_COUNT_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits::HTTP2_PING_INTERVAL)
        .keep_alive_timeout(limits::HTTP2_PING_INTERVAL)
        .max_concurrent_streams(limits::HTTP2_STREAMS_MAX)
        .max_header_list_size(limits::HEADER_BYTES_MAX);
    builder
}

/// Counts open connections, in all and by address.
#[derive(Debug, Default, Clone)]
struct Seats(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

impl Seats {
    fn take(&self, ip: IpAddr) -> Option<Seat> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = open.values().sum();
        let of_ip = open.get(&ip).copied().unwrap_or(0);
        if total >= limits::CONNECTIONS_MAX || of_ip >= limits::CONNECTIONS_PER_IP_MAX {
            return None;
        }
        open.insert(ip, of_ip + 1);
        Some(Seat {
            seats: self.clone(),
            ip,
        })
    }
}

/// One open connection; gives its place back when dropped.
#[derive(Debug)]
struct Seat {
    seats: Seats,
    ip: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = open.get(&self.ip).copied().unwrap_or(0).saturating_sub(1);
        if left == 0 {
            open.remove(&self.ip);
        } else {
            open.insert(self.ip, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_every_seat_and_gives_back_what_it_leaves() {
        let seats = Seats::default();
        let (busy, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let held: Vec<_> = (0..limits::CONNECTIONS_PER_IP_MAX)
            .map(|_| seats.take(busy))
            .collect();
        assert!(held.iter().all(Option::is_some));
        assert!(seats.take(busy).is_none() && seats.take(other).is_some());
        drop(held);
        assert!(seats.take(busy).is_some());
        assert!(seats.0.lock().expect("free").is_empty());
    }
}
