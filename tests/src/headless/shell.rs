//! The shell of a headless phone: runs what the replica asks for, on its file and its network.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::command::Command;
use domain::id::{ActorKey, Fresh, IdError, RecordId, UnitId};
use domain::replica::hand::TakeInError;
use domain::replica::memory::CommitError;
use domain::replica::{Activity, Cause, CommandError, Effect, Event, LinkFailure, Replica};
use domain::sync::bundle::Load;
use domain::sync::message::ErrorCode;
use domain::sync::transfer::proof;
use domain::time::Millis;
use domain::unit::{Directory, Grid, Level, Member, Role, Unit};

use super::link::Link;
use super::signer::Signer;
use super::store::FileStore;
use super::{HeadlessError, random, record};

/// A sync that gets nothing across for so long is given up.
const PROGRESS_WITHIN: Duration = Duration::from_secs(120);
/// The pause before a connection that broke is made again.
const PAUSE: Duration = Duration::from_millis(50);

/// The bench station's codes, as `sync-server --bench-join` makes it.
const STATION: &str = "bench-station";
const GRID: &str = "bench-grid";
const PERSON: &str = "bench";

/// A phone with its data open.
#[derive(Debug)]
pub struct Shell {
    store: FileStore,
    replica: Replica,
    link: Link,
    signer: Signer,
    join: String,
    finished: Option<Result<RecordId, CommandError>>,
    took_in: Option<Result<u32, TakeInError>>,
    joined: bool,
    /// Whether there is a network: without one the outbox need not be read.
    online: bool,
    /// Called when rows are committed before their records: the list can be used.
    pub on_list: Option<fn()>,
}

/// What a step of the replica leaves to the network.
enum Step {
    Done,
    Send(Vec<u8>),
}

impl Shell {
    /// Opens the data in `dir`; the network is not touched.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn open(dir: &Path, url: &str, join: &str) -> Result<Self, HeadlessError> {
        let (mut store, identity) = FileStore::open(dir)?;
        if store.kept.meta().directory.is_none() {
            let known = station().map_err(|_| HeadlessError::Damaged("directory"))?;
            store.seed(&known)?;
        }
        let actor = ActorKey(random()?);
        let meta = store.kept.meta();
        let joined = !meta.cursor.is_empty();
        let signer = Signer::open(dir)?;
        let replica = Replica::new(identity.device, identity.secret, actor, &meta);
        let replica = replica.signing(signer.key());
        Ok(Self {
            store,
            replica,
            link: Link::new(url, proof(identity.device, identity.secret)),
            signer,
            join: join.to_owned(),
            finished: None,
            took_in: None,
            joined,
            online: false,
            on_list: None,
        })
    }

    /// The grid that the phone writes in.
    ///
    /// # Errors
    /// When the phone knows of none.
    pub fn grid(&self) -> Result<UnitId, HeadlessError> {
        let grid = self
            .replica
            .directory()
            .and_then(|known| known.grids.first());
        grid.map(|grid| grid.id.clone())
            .ok_or(HeadlessError::Damaged("directory"))
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &FileStore {
        &self.store
    }

    /// Saves one action of a person, without the network; [`Shell::settle`] puts it on the disk.
    ///
    /// # Errors
    /// When it is not saved.
    pub fn act(&mut self, command: Command) -> Result<(), HeadlessError> {
        let event = Event::Command {
            ticket: 1,
            command: Box::new(command),
            fresh: Fresh::new(now(), random()?),
            drafts: Vec::new(),
        };
        self.finished = None;
        self.online = false;
        // An exchange that the replica would like to begin waits for `sync`.
        let step = self.run(event)?;
        if let Step::Send(_) = step {
            self.drop_network()?;
        }
        match self.finished.take() {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(error.into()),
            None => Err(HeadlessError::Command(CommandError::Busy)),
        }
    }

    /// Does the work of lines of operations, and puts it on the disk.
    ///
    /// # Panics
    /// When a line is no operation or is not saved: the tests' own lines are sound.
    pub fn apply(&mut self, operations: &str) {
        let grid = self.grid().expect("a grid");
        for line in operations.lines() {
            let operation = serde_json::from_str(line).expect("an operation");
            let command = record::command(&operation, &grid, now()).expect("a command");
            self.act(command).expect("saves");
        }
        self.settle().expect("writes");
    }

    /// The records, each as a line.
    #[must_use]
    pub fn dump(&self) -> BTreeSet<String> {
        let kept = &self.store.kept;
        let records = kept.rows().map(|row| kept.load(row.id));
        records
            .map(|stored| record::dump(&stored).to_string())
            .collect()
    }

    /// What the server confirmed here, for a phone that begins; `None` when that is nothing.
    #[must_use]
    pub fn hand_over(&self) -> Option<Load> {
        let grid = self.grid().ok()?;
        let mut writer = self.replica.hand(vec![grid]);
        let kept = &self.store.kept;
        for row in kept.rows() {
            writer.add(&kept.load(row.id));
        }
        writer.finish().map(|(load, _)| load)
    }

    /// Takes in what another phone hands over, without the network, and puts it on the disk.
    ///
    /// # Errors
    /// When the store fails.
    pub fn take_in(&mut self, load: Load) -> Result<Option<u32>, HeadlessError> {
        self.online = false;
        let now = now();
        let event = Event::TakeIn {
            ticket: 1,
            load,
            now,
        };
        if let Step::Send(_) = self.run(event)? {
            self.drop_network()?;
        }
        self.settle()?;
        Ok(self.took_in.take().and_then(Result::ok))
    }

    /// Puts everything saved on the disk.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn settle(&mut self) -> Result<(), HeadlessError> {
        self.store.settle()
    }

    /// Tells the replica that what was on its way is lost.
    ///
    /// # Errors
    /// When the store fails.
    pub fn drop_network(&mut self) -> Result<(), HeadlessError> {
        self.run(Event::LinkFailed {
            failure: LinkFailure::Offline,
            now: now(),
            random: 0,
        })?;
        Ok(())
    }

    /// Exchanges until both sides have everything.
    ///
    /// # Errors
    /// When nothing gets across for [`PROGRESS_WITHIN`], or the server refuses for good.
    pub async fn sync(&mut self) -> Result<(), HeadlessError> {
        self.link.progress = std::time::Instant::now();
        self.online = true;
        let mut event = self.begin();
        loop {
            if let Step::Send(bytes) = self.run(event)? {
                let answer = self.link.exchange(self.signer.finish(bytes)?).await;
                event = match answer {
                    Ok(bytes) => {
                        self.joined = true;
                        Event::Answer { bytes, now: now() }
                    }
                    Err(failure) => Event::LinkFailed {
                        failure,
                        now: now(),
                        random: 0,
                    },
                };
                continue;
            }
            let status = self.replica.status();
            match status.activity {
                Activity::Idle if status.on_phone == 0 => return self.settle(),
                Activity::Idle => event = wake(),
                // A server that was restored from before this phone joined does not know it.
                Activity::Failed(LinkFailure::Refused(ErrorCode::UnknownDevice)) if self.joined => {
                    self.joined = false;
                    event = self.begin();
                }
                Activity::Failed(LinkFailure::Refused(code)) if !self.joined => {
                    return Err(HeadlessError::Refused(code.code()));
                }
                activity @ (Activity::Failed(_) | Activity::StoreFailed(_) | Activity::Working) => {
                    if self.link.progress.elapsed() >= PROGRESS_WITHIN {
                        return Err(stuck(&format!("{activity:?}")));
                    }
                    tokio::time::sleep(PAUSE).await;
                    event = self.begin();
                }
            }
        }
    }

    /// What begins an exchange: the first one joins.
    fn begin(&self) -> Event {
        if self.joined {
            return wake();
        }
        Event::Join {
            code: self.join.clone(),
            now: now(),
        }
    }

    /// Handles an event and all that follows from it, up to the next request.
    fn run(&mut self, event: Event) -> Result<Step, HeadlessError> {
        let mut events = VecDeque::from([event]);
        let mut step = Step::Done;
        while let Some(event) = events.pop_front() {
            for effect in self.replica.handle(event) {
                if let Effect::Send { bytes } = effect {
                    step = Step::Send(bytes);
                } else {
                    events.extend(self.perform(effect)?);
                }
            }
        }
        Ok(step)
    }

    fn perform(&mut self, effect: Effect) -> Result<Option<Event>, HeadlessError> {
        Ok(match effect {
            Effect::Load { ticket, records } => {
                let load = |id| self.store.kept.load(id);
                let records = records.into_iter().map(load).collect();
                Some(Event::Loaded { ticket, records })
            }
            Effect::ReadOutbox {
                bytes_max,
                items_max,
            } => {
                let (items, records) = if self.online {
                    self.store.kept.outbox(bytes_max, items_max)
                } else {
                    (Vec::new(), 0)
                };
                Some(Event::Outbox {
                    items,
                    records,
                    now: now(),
                })
            }
            Effect::Commit { ticket, batch } => Some(match self.store.commit(&batch)? {
                Ok(()) => {
                    let listed = !batch.rows_ahead.is_empty();
                    if let Some(tell) = self.on_list.filter(|_| listed) {
                        tell();
                    }
                    Event::Committed { ticket, now: now() }
                }
                Err(CommitError::Stale) => Event::Stale { ticket },
                Err(CommitError::Fault(fault)) => Event::StoreFailed {
                    ticket,
                    fault,
                    now: now(),
                },
            }),
            Effect::Scan { ticket } => Some(Event::Scanned {
                ticket,
                held: self.store.kept.held(),
                now: now(),
            }),
            Effect::Finished { result, .. } => {
                self.finished = Some(result);
                None
            }
            Effect::TookIn { result, .. } => {
                self.took_in = Some(result);
                None
            }
            Effect::Send { .. }
            | Effect::Changed { .. }
            | Effect::Notices(_)
            | Effect::Directory(_)
            | Effect::Status(_)
            | Effect::WakeAt(_) => None,
        })
    }
}

/// The bench station as its server knows it, so that records can be made before the first exchange.
fn station() -> Result<Directory, IdError> {
    let grid: UnitId = GRID.parse()?;
    let home = Unit {
        id: STATION.parse()?,
        level: Level::Station,
        name: STATION.to_owned(),
        parent: None,
        village: None,
    };
    Ok(Directory {
        me: Member {
            person: PERSON.parse()?,
            name: PERSON.to_owned(),
            roles: vec![Role::AuxOfficer, Role::Mediator],
            units: vec![grid.clone()],
        },
        grids: vec![Grid {
            id: grid,
            name: GRID.to_owned(),
            village: STATION.to_owned(),
            station: home.id.clone(),
        }],
        home,
        checkpoints: Vec::new(),
        colleagues: Vec::new(),
        demo: true,
    })
}

fn wake() -> Event {
    Event::Wake {
        cause: Cause::Button,
        now: now(),
    }
}

fn stuck(reason: &str) -> HeadlessError {
    HeadlessError::Stuck {
        seconds: PROGRESS_WITHIN.as_secs(),
        reason: reason.to_owned(),
    }
}

/// The machine's clock.
#[must_use]
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |since| since.as_millis());
    Millis(i64::try_from(ms).unwrap_or(i64::MAX))
}
