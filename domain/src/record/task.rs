//! Tasks with a due date, of which the return visit is the most common.

use serde::{Deserialize, Serialize};

use super::status::{Machine, Rule, Standing};
use super::{Checker, Event, FieldError, FieldName, FoldError, Header, Kind, Said};
use crate::codelist::List;
use crate::document::{Edit, Tree, Value};
use crate::id::{RecordId, UnitId};
use crate::time::Millis;
use crate::unit::Role;
use crate::view::{Due, DueKind};

/// The most characters of a task's title.
pub const TITLE_CHARS_MAX: usize = 80;
/// The most characters of the report on a task.
pub const REPORT_CHARS_MAX: usize = 500;
/// What a task asks for: the return visit after an agreement.
pub const RETURN_VISIT: &str = "visit";

const ANY: &[Role] = &[
    Role::GridWorker,
    Role::AuxOfficer,
    Role::Mediator,
    Role::CommunityPolice,
    Role::StationDuty,
    Role::StationHead,
];

/// The statuses of a task and the steps between them (codes of the list `task_status`).
pub const MACHINE: Machine = Machine {
    initial: "open",
    rules: &[
        Rule {
            from: "open",
            to: "done",
            roles: ANY,
        },
        Rule {
            from: "open",
            to: "cancelled",
            roles: ANY,
        },
        Rule {
            from: "done",
            to: "open",
            roles: &[Role::StationDuty, Role::StationHead],
        },
    ],
    open: &["open"],
};

/// A task that may be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// The grid that it lies in.
    pub grid: UnitId,
    /// What it asks for: [`RETURN_VISIT`] or another word of the glossary.
    pub category: Said,
    /// What it is about, in words.
    pub title: Said,
    /// Where, in words.
    pub place: Said,
    /// What was agreed or is to be looked at.
    pub note: Said,
    /// By when.
    pub due: Millis,
    /// The record that it follows.
    pub link: Option<RecordId>,
}

/// The report on a task, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is the form's field of that name")]
pub struct ReportDraft {
    pub finding: String,
    pub mode: String,
    pub text: String,
}

/// A report that may be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the record")]
pub struct NewReport {
    pub finding: Said,
    pub mode: Said,
    pub text: Said,
}

impl ReportDraft {
    /// Reads the form: of a return visit, how it was made and what it found; of any other task, what
    /// was done.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    pub fn parse(&self, category: &str) -> Result<NewReport, Vec<FieldError>> {
        let mut check = Checker::default();
        let visit = category == RETURN_VISIT;
        let mut code = |field, list, typed: &str| {
            let asked = visit.then(|| check.code(field, list, typed));
            asked.unwrap_or_default()
        };
        let finding = code(FieldName::Finding, List::VisitFinding, &self.finding);
        let mode = code(FieldName::Mode, List::VisitMode, &self.mode);
        let text = if visit {
            Checker::optional
        } else {
            Checker::required
        };
        let text = text(&mut check, FieldName::Text, &self.text, REPORT_CHARS_MAX);
        check.finish(Some(NewReport {
            finding,
            mode,
            text,
        }))
    }
}

/// A task as its page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Kind, grid, number, maker.
    pub header: Header,
    /// What it asks for.
    pub category: String,
    /// What it is about, in words.
    pub title: String,
    /// Where, in words.
    pub place: String,
    /// What was agreed or is to be looked at.
    pub note: String,
    /// By when.
    pub due_at: Millis,
    /// The record that it follows.
    pub link: Option<RecordId>,
    /// Code of what the visit found.
    pub finding: String,
    /// Code of how it was done.
    pub mode: String,
    /// The course, oldest first.
    pub events: Vec<Event>,
    /// Where it stands.
    pub standing: Standing,
}

impl Task {
    /// Whether it asks for a return visit.
    #[must_use]
    pub fn is_visit(&self) -> bool {
        self.category == RETURN_VISIT
    }

    /// Reads a task from the fields of its body.
    ///
    /// # Errors
    /// When the header is damaged or the record is of another kind.
    pub fn fold(tree: &Tree) -> Result<Self, FoldError> {
        let header = Header::fold(tree)?;
        if header.kind != Kind::Task {
            return Err(FoldError::Kind);
        }
        let text = |path: &str| tree.text(path).unwrap_or_default().to_owned();
        let events = super::events(tree);
        Ok(Self {
            category: text("category"),
            title: text("title"),
            place: text("place"),
            note: text("note"),
            due_at: tree.at("due").unwrap_or(header.created_at),
            link: tree.text("link").and_then(|id| id.parse().ok()),
            finding: text("finding"),
            mode: text("mode"),
            standing: MACHINE.fold(&events),
            events,
            header,
        })
    }

    /// By when it is to be done, while it is open.
    #[must_use]
    pub fn due(&self) -> Option<Due> {
        let what = if self.is_visit() {
            DueKind::Visit
        } else {
            DueKind::Task
        };
        MACHINE.is_open(&self.standing.status).then_some(Due {
            at: self.due_at,
            what,
        })
    }
}

/// The record that a return visit follows, in whose course its report leaves a note.
#[must_use]
pub fn visits(tree: &Tree) -> Option<RecordId> {
    let visit = tree.text("category") == Some(RETURN_VISIT);
    let link = tree.text("link").filter(|_| visit)?;
    link.parse().ok()
}

/// The first edits of a task.
#[must_use]
pub fn give_edits(header: &Header, new: &NewTask) -> Vec<Edit> {
    let mut edits = header.edits();
    edits.extend([
        Edit::new("category", new.category.as_str()),
        Edit::new("due", new.due),
    ]);
    super::put_text(&mut edits, "title", &new.title);
    super::put_text(&mut edits, "place", &new.place);
    super::put_text(&mut edits, "note", &new.note);
    if let Some(link) = new.link {
        edits.push(Edit::new("link", Value::Text(link.to_string())));
    }
    edits
}
