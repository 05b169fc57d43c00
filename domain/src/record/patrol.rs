//! Patrols: start, pause, check-ins at checkpoints, counts, finish.

use serde::{Deserialize, Serialize};

use super::status::{Machine, Rule, Standing};
use super::{Checker, Event, FieldError, FieldName, FoldError, Header, Kind, Said};
use crate::codelist::List;
use crate::document::{Edit, Tree, Value};
use crate::id::{ActorKey, ItemId, PersonId, UnitId};
use crate::time::{MINUTE_MS, Millis};
use crate::unit::Role;

/// The most characters of a patrol's log.
pub const LOG_CHARS_MAX: usize = 2_000;
/// Within so many milliseconds a second check-in at the same place is the same one.
const REPEAT_MS: i64 = MINUTE_MS;
/// The most characters of a typed place or a note at a check-in.
pub const NOTE_CHARS_MAX: usize = 200;

const PATROLLING: &[Role] = &[
    Role::GridWorker,
    Role::AuxOfficer,
    Role::CommunityPolice,
    Role::Mediator,
];
const REVIEWING: &[Role] = &[Role::StationDuty, Role::StationHead];

/// The statuses of a patrol and the steps between them (codes of the list `patrol_status`).
pub const MACHINE: Machine = Machine {
    initial: "active",
    rules: &[
        Rule {
            from: "active",
            to: "paused",
            roles: PATROLLING,
        },
        Rule {
            from: "paused",
            to: "active",
            roles: PATROLLING,
        },
        Rule {
            from: "active",
            to: "finished",
            roles: PATROLLING,
        },
        Rule {
            from: "paused",
            to: "finished",
            roles: PATROLLING,
        },
        Rule {
            from: "finished",
            to: "reviewed",
            roles: REVIEWING,
        },
    ],
    open: &["active", "paused"],
};

/// What is counted on a patrol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counter {
    /// People talked out of something.
    Persuaded,
    /// Households visited.
    Households,
    /// Leaflets handed out.
    Leaflets,
    /// People helped.
    Helped,
}

impl Counter {
    /// All counters, in the order to show them.
    pub const ALL: [Self; 4] = [
        Self::Persuaded,
        Self::Households,
        Self::Leaflets,
        Self::Helped,
    ];

    const fn key(self) -> &'static str {
        match self {
            Self::Persuaded => "persuaded",
            Self::Households => "households",
            Self::Leaflets => "leaflets",
            Self::Helped => "helped",
        }
    }
}

/// The start of a patrol, as chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is the form's field of that name")]
pub struct StartDraft {
    pub grid: String,
    pub kind: String,
    pub mode: String,
}

/// A patrol that may be started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the record")]
pub struct NewPatrol {
    pub grid: UnitId,
    pub kind: Said,
    pub mode: Said,
}

impl StartDraft {
    /// Reads the choice; a routine patrol on foot when nothing was chosen.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn parse(&self) -> Result<NewPatrol, Vec<FieldError>> {
        let mut check = Checker::default();
        let grid = check.grid(&self.grid);
        let kind = if self.kind.is_empty() {
            "P01"
        } else {
            &self.kind
        };
        let kind = check.code(FieldName::Category, List::PatrolType, kind);
        let mode = if self.mode.is_empty() {
            "walk"
        } else {
            &self.mode
        };
        let mode = check.code(FieldName::Mode, List::PatrolMode, mode);
        check.finish(grid.map(|grid| NewPatrol { grid, kind, mode }))
    }
}

/// A check-in, as chosen or typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is the form's field of that name")]
pub struct CheckinDraft {
    pub checkpoint: String,
    pub place: String,
    pub note: String,
}

/// A check-in that may be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the check-in")]
pub struct NewCheckin {
    pub checkpoint: Option<UnitId>,
    pub place: Said,
    pub note: Said,
}

impl CheckinDraft {
    /// Reads the form: a checkpoint of the list, or a place in words.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    pub fn parse(&self) -> Result<NewCheckin, Vec<FieldError>> {
        let mut check = Checker::default();
        let checkpoint = self.checkpoint.parse().ok();
        let place = if checkpoint.is_some() {
            check.line(FieldName::Place, &self.place, NOTE_CHARS_MAX)
        } else {
            check.required_line(FieldName::Checkpoint, &self.place, NOTE_CHARS_MAX)
        };
        let note = check.line(FieldName::Text, &self.note, NOTE_CHARS_MAX);
        check.finish(Some(NewCheckin {
            checkpoint,
            place,
            note,
        }))
    }
}

/// Reads what an officer has to say at the end of a patrol.
///
/// # Errors
/// Why it is not stored.
pub fn read_log(typed: &str) -> Result<Said, Vec<FieldError>> {
    let mut check = Checker::default();
    let log = check.optional(FieldName::Log, typed, LOG_CHARS_MAX);
    check.finish(Some(log))
}

/// A check-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkin {
    /// Its name inside the record.
    pub id: ItemId,
    /// When.
    pub at: Millis,
    /// The checkpoint, if it was one of the list.
    pub checkpoint: Option<UnitId>,
    /// The place in words.
    pub place: String,
    /// A remark.
    pub note: String,
    /// Who.
    pub by: PersonId,
}

impl Checkin {
    /// Whether `other` is at the same place within a minute.
    fn repeats(&self, other: &Self) -> bool {
        let same = match (&self.checkpoint, &other.checkpoint) {
            (Some(here), Some(there)) => here == there,
            (None, None) => self.place == other.place,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same && other.at.since(self.at).abs() < REPEAT_MS
    }
}

/// Whether a check-in says nothing that the patrol does not hold: the same place within a minute.
#[must_use]
pub fn is_repeated(tree: &Tree, at: Millis, new: &NewCheckin) -> bool {
    let same = |known: &Checkin| {
        let again = Checkin {
            at,
            checkpoint: new.checkpoint.clone(),
            place: new.place.to_string(),
            ..known.clone()
        };
        known.repeats(&again) && (new.note.is_empty() || *new.note == *known.note)
    };
    let mut known = tree.items("checkins").filter_map(|key| checkin(tree, key));
    known.any(|known| same(&known))
}

/// A patrol as its page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patrol {
    /// Kind, grid, number, maker.
    pub header: Header,
    /// Code of the patrol type.
    pub patrol_kind: String,
    /// Code of the mode.
    pub mode: String,
    /// When it began.
    pub started_at: Millis,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// Check-ins, oldest first.
    pub checkins: Vec<Checkin>,
    /// The sums of each counter over all devices.
    pub counts: [(Counter, i64); 4],
    /// What the officer wrote at the end.
    pub log: String,
    /// The course, oldest first.
    pub events: Vec<Event>,
    /// Where it stands.
    pub standing: Standing,
}

impl Patrol {
    /// Reads a patrol from the fields of its body.
    ///
    /// # Errors
    /// When the header is damaged or the record is of another kind.
    pub fn fold(tree: &Tree) -> Result<Self, FoldError> {
        let header = Header::fold(tree)?;
        if header.kind != Kind::Patrol {
            return Err(FoldError::Kind);
        }
        let text = |path: &str| tree.text(path).unwrap_or_default().to_owned();
        let events = super::events(tree);
        let standing = MACHINE.fold(&events);
        let ended_at = MACHINE
            .reached(&events, "finished")
            .map(|(event, _)| event.at);
        Ok(Self {
            patrol_kind: text("category"),
            mode: text("mode"),
            started_at: tree.at("started_at").unwrap_or(header.created_at),
            ended_at,
            checkins: tree
                .items("checkins")
                .filter_map(|key| checkin(tree, key))
                .collect(),
            counts: Counter::ALL.map(|counter| (counter, count(tree, counter))),
            log: text("log"),
            events,
            standing,
            header,
        })
    }

    /// How many check-ins count: one at a place where one was within the minute before is the same.
    #[must_use]
    pub fn visits(&self) -> usize {
        let mut counted: Vec<&Checkin> = Vec::new();
        for checkin in &self.checkins {
            if !counted.iter().any(|before| before.repeats(checkin)) {
                counted.push(checkin);
            }
        }
        counted.len()
    }

    /// Milliseconds on patrol up to `now`, pauses left out.
    #[must_use]
    pub fn active_ms(&self, now: Millis) -> i64 {
        let mut total = 0;
        let mut running_since = Some(self.started_at);
        for (event, step) in MACHINE.taken(&self.events) {
            match (step.to.as_str(), running_since) {
                ("paused" | "finished", Some(since)) => {
                    total += event.at.since(since).max(0);
                    running_since = None;
                }
                ("active", None) => running_since = Some(event.at),
                _ => {}
            }
        }
        total + running_since.map_or(0, |since| now.since(since).max(0))
    }
}

fn checkin(tree: &Tree, key: &str) -> Option<Checkin> {
    let field = |name: &str| format!("checkins/{key}/{name}");
    let text = |name: &str| tree.text(&field(name)).unwrap_or_default().to_owned();
    Some(Checkin {
        id: key.parse().ok()?,
        at: tree.at(&field("at"))?,
        checkpoint: tree
            .text(&field("checkpoint"))
            .and_then(|code| code.parse().ok()),
        place: text("place"),
        note: text("note"),
        by: tree.text(&field("by"))?.parse().ok()?,
    })
}

/// The most that a counter shows.
const COUNT_MAX: i64 = 1_000_000;

/// Counts are kept for each start of the app apart and summed, so that none is lost by a merge. What
/// was counted before a start is taken back after it, so a share may lie below zero; the sum never
/// does.
fn count(tree: &Tree, counter: Counter) -> i64 {
    shares(tree, counter).clamp(0, COUNT_MAX)
}

/// The sum of all shares as they are written.
fn shares(tree: &Tree, counter: Counter) -> i64 {
    let shares = tree.items("counts").map(|actor| {
        let path = format!("counts/{actor}/{}", counter.key());
        tree.int(&path).unwrap_or(0).clamp(-COUNT_MAX, COUNT_MAX)
    });
    shares.fold(0, i64::saturating_add)
}

/// The first edits of a patrol.
#[must_use]
pub fn start_edits(header: &Header, new: &NewPatrol) -> Vec<Edit> {
    let mut edits = header.edits();
    edits.extend([
        Edit::new("category", new.kind.as_str()),
        Edit::new("mode", new.mode.as_str()),
        Edit::new("started_at", header.created_at),
    ]);
    edits
}

/// The edits that record a check-in.
#[must_use]
pub fn checkin_edits(id: ItemId, by: &PersonId, at: Millis, new: &NewCheckin) -> Vec<Edit> {
    let field = |name: &str| format!("checkins/{id}/{name}");
    let mut edits = vec![
        Edit::new(field("at"), at),
        Edit::new(field("by"), by.as_str()),
    ];
    if let Some(checkpoint) = &new.checkpoint {
        edits.push(Edit::new(field("checkpoint"), checkpoint.as_str()));
    }
    super::put_text(&mut edits, field("place"), &new.place);
    super::put_text(&mut edits, field("note"), &new.note);
    edits
}

/// The edit that adds to a counter; none where what is shown would stay as it is.
#[must_use]
pub fn count_edit(tree: &Tree, actor: ActorKey, counter: Counter, more: i64) -> Option<Edit> {
    let path = format!("counts/{}/{}", actor.hex(), counter.key());
    let shown = count(tree, counter);
    let wanted = shown.saturating_add(more).clamp(0, COUNT_MAX);
    // Where two phones took back the same one, the shares come to less than what is shown.
    let difference = wanted.saturating_sub(shares(tree, counter));
    let share = tree.int(&path).unwrap_or(0).saturating_add(difference);
    (wanted != shown).then(|| Edit::new(path, Value::Int(share)))
}
