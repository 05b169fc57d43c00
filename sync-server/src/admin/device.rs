//! Devices that joined, their keys, and shutting one out.

use std::io::Write;

use clap::Subcommand;
use domain::id::{DeviceId, PersonId};
use sqlx::SqliteConnection;

use super::AdminError;
use crate::clock;
use crate::keys::{self, How, Kept};
use crate::store::device::Listed;
use crate::store::invitation::{self, Which};
use crate::store::{Store, device, usage};

/// The fewest digits by which a device is named.
const DIGITS_MIN: usize = 8;

/// What to do with devices.
#[derive(Debug, Clone, Subcommand)]
pub enum DeviceAction {
    /// Lists devices and their keys.
    List {
        /// Of this person alone.
        #[arg(long)]
        person: Option<PersonId>,
    },
    /// Refuses a lost device from now on, and cancels what invitations of its person are open.
    Revoke {
        /// Its name, or the first eight hexadecimal digits of it.
        id: String,
    },
}

/// Does it.
pub(super) async fn device(
    store: &Store,
    action: DeviceAction,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    match action {
        DeviceAction::List { person } => {
            let mut view = store.view().await?;
            list(&mut view, person.as_ref(), out).await
        }
        DeviceAction::Revoke { id } => revoke(store, &id, out).await,
    }
}

/// Prints devices and their keys.
pub(super) async fn list(
    db: &mut SqliteConnection,
    person: Option<&PersonId>,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    for one in device::list(db, person).await? {
        let state = match one.revoked_at {
            Some(at) => format!("revoked {}", at.to_local_text()),
            None if one.active => "active".to_owned(),
            None => "shut out: its person or unit is retired".to_owned(),
        };
        let copied = one.forked_at.map_or_else(String::new, |at| {
            format!("\tcopied to another phone, noticed {}", at.to_local_text())
        });
        let Listed {
            id,
            person,
            joined_at,
            last_seen,
            ..
        } = one;
        let (joined, seen) = (joined_at.to_local_text(), last_seen.to_local_text());
        writeln!(
            out,
            "device {}\t{person}\tjoined {joined}\tlast seen {seen}\t{state}{copied}",
            id.hex()
        )?;
        if let Some(since) = usage::over_since(db, id, clock::now()).await? {
            writeln!(
                out,
                "\tbrought as much as it may today, since {}",
                since.to_local_text()
            )?;
        }
        let keys = keys::of(db, id).await?;
        if keys.is_empty() {
            writeln!(out, "\tno key: nothing that it sends is signed")?;
        }
        for key in &keys {
            writeln!(out, "\t{}", line(key))?;
        }
    }
    Ok(())
}

fn line(kept: &Kept) -> String {
    let how = match (kept.how, &kept.voucher) {
        (How::Secret, _) => "by the secret alone, before that was refused".to_owned(),
        (How::Joined, _) => "when it joined".to_owned(),
        (How::Invited, _) => "by an invitation for this device".to_owned(),
        (How::Vouched, Some(by)) => format!("vouched for by key {}", keys::short_name(by)),
        (How::Vouched, None) => "vouched for by another key".to_owned(),
    };
    let used = kept
        .used_on
        .map_or_else(|| "never".to_owned(), |day| day.to_string());
    let (name, at) = (
        keys::short_name(&kept.key),
        kept.enrolled_at.to_local_text(),
    );
    format!("key {name}\tenrolled {at}\t{how}\tlast used {used}")
}

/// The one device whose name is this or begins so, and whose it is.
pub(super) async fn find(store: &Store, name: &str) -> Result<(DeviceId, PersonId), AdminError> {
    let digits: String = name
        .chars()
        .filter(|sign| !matches!(sign, '-' | ' '))
        .collect();
    let digits = digits.to_ascii_lowercase();
    let mut found = Vec::new();
    if digits.len() >= DIGITS_MIN && digits.bytes().all(|sign| sign.is_ascii_hexdigit()) {
        let mut view = store.view().await?;
        found = device::named(&mut view, &digits).await?;
    }
    match found.pop() {
        None => Err(AdminError::NoDevice(name.to_owned())),
        Some(one) if found.is_empty() => Ok(one),
        Some(_) => Err(AdminError::SeveralDevices(name.to_owned())),
    }
}

async fn revoke(store: &Store, name: &str, out: &mut impl Write) -> Result<(), AdminError> {
    let (id, person) = find(store, name).await?;
    let now = clock::now();
    let mut write = store.begin().await?;
    if !device::revoke(&mut write, id, now).await? {
        return Err(AdminError::NoDevice(name.to_owned()));
    }
    // Whoever has the phone may have the message with a spare code.
    let cancelled = invitation::cancel(&mut write, Which::Person(&person), now).await?;
    write.commit().await?;
    tracing::info!(device = ?id, "device revoked");
    writeln!(
        out,
        "device {} of {person} is refused from now on",
        id.hex()
    )?;
    if cancelled > 0 {
        writeln!(
            out,
            "{cancelled} open invitations of {person} are cancelled"
        )?;
    }
    Ok(())
}
