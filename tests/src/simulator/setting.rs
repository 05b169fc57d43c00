//! What every run begins with, made once: a town, a server that knows its phones, and their stores.

use std::sync::Arc;

use domain::id::{ActorKey, DeviceId, PersonId};
use domain::replica::memory::MemoryStore;
use domain::replica::{Effect, Event, Replica};
use domain::sync::message::Secret;
use domain::time::Millis;

use super::disk::Disk;
use super::people::{self, HOSTILE, PHONES, SHARED, Town};
use super::phone::Phone;
use super::plan::Mix;
use super::station::{Copy, Station};
use super::world::BEGIN;
use crate::headless::signer::Signer;

/// The beginning of every run.
#[derive(Debug)]
pub struct Setting {
    /// The server's database.
    pub database: Copy,
    /// Which faults there are.
    pub mix: Mix,
    stores: Vec<MemoryStore>,
    signers: Vec<Arc<Signer>>,
}

impl Setting {
    /// Makes it: every phone joins over a good line.
    #[must_use]
    pub fn make() -> Self {
        let town = Town::default();
        let mut station = Station::start(None, &town, Millis(BEGIN));
        let signers: Vec<_> = PHONES.iter().map(|_| signer()).collect();
        // The hostile device signs nothing.
        let keys = signers.iter().map(Some).chain([None]);
        let people = PHONES.iter().chain([&HOSTILE]).zip(keys);
        let stores = (0..).zip(people).map(|(place, (name, signer))| {
            let who = people::person(name);
            join(&station, &who, (identity(place), signer.map(Arc::as_ref)))
        });
        let stores = stores.collect();
        station.power_cut();
        Self {
            database: station.copy(),
            mix: Mix::Usual,
            stores,
            signers,
        }
    }

    /// The first phones.
    #[must_use]
    pub fn phones(&self, count: usize) -> Vec<Phone> {
        let kept = self.stores.iter().zip(&self.signers);
        let named = (0_u8..).zip(PHONES).zip(kept).take(count);
        let phones = named.map(|((place, name), (store, signer))| {
            let title = format!("{name}/{place}");
            let disk = Disk::with(store.clone());
            let (device, secret) = identity(place);
            let identity = (device, secret, Arc::clone(signer));
            let mut phone = Phone::new(title, people::person(name), identity, disk);
            phone.asleep = usize::from(place) == SHARED;
            phone
        });
        phones.collect()
    }
}

/// The hostile device.
#[must_use]
pub fn hostile() -> (DeviceId, Secret) {
    identity(u8::try_from(PHONES.len()).unwrap_or(u8::MAX))
}

/// A key of chance: no run depends on its bytes.
pub(super) fn signer() -> Arc<Signer> {
    let made = Signer::make().and_then(|bytes| Signer::read(&bytes));
    Arc::new(made.expect("random numbers"))
}

const fn identity(place: u8) -> (DeviceId, Secret) {
    (DeviceId([place + 1; 16]), Secret([place + 101; 16]))
}

/// The store of a phone that has joined and rests.
fn join(
    station: &Station,
    who: &PersonId,
    ((device, secret), signer): ((DeviceId, Secret), Option<&Signer>),
) -> MemoryStore {
    let now = Millis(BEGIN);
    let code = station.invite(who, None).expect("a code");
    let mut store = MemoryStore::default();
    let actor = ActorKey([0; 8]);
    let replica = Replica::new(device, secret, actor, &store.meta());
    let mut replica = replica.signing(signer.and_then(Signer::key));
    let mut events = vec![Event::Join { code, now }];
    while let Some(event) = events.pop() {
        for effect in replica.handle(event) {
            events.extend(match effect {
                Effect::Load { ticket, records } => {
                    let records = records.into_iter().map(|id| store.load(id)).collect();
                    Some(Event::Loaded { ticket, records })
                }
                Effect::ReadOutbox { .. } => Some(Event::Outbox {
                    items: Vec::new(),
                    records: 0,
                    now,
                }),
                Effect::Commit { ticket, batch } => {
                    store.commit(&batch).expect("an empty store");
                    Some(Event::Committed { ticket, now })
                }
                Effect::Send { bytes } => {
                    let bytes = match signer {
                        Some(signer) => signer.finish(bytes).expect("random numbers"),
                        None => bytes,
                    };
                    let bytes = station.answer(("", ""), bytes).body;
                    Some(Event::Answer { bytes, now })
                }
                Effect::Finished { .. }
                | Effect::Scan { .. }
                | Effect::TookIn { .. }
                | Effect::Notices(_)
                | Effect::Changed { .. }
                | Effect::Directory(_)
                | Effect::Status(_)
                | Effect::WakeAt(_) => None,
            });
        }
    }
    assert!(replica.directory().is_some(), "{who} did not join");
    store
}
