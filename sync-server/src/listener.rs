//! The accept loop: seats, time limits, TLS, and a stop that lets requests finish.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};
use tower::Service;

use crate::guarded::Guarded;
use crate::limits;
use crate::logging;
use crate::peer::Proxies;
use crate::seats::{self, Plan, Seat, Seats};

/// A connection for which there was no seat, as it is counted.
const NO_SEAT: &str = "no_seat";
/// A connection that gave way to another.
const GAVE_WAY: &str = "gave_way";
/// A connection that did not get as far as a request.
const NO_HANDSHAKE: &str = "no_handshake";

/// What every connection needs of the server.
#[derive(Clone)]
pub(crate) struct Entrance {
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) proxies: Proxies,
}

impl Entrance {
    /// A seat for a new connection; none is counted, as is whoever gave way.
    fn seat(&self, seats: &Seats, ip: IpAddr) -> Option<Seat> {
        let seat = if self.proxies.hold(ip) {
            seats.take_for_proxy(ip)
        } else {
            seats.take(ip).map(|(seat, gave_way)| {
                if gave_way {
                    logging::refused(GAVE_WAY);
                }
                seat
            })
        };
        if seat.is_none() {
            logging::refused(NO_SEAT);
        }
        seat
    }
}

/// Listens at an address. More may knock in one moment than the usual line holds: whoever finds it full
/// tries again a whole second later.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(limits::KNOCKING_MAX)
}

/// Serves connections until `shutdown` is ready, then lets requests in flight finish.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    entrance: Entrance,
    shutdown: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let plan = Plan::within(seats::files_max());
    if plan != Plan::within(None) {
        tracing::warn!(?plan, "few files may be open: fewer connections are taken");
    }
    let seats = Seats::new(plan);
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
        let Some(seat) = entrance.seat(&seats, peer.ip()) else {
            continue;
        };
        let connection = Connection {
            router: router.clone(),
            entrance: entrance.clone(),
            ip: peer.ip(),
            seat: seat.clone(),
        };
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            tokio::select! {
                () = connection.serve(stream, watcher) => {}
                () = seat.dismissed() => {}
            }
        });
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
    entrance: Entrance,
    ip: IpAddr,
    seat: Seat,
}

impl Connection {
    async fn serve(self, stream: TcpStream, watcher: Watcher) {
        // Answers are small and whole: waiting for more bytes to send would only add delay.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no delay");
        }
        let silence = (limits::FIRST_BYTE_TIMEOUT, limits::CONNECTION_IDLE_TIMEOUT);
        let stream = Guarded::new(stream, silence, self.seat.allowance().cloned());
        let outcome = match self.entrance.tls.clone() {
            None => self.speak(stream, false, watcher).await,
            Some(tls) => {
                let shaking = shake_hands(stream, &tls, &self.seat);
                let handshake = tokio::time::timeout(limits::FIRST_BYTE_TIMEOUT, shaking).await;
                let Ok(Ok(stream)) = handshake else {
                    logging::refused(NO_HANDSHAKE);
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
            entrance,
            ip,
            seat,
        } = self;
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            let busy = seat.busy();
            let peer = entrance.proxies.peer(ip, request.headers());
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(seat.clone());
            let request = request.map(|body| match seat.allowance() {
                Some(allowance) => allowance.paid(body),
                None => Body::new(body),
            });
            let answer = router.clone().call(request);
            async move {
                let answer = answer.await;
                drop(busy);
                answer
            }
        });
        let builder = protocol(http2);
        let connection = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        watcher
            .watch(connection)
            .await
            .map_err(|error| error.to_string())
    }
}

/// The handshake of TLS. What costs is the answer to the client's first words: that is done in turn.
async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    tls: &TlsAcceptor,
    seat: &Seat,
) -> io::Result<TlsStream<S>> {
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let turn = seat.turn().await;
    let answered = hello.into_stream_with(Arc::clone(tls.config()), |connection| {
        connection.set_buffer_limit(Some(limits::TLS_BUFFER_BYTES_MAX));
    });
    drop(turn);
    answered.await
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
        .max_buf_size(limits::HTTP1_BUFFER_BYTES_MAX)
        .max_headers(limits::HEADER_COUNT_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits::HTTP2_PING_INTERVAL)
        .keep_alive_timeout(limits::HTTP2_PING_INTERVAL)
        .max_concurrent_streams(limits::HTTP2_STREAMS_MAX)
        .initial_stream_window_size(limits::HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::HTTP2_CONNECTION_WINDOW_BYTES)
        .max_frame_size(u32::try_from(limits::HTTP2_FRAME_BYTES).ok())
        .max_send_buf_size(limits::HTTP2_SEND_BYTES_MAX)
        .max_pending_accept_reset_streams(limits::HTTP2_RESETS_PENDING_MAX)
        .max_local_error_reset_streams(limits::HTTP2_RESETS_MAX)
        .max_header_list_size(limits::HEADER_BYTES_MAX);
    builder
}
