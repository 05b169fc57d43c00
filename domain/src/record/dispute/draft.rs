//! The forms of a dispute: what was typed, and what it says once every field is sound.

use serde::{Deserialize, Serialize};

use super::{
    BRIEF_CHARS_MAX, EVENT_CHARS_MAX, LONG_TEXT_CHARS_MAX, NAME_CHARS_MAX, PLACE_CHARS_MAX,
    TERMS_MAX,
};
use crate::codelist::List;
use crate::id::UnitId;
use crate::record::vault::{Party, PartyRole};
use crate::record::{Checker, FieldError, FieldName, Problem, Said};
use crate::text;
use crate::time::Millis;

/// The quick register as it is typed; every field may be wrong or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is the form's field of that name")]
pub struct Draft {
    pub grid: String,
    pub title: String,
    pub category: String,
    pub place: String,
    pub found_at: String,
    pub brief: String,
    pub party_a_name: String,
    pub party_a_phone: String,
    pub party_b_name: String,
    pub party_b_phone: String,
    pub level: String,
}

/// A dispute that may be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the record")]
pub struct NewDispute {
    pub grid: UnitId,
    pub title: Said,
    pub category: Said,
    pub place: Said,
    pub found_at: Millis,
    pub brief: Said,
    pub level: Said,
    pub parties: Vec<Party>,
}

impl Draft {
    /// Reads the quick register.
    ///
    /// # Errors
    /// Every field that is missing or wrong, in the order of the form.
    pub fn parse(&self, now: Millis) -> Result<NewDispute, Vec<FieldError>> {
        let mut check = Checker::default();
        let new = self.read(now, &mut check);
        check.finish(new)
    }

    /// Reads an edit that began with `base`, the fields as they stood: what the form began with and
    /// what it says now. Only what this person changed is judged: a colleague's newer code or a time
    /// by another clock stays as it is and stops nobody.
    ///
    /// # Errors
    /// Every changed field that is missing or wrong, in the order of the form.
    pub fn parse_edit(
        &self,
        base: &Self,
        now: Millis,
    ) -> Result<(NewDispute, NewDispute), Vec<FieldError>> {
        let (mut before, mut check) = (Checker::default(), Checker::default());
        let old = base.read(now, &mut before);
        let new = self.read(now, &mut check);
        let both = || self.typed().into_iter().zip(base.typed());
        check.forgive(|field| both().any(|((of, new), (_, old))| of == field && new == old));
        check.finish(old.zip(new))
    }

    /// What was typed into each field of the register.
    const fn typed(&self) -> [(FieldName, &String); 11] {
        [
            (FieldName::Grid, &self.grid),
            (FieldName::Title, &self.title),
            (FieldName::Category, &self.category),
            (FieldName::Place, &self.place),
            (FieldName::FoundAt, &self.found_at),
            (FieldName::Brief, &self.brief),
            (FieldName::Level, &self.level),
            (FieldName::PartyAName, &self.party_a_name),
            (FieldName::PartyAPhone, &self.party_a_phone),
            (FieldName::PartyBName, &self.party_b_name),
            (FieldName::PartyBPhone, &self.party_b_phone),
        ]
    }

    fn read(&self, now: Millis, check: &mut Checker) -> Option<NewDispute> {
        let grid = check.grid(&self.grid);
        let category = check.code(FieldName::Category, List::DisputeCategory, &self.category);
        let place = check.required_line(FieldName::Place, &self.place, PLACE_CHARS_MAX);
        let found_at = check.moment(FieldName::FoundAt, &self.found_at, now);
        let title = check.line(FieldName::Title, &self.title, NAME_CHARS_MAX);
        let brief = check.required(FieldName::Brief, &self.brief, BRIEF_CHARS_MAX);
        let a = (FieldName::PartyAName, FieldName::PartyAPhone);
        let b = (FieldName::PartyBName, FieldName::PartyBPhone);
        let first = party(
            check,
            PartyRole::A,
            a,
            (&self.party_a_name, &self.party_a_phone),
        );
        let second = party(
            check,
            PartyRole::B,
            b,
            (&self.party_b_name, &self.party_b_phone),
        );
        let parties = first.into_iter().chain(second).collect();
        let level = if self.level.is_empty() {
            "G"
        } else {
            &self.level
        };
        let level = check.code(FieldName::Level, List::CaseLevel, level);
        grid.map(|grid| NewDispute {
            grid,
            title,
            category,
            place,
            found_at,
            brief,
            level,
            parties,
        })
    }

    /// Reads party A alone, for one more party of a case that is registered already.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    pub fn parse_party(&self) -> Result<Party, Vec<FieldError>> {
        let mut check = Checker::default();
        let fields = (FieldName::PartyAName, FieldName::PartyAPhone);
        let typed = (self.party_a_name.as_str(), self.party_a_phone.as_str());
        let party = party(&mut check, PartyRole::A, fields, typed);
        if party.is_none() && !check.has(FieldName::PartyAName) {
            check.fail(FieldName::PartyAName, Problem::Missing);
        }
        check.finish(party)
    }
}

fn party(
    check: &mut Checker,
    role: PartyRole,
    (name_field, phone_field): (FieldName, FieldName),
    (name, phone): (&str, &str),
) -> Option<Party> {
    let name = check.line(name_field, name, NAME_CHARS_MAX);
    let blank = text::is_blank(phone);
    let phone = check.phone(phone_field, phone);
    if name.is_empty() && !blank && !check.has(name_field) {
        check.fail(name_field, Problem::Missing);
    }
    (!name.is_empty()).then_some(Party { role, name, phone })
}

/// A note on the course of a case, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is the form's field of that name")]
pub struct EventDraft {
    pub kind: String,
    pub at: String,
    pub text: String,
}

/// A note that may be added.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the event")]
pub struct NewEvent {
    pub kind: Said,
    pub at: Millis,
    pub text: Said,
}

impl EventDraft {
    /// Reads the form.
    ///
    /// # Errors
    /// Every field that is missing or wrong.
    pub fn parse(&self, now: Millis) -> Result<NewEvent, Vec<FieldError>> {
        let mut check = Checker::default();
        let kind = check.code(FieldName::EventKind, List::EventKind, &self.kind);
        let at = check.moment(FieldName::FoundAt, &self.at, now);
        let text = check.required(FieldName::Text, &self.text, EVENT_CHARS_MAX);
        check.finish(Some(NewEvent { kind, at, text }))
    }
}

/// A session of mediation, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is the form's field of that name")]
pub struct SessionDraft {
    pub at: String,
    pub place: String,
    pub mode: String,
    pub statements: String,
    pub result: String,
    pub next_at: String,
    pub consent: bool,
    pub notice: bool,
}

/// A session that may be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the session")]
pub struct NewSession {
    pub at: Millis,
    pub place: Said,
    pub mode: Said,
    pub statements: Said,
    pub result: Said,
    pub next_at: Option<Millis>,
    pub consent: bool,
    pub notice: bool,
}

impl SessionDraft {
    /// Reads the form. `consented` tells that the case already holds every party's consent.
    ///
    /// # Errors
    /// Every field that is missing or wrong; without consent and notice there is no session.
    pub fn parse(&self, now: Millis, consented: bool) -> Result<NewSession, Vec<FieldError>> {
        let mut check = Checker::default();
        agreed_and_told(&mut check, consented, (self.consent, self.notice));
        let at = check.moment(FieldName::SessionAt, &self.at, now);
        let place = check.line(FieldName::SessionPlace, &self.place, PLACE_CHARS_MAX);
        let mode = if self.mode.is_empty() {
            "joint"
        } else {
            &self.mode
        };
        let mode = check.code(FieldName::Mode, List::SessionMode, mode);
        let statements =
            check.required(FieldName::Statements, &self.statements, LONG_TEXT_CHARS_MAX);
        let result = check.code(FieldName::Result, List::SessionResult, &self.result);
        let next_at = (!self.next_at.trim().is_empty()).then_some(self.next_at.trim());
        let next_at = next_at.and_then(|typed| {
            let at = Millis::from_local_text(typed);
            match at {
                None => check.fail(FieldName::NextAt, Problem::NotATime),
                Some(at) if at < now => check.fail(FieldName::NextAt, Problem::InPast),
                Some(_) => {}
            }
            at
        });
        check.finish(Some(NewSession {
            at,
            place,
            mode,
            statements,
            result,
            next_at,
            consent: self.consent,
            notice: self.notice,
        }))
    }
}

/// Where the case does not hold them yet, consent and notice come with what needs them.
fn agreed_and_told(check: &mut Checker, consented: bool, (consent, notice): (bool, bool)) {
    if !consented && !consent {
        check.fail(FieldName::Consent, Problem::Missing);
    }
    if !consented && !notice {
        check.fail(FieldName::Notice, Problem::Missing);
    }
}

/// One term of an agreement, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is the form's field of that name")]
pub struct TermDraft {
    pub text: String,
    pub due: String,
}

/// An agreement, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is the form's field of that name")]
pub struct AgreementDraft {
    pub form: String,
    pub content: String,
    pub terms: Vec<TermDraft>,
    pub consent: bool,
    pub notice: bool,
}

/// A term that may be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the term")]
pub struct NewTerm {
    pub text: Said,
    pub due: Option<Millis>,
}

/// An agreement that may be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the agreement")]
pub struct NewAgreement {
    pub form: Said,
    pub content: Said,
    pub terms: Vec<NewTerm>,
    pub consent: bool,
    pub notice: bool,
}

impl AgreementDraft {
    /// Reads the form; terms without a text and a date are left out. `consented` as for a session.
    ///
    /// # Errors
    /// Every field that is missing or wrong; without consent and notice there is no agreement.
    pub fn parse(&self, now: Millis, consented: bool) -> Result<NewAgreement, Vec<FieldError>> {
        let mut check = Checker::default();
        agreed_and_told(&mut check, consented, (self.consent, self.notice));
        let form = if self.form.is_empty() {
            "oral"
        } else {
            &self.form
        };
        let form = check.code(FieldName::Form, List::AgreementForm, form);
        let content = check.required(FieldName::Terms, &self.content, LONG_TEXT_CHARS_MAX);
        let mut terms = Vec::new();
        for draft in self.terms.iter().take(TERMS_MAX) {
            let said = check.optional(FieldName::Terms, &draft.text, EVENT_CHARS_MAX);
            let due = check.due(FieldName::Due, &draft.due, now);
            if text::is_blank(&draft.text) && due.is_some() {
                check.fail(FieldName::Terms, Problem::Missing);
            }
            if !said.is_empty() {
                terms.push(NewTerm { text: said, due });
            }
        }
        check.finish(Some(NewAgreement {
            form,
            content,
            terms,
            consent: self.consent,
            notice: self.notice,
        }))
    }
}

/// The closing of a case, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each field is the form's field of that name")]
pub struct CloseDraft {
    pub outcome: String,
    pub fail_reason: String,
    pub summary: String,
    pub remedies_told: bool,
}

/// A closing that may be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the record")]
pub struct NewClosing {
    pub outcome: Said,
    pub fail_reason: Said,
    pub summary: Said,
    /// The parties were told of the other ways; asked where mediation ended without an agreement.
    pub remedies_told: bool,
}

impl NewClosing {
    /// Whether the case ends with an agreement or a reconciliation.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.outcome.starts_with('1')
    }

    /// Whether it says that the case ends with an agreement, oral or written.
    #[must_use]
    pub fn is_agreed(&self) -> bool {
        ["11", "12"].contains(&self.outcome.as_str())
    }

    /// Whether mediation ended without an agreement.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.outcome.starts_with('2')
    }
}

impl CloseDraft {
    /// Reads the form.
    ///
    /// # Errors
    /// Every field that is missing or wrong: without agreement a reason is needed, and the parties
    /// must have been told of arbitration, administrative and court ways (People's Mediation Law
    /// art. 26).
    pub fn parse(&self) -> Result<NewClosing, Vec<FieldError>> {
        let mut check = Checker::default();
        let outcome = check.code(FieldName::Outcome, List::DisputeOutcome, &self.outcome);
        let summary = check.optional(FieldName::Summary, &self.summary, BRIEF_CHARS_MAX);
        let mut closing = NewClosing {
            outcome,
            fail_reason: Said::default(),
            summary,
            remedies_told: false,
        };
        // A reason that was chosen before the outcome became another says nothing of this one.
        if closing.is_failed() {
            closing.fail_reason =
                check.code(FieldName::Result, List::FailReason, &self.fail_reason);
            closing.remedies_told = self.remedies_told;
            if !self.remedies_told {
                check.fail(FieldName::Remedies, Problem::Missing);
            }
        }
        check.finish(Some(closing))
    }
}
