//! Commands about photos.

use super::{Denial, Desk};
use crate::id::ItemId;
use crate::record::events;
use crate::record::photo::{self, Photo};

pub(super) fn add(desk: &mut Desk<'_, '_>, item: ItemId, photo: &Photo) -> Result<(), Denial> {
    let events = events(&desk.current.body);
    if events.iter().any(|known| known.id == item) {
        return Ok(());
    }
    if photo::of(&events).len() >= photo::PHOTOS_MAX {
        return Err(Denial::TooManyPhotos);
    }
    let by = &desk.me().person;
    desk.body.extend(photo::add_edits(item, by, photo));
    Ok(())
}

pub(super) fn remove(desk: &mut Desk<'_, '_>, photo: ItemId) -> Result<(), Denial> {
    let here = photo::of(&events(&desk.current.body));
    if !here.iter().any(|kept| kept.id == photo) {
        return Err(Denial::Nothing);
    }
    let (id, now) = (desk.item(), desk.now());
    let by = &desk.me().person;
    desk.body.extend(photo::remove_edits(id, by, now, photo));
    Ok(())
}
