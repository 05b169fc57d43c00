//! Photos in the browser: drawn anew, kept whole or not at all, in old databases as in new ones.

use app::platform::photo::redraw;
use app::store::indexed_db::{IndexedDb, delete};
use app::store::photos::{PhotoNote, Taken, WHOLE_MS, spare};
use app::store::{Fault, List, Store};
use domain::id::{ItemId, PhotoHash};
use domain::record::photo::Photo;
use domain::time::{DAY_MS, Millis};
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{database, id, listener, registration, row};
use crate::raw;

fn taken(full: &[u8], thumb: &[u8]) -> Taken {
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).expect("small");
    Taken {
        item: ItemId::new(Millis(1), [1; 10]),
        photo: Photo {
            full: PhotoHash::of(full),
            full_bytes: len(full),
            width: 1600,
            height: 1200,
            thumb: PhotoHash::of(thumb),
            thumb_bytes: len(thumb),
            taken_at: Millis(1),
        },
        named: false,
        thumb_sent: false,
    }
}

#[wasm_bindgen_test]
async fn ph1_a_photo_is_kept_with_its_note_and_is_there_when_the_phone_wakes() {
    let store = database("photo-kept").await;
    let (full, thumb) = (vec![7; 150_000], vec![8; 9_000]);
    let taken = taken(&full, &thumb);
    store
        .keep_photo(id(1), taken, (&full, &thumb))
        .await
        .expect("kept");
    store.close();
    let store = IndexedDb::open("test-photo-kept", &listener().0)
        .await
        .expect("opens");
    let book = store.photos().await.expect("notes");
    let key = (id(1), taken.photo.full.key());
    let note = PhotoNote {
        arrived: false,
        taken: Some(taken),
    };
    assert_eq!(book.into_iter().collect::<Vec<_>>(), [(key, note)]);
    let picture = |hash| store.picture(hash);
    assert_eq!(picture(taken.photo.full).await, Ok(Some(full)));
    assert_eq!(picture(taken.photo.thumb).await, Ok(Some(thumb)));

    let arrived = PhotoNote {
        arrived: true,
        ..note
    };
    store.note_photos(&[(key, arrived)]).await.expect("noted");
    assert_eq!(
        store.photos().await.expect("notes").get(&key),
        Some(&arrived)
    );
    let pictures = [taken.photo.full, taken.photo.thumb];
    store.drop_photo(key, &pictures).await.expect("dropped");
    assert!(store.photos().await.expect("notes").is_empty());
    assert_eq!(store.picture(taken.photo.full).await, Ok(None));
    store.close();
}

#[wasm_bindgen_test]
async fn f01_a_photo_that_does_not_fit_leaves_nothing_and_the_text_is_saved_all_the_same() {
    let store = database("photo-full").await;
    store.commit(&registration(1)).await.expect("saved");
    let (full, thumb) = (vec![7; 1_000], vec![8; 100]);
    let taken = taken(&full, &thumb);
    raw::abort_next_after_success();
    let kept = store.keep_photo(id(1), taken, (&full, &thumb)).await;
    raw::back_to_normal();
    assert_eq!(kept, Err(Fault::Aborted));
    raw::fail_next_put("QuotaExceededError");
    let kept = store.keep_photo(id(1), taken, (&full, &thumb)).await;
    raw::back_to_normal();
    assert_eq!(kept, Err(Fault::Full));
    assert!(store.photos().await.expect("notes").is_empty());
    assert_eq!(store.picture(taken.photo.full).await, Ok(None));
    let rows = store.rows(List::Newest).await.expect("rows");
    assert_eq!(rows, [row(1, 1, 1)]);
    store.close();
}

#[wasm_bindgen_test]
async fn a_database_from_before_photos_keeps_its_records_and_takes_photos() {
    delete("test-photo-old").await.expect("deleted");
    let old = raw::open_first("test-photo-old").await;
    assert_eq!(old.version(), 1.0);
    old.close();
    let store = IndexedDb::open("test-photo-old", &listener().0)
        .await
        .expect("opens");
    store.commit(&registration(1)).await.expect("saved");
    let (full, thumb) = (vec![7; 1_000], vec![8; 100]);
    let kept = store.keep_photo(id(1), taken(&full, &thumb), (&full, &thumb));
    kept.await.expect("kept");
    assert_eq!(store.photos().await.expect("notes").len(), 1);
    store.close();
}

#[wasm_bindgen_test]
async fn ph1_a_large_picture_comes_out_small_and_in_its_own_shape() {
    let file = raw::draw(4_000, 1_000).await;
    let shot = redraw(file.unchecked_ref()).await.expect("a picture");
    assert_eq!((shot.width, shot.height), (1_600, 400));
    assert!(shot.full.len() <= 150 * 1024, "{} bytes", shot.full.len());
    assert!(shot.thumb.len() <= 20 * 1024, "{} bytes", shot.thumb.len());
    let none = redraw(&web_sys::Blob::new().expect("a blob")).await;
    assert!(none.is_none(), "what is no picture is refused");
}

#[wasm_bindgen_test]
async fn ph13_what_the_server_gives_out_again_goes_after_90_days_and_nothing_else() {
    let store = database("photo-spare").await;
    let pictures = |n: u8| (vec![n; 20_000], vec![n + 100; 900]);
    let mut all = Vec::new();
    // Old and arrived; old and not arrived; old and not named; new and arrived; old, in two records.
    for (n, arrived, named, age) in [
        (1, true, true, 100),
        (2, false, true, 100),
        (3, true, false, 100),
        (4, true, true, 10),
        (5, true, true, 100),
    ] {
        let (full, thumb) = pictures(n);
        let mut taken = taken(&full, &thumb);
        taken.named = named;
        taken.photo.taken_at = Millis(WHOLE_MS - age * DAY_MS);
        let kept = store.keep_photo(id(n), taken, (&full, &thumb)).await;
        kept.expect("kept");
        let note = PhotoNote {
            arrived,
            taken: Some(taken),
        };
        all.push(((id(n), taken.photo.full.key()), note));
    }
    let (fifth, mut again) = (all[4].0.1, all[4].1);
    again.arrived = false;
    all.push(((id(6), fifth), again));
    // One that was only looked at.
    let looked_at = PhotoHash::of(&[9]);
    store.keep_picture(looked_at, &[9]).await.expect("kept");
    let note = PhotoNote {
        arrived: true,
        taken: None,
    };
    all.push(((id(7), looked_at.key()), note));
    store.note_photos(&all).await.expect("noted");

    let book = store.photos().await.expect("notes");
    let gone = spare(&book, Millis(WHOLE_MS));
    store.drop_spare(&gone).await.expect("dropped");
    let is_here = async |hash| store.picture(hash).await.expect("answers").is_some();
    for (n, stays) in [(1, false), (2, true), (3, true), (4, true), (5, true)] {
        let (full, thumb) = pictures(n);
        assert_eq!(is_here(PhotoHash::of(&full)).await, stays, "{n}");
        assert!(is_here(PhotoHash::of(&thumb)).await, "{n}");
    }
    assert!(!is_here(looked_at).await);
    let book = store.photos().await.expect("notes");
    assert_eq!(book.len(), all.len());
    assert_eq!(book.get(&all[0].0), Some(&note));
    assert_eq!(book.get(&all[1].0), Some(&all[1].1));
    store.close();
}
