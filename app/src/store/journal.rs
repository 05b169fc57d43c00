//! The journal: what waits to be sent, a second time, in the browser's private files.
//!
//! Like the database it is not encrypted: both lie in the same profile, and a key beside the lock
//! would hide nothing. A file goes as soon as the server has answered for all that is in it.

use core::cell::RefCell;
use std::collections::BTreeMap;

use domain::id::{ChangeHash, DeviceId};
use domain::replica::WriteBatch;
use domain::replica::journal::{self, Entry, Marker};
use domain::unit::Directory;

use super::identities::Known;
use crate::platform::{self, Folder};

/// What the folder of a device begins with.
const FOLDER: &str = "fengge-";
/// What the file of a save begins with.
const SAVE: &str = "save-";
/// The file that says who the device belongs to.
const IDENTITY: &str = "identity";
/// The file with the marker.
const MARKER: &str = "marker";
/// The file with the directory, so that work can go on without a network.
const DIRECTORY: &str = "directory";

/// The journal of one device.
#[derive(Debug)]
pub struct Journal {
    folder: Folder,
    /// The changes of each file that the server has not answered for.
    files: RefCell<BTreeMap<String, Vec<ChangeHash>>>,
}

impl Journal {
    /// Opens the journal of a device and reads what is in it, oldest first; none where the browser
    /// has no place for it.
    pub async fn open(device: DeviceId) -> Option<(Self, Vec<Entry>)> {
        let name = format!("{FOLDER}{}", device.hex());
        let folder = Folder::root().await?.folder(&name).await?;
        let mut files = BTreeMap::new();
        let mut all = Vec::new();
        for name in folder.names().await {
            if !name.starts_with(SAVE) {
                continue;
            }
            // A file that was being written when the phone died is not whole and says nothing.
            let bytes = folder.read(&name).await.unwrap_or_default();
            let entries = journal::decode(&bytes).unwrap_or_default();
            files.insert(
                name,
                entries.iter().map(|entry| entry.change.hash).collect(),
            );
            all.extend(entries);
        }
        let files = RefCell::new(files);
        Some((Self { folder, files }, all))
    }

    /// Everybody whose journal is on this phone.
    pub async fn people() -> Vec<Known> {
        let mut people = Vec::new();
        let Some(root) = Folder::root().await else {
            return people;
        };
        for name in root.names().await {
            if let Some(folder) = known_folder(&root, &name).await
                && let Some(bytes) = folder.read(IDENTITY).await
            {
                people.extend(postcard::from_bytes::<Known>(&bytes));
            }
        }
        people.sort_unstable_by_key(|known| known.joined);
        people
    }

    /// Writes down whose journal this is.
    pub async fn belong(&self, known: &Known) {
        if let Ok(bytes) = postcard::to_allocvec(known)
            && self.folder.read(IDENTITY).await.as_ref() != Some(&bytes)
        {
            self.folder.write(IDENTITY, &bytes).await;
        }
    }

    /// Writes the directory down.
    pub async fn know(&self, directory: &Directory) {
        if let Ok(bytes) = postcard::to_allocvec(directory)
            && self.folder.read(DIRECTORY).await.as_ref() != Some(&bytes)
        {
            self.folder.write(DIRECTORY, &bytes).await;
        }
    }

    /// Writes the marker down: the browser may take a minute to write its settings.
    pub async fn mark(&self, marker: &Marker) {
        self.folder
            .write(MARKER, marker.to_string().as_bytes())
            .await;
    }

    /// The marker as it was written down last.
    pub async fn marker(&self) -> Option<Marker> {
        let bytes = self.folder.read(MARKER).await?;
        Marker::read(core::str::from_utf8(&bytes).ok()?)
    }

    /// The directory as it was written down last.
    pub async fn directory(&self) -> Option<Vec<u8>> {
        let bytes = self.folder.read(DIRECTORY).await?;
        let known: Result<Directory, _> = postcard::from_bytes(&bytes);
        known.is_ok().then_some(bytes)
    }

    /// Writes down what a batch puts into the outbox; false when it did not come to the disk.
    pub async fn keep(&self, batch: &WriteBatch) -> bool {
        let entries = Entry::of(batch);
        if entries.is_empty() {
            return true;
        }
        let chance = u32::from_le_bytes(platform::random());
        let name = format!("{SAVE}{:015}-{chance:08x}", platform::clock().0);
        let hashes = entries.iter().map(|entry| entry.change.hash).collect();
        self.files.borrow_mut().insert(name.clone(), hashes);
        self.folder.write(&name, &journal::encode(&entries)).await
    }

    /// Drops what the server has answered for.
    pub async fn drop_answered(&self, hashes: &[ChangeHash]) {
        let done: Vec<String> = {
            let mut files = self.files.borrow_mut();
            for left in files.values_mut() {
                left.retain(|hash| !hashes.contains(hash));
            }
            let done = files.extract_if(.., |_, left| left.is_empty());
            done.map(|(name, _)| name).collect()
        };
        for name in done {
            self.folder.remove(&name).await;
        }
    }
}

async fn known_folder(root: &Folder, name: &str) -> Option<Folder> {
    let digits = name.strip_prefix(FOLDER)?;
    let ours = digits.len() == 32 && digits.bytes().all(|c| c.is_ascii_hexdigit());
    if ours { root.folder(name).await } else { None }
}
