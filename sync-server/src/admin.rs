//! Commands for the admin: units, people, invitations, import; they also work beside a server.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use domain::id::{DeviceId, PersonId, RecordId, UnitId};
use domain::unit::Role;
use qrcodegen::{QrCode, QrCodeEcc};

use crate::carry::{self, Carried, CarryError};
use crate::config::Config;
use crate::proof::{self, Verdict};
use crate::store::org::{self, Org, OrgError, PersonLine, UnitLine};
use crate::store::{Store, StoreError, device};
use crate::{Server, ServerError};

/// The light squares around a QR code that cameras ask for.
const QR_MARGIN: i32 = 2;

/// A task for the admin.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Prints a new one-time code with which a person joins one device.
    Invite {
        /// Code of the person.
        #[arg(long)]
        person: PersonId,
    },
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
    /// Takes in a bundle that somebody carried here as a file; the server must not be running.
    Import {
        /// The code that opens it.
        #[arg(long)]
        code: String,
        /// The file.
        file: PathBuf,
    },
    /// Drops the list rows, folds them anew from the changes, and reports what differed.
    Rebuild,
}

/// What to do with units.
#[derive(Debug, Clone, Subcommand)]
pub enum UnitAction {
    /// Adds or replaces a unit.
    Add {
        /// Its code.
        #[arg(long)]
        id: UnitId,
        /// 1 city, 2 district, 3 station, 4 post, 5 grid.
        #[arg(long)]
        level: u8,
        /// Its name.
        #[arg(long)]
        name: String,
        /// The unit above it.
        #[arg(long)]
        parent: Option<UnitId>,
        /// Of a grid: code of its village.
        #[arg(long)]
        village_code: Option<String>,
        /// Of a grid: name of its village.
        #[arg(long)]
        village: Option<String>,
    },
    /// Lists all units.
    List,
}

/// What to do with people.
#[derive(Debug, Clone, Subcommand)]
pub enum PersonAction {
    /// Adds or replaces a person.
    Add {
        /// The person's code.
        #[arg(long)]
        id: PersonId,
        /// The name on the roster.
        #[arg(long)]
        name: String,
        /// Role; may be given several times.
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
        /// Own grid, station or top unit; may be given several times.
        #[arg(long = "unit", required = true)]
        units: Vec<UnitId>,
    },
    /// Lists all people.
    List,
}

/// What to do with an organisation.
#[derive(Debug, Clone, Subcommand)]
pub enum OrgAction {
    /// Adds or replaces everything that a JSON file lists: units, people, checkpoints.
    Import {
        /// The file.
        file: PathBuf,
    },
}

/// What to do with devices.
#[derive(Debug, Clone, Subcommand)]
pub enum DeviceAction {
    /// Refuses a lost device from now on.
    Revoke {
        /// Its name, 32 hexadecimal digits.
        id: String,
    },
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
    #[error("no active device {0}; `sync-server person list` shows devices")]
    NoDevice(String),
    /// There is no such record.
    #[error("no record {0} here")]
    NoRecord(RecordId),
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
        return carried(config, file, code, out).await;
    }
    let store = Store::open(&config.data, !matches!(command, Command::Invite { .. })).await?;
    let outcome = match command {
        Command::Invite { person } => invite(&store, config, &person, out).await,
        Command::Unit { action } => unit(&store, action, out).await,
        Command::Person { action } => people(&store, action, out).await,
        Command::Org {
            action: OrgAction::Import { file },
        } => import(&store, &file, out).await,
        Command::Device {
            action: DeviceAction::Revoke { id },
        } => revoke(&store, &id, out).await,
        Command::Prove { record } => prove(&store, record, out).await,
        Command::Rebuild => rebuild(&store, out).await,
        Command::Import { .. } => Ok(()),
    };
    store.close().await;
    outcome
}

async fn invite(
    store: &Store,
    config: &Config,
    person: &PersonId,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let mut write = store.begin().await?;
    let code = device::invite(&mut write, person, crate::clock::now()).await?;
    write.commit().await?;
    writeln!(out, "{code}")?;
    let fallback = config.url(config.listen);
    let base = fallback.trim_end_matches('/');
    let link = format!("{base}/join#{code}");
    writeln!(out, "{link}")?;
    for line in drawn(&link) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// The QR code of a link in the signs of a terminal, two rows of squares in each line: a phone's own
/// camera opens it. Light squares are drawn, so that it stands on a dark terminal as on paper.
fn drawn(link: &str) -> Vec<String> {
    let Ok(code) = QrCode::encode_text(link, QrCodeEcc::Medium) else {
        return Vec::new();
    };
    let edge = -QR_MARGIN..code.size() + QR_MARGIN;
    let sign = |x: i32, y: i32| match (code.get_module(x, y), code.get_module(x, y + 1)) {
        (false, false) => '█',
        (false, true) => '▀',
        (true, false) => '▄',
        (true, true) => ' ',
    };
    let rows = edge.clone().step_by(2);
    rows.map(|y| edge.clone().map(|x| sign(x, y)).collect())
        .collect()
}

async fn unit(store: &Store, action: UnitAction, out: &mut impl Write) -> Result<(), AdminError> {
    let mut write = store.begin().await?;
    match action {
        UnitAction::Add {
            id,
            level,
            name,
            parent,
            village_code,
            village,
        } => {
            let line = UnitLine {
                id,
                level,
                name,
                parent,
                village_code,
                village,
            };
            org::put_unit(&mut write, &line).await?;
            write.commit().await?;
            writeln!(out, "unit {} is there", line.id)?;
        }
        UnitAction::List => {
            for unit in org::units(&mut write).await? {
                let parent = unit.parent.map_or_else(|| "-".to_owned(), String::from);
                let village = unit.village.unwrap_or_default();
                let (level, id, name) = (unit.level.code(), unit.id, unit.name);
                writeln!(out, "{level}\t{id}\t{parent}\t{name}\t{village}")?;
            }
        }
    }
    Ok(())
}

async fn people(
    store: &Store,
    action: PersonAction,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let mut write = store.begin().await?;
    match action {
        PersonAction::Add {
            id,
            name,
            roles,
            units,
        } => {
            let line = PersonLine {
                id,
                name,
                roles,
                units,
            };
            org::put_person(&mut write, &line).await?;
            write.commit().await?;
            writeln!(out, "person {} is there", line.id)?;
        }
        PersonAction::List => {
            for (member, active) in org::people(&mut write).await? {
                let roles = member.roles.iter().map(|role| Role::code(*role));
                let roles = roles.collect::<Vec<_>>().join(",");
                let units = member
                    .units
                    .iter()
                    .map(UnitId::as_str)
                    .collect::<Vec<_>>()
                    .join(",");
                let state = if active { "active" } else { "inactive" };
                writeln!(
                    out,
                    "{}\t{}\t{roles}\t{units}\t{state}",
                    member.person, member.name
                )?;
                for one in device::of_person(&mut write, &member.person).await? {
                    let state = if one.revoked { "revoked" } else { "joined" };
                    let seen = one.last_seen.to_local_text();
                    let copied = one.forked_at.map_or_else(String::new, |at| {
                        format!("\tcopied to another phone, noticed {}", at.to_local_text())
                    });
                    let id = one.id.hex();
                    writeln!(out, "\tdevice {id}\tlast seen {seen}\t{state}{copied}")?;
                }
            }
        }
    }
    Ok(())
}

async fn import(store: &Store, file: &Path, out: &mut impl Write) -> Result<(), AdminError> {
    let path = || file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|source| AdminError::Read {
        path: path(),
        source,
    })?;
    let org: Org = serde_json::from_str(&text).map_err(|source| AdminError::File {
        path: path(),
        source,
    })?;
    let mut write = store.begin().await?;
    org::put(&mut write, &org).await?;
    write.commit().await?;
    let (units, people) = (org.units.len(), org.people.len());
    writeln!(
        out,
        "{units} units, {people} people, {} checkpoints",
        org.checkpoints.len()
    )?;
    Ok(())
}

async fn revoke(store: &Store, id: &str, out: &mut impl Write) -> Result<(), AdminError> {
    let missing = || AdminError::NoDevice(id.to_owned());
    let device = DeviceId::from_hex(id).map_err(|_| missing())?;
    let mut write = store.begin().await?;
    if !device::revoke(&mut write, device, crate::clock::now()).await? {
        return Err(missing());
    }
    write.commit().await?;
    writeln!(out, "device {id} is refused from now on")?;
    Ok(())
}

async fn carried(
    config: &Config,
    file: &Path,
    code: &str,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let server = Server::open(config).await?;
    let outcome = carry::import(&server, file, code).await;
    server.close().await;
    let Carried { kept, had, refused } = outcome?;
    writeln!(
        out,
        "{kept} changes are new, {had} were here, {refused} refused"
    )?;
    Ok(())
}

async fn prove(store: &Store, record: RecordId, out: &mut impl Write) -> Result<(), AdminError> {
    let mut view = store.view().await?;
    let all = proof::of_record(&mut view, record).await?;
    drop(view);
    if all.is_empty() {
        return Err(AdminError::NoRecord(record));
    }
    for one in &all {
        let verdict = match one.verdict {
            Verdict::Holds => "signature holds",
            Verdict::PassedOn => "passed on by this device, whose signature holds",
            Verdict::Broken => "SIGNATURE DOES NOT FIT",
            Verdict::Unsigned => "not signed",
        };
        let gap = one.sent_at.map(|sent| one.received_at.since(sent));
        let gap = gap.map_or_else(|| "-".to_owned(), |ms| format!("{} s", ms / 1000));
        writeln!(
            out,
            "{}\n\t{}\tdevice {}\twritten {}\treceived {}\tclock behind {gap}\t{verdict}",
            one.hash.hex(),
            one.person,
            one.device.hex(),
            one.written_at.to_local_text(),
            one.received_at.to_local_text(),
        )?;
    }
    Ok(())
}

async fn rebuild(store: &Store, out: &mut impl Write) -> Result<(), AdminError> {
    let mut write = store.begin().await?;
    let report = crate::projection::rebuild(&mut write).await?;
    let sums = crate::store::sums::rebuild(&mut write).await?;
    write.commit().await?;
    if sums {
        writeln!(out, "the sums of the log differed and were made anew")?;
    }
    writeln!(
        out,
        "{} rows folded anew, {} differed",
        report.rows, report.differed
    )?;
    if report.differed > 0 {
        return Err(AdminError::RowsDiffered(report.differed));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a phone's camera sees of the lines: a sign is one square wide and two high.
    #[test]
    fn an_invitation_can_be_read_from_the_terminal() {
        const SCALE: usize = 4;
        let link = "https://fengge.example.cn:8443/join#ABCD1234";
        let lines = drawn(link);
        let width = lines[0].chars().count();
        let mut pixels = Vec::new();
        for line in &lines {
            for light in ["█▀", "█▄"] {
                let row = line.chars().flat_map(|sign| {
                    let value = if light.contains(sign) { 240 } else { 10 };
                    [value; 4 * SCALE]
                });
                let row: Vec<u8> = row.collect();
                pixels.extend(row.repeat(SCALE));
            }
        }
        let read = qr::read(&pixels, width * SCALE, lines.len() * 2 * SCALE);
        assert_eq!(read, [link]);
    }
}
