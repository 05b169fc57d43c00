//! A phone in memory, and a server of the plainest kind: both do what the shells do, without waiting.

use std::collections::BTreeMap;

use domain::access::{self, Refusal};
use domain::command::Command;
use domain::document::{Document, Hashed, check};
use domain::id::{ActorKey, ChangeHash, DeviceId, DocId, Fresh, PersonId, RecordId, UnitId};
use domain::replica::hand::TakeInError;
use domain::replica::memory::{CommitError, MemoryStore};
use domain::replica::{
    Cause, CommandError, Effect, Event, LinkFailure, Replica, StoreFault, SyncStatus,
};
use domain::sync::frame;
use domain::sync::lean::{self, Known};
use domain::sync::message::{
    Answer, Batch, Caller, Cell, Entry, ErrorCode, ItemResult, PassedOn, Receipt, Request, Secret,
};
use domain::sync::repair::{Repair, Repaired, Set};
use domain::sync::sum::{Mark, Sums, combined};
use domain::time::Millis;
use domain::unit::Directory;
use domain::view::Row;
use domain::view::case::Case;

/// What happens to a request on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Up,
    /// The request never arrives.
    Down,
    /// The request arrives and its answer is lost.
    AnswerLost,
    /// The server takes no more batches for so many seconds.
    Full(u32),
    /// Something else answers.
    Portal,
}

pub struct Phone {
    pub store: MemoryStore,
    pub replica: Replica,
    pub now: Millis,
    pub link: Link,
    /// The store fails this often before it writes again.
    pub store_failures: u32,
    /// Another tab writes this row before the next commit.
    pub meddle: Option<RecordId>,
    pub status: Option<SyncStatus>,
    pub requests: Vec<Vec<u8>>,
    pub answers: Vec<Vec<u8>>,
    pub finished: Vec<Result<RecordId, CommandError>>,
    pub took_in: Vec<Result<u32, TakeInError>>,
    device: DeviceId,
    entropy: u8,
}

impl Phone {
    pub fn new(n: u8, directory: &Directory) -> Self {
        let mut store = MemoryStore::default();
        let bytes = postcard::to_allocvec(directory).expect("encodes");
        let batch = domain::replica::WriteBatch {
            meta: vec![(domain::replica::MetaKey::Directory, bytes)],
            ..Default::default()
        };
        store.commit(&batch).expect("writes");
        let device = DeviceId([n; 16]);
        let replica = Replica::new(device, Secret([n; 16]), ActorKey([n; 8]), &store.meta());
        Self {
            store,
            replica,
            now: super::fixture::morning(),
            link: Link::Up,
            store_failures: 0,
            meddle: None,
            status: None,
            requests: Vec::new(),
            answers: Vec::new(),
            finished: Vec::new(),
            took_in: Vec::new(),
            device,
            entropy: n,
        }
    }

    /// The app is started again: only the store remains.
    pub fn restart(&mut self, actor: u8) {
        let meta = self.store.meta();
        let secret = Secret(self.device.0);
        self.replica = Replica::new(self.device, secret, ActorKey([actor; 8]), &meta);
    }

    /// Runs a command to its end; the server, if any, is reached as the link allows.
    pub fn act(&mut self, server: &mut Server, command: Command) -> Result<RecordId, CommandError> {
        self.entropy = self.entropy.wrapping_add(31);
        let fresh = Fresh::new(self.now, [self.entropy; 16]);
        let drafts = vec!["form".to_owned()];
        let command = Box::new(command);
        self.run(
            server,
            Event::Command {
                ticket: 1,
                command,
                fresh,
                drafts,
            },
        );
        self.finished.pop().expect("every command is answered")
    }

    pub fn sync(&mut self, server: &mut Server) {
        self.run(
            server,
            Event::Wake {
                cause: Cause::Button,
                now: self.now,
            },
        );
    }

    pub fn run(&mut self, server: &mut Server, event: Event) {
        let mut events = vec![event];
        for _ in 0..10_000 {
            let Some(event) = events.pop() else { return };
            let effects = self.replica.handle(event);
            for effect in effects.into_iter().rev() {
                events.extend(self.perform(server, effect));
            }
        }
        panic!("the exchange does not come to rest");
    }

    fn perform(&mut self, server: &mut Server, effect: Effect) -> Option<Event> {
        let now = self.now;
        match effect {
            Effect::Load { ticket, records } => {
                let records = records.into_iter().map(|id| self.store.load(id)).collect();
                Some(Event::Loaded { ticket, records })
            }
            Effect::ReadOutbox {
                bytes_max,
                items_max,
            } => {
                let (items, records) = self.store.outbox(bytes_max, items_max);
                Some(Event::Outbox {
                    items,
                    records,
                    now,
                })
            }
            Effect::Scan { ticket } => Some(Event::Scanned {
                ticket,
                held: self.store.held(),
                now,
            }),
            Effect::Commit { ticket, batch } => {
                if let Some(id) = self.meddle.take() {
                    let mut row = self.store.load(id).row.expect("a row to meddle with");
                    row.delivery.rev += 1;
                    let rows = vec![row];
                    let other = domain::replica::WriteBatch {
                        rows,
                        ..Default::default()
                    };
                    self.store.commit(&other).expect("writes");
                }
                if self.store_failures > 0 {
                    self.store_failures -= 1;
                    return Some(Event::StoreFailed {
                        ticket,
                        fault: StoreFault::Full,
                        now,
                    });
                }
                match self.store.commit(&batch) {
                    Ok(()) => Some(Event::Committed { ticket, now }),
                    Err(CommitError::Stale) => Some(Event::Stale { ticket }),
                    Err(CommitError::Fault(fault)) => {
                        Some(Event::StoreFailed { ticket, fault, now })
                    }
                }
            }
            Effect::Send { bytes } => Some(self.send(server, &bytes)),
            Effect::Finished { result, .. } => {
                self.finished.push(result);
                None
            }
            Effect::TookIn { result, .. } => {
                self.took_in.push(result);
                None
            }
            Effect::Status(status) => {
                self.status = Some(status);
                None
            }
            Effect::Changed { .. }
            | Effect::Notices(_)
            | Effect::Directory(_)
            | Effect::WakeAt(_) => None,
        }
    }

    fn send(&mut self, server: &mut Server, bytes: &[u8]) -> Event {
        let now = self.now;
        self.requests.push(bytes.to_vec());
        let failed = |failure| Event::LinkFailed {
            failure,
            now,
            random: 0,
        };
        match self.link {
            Link::Down => failed(LinkFailure::Offline),
            Link::Full(seconds) => failed(LinkFailure::Wait(seconds)),
            Link::Portal => Event::Answer {
                bytes: b"<html>login</html>".to_vec(),
                now,
            },
            Link::AnswerLost => {
                server.answer(bytes).ok();
                failed(LinkFailure::Offline)
            }
            Link::Up => match server.answer(bytes) {
                Ok(answer) => {
                    self.answers.push(answer.clone());
                    Event::Answer { bytes: answer, now }
                }
                Err(code) => failed(LinkFailure::Refused(code)),
            },
        }
    }

    pub fn row(&self, id: RecordId) -> Row {
        self.store.load(id).row.expect("a row")
    }

    pub fn case(&self, id: RecordId) -> Case {
        Case::fold(&self.store.load(id)).expect("a case")
    }

    pub fn waiting(&self) -> usize {
        self.store.outbox(usize::MAX, usize::MAX).0.len()
    }

    pub fn seen(&self) -> u64 {
        self.replica.status().seen
    }
}

struct Logged {
    passed_on: Option<PassedOn>,
    device: DeviceId,
    doc: DocId,
    grid: UnitId,
    author: PersonId,
    hash: ChangeHash,
    bytes: Vec<u8>,
}

impl Known for Server {
    fn resolve(&self, doc: DocId, prefix: [u8; 4]) -> Option<ChangeHash> {
        let of_doc = self.log.iter().filter(|logged| logged.doc == doc);
        lean::only(of_doc.map(|logged| &logged.hash), prefix)
    }
}

/// A server that keeps everything and refuses what access refuses.
#[derive(Default)]
pub struct Server {
    log: Vec<Logged>,
    members: BTreeMap<DeviceId, Directory>,
    acked: BTreeMap<DeviceId, u64>,
    /// Whether it takes what a device passes on for others.
    pub healing: bool,
    /// The most entries of one answer.
    pub page: usize,
    /// Rows that the next answer brings before anything else, and who asked from then on.
    pub ahead: Option<(Vec<Row>, Directory)>,
    /// What every answer says beside its fields.
    pub cells: Vec<Cell>,
    /// It cannot read a request that brings something of these records.
    pub chokes_on: Vec<RecordId>,
    /// It cannot read anything at all.
    pub deaf: bool,
    /// Its clock less that of whoever asks.
    pub clock_gap_ms: i64,
}

impl Server {
    pub fn with(phones: &[(&Phone, &Directory)]) -> Self {
        let members = phones
            .iter()
            .map(|(phone, known)| (phone.device, (*known).clone()))
            .collect();
        Self {
            members,
            page: 100,
            ..Self::default()
        }
    }

    /// The member of a phone's device may do something else from now on.
    pub fn appoint(&mut self, phone: &Phone, directory: &Directory) {
        self.members.insert(phone.device, directory.clone());
    }

    pub fn len(&self) -> usize {
        self.log.len()
    }

    pub fn author(&self, place: usize) -> &PersonId {
        &self.log[place].author
    }

    /// Loses everything after the first entries, as a server that was restored from a backup.
    pub fn forget_after(&mut self, kept: usize) {
        self.log.truncate(kept);
    }

    pub fn answer(&mut self, bytes: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        let (caller, sealed) = Request::open(bytes).expect("a request");
        let Caller::Plain { device, .. } = caller else {
            panic!("these phones do not sign");
        };
        let (ask, batch) = sealed.unseal().expect("a request");
        let directory = self.members.get(&device).expect("a known device").clone();
        let batch = match batch.map(|batch| batch.rebuild(&*self)) {
            None => None,
            Some(Some(batch)) => Some(batch),
            Some(None) => return Err(ErrorCode::Unknown),
        };
        if self.cannot_read(batch.as_ref()) {
            return Err(ErrorCode::BadRequest);
        }
        let cursor = ask.cursor.try_into().map(u64::from_be_bytes).unwrap_or(0);
        // A cursor beyond the end is of a log that was longer: the sums tell what is missing.
        let cursor = cursor.min(self.log.len() as u64);
        if ask.sound {
            self.acked.insert(device, cursor);
        }
        let receipt = batch
            .as_ref()
            .map(|batch| self.receipt(device, &directory, batch));
        let mut answer = Answer {
            now: ask.now.plus(self.clock_gap_ms),
            receipt,
            authors: Vec::new(),
            entries: Vec::new(),
            cursor: None,
            more: false,
            seen: self.seen(),
            directory: (ask.directory != Some(directory.digest())).then(|| directory.clone()),
            sum: None,
            repaired: None,
            frame: None,
            cells: {
                let healing = self.healing.then(Cell::healing);
                healing.into_iter().chain(self.cells.clone()).collect()
            },
        };
        if let Some((rows, next)) = self.ahead.take() {
            (answer.frame, answer.more) = (Some(frame::rows(&rows)), true);
            self.members.insert(device, next);
            return Ok(answer.encode(ask.whole));
        }
        self.pull(device, &directory, cursor, &mut answer);
        self.repair(&directory, ask.repair, &mut answer);
        Ok(answer.encode(ask.whole))
    }

    fn cannot_read(&self, batch: Option<&Batch>) -> bool {
        let mut items = batch.into_iter().flat_map(|batch| &batch.items);
        self.deaf || items.any(|item| self.chokes_on.contains(&item.doc.record))
    }

    /// What a batch of a device came to.
    fn receipt(&mut self, device: DeviceId, directory: &Directory, batch: &Batch) -> Receipt {
        Receipt {
            no: batch.no,
            digest: batch.digest(),
            results: batch
                .items
                .iter()
                .map(|item| {
                    let grid = &batch.grids[usize::from(item.grid)];
                    let author = item.author.checked_sub(1);
                    let author = author.map(|n| batch.authors[usize::from(n)].clone());
                    let known = self.members.values();
                    let by = known
                        .clone()
                        .find(|known| Some(&known.me.person) == author.as_ref());
                    let is_known = by.is_some() || author.is_none();
                    let by = by.unwrap_or(directory).clone();
                    let is_own = by.me.person == directory.me.person;
                    if !is_known || (!is_own && !self.healing) {
                        return ItemResult::Refused(Refusal::AnotherName);
                    }
                    let way = (!is_own).then(|| PassedOn {
                        by: directory.me.person.clone(),
                        from: Millis(1),
                        to: Millis(2),
                    });
                    self.push((device, way), &by, (item.doc, grid), item.change.bytes())
                })
                .collect(),
        }
    }

    fn pull(&self, device: DeviceId, directory: &Directory, cursor: u64, answer: &mut Answer) {
        let mut last = cursor;
        for (place, logged) in self.log.iter().enumerate() {
            let seq = place as u64 + 1;
            if seq <= cursor {
                continue;
            }
            if answer.entries.len() == self.page {
                answer.more = true;
                break;
            }
            last = seq;
            let mine = logged.device == device && cursor > 0 && logged.passed_on.is_none();
            if mine || directory.grid(&logged.grid).is_none() {
                continue;
            }
            let entry = self.entry(place, &mut answer.authors, answer.now);
            answer.entries.push(entry);
        }
        answer.cursor = (last != cursor).then(|| last.to_be_bytes().to_vec());
    }

    /// Answers what is asked to find a difference.
    fn repair(&self, directory: &Directory, asked: Option<Repair>, answer: &mut Answer) {
        let mut sums = Sums::new();
        for logged in self
            .log
            .iter()
            .filter(|l| directory.grid(&l.grid).is_some())
        {
            let sum = sums.entry(logged.grid.clone()).or_default();
            sum.add(Mark::of(logged.doc, logged.hash));
        }
        answer.sum = (!answer.more).then(|| combined(&sums, sums.keys()));
        answer.repaired = match asked {
            None => None,
            Some(Repair::Streams(asked)) => {
                let own = |id| sums.get(id).copied().unwrap_or_default().short();
                let mut differing: Vec<_> = asked
                    .iter()
                    .filter(|(id, sum)| own(id) != *sum)
                    .map(|(id, _)| id.clone())
                    .collect();
                let named = |id: &UnitId| asked.iter().any(|(asked, _)| asked == id);
                differing.extend(sums.keys().filter(|id| !named(id)).cloned());
                Some(Repaired::Streams(differing))
            }
            Some(Repair::Ranges { streams, message }) => {
                let logged = self.log.iter().filter(|l| streams.contains(&l.grid));
                let set = Set::of(logged.map(|l| (l.doc, l.hash))).expect("a set");
                Some(Repaired::Ranges(set.answer(&message).expect("sense")))
            }
            Some(Repair::Record(record)) => {
                for (place, logged) in self.log.iter().enumerate() {
                    if logged.doc.record == record {
                        answer
                            .entries
                            .push(self.entry(place, &mut answer.authors, answer.now));
                    }
                }
                None
            }
            Some(Repair::Wanted(wanted)) => {
                for (place, logged) in self.log.iter().enumerate() {
                    if wanted.contains(&Mark::of(logged.doc, logged.hash).short()) {
                        answer
                            .entries
                            .push(self.entry(place, &mut answer.authors, answer.now));
                    }
                }
                None
            }
        };
    }

    fn entry(&self, place: usize, authors: &mut Vec<PersonId>, now: Millis) -> Entry {
        let logged = &self.log[place];
        let known = authors.iter().position(|author| *author == logged.author);
        let author = known.unwrap_or_else(|| {
            authors.push(logged.author.clone());
            authors.len() - 1
        });
        Entry {
            seq: place as u64 + 1,
            doc: logged.doc,
            author: author as u16,
            received_at: now,
            change: Hashed::of(logged.bytes.clone()),
            passed_on: logged.passed_on.clone(),
        }
    }

    fn seen(&self) -> u64 {
        let stations = self.acked.iter().filter(|(device, _)| {
            self.members
                .get(*device)
                .is_some_and(|known| access::is_station_staff(&known.me))
        });
        stations.map(|(_, acked)| *acked).max().unwrap_or(0)
    }

    fn push(
        &mut self,
        (device, passed_on): (DeviceId, Option<PassedOn>),
        directory: &Directory,
        (doc, grid): (DocId, &UnitId),
        change: &[u8],
    ) -> ItemResult {
        match self.judge(directory, (doc, grid), change) {
            Err(refusal) => ItemResult::Refused(refusal),
            Ok(hash) => {
                if let Some(place) = self.log.iter().position(|logged| logged.hash == hash) {
                    return ItemResult::Had(place as u64 + 1);
                }
                self.log.push(Logged {
                    passed_on,
                    device,
                    doc,
                    grid: grid.clone(),
                    author: directory.me.person.clone(),
                    hash,
                    bytes: change.to_vec(),
                });
                ItemResult::Kept(self.log.len() as u64)
            }
        }
    }

    fn judge(
        &self,
        directory: &Directory,
        (doc, grid): (DocId, &UnitId),
        change: &[u8],
    ) -> Result<ChangeHash, Refusal> {
        let head = check(change)?;
        if directory.grid(grid).is_none() {
            return Err(Refusal::NotYourGrid);
        }
        let known = self.log.iter().filter(|logged| logged.doc == doc);
        let (mut document, _) = Document::from_changes(known.map(|logged| logged.bytes.as_slice()));
        if doc.part == domain::id::Part::Body {
            let before = (!document.is_empty()).then(|| document.tree());
            document.apply(change)?;
            if document.missing() > 0 {
                return Err(Refusal::MissingDeps);
            }
            access::judge(&directory.me, before.as_ref(), &document.tree())?;
        }
        Ok(head.hash)
    }

    /// Puts a change into the log unseen, as a broken server might.
    pub fn plant(&mut self, doc: DocId, grid: &str, bytes: Vec<u8>) {
        self.log.push(Logged {
            passed_on: None,
            device: DeviceId([255; 16]),
            doc,
            grid: super::fixture::unit(grid),
            author: "p9".parse().expect("a code"),
            hash: Hashed::name(&bytes),
            bytes,
        });
    }
}
