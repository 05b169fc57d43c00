//! One scenario's world: a server with data of its own, and phones each behind a line of its own.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::BenchError;
use crate::bench_server::BenchServer;
use crate::headless::shell::Shell;
use crate::phone_process::{Phone, PhoneError};
use crate::proxy::{Profile, Proxy, Tally};
use crate::server::Server;
use crate::workload::Records;

/// Everybody's code; the server takes it on the loopback address alone.
pub(super) const CODE: &str = "BNCH-0001";

/// The server and what all its phones share.
pub(super) struct Stage {
    pub(super) server: BenchServer,
    folder: TempDir,
}

impl Stage {
    /// An empty station.
    pub(super) async fn new() -> Result<Self, BenchError> {
        Self::serving(None).await
    }

    /// The same, with the app for browsers.
    pub(super) async fn with_app() -> Result<Self, BenchError> {
        Self::serving(Some(&Server::app())).await
    }

    async fn serving(app: Option<&Path>) -> Result<Self, BenchError> {
        let folder = TempDir::new()?;
        let data = made(&folder.path().join("server"))?;
        made(&folder.path().join("shared"))?;
        let server = BenchServer::start_with(&data, CODE, app).await;
        Ok(Self { server, folder })
    }

    /// A new device with an empty store, that will reach the server over a line of that kind.
    pub(super) async fn device(
        &self,
        label: &'static str,
        profile: Profile,
    ) -> Result<Device, BenchError> {
        let proxy = Proxy::before(self.server.address(), profile).await;
        let folder = made(&self.folder.path().join(label))?;
        let phone = Phone::start(label, CODE).map_err(|error| failed(label, error))?;
        let mut device = Device {
            label,
            proxy,
            phone,
            folder,
        };
        let store = made(&device.folder.join("store"))?;
        let shared = self.folder.path().join("shared");
        let url = device.proxy.url();
        let opened = device.phone.open(&store, &url, &shared);
        opened.await.map_err(|error| failed(label, error))?;
        Ok(device)
    }

    /// A phone in this process, for work that no line of operations tells.
    pub(super) async fn shell(
        &self,
        label: &'static str,
        profile: Profile,
    ) -> Result<(Shell, Proxy), BenchError> {
        let proxy = Proxy::before(self.server.address(), profile).await;
        let folder = made(&self.folder.path().join(label))?;
        let shell = Shell::open(&folder, &proxy.url(), CODE)?;
        Ok((shell, proxy))
    }
}

fn made(path: &Path) -> Result<PathBuf, BenchError> {
    std::fs::create_dir_all(path)?;
    Ok(path.to_path_buf())
}

fn failed(label: &str, error: PhoneError) -> BenchError {
    BenchError::Phone {
        label: label.to_owned(),
        error,
    }
}

/// A phone, its store and its line.
pub(super) struct Device {
    pub(super) label: &'static str,
    pub(super) proxy: Proxy,
    pub(super) phone: Phone,
    folder: PathBuf,
}

impl Device {
    /// Does the work of these operations, offline.
    pub(super) async fn apply(&mut self, operations: &str) -> Result<(), BenchError> {
        let file = self.folder.join("operations.jsonl");
        std::fs::write(&file, operations)?;
        let applied = self.phone.apply(&file).await;
        applied.map_err(|error| failed(self.label, error))
    }

    /// Syncs both ways; what went over its line for that.
    pub(super) async fn sync(&mut self) -> Result<Tally, BenchError> {
        let before = self.proxy.tally();
        let synced = self.phone.sync().await;
        synced.map_err(|error| failed(self.label, error))?;
        Ok(self.proxy.tally().since(&before))
    }

    /// The records that it holds.
    pub(super) async fn records(&mut self) -> Result<Records, BenchError> {
        let file = self.folder.join("dump.jsonl");
        let dumped = self.phone.dump(&file).await;
        dumped.map_err(|error| failed(self.label, error))?;
        Ok(Records::read_dump(&file)?)
    }

    /// Ends the phone in good order.
    pub(super) async fn close(self) -> Result<(), BenchError> {
        let closed = self.phone.close().await;
        closed.map_err(|error| failed(self.label, error))
    }
}
