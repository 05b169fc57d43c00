//! What a batch is judged by, as it was read at one moment, and whether it is still so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::access::Refusal;
use domain::id::{ActorKey, DeviceId, PersonId, RecordId, UnitId};
use domain::unit::Member;
use sqlx::SqliteConnection;

use super::{Bringer, OfRecord, Sender};
use crate::error::ApiError;
use crate::gate;
use crate::healing::{self, Gap};
use crate::limits;
use crate::store::author::{self, Owner};
use crate::store::log::{self, Known};
use crate::store::{self, device, org, retired};

/// What all judgements of a batch rely on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Common {
    pub(super) moment: Moment,
    /// The version of units and people.
    version: Vec<u8>,
    /// What passed-on changes fill; none while healing is closed.
    pub(super) gap: Option<Gap>,
    /// The grids that the batch names, or why one cannot be.
    pub(super) grids: Vec<Result<UnitId, Refusal>>,
    /// The people whose changes it passes on; none for one who is not known, and for all while healing
    /// is closed.
    pub(super) authors: Vec<Option<Author>>,
}

/// Nothing was appended, no author key bound and no device let in while this stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    last: u64,
    devices: i64,
}

/// Somebody whose changes a batch passes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Author {
    pub(super) member: Arc<Member>,
    grids: BTreeSet<UnitId>,
}

impl Author {
    pub(super) fn holds(&self, grid: &UnitId) -> bool {
        self.grids.contains(grid)
    }
}

impl Common {
    pub(super) async fn read(
        db: &mut SqliteConnection,
        sender: &Sender,
        (grids, authors): (&[UnitId], &[PersonId]),
    ) -> Result<Self, ApiError> {
        let gap = match authors {
            [] => None,
            [_, ..] => healing::open_gap(db, sender.now).await?,
        };
        let moment = Moment {
            last: log::last_seq(db).await?,
            devices: device::count(db).await?,
        };
        Ok(Self {
            moment,
            version: store::setting(db, org::VERSION).await?.unwrap_or_default(),
            gap,
            grids: known_grids(db, sender, grids).await?,
            authors: known_authors(db, gap, authors).await?,
        })
    }

    /// Whether the records and author keys are all that may stand otherwise now.
    pub(super) fn differs_by_the_log_alone(&self, other: &Self) -> bool {
        let moment = other.moment;
        Self {
            moment,
            ..self.clone()
        } == *other
    }
}

/// Which of the grids that a batch names exist and are the sender's.
async fn known_grids(
    db: &mut SqliteConnection,
    sender: &Sender,
    grids: &[UnitId],
) -> Result<Vec<Result<UnitId, Refusal>>, ApiError> {
    let others = grids.iter().filter(|grid| !sender.scope.holds(grid));
    let others: Vec<UnitId> = others.cloned().collect();
    let others = org::grids_among(db, &others).await?;
    let verdict = |grid: &UnitId| {
        if sender.scope.holds(grid) {
            Ok(grid.clone())
        } else if others.contains(grid) {
            Err(Refusal::NotYourGrid)
        } else {
            Err(Refusal::UnknownGrid)
        }
    };
    Ok(grids.iter().map(verdict).collect())
}

async fn known_authors(
    db: &mut SqliteConnection,
    gap: Option<Gap>,
    authors: &[PersonId],
) -> Result<Vec<Option<Author>>, ApiError> {
    let mut known = Vec::with_capacity(authors.len());
    for id in authors.iter().take(limits::AUTHORS_MAX) {
        known.push(match gap {
            Some(_) => author(db, id).await?,
            None => None,
        });
    }
    Ok(known)
}

/// Somebody whose changes others may pass on, with the grids that are theirs.
pub(super) async fn author(
    db: &mut SqliteConnection,
    id: &PersonId,
) -> Result<Option<Author>, ApiError> {
    let Some(member) = org::person(db, id).await? else {
        return Ok(None);
    };
    let grids = org::grids_of(db, &member).await?;
    Ok(Some(Author {
        member: Arc::new(member),
        grids: grids.into_iter().map(|grid| grid.id).collect(),
    }))
}

/// What the judgement of one record relies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stand {
    /// How many changes there are, and the place of the last.
    pub(super) count: usize,
    last: u64,
    /// An administrator took the record out of use.
    pub(super) retired: bool,
    /// Whose the author keys are that the pushed changes name; none inside for somebody who is not
    /// known here.
    pub(super) people: BTreeMap<ActorKey, Option<PersonId>>,
    /// The devices that keys name which were not used before.
    pub(super) named: BTreeMap<ActorKey, DeviceId>,
}

/// What the open records of a batch are judged by.
pub(super) struct Cases {
    known: BTreeMap<RecordId, Known>,
    owners: Owners,
    retired: BTreeSet<RecordId>,
    /// The changes that turned out to be damaged on the disk.
    pub(super) damaged: Vec<i64>,
}

impl Cases {
    pub(super) async fn read(
        db: &mut SqliteConnection,
        bringer: &Bringer,
        open: impl Iterator<Item = &OfRecord> + Clone,
    ) -> Result<Self, ApiError> {
        let records: Vec<RecordId> = open.clone().map(|of| of.record).collect();
        let known = log::load_all(db, &records).await?;
        Ok(Self {
            damaged: known.values().flat_map(Known::found).collect(),
            known,
            owners: owners(db, bringer, open).await?,
            retired: retired::among(db, &records).await?,
        })
    }

    /// What is known of a record, and what its judgement will rely on.
    pub(super) fn take(&mut self, of: &OfRecord) -> (Stand, Known) {
        let known = self.known.remove(&of.record).unwrap_or_default();
        let sound = known.body.iter().chain(&known.vault).map(|kept| kept.seq);
        let all = sound.chain(known.lacking.iter().map(|lacking| lacking.seq));
        let last = all.clone().max();
        let retired = self.retired.contains(&of.record);
        let count = (all.count(), last.unwrap_or(0));
        (self.owners.stand(of, count, retired), known)
    }
}

/// How records stand now.
pub(super) async fn stands(
    db: &mut SqliteConnection,
    bringer: &Bringer,
    records: &[OfRecord],
) -> Result<Vec<Stand>, ApiError> {
    let names: Vec<RecordId> = records.iter().map(|of| of.record).collect();
    let counts = log::counts(db, &names).await?;
    let owners = owners(db, bringer, records.iter()).await?;
    let retired = retired::among(db, &names).await?;
    let stand = |of: &OfRecord| {
        let count = counts.get(&of.record).copied().unwrap_or_default();
        owners.stand(of, count, retired.contains(&of.record))
    };
    Ok(records.iter().map(stand).collect())
}

/// Whose author keys are.
#[derive(Default)]
struct Owners {
    /// By person; none inside for one who is not known here.
    people: BTreeMap<ActorKey, Option<PersonId>>,
    /// The devices that keys name which were not used before.
    named: BTreeMap<ActorKey, DeviceId>,
}

impl Owners {
    /// Of these the keys that the changes of one record name.
    fn stand(&self, of: &OfRecord, (count, last): (usize, u64), retired: bool) -> Stand {
        let actors = gate::actors(&of.pushed);
        let people = actors
            .iter()
            .filter_map(|actor| self.people.get_key_value(actor));
        let named = actors
            .iter()
            .filter_map(|actor| self.named.get_key_value(actor));
        Stand {
            count,
            last,
            retired,
            people: people.map(|(key, person)| (*key, person.clone())).collect(),
            named: named.map(|(key, device)| (*key, *device)).collect(),
        }
    }
}

/// Whose the author keys are that changes name: of those that were used before, and of those that
/// name a device. Without the latter, whoever brings a lost change first would count as its author.
async fn owners(
    db: &mut SqliteConnection,
    bringer: &Bringer,
    records: impl Iterator<Item = &OfRecord>,
) -> Result<Owners, ApiError> {
    let mut owners = Owners::default();
    let me = Some(bringer.member.person.clone());
    let mut unknown = Vec::new();
    let all = records.flat_map(|of| gate::actors(&of.pushed));
    for actor in all.collect::<BTreeSet<_>>() {
        match author::owner(db, actor).await? {
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
