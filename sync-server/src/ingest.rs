//! Taking a batch: every record's changes through the gate, then log, row and receipt together.
//!
//! The only code that writes to the log. It runs inside one write transaction of the caller, who
//! answers after the commit and not before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::access::Refusal;
use domain::id::{ActorKey, DeviceId, DocId, RecordId};
use domain::sync::message::{Batch, Item, ItemResult, PageDigest, Receipt};
use domain::time::Millis;
use domain::unit::Member;
use sqlx::SqliteConnection;

use crate::error::ApiError;
use crate::gate::{self, Case, Judgement, Pushed, Verdict};
use crate::healing;
use crate::projection;
use crate::proof;
use crate::scope::Scope;
use crate::store::log::{self, NewEntry};
use crate::store::{device, org};

/// Who pushes.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The device.
    pub device: DeviceId,
    /// Its person's scope.
    pub scope: Arc<Scope>,
    /// The server's clock.
    pub now: Millis,
}

/// The receipt of the same batch taken before, if it was.
///
/// # Errors
/// When the number was used for another batch, or the database fails.
pub async fn taken(
    db: &mut SqliteConnection,
    sender: &Sender,
    (no, digest): (u64, PageDigest),
) -> Result<Option<Receipt>, ApiError> {
    match log::receipt(db, sender.device, no).await? {
        Some((known, receipt)) if known == digest => Ok(Some(receipt)),
        Some(_) => Err(ApiError::BatchDiffers),
        None => Ok(None),
    }
}

/// Takes a batch that was not taken before.
///
/// # Errors
/// When the database fails: nothing was taken then.
pub async fn push(
    db: &mut SqliteConnection,
    sender: &Sender,
    batch: Batch,
) -> Result<Receipt, ApiError> {
    let digest = batch.digest();
    let no = batch.no;
    let results = take(db, sender, batch).await?;
    let receipt = Receipt {
        no,
        digest,
        results,
    };
    // What was refused may be taken the next time, when what it follows has come or a grid came
    // into scope: such a batch is judged anew, and what was taken is known by its hash.
    let refused = |result: &ItemResult| matches!(result, ItemResult::Refused(_));
    if !receipt.results.iter().any(refused) {
        log::keep_receipt(db, sender.device, &receipt, sender.now).await?;
    }
    Ok(receipt)
}

/// Takes the changes of a batch, record by record, without a receipt.
pub(crate) async fn take(
    db: &mut SqliteConnection,
    sender: &Sender,
    batch: Batch,
) -> Result<Vec<ItemResult>, ApiError> {
    let mut results = vec![ItemResult::Refused(Refusal::Damaged); batch.items.len()];
    let grids = known_grids(db, sender, &batch).await?;
    let authors = known_authors(db, sender, &batch).await?;
    let mut by_record: Vec<(RecordId, Vec<(usize, Item)>)> = Vec::new();
    let mut places = BTreeMap::new();
    for (place, item) in batch.items.into_iter().enumerate() {
        let next = by_record.len();
        let slot = *places.entry(item.doc.record).or_insert(next);
        match by_record.get_mut(slot) {
            Some((_, items)) => items.push((place, item)),
            None => by_record.push((item.doc.record, vec![(place, item)])),
        }
    }
    let mut places = Vec::new();
    let mut pushed = Vec::new();
    for (record, items) in by_record {
        let (at, of_record): (Vec<usize>, Vec<Pushed>) = items
            .into_iter()
            .map(|(place, item)| {
                let grid = grids.get(usize::from(item.grid)).cloned();
                let author = item.author.checked_sub(1).map(usize::from);
                let one = Pushed {
                    passed_on: author.map(|place| authors.get(place).cloned().flatten()),
                    part: item.doc.part,
                    grid: grid.unwrap_or(Err(Refusal::UnknownGrid)),
                    change: item.change,
                };
                (place, one)
            })
            .unzip();
        places.extend(at);
        pushed.push((record, of_record));
    }
    let outcome = judge_all(db, sender, pushed).await?;
    let outcome = keep(db, sender, outcome).await?;
    for (place, result) in places.into_iter().zip(outcome) {
        if let Some(slot) = results.get_mut(place) {
            *slot = result;
        }
    }
    Ok(results)
}

/// Which of the grids that a batch names exist and are the sender's.
async fn known_grids(
    db: &mut SqliteConnection,
    sender: &Sender,
    batch: &Batch,
) -> Result<Vec<Result<domain::id::UnitId, Refusal>>, ApiError> {
    let mut known = Vec::with_capacity(batch.grids.len());
    for grid in &batch.grids {
        let verdict = if sender.scope.holds(grid) {
            Ok(grid.clone())
        } else if org::grid_by_id(db, grid).await?.is_some() {
            Err(Refusal::NotYourGrid)
        } else {
            Err(Refusal::UnknownGrid)
        };
        known.push(verdict);
    }
    Ok(known)
}

/// The people whose changes a batch passes on; none for one who is not known, or while nothing was
/// lost that others could bring back.
async fn known_authors(
    db: &mut SqliteConnection,
    sender: &Sender,
    batch: &Batch,
) -> Result<Vec<Option<Arc<Member>>>, ApiError> {
    let mut known = Vec::with_capacity(batch.authors.len());
    let is_on = !batch.authors.is_empty() && healing::is_on(db, sender.now).await?;
    for author in &batch.authors {
        let member = match is_on {
            true => org::person(db, author).await?,
            false => None,
        };
        known.push(member.map(Arc::new));
    }
    Ok(known)
}

/// A record's changes and what becomes of them.
type Judged = (RecordId, Vec<Pushed>, Judgement);

/// Judges the changes of each record against what is there.
async fn judge_all(
    db: &mut SqliteConnection,
    sender: &Sender,
    pushed: Vec<(RecordId, Vec<Pushed>)>,
) -> Result<Vec<Judged>, ApiError> {
    let records: Vec<RecordId> = pushed.iter().map(|(record, _)| *record).collect();
    let mut known = log::load_all(db, &records).await?;
    let owners = owners(db, sender, &pushed).await?;
    let (scope, device) = (Arc::clone(&sender.scope), sender.device);
    // Merging is work for a processor, not for the loop that serves connections.
    let judged = tokio::task::spawn_blocking(move || {
        let judge = |(record, pushed): (RecordId, Vec<Pushed>)| {
            let case = Case {
                record,
                known: known.remove(&record).unwrap_or_default(),
                member: scope.me(),
                device,
                owners: owners.clone(),
            };
            let judgement = gate::judge(case, &pushed);
            (record, pushed, judgement)
        };
        pushed.into_iter().map(judge).collect()
    });
    judged.await.map_err(|_| ApiError::Internal)
}

/// The author keys that changes name and that were used before, with the device of each.
async fn owners(
    db: &mut SqliteConnection,
    sender: &Sender,
    pushed: &[(RecordId, Vec<Pushed>)],
) -> Result<BTreeMap<ActorKey, DeviceId>, ApiError> {
    let mut owners = BTreeMap::new();
    let all = pushed.iter().flat_map(|(_, pushed)| gate::actors(pushed));
    for actor in all.collect::<BTreeSet<_>>() {
        if let Some(owner) = log::owner(db, actor).await? {
            let own = owner == sender.device || is_stand_in(db, sender, owner).await?;
            owners.insert(actor, if own { sender.device } else { owner });
        }
    }
    Ok(owners)
}

/// Whether the owner of a key is another device of the sender's person while a restored server is
/// healed: whichever of the two brought the lost changes back first counts as having written them.
async fn is_stand_in(
    db: &mut SqliteConnection,
    sender: &Sender,
    owner: DeviceId,
) -> Result<bool, ApiError> {
    let person = device::person(db, owner).await?;
    Ok(
        person.as_ref() == Some(&sender.scope.me().person)
            && healing::is_on(db, sender.now).await?,
    )
}

/// Writes what is kept and what is refused; one result for each change, in their order.
async fn keep(
    db: &mut SqliteConnection,
    sender: &Sender,
    judged: Vec<Judged>,
) -> Result<Vec<ItemResult>, ApiError> {
    let mut new = Vec::new();
    let mut actors = BTreeMap::new();
    let mut rows = Vec::new();
    for (record, pushed, judgement) in &judged {
        for (verdict, one) in judgement.verdicts.iter().zip(pushed) {
            if let Verdict::Keep(head, grid) = verdict {
                let author = one.passed_on.as_ref().and_then(Option::as_deref);
                // Whoever passes a change on does not become the owner of its author's key.
                if author.is_none() {
                    actors.entry(head.actor).or_insert(head.at);
                }
                new.push(NewEntry {
                    doc: DocId {
                        record: *record,
                        part: one.part,
                    },
                    grid,
                    hash: head.hash,
                    bytes: one.change.bytes(),
                    author: &author.unwrap_or(sender.scope.me()).person,
                    device: sender.device,
                    device_at: head.at,
                    received_at: sender.now,
                });
            }
        }
        rows.extend(judgement.row.clone());
    }
    for (actor, at) in actors {
        log::bind_actor(db, actor, sender.device).await?;
        proof::notice_fork(db, sender.device, (actor, at), sender.now).await?;
    }
    let first = log::append(db, &new).await?;
    projection::put(db, &rows).await?;
    let places: BTreeMap<_, _> = new
        .iter()
        .map(|new| (new.doc, new.hash))
        .zip(first..)
        .collect();
    let mut results = Vec::new();
    for (record, pushed, judgement) in &judged {
        for (verdict, one) in judgement.verdicts.iter().zip(pushed) {
            let doc = DocId {
                record: *record,
                part: one.part,
            };
            let place = |hash| places.get(&(doc, hash)).copied().unwrap_or(0);
            results.push(match verdict {
                Verdict::Keep(head, _) => ItemResult::Kept(place(head.hash)),
                // A change that came twice in one batch has the place that its first copy got.
                Verdict::Had(0, hash) => ItemResult::Had(place(*hash)),
                Verdict::Had(seq, _) => ItemResult::Had(*seq),
                Verdict::Refuse(refusal) => {
                    refuse(db, sender, (doc, one.change.bytes()), *refusal).await?;
                    ItemResult::Refused(*refusal)
                }
            });
        }
    }
    Ok(results)
}

async fn refuse(
    db: &mut SqliteConnection,
    sender: &Sender,
    (doc, bytes): (DocId, &[u8]),
    refusal: Refusal,
) -> Result<(), sqlx::Error> {
    tracing::info!(doc = %doc, device = ?sender.device, ?refusal, "change refused");
    let code = format!("{refusal:?}");
    let who = (sender.device, &sender.scope.me().person);
    log::keep_poison(db, (doc, bytes), &code, who, sender.now).await
}
