//! What happens in a run: a list of moves, made from a seed, of which any part can be left out.

use std::fmt;

use super::chance::Chance;

/// A place in the list of phones.
pub type PhoneNo = usize;

/// Everything that happens in one run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it was made from.
    pub seed: u64,
    /// How many phones take part.
    pub phones: usize,
    /// What happens, in order.
    pub moves: Vec<Move>,
}

/// One thing that happens, some time after the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Milliseconds after the move before.
    pub after: i64,
    /// Whom it happens to, where it is a phone.
    pub phone: PhoneNo,
    /// Its own chance, so that leaving out another move changes nothing here.
    pub salt: u64,
    /// What happens.
    pub step: Step,
}

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Registers a dispute.
    Dispute,
    /// Starts a patrol.
    Patrol,
    /// Registers a hazard.
    Hazard,
    /// Gives a task.
    Task,
    /// Rewrites the place of a dispute.
    Edit,
    /// Adds a note to a record.
    Note,
    /// Adds to a counter of a patrol.
    Count,
    /// Checks in on a patrol.
    CheckIn,
    /// Adds a party to a dispute.
    Party,
    /// Takes a step with a dispute or a hazard.
    Advance,
    /// Presses the button that exchanges.
    Button,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Somebody works.
    Work(Work),
    /// Something goes wrong.
    Fault(Fault),
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The app dies between any two of its effects, and starts again.
    Crash,
    /// The app dies within its next write to the store.
    CrashInWrite,
    /// The phone is off for a while: on again with the next move of this kind.
    Off,
    /// No network; back with the next move of this kind.
    Offline,
    /// Requests arrive, answers do not; back with the next move of this kind.
    OneWay,
    /// The next request is lost.
    LoseRequest,
    /// The answer to the next request is lost.
    LoseAnswer,
    /// The next request comes up to an hour late, long after the phone gave it up.
    Late,
    /// The next request comes twice.
    Twice,
    /// The next request is cut.
    CutRequest,
    /// The next request is cut, and taken up where it was cut.
    Resume,
    /// The answer to the next request is cut.
    CutAnswer,
    /// A bit of the next request is another one: over TLS the line breaks.
    FlipRequest,
    /// A bit of the next answer is another one: over TLS the line breaks.
    FlipAnswer,
    /// The same without TLS, to the request or the answer: it is read as it came.
    BareFlip,
    /// A portal answers the next request with its page.
    Portal,
    /// A proxy answers the next request with an older answer.
    Cached,
    /// The next write finds no room.
    Quota,
    /// The next write is given up after every request of it succeeded.
    Abort,
    /// The next read fails.
    ReadFails,
    /// The store is empty; the person joins again.
    TotalLoss,
    /// The last writes are gone from the store.
    TailLoss,
    /// The phone's clock is set to another year, at most five away.
    Clock,
    /// The phone's store is copied to another phone.
    Clone,
    /// The other person of a shared phone takes over.
    Switch,
    /// Somebody's grids change.
    Scope,
    /// A grid moves to the other station, or back.
    MoveGrid,
    /// The server dies within the next request.
    ServerCrash,
    /// The server is started again.
    ServerRestart,
    /// The server's disk is full; room again with the next move of this kind.
    DiskFull,
    /// The server's clock is set, at most a day away.
    ServerClock,
    /// A hostile device sends what it should not.
    Hostile,
    /// The server is put back to an older copy.
    Restore,
    /// An administrator opens healing, or closes it.
    Heal,
    /// A change is gone from a phone's store.
    Hole,
    /// Somebody carries to the server what waits on the phone, late or twice.
    Carry,
    /// Another phone hands its records over as a first load.
    HandOver,
    /// The phone's key is gone; the station makes a code for this phone, sooner or later.
    LoseKey,
    /// Somebody who has read the phone's secret brings a key of their own.
    Steal,
    /// An officer is retired; back with the next move of this kind.
    Retire,
}

/// Which faults there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mix {
    /// Those of [`FAULTS`].
    #[default]
    Usual,
    /// Those of [`UNHEALED`] as well.
    Unhealed,
    /// Those of [`FAULTS`], and in each run those of [`BY_HAND`].
    ByHand,
    /// Those of [`FAULTS`], and in each run those of [`LOCKS`].
    Locks,
    /// Some of [`CALM`], and in each run those of [`RESTORED`].
    Restored,
}

/// Faults of the normal mix.
pub const FAULTS: &[Fault] = &[
    Fault::Crash,
    Fault::CrashInWrite,
    Fault::Off,
    Fault::Offline,
    Fault::OneWay,
    Fault::LoseRequest,
    Fault::LoseAnswer,
    Fault::Late,
    Fault::Twice,
    Fault::CutRequest,
    Fault::Resume,
    Fault::CutAnswer,
    Fault::FlipRequest,
    Fault::FlipAnswer,
    Fault::Portal,
    Fault::Cached,
    Fault::Quota,
    Fault::Abort,
    Fault::ReadFails,
    Fault::TotalLoss,
    Fault::TailLoss,
    Fault::Clock,
    Fault::Clone,
    Fault::Switch,
    Fault::Scope,
    Fault::MoveGrid,
    Fault::ServerCrash,
    Fault::ServerRestart,
    Fault::DiskFull,
    Fault::ServerClock,
    Fault::Hostile,
    Fault::BareFlip,
];

/// Faults that are not always healed as the invariants ask: a server restored in the midst of other
/// faults, and a hole in a device's store, which only the weekly look through the store finds.
pub const UNHEALED: &[Fault] = &[Fault::Restore, Fault::Hole];

/// What people carry from phone to phone and to the server.
pub const BY_HAND: &[Fault] = &[Fault::Carry, Fault::HandOver];

/// What happens to keys, and to who is let in.
pub const LOCKS: &[Fault] = &[Fault::LoseKey, Fault::Steal, Fault::Retire];
/// What a server that is put back to an older copy goes through.
pub const RESTORED: &[Fault] = &[Fault::Restore, Fault::Heal, Fault::Hostile];

/// What may go wrong beside that, so that all that a phone holds comes back.
pub const CALM: &[Fault] = &[
    Fault::Crash,
    Fault::Offline,
    Fault::LoseAnswer,
    Fault::Twice,
];

/// The most phones of a run, copies not counted.
pub const PHONES_MAX: usize = 5;

const WORKS: &[(Work, u64)] = &[
    (Work::Dispute, 5),
    (Work::Patrol, 3),
    (Work::Hazard, 2),
    (Work::Task, 1),
    (Work::Edit, 8),
    (Work::Note, 4),
    (Work::Count, 3),
    (Work::CheckIn, 2),
    (Work::Party, 2),
    (Work::Advance, 2),
    (Work::Button, 6),
];

impl Plan {
    /// The plan of a seed, with the faults of a mix.
    #[must_use]
    pub fn new(seed: u64, mix: Mix) -> Self {
        let mut chance = Chance::new(seed);
        let phones = 2 + chance.place(PHONES_MAX - 1);
        let faults = faults(&mut chance, mix);
        let moves = 40 + chance.below(41);
        let moves = (0..moves).map(|_| Move::new(&mut chance, phones, &faults));
        let moves = moves.collect();
        Self {
            seed,
            phones,
            moves,
        }
    }
}

impl Mix {
    /// The faults of this mix: those of which a run has some, and those that every run has.
    #[must_use]
    pub const fn faults(self) -> [&'static [Fault]; 3] {
        match self {
            Self::Usual => [FAULTS, &[], &[]],
            Self::Unhealed => [FAULTS, UNHEALED, &[]],
            Self::ByHand => [FAULTS, &[], BY_HAND],
            Self::Locks => [FAULTS, &[], LOCKS],
            Self::Restored => [CALM, &[], RESTORED],
        }
    }
}

/// The faults of one run: some of them, so that each also comes often and with few others.
fn faults(chance: &mut Chance, mix: Mix) -> Vec<Fault> {
    let [usual, more, always] = mix.faults();
    let all: Vec<Fault> = usual.iter().chain(more).copied().collect();
    let some = 3 + chance.place(10);
    (0..some)
        .filter_map(|_| chance.pick(&all).copied())
        .chain(always.iter().copied())
        .collect()
}

impl Move {
    fn new(chance: &mut Chance, phones: usize, faults: &[Fault]) -> Self {
        let after = match chance.below(20) {
            0..=9 => chance.span(0, 25),
            10..=14 => chance.span(25, 2_500),
            15..=18 => chance.span(2_500, 20_000),
            _ => chance.span(20_000, 120_000),
        };
        let step = if chance.below(100) < 34 {
            chance
                .pick(faults)
                .map_or(Step::Work(Work::Button), |fault| Step::Fault(*fault))
        } else {
            Step::Work(work(chance))
        };
        Self {
            after,
            phone: chance.place(phones),
            salt: chance.number(),
            step,
        }
    }
}

fn work(chance: &mut Chance) -> Work {
    let all: u64 = WORKS.iter().map(|(_, weight)| weight).sum();
    let mut left = chance.below(all);
    for (work, weight) in WORKS {
        match left.checked_sub(*weight) {
            Some(rest) => left = rest,
            None => return *work,
        }
    }
    Work::Button
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Work(work) => write!(f, "{work:?}"),
            Self::Fault(fault) => write!(f, "{fault:?}"),
        }
    }
}
