//! Devices that joined.

use std::io::Write;

use clap::Subcommand;
use domain::id::DeviceId;

use super::AdminError;
use crate::store::{Store, device};

/// What to do with devices.
#[derive(Debug, Clone, Subcommand)]
pub enum DeviceAction {
    /// Refuses a lost device from now on.
    Revoke {
        /// Its name, 32 hexadecimal digits.
        id: String,
    },
}

/// Shuts a device out.
pub(super) async fn revoke(
    store: &Store,
    id: &str,
    out: &mut impl Write,
) -> Result<(), AdminError> {
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
