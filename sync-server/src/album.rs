//! The pictures in the data folder: whole ones under their hash, and those that are still coming.
//!
//! A picture is whole when all its bytes are on the disk, their hash is its name and they begin as a
//! JPEG or WebP does; it is never decoded here. What is still coming lies apart, one file for each
//! device and picture, so that two devices that send the same one never mix their bytes.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use domain::id::{DeviceId, PhotoHash};
use domain::time::Millis;

use crate::error::ApiError;
use crate::{limits, private};

/// What a picture is, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

impl Media {
    /// The type for HTTP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// The type that these bytes begin like.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            return Some(Self::Jpeg);
        }
        let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
        webp.then_some(Self::Webp)
    }
}

/// What came of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// So many bytes are here now.
    Part(u32),
    /// All bytes are here, and they are what their name says.
    Whole(Media),
}

/// Why a piece was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// So many bytes are here; the piece must begin after them.
    Offset(u32),
    /// Something else, without more to say.
    Because(ApiError),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "a photo cannot be written");
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        Self::Because(if full.contains(&error.kind()) {
            ApiError::NoRoom
        } else {
            ApiError::Internal
        })
    }
}

/// A picture that one device is sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coming {
    /// The device.
    pub device: DeviceId,
    /// The picture's name.
    pub hash: PhotoHash,
    /// Its length in bytes.
    pub bytes: u32,
}

/// What is found where a whole picture should lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// Its bytes, which are what its name says.
    Sound(Vec<u8>),
    /// Other bytes.
    Damaged,
    /// Nothing.
    Absent,
}

impl Looked {
    /// Looks there.
    #[must_use]
    pub fn at(path: &Path, hash: &PhotoHash) -> Self {
        match fs::read(path) {
            Ok(bytes) if PhotoHash::of(&bytes) == *hash => Self::Sound(bytes),
            Ok(_) => Self::Damaged,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Absent,
            // A disk that cannot give it back.
            Err(_) => Self::Damaged,
        }
    }
}

/// The pictures of one data folder.
#[derive(Debug)]
pub struct Album {
    folder: PathBuf,
    busy: Mutex<BTreeSet<Coming>>,
    /// Held while a picture gets its place or leaves it.
    moving: Mutex<()>,
}

impl Album {
    /// The album of a data folder; its folders are made when the first picture comes.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self {
            folder: data.join("photos"),
            busy: Mutex::default(),
            moving: Mutex::default(),
        }
    }

    /// How many bytes of a picture have come from a device.
    #[must_use]
    pub fn held(&self, coming: &Coming) -> u32 {
        fs::metadata(self.part(coming)).map_or(0, |meta| {
            u32::try_from(meta.len())
                .unwrap_or(u32::MAX)
                .min(coming.bytes)
        })
    }

    /// Adds a piece at `at`; the last one makes the picture whole, on the disk for good.
    ///
    /// # Errors
    /// When the piece does not begin where the picture ends so far: nothing is changed then. When
    /// the bytes are not what their name says: all of them are dropped.
    pub fn add(&self, coming: &Coming, at: u32, piece: &[u8]) -> Result<Added, Refused> {
        let _alone = Alone::claim(&self.busy, *coming)?;
        let path = self.part(coming);
        let held = self.held(coming);
        if at != held {
            return Err(Refused::Offset(held));
        }
        let len = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        let come = held.saturating_add(len);
        if come > coming.bytes {
            return Err(Refused::Because(ApiError::TooLarge));
        }
        if held == 0 {
            self.make_room(coming.device)?;
        }
        let mut file = private::open(OpenOptions::new().create(true).append(true), &path)?;
        file.write_all(piece)?;
        if come < coming.bytes {
            return Ok(Added::Part(come));
        }
        file.sync_all()?;
        drop(file);
        self.finish(coming, &path)
    }

    fn finish(&self, coming: &Coming, path: &Path) -> Result<Added, Refused> {
        let bytes = fs::read(path)?;
        let media = Media::of(&bytes).ok_or(ApiError::NotAPhoto);
        let sound = if PhotoHash::of(&bytes) == coming.hash {
            media
        } else {
            Err(ApiError::Checksum)
        };
        let media = match sound {
            Ok(media) => media,
            Err(error) => {
                fs::remove_file(path)?;
                return Err(Refused::Because(error));
            }
        };
        let _alone = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = self.whole(&coming.hash);
        let folder = whole.parent().unwrap_or(&self.folder);
        private::make_folder(folder)?;
        fs::rename(path, &whole)?;
        // The name is on the disk only when its folder is.
        for folder in [folder, self.folder.as_path()] {
            File::open(folder)?.sync_all()?;
        }
        Ok(Added::Whole(media))
    }

    /// The bytes of a whole picture; none when they are not there, or not what its name says.
    #[must_use]
    pub fn read(&self, hash: &PhotoHash) -> Option<Vec<u8>> {
        match Looked::at(&self.whole(hash), hash) {
            Looked::Sound(bytes) => Some(bytes),
            Looked::Damaged | Looked::Absent => None,
        }
    }

    /// Moves a damaged picture out of the way, for study; one that is not there is no error.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn set_aside(&self, hash: &PhotoHash) -> io::Result<()> {
        let _alone = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.whole(hash);
        // Somebody may have sent it again since it was looked at.
        if !matches!(Looked::at(&path, hash), Looked::Damaged) {
            return Ok(());
        }
        let aside = self.folder.join("damaged");
        private::make_folder(&aside)?;
        fs::rename(path, aside.join(hash.hex()))
    }

    /// Takes a whole picture away unless its file is new; whether it is gone.
    ///
    /// # Errors
    /// When the file cannot be taken away.
    pub fn take_away(&self, hash: &PhotoHash, now: Millis) -> io::Result<bool> {
        let _alone = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.whole(hash);
        let written = match fs::metadata(&path) {
            Ok(meta) => millis(meta.modified()?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        if now.since(written) < limits::PHOTO_FILE_AGE_MIN_MS {
            return Ok(false);
        }
        fs::remove_file(path)?;
        Ok(true)
    }

    /// Where a whole picture lies.
    pub(crate) fn whole(&self, hash: &PhotoHash) -> PathBuf {
        let name = hash.hex();
        let (head, _) = name.split_at(2);
        self.folder.join(head).join(&name)
    }

    fn parts(&self) -> PathBuf {
        self.folder.join("part")
    }

    fn part(&self, coming: &Coming) -> PathBuf {
        let name = format!("{}-{}", coming.device.hex(), coming.hash.hex());
        self.parts().join(name)
    }

    /// Drops what nobody has gone on with for long, and the oldest of a device that begins too many.
    fn make_room(&self, device: DeviceId) -> io::Result<()> {
        let parts = self.parts();
        private::make_folder(&parts)?;
        let mut own = Vec::new();
        for entry in fs::read_dir(&parts)? {
            let entry = entry?;
            let touched = entry.metadata()?.modified()?;
            let age = SystemTime::now()
                .duration_since(touched)
                .unwrap_or_default();
            if age > limits::PHOTO_PARTS_KEPT {
                fs::remove_file(entry.path())?;
            } else if entry
                .file_name()
                .to_string_lossy()
                .starts_with(&device.hex())
            {
                own.push((touched, entry.path()));
            }
        }
        own.sort();
        let over = (own.len() + 1).saturating_sub(limits::PHOTO_PARTS_PER_DEVICE_MAX);
        for (_, path) in own.iter().take(over) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

fn millis(time: SystemTime) -> Millis {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Held by the one request that adds to a picture of a device.
struct Alone<'a> {
    busy: &'a Mutex<BTreeSet<Coming>>,
    coming: Coming,
}

impl<'a> Alone<'a> {
    fn claim(busy: &'a Mutex<BTreeSet<Coming>>, coming: Coming) -> Result<Self, Refused> {
        if lock(busy).insert(coming) {
            Ok(Self { busy, coming })
        } else {
            Err(Refused::Because(ApiError::Busy))
        }
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        lock(self.busy).remove(&self.coming);
    }
}

fn lock(busy: &Mutex<BTreeSet<Coming>>) -> MutexGuard<'_, BTreeSet<Coming>> {
    busy.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coming(device: u8, bytes: &[u8]) -> Coming {
        Coming {
            device: DeviceId([device; 16]),
            hash: PhotoHash::of(bytes),
            bytes: u32::try_from(bytes.len()).expect("small"),
        }
    }

    fn picture(fill: u8) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff];
        bytes.resize(1_000, fill);
        bytes
    }

    #[test]
    fn f37_two_devices_that_send_the_same_picture_never_mix_their_bytes() {
        let folder = tempfile::tempdir().expect("folder");
        let album = Album::new(folder.path());
        let bytes = picture(7);
        let (one, two) = (coming(1, &bytes), coming(2, &bytes));
        assert_eq!(album.add(&one, 0, &bytes[..400]), Ok(Added::Part(400)));
        assert_eq!(album.add(&two, 0, &[0xff; 900]), Ok(Added::Part(900)));
        assert_eq!(
            album.add(&one, 300, &bytes[300..]),
            Err(Refused::Offset(400))
        );
        let whole = album.add(&one, 400, &bytes[400..]);
        assert_eq!(whole, Ok(Added::Whole(Media::Jpeg)));
        let spoilt = album.add(&two, 900, &bytes[900..]);
        assert_eq!(spoilt, Err(Refused::Because(ApiError::Checksum)));
        assert_eq!((album.held(&one), album.held(&two)), (0, 0));
        assert_eq!(album.read(&one.hash), Some(bytes));
    }

    #[test]
    fn what_is_not_a_picture_is_dropped() {
        let folder = tempfile::tempdir().expect("folder");
        let album = Album::new(folder.path());
        let bytes = b"<svg onload=alert(1)>";
        let svg = coming(1, bytes);
        let refused = album.add(&svg, 0, bytes);
        assert_eq!(refused, Err(Refused::Because(ApiError::NotAPhoto)));
        assert_eq!(album.read(&svg.hash), None);
    }

    #[test]
    fn a_device_that_begins_too_many_loses_its_oldest_beginning() {
        let folder = tempfile::tempdir().expect("folder");
        let album = Album::new(folder.path());
        let begun: Vec<_> = (0..=limits::PHOTO_PARTS_PER_DEVICE_MAX)
            .map(|n| coming(1, &picture(u8::try_from(n).expect("few"))))
            .collect();
        for coming in &begun {
            assert_eq!(album.add(coming, 0, &[0xff]), Ok(Added::Part(1)));
        }
        let left = begun.iter().filter(|coming| album.held(coming) == 1);
        assert_eq!(left.count(), limits::PHOTO_PARTS_PER_DEVICE_MAX);
    }
}
