//! The phones of the demonstration: each saves through the same state machine as a real one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::command::Command;
use domain::document::Hashed;
use domain::id::{ActorKey, DeviceId, DocId, Fresh, Part, PersonId, RecordId, UnitId};
use domain::record::Kind;
use domain::replica::{Effect, Event, Meta, Replica, StoredRecord, WriteBatch};
use domain::sync::message::{Batch, Item, ItemResult, Secret};
use domain::time::{HOUR_MS, Millis};
use sqlx::SqliteConnection;

use super::DemoError;
use super::random::Random;
use crate::ingest::{self, Sender};
use crate::scope::{self, Scope};

/// Saved within this time, changes of one record go out together.
const TOGETHER_MS: i64 = 3 * HOUR_MS;

/// A phone and what its person may see.
struct Phone {
    replica: Replica,
    device: DeviceId,
    scope: Arc<Scope>,
}

/// Changes that one person saved at one moment.
struct Saved {
    person: PersonId,
    at: Millis,
    items: Vec<(DocId, UnitId, Vec<u8>)>,
}

/// All phones, and the records as they stand after everything that was done.
pub(crate) struct Crew {
    phones: BTreeMap<PersonId, Phone>,
    records: BTreeMap<RecordId, StoredRecord>,
    saved: Vec<Saved>,
    pub(crate) random: Random,
    ticket: u64,
}

impl Crew {
    /// Gives each person a phone.
    pub(crate) async fn equip(
        db: &mut SqliteConnection,
        people: impl Iterator<Item = &PersonId>,
        seed: u64,
    ) -> Result<Self, DemoError> {
        let mut random = Random::new(seed);
        let mut phones = BTreeMap::new();
        for person in people {
            let scope = Arc::new(scope::of_person(db, person).await?);
            let device = DeviceId(random.bytes());
            let actor = ActorKey(random.next().to_be_bytes());
            let meta = Meta {
                directory: Some(scope.directory.clone()),
                ..Meta::default()
            };
            let replica = Replica::new(device, Secret(random.bytes()), actor, &meta);
            phones.insert(
                person.clone(),
                Phone {
                    replica,
                    device,
                    scope,
                },
            );
        }
        let (records, saved) = (BTreeMap::new(), Vec::new());
        Ok(Self {
            phones,
            records,
            saved,
            random,
            ticket: 0,
        })
    }

    /// A fresh record id of a moment.
    pub(crate) fn id(&mut self, at: Millis) -> RecordId {
        Fresh::new(at, self.random.bytes()).id()
    }

    /// A record as it stands.
    pub(crate) fn record(&self, id: RecordId) -> Option<&StoredRecord> {
        self.records.get(&id)
    }

    /// Records of a kind that follow from another one.
    pub(crate) fn followers(&self, id: RecordId, kind: Kind) -> Vec<RecordId> {
        let rows = self
            .records
            .values()
            .filter_map(|stored| stored.row.as_ref());
        rows.filter(|row| row.kind == kind && row.link == Some(id))
            .map(|row| row.id)
            .collect()
    }

    /// One person does one thing.
    pub(crate) fn act(
        &mut self,
        person: &PersonId,
        at: Millis,
        command: Command,
    ) -> Result<(), DemoError> {
        self.act_on(person, at, command, None)
    }

    /// The same, on a phone that has not heard of anything since `stale`.
    pub(crate) fn act_on(
        &mut self,
        person: &PersonId,
        at: Millis,
        command: Command,
        stale: Option<&StoredRecord>,
    ) -> Result<(), DemoError> {
        let told = format!("{command:?}");
        let failed = |why: String| DemoError::Act {
            person: person.to_string(),
            told,
            why,
        };
        self.ticket += 1;
        let fresh = Fresh::new(at, self.random.bytes());
        let phone = self.phones.get_mut(person).ok_or(DemoError::Layout)?;
        let command = Box::new(command);
        let event = Event::Command {
            ticket: self.ticket,
            command,
            fresh,
            drafts: Vec::new(),
        };
        let mut effects = phone.replica.handle(event);
        let mut written = WriteBatch::default();
        while let Some(effect) = effects.pop() {
            let next = match effect {
                Effect::Load { ticket, records } => {
                    let known = |id: &RecordId| match stale {
                        Some(stale) if stale.id == *id => stale.clone(),
                        _ => self
                            .records
                            .get(id)
                            .cloned()
                            .unwrap_or_else(|| StoredRecord::absent(*id)),
                    };
                    Event::Loaded {
                        ticket,
                        records: records.iter().map(known).collect(),
                    }
                }
                Effect::Commit { ticket, batch } => {
                    written = *batch;
                    Event::Committed { ticket, now: at }
                }
                Effect::Finished {
                    result: Err(error), ..
                } => return Err(failed(error.to_string())),
                Effect::Finished { .. }
                | Effect::ReadOutbox { .. }
                | Effect::Scan { .. }
                | Effect::Send { .. }
                | Effect::TookIn { .. }
                | Effect::Notices(_)
                | Effect::Changed { .. }
                | Effect::Directory(_)
                | Effect::Status(_)
                | Effect::WakeAt(_) => continue,
            };
            effects.extend(phone.replica.handle(next));
        }
        if written.changes.is_empty() {
            return Err(failed("nothing was written".to_owned()));
        }
        self.keep(person, at, written);
        Ok(())
    }

    fn keep(&mut self, person: &PersonId, at: Millis, written: WriteBatch) {
        let grids: BTreeMap<_, _> = written
            .outbox_add
            .iter()
            .map(|(doc, grid, hash)| ((*doc, *hash), grid))
            .collect();
        let mut items = Vec::new();
        for (doc, change) in written.changes {
            if let Some(grid) = grids.get(&(doc, change.hash)) {
                items.push((doc, (*grid).clone(), change.bytes.clone()));
            }
            let id = doc.record;
            let stored = self
                .records
                .entry(id)
                .or_insert_with(|| StoredRecord::absent(id));
            match doc.part {
                Part::Body => stored.body.push(change),
                Part::Vault => stored.vault.push(change),
            }
        }
        for row in written.rows {
            if let Some(stored) = self.records.get_mut(&row.id) {
                stored.row = Some(row);
            }
        }
        self.saved.push(Saved {
            person: person.clone(),
            at,
            items,
        });
    }

    /// Pushes everything that was saved, as if each phone had had signal some minutes after the last
    /// thing that its person did to a record.
    pub(crate) async fn push(mut self, db: &mut SqliteConnection) -> Result<usize, DemoError> {
        let mut pushed = 0;
        let mut now = Millis(0);
        for (no, saved) in gather(std::mem::take(&mut self.saved))
            .into_iter()
            .enumerate()
        {
            let phone = self.phones.get(&saved.person).ok_or(DemoError::Layout)?;
            now = now.max(saved.at.plus(self.random.between(5, 900) * 1000));
            let sender = Sender {
                device: phone.device,
                scope: Arc::clone(&phone.scope),
                now,
            };
            let batch = batch(no, saved.items);
            pushed += batch.items.len();
            for result in ingest::take(db, &sender, batch).await? {
                if let ItemResult::Refused(refusal) = result {
                    return Err(DemoError::Refused {
                        person: saved.person.to_string(),
                        refusal,
                    });
                }
            }
        }
        Ok(pushed)
    }
}

/// Joins what one person did to one record within some hours, and nobody else between.
fn gather(mut saved: Vec<Saved>) -> Vec<Saved> {
    saved.sort_by_key(|one| one.at);
    let mut batches: Vec<Saved> = Vec::new();
    let mut latest: BTreeMap<RecordId, usize> = BTreeMap::new();
    for one in saved {
        let records: BTreeSet<RecordId> = one.items.iter().map(|(doc, ..)| doc.record).collect();
        let known = records
            .first()
            .filter(|_| records.len() == 1)
            .and_then(|id| latest.get(id));
        let open = known.and_then(|place| batches.get_mut(*place));
        match open {
            Some(batch) if batch.person == one.person && one.at.since(batch.at) < TOGETHER_MS => {
                batch.at = one.at;
                batch.items.extend(one.items);
            }
            Some(_) | None => {
                latest.extend(records.into_iter().map(|record| (record, batches.len())));
                batches.push(one);
            }
        }
    }
    batches.sort_by_key(|batch| batch.at);
    batches
}

fn batch(no: usize, saved: Vec<(DocId, UnitId, Vec<u8>)>) -> Batch {
    let mut grids: Vec<UnitId> = Vec::new();
    let mut items = Vec::with_capacity(saved.len());
    for (doc, grid, change) in saved {
        let known = grids.iter().position(|known| *known == grid);
        let place = known.unwrap_or_else(|| {
            grids.push(grid);
            grids.len() - 1
        });
        items.push(Item {
            doc,
            grid: u16::try_from(place).unwrap_or(u16::MAX),
            author: 0,
            change: Hashed::of(change),
        });
    }
    Batch {
        no: u64::try_from(no).unwrap_or(u64::MAX),
        grids,
        authors: Vec::new(),
        items,
    }
}
