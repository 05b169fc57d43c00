//! Writing what a batch comes to: what is kept, held for the station, and refused.

use std::collections::BTreeMap;

use domain::access::Refusal;
use domain::document::ChangeHead;
use domain::id::{ActorKey, ChangeHash, DeviceId, DocId, UnitId};
use domain::sync::message::ItemResult;
use sqlx::SqliteConnection;

use super::{Bringer, Work};
use crate::error::ApiError;
use crate::gate::{Pushed, Verdict};
use crate::logging;
use crate::projection;
use crate::proof;
use crate::store::held::{self, Held};
use crate::store::log::{self, NewEntry};
use crate::store::poison::{self, Poison};
use crate::store::usage::Used;
use crate::store::{author, damage};

/// Writes it all; one result for each change, in their order, and what of the device's day this takes.
pub(super) async fn keep(
    db: &mut SqliteConnection,
    bringer: &Bringer,
    work: &Work,
) -> Result<(Vec<ItemResult>, Used), ApiError> {
    let (mut new, mut kept, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let mut used = Used::default();
    for of in &work.records {
        let (stand, judgement) = of.judged.as_ref().ok_or(ApiError::Internal)?;
        let before = new.len();
        for (verdict, one) in judgement.verdicts.iter().zip(&of.pushed) {
            if let Verdict::Keep(head, grid) = verdict {
                let author = one.passed_on.as_ref().and_then(Option::as_deref);
                let passer = author
                    .and(bringer.gap)
                    .map(|gap| (&bringer.member.person, gap));
                kept.push((one, head));
                new.push(NewEntry {
                    doc: DocId {
                        record: of.record,
                        part: one.part,
                    },
                    grid,
                    hash: head.hash,
                    bytes: one.change.bytes(),
                    author: &author.unwrap_or(&bringer.member).person,
                    device: bringer.device,
                    device_at: head.at,
                    received_at: bringer.now,
                    passed_on: passer,
                });
            }
        }
        used.records += u64::from(stand.count == 0 && new.len() > before);
        rows.extend(judgement.row.clone());
    }
    bind(db, bringer, (&kept, &work.named())).await?;
    used.changes = u64::try_from(new.len()).unwrap_or(u64::MAX);
    let bytes: usize = new.iter().map(|new| new.bytes.len()).sum();
    used.bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    let first = log::append(db, &new).await?;
    projection::put(db, &rows).await?;
    let places = new.iter().map(|new| (new.doc, new.hash)).zip(first..);
    let places: Places = places.collect();
    if !places.is_empty() && held::count(db).await? > 0 {
        for (doc, hash) in places.keys() {
            held::drop(db, *doc, *hash).await?;
        }
    }
    let results = results(db, bringer, (work, &places)).await?;
    let refused = results
        .iter()
        .filter(|one| matches!(one, ItemResult::Refused(_)));
    used.refused = u64::try_from(refused.count()).unwrap_or(u64::MAX);
    Ok((results, used))
}

type Places = BTreeMap<(DocId, ChangeHash), u64>;

/// What became of each change, in their order; what is held or refused is written down.
async fn results(
    db: &mut SqliteConnection,
    bringer: &Bringer,
    (work, places): (&Work, &Places),
) -> Result<Vec<ItemResult>, ApiError> {
    let mut results = vec![ItemResult::Refused(Refusal::Damaged); work.count];
    let mut poison = Vec::new();
    for of in &work.records {
        let verdicts = of.judged.iter().flat_map(|(_, judged)| &judged.verdicts);
        for ((verdict, one), (at, ..)) in verdicts.zip(&of.pushed).zip(&of.named) {
            let doc = DocId {
                record: of.record,
                part: one.part,
            };
            let place = |hash| places.get(&(doc, hash)).copied().unwrap_or(0);
            let result = match verdict {
                Verdict::Keep(head, _) => ItemResult::Kept(place(head.hash)),
                // A change that came twice in one batch has the place that its first copy got.
                Verdict::Had(0, hash) => ItemResult::Had(place(*hash)),
                Verdict::Had(seq, _) => ItemResult::Had(*seq),
                Verdict::Back(seq) => {
                    damage::restore(db, (doc, &one.change), bringer.now).await?;
                    ItemResult::Kept(*seq)
                }
                Verdict::Hold(head, grid) => {
                    hold(db, bringer, (doc, one), (head, grid)).await?;
                    ItemResult::Refused(Refusal::NotYourRole)
                }
                Verdict::Refuse(why) => {
                    let (bytes, why) = (one.change.bytes(), *why);
                    poison.push(Poison { doc, bytes, why });
                    ItemResult::Refused(why)
                }
            };
            if let Some(slot) = results.get_mut(*at) {
                *slot = result;
            }
        }
    }
    for one in &poison {
        logging::refused(&format!("change {:?}", one.why));
    }
    let who = (bringer.device, &bringer.member.person);
    poison::keep_poison(db, &poison, who, bringer.now).await?;
    Ok(results)
}

/// Binds the author keys of what is kept to the devices that they belong to.
async fn bind(
    db: &mut SqliteConnection,
    bringer: &Bringer,
    (kept, named): (&[(&Pushed, &ChangeHead)], &BTreeMap<ActorKey, DeviceId>),
) -> Result<(), ApiError> {
    let mut own = BTreeMap::new();
    for (one, head) in kept {
        let author = one.passed_on.as_ref().and_then(Option::as_deref);
        match (author, named.get(&head.actor)) {
            (None, _) => drop(own.entry(head.actor).or_insert(head.at)),
            (Some(_), Some(device)) => author::bind_actor(db, head.actor, *device).await?,
            // Whoever passes a change on does not become the owner of its author's key.
            (Some(author), None) => author::bind_person(db, head.actor, &author.person).await?,
        }
    }
    for (actor, at) in own {
        // What a person's other device wrote stays that device's.
        let device = named.get(&actor).copied().unwrap_or(bringer.device);
        author::bind_actor(db, actor, device).await?;
        proof::notice_fork(db, device, (actor, at), bringer.now).await?;
    }
    Ok(())
}

/// Keeps a step for the station, which the person who passes it on may not take.
async fn hold(
    db: &mut SqliteConnection,
    bringer: &Bringer,
    (doc, one): (DocId, &Pushed),
    (head, grid): (&ChangeHead, &UnitId),
) -> Result<(), ApiError> {
    let author = one.passed_on.as_ref().and_then(Option::as_deref);
    let (Some(author), Some(gap)) = (author, bringer.gap) else {
        return Ok(());
    };
    let held = Held {
        doc,
        hash: head.hash,
        grid: grid.clone(),
        bytes: one.change.bytes().to_vec(),
        author: author.person.clone(),
        device: bringer.device,
        passed_by: bringer.member.person.clone(),
        at: bringer.now,
        gap,
    };
    if !held::put(db, &held).await? {
        tracing::warn!(device = ?bringer.device, "no room for steps that wait for the station");
    }
    Ok(())
}
