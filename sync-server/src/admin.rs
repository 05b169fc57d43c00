//! Commands for the admin: units, people, invitations, import; they also work beside a server.

mod backup;
mod check;
mod device;
mod heal;
mod invite;
mod org;
mod person;
mod record;
mod retire;
mod unit;

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;
use domain::id::{PersonId, RecordId};

use crate::ServerError;
use crate::carry::CarryError;
use crate::config::Config;
use crate::store::org::OrgError;
use crate::store::retire::RetireError;
use crate::store::{Store, StoreError};

pub use backup::BackupError;
pub use device::DeviceAction;
pub use heal::HealAction;
pub use invite::{InviteAction, InviteArgs};
pub use org::OrgAction;
pub use person::PersonAction;
pub use retire::{AuditAction, RecordAction};
pub use unit::UnitAction;

/// A task for the admin.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Prints a new one-time code with which a person joins one device, or lists and cancels them.
    Invite(InviteArgs),
    /// Units of the five levels.
    Unit {
        /// What to do.
        #[command(subcommand)]
        action: UnitAction,
    },
    /// Members of staff.
    Person {
        /// What to do.
        #[command(subcommand)]
        action: PersonAction,
    },
    /// A whole organisation.
    Org {
        /// What to do.
        #[command(subcommand)]
        action: OrgAction,
    },
    /// Devices that joined.
    Device {
        /// What to do.
        #[command(subcommand)]
        action: DeviceAction,
    },
    /// Prints who wrote each change of a record, when, and whether the signature holds.
    Prove {
        /// The record's id.
        #[arg(long)]
        record: RecordId,
    },
    /// Lets devices bring back what others wrote and a restored server has lost, or shows how that
    /// stands.
    Heal {
        /// Open for so many days from now; 0 closes.
        #[arg(long)]
        days: Option<u32>,
        /// What to do with steps that wait for the station.
        #[command(subcommand)]
        action: Option<HealAction>,
    },
    /// Copies records and pictures as they are now, also beside a running server.
    Backup {
        /// Folder of the backup; one from before is brought up to date.
        #[arg(long)]
        to: PathBuf,
    },
    /// Takes in a bundle that somebody carried here as a file; the server must not be running.
    Import {
        /// The code that opens it.
        #[arg(long)]
        code: String,
        /// The file.
        file: PathBuf,
    },
    /// Looks through everything that is stored, beside a running server too: prints what is wrong, a
    /// line each, sets aside what is damaged and makes anew what can be.
    Check {
        /// Only looks, and changes nothing.
        #[arg(long)]
        read_only: bool,
    },
    /// Records that are junk: taken out of use and given back.
    Record {
        /// What to do.
        #[command(subcommand)]
        action: RecordAction,
    },
    /// What administrators did that took something from sight.
    Audit {
        /// What to do.
        #[command(subcommand)]
        action: AuditAction,
    },
    /// Drops the list rows, folds them anew from the changes, and reports what differed.
    Rebuild,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A unit, a person or a checkpoint is wrong.
    #[error("{0}; nothing was changed")]
    Org(#[from] OrgError),
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The file is not an organisation.
    #[error("{path} is not an organisation: {source}; nothing was changed")]
    File {
        /// The file.
        path: String,
        /// What is wrong and where.
        source: serde_json::Error,
    },
    /// The device is not there or was revoked before.
    #[error("no active device {0}; `sync-server device list` shows all")]
    NoDevice(String),
    /// No step with this name waits.
    #[error("no step {0} waits; `sync-server heal list` shows them")]
    NotHeld(String),
    /// The log does not take a step that waited.
    #[error("it cannot be taken: {0}; it goes on waiting")]
    NotTaken(String),
    /// The beginning of a device's name is that of several.
    #[error("several devices begin with {0}; give more of the name")]
    SeveralDevices(String),
    /// The device is somebody else's.
    #[error("device {0} is not of person {1}; `sync-server device list` shows all")]
    NotTheirs(String, PersonId),
    /// The device has as many keys as it may have.
    #[error("device {0} has as many keys as it may have; revoke it and invite its person anew")]
    TooManyKeys(String),
    /// No such invitation is open.
    #[error("no open invitation {0}; `sync-server invite list` shows all")]
    NoInvitation(String),
    /// Somebody or something cannot be retired.
    #[error("{0}; nothing was changed")]
    Retire(#[from] RetireError),
    /// There is no such record.
    #[error("no record {0} here")]
    NoRecord(RecordId),
    /// There is no backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// Neither or both of what names the records.
    #[error(
        "name records by --record ID, or by --device ID with --since TIME; nothing was changed"
    )]
    WhichRecords,
    /// Not a time.
    #[error("\"{0}\" is no time: write 2026-03-01 or 2026-03-01T08:30; nothing was changed")]
    NoTime(String),
    /// Nothing to do.
    #[error("there is nothing of the kind; nothing was changed")]
    Nothing,
    /// The pictures that records name cannot be noted.
    #[error("{0}; nothing was changed")]
    Sweep(Box<dyn std::error::Error + Send + Sync>),
    /// The bundle did not come in.
    #[error(transparent)]
    Carry(#[from] CarryError),
    /// The server cannot be opened.
    #[error("{0}; a tablet can take the file in while the server runs")]
    Server(Box<ServerError>),
    /// The output cannot be written.
    #[error("cannot print: {0}")]
    Print(#[from] std::io::Error),
    /// The database failed.
    #[error("database: {0}; nothing was changed")]
    Database(#[from] sqlx::Error),
    /// Something that is stored is wrong.
    #[error("{0} findings")]
    Wrong(u64),
    /// Rows differ from what their changes say.
    #[error("{0} rows differed from their changes and were replaced")]
    RowsDiffered(usize),
}

impl From<ServerError> for AdminError {
    fn from(error: ServerError) -> Self {
        Self::Server(Box::new(error))
    }
}

/// Carries out a command and prints what it found to `out`.
///
/// # Errors
/// When it cannot be done; the message says what to do.
pub async fn run(
    command: Command,
    config: &Config,
    out: &mut (impl Write + Send),
) -> Result<(), AdminError> {
    if let Command::Import { code, file } = &command {
        return record::carried(config, file, code, out).await;
    }
    if let Command::Check { read_only } = command {
        return check::check(config, read_only, out).await;
    }
    let is_there = matches!(command, Command::Invite(_) | Command::Backup { .. });
    let store = Store::open(&config.data, !is_there).await?;
    // The admin waits as long as it takes, and ends a command by hand.
    let store = store.unhurried();
    let outcome = match command {
        Command::Invite(args) => invite::invite(&store, config, args, out).await,
        Command::Unit { action } => unit::unit(&store, action, out).await,
        Command::Person { action } => person::people(&store, action, out).await,
        Command::Org {
            action: OrgAction::Import { file },
        } => org::import(&store, &file, out).await,
        Command::Device { action } => device::device(&store, action, out).await,
        Command::Heal { days, action } => heal::heal(&store, (days, action), out).await,
        Command::Prove { record } => record::prove(&store, record, out).await,
        Command::Backup { to } => backup::make((&store, &config.data), &to, out).await,
        Command::Record { action } => retire::record(&store, action, out).await,
        Command::Audit {
            action: AuditAction::List,
        } => retire::audit(&store, out).await,
        Command::Rebuild => record::rebuild(&store, out).await,
        Command::Import { .. } | Command::Check { .. } => Ok(()),
    };
    store.close().await;
    outcome
}
