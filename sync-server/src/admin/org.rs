//! A whole organisation from a file.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::AdminError;
use crate::limits;
use crate::store::Store;
use crate::store::org::{self, Draft};

/// What to do with an organisation.
#[derive(Debug, Clone, Subcommand)]
pub enum OrgAction {
    /// Adds or replaces everything that a JSON file lists: units, people, checkpoints.
    Import {
        /// The file.
        file: PathBuf,
    },
}

/// Adds or replaces what a file lists.
pub(super) async fn import(
    store: &Store,
    file: &Path,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let path = || file.display().to_string();
    let unread = |source| AdminError::Read {
        path: path(),
        source,
    };
    let length = std::fs::metadata(file).map_err(unread)?.len();
    if length > limits::ORG_FILE_BYTES_MAX {
        return Err(unread(std::io::ErrorKind::FileTooLarge.into()));
    }
    let text = std::fs::read_to_string(file).map_err(unread)?;
    let org = Draft::read(&text).map_err(|source| AdminError::File {
        path: path(),
        source,
    })?;
    let mut write = store.begin().await?;
    org::put_draft(&mut write, &org).await?;
    write.commit().await?;
    let (units, people) = (org.units.len(), org.people.len());
    writeln!(
        out,
        "{units} units, {people} people, {} checkpoints",
        org.checkpoints.len()
    )?;
    Ok(())
}
