//! Disputes: quick register, course, mediation sessions, agreements and closing.

pub mod draft;
mod offers;

use super::status::{Machine, Rule, Standing};
use super::{Event, FoldError, Header, Kind};
use crate::document::{Edit, Tree, Value};
use crate::id::{ItemId, PersonId};
use crate::time::{DAY_MS, Millis};
use crate::unit::Role;
use crate::view::{Due, DueKind};

pub use draft::{
    AgreementDraft, CloseDraft, Draft, EventDraft, NewAgreement, NewClosing, NewDispute, NewEvent,
    NewSession, NewTerm, SessionDraft, TermDraft,
};
pub use offers::{Offers, offers};

/// The most characters of a place.
pub const PLACE_CHARS_MAX: usize = 80;
/// The most characters of the brief.
pub const BRIEF_CHARS_MAX: usize = 1_000;
/// The most characters of a name.
pub const NAME_CHARS_MAX: usize = 40;
/// The most characters of the text of an event.
pub const EVENT_CHARS_MAX: usize = 1_000;
/// The most characters of a session's statements or an agreement's content.
pub const LONG_TEXT_CHARS_MAX: usize = 4_000;
/// The most terms of one agreement.
pub const TERMS_MAX: usize = 12;

const FIELD: &[Role] = &[
    Role::GridWorker,
    Role::AuxOfficer,
    Role::Mediator,
    Role::CommunityPolice,
    Role::StationDuty,
];
const MEDIATING: &[Role] = &[Role::Mediator, Role::CommunityPolice];
const ACCEPTING: &[Role] = &[
    Role::Mediator,
    Role::CommunityPolice,
    Role::StationDuty,
    Role::JudicialOffice,
];
const HEAD: &[Role] = &[Role::StationHead];

/// The statuses of a dispute and the steps between them (codes of the list `dispute_status`).
///
/// Escalation is not a status but an event of any open case. An agreement that is not kept stays
/// agreed: its terms become overdue.
pub const MACHINE: Machine = Machine {
    initial: "reported",
    rules: &[
        Rule {
            from: "reported",
            to: "accepted",
            roles: ACCEPTING,
        },
        Rule {
            from: "reported",
            to: "not_accepted",
            roles: ACCEPTING,
        },
        Rule {
            from: "reported",
            to: "referred",
            roles: ACCEPTING,
        },
        Rule {
            from: "reported",
            to: "withdrawn",
            roles: FIELD,
        },
        // Settled on the spot: registered with its oral agreement, nothing more is needed.
        Rule {
            from: "reported",
            to: "agreed",
            roles: FIELD,
        },
        Rule {
            from: "reported",
            to: "closed",
            roles: FIELD,
        },
        Rule {
            from: "accepted",
            to: "mediating",
            roles: MEDIATING,
        },
        Rule {
            from: "accepted",
            to: "failed",
            roles: MEDIATING,
        },
        Rule {
            from: "accepted",
            to: "withdrawn",
            roles: MEDIATING,
        },
        Rule {
            from: "accepted",
            to: "referred",
            roles: ACCEPTING,
        },
        Rule {
            from: "mediating",
            to: "suspended",
            roles: MEDIATING,
        },
        Rule {
            from: "suspended",
            to: "mediating",
            roles: MEDIATING,
        },
        Rule {
            from: "mediating",
            to: "agreed",
            roles: MEDIATING,
        },
        Rule {
            from: "mediating",
            to: "failed",
            roles: MEDIATING,
        },
        Rule {
            from: "mediating",
            to: "withdrawn",
            roles: MEDIATING,
        },
        Rule {
            from: "mediating",
            to: "referred",
            roles: ACCEPTING,
        },
        Rule {
            from: "suspended",
            to: "failed",
            roles: MEDIATING,
        },
        Rule {
            from: "suspended",
            to: "withdrawn",
            roles: MEDIATING,
        },
        Rule {
            from: "referred",
            to: "reported",
            roles: ACCEPTING,
        },
        Rule {
            from: "referred",
            to: "closed",
            roles: FIELD,
        },
        Rule {
            from: "agreed",
            to: "performed",
            roles: FIELD,
        },
        Rule {
            from: "agreed",
            to: "mediating",
            roles: MEDIATING,
        },
        Rule {
            from: "agreed",
            to: "closed",
            roles: HEAD,
        },
        Rule {
            from: "performed",
            to: "closed",
            roles: FIELD,
        },
        Rule {
            from: "failed",
            to: "closed",
            roles: FIELD,
        },
        Rule {
            from: "withdrawn",
            to: "closed",
            roles: FIELD,
        },
        Rule {
            from: "not_accepted",
            to: "closed",
            roles: FIELD,
        },
        Rule {
            from: "closed",
            to: "mediating",
            roles: MEDIATING,
        },
        Rule {
            from: "closed",
            to: "archived",
            roles: &[Role::JudicialOffice, Role::Mediator],
        },
    ],
    open: &[
        "reported",
        "accepted",
        "mediating",
        "suspended",
        "agreed",
        "performed",
    ],
};

/// Days from registration to acceptance, by level: ordinary, serious, major (local rule).
const ACCEPT_DAYS: [(&str, i64); 3] = [("G", 3), ("Y", 1), ("R", 0)];
/// Days from acceptance to the end of mediation (one month is the usual legal term).
const FINISH_DAYS: i64 = 30;
/// The same for labour disputes, where arbitration stands open after 15 days.
const FINISH_DAYS_LABOUR: i64 = 15;
const CATEGORY_LABOUR: &str = "10";
/// Days from an agreement's last term to the return visit.
pub const VISIT_AFTER_DAYS: i64 = 7;

/// Kinds of notes that a step brings along (codes of the list `told`): who said so, and when. Every
/// party agreed to mediation and was told of rights and duties.
pub const CONSENT: &str = "consent";
/// The parties were told of arbitration, administrative and court ways.
pub const REMEDIES: &str = "remedies";
/// What a return visit leaves in the course of its case, by the code of its finding, and whether
/// that is trouble: not performed, signs of relapse, nobody reached.
const VISITS: [(&str, &str, bool); 5] = [
    ("1", "visit_1", false),
    ("2", "visit_2", false),
    ("3", "visit_3", true),
    ("4", "visit_4", true),
    ("5", "visit_5", true),
];

/// The kind of note that a return visit leaves in the course of its case.
#[must_use]
pub fn visit_note(finding: &str) -> Option<&'static str> {
    let found = VISITS.iter().find(|(code, ..)| *code == finding);
    found.map(|(_, kind, _)| *kind)
}

/// A session of mediation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name inside the record.
    pub id: ItemId,
    /// When it began.
    pub at: Millis,
    /// Where.
    pub place: String,
    /// Code of the session mode.
    pub mode: String,
    /// What was said and done.
    pub statements: String,
    /// Code of the session result.
    pub result: String,
    /// When the next one is to be.
    pub next_at: Option<Millis>,
    /// Who recorded it.
    pub by: PersonId,
}

/// An agreement between the parties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Its name inside the record.
    pub id: ItemId,
    /// When it was reached.
    pub at: Millis,
    /// Code of its form: oral or written.
    pub form: String,
    /// What was agreed.
    pub content: String,
    /// What is to be done by whom and when.
    pub terms: Vec<Term>,
    /// Who recorded it.
    pub by: PersonId,
}

/// One term of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Its name inside the record.
    pub id: ItemId,
    /// What is to be done.
    pub text: String,
    /// By when.
    pub due: Option<Millis>,
    /// When it was done.
    pub done_at: Option<Millis>,
}

/// A dispute as its page shows it, without the personal data of its parties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Kind, grid, number, maker.
    pub header: Header,
    /// A title, where one was given; otherwise category and place stand for it.
    pub title: String,
    /// Code of the category.
    pub category: String,
    /// Where it happened, in words.
    pub place: String,
    /// When it was found.
    pub found_at: Millis,
    /// What happened.
    pub brief: String,
    /// Code of the level: G, Y or R, of the matter and never of a person.
    pub level: String,
    /// Whether every party agreed to mediation and was told of rights and duties, and when.
    pub consent_at: Option<Millis>,
    /// Code of the outcome, once closing.
    pub outcome: String,
    /// The closing summary.
    pub summary: String,
    /// Code of the reason where mediation ended without agreement.
    pub fail_reason: String,
    /// A date to look at the case again, set by hand.
    pub follow_up: Option<Millis>,
    /// The course, oldest first.
    pub events: Vec<Event>,
    /// Sessions, oldest first.
    pub sessions: Vec<Session>,
    /// Agreements, oldest first; the last one holds.
    pub agreements: Vec<Agreement>,
    /// Where the case stands.
    pub standing: Standing,
}

impl Dispute {
    /// Reads a dispute from the fields of its body.
    ///
    /// # Errors
    /// When the header is damaged or the record is of another kind.
    pub fn fold(tree: &Tree) -> Result<Self, FoldError> {
        let header = Header::fold(tree)?;
        if header.kind != Kind::Dispute {
            return Err(FoldError::Kind);
        }
        let text = |path: &str| tree.text(path).unwrap_or_default().to_owned();
        let events = super::events(tree);
        Ok(Self {
            title: text("title"),
            category: text("category"),
            place: text("place"),
            found_at: tree.at("found_at").unwrap_or(header.created_at),
            brief: text("brief"),
            level: tree.text("level").unwrap_or("G").to_owned(),
            consent_at: tree.at("consent_at"),
            outcome: text("outcome"),
            summary: text("summary"),
            fail_reason: text("fail_reason"),
            follow_up: tree.at("follow_up"),
            standing: MACHINE.fold(&events),
            sessions: tree
                .items("sessions")
                .filter_map(|key| session(tree, key))
                .collect(),
            agreements: tree
                .items("agreements")
                .filter_map(|key| agreement(tree, key))
                .collect(),
            events,
            header,
        })
    }

    /// What is due next, if anything is.
    #[must_use]
    pub fn due(&self) -> Option<Due> {
        match self.standing.status.as_str() {
            "reported" => {
                let days = ACCEPT_DAYS.iter().find(|(level, _)| *level == self.level);
                let days = days.map_or(3, |(_, days)| *days);
                let at = self.header.created_at.day().plus(days).end();
                Some(Due {
                    at,
                    what: DueKind::Accept,
                })
            }
            "accepted" | "mediating" => {
                Some(self.session_due().unwrap_or_else(|| self.finish_due()))
            }
            "agreed" => self.term_due(),
            _ => self.follow_up.map(|at| Due {
                at,
                what: DueKind::FollowUp,
            }),
        }
    }

    fn session_due(&self) -> Option<Due> {
        let at = self.sessions.last()?.next_at?;
        Some(Due {
            at,
            what: DueKind::Session,
        })
    }

    fn finish_due(&self) -> Due {
        let days = if self.category == CATEGORY_LABOUR {
            FINISH_DAYS_LABOUR
        } else {
            FINISH_DAYS
        };
        let from = self.accepted_at().unwrap_or(self.header.created_at);
        Due {
            at: from.plus(days * DAY_MS).day().end(),
            what: DueKind::Finish,
        }
    }

    /// When it was accepted, by the step that holds.
    #[must_use]
    pub fn accepted_at(&self) -> Option<Millis> {
        let mut taken = MACHINE.taken(&self.events).into_iter();
        taken.find_map(|(event, step)| (step.to == "accepted").then_some(event.at))
    }

    /// The terms of the agreement that holds which nobody has marked as performed.
    pub fn open_terms(&self) -> impl Iterator<Item = &Term> {
        let holds = self.agreements.last();
        let terms = holds.into_iter().flat_map(|agreement| &agreement.terms);
        terms.filter(|term| term.done_at.is_none())
    }

    /// The kind of note that the last return visit left, where it met with trouble and no step has
    /// been taken since.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        // A step that came after it is what somebody did about it.
        let since = self.events.iter().rev();
        let mut since = since.take_while(|event| !matches!(event.what, super::EventKind::Step(_)));
        let (kind, bad) = since.find_map(|event| match &event.what {
            super::EventKind::Note { kind, .. } => {
                let found = VISITS.iter().find(|(_, of, _)| of == kind)?;
                Some((found.1, found.2))
            }
            super::EventKind::Step(_)
            | super::EventKind::Photo(_)
            | super::EventKind::PhotoRemoved(_) => None,
        })?;
        bad.then_some(kind)
    }

    fn term_due(&self) -> Option<Due> {
        let at = self.open_terms().filter_map(|term| term.due).min()?;
        Some(Due {
            at,
            what: DueKind::Term,
        })
    }

    /// The quick form filled with the record's own values, to start an edit from.
    #[must_use]
    pub fn to_draft(&self) -> Draft {
        Draft {
            grid: self.header.grid.to_string(),
            category: self.category.clone(),
            place: self.place.clone(),
            found_at: self.found_at.to_local_text(),
            brief: self.brief.clone(),
            level: self.level.clone(),
            ..Draft::default()
        }
    }
}

fn session(tree: &Tree, key: &str) -> Option<Session> {
    let field = |name: &str| format!("sessions/{key}/{name}");
    let text = |name: &str| tree.text(&field(name)).unwrap_or_default().to_owned();
    Some(Session {
        id: key.parse().ok()?,
        at: tree.at(&field("at"))?,
        place: text("place"),
        mode: text("mode"),
        statements: text("statements"),
        result: text("result"),
        next_at: tree.at(&field("next_at")),
        by: tree.text(&field("by"))?.parse().ok()?,
    })
}

fn agreement(tree: &Tree, key: &str) -> Option<Agreement> {
    let field = |name: &str| format!("agreements/{key}/{name}");
    let terms = tree.items("terms").filter_map(|term| {
        let field = |name: &str| format!("terms/{term}/{name}");
        (tree.text(&field("agreement"))? == key).then_some(())?;
        Some(Term {
            id: term.parse().ok()?,
            text: tree.text(&field("text")).unwrap_or_default().to_owned(),
            due: tree.at(&field("due")),
            done_at: tree.at(&field("done_at")),
        })
    });
    Some(Agreement {
        id: key.parse().ok()?,
        at: tree.at(&field("at"))?,
        form: tree.text(&field("form")).unwrap_or_default().to_owned(),
        content: tree.text(&field("content")).unwrap_or_default().to_owned(),
        terms: terms.collect(),
        by: tree.text(&field("by"))?.parse().ok()?,
    })
}

/// The first edits of a dispute's body.
#[must_use]
pub fn register_edits(header: &Header, new: &NewDispute) -> Vec<Edit> {
    let mut edits = header.edits();
    edits.extend([
        Edit::new("category", new.category.as_str()),
        Edit::new("place", new.place.as_str()),
        Edit::new("found_at", new.found_at),
        Edit::new("brief", new.brief.as_str()),
        Edit::new("level", new.level.as_str()),
    ]);
    super::put_text(&mut edits, "title", &new.title);
    edits
}

/// The fields that an edit changed: only what differs from the copy that the form began with is
/// written, so that two people who edit different fields do not disturb each other.
#[must_use]
pub fn changed_edits(base: &NewDispute, new: &NewDispute) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut text = |path: &str, old: &str, new: &str| {
        if old != new {
            edits.push(Edit::new(path, new));
        }
    };
    text("title", &base.title, &new.title);
    text("category", &base.category, &new.category);
    text("place", &base.place, &new.place);
    text("brief", &base.brief, &new.brief);
    text("level", &base.level, &new.level);
    if base.found_at != new.found_at {
        edits.push(Edit::new("found_at", new.found_at));
    }
    edits
}

/// The edits that record a session.
#[must_use]
pub fn session_edits(id: ItemId, by: &PersonId, new: &NewSession) -> Vec<Edit> {
    let field = |name: &str| format!("sessions/{id}/{name}");
    let mut edits = vec![
        Edit::new(field("at"), new.at),
        Edit::new(field("by"), by.as_str()),
        Edit::new(field("mode"), new.mode.as_str()),
        Edit::new(field("statements"), new.statements.as_str()),
        Edit::new(field("result"), new.result.as_str()),
    ];
    super::put_text(&mut edits, field("place"), &new.place);
    if let Some(next_at) = new.next_at {
        edits.push(Edit::new(field("next_at"), next_at));
    }
    edits
}

/// The edits that record an agreement with its terms.
#[must_use]
pub fn agreement_edits(
    ids: (ItemId, Vec<ItemId>),
    by: &PersonId,
    now: Millis,
    new: &NewAgreement,
) -> Vec<Edit> {
    let (id, term_ids) = ids;
    let field = |name: &str| format!("agreements/{id}/{name}");
    let mut edits = vec![
        Edit::new(field("at"), now),
        Edit::new(field("by"), by.as_str()),
        Edit::new(field("form"), new.form.as_str()),
        Edit::new(field("content"), new.content.as_str()),
    ];
    for (term_id, term) in term_ids.into_iter().zip(&new.terms) {
        let field = |name: &str| format!("terms/{term_id}/{name}");
        edits.push(Edit::new(field("agreement"), Value::Text(id.to_string())));
        edits.push(Edit::new(field("text"), term.text.as_str()));
        if let Some(due) = term.due {
            edits.push(Edit::new(field("due"), due));
        }
    }
    edits
}
