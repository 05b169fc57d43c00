//! Storms of a known device: many records at once, and changes of which none may be kept.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::command::{Command, Context};
use domain::document::{Document, Edit, Hashed, Stamp};
use domain::id::{ActorKey, DeviceId, Fresh, PersonId, RecordId};
use domain::record::note_edits;
use domain::record::patrol::NewPatrol;
use domain::sync::message::{Batch, Item, Request};
use fuzz::seed::{self, AT};
use tokio::task::JoinSet;

use super::flood::Stopped;
use super::honest::{body, numbered, secret};
use super::line::{Counts, Target, post};
use super::{CODE, Storm};

const EXCHANGE: &str = "/api/v1/exchange";
/// Who storms.
const DEVICE: DeviceId = DeviceId([0xE0; 16]);
/// Where from.
const FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 2);
/// Batches at a time.
const PARALLEL: usize = 10;
/// Changes in each.
const CHANGES: u64 = 1_900;

/// Sends batch after batch until the storm is over.
pub(super) async fn storm(storm: Storm, target: Arc<Target>, counts: Counts, stopped: Stopped) {
    let mut join = asked(DEVICE);
    join.join = Some(CODE.to_owned());
    send(&target, &counts, &join).await;
    let lanes = if storm == Storm::Batches { PARALLEL } else { 1 };
    let next = Arc::new(AtomicU64::new(1));
    let mut all = JoinSet::new();
    for _ in 0..lanes {
        let (target, counts) = (Arc::clone(&target), counts.clone());
        let (next, stopped) = (Arc::clone(&next), stopped.clone());
        all.spawn(async move {
            while !*stopped.borrow() {
                let number = next.fetch_add(CHANGES, Ordering::Relaxed);
                let made = tokio::task::spawn_blocking(move || {
                    if storm == Storm::Batches {
                        records(DEVICE, number..number + CHANGES)
                    } else {
                        refused(number)
                    }
                });
                let mut request = asked(DEVICE);
                request.batch = made.await.ok();
                send(&target, &counts, &request).await;
            }
        });
    }
    while all.join_next().await.is_some() {}
}

async fn send(target: &Target, counts: &Counts, request: &Request) {
    let sent = async {
        let mut line = target.connect(FROM, false).await?;
        post(&mut line, EXCHANGE, &request.encode()).await
    };
    match sent.await {
        Ok((status, _)) => counts.count(status.to_string()),
        Err(_) => counts.count("no answer"),
    }
}

fn asked(device: DeviceId) -> Request {
    let mut request = seed::request(0, &[], true);
    (request.device, request.secret, request.batch) = (device, secret(device), None);
    request.ask.page_kib = 0;
    request
}

/// A batch of one new patrol.
pub(super) fn patrol(device: DeviceId, number: u64) -> Batch {
    records(device, number..number + 1)
}

fn records(device: DeviceId, numbers: std::ops::Range<u64>) -> Batch {
    let items = numbers.map(|number| {
        let id = record(device, number);
        let (mut document, edits) = (Document::default(), begin(device, id, number));
        item(device, id, &mut document, &edits)
    });
    batch(items.collect())
}

/// Notes in somebody else's name, all on one new record, each of which follows its first change.
fn refused(number: u64) -> Batch {
    let id = record(DEVICE, number);
    let mut document = Document::default();
    let first = item(DEVICE, id, &mut document, &begin(DEVICE, id, number));
    let nobody: PersonId = "nobody".parse().expect("a code");
    let notes = (1..CHANGES).map(|n| {
        let (mut document, _) = Document::from_changes([first.change.bytes()]);
        let note = record(DEVICE, number + n);
        let edits = note_edits(note, &nobody, AT, "visit", &noise(number + n));
        item(DEVICE, id, &mut document, &edits)
    });
    let notes: Vec<_> = notes.collect();
    batch([vec![first], notes].concat())
}

/// Words that do not pack: many equal changes are refused as a bomb, before anything judges them.
fn noise(number: u64) -> String {
    let mixed = |factor: u64| number.wrapping_add(1).wrapping_mul(factor);
    format!(
        "{:016x}{:016x}",
        mixed(0x9E37_79B9_7F4A_7C15),
        mixed(0xC2B2_AE3D_27D4_EB4F)
    )
}

fn batch(items: Vec<Item>) -> Batch {
    numbered(Batch {
        no: 0,
        grids: vec![seed::grid()],
        authors: Vec::new(),
        items,
    })
}

fn record(device: DeviceId, number: u64) -> RecordId {
    let [first, ..] = device.0;
    let mut random = [first; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    RecordId::new(AT, random)
}

fn begin(device: DeviceId, id: RecordId, number: u64) -> Vec<Edit> {
    let directory = seed::directory();
    let mut entropy = [0; 16];
    entropy[8..].copy_from_slice(&number.to_be_bytes());
    let mut context = Context {
        directory: &directory,
        device,
        actor: actor(device),
        fresh: Fresh::new(AT, entropy),
    };
    let new = NewPatrol {
        grid: seed::grid(),
        kind: "P01".parse().expect("a code"),
        mode: "walk".parse().expect("a code"),
    };
    let plans = Command::StartPatrol { id, new }.plan(&mut context, None);
    let edits = plans
        .expect("a plan")
        .into_iter()
        .flat_map(|plan| plan.edits);
    edits.flat_map(|(_, edits)| edits).collect()
}

fn item(device: DeviceId, id: RecordId, document: &mut Document, edits: &[Edit]) -> Item {
    let stamp = Stamp {
        actor: actor(device),
        at: AT,
    };
    let change = document.commit(stamp, edits).expect("edits");
    Item {
        doc: body(id),
        grid: 0,
        author: 0,
        change: Hashed::of(change.expect("something new").bytes),
    }
}

fn actor(device: DeviceId) -> ActorKey {
    ActorKey(device.0.first_chunk().copied().unwrap_or_default())
}
