//! Invitations: a code, its link, and the link as a QR code; those that there are.

use std::io::Write;

use clap::{Args, Subcommand};
use domain::id::{DeviceId, PersonId};
use qrcodegen::{QrCode, QrCodeEcc};

use super::AdminError;
use super::device::find;
use crate::config::Config;
use crate::store::Store;
use crate::store::invitation::{self, Which};
use crate::{keys, limits};

/// The light squares around a QR code that cameras ask for.
const QR_MARGIN: i32 = 2;

/// What is asked about invitations.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct InviteArgs {
    /// Lists or cancels in place of making one.
    #[command(subcommand)]
    pub action: Option<InviteAction>,
    /// Code of the person.
    #[arg(long, required_unless_present = "device")]
    pub person: Option<PersonId>,
    /// For this device alone, which lost its key: its name, or the beginning of it.
    #[arg(long)]
    pub device: Option<String>,
}

/// What to do with invitations.
#[derive(Debug, Clone, Subcommand)]
pub enum InviteAction {
    /// Lists all invitations, and never a code.
    List,
    /// Cancels invitations that nobody used yet.
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Cancel {
        /// All of this person.
        #[arg(long, group = "which")]
        person: Option<PersonId>,
        /// The one with this handle, as the list shows it.
        #[arg(group = "which")]
        handle: Option<String>,
    },
}

/// Prints a new code, or does what is asked with those that there are.
pub(super) async fn invite(
    store: &Store,
    config: &Config,
    args: InviteArgs,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    match (args.action, args.person, args.device) {
        (Some(InviteAction::List), ..) => list(store, out).await,
        (Some(InviteAction::Cancel { person, handle }), ..) => {
            cancel(store, (person, handle), out).await
        }
        (None, Some(person), None) => fresh(store, config, (&person, None), out).await,
        (None, person, Some(digits)) => {
            let (id, theirs) = find(store, &digits).await?;
            if let Some(person) = person.filter(|person| *person != theirs) {
                return Err(AdminError::NotTheirs(id.hex(), person));
            }
            fresh(store, config, (&theirs, Some(id)), out).await
        }
        (None, None, None) => Ok(()),
    }
}

async fn list(store: &Store, out: &mut impl Write) -> Result<(), AdminError> {
    let now = crate::clock::now();
    let mut view = store.view().await?;
    for one in invitation::all(&mut view).await? {
        let state = match (one.used_by, one.cancelled_at) {
            (Some(device), _) => format!("used by device {}", device.hex()),
            (None, Some(at)) => format!("cancelled {}", at.to_local_text()),
            (None, None) if one.expires_at <= now => "not used in time".to_owned(),
            (None, None) => "open".to_owned(),
        };
        let device = one
            .device
            .map(|device| format!("\tfor device {} alone", device.hex()));
        writeln!(
            out,
            "{}\t{}\tmade {}\tends {}\t{state}{}",
            one.handle,
            one.person,
            one.created_at.to_local_text(),
            one.expires_at.to_local_text(),
            device.unwrap_or_default(),
        )?;
    }
    Ok(())
}

async fn cancel(
    store: &Store,
    (person, handle): (Option<PersonId>, Option<String>),
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let (which, name) = match (&person, &handle) {
        (Some(person), _) => (Which::Person(person), person.to_string()),
        (None, Some(handle)) => (Which::Handle(handle), handle.clone()),
        (None, None) => return Ok(()),
    };
    let mut write = store.begin().await?;
    let count = invitation::cancel(&mut write, which, crate::clock::now()).await?;
    if count == 0 {
        return Err(AdminError::NoInvitation(name));
    }
    write.commit().await?;
    writeln!(out, "{count} invitations are cancelled")?;
    Ok(())
}

async fn fresh(
    store: &Store,
    config: &Config,
    whom: (&PersonId, Option<DeviceId>),
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let mut write = store.begin().await?;
    if let (_, Some(device)) = whom {
        let count = keys::of(&mut write, device).await?.len();
        if count >= limits::KEYS_PER_DEVICE_MAX {
            return Err(AdminError::TooManyKeys(device.hex()));
        }
    }
    let code = invitation::invite(&mut write, whom, crate::clock::now()).await?;
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
