//! Clearing up: pictures that no record names any more go, after a long time and never sooner.
//!
//! What records name is read from the log, as far as it is new, and kept; a picture that is named by
//! none is noted with the time. It goes when that time lies so far back that no restored server and
//! no phone can still bring the naming change, which is looked at once more in the same transaction.

use std::sync::Arc;

use domain::id::{PhotoHash, RecordId};
use domain::record::photo::Size;
use domain::time::Millis;
use domain::view::Row;
use sqlx::SqliteConnection;

use crate::album::Album;
use crate::route::photo::photos;
use crate::router::Shared;
use crate::store::{Store, log, photo as table, set_setting, setting};
use crate::{healing, limits};

/// The place in the log up to which is known what records name.
const LOOKED: &str = "photos_looked";

/// What a clean-up did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Swept {
    /// Pictures that no record names, and that wait for their time.
    pub(crate) waiting: u64,
    /// Pictures that are gone.
    pub(crate) gone: u64,
}

/// Why a clean-up ended early; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A file cannot be taken away.
    #[error("a picture cannot be taken away: {0}")]
    File(#[from] std::io::Error),
    /// The work was broken off.
    #[error("broken off")]
    Ended,
}

/// Cleans up now and once a day, until the server ends.
pub(crate) async fn daily(shared: Arc<Shared>) {
    loop {
        match sweep(&shared.store, &shared.album, shared.clock.now()).await {
            Ok(Swept { gone: 0, .. }) => {}
            Ok(Swept { gone, waiting }) => {
                tracing::info!(gone, waiting, "pictures that no record names");
            }
            Err(error) => tracing::warn!(%error, "pictures are not cleaned up"),
        }
        tokio::time::sleep(limits::SWEEP_EVERY).await;
    }
}

/// One clean-up.
pub(crate) async fn sweep(store: &Store, album: &Album, now: Millis) -> Result<Swept, SweepError> {
    // Short transactions while there is much to read: phones wait for each of them.
    loop {
        let mut write = store.begin().await?;
        let more = read_on(&mut write).await?;
        write.commit().await?;
        if !more {
            break;
        }
    }
    let mut swept = Swept::default();
    loop {
        let some = take_away(store, album, now).await?;
        swept.gone += some.gone;
        swept.waiting = some.waiting;
        if some.gone == 0 {
            return Ok(swept);
        }
    }
}

/// Learns what records name from all of the log that was not read yet: before something leaves it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn read_all(db: &mut SqliteConnection) -> Result<(), SweepError> {
    while read_on(db).await? {}
    Ok(())
}

/// Learns from the new part of the log what records name; whether there is more of it.
///
/// # Errors
/// When the database fails.
pub(crate) async fn read_on(db: &mut SqliteConnection) -> Result<bool, SweepError> {
    let (from, last) = (looked(db).await?, log::last_seq(db).await?);
    // A log that was cut by hand is shorter than what was read of it.
    let from = if from > last { 0 } else { from };
    let to = last.min(from.saturating_add(limits::SWEEP_ENTRIES));
    for record in table::touched(db, (from, to)).await? {
        if let Some(pictures) = pictures(db, record).await? {
            table::put_named(db, record, &pictures).await?;
        }
    }
    set_setting(db, LOOKED, &to.to_be_bytes()).await?;
    Ok(to < last)
}

async fn looked(db: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let bytes = setting(db, LOOKED).await?;
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    Ok(bytes.map_or(0, u64::from_be_bytes))
}

/// The pictures that a record names; none for one that cannot be read: what it named before stays.
async fn pictures(
    db: &mut SqliteConnection,
    record: RecordId,
) -> Result<Option<Vec<PhotoHash>>, SweepError> {
    let row = table::row(db, record).await?;
    // Most records have no photo, which their rows tell.
    if row
        .and_then(|bytes| Row::decode(&bytes))
        .is_some_and(|row| row.photos.is_empty())
    {
        return Ok(Some(Vec::new()));
    }
    let known = log::load(db, record).await?;
    // What it names cannot be told while a change of it is damaged.
    if !known.lacking.is_empty() {
        return Ok(None);
    }
    let found = tokio::task::spawn_blocking(move || photos(&known)).await;
    let found = found.map_err(|_| SweepError::Ended)?;
    Ok(found.map(|(_, photos)| {
        let both = |photo: &domain::record::photo::Photo| {
            [Size::Full, Size::Thumb].map(|size| photo.picture(size).0)
        };
        photos.iter().flat_map(both).collect()
    }))
}

/// Takes some pictures away whose time has come.
async fn take_away(store: &Store, album: &Album, now: Millis) -> Result<Swept, SweepError> {
    let mut write = store.begin().await?;
    // Nothing is written beside this transaction: what it reads of the log is all there is.
    while read_on(&mut write).await? {}
    table::note_unnamed(&mut write, now).await?;
    let mut gone = 0;
    if !healing::may_come_back(&mut write, now).await? {
        let before = now.plus(-limits::PHOTO_UNNAMED_KEPT_MS);
        for hash in table::unnamed_since(&mut write, before, limits::SWEEP_PICTURES).await? {
            if album.take_away(&hash, now)? {
                table::forget(&mut write, &hash).await?;
                gone += 1;
            } else {
                // Its file is new: somebody has just sent it again.
                table::note_again(&mut write, &hash, now).await?;
            }
        }
    }
    let waiting = table::unnamed(&mut write).await?;
    write.commit().await?;
    Ok(Swept { waiting, gone })
}

#[cfg(test)]
mod tests {
    use domain::id::DeviceId;

    use super::*;
    use crate::album::{Added, Coming};

    const DAY: i64 = 24 * 60 * 60 * 1000;

    #[tokio::test]
    async fn ph12_a_picture_waits_its_90_days_and_as_long_as_a_restored_server_is_healed() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), true).await.expect("opens");
        let album = Album::new(folder.path());
        let bytes = [&[0xff, 0xd8, 0xff][..], &[7; 500]].concat();
        let (device, hash) = (DeviceId([1; 16]), PhotoHash::of(&bytes));
        let coming = Coming {
            device,
            hash,
            bytes: 503,
        };
        let added = album.add(&coming, 0, &bytes);
        assert!(matches!(added, Ok(Added::Whole(_))));
        let begin = crate::clock::now();
        let whole = table::Whole {
            hash,
            bytes: 503,
            media: "image/jpeg",
            device,
            at: begin,
        };
        let mut write = store.begin().await.expect("a write");
        table::put(&mut write, &whole).await.expect("writes");
        write.commit().await.expect("a commit");
        let waits = Swept {
            waiting: 1,
            gone: 0,
        };
        for day in [0, 1, 89] {
            let now = begin.plus(day * DAY);
            assert_eq!(sweep(&store, &album, now).await.expect("sweeps"), waits);
        }
        // A device shows that this log had been longer: what names the picture may be on its way.
        let mut write = store.begin().await.expect("a write");
        let restored = begin.plus(89 * DAY);
        healing::witness(&mut write, device, restored)
            .await
            .expect("notes");
        write.commit().await.expect("a commit");
        for day in [91, 179] {
            let now = begin.plus(day * DAY);
            assert_eq!(sweep(&store, &album, now).await.expect("sweeps"), waits);
        }
        assert!(album.read(&hash).is_some());
        let now = begin.plus(180 * DAY);
        let gone = Swept {
            waiting: 0,
            gone: 1,
        };
        assert_eq!(sweep(&store, &album, now).await.expect("sweeps"), gone);
        assert_eq!(album.read(&hash), None);
        store.close().await;
    }
}
