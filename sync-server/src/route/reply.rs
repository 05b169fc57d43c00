//! What is new for a device, as of one moment, and what is noted of its visit.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::access;
use domain::id::DeviceId;
use domain::sync::message::{Answer, Ask, Cell, ItemResult, Receipt, UsedUp};
use domain::sync::repair::{Repair, Repaired};
use domain::sync::signed::head_of_device;
use domain::sync::sum::ShortSum;
use domain::time::Millis;
use sqlx::SqliteConnection;

use crate::cursor::Below;
use crate::error::ApiError;
use crate::pull::{self, Page, Place, Reader, Told};
use crate::router::Shared;
use crate::scope::{self, Scope};
use crate::store::device::{self, Device};
use crate::store::{self, damage, org, usage};
use crate::{frames, healing, limits, projection, repair};

/// Reads what is new, and notes how far the device has come.
pub(super) async fn reply(
    shared: &Shared,
    device: &Device,
    ask: &Ask,
    (receipt, now): (Option<Receipt>, Millis),
) -> Result<Answer, ApiError> {
    // Dropped with this answer's reading: others of this device wait for it, and nobody else.
    let turn = shared.looks.take(head_of_device(device.id()), 1).await?;
    let mut tries = 1;
    let (reader, mut found, scope) = loop {
        // Rights may have changed while the request was on its way, waited for its turn or was worked on.
        let scope = scope_of(shared, device).await?;
        let mut reader = reader(shared, Arc::clone(&scope), (ask, receipt.as_ref())).await?;
        match look(shared, &mut reader, (ask, device, now)).await? {
            Some(found) => break (reader, found, scope),
            None if tries < limits::LOOKS_MAX => tries += 1,
            None => return Err(ApiError::Crowded),
        }
    };
    drop(turn);
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

/// What a device's person may see at this moment.
async fn scope_of(shared: &Shared, device: &Device) -> Result<Arc<Scope>, ApiError> {
    let mut view = shared.store.view().await?;
    let device = device::active(&mut view, device.id()).await?;
    shared.scopes.of(&mut view, &device).await
}

/// Who reads, and from where.
async fn reader(
    shared: &Shared,
    scope: Arc<Scope>,
    (ask, receipt): (&Ask, Option<&Receipt>),
) -> Result<Reader, ApiError> {
    Ok(Reader {
        own: pushed(receipt),
        digest: digest(shared, &scope).await?,
        scope,
        generation: shared.store.generation,
        key: shared.store.cursors.clone(),
        back: 0,
        seen_below: None,
        bytes_max: (usize::from(ask.kib()) * 1024)
            .clamp(limits::ANSWER_BYTES_MIN, limits::ANSWER_BYTES_MAX),
        frames_from: shared.frames_from,
        whole: ask.whole,
    })
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

/// What takes back what devices count as having seen: while it stands, a visit may be noted.
#[derive(PartialEq, Eq)]
struct AsOf {
    /// The version of units and people.
    version: Option<Vec<u8>>,
    /// How many damaged changes came back.
    back: u64,
}

impl AsOf {
    async fn read(db: &mut SqliteConnection) -> Result<Self, ApiError> {
        Ok(Self {
            version: store::setting(db, org::VERSION).await?,
            back: damage::back(db).await?.0,
        })
    }
}

/// What one look at the store found for a device.
struct Found {
    as_of: AsOf,
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

/// Reads everything that an answer says, as of one moment; none where the reader's rights are others at
/// that moment.
async fn look(
    shared: &Shared,
    reader: &mut Reader,
    (ask, who, now): (&Ask, &Device, Millis),
) -> Result<Option<Found>, ApiError> {
    let device = who.id();
    let mut view = shared.store.view().await?;
    device::active(&mut view, device).await?;
    let scope = shared.scopes.of(&mut view, who).await?;
    if !scope.is_same(&reader.scope) {
        return Ok(None);
    }
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
    Ok(Some(Found {
        as_of: AsOf {
            version: store::setting(&mut view, org::VERSION).await?,
            back,
        },
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
    }))
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
        // Somebody may have taken back meanwhile what this device counted as having seen; its next
        // visit tells how it stands then.
        if AsOf::read(&mut write).await? == found.as_of {
            device::note_visit(&mut write, device, visit).await?;
            found.seen = seen(&mut write, reader).await?;
        }
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
