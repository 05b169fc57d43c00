//! The exchange: join, push and pull in one round trip.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::response::Response;
use domain::id::{ChangeHash, DeviceId, DocId, UnitId};
use domain::sync::lean::{self, Known};
use domain::sync::message::{self, Answer, Ask, Batch, Item, ItemResult, LeanBatch, Receipt};
use domain::sync::signed::{DeviceHead, head_of_device};
use domain::time::Millis;
use sqlx::SqliteConnection;

use crate::budget::{self, Permit};
use crate::error::ApiError;
use crate::ingest::{self, Sender, Signature};
use crate::parts::{Owner, PartId};
use crate::peer::Door;
use crate::prefix::Prefix;
use crate::route::body::Inflow;
use crate::route::caller::{self, Met, Proof};
use crate::route::parts::{self, Piece};
use crate::route::reply::reply;
use crate::router::Shared;
use crate::scope::Scope;
use crate::store::device::Device;
use crate::store::{log, usage};
use crate::turns::{Asking, Turn};
use crate::{keys, limits};

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

/// Room for a request that is coming.
enum Room {
    Known { _room: Permit<DeviceHead> },
    Claimed { _room: Permit<Prefix> },
}

/// Looks up who sends what is coming, and makes room for all of it: in the share of the device that
/// proved itself or will at once, or in that of claims.
async fn known(shared: &Shared, door: &Door, coming: &mut Inflow) -> Result<(Met, Room), ApiError> {
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
    let bytes = budget::exchange_bytes(coming.most());
    let room = match &met {
        Met::Signers(_) if !coming.is_whole() => Room::Claimed {
            _room: shared
                .budget
                .claims
                .take(Prefix::of(door.peer.0), bytes)
                .await?,
        },
        Met::Signers(_) | Met::Known(_) | Met::Invited(_) => Room::Known {
            _room: shared.budget.known.take(caller.head(), bytes).await?,
        },
    };
    Ok((met, room))
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
    // Whoever carries another's request is not its device.
    if ask.kib() > 0 {
        door.prove(device.id());
    }
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
    let answer = reply(shared, device, &ask, (receipt, now)).await?;
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
    let (grids, device) = (grids(&batch), sender.device);
    let signature = proof.map(|(signed, key)| Signature { signed, key });
    let to = (&shared.store, &shared.scopes);
    let receipt = ingest::push(to, sender, batch, (signature, &shared.quotas)).await?;
    let (place, grids) = kept(&receipt, grids);
    shared.news.tell(place, grids.into_iter(), device);
    Ok(receipt)
}

/// The grid of each item of a batch.
fn grids(batch: &Batch) -> Vec<Option<UnitId>> {
    let items = batch.items.iter();
    let grid = |item: &Item| batch.grids.get(usize::from(item.grid)).cloned();
    items.map(grid).collect()
}

/// The place of the last change that was new, and the grids of those that were.
fn kept(receipt: &Receipt, grids: Vec<Option<UnitId>>) -> (u64, BTreeSet<UnitId>) {
    let mut last = 0;
    let mut of = BTreeSet::new();
    for (result, grid) in receipt.results.iter().zip(grids) {
        if let ItemResult::Kept(place) = result {
            last = last.max(*place);
            of.extend(grid);
        }
    }
    (last, of)
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

#[cfg(test)]
mod tests {
    use domain::access::Refusal;

    use super::*;

    /// Seen: every code that a batch named was remembered for listeners, and all of them were woken.
    #[test]
    fn lv1_listeners_hear_of_grids_of_which_something_was_kept_and_of_no_others() {
        let grid = |code: &str| code.parse::<UnitId>().ok();
        let receipt = Receipt {
            no: 1,
            digest: [0; 16],
            results: vec![
                ItemResult::Refused(Refusal::UnknownGrid),
                ItemResult::Kept(7),
                ItemResult::Had(9),
                ItemResult::Kept(8),
            ],
        };
        let grids = ["invented", "a1", "a2", "a1"].map(grid);
        let (last, of) = kept(&receipt, grids.into());
        assert_eq!(last, 8);
        assert_eq!(
            of.into_iter().collect::<Vec<_>>(),
            [grid("a1").expect("a code")]
        );
    }
}
