//! What lies on the disk is for the server's own account alone, whatever the umask of whoever starts
//! it and whatever was left there before.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The rights of everybody but the owner.
const OF_OTHERS: u32 = 0o077;
/// Made by file systems in their uppermost folder; nothing of it is the server's.
const NOT_OURS: &str = "lost+found";

/// Why what lies on the disk cannot be kept to the server's own account.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// Another account owns it, and could open it to anybody.
    #[error(
        "{path} belongs to another account (number {owner}, this one is {own}); run this as that account, or chown it"
    )]
    Foreign {
        /// Folder or file.
        path: String,
        /// Whose it is.
        owner: u32,
        /// Whose process this is.
        own: u32,
    },
    /// It leads elsewhere, where nobody has looked.
    #[error("{0} is a symbolic link; put the data itself there, or give another --data")]
    Link(String),
    /// It is open, and was not made for this alone.
    #[error(
        "{0} holds other things and is open to other accounts; give a folder of its own below it"
    )]
    Shared(String),
    /// The file system keeps no rights.
    #[error(
        "{0} stays open to other accounts of this machine; put --data on a file system that keeps permissions"
    )]
    Open(String),
    /// It cannot be looked at or made.
    #[error("cannot use {path}: {source}; check --data and its permissions")]
    Unusable {
        /// Folder or file.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
}

/// Makes a folder that nobody else can look into, or closes one that is there; whether it had to be.
///
/// One that is open is closed only if it is empty or holds one of `marks`: it could be anybody's, such
/// as `/tmp`.
///
/// # Errors
/// When it cannot be made, or not be kept to this account. The folder may be reached by a symbolic
/// link: whoever starts the server has named it.
pub fn folder(path: &Path, marks: &[&str]) -> Result<bool, PrivateError> {
    let made = DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path);
    made.map_err(unusable(path))?;
    let path = fs::canonicalize(path).map_err(unusable(path))?;
    let found = fs::metadata(&path).map_err(unusable(&path))?;
    let is_open = found.permissions().mode() & OF_OTHERS != 0;
    if is_open && !marks.iter().any(|mark| path.join(mark).exists()) {
        let mut entries = fs::read_dir(&path).map_err(unusable(&path))?;
        if entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != NOT_OURS)) {
            return Err(PrivateError::Shared(path.display().to_string()));
        }
    }
    close(&path, &found)
}

/// Closes a file to others if it is there and open to them. Whether it had to be closed.
///
/// # Errors
/// When it cannot be kept to this account.
pub fn file(path: &Path) -> Result<bool, PrivateError> {
    match fs::symlink_metadata(path) {
        Ok(found) => close(path, &found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unusable(path)(error)),
    }
}

/// Closes everything below a folder to others; how much of it had to be closed.
///
/// # Errors
/// When something there cannot be kept to this account.
pub fn everything(folder: &Path) -> Result<u64, PrivateError> {
    let mut closed = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(unusable(&folder))? {
            let entry = entry.map_err(unusable(&folder))?;
            if entry.file_name() == NOT_OURS {
                continue;
            }
            let path = entry.path();
            // Of the entry itself, wherever it may lead.
            let found = match entry.metadata() {
                Ok(found) => found,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(unusable(&path)(error)),
            };
            closed += u64::from(close(&path, &found)?);
            if found.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(closed)
}

/// Opens a file in a folder of ours; one that is made is for this account alone.
///
/// # Errors
/// When it cannot be opened.
pub fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.mode(FILE_MODE).open(path)?;
    // A umask may have taken our own rights away as well.
    if file.metadata()?.permissions().mode() & 0o777 != FILE_MODE {
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    }
    Ok(file)
}

/// Makes a folder, and those above it, for this account alone.
///
/// # Errors
/// When it cannot be made.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
}

fn close(path: &Path, found: &Metadata) -> Result<bool, PrivateError> {
    let name = || path.display().to_string();
    if found.is_symlink() {
        return Err(PrivateError::Link(name()));
    }
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own {
        return Err(PrivateError::Foreign {
            path: name(),
            owner: found.uid(),
            own,
        });
    }
    let mode = found.permissions().mode();
    if mode & OF_OTHERS == 0 {
        return Ok(false);
    }
    let closed = Permissions::from_mode(mode & !OF_OTHERS & 0o7777);
    fs::set_permissions(path, closed).map_err(unusable(path))?;
    let now = fs::symlink_metadata(path).map_err(unusable(path))?;
    if now.permissions().mode() & OF_OTHERS == 0 {
        Ok(true)
    } else {
        Err(PrivateError::Open(name()))
    }
}

fn unusable(path: &Path) -> impl FnOnce(io::Error) -> PrivateError + use<> {
    let path: PathBuf = path.to_owned();
    move |source| PrivateError::Unusable {
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        let found = fs::symlink_metadata(path).expect("there");
        found.permissions().mode() & 0o777
    }

    #[test]
    fn ac20_what_is_open_to_others_is_closed_and_counted() {
        let folder = tempfile::tempdir().expect("folder");
        let (data, photos) = (
            folder.path().join("data"),
            folder.path().join("data/photos"),
        );
        fs::create_dir_all(&photos).expect("made");
        let (open, tight) = (photos.join("open"), data.join("tight"));
        fs::write(&open, "x").expect("written");
        fs::write(&tight, "x").expect("written");
        for (path, mode) in [
            (&data, 0o755),
            (&photos, 0o777),
            (&open, 0o666),
            (&tight, 0o400),
        ] {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
        }
        assert!(matches!(
            super::folder(&data, &["mark"]),
            Err(PrivateError::Shared(_))
        ));
        assert_eq!(mode(&data), 0o755);
        assert!(super::folder(&data, &["mark", "tight"]).expect("closed"));
        assert_eq!(everything(&data).expect("closed"), 2);
        for (path, expected) in [
            (&data, 0o700),
            (&photos, 0o700),
            (&open, 0o600),
            (&tight, 0o400),
        ] {
            assert_eq!(mode(path), expected, "{}", path.display());
        }
        assert!(!super::folder(&data, &[]).expect("as it is"));
        assert_eq!(everything(&data).expect("as it is"), 0);
    }

    #[test]
    fn ac20_a_link_inside_the_data_is_refused_and_one_that_leads_to_it_is_not() {
        let folder = tempfile::tempdir().expect("folder");
        let (data, named) = (folder.path().join("data"), folder.path().join("named"));
        let elsewhere = folder.path().join("elsewhere");
        fs::create_dir(&data).expect("made");
        fs::write(&elsewhere, "x").expect("written");
        fs::set_permissions(&elsewhere, Permissions::from_mode(0o644)).expect("set");
        std::os::unix::fs::symlink(&data, &named).expect("linked");
        super::folder(&named, &[]).expect("somebody has named it");
        assert_eq!(mode(&data), 0o700);
        std::os::unix::fs::symlink(&elsewhere, data.join("photo")).expect("linked");
        assert!(matches!(everything(&data), Err(PrivateError::Link(_))));
        assert!(matches!(
            file(&data.join("photo")),
            Err(PrivateError::Link(_))
        ));
        assert_eq!(mode(&elsewhere), 0o644);
    }

    #[test]
    fn ac20_what_another_account_owns_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let own = rustix::process::geteuid().as_raw();
        // Only the system's first account can give a file away; any other finds what is that one's.
        let foreign = if own == 0 {
            let given = folder.path().join("given");
            fs::write(&given, "x").expect("written");
            std::os::unix::fs::chown(&given, Some(65_534), None).expect("given away");
            given
        } else {
            PathBuf::from("/etc/passwd")
        };
        assert!(matches!(file(&foreign), Err(PrivateError::Foreign { .. })));
    }
}
