//! A copy of everything that is on the disk, made beside a running server.
//!
//! SQLite copies the database as it is at one moment, by the server's own library: an older one that
//! opens the database beside it could damage its log. Pictures never change once they are whole, so
//! they are copied after it, and those that an older backup has are kept.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::AdminError;
use crate::private::{self, PrivateError};
use crate::store::{DATABASE, Store};

/// Where the copy of the database lies until it is whole.
const UNFINISHED: &str = "fengge.db.unfinished";

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The folder cannot be kept to this account.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// One would lie in the other.
    #[error("{0} and the data folder lie in each other; give another --to, best on another disk")]
    Inside(String),
    /// It cannot be written.
    #[error("cannot write the backup to {path}: {source}")]
    Write {
        /// The folder.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The database cannot be read.
    #[error("database: {0}; the backup from before is as it was")]
    Database(#[from] sqlx::Error),
}

/// Makes the backup, or brings an older one up to date.
pub(super) async fn make(
    (store, data): (&Store, &Path),
    to: &Path,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let copied = copy((store, data), to).await?;
    let Copied { bytes, pictures } = copied;
    writeln!(
        out,
        "{bytes} bytes of records, {pictures} pictures that were not there yet"
    )?;
    Ok(())
}

struct Copied {
    bytes: u64,
    pictures: u64,
}

async fn copy((store, data): (&Store, &Path), to: &Path) -> Result<Copied, BackupError> {
    let failed = |source| BackupError::Write {
        path: to.display().to_string(),
        source,
    };
    let data = fs::canonicalize(data).map_err(failed)?;
    let place = resolved(to).map_err(failed)?;
    if place.starts_with(&data) || data.starts_with(&place) {
        return Err(BackupError::Inside(to.display().to_string()));
    }
    private::folder(&place, &[DATABASE])?;
    let unfinished = place.join(UNFINISHED);
    remove(&unfinished).map_err(failed)?;
    // SQLite fills a file that is there and empty, and leaves its rights as they are.
    let mut options = File::options();
    private::open(options.write(true).create_new(true), &unfinished).map_err(failed)?;
    store.copy_to(&unfinished).await?;
    let pictures = finish(&data, &place).map_err(failed)?;
    let bytes = fs::metadata(place.join(DATABASE)).map_err(failed)?.len();
    Ok(Copied { bytes, pictures })
}

/// Copies the pictures, then lets the database take its place. How many pictures were new.
fn finish(data: &Path, place: &Path) -> io::Result<u64> {
    let unfinished = place.join(UNFINISHED);
    File::open(&unfinished)?.sync_all()?;
    let pictures = copy_pictures(&data.join("photos"), &place.join("photos"))?;
    // What a server that ran on the backup left beside it belongs to the older database.
    for beside in ["-wal", "-shm", "-journal"] {
        remove(&place.join(format!("{DATABASE}{beside}")))?;
    }
    fs::rename(&unfinished, place.join(DATABASE))?;
    File::open(place)?.sync_all()?;
    Ok(pictures)
}

/// Where a path leads, as far as it is there.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    for there in path.ancestors() {
        if let Ok(found) = fs::canonicalize(there) {
            let rest = path.strip_prefix(there).map_err(io::Error::other)?;
            return Ok(found.join(rest));
        }
    }
    Ok(path)
}

/// Copies whole pictures that are not there yet; how many.
fn copy_pictures(from: &Path, to: &Path) -> io::Result<u64> {
    let mut copied = 0;
    for folder in entries(from)? {
        // What is only coming is sent again by who sends it.
        if folder.file_name().len() != 2 {
            continue;
        }
        let target = to.join(folder.file_name());
        private::make_folder(&target)?;
        for picture in entries(&folder.path())? {
            let (name, place) = (picture.file_name(), target.join(picture.file_name()));
            let len = picture.metadata()?.len();
            if fs::metadata(&place).is_ok_and(|there| there.len() == len) {
                continue;
            }
            let unfinished = target.join(format!("{}.unfinished", name.display()));
            remove(&unfinished)?;
            let bytes = match fs::read(picture.path()) {
                Ok(bytes) => bytes,
                // The server took it away meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let mut file =
                private::open(File::options().write(true).create_new(true), &unfinished)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, &place)?;
            copied += 1;
        }
        File::open(&target)?.sync_all()?;
    }
    Ok(copied)
}

fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
