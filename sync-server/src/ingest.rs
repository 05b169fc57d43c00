//! Taking a batch: every record's changes through the gate, then log, row and receipt together.
//!
//! The only code that writes to the log. It runs inside one write transaction of the caller, who
//! answers after the commit and not before.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::access::Refusal;
use domain::id::{DeviceId, DocId, RecordId};
use domain::sync::message::{Batch, Item, ItemResult, PageDigest, Receipt};
use domain::time::Millis;
use sqlx::SqliteConnection;

use crate::error::ApiError;
use crate::gate::{self, Case, Judgement, Pushed, Verdict};
use crate::projection;
use crate::scope::Scope;
use crate::store::log::{self, NewEntry};
use crate::store::org;

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
    log::keep_receipt(db, sender.device, &receipt, sender.now).await?;
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
    for (record, items) in by_record {
        let (places, pushed): (Vec<usize>, Vec<Pushed>) = items
            .into_iter()
            .map(|(place, item)| {
                let grid = grids.get(usize::from(item.grid)).cloned();
                let grid = grid.unwrap_or(Err(Refusal::UnknownGrid));
                (
                    place,
                    Pushed {
                        part: item.doc.part,
                        grid,
                        bytes: item.change,
                    },
                )
            })
            .unzip();
        let outcome = record_batch(db, sender, record, pushed).await?;
        for (place, result) in places.into_iter().zip(outcome) {
            if let Some(slot) = results.get_mut(place) {
                *slot = result;
            }
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

async fn record_batch(
    db: &mut SqliteConnection,
    sender: &Sender,
    record: RecordId,
    pushed: Vec<Pushed>,
) -> Result<Vec<ItemResult>, ApiError> {
    let known = log::load(db, record).await?;
    let mut owners = BTreeMap::new();
    for actor in gate::actors(&pushed) {
        if let Some(owner) = log::owner(db, actor).await? {
            owners.insert(actor, owner);
        }
    }
    let (scope, device) = (Arc::clone(&sender.scope), sender.device);
    // Merging is work for a processor, not for the loop that serves connections.
    let judged = tokio::task::spawn_blocking(move || {
        let case = Case {
            record,
            known,
            member: scope.me(),
            device,
            owners,
        };
        let judgement = gate::judge(case, &pushed);
        (judgement, pushed)
    });
    let (judgement, pushed) = judged.await.map_err(|_| ApiError::Internal)?;
    keep(db, sender, record, (judgement, &pushed)).await
}

async fn keep(
    db: &mut SqliteConnection,
    sender: &Sender,
    record: RecordId,
    (judgement, pushed): (Judgement, &[Pushed]),
) -> Result<Vec<ItemResult>, ApiError> {
    let mut results = Vec::with_capacity(pushed.len());
    let mut fresh = BTreeMap::new();
    for (verdict, one) in judgement.verdicts.into_iter().zip(pushed) {
        let doc = DocId {
            record,
            part: one.part,
        };
        let result = match verdict {
            Verdict::Keep(head, grid) => {
                log::bind_actor(db, head.actor, sender.device).await?;
                let new = NewEntry {
                    doc,
                    grid: &grid,
                    hash: head.hash,
                    bytes: &one.bytes,
                    author: &sender.scope.me().person,
                    device: sender.device,
                    device_at: head.at,
                    received_at: sender.now,
                };
                let seq = log::append(db, &new).await?;
                fresh.insert((one.part, head.hash), seq);
                ItemResult::Kept(seq)
            }
            // A change that came twice in one batch has the place that its first copy got.
            Verdict::Had(0, hash) => {
                let seq = fresh.get(&(one.part, hash)).copied().unwrap_or(0);
                ItemResult::Had(seq)
            }
            Verdict::Had(seq, _) => ItemResult::Had(seq),
            Verdict::Refuse(refusal) => {
                refuse(db, sender, (doc, &one.bytes), refusal).await?;
                ItemResult::Refused(refusal)
            }
        };
        results.push(result);
    }
    if let Some(row) = &judgement.row {
        projection::put(db, row).await?;
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
