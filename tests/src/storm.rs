//! `cargo xtask bench storm`: floods from several addresses of this machine against a real server,
//! and an honest phone meanwhile.

mod flood;
mod frames;
mod honest;
mod line;
mod table;
mod work;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use domain::id::DeviceId;
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};

use crate::bench_server::{BenchServer, Certificate};
use crate::usage::Usage;

pub use honest::Times;
pub use line::{Counts, Target};
use table::Table;

/// Everybody's code; the server takes it on the loopback address alone.
const CODE: &str = "STRM-0001";
/// Where the storms come from: four addresses, each of another prefix.
pub const FROM: [Ipv4Addr; 4] = [
    Ipv4Addr::new(127, 0, 1, 2),
    Ipv4Addr::new(127, 0, 2, 2),
    Ipv4Addr::new(127, 0, 3, 2),
    Ipv4Addr::new(127, 0, 4, 2),
];
/// Where the honest phone is.
pub const HONEST: Ipv4Addr = Ipv4Addr::new(127, 0, 5, 2);
/// Another one, whose prefix is that of one of the storms.
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 77);
/// The most that may be resident, in megabytes.
pub const MEMORY_MB_MAX: u64 = 160;
/// The longest that an honest exchange may take.
const LATENCY_MAX: Duration = Duration::from_secs(1);
/// How often the server's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A flood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storm {
    /// So many connections of HTTP/2, each with 32 bodies of just under a mebibyte.
    Bodies(usize),
    /// So many connections of HTTP/1.1, each with such a body.
    Plain(usize),
    /// Bodies that begin and never go on.
    Stalled,
    /// Requests that are reset as soon as they were sent.
    Reset,
    /// Heads that never end.
    Continuation,
    /// Pings.
    Ping,
    /// Settings.
    Settings,
    /// As many connections as can be had.
    Fill,
    /// Wrong codes from a hundred addresses.
    Codes,
    /// Ten batches at a time of 1,900 new records each, from one known device.
    Batches,
    /// 1,900 changes of one record, of which none may be kept, again and again.
    Refused,
}

impl Storm {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 12] = [
        Self::Bodies(24),
        Self::Bodies(64),
        Self::Plain(512),
        Self::Stalled,
        Self::Reset,
        Self::Continuation,
        Self::Ping,
        Self::Settings,
        Self::Fill,
        Self::Codes,
        Self::Batches,
        Self::Refused,
    ];
    /// The words on the command line.
    pub const NAMES: [&str; 12] = [
        "bodies",
        "bodies-64",
        "plain",
        "stalled",
        "reset",
        "continuation",
        "ping",
        "settings",
        "fill",
        "codes",
        "batches",
        "refused",
    ];

    /// The storm of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let at = Self::NAMES.iter().position(|known| *known == name)?;
        Self::ALL.get(at).copied()
    }

    /// Whether it was answered as a storm of this kind is: one that is refused at the
    /// door, or never begins, shows nothing.
    fn raged(self, answered: &[(String, u64)]) -> bool {
        let taken = |what: &str| {
            let found = answered.iter().find(|(answer, _)| answer == what);
            found.map_or(0, |(_, count)| *count)
        };
        match self {
            // Beside the answer to who joins.
            Self::Batches | Self::Refused => taken("200") > 1,
            Self::Codes => taken("403") > 0,
            Self::Bodies(_)
            | Self::Plain(_)
            | Self::Stalled
            | Self::Reset
            | Self::Continuation
            | Self::Ping
            | Self::Settings
            | Self::Fill => !answered.is_empty(),
        }
    }

    fn says(self) -> String {
        match self {
            Self::Bodies(count) => format!("{count} HTTP/2 connections x 32 bodies of 1 MiB"),
            Self::Plain(count) => format!("{count} HTTP/1.1 connections with bodies of 1 MiB"),
            Self::Stalled => "bodies that begin and stall, both protocols".to_owned(),
            Self::Reset => "rapid reset".to_owned(),
            Self::Continuation => "CONTINUATION without end".to_owned(),
            Self::Ping => "PING without end".to_owned(),
            Self::Settings => "SETTINGS without end".to_owned(),
            Self::Fill => "2,800 connections that say nothing".to_owned(),
            Self::Codes => "wrong codes from 100 addresses".to_owned(),
            Self::Batches => "ten parallel batches of 1,900 records of one device".to_owned(),
            Self::Refused => "1,900 refused changes of one record, again and again".to_owned(),
        }
    }
}

/// What to do.
#[derive(Debug)]
pub struct Options {
    /// How long each storm lasts.
    pub time: Duration,
    /// One storm only.
    pub only: Option<Storm>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(20),
            only: None,
        }
    }
}

/// What a storm did to the server and to honest people.
#[derive(Debug)]
pub struct Outcome {
    /// Which it was.
    pub storm: Storm,
    /// Resident megabytes before it.
    pub before_mb: u64,
    /// The most that was resident while it lasted.
    pub peak_mb: u64,
    /// What it cost the server.
    pub cpu: Duration,
    /// Exchanges of a phone elsewhere.
    pub honest: Times,
    /// Exchanges of a phone of the same prefix as a part of the storm.
    pub neighbour: Times,
    /// Devices that joined meanwhile with codes of their own.
    pub joined: Option<Times>,
    /// What the storm itself was answered.
    pub answered: Vec<(String, u64)>,
}

/// Prints a row for each storm; false when a goal was missed.
///
/// # Panics
/// When the server does not start.
pub async fn run(options: &Options) -> bool {
    let mut table = Table::begin(options.time);
    table.idle(&idle().await);
    for storm in Storm::ALL {
        if options.only.is_none_or(|only| only == storm) {
            table.row(&play(storm, options.time).await);
        }
    }
    table.end()
}

/// A server that speaks TLS, and how to reach it.
///
/// # Panics
/// When it does not start.
pub async fn start(folder: &TempDir) -> (BenchServer, Arc<Target>) {
    let certificate = Certificate::new(folder.path());
    let data = folder.path().join("data");
    let server = BenchServer::start_tls(&data, CODE, &certificate).await;
    let target = Target::new(server.address(), certificate.der());
    (server, Arc::new(target))
}

/// Lets a storm go over a server of its own.
///
/// # Panics
/// When the server does not start or an honest phone cannot join before.
pub async fn play(storm: Storm, time: Duration) -> Outcome {
    let folder = TempDir::new().expect("a temporary folder");
    let (server, target) = start(&folder).await;
    let (stop, stopped) = watch::channel(false);
    let mut honest = Vec::new();
    for (from, number) in [(HONEST, 1), (NEIGHBOUR, 2)] {
        let (target, stopped) = (Arc::clone(&target), stopped.clone());
        let (joined, is_there) = oneshot::channel();
        honest.push(honest::apart(move || async move {
            let phone = honest::Phone::join(&target, from, DeviceId([number; 16]), CODE).await;
            let _told = joined.send(());
            phone.exchange_until(stopped).await
        }));
        is_there.await.expect("joins");
    }
    // What only the first requests cost is no part of the storm.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let joining = (storm == Storm::Codes).then(|| {
        let (target, stopped) = (Arc::clone(&target), stopped.clone());
        let data = folder.path().join("data");
        honest::apart(move || async move { honest::join_until(&target, &data, stopped).await })
    });
    let before = server.memory();
    let used = Usage::of_tree(server.id());
    let counts = Counts::default();
    let floods = flood::begin(storm, &target, &counts, &stopped);
    let mut peak_kb = 0;
    let end = tokio::time::Instant::now() + time;
    while tokio::time::Instant::now() < end {
        tokio::time::sleep(LOOK_EVERY).await;
        peak_kb = peak_kb.max(server.memory().peak_kb);
    }
    let cpu = Usage::of_tree(server.id()).cpu - used.cpu;
    let _told = stop.send(true);
    drop(floods);
    let mut times = Vec::new();
    for phone in honest {
        times.push(phone.await.expect("exchanges"));
    }
    let [honest, neighbour] = times.try_into().expect("two phones");
    let joined = match joining {
        Some(joining) => Some(joining.await.expect("joins")),
        None => None,
    };
    server.kill().await;
    Outcome {
        storm,
        before_mb: before.now_kb / 1_024,
        peak_mb: peak_kb / 1_024,
        cpu,
        honest,
        neighbour,
        joined,
        answered: counts.all(),
    }
}

/// What connections cost that do nothing: kind, how many were open, and bytes of each.
async fn idle() -> Vec<(&'static str, u64, u64)> {
    let mut rows = Vec::new();
    for (kind, http2) in [("HTTP/1.1 over TLS", false), ("HTTP/2 over TLS", true)] {
        let folder = TempDir::new().expect("a temporary folder");
        let (server, target) = start(&folder).await;
        let mut held = Vec::new();
        let mut before = 0;
        // The first ones warm up what all share.
        for (count, is_counted) in [(20_u64, false), (100, true)] {
            if is_counted {
                before = server.memory().now_kb;
            }
            for n in 0..count {
                let from = FROM.get(usize::from(n % 2 == 0)).copied().unwrap_or(HONEST);
                held.push(flood::idle(&target, from, http2).await);
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let more = server.memory().now_kb.saturating_sub(before);
        rows.push((kind, 100, more * 1_024 / 100));
        drop(held);
        server.kill().await;
    }
    rows
}
