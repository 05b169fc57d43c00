//! What the screens may ask for about photos.

use domain::id::{ItemId, RecordId};
use domain::record::photo::Photo;
use domain::replica::CommandError;
use web_sys::Blob;

use super::Actions;
use crate::link::photos::Address;
use crate::platform;
use crate::platform::photo;
use crate::runtime::photos::PhotoError;

impl Actions {
    /// Keeps a picture from the camera, drawn anew; the record names it where it is here already.
    ///
    /// # Errors
    /// When it was not kept, or the record does not take it.
    pub async fn keep_photo(record: RecordId, file: &Blob) -> Result<(), PhotoError> {
        let taken_at = platform::now();
        let shot = photo::redraw(file).await.ok_or(PhotoError::Unreadable)?;
        let courier = Self::phone().and_then(|phone| phone.courier());
        let courier = courier.ok_or(CommandError::NotJoined)?;
        courier.keep(record, &shot, taken_at).await
    }

    /// Takes a photo away.
    ///
    /// # Errors
    /// When the record still has it.
    pub async fn remove_photo(
        record: RecordId,
        item: ItemId,
        photo: Photo,
    ) -> Result<(), CommandError> {
        let courier = Self::phone().and_then(|phone| phone.courier());
        let courier = courier.ok_or(CommandError::NotJoined)?;
        courier.remove(record, item, photo).await
    }

    /// Drops the photos of a form that was given up.
    pub fn discard_photos(record: RecordId) {
        if let Some(courier) = Self::phone().and_then(|phone| phone.courier()) {
            platform::spawn(async move { courier.discard(record).await });
        }
    }

    /// The bytes of a picture; none when they are neither here nor to be had now.
    pub async fn picture(of: Address) -> Option<Vec<u8>> {
        let courier = Self::phone()?.courier()?;
        courier.picture(of).await
    }

    /// Looks at once for photos to send, and for those that have arrived.
    pub fn look_for_photos() {
        if let Some(courier) = Self::phone().and_then(|phone| phone.courier()) {
            courier.look(true);
        }
    }
}
