//! Photos in the database: notes by record, pictures by their hash.

use domain::id::{PhotoHash, PhotoKey, RecordId};

use super::bridge::{from_js, to_js};
use super::save::Plan;
use super::schema::{PHOTOS, PICTURES};
use super::{IndexedDb, encode};
use crate::store::Fault;
use crate::store::photos::{Book, PhotoNote, Spare, Taken, decode_note, encode_note, note_key};

impl IndexedDb {
    /// All notes; one that cannot be read is left out.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn photos(&self) -> Result<Book, Fault> {
        let entries = self
            .connection
            .on(async |live| live.reads.range(PHOTOS, None, None).await)
            .await?;
        let notes = entries
            .iter()
            .filter_map(|entry| decode_note(&entry.key.as_string()?, &from_js(&entry.value)?));
        Ok(notes.collect())
    }

    /// Keeps a photo that was just taken, both its pictures and its note, in one strict transaction.
    ///
    /// # Errors
    /// When nothing of it was kept.
    pub async fn keep_photo(
        &self,
        record: RecordId,
        taken: Taken,
        (full, thumb): (&[u8], &[u8]),
    ) -> Result<(), Fault> {
        let note = PhotoNote {
            arrived: false,
            taken: Some(taken),
        };
        let key = note_key((record, taken.photo.full.key()));
        let writes = vec![
            encode::put(PICTURES, &taken.photo.full.hex(), to_js(full)),
            encode::put(PICTURES, &taken.photo.thumb.hex(), to_js(thumb)),
            encode::put(PHOTOS, &key, to_js(&encode_note(&note))),
        ];
        self.write(writes).await
    }

    /// Writes notes down.
    ///
    /// # Errors
    /// When none of them was written.
    pub async fn note_photos(
        &self,
        notes: &[((RecordId, PhotoKey), PhotoNote)],
    ) -> Result<(), Fault> {
        let put = |(key, note): &((RecordId, PhotoKey), PhotoNote)| {
            encode::put(PHOTOS, &note_key(*key), to_js(&encode_note(note)))
        };
        self.write(notes.iter().map(put).collect()).await
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
        let pictures = pictures
            .iter()
            .map(|hash| encode::delete(PICTURES, &hash.hex()));
        let mut writes = vec![encode::delete(PHOTOS, &note_key(key))];
        writes.extend(pictures);
        self.write(writes).await
    }

    /// Drops whole pictures that the server gives out again, and notes that they went.
    ///
    /// # Errors
    /// When nothing was dropped.
    pub async fn drop_spare(&self, spare: &Spare) -> Result<(), Fault> {
        if !spare.notes.is_empty() {
            self.note_photos(&spare.notes).await?;
        }
        let mut writes = Vec::with_capacity(spare.pictures.len());
        for photo in &spare.pictures {
            writes.push(encode::delete_from(PICTURES, &photo.hex())?);
        }
        self.write(writes).await
    }

    /// The bytes of a picture, where they are here.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn picture(&self, hash: PhotoHash) -> Result<Option<Vec<u8>>, Fault> {
        let name = hash.hex();
        let found = self
            .connection
            .on(async |live| live.reads.one(PICTURES, &name).await)
            .await?;
        Ok(found.as_ref().and_then(from_js))
    }

    /// Keeps a picture that was fetched; it can be fetched again.
    ///
    /// # Errors
    /// When it was not kept.
    pub async fn keep_picture(&self, hash: PhotoHash, bytes: &[u8]) -> Result<(), Fault> {
        let (name, value) = (hash.hex(), to_js(bytes));
        self.connection
            .on(async |live| live.reads.put(PICTURES, &name, &value).await)
            .await
    }

    async fn write(&self, writes: Vec<super::save::Write>) -> Result<(), Fault> {
        let plan = Plan {
            expect: Vec::new(),
            writes,
            tally: None,
        };
        self.connection.save(&plan).await
    }
}
