//! Photos: sent in pieces, taken up where they were cut, checked, and shown to who may see them.

use std::time::Duration;

use domain::document::{Document, Edit};
use domain::id::{ItemId, PhotoHash, RecordId};
use domain::record::photo::{self, FULL_BYTES_MAX, Photo, Size};
use domain::sync::message::{ItemResult, decode, encode};
use domain::upload::{Arrived, ArrivedRequest};
use sync_server::store::Store;

use crate::phone::{NOW, Phone, town};
use crate::server::{Answer, PATIENCE, TestServer};

/// Bytes that begin like a JPEG.
fn jpeg(fill: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0];
    bytes.extend(
        (0..len.saturating_sub(4))
            .map(|n| fill.wrapping_add(u8::try_from(n % 251).expect("small"))),
    );
    bytes
}

/// A photo as a record names it.
fn said(full: &[u8], thumb: &[u8]) -> Photo {
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).expect("small");
    Photo {
        full: PhotoHash::of(full),
        full_bytes: len(full),
        width: 1600,
        height: 1200,
        thumb: PhotoHash::of(thumb),
        thumb_bytes: len(thumb),
        taken_at: NOW,
    }
}

/// A phone that has registered a hazard with a photo, and what it holds of it.
struct Scene {
    server: TestServer,
    phone: Phone,
    record: RecordId,
    document: Document,
    full: Vec<u8>,
    thumb: Vec<u8>,
}

impl Scene {
    async fn new() -> Self {
        let server = town().await;
        let mut phone = Phone::joined(&server, 1, "one").await;
        let (record, mut document, first) = phone.hazard("a1");
        let (full, thumb) = (jpeg(1, 100_000), jpeg(2, 9_000));
        let item = ItemId::new(NOW, [9; 10]);
        let edits = photo::add_edits(item, &phone.person, &said(&full, &thumb));
        let second = phone.change(record, &mut document, &edits);
        phone
            .push(&server, 1, &[(first, "a1"), (second, "a1")])
            .await;
        Self {
            server,
            phone,
            record,
            document,
            full,
            thumb,
        }
    }

    fn path(&self, bytes: &[u8], size: Size) -> String {
        let (hash, size) = (PhotoHash::of(bytes).hex(), size.code());
        format!("/api/v1/photos/{hash}?record={}&size={size}", self.record)
    }

    async fn head(&self, phone: &Phone, bytes: &[u8]) -> (u16, Option<usize>) {
        let path = self.path(bytes, Size::Full);
        let answer = self.server.request("HEAD", &path, &proof(phone), &[]).await;
        (answer.status, offset(&answer))
    }

    /// Sends a piece of `of` as the whole photo's.
    async fn patch(&self, of: &[u8], at: usize, to: usize) -> Answer {
        let path = self.path(of, Size::Full);
        patch(&self.server, &self.phone, &path, at, &of[at..to]).await
    }

    async fn get(&self, phone: &Phone, bytes: &[u8], more: &str) -> Answer {
        let path = self.path(bytes, Size::Full);
        let headers = format!("{}{more}", proof(phone));
        self.server.request("GET", &path, &headers, &[]).await
    }
}

/// Registers a hazard with a photo, sends its thumbnail whole and the beginning of the whole picture.
pub async fn send_one_and_begin_another(server: &TestServer, phone: &mut Phone) {
    let (record, mut document, first) = phone.hazard("a1");
    let (full, thumb) = (jpeg(1, 100_000), jpeg(2, 9_000));
    let item = ItemId::new(NOW, [9; 10]);
    let edits = photo::add_edits(item, &phone.person, &said(&full, &thumb));
    let second = phone.change(record, &mut document, &edits);
    phone
        .push(server, 77, &[(first, "a1"), (second, "a1")])
        .await;
    for (bytes, size, to) in [
        (&thumb, Size::Thumb, thumb.len()),
        (&full, Size::Full, 50_000),
    ] {
        let (hash, size) = (PhotoHash::of(bytes).hex(), size.code());
        let path = format!("/api/v1/photos/{hash}?record={record}&size={size}");
        let answer = patch(server, phone, &path, 0, &bytes[..to]).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

fn proof(phone: &Phone) -> String {
    let secret: String = phone.secret.0.iter().map(|b| format!("{b:02x}")).collect();
    format!("authorization: Device {}.{secret}\r\n", phone.device.hex())
}

fn offset(answer: &Answer) -> Option<usize> {
    answer.header("upload-offset")?.parse().ok()
}

async fn patch(server: &TestServer, phone: &Phone, path: &str, at: usize, piece: &[u8]) -> Answer {
    let sum = PhotoHash::of(piece).hex();
    let headers = format!(
        "{}upload-offset: {at}\r\nupload-checksum: sha256 {sum}\r\ncontent-length: {}\r\n",
        proof(phone),
        piece.len()
    );
    let head = format!("PATCH {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(piece);
    Answer::parse(&server.raw(&bytes).await)
}

#[tokio::test]
async fn ph3_a_photo_that_was_cut_is_taken_up_at_any_byte_also_after_a_restart() {
    let mut scene = Scene::new().await;
    assert_eq!(scene.head(&scene.phone, &scene.full).await, (200, Some(0)));
    let full = scene.full.clone();
    let cuts = [0, 1, 3, 16_384, 16_385, 65_536, 99_999];
    for (place, from) in cuts.iter().enumerate() {
        let to = cuts.get(place + 1).copied().unwrap_or(full.len());
        assert_eq!(scene.head(&scene.phone, &full).await, (200, Some(*from)));
        assert_eq!(scene.get(&scene.phone, &full, "").await.status, 404);
        if place == 3 {
            scene.server = scene.server.restart().await;
        }
        let answer = scene.patch(&full, *from, to).await;
        assert_eq!((answer.status, offset(&answer)), (204, Some(to)));
    }
    let got = scene.get(&scene.phone, &full, "").await;
    assert_eq!((got.status, got.body), (200, full));
}

#[tokio::test]
async fn f36_a_piece_that_was_cut_itself_leaves_what_came_before_it() {
    let scene = Scene::new().await;
    scene.patch(&scene.full, 0, 40_000).await;
    let path = scene.path(&scene.full, Size::Full);
    let sum = PhotoHash::of(&scene.full[40_000..60_000]).hex();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: test\r\n{}upload-offset: 40000\r\n\
         upload-checksum: sha256 {sum}\r\ncontent-length: 20000\r\n\r\n",
        proof(&scene.phone)
    );
    let mut half = head.into_bytes();
    half.extend_from_slice(&scene.full[40_000..45_000]);
    let stream = tokio::net::TcpStream::connect(scene.server.address).await;
    let mut stream = stream.expect("connects");
    tokio::io::AsyncWriteExt::write_all(&mut stream, &half)
        .await
        .expect("writes");
    drop(stream);
    let come = scene.head(&scene.phone, &scene.full).await;
    assert_eq!(come, (200, Some(40_000)));
    let end = scene.patch(&scene.full, 40_000, 100_000).await;
    assert_eq!(end.status, 204);
}

#[tokio::test]
async fn f37_a_piece_that_begins_elsewhere_is_refused_and_changes_nothing() {
    let scene = Scene::new().await;
    scene.patch(&scene.full, 0, 10_000).await;
    for at in [0, 9_999, 10_001, 50_000] {
        let answer = scene.patch(&scene.full, at, at + 5_000).await;
        assert_eq!((answer.status, offset(&answer)), (409, Some(10_000)));
        assert_eq!(answer.code(), "bad_request");
    }
    let rest = scene.patch(&scene.full, 10_000, 100_000).await;
    assert_eq!((rest.status, offset(&rest)), (204, Some(100_000)));
    // What is whole stays as it is.
    let again = scene.patch(&scene.full, 0, 10_000).await;
    assert_eq!((again.status, offset(&again)), (409, Some(100_000)));
}

#[tokio::test]
async fn ph4_bytes_that_are_not_what_their_hash_says_are_never_stored() {
    let scene = Scene::new().await;
    let path = scene.path(&scene.full, Size::Full);
    let forged = jpeg(77, 100_000);
    let answer = patch(&scene.server, &scene.phone, &path, 0, &forged).await;
    assert_eq!((answer.status, answer.code()), (422, "checksum".to_owned()));
    assert_eq!(scene.head(&scene.phone, &scene.full).await, (200, Some(0)));
    assert_eq!(scene.get(&scene.phone, &scene.full, "").await.status, 404);
    // A piece that was damaged on the way is not added.
    let headers = format!(
        "{}upload-offset: 0\r\nupload-checksum: sha256 {}\r\ncontent-length: 10\r\n",
        proof(&scene.phone),
        PhotoHash::of(b"0123456789").hex()
    );
    let head =
        format!("PATCH {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n{headers}\r\n0123456780");
    let answer = Answer::parse(&scene.server.raw(head.as_bytes()).await);
    assert_eq!(answer.status, 422);
    assert_eq!(scene.head(&scene.phone, &scene.full).await, (200, Some(0)));
}

#[tokio::test]
async fn ph5_only_who_may_read_the_record_gets_its_photos() {
    let scene = Scene::new().await;
    scene.patch(&scene.full, 0, 100_000).await;
    for (number, person, status) in [
        (2, "two", 200),
        (3, "duty", 200),
        (4, "far", 404),
        (5, "super", 403),
        (6, "admin", 403),
    ] {
        let phone = Phone::joined(&scene.server, number, person).await;
        assert_eq!(
            scene.get(&phone, &scene.full, "").await.status,
            status,
            "{person}"
        );
        assert_eq!(scene.head(&phone, &scene.full).await.0, status, "{person}");
        let question = ArrivedRequest {
            device: phone.device,
            secret: phone.secret,
            records: vec![scene.record],
        };
        let answer = scene
            .server
            .post("/api/v1/photos", &encode(&question))
            .await;
        match status {
            403 => assert_eq!(answer.status, 403, "{person}"),
            _ => {
                let arrived: Arrived = decode(&answer.body).expect("an answer");
                assert_eq!(arrived.photos.len(), usize::from(status == 200), "{person}");
            }
        }
    }
    let mut liar = scene.phone.clone();
    liar.secret.0[0] ^= 1;
    assert_eq!(scene.get(&liar, &scene.full, "").await.status, 401);
    let path = scene.path(&scene.full, Size::Full);
    assert_eq!(scene.server.get(&path).await.status, 401);
}

/// Seen: who knew the hash of a picture, as somebody whose grid was taken away, wrote it into a record
/// of the own and was given the picture; and a record that says a wrong length held more than was
/// counted.
#[tokio::test]
async fn ph5_the_name_of_a_picture_opens_it_for_nobody_who_has_not_sent_it() {
    let scene = Scene::new().await;
    scene.patch(&scene.full, 0, 100_000).await;
    let mut far = Phone::joined(&scene.server, 4, "far").await;
    let (record, mut document, first) = far.hazard("b1");
    let short = Photo {
        full_bytes: 1,
        ..said(&scene.full, &scene.thumb)
    };
    let edits = photo::add_edits(ItemId::new(NOW, [9; 10]), &far.person, &short);
    let second = far.change(record, &mut document, &edits);
    let both = [(first, "b1"), (second, "b1")];
    let kept = far.push(&scene.server, 1, &both).await.receipt;
    let kept = kept.expect("a receipt").results;
    assert!(
        kept.iter().all(|one| matches!(one, ItemResult::Kept(_))),
        "{kept:?}"
    );
    let hash = PhotoHash::of(&scene.full).hex();
    let path = format!("/api/v1/photos/{hash}?record={record}&size=full");
    let ask = async |method: &str| scene.server.request(method, &path, &proof(&far), &[]).await;
    assert_eq!(ask("GET").await.status, 404);
    let held = ask("HEAD").await;
    assert_eq!((held.status, offset(&held)), (200, Some(0)));
    // The owner's is there as before.
    assert_eq!(scene.get(&scene.phone, &scene.full, "").await.status, 200);
}

#[tokio::test]
async fn ph6_a_photo_that_no_record_names_is_not_taken() {
    let mut scene = Scene::new().await;
    let stray = jpeg(50, 5_000);
    assert_eq!(scene.patch(&stray, 0, 5_000).await.status, 404);
    // Nor one that a record names as the other size.
    let path = scene.path(&scene.thumb, Size::Full);
    let answer = patch(&scene.server, &scene.phone, &path, 0, &scene.thumb).await;
    assert_eq!(answer.status, 404);
    // Nor one that was taken away.
    let item = ItemId::new(NOW, [9; 10]);
    let gone = ItemId::new(NOW, [10; 10]);
    let edits = photo::remove_edits(gone, &scene.phone.person, NOW, item);
    let removal = scene
        .phone
        .change(scene.record, &mut scene.document, &edits);
    scene.phone.push(&scene.server, 2, &[(removal, "a1")]).await;
    assert_eq!(scene.patch(&scene.full, 0, 5_000).await.status, 404);
}

#[tokio::test]
async fn ph7_limits_hold_and_what_is_not_a_picture_is_dropped() {
    let mut scene = Scene::new().await;
    let path = scene.path(&scene.full, Size::Full);
    let long = jpeg(1, 120_000);
    let answer = patch(&scene.server, &scene.phone, &path, 0, &long).await;
    assert_eq!(
        (answer.status, answer.code()),
        (413, "too_large".to_owned())
    );
    let answer = patch(&scene.server, &scene.phone, &path, 0, &jpeg(1, 200_000)).await;
    assert_eq!(answer.status, 413);
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".repeat(10);
    let huge = said(&jpeg(3, 100), &scene.thumb);
    let huge = Photo {
        full_bytes: FULL_BYTES_MAX + 1,
        ..huge
    };
    let script = said(&svg, &scene.thumb);
    let mut items = Vec::new();
    for (n, photo) in [(20, huge), (21, script)] {
        let edits = photo::add_edits(ItemId::new(NOW, [n; 10]), &scene.phone.person, &photo);
        let change = scene
            .phone
            .change(scene.record, &mut scene.document, &edits);
        items.push((change, "a1"));
    }
    scene.phone.push(&scene.server, 2, &items).await;
    // A photo beyond the limit is none at all.
    assert_eq!(scene.patch(&jpeg(3, 100), 0, 100).await.status, 404);
    let answer = scene.patch(&svg, 0, svg.len()).await;
    assert_eq!(
        (answer.status, answer.code()),
        (415, "not_a_photo".to_owned())
    );
    // Nor is one after the twentieth.
    let mut items = Vec::new();
    for n in 30..60_u8 {
        let photo = said(&jpeg(n, 100), &scene.thumb);
        let edits = photo::add_edits(ItemId::new(NOW, [n; 10]), &scene.phone.person, &photo);
        let change = scene
            .phone
            .change(scene.record, &mut scene.document, &edits);
        items.push((change, "a1"));
    }
    scene.phone.push(&scene.server, 3, &items).await;
    assert_eq!(scene.patch(&jpeg(30, 100), 0, 100).await.status, 204);
    assert_eq!(scene.patch(&jpeg(59, 100), 0, 100).await.status, 404);
}

#[tokio::test]
async fn ph8_a_photo_is_given_in_ranges_kept_by_nobody_on_the_way_and_nothing_in_it_can_run() {
    let scene = Scene::new().await;
    scene.patch(&scene.full, 0, 100_000).await;
    let whole = scene.get(&scene.phone, &scene.full, "").await;
    for (name, text) in [
        ("content-type", "image/jpeg"),
        ("cache-control", "no-store"),
        ("vary", "authorization"),
        ("x-content-type-options", "nosniff"),
        ("content-disposition", "attachment"),
        ("content-security-policy", "default-src 'none'; sandbox"),
    ] {
        assert_eq!(whole.header(name), Some(text));
    }
    for (range, from, to) in [
        ("bytes=0-9", 0, 10),
        ("bytes=50000-", 50_000, 100_000),
        ("bytes=-10", 99_990, 100_000),
        ("bytes=99999-200000", 99_999, 100_000),
    ] {
        let more = format!("range: {range}\r\n");
        let part = scene.get(&scene.phone, &scene.full, &more).await;
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.body, &scene.full[from..to], "{range}");
        let text = format!("bytes {from}-{}/100000", to - 1);
        assert_eq!(part.header("content-range"), Some(text.as_str()));
    }
    let beyond = scene
        .get(&scene.phone, &scene.full, "range: bytes=100000-\r\n")
        .await;
    assert_eq!(beyond.status, 416);
}

impl Scene {
    /// Takes the photo of the scene away, or adds it again under another name.
    async fn edit(&mut self, no: u64, edits: &[Edit]) {
        let change = self.phone.change(self.record, &mut self.document, edits);
        self.phone.push(&self.server, no, &[(change, "a1")]).await;
    }

    /// Whether the whole picture and its thumbnail lie in the data folder.
    fn files(&self) -> [bool; 2] {
        [&self.full, &self.thumb].map(|bytes| {
            let name = PhotoHash::of(bytes).hex();
            let folder = self.server.data().join("photos").join(&name[..2]);
            folder.join(&name).exists()
        })
    }

    /// Starts the server again so many days later, and waits until it finds that so many pictures
    /// are named by no record.
    async fn later(mut self, days: i64, unnamed: i64) -> Self {
        self.server = self.server.restart_later(days).await;
        let store = Store::open(self.server.data(), false).await.expect("opens");
        let found = async {
            loop {
                let mut view = store.view().await.expect("a view");
                let count = "SELECT COUNT(*) FROM photo_unnamed";
                let count: i64 = sqlx::query_scalar(count)
                    .fetch_one(&mut *view)
                    .await
                    .expect("a count");
                drop(view);
                if count == unnamed {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.expect("a clean-up in time");
        store.close().await;
        self
    }
}

#[tokio::test]
async fn ph12_a_picture_that_no_record_names_goes_after_90_days_and_one_that_is_named_stays() {
    let mut scene = Scene::new().await;
    let (item, me) = (ItemId::new(NOW, [9; 10]), scene.phone.person.clone());
    scene.patch(&scene.full, 0, 100_000).await;
    let path = scene.path(&scene.thumb, Size::Thumb);
    patch(&scene.server, &scene.phone, &path, 0, &scene.thumb).await;
    // What a record names stays for ever.
    scene = scene.later(400, 0).await;
    assert_eq!(scene.files(), [true, true]);
    let remove = |n: u8, of| photo::remove_edits(ItemId::new(NOW, [n; 10]), &me, NOW, of);
    scene.edit(2, &remove(10, item)).await;
    scene = scene.later(401, 2).await;
    assert_eq!(scene.files(), [true, true]);
    // It is named again in time, under another name.
    let again = ItemId::new(NOW, [11; 10]);
    let photo = said(&scene.full, &scene.thumb);
    scene.edit(3, &photo::add_edits(again, &me, &photo)).await;
    scene = scene.later(492, 0).await;
    assert_eq!(scene.files(), [true, true]);
    assert_eq!(scene.get(&scene.phone, &scene.full, "").await.status, 200);
    scene.edit(4, &remove(12, again)).await;
    scene = scene.later(493, 2).await;
    scene = scene.later(584, 0).await;
    assert_eq!(scene.files(), [false, false]);
    // Whoever names it again sends it again.
    let third = ItemId::new(NOW, [13; 10]);
    scene.edit(5, &photo::add_edits(third, &me, &photo)).await;
    let none = scene.head(&scene.phone, &scene.full).await;
    assert_eq!(none, (200, Some(0)));
    assert_eq!(scene.patch(&scene.full, 0, 100_000).await.status, 204);
    assert_eq!(scene.get(&scene.phone, &scene.full, "").await.status, 200);
}

#[tokio::test]
async fn one_photo_in_two_records_is_stored_once_and_has_arrived_in_both() {
    let mut scene = Scene::new().await;
    scene.patch(&scene.full, 0, 100_000).await;
    let (record, mut document, first) = scene.phone.hazard("a1");
    let photo = said(&scene.full, &scene.thumb);
    let edits = photo::add_edits(ItemId::new(NOW, [9; 10]), &scene.phone.person, &photo);
    let second = scene.phone.change(record, &mut document, &edits);
    let items = [(first, "a1"), (second, "a1")];
    scene.phone.push(&scene.server, 2, &items).await;
    scene.record = record;
    let come = scene.head(&scene.phone, &scene.full).await;
    assert_eq!(come, (200, Some(100_000)));
    let question = ArrivedRequest {
        device: scene.phone.device,
        secret: scene.phone.secret,
        records: vec![record],
    };
    let answer = scene
        .server
        .post("/api/v1/photos", &encode(&question))
        .await;
    let arrived: Arrived = decode(&answer.body).expect("an answer");
    assert_eq!(arrived.photos, [(record, photo.full.key())]);
}

#[tokio::test]
async fn ck6_a_picture_that_was_altered_or_lost_is_not_served_and_is_sent_again() {
    let scene = Scene::new().await;
    scene.patch(&scene.full, 0, 100_000).await;
    let name = PhotoHash::of(&scene.full).hex();
    let folder = scene.server.data().join("photos");
    let file = folder.join(&name[..2]).join(&name);
    let mut altered = scene.full.clone();
    altered[70_000] ^= 1;
    std::fs::write(&file, &altered).expect("writes");
    // Not even a range that does not touch what was altered.
    let range = scene
        .get(&scene.phone, &scene.full, "range: bytes=0-9\r\n")
        .await;
    assert_eq!(range.status, 404);
    let aside = std::fs::read(folder.join("damaged").join(&name)).expect("kept for study");
    assert_eq!(aside, altered);
    // Whoever has it is told that it is not whole here, and sends it again.
    assert_eq!(scene.head(&scene.phone, &scene.full).await, (200, Some(0)));
    assert_eq!(scene.patch(&scene.full, 0, 100_000).await.status, 204);
    assert_eq!(
        scene.get(&scene.phone, &scene.full, "").await.body,
        scene.full
    );
    std::fs::remove_file(&file).expect("removes");
    let check = sync_server::admin::Command::Check { read_only: false };
    let (said, ok) = crate::damage::run(&scene.server, check.clone()).await;
    let found = format!("{name}\ta picture that is not where it was put\tset aside");
    assert!(!ok && said.contains(&found), "{said}");
    assert_eq!(scene.head(&scene.phone, &scene.full).await, (200, Some(0)));
    assert_eq!(scene.patch(&scene.full, 0, 100_000).await.status, 204);
    let (said, ok) = crate::damage::run(&scene.server, check).await;
    assert!(ok, "{said}");
}
