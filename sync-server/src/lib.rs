//! The small server: keeps what devices send, answers what they may see, serves the app's files.
//!
//! [`serve`] is the whole of it: tests start the real thing on port 0. The way of a request:
//! `listener` (caps, TLS, time limits) → `router` → `route` (reads the body) → `ingest` and `pull`
//! (one transaction each) → `store` (SQLite). Every rule of what a record is and who may see it lies
//! in the crate `domain`.

#![warn(unreachable_pub)]

pub mod admin;
pub mod album;
pub mod auth;
pub mod bench;
pub mod brake;
pub mod budget;
pub mod carry;
pub mod check;
pub mod clock;
pub mod config;
pub mod cursor;
pub mod demo;
pub mod error;
pub mod files;
mod frames;
mod gate;
mod guarded;
mod headers;
pub mod healing;
pub mod ingest;
pub mod keys;
pub mod limits;
mod listener;
pub mod logging;
pub mod news;
mod overview;
mod pace;
pub mod parts;
mod peer;
pub mod prefix;
pub mod private;
pub mod projection;
pub mod proof;
pub mod pull;
mod repair;
mod rights;
mod route;
mod router;
pub mod scope;
pub mod seats;
pub mod store;
mod sweep;
pub mod tls;
mod turns;

use std::future::Future;
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use tokio::net::TcpListener;
use tower::Service as _;

use crate::admin::AdminError;
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Invocation};
use crate::demo::DemoError;
use crate::files::{AppFiles, FilesError};
use crate::listener::Entrance;
use crate::peer::{Peer, Proxies};
use crate::router::Shared;
use crate::store::{ServerLock, Store, StoreError};
use crate::tls::TlsError;

/// Why the process ends with a failure; the message is one line and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The app's files cannot be served.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A command for the admin failed.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; give another --listen")]
    Listen {
        /// The address.
        address: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The demonstration cannot be seeded.
    #[error("cannot make the demonstration: {0}; start with another --data")]
    Demo(#[from] DemoError),
    /// The bench station cannot be made.
    #[error("cannot make the bench station: {0}; start with another --data")]
    Bench(#[from] bench::BenchError),
    /// Input or output of the process failed.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

/// Does what the command line asks: a command for the admin, or serving until a signal.
///
/// # Errors
/// When it cannot be done.
pub async fn run(invocation: Invocation, out: &mut (impl Write + Send)) -> Result<(), ServerError> {
    let config = Config::resolve(invocation.settings)?;
    if let Some(command) = invocation.command {
        return Ok(admin::run(command, &config, out).await?);
    }
    let server = Server::open(&config).await?;
    let listener = listener::bind(config.listen).map_err(|source| ServerError::Listen {
        address: config.listen.to_string(),
        source,
    })?;
    if config.is_exposed() {
        tracing::warn!(
            listen = %config.listen,
            "no TLS: whoever is on the way can read and alter everything, and browsers on other \
             machines keep no app; give --tls-cert and --tls-key, or --listen 127.0.0.1:PORT behind \
             a proxy that speaks TLS"
        );
    }
    if config.demo {
        for line in demo::join_lines(&server.shared.store, clock::now()).await? {
            writeln!(out, "{line}")?;
        }
    }
    writeln!(out, "READY {}", config.url(listener.local_addr()?))?;
    out.flush()?;
    server.serve(listener, signal()).await;
    Ok(())
}

/// Serves on `listener` until `shutdown` is ready; requests in flight may finish.
///
/// # Errors
/// When the database, the app's files or TLS cannot be used.
pub async fn serve(
    config: &Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServerError> {
    Server::open(config).await?.serve(listener, shutdown).await;
    Ok(())
}

/// A server that is ready to listen.
pub struct Server {
    shared: Arc<Shared>,
    tls: Option<tokio_rustls::TlsAcceptor>,
    proxies: Proxies,
    lock: ServerLock,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Takes the data folder, opens the database and reads the app's files.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub async fn open(config: &Config) -> Result<Self, ServerError> {
        Self::open_by(config, Clock::default()).await
    }

    /// The same, by a clock of the caller's.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub async fn open_by(config: &Config, clock: Clock) -> Result<Self, ServerError> {
        let tls = config
            .tls
            .as_ref()
            .map(|(cert, key)| tls::acceptor(cert, key))
            .transpose()?;
        let files = config.app.as_deref().map(AppFiles::load).transpose()?;
        let files = files.map(|files| files.over_tls(tls.is_some()));
        let lock = ServerLock::take(&config.data)?;
        let store = Store::open(&config.data, true).await?;
        // What a start mends may take long.
        let whole = store.unhurried();
        projection::refresh(&whole, clock.now())
            .await
            .map_err(StoreError::from)?;
        store::sums::refresh(&whole)
            .await
            .map_err(StoreError::from)?;
        check::at_start(&whole, clock.now())
            .await
            .map_err(StoreError::from)?;
        if config.demo {
            demo::seed(&whole, clock.now()).await?;
        }
        if config.bench_join.is_some() {
            bench::seed(&whole).await?;
        }
        say_what_is_wrong_with_units(&whole).await?;
        if files.is_none() {
            tracing::warn!("no --app folder: only the API is served");
        }
        let shared = Shared {
            store,
            clock,
            files,
            scopes: scope::Scopes::default(),
            brake: brake::JoinBrake::default(),
            budget: budget::Budget::default(),
            looks: budget::Pool::new(budget::Sizes {
                all: usize::MAX,
                share: limits::LOOKS_PER_DEVICE_MAX,
            }),
            parts: parts::Parts::default(),
            turns: turns::Turns::default(),
            quotas: config.quotas,
            news: news::News::default(),
            album: album::Album::new(&config.data),
            bench_join: config.bench_join.clone(),
            frames_from: config.frames_from,
        };
        Ok(Self {
            shared: Arc::new(shared),
            tls,
            proxies: Proxies::new(&config.trusted_proxies),
            lock,
        })
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Answers one request that came without a listener, from `peer`.
    pub async fn answer(&self, peer: IpAddr, mut request: Request) -> Response {
        request.extensions_mut().insert(Peer(peer));
        match router::router(Arc::clone(&self.shared)).call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Closes the database and lets another server have the folder.
    pub async fn close(self) {
        self.shared.store.close().await;
        drop(self.lock);
    }

    /// Serves until `shutdown` is ready.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let router = router::router(Arc::clone(&self.shared));
        let shared = Arc::clone(&self.shared);
        let sweeping = tokio::spawn(sweep::daily(Arc::clone(&self.shared)));
        let telling = tokio::spawn(logging::tell_refused_each_minute());
        let watched = Arc::clone(&self.shared);
        let watching = tokio::spawn(async move { rights::watch(&watched).await });
        let looking = tokio::spawn(check::daily(Arc::clone(&self.shared)));
        let shutdown = async move {
            shutdown.await;
            // Their answers never end by themselves.
            shared.news.close();
        };
        let entrance = Entrance {
            tls: self.tls.clone(),
            proxies: self.proxies.clone(),
        };
        listener::run(listener, router, entrance, shutdown).await;
        // Broken off anywhere, it goes on with the next start.
        for task in [telling, sweeping, watching, looking] {
            task.abort();
            let _ended = task.await;
        }
        logging::tell_refused();
        self.close().await;
    }
}

/// Older versions took units that do not fit together: the server starts with them, and says so.
async fn say_what_is_wrong_with_units(store: &Store) -> Result<(), StoreError> {
    let mut view = store.view().await?;
    let known = store::org::known(&mut view).await?;
    view.rollback().await?;
    if let Err(flaws) = store::org::judge::sound(&known) {
        for flaw in &flaws.first {
            tracing::error!(unit = flaw.code, wrong = %flaw.wrong, "unit");
        }
        tracing::error!(
            units = flaws.count,
            "units do not fit together: nobody sees what lies below them until they are imported anew"
        );
    }
    Ok(())
}

/// Ready when the process is asked to stop.
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
