//! Hazards: found, fixed on the spot or handed over, rechecked, closed.

use serde::{Deserialize, Serialize};

use super::status::{Machine, Rule, Standing};
use super::{Checker, Event, FieldError, FieldName, FoldError, Header, Kind, Said};
use crate::codelist::List;
use crate::document::{Edit, Tree, Value};
use crate::id::{PersonId, RecordId, UnitId};
use crate::time::{HOUR_MS, Millis};
use crate::unit::Role;
use crate::view::{Due, DueKind};

/// The most characters of a hazard's description.
pub const DESCRIPTION_CHARS_MAX: usize = 1_000;
/// The most characters of its place.
pub const PLACE_CHARS_MAX: usize = 80;
/// The most characters of what was done about it.
pub const MEASURE_CHARS_MAX: usize = 500;

const FIELD: &[Role] = &[
    Role::GridWorker,
    Role::AuxOfficer,
    Role::Mediator,
    Role::CommunityPolice,
    Role::StationDuty,
];
const STATION: &[Role] = &[Role::StationDuty, Role::StationHead, Role::CommunityPolice];

/// The statuses of a hazard and the steps between them (codes of the list `hazard_status`).
pub const MACHINE: Machine = Machine {
    initial: "found",
    rules: &[
        Rule {
            from: "found",
            to: "onspot",
            roles: FIELD,
        },
        Rule {
            from: "found",
            to: "transferred",
            roles: FIELD,
        },
        Rule {
            from: "found",
            to: "assigned",
            roles: STATION,
        },
        Rule {
            from: "found",
            to: "waived",
            roles: STATION,
        },
        Rule {
            from: "assigned",
            to: "rectifying",
            roles: FIELD,
        },
        Rule {
            from: "assigned",
            to: "transferred",
            roles: FIELD,
        },
        Rule {
            from: "rectifying",
            to: "rectified",
            roles: FIELD,
        },
        Rule {
            from: "found",
            to: "rectified",
            roles: FIELD,
        },
        Rule {
            from: "assigned",
            to: "rectified",
            roles: FIELD,
        },
        Rule {
            from: "rectified",
            to: "closed",
            roles: FIELD,
        },
        Rule {
            from: "rectified",
            to: "recheck_failed",
            roles: FIELD,
        },
        Rule {
            from: "recheck_failed",
            to: "rectifying",
            roles: FIELD,
        },
        Rule {
            from: "recheck_failed",
            to: "rectified",
            roles: FIELD,
        },
        Rule {
            from: "onspot",
            to: "closed",
            roles: FIELD,
        },
        Rule {
            from: "transferred",
            to: "closed",
            roles: FIELD,
        },
    ],
    open: &[
        "found",
        "assigned",
        "rectifying",
        "rectified",
        "recheck_failed",
        "transferred",
    ],
};

/// Days to put a hazard right: ordinary and serious (local rule).
const RECTIFY_DAYS: [(&str, i64); 2] = [("1", 3), ("2", 7)];
/// A major hazard is reported and handed over within the hour.
const MAJOR_MS: i64 = HOUR_MS;

/// A hazard, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is the form's field of that name")]
pub struct Draft {
    pub grid: String,
    pub category: String,
    pub place: String,
    pub description: String,
    pub level: String,
    /// The patrol on which it was found, as its id.
    pub patrol: String,
    /// What was done on the spot; empty when nothing could be.
    pub fixed: String,
}

/// A hazard that may be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the record")]
pub struct NewHazard {
    pub grid: UnitId,
    pub category: Said,
    pub place: Said,
    pub description: Said,
    pub level: Said,
    pub patrol: Option<RecordId>,
    pub fixed: Said,
}

impl Draft {
    /// Reads the form.
    ///
    /// # Errors
    /// Every field that is missing or wrong, in the order of the form.
    pub fn parse(&self) -> Result<NewHazard, Vec<FieldError>> {
        let mut check = Checker::default();
        let grid = check.grid(&self.grid);
        let category = check.code(FieldName::Category, List::HazardCategory, &self.category);
        let place = check.required_line(FieldName::Place, &self.place, PLACE_CHARS_MAX);
        let description = check.required(
            FieldName::Description,
            &self.description,
            DESCRIPTION_CHARS_MAX,
        );
        let level = if self.level.is_empty() {
            "1"
        } else {
            &self.level
        };
        let level = check.code(FieldName::Level, List::HazardLevel, level);
        let fixed = check.optional(FieldName::Text, &self.fixed, MEASURE_CHARS_MAX);
        let patrol = self.patrol.parse().ok();
        let new = grid.map(|grid| NewHazard {
            grid,
            category,
            place,
            description,
            level,
            patrol,
            fixed,
        });
        check.finish(new)
    }
}

/// A step of a hazard, as typed: fixed, handed over, rechecked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is the form's field of that name")]
pub struct StepDraft {
    /// The status to reach.
    pub to: String,
    /// Code of the target, when handed over.
    pub target: String,
    pub text: String,
}

/// A step that may be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the step")]
pub struct NewStep {
    pub to: Said,
    pub target: Said,
    pub text: Said,
}

impl StepDraft {
    /// Reads the form: handing over needs a target, every other step a word on what was done.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    pub fn parse(&self) -> Result<NewStep, Vec<FieldError>> {
        let mut check = Checker::default();
        let (target, text) = if self.to == "transferred" {
            let target = check.code(FieldName::Target, List::ReferralTarget, &self.target);
            (
                target,
                check.optional(FieldName::Text, &self.text, MEASURE_CHARS_MAX),
            )
        } else {
            (
                Said::default(),
                check.required(FieldName::Text, &self.text, MEASURE_CHARS_MAX),
            )
        };
        let to = check.line(FieldName::Text, &self.to, MEASURE_CHARS_MAX);
        check.finish(Some(NewStep { to, target, text }))
    }
}

/// A hazard as its page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hazard {
    /// Kind, grid, number, maker.
    pub header: Header,
    /// Code of the category.
    pub category: String,
    /// Where, in words.
    pub place: String,
    /// What it is.
    pub description: String,
    /// Code of the level.
    pub level: String,
    /// The patrol on which it was found.
    pub patrol: Option<RecordId>,
    /// Code of where it was handed over to.
    pub target: String,
    /// The course, oldest first.
    pub events: Vec<Event>,
    /// Where it stands.
    pub standing: Standing,
}

impl Hazard {
    /// Reads a hazard from the fields of its body.
    ///
    /// # Errors
    /// When the header is damaged or the record is of another kind.
    pub fn fold(tree: &Tree) -> Result<Self, FoldError> {
        let header = Header::fold(tree)?;
        if header.kind != Kind::Hazard {
            return Err(FoldError::Kind);
        }
        let text = |path: &str| tree.text(path).unwrap_or_default().to_owned();
        let events = super::events(tree);
        Ok(Self {
            category: text("category"),
            place: text("place"),
            description: text("description"),
            level: tree.text("level").unwrap_or("1").to_owned(),
            patrol: tree.text("patrol").and_then(|id| id.parse().ok()),
            target: text("target"),
            standing: MACHINE.fold(&events),
            events,
            header,
        })
    }

    /// By when it must be put right or handed over.
    #[must_use]
    pub fn due(&self) -> Option<Due> {
        let open = [
            "found",
            "assigned",
            "rectifying",
            "rectified",
            "recheck_failed",
        ];
        if !open.contains(&self.standing.status.as_str()) {
            return None;
        }
        let from = self.header.created_at;
        let days = RECTIFY_DAYS.iter().find(|(level, _)| *level == self.level);
        let at: Millis = days.map_or(from.plus(MAJOR_MS), |(_, days)| {
            from.day().plus(*days).end()
        });
        let what = if self.standing.status == "rectified" {
            DueKind::Recheck
        } else {
            DueKind::Rectify
        };
        Some(Due { at, what })
    }
}

/// Who put a hazard right that the step `to` would pass or fail, where that must be somebody else: a
/// recheck always, and the closing of what was fixed on the spot unless it was an ordinary one.
#[must_use]
pub fn mended_by(tree: &Tree, from: &str, to: &str) -> Option<PersonId> {
    let ordinary = tree.text("level").unwrap_or("1") == "1";
    let mended = match (from, to) {
        ("rectified", "closed" | "recheck_failed") => "rectified",
        ("onspot", "closed") if !ordinary => "onspot",
        _ => return None,
    };
    let events = super::events(tree);
    let by = MACHINE.reached(&events, mended)?.0.by.clone();
    Some(by)
}

/// The first edits of a hazard.
#[must_use]
pub fn register_edits(header: &Header, new: &NewHazard) -> Vec<Edit> {
    let mut edits = header.edits();
    edits.extend([
        Edit::new("category", new.category.as_str()),
        Edit::new("place", new.place.as_str()),
        Edit::new("description", new.description.as_str()),
        Edit::new("level", new.level.as_str()),
    ]);
    if let Some(patrol) = new.patrol {
        edits.push(Edit::new("patrol", Value::Text(patrol.to_string())));
    }
    edits
}
