//! The store of a headless phone: the model store, with every committed batch in a journal on disk.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use domain::id::DeviceId;
use domain::replica::memory::{CommitError, MemoryStore};
use domain::replica::{MetaKey, WriteBatch};
use domain::sync::message::Secret;
use domain::unit::Directory;
use sha2::{Digest as _, Sha256};

use super::{HeadlessError, random};

/// Length and check of an entry of the journal.
const HEAD_BYTES: usize = 8;

/// Who the phone is.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// The device's name.
    pub device: DeviceId,
    /// Its proof.
    pub secret: Secret,
}

/// The records of a headless phone.
#[derive(Debug)]
pub struct FileStore {
    /// Everything, in memory.
    pub kept: MemoryStore,
    journal: File,
    path: PathBuf,
    /// Whether something was written that may not be on the disk yet.
    dirty: bool,
}

impl FileStore {
    /// Opens the data in `dir`, which is made where it is missing.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn open(dir: &Path) -> Result<(Self, Identity), HeadlessError> {
        std::fs::create_dir_all(dir).map_err(failed(dir))?;
        let identity = identity(&dir.join("identity"))?;
        let path = dir.join("journal");
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let mut journal = options.open(&path).map_err(failed(&path))?;
        let mut bytes = Vec::new();
        journal.read_to_end(&mut bytes).map_err(failed(&path))?;
        let (kept, whole) = replay(&bytes)?;
        if whole < bytes.len() {
            // The last entry was cut while it was written: it was never said to be saved.
            let len = u64::try_from(whole).unwrap_or(0);
            journal.set_len(len).map_err(failed(&path))?;
        }
        let store = Self {
            kept,
            journal,
            path,
            dirty: false,
        };
        Ok((store, identity))
    }

    /// Writes down whose phone this is, before the server says it.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn seed(&mut self, known: &Directory) -> Result<(), HeadlessError> {
        let bytes =
            postcard::to_allocvec(known).map_err(|_| HeadlessError::Damaged("directory"))?;
        let batch = WriteBatch {
            meta: vec![(MetaKey::Directory, bytes)],
            ..WriteBatch::default()
        };
        self.commit(&batch)?
            .map_err(|_| HeadlessError::Damaged("directory"))?;
        self.settle()
    }

    /// Writes a batch, in memory and to the journal.
    ///
    /// # Errors
    /// When a row has changed meanwhile, or (inside) when the disk fails.
    pub fn commit(&mut self, batch: &WriteBatch) -> Result<Result<(), CommitError>, HeadlessError> {
        if let Err(error) = self.kept.commit(batch) {
            return Ok(Err(error));
        }
        let body = postcard::to_allocvec(batch).map_err(|_| HeadlessError::Damaged("batch"))?;
        let mut entry = u32::try_from(body.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes()
            .to_vec();
        entry.extend(check(&body));
        entry.extend(body);
        self.journal.write_all(&entry).map_err(failed(&self.path))?;
        self.dirty = true;
        Ok(Ok(()))
    }

    /// Returns when everything committed is on the disk.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn settle(&mut self) -> Result<(), HeadlessError> {
        if self.dirty {
            self.journal.sync_data().map_err(failed(&self.path))?;
            self.dirty = false;
        }
        Ok(())
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> HeadlessError {
    move |source| HeadlessError::File {
        path: path.display().to_string(),
        source,
    }
}

fn check(body: &[u8]) -> [u8; 4] {
    let digest: [u8; 32] = Sha256::digest(body).into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// Replays the journal; gives how many of its bytes are whole entries.
fn replay(bytes: &[u8]) -> Result<(MemoryStore, usize), HeadlessError> {
    let mut kept = MemoryStore::default();
    let mut rest = bytes;
    while let Some((len, after)) = rest.split_first_chunk::<4>() {
        let len = usize::try_from(u32::from_be_bytes(*len)).unwrap_or(usize::MAX);
        let Some((sum, after)) = after.split_first_chunk::<4>() else {
            break;
        };
        let Some(body) = after.get(..len) else { break };
        if check(body) != *sum {
            break;
        }
        let batch: WriteBatch =
            postcard::from_bytes(body).map_err(|_| HeadlessError::Damaged("journal"))?;
        kept.commit(&batch)
            .map_err(|_| HeadlessError::Damaged("journal"))?;
        rest = rest.get(HEAD_BYTES + len..).unwrap_or_default();
    }
    Ok((kept, bytes.len() - rest.len()))
}

/// Reads who the phone is, or makes it up at the first start.
fn identity(path: &Path) -> Result<Identity, HeadlessError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let fresh = random::<32>()?;
            let mut file = File::create(path).map_err(failed(path))?;
            file.write_all(&fresh).map_err(failed(path))?;
            file.sync_all().map_err(failed(path))?;
            fresh.to_vec()
        }
        Err(error) => return Err(failed(path)(error)),
    };
    let halves = bytes.split_first_chunk::<16>();
    let secret = halves.and_then(|(_, secret)| secret.try_into().ok());
    match (halves, secret) {
        (Some((device, _)), Some(secret)) => Ok(Identity {
            device: DeviceId(*device),
            secret: Secret(secret),
        }),
        _ => Err(HeadlessError::Damaged("identity")),
    }
}
