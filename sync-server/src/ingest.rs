//! Taking a batch: every record's changes through the gate, then log, row and receipt together.
//!
//! The only code that writes to the log. It runs inside one write transaction of the caller, who
//! answers after the commit and not before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::access::Refusal;
use domain::document::{ChangeHead, Hashed};
use domain::id::{ActorKey, DeviceId, DocId, PersonId, RecordId, UnitId};
use domain::sync::message::{Batch, Item, ItemResult, PageDigest, Receipt};
use domain::time::Millis;
use domain::unit::Member;
use sqlx::SqliteConnection;

use crate::error::ApiError;
use crate::gate::{self, Case, Judgement, Pushed, Verdict};
use crate::healing::{self, Gap};
use crate::limits;
use crate::logging;
use crate::projection;
use crate::proof;
use crate::scope::Scope;
use crate::store::held::{self, Held};
use crate::store::log::{self, NewEntry, Owner};
use crate::store::{damage, device, org, receipt};

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
    match receipt::get(db, sender.device, no).await? {
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
        receipt::keep(db, sender.device, &receipt, sender.now).await?;
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
    let (authors, gap) = known_authors(db, sender, &batch).await?;
    let names = Names {
        grids: known_grids(db, sender, &batch).await?,
        authors,
    };
    let bringer = Bringer {
        device: sender.device,
        member: Arc::new(sender.scope.me().clone()),
        now: sender.now,
        gap,
        confirmed: false,
    };
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
    let mut all = Vec::new();
    for (record, items) in by_record {
        let (at, of_record): (Vec<usize>, Vec<Pushed>) = items
            .into_iter()
            .map(|(place, item)| (place, pushed(item, sender, &names)))
            .unzip();
        places.extend(at);
        all.push((record, of_record));
    }
    let outcome = judge_all(db, &bringer, all).await?;
    let outcome = keep(db, &bringer, outcome).await?;
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
) -> Result<Vec<Result<UnitId, Refusal>>, ApiError> {
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

/// Somebody whose changes a batch passes on.
struct Author {
    member: Arc<Member>,
    grids: BTreeSet<UnitId>,
}

/// The people whose changes a batch passes on, and the gap that they fill; none for one who is not
/// known, and for all while healing is closed.
async fn known_authors(
    db: &mut SqliteConnection,
    sender: &Sender,
    batch: &Batch,
) -> Result<(Vec<Option<Author>>, Option<Gap>), ApiError> {
    if batch.authors.is_empty() {
        return Ok((Vec::new(), None));
    }
    let gap = healing::open_gap(db, sender.now).await?;
    let mut known = Vec::with_capacity(batch.authors.len());
    for author in batch.authors.iter().take(limits::AUTHORS_MAX) {
        let found = match gap {
            Some(_) => self::author(db, author).await?,
            None => None,
        };
        known.push(found);
    }
    Ok((known, gap))
}

async fn author(db: &mut SqliteConnection, id: &PersonId) -> Result<Option<Author>, ApiError> {
    let Some(member) = org::person(db, id).await? else {
        return Ok(None);
    };
    let grids = org::grids_of(db, &member).await?;
    Ok(Some(Author {
        member: Arc::new(member),
        grids: grids.into_iter().map(|grid| grid.id).collect(),
    }))
}

/// A change with the grid that it names, and in whose name it comes.
fn pushed(item: Item, sender: &Sender, names: &Names) -> Pushed {
    let grid = names.grids.get(usize::from(item.grid)).cloned();
    let mut grid = grid.unwrap_or(Err(Refusal::UnknownGrid));
    let place = item.author.checked_sub(1).map(usize::from);
    let author = place.map(|place| names.authors.get(place).and_then(Option::as_ref));
    let passed_on = match author {
        // Whoever names himself passes nothing on.
        Some(Some(author)) if author.member.person == sender.scope.me().person => None,
        Some(Some(author)) => {
            if grid.as_ref().is_ok_and(|grid| !author.grids.contains(grid)) {
                grid = Err(Refusal::NotYourGrid);
            }
            Some(Some(Arc::clone(&author.member)))
        }
        Some(None) => Some(None),
        None => None,
    };
    Pushed {
        passed_on,
        part: item.doc.part,
        grid,
        change: item.change,
    }
}

/// The names that a batch uses, as far as they are known.
struct Names {
    grids: Vec<Result<UnitId, Refusal>>,
    authors: Vec<Option<Author>>,
}

/// Who brings changes, and on which terms.
struct Bringer {
    device: DeviceId,
    member: Arc<Member>,
    now: Millis,
    /// What passed-on changes fill.
    gap: Option<Gap>,
    /// The station has said that they hold.
    confirmed: bool,
}

/// Takes a change that was held, since the station says that it holds; it is judged by its author's
/// rights alone.
///
/// # Errors
/// When the database fails.
pub async fn confirm(
    db: &mut SqliteConnection,
    held: &Held,
    now: Millis,
) -> Result<ItemResult, ApiError> {
    let author = author(db, &held.author).await?;
    let bringer = Bringer {
        device: held.device,
        member: Arc::new(Member {
            person: held.passed_by.clone(),
            name: String::new(),
            roles: Vec::new(),
            units: Vec::new(),
        }),
        now,
        gap: Some(held.gap),
        confirmed: true,
    };
    let grid = match &author {
        Some(author) if !author.grids.contains(&held.grid) => Err(Refusal::NotYourGrid),
        Some(_) | None => Ok(held.grid.clone()),
    };
    // It lay on the disk meanwhile.
    let Ok(change) = Hashed::kept(held.hash, held.bytes.clone()) else {
        return Ok(ItemResult::Refused(Refusal::Damaged));
    };
    let pushed = Pushed {
        passed_on: Some(author.map(|author| author.member)),
        part: held.doc.part,
        grid,
        change,
    };
    let judged = judge_all(db, &bringer, vec![(held.doc.record, vec![pushed])]).await?;
    let results = keep(db, &bringer, judged).await?;
    results.first().copied().ok_or(ApiError::Internal)
}

/// A record's changes and what becomes of them.
type Judged = (RecordId, Vec<Pushed>, Judgement);

/// Whose author keys are.
#[derive(Default)]
struct Owners {
    /// By person; none inside for one who is not known here.
    people: BTreeMap<ActorKey, Option<PersonId>>,
    /// The devices that keys name which were not used before.
    named: BTreeMap<ActorKey, DeviceId>,
}

/// What becomes of a batch.
struct Outcome {
    judged: Vec<Judged>,
    named: BTreeMap<ActorKey, DeviceId>,
}

/// Judges the changes of each record against what is there.
async fn judge_all(
    db: &mut SqliteConnection,
    bringer: &Bringer,
    pushed: Vec<(RecordId, Vec<Pushed>)>,
) -> Result<Outcome, ApiError> {
    let records: Vec<RecordId> = pushed.iter().map(|(record, _)| *record).collect();
    let mut known = log::load_all(db, &records).await?;
    let damaged: Vec<i64> = known.values().flat_map(log::Known::found).collect();
    damage::set_aside(db, &damaged, bringer.now).await?;
    let Owners { people, named } = owners(db, bringer, &pushed).await?;
    let (member, confirmed) = (Arc::clone(&bringer.member), bringer.confirmed);
    // Merging is work for a processor, not for the loop that serves connections.
    let judged = tokio::task::spawn_blocking(move || {
        let judge = |(record, pushed): (RecordId, Vec<Pushed>)| {
            let case = Case {
                record,
                known: known.remove(&record).unwrap_or_default(),
                member: &member,
                owners: people.clone(),
                confirmed,
            };
            let judgement = gate::judge(case, &pushed);
            (record, pushed, judgement)
        };
        pushed.into_iter().map(judge).collect()
    });
    let judged = judged.await.map_err(|_| ApiError::Internal)?;
    Ok(Outcome { judged, named })
}

/// Whose the author keys are that changes name: of those that were used before, and of those that
/// name a device. Without the latter, whoever brings a lost change first would count as its author.
async fn owners(
    db: &mut SqliteConnection,
    bringer: &Bringer,
    pushed: &[(RecordId, Vec<Pushed>)],
) -> Result<Owners, ApiError> {
    let mut owners = Owners::default();
    let me = Some(bringer.member.person.clone());
    let mut unknown = Vec::new();
    let all = pushed.iter().flat_map(|(_, pushed)| gate::actors(pushed));
    for actor in all.collect::<BTreeSet<_>>() {
        match log::owner(db, actor).await? {
            Some(Owner { device, .. }) if device == Some(bringer.device) => {
                owners.people.insert(actor, me.clone());
            }
            Some(Owner { person, .. }) => {
                owners.people.insert(actor, person);
            }
            None if actor.names(bringer.device) => {
                owners.people.insert(actor, me.clone());
                owners.named.insert(actor, bringer.device);
            }
            None => unknown.push(actor),
        }
    }
    if unknown.is_empty() {
        return Ok(owners);
    }
    let devices = device::all(db).await?;
    let most = limits::KEYS_COMPARED_MAX / devices.len().max(1);
    for (actor, place) in unknown.into_iter().zip(0..) {
        if place >= most {
            // So many at once are not the keys of one device.
            owners.people.insert(actor, None);
        } else if let Some((device, person)) = devices.iter().find(|(id, _)| actor.names(*id)) {
            owners.people.insert(actor, Some(person.clone()));
            owners.named.insert(actor, *device);
        }
    }
    Ok(owners)
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
            (Some(_), Some(device)) => log::bind_actor(db, head.actor, *device).await?,
            // Whoever passes a change on does not become the owner of its author's key.
            (Some(author), None) => log::bind_person(db, head.actor, &author.person).await?,
        }
    }
    for (actor, at) in own {
        // What a person's other device wrote stays that device's.
        let device = named.get(&actor).copied().unwrap_or(bringer.device);
        log::bind_actor(db, actor, device).await?;
        proof::notice_fork(db, device, (actor, at), bringer.now).await?;
    }
    Ok(())
}

/// Writes what is kept, held and refused; one result for each change, in their order.
async fn keep(
    db: &mut SqliteConnection,
    bringer: &Bringer,
    Outcome { judged, named }: Outcome,
) -> Result<Vec<ItemResult>, ApiError> {
    let (mut new, mut kept, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for (record, pushed, judgement) in &judged {
        for (verdict, one) in judgement.verdicts.iter().zip(pushed) {
            if let Verdict::Keep(head, grid) = verdict {
                let author = one.passed_on.as_ref().and_then(Option::as_deref);
                let passer = author
                    .and(bringer.gap)
                    .map(|gap| (&bringer.member.person, gap));
                kept.push((one, head));
                new.push(NewEntry {
                    doc: DocId {
                        record: *record,
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
        rows.extend(judgement.row.clone());
    }
    bind(db, bringer, (&kept, &named)).await?;
    let first = log::append(db, &new).await?;
    projection::put(db, &rows).await?;
    let places: BTreeMap<_, _> = new
        .iter()
        .map(|new| (new.doc, new.hash))
        .zip(first..)
        .collect();
    let any_held = !new.is_empty() && held::count(db).await? > 0;
    let mut results = Vec::new();
    for (record, pushed, judgement) in &judged {
        for (verdict, one) in judgement.verdicts.iter().zip(pushed) {
            let doc = DocId {
                record: *record,
                part: one.part,
            };
            let place = |hash| places.get(&(doc, hash)).copied().unwrap_or(0);
            results.push(match verdict {
                Verdict::Keep(head, _) => {
                    if any_held {
                        held::drop(db, doc, head.hash).await?;
                    }
                    ItemResult::Kept(place(head.hash))
                }
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
                Verdict::Refuse(refusal) => {
                    refuse(db, bringer, (doc, one.change.bytes()), *refusal).await?;
                    ItemResult::Refused(*refusal)
                }
            });
        }
    }
    Ok(results)
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

async fn refuse(
    db: &mut SqliteConnection,
    bringer: &Bringer,
    (doc, bytes): (DocId, &[u8]),
    refusal: Refusal,
) -> Result<(), sqlx::Error> {
    let code = format!("{refusal:?}");
    logging::refused(&format!("change {code}"));
    tracing::debug!(doc = %doc, device = ?bringer.device, code, "change refused");
    let who = (bringer.device, &bringer.member.person);
    log::keep_poison(db, (doc, bytes), &code, who, bringer.now).await
}
