//! Photos: how much of one is here, the next piece of one, and one to look at.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::access::{self, Reach};
use domain::document::Reading;
use domain::id::{DeviceId, Part, PhotoHash, RecordId};
use domain::record::photo::{self, Photo, Size};
use domain::record::{Header, Kind, events};
use domain::sync::message::{self, Secret};
use domain::sync::signed::{DeviceHead, head_of_device};
use domain::unit::Member;
use domain::upload::{Arrived, ArrivedRequest, RECORDS_MAX};

use super::body::{self, Inflow};
use super::parts::value;
use crate::album::{Added, Coming, Looked, Refused};
use crate::error::ApiError;
use crate::peer::Door;
use crate::router::Shared;
use crate::scope::Scope;
use crate::store::usage::{self, Used};
use crate::store::{device, log, photo as table};
use crate::{clock, limits};

/// Where a piece begins, and how much is here.
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
/// How long the whole picture is.
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
/// The hash of a piece: `sha256` and hexadecimal digits.
const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");

/// A picture that a record in the caller's scope names.
struct Named {
    record: RecordId,
    size: Size,
    kind: Kind,
    scope: Arc<Scope>,
    coming: Coming,
    /// What it is, when it came whole for this record or from the caller.
    media: Option<String>,
}

impl Named {
    fn member(&self) -> &Member {
        self.scope.me()
    }

    /// Under which name the caller draws on the budget.
    fn head(&self) -> DeviceHead {
        head_of_device(self.coming.device)
    }
}

/// `HEAD /api/v1/photos/HASH?record=ID&size=full`: how many bytes are here, and of how many.
///
/// # Errors
/// When no record in the caller's scope names the picture.
pub(crate) async fn held(
    State(shared): State<Arc<Shared>>,
    Path(hash): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let door = Door::of(&request)?;
    let named = named(&shared, (&hash, query.as_deref()), request.headers()).await?;
    door.prove(named.coming.device);
    let come = if named.media.is_some() {
        named.coming.bytes
    } else {
        shared.album.held(&named.coming)
    };
    let mut response = offset(StatusCode::OK, come);
    let headers = response.headers_mut();
    headers.insert(LENGTH, HeaderValue::from(named.coming.bytes));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `PATCH`: adds a piece where the picture ends so far; the last one makes it whole.
///
/// # Errors
/// When the piece begins elsewhere, is damaged or too long, or is not the caller's to send.
pub(crate) async fn append(
    State(shared): State<Arc<Shared>>,
    Path(hash): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let door = Door::of(&request)?;
    let named = named(&shared, (&hash, query.as_deref()), request.headers()).await?;
    door.prove(named.coming.device);
    access::may_write(named.member(), named.kind, Part::Body).map_err(|_| ApiError::NotAllowed)?;
    let (at, checksum) = piece_head(request.headers()).ok_or(ApiError::Malformed)?;
    let coming = Inflow::of(request, limits::PHOTO_PIECE_BYTES_MAX)?;
    let room = coming.most() + limits::HTTP2_FRAME_BYTES;
    let of_device = shared.budget.known.take(named.head(), room).await;
    let _room = match of_device {
        Ok(room) => room,
        Err(error) => return Err(coming.refused(error)),
    };
    let piece = coming.rest().await?;
    if PhotoHash::of(&piece) != checksum {
        return Err(ApiError::Checksum);
    }
    // The piece may have been long on its way.
    let mut view = shared.store.view().await?;
    device::active(&mut view, named.coming.device).await?;
    drop(view);
    if named.media.is_some() {
        return Ok(wrong_offset(named.coming.bytes));
    }
    let (own, coming, now) = (Arc::clone(&shared), named.coming, shared.clock.now());
    let mut view = shared.store.view().await?;
    usage::check_photos(&mut view, coming.device, (&shared.quotas, now)).await?;
    view.rollback().await?;
    let added = tokio::task::spawn_blocking(move || own.album.add(&coming, at, &piece))
        .await
        .map_err(|_| ApiError::Internal)?;
    match added {
        Ok(Added::Part(come)) => Ok(offset(StatusCode::NO_CONTENT, come)),
        Ok(Added::Whole(media)) => {
            let whole = table::Whole {
                hash: coming.hash,
                bytes: coming.bytes,
                media: media.name(),
                device: coming.device,
                at: clock::now(),
            };
            let mut write = shared.store.begin().await?;
            table::put(&mut write, &whole).await?;
            table::link(&mut write, named.record, (coming.hash, named.size)).await?;
            let used = Used {
                photo_bytes: coming.bytes.into(),
                ..Used::default()
            };
            let of = (coming.device, &shared.quotas);
            usage::add(&mut write, of, used, now).await?;
            write.commit().await?;
            Ok(offset(StatusCode::NO_CONTENT, coming.bytes))
        }
        Err(Refused::Offset(come)) => Ok(wrong_offset(come)),
        Err(Refused::Because(error)) => Err(error),
    }
}

/// `GET`: the picture, or a range of it.
///
/// # Errors
/// When it is not whole here, or no record in the caller's scope names it.
pub(crate) async fn answer(
    State(shared): State<Arc<Shared>>,
    Path(hash): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let door = Door::of(&request)?;
    let headers = request.headers();
    let named = named(&shared, (&hash, query.as_deref()), headers).await?;
    door.prove(named.coming.device);
    // Held until the last byte of the picture is on its way: its reader may be slow.
    let size = usize::try_from(named.coming.bytes).unwrap_or(usize::MAX);
    let room = shared.budget.known.take(named.head(), size).await?;
    let media = named.media.ok_or(ApiError::UnknownPath)?;
    let hash = named.coming.hash;
    // All of it is compared with its name, whatever range is asked for.
    let path = shared.album.whole(&hash);
    let looked = tokio::task::spawn_blocking(move || Looked::at(&path, &hash)).await;
    let bytes = match looked.map_err(|_| ApiError::Internal)? {
        Looked::Sound(bytes) => Bytes::from(bytes),
        Looked::Damaged | Looked::Absent => {
            table::set_aside(&shared.store, &shared.album, hash).await?;
            return Err(ApiError::UnknownPath);
        }
    };
    let bytes = room.with(bytes);
    let mut response = match range(headers, bytes.len()) {
        None => Response::new(Body::from(bytes)),
        Some(Err(())) => {
            let text = format!("bytes */{}", bytes.len());
            let headers = [(header::CONTENT_RANGE, text)];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
        }
        Some(Ok((from, to))) => {
            let text = format!("bytes {from}-{to}/{}", bytes.len());
            let piece = Body::from(bytes.slice(from..=to));
            let headers = [(header::CONTENT_RANGE, text)];
            (StatusCode::PARTIAL_CONTENT, headers, piece).into_response()
        }
    };
    let media = HeaderValue::from_str(&media).map_err(|_| ApiError::Internal)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media);
    for (name, text) in PICTURE_HEADERS {
        headers.insert(name, HeaderValue::from_static(text));
    }
    Ok(response)
}

/// Nothing between the server and the app's own store may keep it, and nothing in it may run.
const PICTURE_HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::VARY, "authorization"),
    (header::ACCEPT_RANGES, "bytes"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_DISPOSITION, "attachment"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; sandbox",
    ),
];

/// `POST /api/v1/photos`: which photos of these records are whole here.
///
/// # Errors
/// When the caller is not known or may not see documents.
pub(crate) async fn arrived(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, ApiError> {
    let door = Door::of(&request)?;
    let body = body::small(&shared, &door, request, limits::OVERVIEW_BODY_BYTES_MAX).await?;
    let request: ArrivedRequest = message::decode(&body.bytes)?;
    if request.records.len() > RECORDS_MAX {
        return Err(ApiError::TooLarge);
    }
    let mut view = shared.store.view().await?;
    let who = (request.device, &request.secret);
    let (device, scope) = shared.admit(&mut view, who).await?;
    door.prove(device.id());
    drop(body);
    may_see(scope.me())?;
    let mut found = Arrived::default();
    for (record, grid, key) in table::arrived(&mut view, &request.records).await? {
        if scope.holds(&grid) {
            found.photos.push((record, key));
        }
    }
    Ok(super::binary(message::encode(&found), true))
}

fn may_see(member: &Member) -> Result<(), ApiError> {
    match access::reach(member) {
        Reach::Documents => Ok(()),
        Reach::PublicRows | Reach::Nothing => Err(ApiError::NotAllowed),
    }
}

/// Who asks, for which picture, and whether a record that they may read names it. A record that is
/// not there, one of somebody else's and one without this picture all look the same.
async fn named(
    shared: &Arc<Shared>,
    (hash, query): (&str, Option<&str>),
    headers: &HeaderMap,
) -> Result<Named, ApiError> {
    let (device, secret) = proof(headers).ok_or(ApiError::UnknownDevice)?;
    let query = query.unwrap_or_default();
    let hash = PhotoHash::from_hex(hash).map_err(|_| ApiError::UnknownPath)?;
    let record: Option<RecordId> = value(query, "record").and_then(|text| text.parse().ok());
    let size = value(query, "size").and_then(Size::from_code);
    let (Some(record), Some(size)) = (record, size) else {
        return Err(ApiError::Malformed);
    };
    let mut view = shared.store.view().await?;
    let (device, scope) = shared.admit(&mut view, (device, &secret)).await?;
    drop(view);
    may_see(scope.me())?;
    let _turn = shared.looks.take(head_of_device(device.id()), 1).await?;
    let mut view = shared.store.view().await?;
    let known = log::load(&mut view, record).await?;
    let whole = table::find(&mut view, (record, hash), device.id()).await?;
    drop(view);
    if !known.grid.as_ref().is_some_and(|grid| scope.holds(grid)) {
        return Err(ApiError::UnknownPath);
    }
    let (kind, photos) = tokio::task::spawn_blocking(move || photos(&known))
        .await
        .map_err(|_| ApiError::Internal)?
        .ok_or(ApiError::UnknownPath)?;
    let mut pictures = photos.iter().map(|photo| photo.picture(size));
    let (_, bytes) = pictures
        .find(|(name, _)| *name == hash)
        .ok_or(ApiError::UnknownPath)?;
    if whole.as_ref().is_some_and(|held| !held.linked) {
        // The device sent it for another record; from now on it is known to be in this one too.
        let mut write = shared.store.begin().await?;
        table::link(&mut write, record, (hash, size)).await?;
        write.commit().await?;
    }
    let (media, stored) = whole.map(|held| (held.media, held.bytes)).unzip();
    Ok(Named {
        record,
        size,
        kind,
        scope,
        coming: Coming {
            device: device.id(),
            hash,
            // What is here is as long as it is, whatever the record says of it.
            bytes: stored.unwrap_or(bytes),
        },
        media,
    })
}

/// The photos that a record names.
pub(crate) fn photos(known: &log::Known) -> Option<(Kind, Vec<Photo>)> {
    let changes = known.part(Part::Body).iter().map(|kept| &kept.change);
    let tree = Reading::from_hashed(changes).0.tree();
    let kind = Header::fold(&tree).ok()?.kind;
    let photos = photo::of(&events(&tree));
    Some((kind, photos.into_iter().map(|kept| kept.photo).collect()))
}

/// `authorization: Device ID.SECRET`, both in hexadecimal digits.
pub(super) fn proof(headers: &HeaderMap) -> Option<(DeviceId, Secret)> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (device, secret) = text.strip_prefix("Device ")?.split_once('.')?;
    let secret = DeviceId::from_hex(secret).ok()?;
    Some((DeviceId::from_hex(device).ok()?, Secret(secret.0)))
}

fn piece_head(headers: &HeaderMap) -> Option<(u32, PhotoHash)> {
    let at = headers.get(OFFSET)?.to_str().ok()?.parse().ok()?;
    let sum = headers.get(CHECKSUM)?.to_str().ok()?;
    let sum = PhotoHash::from_hex(sum.strip_prefix("sha256 ")?).ok()?;
    Some((at, sum))
}

fn offset(status: StatusCode, come: u32) -> Response {
    let mut response = status.into_response();
    response
        .headers_mut()
        .insert(OFFSET, HeaderValue::from(come));
    response
}

fn wrong_offset(come: u32) -> Response {
    let mut response = ApiError::WrongOffset.into_response();
    response
        .headers_mut()
        .insert(OFFSET, HeaderValue::from(come));
    response
}

/// First and last byte of the one range that is asked for; none when the whole is.
fn range(headers: &HeaderMap, len: usize) -> Option<Result<(usize, usize), ()>> {
    let text = headers.get(header::RANGE)?.to_str().ok()?;
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let last = len.checked_sub(1)?;
    let (from, to) = match (from.parse::<usize>().ok(), to.parse::<usize>().ok()) {
        (Some(from), to) => (from, to.unwrap_or(last).min(last)),
        (None, Some(tail)) => (len.saturating_sub(tail), last),
        (None, None) => return None,
    };
    Some(if from <= to { Ok((from, to)) } else { Err(()) })
}
