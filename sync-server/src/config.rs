//! Settings: flags before environment (`FENGGE_*`) before a TOML file, each wrong one named in a line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser};
use serde::Deserialize;

use crate::admin::Command;
use crate::limits;
use crate::prefix::{Network, NoNetwork};
use crate::store::usage::Quotas;

/// What the process was asked to do.
#[derive(Debug, Parser)]
#[command(
    name = "sync-server",
    version,
    about = "The server of Fengge: keeps what devices send."
)]
pub struct Invocation {
    /// Settings given as flags or in the environment.
    #[command(flatten)]
    pub settings: Settings,
    /// A task for the admin; without one the server serves.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Settings from one source; what is absent is left to the next source.
#[derive(Debug, Default, Clone, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Address and port to listen on [default: 127.0.0.1:8080].
    #[arg(long, env = "FENGGE_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Folder of the database [default: data].
    #[arg(long, global = true, env = "FENGGE_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder of the built app; without it only the API is served.
    #[arg(long, env = "FENGGE_APP", value_name = "DIR")]
    pub app: Option<PathBuf>,
    /// TLS certificate chain, PEM.
    #[arg(long, env = "FENGGE_TLS_CERT", value_name = "PEM")]
    pub tls_cert: Option<PathBuf>,
    /// TLS private key, PEM.
    #[arg(long, env = "FENGGE_TLS_KEY", value_name = "PEM")]
    pub tls_key: Option<PathBuf>,
    /// Address of a proxy in front of the server, or several as `ADDRESS/BITS`: its word is taken for
    /// who calls (`x-forwarded-for`), and nobody else's. May be given several times.
    #[arg(
        long = "trusted-proxy",
        env = "FENGGE_TRUSTED_PROXY",
        value_name = "ADDRESS[/BITS]",
        value_delimiter = ','
    )]
    #[serde(default)]
    pub trusted_proxy: Vec<String>,
    /// Address that devices reach the server by, for join links, such as `https://fengge.example`.
    #[arg(long, global = true, env = "FENGGE_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Seeds the demonstration station into an empty database and prints codes to join it.
    #[arg(long, env = "FENGGE_DEMO")]
    #[serde(default)]
    pub demo: bool,
    /// Lets any device of this machine join one bench station with this code; for benchmarks, on a
    /// loopback address only.
    #[arg(long, env = "FENGGE_BENCH_JOIN", value_name = "CODE")]
    pub bench_join: Option<String>,
    /// Most new changes that one device may bring in a day [default: 25000].
    #[arg(long, env = "FENGGE_QUOTA_CHANGES", value_name = "COUNT")]
    pub quota_changes: Option<u64>,
    /// Most bytes of new changes that one device may bring in a day [default: 16777216].
    #[arg(long, env = "FENGGE_QUOTA_BYTES", value_name = "BYTES")]
    pub quota_bytes: Option<u64>,
    /// Most new records that one device may bring in a day [default: 3000].
    #[arg(long, env = "FENGGE_QUOTA_RECORDS", value_name = "COUNT")]
    pub quota_records: Option<u64>,
    /// Most changes of one device that may be refused in a day [default: 2000].
    #[arg(long, env = "FENGGE_QUOTA_REFUSED", value_name = "COUNT")]
    pub quota_refused: Option<u64>,
    /// Most bytes of photos that one device may bring in a day [default: 335544320].
    #[arg(long, env = "FENGGE_QUOTA_PHOTO_BYTES", value_name = "BYTES")]
    pub quota_photo_bytes: Option<u64>,
    /// File with the same settings, named as the flags without dashes in front.
    #[arg(long, global = true, env = "FENGGE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
}

/// Complete settings of a server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Folder of the database.
    pub data: PathBuf,
    /// Folder of the built app.
    pub app: Option<PathBuf>,
    /// Certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whose word is taken for the addresses of others.
    pub trusted_proxies: Vec<Network>,
    /// Address that devices reach the server by.
    pub public_url: Option<String>,
    /// Whether to seed and to announce the demonstration station.
    pub demo: bool,
    /// The code of the bench station.
    pub bench_join: Option<String>,
    /// Entries in scope from which on a first load comes in frames.
    pub frames_from: u64,
    /// How much one device may bring in a day.
    pub quotas: Quotas,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the settings file {path}: {source}; check --config")]
    Read {
        /// The file.
        path: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("the settings file {path} is wrong: {message}")]
    File {
        /// The file.
        path: String,
        /// What is wrong, in one line.
        message: String,
    },
    /// The address is not one.
    #[error("cannot listen on \"{0}\": give an address and a port such as 127.0.0.1:8080")]
    Listen(String),
    /// A proxy's address is none.
    #[error("--trusted-proxy \"{0}\" is {1}")]
    Proxy(String, NoNetwork),
    /// The bench station is not for others.
    #[error("--bench-join needs a loopback address; give --listen 127.0.0.1:PORT")]
    BenchAbroad,
    /// Only half of what TLS needs.
    #[error("TLS needs both --tls-cert and --tls-key; only one was given")]
    HalfTls,
}

impl Config {
    /// Completes the settings: what flags and environment leave open comes from the file, then from
    /// the defaults.
    ///
    /// # Errors
    /// When the file cannot be read or a value makes no sense.
    pub fn resolve(given: Settings) -> Result<Self, ConfigError> {
        let file = given
            .config
            .as_deref()
            .map(read)
            .transpose()?
            .unwrap_or_default();
        let listen = given
            .listen
            .or(file.listen)
            .unwrap_or_else(|| "127.0.0.1:8080".to_owned());
        let tls = match (
            given.tls_cert.or(file.tls_cert),
            given.tls_key.or(file.tls_key),
        ) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => return Err(ConfigError::HalfTls),
        };
        let listen: SocketAddr = listen.parse().map_err(|_| ConfigError::Listen(listen))?;
        let bench_join = given.bench_join.or(file.bench_join);
        if bench_join.is_some() && !listen.ip().is_loopback() {
            return Err(ConfigError::BenchAbroad);
        }
        let usual = Quotas::default();
        let proxies = if given.trusted_proxy.is_empty() {
            file.trusted_proxy
        } else {
            given.trusted_proxy
        };
        let proxies = proxies.into_iter().map(|text| {
            text.parse()
                .map_err(|error| ConfigError::Proxy(text.clone(), error))
        });
        Ok(Self {
            listen,
            trusted_proxies: proxies.collect::<Result<_, _>>()?,
            data: given
                .data
                .or(file.data)
                .unwrap_or_else(|| PathBuf::from("data")),
            app: given.app.or(file.app),
            tls,
            public_url: given.public_url.or(file.public_url),
            demo: given.demo || file.demo,
            bench_join,
            frames_from: limits::FRAMES_FROM,
            quotas: Quotas {
                changes: quota(given.quota_changes, file.quota_changes, usual.changes),
                bytes: quota(given.quota_bytes, file.quota_bytes, usual.bytes),
                records: quota(given.quota_records, file.quota_records, usual.records),
                refused: quota(given.quota_refused, file.quota_refused, usual.refused),
                photo_bytes: quota(
                    given.quota_photo_bytes,
                    file.quota_photo_bytes,
                    usual.photo_bytes,
                ),
            },
        })
    }

    /// Whether others than programs of this machine can reach the server without TLS.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.tls.is_none() && !self.listen.ip().is_loopback()
    }

    /// The address to show to people, once the port is known.
    #[must_use]
    pub fn url(&self, bound: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.public_url
            .clone()
            .unwrap_or_else(|| format!("{scheme}://{bound}"))
    }
}

fn quota(given: Option<u64>, file: Option<u64>, usual: u64) -> u64 {
    given.or(file).unwrap_or(usual)
}

fn read(path: &Path) -> Result<Settings, ConfigError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: name.clone(),
        source,
    })?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| {
            text.get(..span.start).unwrap_or("").lines().count()
        });
        let message = format!("line {}: {}", line.max(1), error.message());
        ConfigError::File {
            path: name,
            message,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::NamedTempFile, Settings) {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), text).expect("write");
        let settings = Settings {
            config: Some(file.path().to_owned()),
            ..Settings::default()
        };
        (file, settings)
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let (_file, settings) = file("listen = \"127.0.0.1:1\"\ndata = \"here\"\n");
        let config = Config::resolve(Settings {
            data: Some("there".into()),
            ..settings
        });
        let config = config.expect("valid");
        assert_eq!(config.listen.port(), 1);
        assert_eq!(config.data, Path::new("there"));
        assert!(!config.demo);
    }

    #[test]
    fn a_wrong_setting_is_named_in_one_line() {
        for (text, expected) in [
            ("lisen = \"127.0.0.1:1\"", "lisen"),
            ("listen = 3", "line 1"),
            ("listen = \"nowhere\"", "nowhere"),
            ("tls-key = \"key.pem\"", "--tls-cert"),
            ("trusted-proxy = [\"10.0.0.0/40\"]", "10.0.0.0/40"),
            ("listen = \"0.0.0.0:1\"\nbench-join = \"X\"", "loopback"),
        ] {
            let (_file, settings) = file(text);
            let message = Config::resolve(settings).expect_err(text).to_string();
            assert!(message.contains(expected), "{message}");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }
}
