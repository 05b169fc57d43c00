//! Photos of a watched store: they lie in the database alone, and without it none can be kept.

use domain::id::{PhotoHash, PhotoKey, RecordId};

use super::{Base, Guarded};
use crate::store::Fault;
use crate::store::indexed_db::IndexedDb;
use crate::store::photos::{Book, PhotoNote, Spare, Taken};

impl Guarded {
    const fn album(&self) -> Result<&IndexedDb, Fault> {
        match &self.base {
            Base::Disk(store) => Ok(store),
            Base::Spare(_) => Err(Fault::Closed),
        }
    }

    /// All notes; one that cannot be read is left out.
    ///
    /// # Errors
    /// When the store does not answer, or there is no database.
    pub async fn photos(&self) -> Result<Book, Fault> {
        self.album()?.photos().await
    }

    /// Keeps a photo that was just taken, both its pictures and its note, in one strict transaction.
    ///
    /// # Errors
    /// When nothing of it was kept.
    pub async fn keep_photo(
        &self,
        record: RecordId,
        taken: Taken,
        pictures: (&[u8], &[u8]),
    ) -> Result<(), Fault> {
        self.album()?.keep_photo(record, taken, pictures).await
    }

    /// Writes notes down.
    ///
    /// # Errors
    /// When none of them was written.
    pub async fn note_photos(
        &self,
        notes: &[((RecordId, PhotoKey), PhotoNote)],
    ) -> Result<(), Fault> {
        self.album()?.note_photos(notes).await
    }

    /// Forgets a photo that a person took away again; `pictures` are those that no other note needs.
    ///
    /// # Errors
    /// When nothing was dropped.
    pub async fn drop_photo(
        &self,
        key: (RecordId, PhotoKey),
        pictures: &[PhotoHash],
    ) -> Result<(), Fault> {
        self.album()?.drop_photo(key, pictures).await
    }

    /// Drops whole pictures that the server gives out again, and notes that they went.
    ///
    /// # Errors
    /// When nothing was dropped.
    pub async fn drop_spare(&self, spare: &Spare) -> Result<(), Fault> {
        self.album()?.drop_spare(spare).await
    }

    /// The bytes of a picture, where they are here.
    ///
    /// # Errors
    /// When the store does not answer, or there is no database.
    pub async fn picture(&self, hash: PhotoHash) -> Result<Option<Vec<u8>>, Fault> {
        self.album()?.picture(hash).await
    }

    /// Keeps a picture that was fetched; it can be fetched again.
    ///
    /// # Errors
    /// When it was not kept.
    pub async fn keep_picture(&self, hash: PhotoHash, bytes: &[u8]) -> Result<(), Fault> {
        self.album()?.keep_picture(hash, bytes).await
    }
}
