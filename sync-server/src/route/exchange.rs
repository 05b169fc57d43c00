//! The exchange: join, push and pull in one round trip.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::response::Response;
use domain::access;
use domain::id::{ChangeHash, DeviceId, DocId};
use domain::sync::lean::{self, Known};
use domain::sync::message::{
    self, Answer, Ask, Batch, Cell, ItemResult, LeanBatch, Receipt, UsedUp,
};
use domain::sync::repair::{Repair, Repaired};
use domain::sync::signed::{DeviceHead, head_of_device};
use domain::sync::sum::ShortSum;
use domain::time::Millis;
use sqlx::SqliteConnection;

use crate::budget::{self, Permit};
use crate::cursor::Below;
use crate::error::ApiError;
use crate::ingest::{self, Sender, Signature};
use crate::parts::{Owner, PartId};
use crate::peer::Door;
use crate::prefix::Prefix;
use crate::pull::{self, Page, Place, Reader, Told};
use crate::route::body::Inflow;
use crate::route::caller::{self, Met, Proof};
use crate::route::parts::{self, Piece};
use crate::router::Shared;
use crate::scope::{self, Scope};
use crate::store::damage;
use crate::store::device::{self, Device};
use crate::store::{log, usage};
use crate::turns::{Asking, Turn};
use crate::{frames, healing, keys, limits, projection, repair};

/// Answers one exchange; the answer is sent after the commit of what was pushed.
///
/// # Errors
/// When the request as a whole is refused; nothing was changed then.
pub(crate) async fn answer(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, ApiError> {
    let door = Door::of(&request)?;
    let named = super::is_named(&request);
    let Some(piece) = Piece::read(request.uri().query())? else {
        let answered = at_once(&shared, &door, request).await?;
        let id = PartId::of(&answered.bytes);
        // A small answer is as soon asked for again.
        let keeps = answered.bytes.len() >= limits::PART_BYTES_MIN;
        return respond(&shared, keeps.then_some(id), answered, named).await;
    };
    let owner = parts::owner(&shared, &door, request.headers()).await?;
    let room = parts::room(&shared, &door, (owner, piece.of)).await?;
    let body = super::read_piece(request, &piece, (&shared.parts, owner)).await?;
    let (body, id) = (body.ok_or(ApiError::WrongOffset)?, piece.id);
    // The connection may break while the server works: the work goes on and its answer is kept.
    let work = {
        let (shared, id) = (Arc::clone(&shared), id.clone());
        tokio::spawn(async move {
            let body = (Bytes::from(body), None);
            let answer = exchange(&shared, &door, body, Some((owner, &id))).await;
            if let Ok(answered) = &answer {
                answered.keep(&shared, &id);
            }
            shared.parts.forget(owner, &id);
            drop(room);
            answer
        })
    };
    let answered = work.await.map_err(|_| ApiError::Internal)??;
    respond(&shared, Some(id), answered, named).await
}

/// A request that comes whole: who sends it is known from its first bytes, and no more of it is
/// buffered before.
async fn at_once(
    shared: &Arc<Shared>,
    door: &Door,
    request: Request,
) -> Result<Answered, ApiError> {
    let mut coming = Inflow::of(request, limits::EXCHANGE_BODY_BYTES_MAX)?;
    let (met, room) = match known(shared, door, &mut coming).await {
        Ok(known) => known,
        Err(error) => return Err(coming.refused(error)),
    };
    let body = Bytes::from(coming.rest().await?);
    if body.len() < limits::WORK_BODY_BYTES {
        return exchange(shared, door, (body, Some(met)), None).await;
    }
    // Whoever leaves while it is worked on gives up its turn no sooner than the work is done.
    let (shared, door) = (Arc::clone(shared), door.clone());
    let work = tokio::spawn(async move {
        let answered = exchange(&shared, &door, (body, Some(met)), None).await;
        drop(room);
        answered
    });
    work.await.map_err(|_| ApiError::Internal)?
}

/// Looks up who sends what is coming, and makes room for all of it in the budget of known devices.
async fn known(
    shared: &Shared,
    door: &Door,
    coming: &mut Inflow,
) -> Result<(Met, Permit<DeviceHead>), ApiError> {
    let stranger = door.stranger(&shared.budget, limits::STRANGER_REQUEST_BYTES);
    let _stranger = stranger.await?;
    coming.begin().await?;
    let caller = if coming.is_whole() {
        message::Request::open(coming.first())?.0
    } else {
        message::Request::caller(coming.first())?
    };
    let met = caller::meet(shared, door.peer, &caller, shared.clock.now()).await?;
    if let Met::Known((device, _)) = &met {
        door.prove(device.id());
    }
    let room = &shared.budget.known;
    let room = room.take(caller.head(), budget::exchange_bytes(coming.most()));
    Ok((met, room.await?))
}

/// An answer, whose it is, and whom the rest of it is given to where it is cut.
struct Answered {
    bytes: Bytes,
    head: DeviceHead,
    reader: Option<DeviceId>,
}

impl Answered {
    fn keep(&self, shared: &Shared, id: &PartId) {
        if let Some(reader) = self.reader {
            shared.parts.keep(reader, id, self.bytes.clone());
        }
    }
}

/// The response; one with a name can be taken up where it is cut.
async fn respond(
    shared: &Shared,
    id: Option<PartId>,
    answered: Answered,
    named: bool,
) -> Result<Response, ApiError> {
    // Held until the last byte is on its way: its reader may be slow.
    let body = shared.budget.held(answered.head, answered.bytes.clone());
    let mut response = super::binary(body.await?, named);
    if let Some(id) = id
        && let Ok(name) = HeaderValue::from_str(id.as_str())
    {
        response.headers_mut().insert(parts::PART, name);
        answered.keep(shared, &id);
    }
    Ok(response)
}

/// One exchange: who asks, what is pushed, what is new.
async fn exchange(
    shared: &Shared,
    door: &Door,
    (body, met): (Bytes, Option<Met>),
    begun: Option<(Owner, &PartId)>,
) -> Result<Answered, ApiError> {
    let now = shared.clock.now();
    // Who asks is known before the rest of the body costs anything, and nothing is written before
    // all of it was read.
    let (caller, sealed) = message::Request::open(&body)?;
    let met = match met {
        Some(met) => met,
        None => caller::meet(shared, door.peer, &caller, now).await?,
    };
    let guest = caller::prove(shared, (met, door.peer), (&caller, &sealed)).await?;
    // Spliced from two, it is neither.
    if begun.is_some_and(|(_, name)| PartId::of(&body) != *name) {
        return Err(ApiError::Malformed);
    }
    let asking = Asking {
        device: guest.device().ok_or(ApiError::Internal)?,
        from: Prefix::of(door.peer.0),
        long: body.len() >= limits::LONG_BODY_BYTES,
    };
    // What costs time to unpack waits for its turn with it.
    let early = match asking.long {
        true => Some(shared.turns.take(asking).await?),
        false => None,
    };
    let (ask, batch) = match asking.long {
        true => unpacked(body.clone()).await?,
        false => sealed.unseal()?,
    };
    let turn = match early {
        None if batch.is_some() => Some(shared.turns.take(asking).await?),
        early => early,
    };
    let ((device, scope), proof) = guest.enter(shared, now).await?;
    door.prove(device.id());
    if let Some((owner @ Owner::Stranger(_), name)) = begun {
        shared.parts.joined(owner, name, device.id());
    }
    let who = (&device, scope);
    let answered = serve(shared, who, (ask, batch, turn), (proof.as_ref(), now)).await;
    let (bytes, is_receipt) = answered.inspect_err(|_| {
        if let Some((_, name)) = begun {
            shared.parts.forget(Owner::Device(device.id()), name);
        }
    })?;
    Ok(Answered {
        bytes,
        head: head_of_device(device.id()),
        // A receipt goes to whoever carried the request; everything else is its device's own.
        reader: match begun {
            _ if !is_receipt => Some(device.id()),
            Some((Owner::Device(carrier), _)) => Some(carrier),
            Some((Owner::Stranger(_), _)) | None => None,
        },
    })
}

/// Takes what a device brings and reads what is new for it; whether the answer is a receipt alone.
async fn serve(
    shared: &Shared,
    (device, scope): (&Device, Arc<Scope>),
    (ask, batch, turn): (Ask, Option<LeanBatch>, Option<Turn>),
    (proof, now): (Option<&Proof>, Millis),
) -> Result<(Bytes, bool), ApiError> {
    let receipt = match batch {
        None => None,
        Some(batch) => {
            let sender = Sender {
                device: device.id(),
                scope: Arc::clone(&scope),
                now,
            };
            Some(push(shared, sender, (batch, proof)).await?)
        }
    };
    drop(turn);
    if ask.kib() == 0 {
        // Whoever carries another's request hears what became of it, and nothing else.
        let heard = Answer::receipt_alone(now, receipt);
        return Ok((heard.encode(ask.whole).into(), true));
    }
    let answer = reply(shared, (device, scope), &ask, (receipt, now)).await?;
    Ok((answer.encode(ask.whole).into(), false))
}

/// What a long request asks and brings, unpacked on a thread that serves no connections.
async fn unpacked(body: Bytes) -> Result<(Ask, Option<LeanBatch>), ApiError> {
    let unpack = move || {
        let (_, sealed) = message::Request::open(&body)?;
        sealed.unseal()
    };
    let unpacked = tokio::task::spawn_blocking(unpack).await;
    Ok(unpacked.map_err(|_| ApiError::Internal)??)
}

/// Takes a batch, or finds the receipt of the same batch taken before.
async fn push(
    shared: &Shared,
    sender: Sender,
    (lean, proof): (LeanBatch, Option<&Proof>),
) -> Result<Receipt, ApiError> {
    let mut view = shared.store.view().await?;
    // Whoever has its secret alone cannot write in a device's name.
    if proof.is_none() && keys::signs(&mut view, sender.device).await? {
        return Err(ApiError::UnknownKey);
    }
    if let Some(receipt) = ingest::taken(&mut view, &sender, (lean.no(), lean.digest())).await? {
        return Ok(receipt);
    }
    // What came before is answered for on any day; only what is new is counted.
    usage::check(&mut view, sender.device, (&shared.quotas, sender.now)).await?;
    let batch = whole(&mut view, lean).await?;
    view.rollback().await?;
    let (grids, device) = (batch.grids.clone(), sender.device);
    let signature = proof.map(|(signed, key)| Signature { signed, key });
    let to = (&shared.store, &shared.scopes);
    let receipt = ingest::push(to, sender, batch, (signature, &shared.quotas)).await?;
    // A refused change of a grid among them costs its listeners an exchange, and nothing else.
    if let Some(place) = last_kept(&receipt) {
        shared.news.tell(place, grids.into_iter(), device);
    }
    Ok(receipt)
}

/// The place of the last change that was new.
fn last_kept(receipt: &Receipt) -> Option<u64> {
    let kept = receipt.results.iter().filter_map(|result| match result {
        ItemResult::Kept(place) => Some(*place),
        ItemResult::Had(_) | ItemResult::Refused(_) => None,
    });
    kept.max()
}

/// Rebuilds the changes of a batch from what the log holds.
async fn whole(db: &mut SqliteConnection, lean: LeanBatch) -> Result<Batch, ApiError> {
    let mut known = Hashes::default();
    for doc in lean.needed() {
        if let Entry::Vacant(place) = known.0.entry(doc) {
            place.insert(log::hashes(db, doc).await?);
        }
    }
    lean.rebuild(&known).ok_or(ApiError::UnknownChanges)
}

/// The hashes of documents, as far as they were read.
#[derive(Default)]
struct Hashes(BTreeMap<DocId, Vec<ChangeHash>>);

impl Known for Hashes {
    fn resolve(&self, doc: DocId, prefix: [u8; 4]) -> Option<ChangeHash> {
        lean::only(self.0.get(&doc)?, prefix)
    }
}

/// Reads what is new, and notes how far the device has come.
async fn reply(
    shared: &Shared,
    (device, scope): (&Device, Arc<Scope>),
    ask: &Ask,
    (receipt, now): (Option<Receipt>, Millis),
) -> Result<Answer, ApiError> {
    let mut reader = Reader {
        own: pushed(receipt.as_ref()),
        digest: digest(shared, &scope).await?,
        scope: Arc::clone(&scope),
        generation: shared.store.generation,
        key: shared.store.cursors.clone(),
        back: 0,
        seen_below: None,
        bytes_max: (usize::from(ask.kib()) * 1024)
            .clamp(limits::ANSWER_BYTES_MIN, limits::ANSWER_BYTES_MAX),
        frames_from: shared.frames_from,
        whole: ask.whole,
    };
    let mut found = look(shared, &mut reader, (ask, device.id(), now)).await?;
    note(shared, &reader, (&mut found, device.id(), now)).await?;
    let Found { page, back, .. } = found;
    let known = ask.directory == Some(scope.directory_digest);
    let mut answer = Answer {
        now,
        receipt,
        authors: page.authors,
        entries: page.entries,
        cursor: page.cursor,
        more: page.more,
        seen: found.seen,
        directory: (!known).then(|| scope.directory.clone()),
        sum: found.sum,
        repaired: found.repaired,
        frame: page.frame,
        cells: page.marks.into_iter().collect(),
    };
    answer.cells.extend(found.healing.then(Cell::healing));
    answer.cells.extend(Cell::retired(&page.retired));
    answer.cells.extend(Cell::notices(&found.used_up));
    answer.cells.extend(Cell::wanted_back(&back));
    if !ask.reads_cells() {
        answer.forget_cells();
    }
    Ok(answer)
}

/// The digest of a scope's streams, by which cursors are bound to it.
async fn digest(shared: &Shared, scope: &Scope) -> Result<[u8; 4], ApiError> {
    let mut view = shared.store.view().await?;
    if let Some(digest) = scope::digest(&mut view, &scope.streams).await? {
        return Ok(digest);
    }
    view.rollback().await?;
    let mut write = shared.store.begin().await?;
    let digest = scope::remember(&mut write, &scope.streams).await?;
    write.commit().await?;
    Ok(digest)
}

/// What one look at the store found for a device.
struct Found {
    page: Page,
    sum: Option<ShortSum>,
    repaired: Option<Repaired>,
    seen: u64,
    /// What is to be noted of this visit, if anything.
    visit: Option<device::Visit>,
    /// The device is the first in a while that shows newer work than the server has.
    witness: bool,
    healing: bool,
    used_up: Vec<UsedUp>,
    back: Vec<[u8; 16]>,
}

/// Reads everything that an answer says, as of one moment.
async fn look(
    shared: &Shared,
    reader: &mut Reader,
    (ask, device, now): (&Ask, DeviceId, Millis),
) -> Result<Found, ApiError> {
    let mut view = shared.store.view().await?;
    let (back, is_missing) = damage::back(&mut view).await?;
    reader.back = back;
    if is_missing {
        reader.seen_below = damage::first_missing(&mut view, &reader.scope.streams, now).await?;
    }
    let reader = &*reader;
    let scope = &reader.scope;
    let place = pull::place(&mut view, &ask.cursor, reader).await?;
    let mut page = page(shared, &mut view, reader, (ask, &place)).await?;
    let sum = match page.more {
        true => None,
        false => Some(repair::sum(&mut view, reader).await?),
    };
    let repaired = repair::answer(&mut view, reader, ask, &mut page).await?;
    let acked = acknowledged(reader, ask, &place);
    let visit = device::Visit { acked, now };
    let noteworthy = device::is_noteworthy(&mut view, device, visit).await?;
    Ok(Found {
        seen: seen(&mut view, reader).await?,
        witness: place.told == Told::Restored && healing::is_news(&mut view, device, now).await?,
        healing: healing::open_gap(&mut view, now).await?.is_some(),
        used_up: used_up(&mut view, scope, now).await?,
        back: match ask.reads_cells() && sum.is_some() {
            true => damage::wanted(&mut view, &scope.streams, now).await?,
            false => Vec::new(),
        },
        visit: noteworthy.then_some(visit),
        page,
        sum,
        repaired,
    })
}

/// The place up to which a device of the station has everything. It may have gone past what is set aside
/// as damaged without having it.
async fn seen(db: &mut SqliteConnection, reader: &Reader) -> Result<u64, ApiError> {
    let seen = device::seen(db, &reader.scope.stations()).await?;
    let below = reader
        .seen_below
        .map_or(u64::MAX, |first| first.saturating_sub(1));
    Ok(seen.min(below))
}

/// Writes down what a look brought to light, and what it means for the answer.
async fn note(
    shared: &Shared,
    reader: &Reader,
    (found, device, now): (&mut Found, DeviceId, Millis),
) -> Result<(), ApiError> {
    let damaged = &found.page.damaged;
    let aside = damage::note(&shared.store, &damaged.changes, now).await?;
    projection::put_right(&shared.store, &damaged.rows, now).await?;
    if found.sum.is_some() && !aside.is_empty() {
        // What was just found is not in the sum any more.
        let mut view = shared.store.view().await?;
        found.sum = Some(repair::sum(&mut view, reader).await?);
    }
    if let Some(made) = found.page.made.take() {
        let mut write = shared.store.begin().await?;
        made.keep(&mut write).await?;
        write.commit().await?;
    }
    if found.witness {
        let mut write = shared.store.begin().await?;
        healing::witness(&mut write, device, now).await?;
        write.commit().await?;
    }
    if let Some(visit) = found.visit {
        let mut write = shared.store.begin().await?;
        device::note_visit(&mut write, device, visit).await?;
        found.seen = seen(&mut write, reader).await?;
        write.commit().await?;
    }
    Ok(())
}

/// The devices that a station's device is told of: those of its own people that have used up their day.
async fn used_up(
    db: &mut SqliteConnection,
    scope: &Scope,
    now: Millis,
) -> Result<Vec<UsedUp>, ApiError> {
    if !access::is_station_staff(scope.me()) {
        return Ok(Vec::new());
    }
    let units: Vec<_> = scope
        .streams
        .iter()
        .chain(&scope.me().units)
        .cloned()
        .collect();
    let over = usage::over_in(db, &units, now).await?;
    let used_up = over.into_iter().map(|one| UsedUp {
        name: one.name,
        device: head_of_device(one.device),
        since: one.since,
    });
    Ok(used_up.collect())
}

/// What is new for a device, or what it asked for before its turn.
async fn page(
    shared: &Shared,
    db: &mut SqliteConnection,
    reader: &Reader,
    (ask, place): (&Ask, &Place),
) -> Result<Page, ApiError> {
    if matches!(ask.repair, Some(Repair::Record(_))) {
        // What somebody waits for comes alone; the rest goes on with the next exchange.
        return Ok(Page {
            more: true,
            ..Page::default()
        });
    }
    let begun = shared.bench_join.as_ref().map(|_| frames::spent_ns());
    let page = pull::page(db, reader, (&ask.cursor, place)).await?;
    if let Some(begun) = begun.filter(|_| page.made.is_some()) {
        frames::tell(begun);
    }
    Ok(page)
}

/// The places of what a batch brought.
fn pushed(receipt: Option<&Receipt>) -> BTreeSet<u64> {
    let results = receipt.into_iter().flat_map(|receipt| &receipt.results);
    let places = results.filter_map(|result| match result {
        ItemResult::Kept(place) | ItemResult::Had(place) => Some(*place),
        ItemResult::Refused(_) => None,
    });
    places.collect()
}

/// The place up to which a device of a station has everything; 0 for other people's devices, and for
/// one that cannot say that it has everything.
fn acknowledged(reader: &Reader, ask: &Ask, place: &Place) -> u64 {
    let whole = place.cursor.below == Below::Nothing && place.cursor.scope == reader.digest;
    let is_station = access::is_station_staff(reader.scope.me());
    if is_station && whole && ask.sound && place.told == Told::Reached {
        place.cursor.seq
    } else {
        0
    }
}
