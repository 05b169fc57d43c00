//! Photos on a page or in a form: small ones in a grid, the whole one when it is touched.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use domain::id::{ItemId, PhotoHash, RecordId};
use domain::record::photo::{PHOTOS_MAX, Photo, Size};
use domain::replica::StoreFault;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Blob, HtmlInputElement};

use crate::component::sheet::sheet;
use crate::icon::{self, icon};
use crate::link::photos::Address;
use crate::locale::{fault, word};
use crate::nav;
use crate::platform;
use crate::platform::photo::{forget_url, picture_url};
use crate::runtime::photos::PhotoError;
use crate::screen::record::Here;
use crate::screen::when_and_who;
use crate::state::draft::Slot;
use crate::state::{Actions, State, state};

/// Most thumbnails that stay in memory from page to page.
const THUMBS_MAX: usize = 200;

thread_local! {
    /// Addresses of thumbnails: a page that is drawn anew shows them at once.
    static THUMBS: RefCell<BTreeMap<PhotoHash, String>> = const { RefCell::new(BTreeMap::new()) };
}

/// A photo as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    item: ItemId,
    photo: Photo,
    note: String,
}

/// The photos of a record on its page.
pub(crate) fn of_record(id: RecordId, here: Here) -> AnyView {
    let state = state();
    let shown = Memo::new(move |_| {
        let known = state.directory.get_untracked();
        here.with(|case| {
            let photos = case.iter().flat_map(|case| &case.photos);
            let shown = photos.map(|kept| Shown {
                item: kept.id,
                photo: kept.photo,
                note: when_and_who(known.as_deref(), kept.photo.taken_at, &kept.by),
            });
            shown.collect::<Vec<_>>()
        })
    });
    let writable = Memo::new(move |_| here.with(|case| case.as_ref().is_some_and(|c| !c.newer)));
    Actions::look_for_photos();
    grid(state, (id, shown, writable), Ears::deaf())
}

/// The photos of a form whose record does not exist yet; its draft is written down before the camera
/// opens. `taken` is told of each photo that is kept.
pub(crate) fn of_draft(slot: Slot, taken: impl Fn() + 'static) -> AnyView {
    let state = state();
    let id = slot.own();
    let shown = Memo::new(move |_| {
        state.photos.with(|book| {
            let own = book.iter().filter(|((record, _), _)| *record == id);
            let taken = own.filter_map(|(_, note)| note.taken);
            let mut shown: Vec<_> = taken
                .map(|taken| Shown {
                    item: taken.item,
                    photo: taken.photo,
                    note: String::new(),
                })
                .collect();
            shown.sort_by_key(|shown| shown.item);
            shown
        })
    });
    let writable = Memo::new(|_| true);
    let ears = Ears {
        slot: Some(slot),
        taken: Rc::new(taken),
    };
    grid(state, (id, shown, writable), ears)
}

/// What a form has to say and to hear when a photo is taken. Boxed, so that the grid is compiled once.
#[derive(Clone)]
struct Ears {
    slot: Option<Slot>,
    taken: Rc<dyn Fn()>,
}

impl Ears {
    fn deaf() -> Self {
        Self {
            slot: None,
            taken: Rc::new(|| ()),
        }
    }
}

type Photos = (RecordId, Memo<Vec<Shown>>, Memo<bool>);

fn grid(state: State, (id, shown, writable): Photos, ears: Ears) -> AnyView {
    let open = RwSignal::new(false);
    let chosen = RwSignal::new(None::<(usize, Shown)>);
    let arrived = move |photo: &Photo| {
        let key = (id, photo.full.key());
        state
            .photos
            .with(|book| book.get(&key).is_some_and(|note| note.arrived))
    };
    let count = move || {
        shown.with(|shown| {
            let done = shown.iter().filter(|one| arrived(&one.photo)).count();
            crate::locale::format::photos(done, shown.len())
        })
    };
    let tiles = move || {
        let tile = |(place, one): (usize, Shown)| {
            let thumb = thumb(id, &one.photo);
            let photo = one.photo;
            let name = word::PHOTO_N.with(place + 1);
            view! {
                <li>
                    <button type="button" class="shot" aria-label=name on:click=move |_| {
                        chosen.set(Some((place, one.clone())));
                        open.set(true);
                    }>
                        <img alt="" src=move || thumb.get() />
                        {move || (!arrived(&photo)).then(|| view! {
                            <span class="dot off" title=word::PHOTO_ON_PHONE.s()></span>
                        })}
                    </button>
                </li>
            }
        };
        let all = shown.get();
        all.into_iter().enumerate().map(tile).collect::<Vec<_>>()
    };
    let full = move || !writable.get() || shown.with(|shown| shown.len() >= PHOTOS_MAX);
    let failure = RwSignal::new(None);
    view! {
        <section class="photos">
            <h2>{word::PHOTOS.s()}<small>{count}</small></h2>
            <ul class="shots">
                {tiles}
                <li hidden=full>{camera((id, failure), ears)}</li>
            </ul>
            <p class="error" role="alert">{move || failure.get()}</p>
        </section>
        {viewer(id, open, (chosen, writable))}
    }
    .into_any()
}

/// The button that opens the camera.
fn camera((id, failure): (RecordId, RwSignal<Option<String>>), ears: Ears) -> AnyView {
    let input = NodeRef::<leptos::html::Input>::new();
    let busy = RwSignal::new(false);
    let Ears { slot, taken } = ears;
    let begin = move |_| {
        platform::spawn(async move {
            // The system may end this page while the camera is open: what was typed comes first.
            if let Some(draft) = slot.and_then(Slot::open) {
                draft.keep().await;
            }
            if let Some(input) = input.try_get_untracked().flatten() {
                input.click();
            }
        });
    };
    let take = move |event: web_sys::Event| {
        let input = event
            .target()
            .and_then(|t| t.dyn_into::<HtmlInputElement>().ok());
        let Some(input) = input else { return };
        let file = input.files().and_then(|files| files.get(0));
        let Some(file) = file else { return };
        busy.set(true);
        failure.set(None);
        let taken = Rc::clone(&taken);
        platform::spawn(async move {
            let heic = platform::photo::is_heic(&file.type_(), &file.name());
            let file: Blob = file.into();
            match Actions::keep_photo(id, &file).await {
                Ok(()) => taken(),
                // Taking it again with the same camera would make the same file.
                Err(PhotoError::Unreadable) if heic => {
                    failure.try_set(Some(word::PHOTO_HEIC.s().to_owned()));
                }
                Err(error) => {
                    failure.try_set(Some(problem(&error)));
                }
            }
            busy.try_set(false);
            // The same file can be chosen again.
            input.set_value("");
        });
    };
    view! {
        <button type="button" class="shot add" disabled=move || busy.get() on:click=begin>
            {icon(icon::CAMERA)}
            <span>{move || if busy.get() { word::PHOTO_WORKING.s() } else { word::TAKE_PHOTO.s() }}</span>
        </button>
        <input type="file" accept="image/*" capture="environment" hidden tabindex="-1"
            aria-hidden="true" node_ref=input on:change=take />
    }
    .into_any()
}

fn problem(error: &PhotoError) -> String {
    match error {
        PhotoError::Unreadable => word::PHOTO_BROKEN.s().to_owned(),
        PhotoError::Store(StoreFault::Full) => word::PHOTO_NO_ROOM.s().to_owned(),
        PhotoError::Store(fault) => fault::store(*fault).s().to_owned(),
        PhotoError::Command(error) => fault::command(error),
    }
}

/// The address of a thumbnail, as soon as there is one.
fn thumb(record: RecordId, photo: &Photo) -> RwSignal<Option<String>> {
    let name = photo.thumb;
    let known = THUMBS.with(|thumbs| thumbs.borrow().get(&name).cloned());
    let url = RwSignal::new(known.clone());
    if known.is_none() {
        let of = Address {
            record,
            name,
            size: Size::Thumb,
        };
        platform::spawn(async move {
            let made = Actions::picture(of).await;
            if let Some(made) = made.and_then(|bytes| picture_url(&bytes)) {
                remember(name, &made);
                url.try_set(Some(made));
            }
        });
    }
    url
}

fn remember(name: PhotoHash, url: &str) {
    THUMBS.with(|thumbs| {
        let mut thumbs = thumbs.borrow_mut();
        while thumbs.len() >= THUMBS_MAX {
            if let Some((_, old)) = thumbs.pop_first() {
                forget_url(&old);
            }
        }
        thumbs.insert(name, url.to_owned());
    });
}

type Chosen = RwSignal<Option<(usize, Shown)>>;

/// The whole photo, fetched when it is looked at.
fn viewer(id: RecordId, open: RwSignal<bool>, (chosen, writable): (Chosen, Memo<bool>)) -> AnyView {
    let title = move || {
        let place = chosen.with(|chosen| chosen.as_ref().map_or(0, |(place, _)| *place));
        word::PHOTO_N.with(place + 1)
    };
    let body = move || {
        let Some((_, one)) = chosen.get_untracked() else {
            return ().into_any();
        };
        let url = thumb(id, &one.photo);
        let here = RwSignal::new(None::<bool>);
        let whole = StoredValue::new(None::<String>);
        let of = Address {
            record: id,
            name: one.photo.full,
            size: Size::Full,
        };
        platform::spawn(async move {
            let made = Actions::picture(of)
                .await
                .and_then(|bytes| picture_url(&bytes));
            here.try_set(Some(made.is_some()));
            if let Some(made) = made {
                url.try_set(Some(made.clone()));
                // Where the sheet is closed again nobody will ever withdraw the address.
                if whole.try_set_value(Some(made.clone())).is_some() {
                    forget_url(&made);
                }
            }
        });
        on_cleanup(move || {
            if let Some(url) = whole.try_get_value().flatten() {
                forget_url(&url);
            }
        });
        view! {
            <img class="photo" alt="" data-whole=move || here.get().map(|here| here.to_string())
                width=one.photo.width height=one.photo.height src=move || url.get() />
            <p class="callout" role="status" hidden=move || here.get() != Some(false)>
                {word::PHOTO_AWAY.s()}
            </p>
            <p class="quiet">{one.note.clone()}</p>
            {move || writable.get().then(|| removal(id, &one))}
        }
        .into_any()
    };
    sheet(open, title, body)
}

/// Taking a photo away asks once more.
fn removal(id: RecordId, one: &Shown) -> AnyView {
    let sure = RwSignal::new(false);
    let failure = RwSignal::new(None);
    let (item, photo) = (one.item, one.photo);
    let remove = move |_| {
        platform::spawn(async move {
            match Actions::remove_photo(id, item, photo).await {
                Ok(()) => nav::sheet_dismissed(),
                Err(error) => {
                    failure.try_set(Some(fault::command(&error)));
                }
            }
        });
    };
    view! {
        <p class="error" role="alert">{move || failure.get()}</p>
        <button type="button" class="mini" hidden=move || sure.get() on:click=move |_| sure.set(true)>
            {word::PHOTO_DELETE.s()}
        </button>
        <div class="sure" hidden=move || !sure.get()>
            <p>{word::PHOTO_DELETE_SURE.s()}</p>
            <div class="inline">
                <button type="button" class="mini" on:click=remove>{word::PHOTO_DELETE_YES.s()}</button>
                <button type="button" class="mini" on:click=move |_| sure.set(false)>
                    {word::PHOTO_KEEP.s()}
                </button>
            </div>
        </div>
    }
    .into_any()
}
