//! The sheets of a dispute: event, session, agreement, closing, edit, party.

use domain::codelist::{self, List};
use domain::command::Command;
use domain::id::RecordId;
use domain::record::dispute::{
    AgreementDraft, CloseDraft, Dispute, Draft, EventDraft, SessionDraft, TermDraft,
};
use domain::record::vault::{Party, PartyRole};
use domain::record::{FieldError, FieldName};
use domain::view::case::Contents;
use leptos::prelude::*;

use crate::component::chips::{Choice, chips};
use crate::component::field::{Form, Text, TextKind, field_error};
use crate::component::sheet::sheet;
use crate::locale::{self, Word, word};
use crate::platform;
use crate::screen::dispute_form::{category_choices, level_choices};
use crate::screen::record::Here;
use crate::screen::submit_sheet;
use crate::state::draft::{self, Of};

/// One of the sheets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sheet {
    /// A note on the course.
    Event,
    /// A session of mediation.
    Session,
    /// An agreement.
    Agreement,
    /// The closing.
    Close,
    /// The fields of the quick register.
    Edit,
    /// One more party.
    Party,
}

/// Which sheet of which case is open.
#[derive(Debug, Clone, Copy)]
pub struct Sheets {
    id: RecordId,
    open: RwSignal<bool>,
    which: RwSignal<Sheet>,
}

impl Sheets {
    /// No sheet is open.
    #[must_use]
    pub fn new(id: RecordId) -> Self {
        Self {
            id,
            open: RwSignal::new(false),
            which: RwSignal::new(Sheet::Event),
        }
    }

    /// Opens a sheet.
    pub fn show(&self, sheet: Sheet) {
        self.which.set(sheet);
        self.open.set(true);
    }
}

/// The place where the sheets appear.
pub(super) fn sheets(here: Here, open: Sheets) -> AnyView {
    let title = move || {
        match open.which.get() {
            Sheet::Event => word::ADD_EVENT,
            Sheet::Session => word::SESSION,
            Sheet::Agreement => word::AGREEMENT,
            Sheet::Close => word::CLOSE_CASE,
            Sheet::Edit => word::EDIT,
            Sheet::Party => word::ADD_PARTY,
        }
        .s()
        .to_owned()
    };
    let body = move || {
        // The form begins with a copy and is not rewritten under the officer's thumb.
        let Some(case) = here.get_untracked() else {
            return ().into_any();
        };
        let Contents::Dispute(dispute) = &case.contents else {
            return ().into_any();
        };
        match open.which.get_untracked() {
            Sheet::Event => event(open.id),
            Sheet::Session => session(open.id, dispute),
            Sheet::Agreement => agreement(open.id, dispute),
            Sheet::Close => close(open.id),
            Sheet::Edit => edit(open.id, dispute),
            Sheet::Party => party(open.id),
        }
    };
    sheet(open.open, title, body)
}

/// A form in a sheet: sends on submit, closes when the record is committed.
fn sheet_form<D: Send + Sync + 'static>(
    form: Form<D>,
    (note, fields): (AnyView, AnyView),
    command: impl Fn() -> Result<Command, Vec<FieldError>> + 'static,
) -> AnyView {
    let send = Box::new(move || match command() {
        Ok(command) => submit_sheet(form, command),
        Err(errors) => form.show_errors(errors),
    });
    sheet_page((note, fields), form.save_bar(word::SAVE, None), send)
}

fn sheet_page((note, fields): (AnyView, AnyView), bar: AnyView, send: Box<dyn Fn()>) -> AnyView {
    let submitted = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        send();
    };
    view! {
        <form novalidate on:submit=submitted>
            {note}
            <div class="card">{fields}</div>
            {bar}
        </form>
    }
    .into_any()
}

/// Chips for a code of the draft.
pub(super) fn code_chips<D: Send + Sync + 'static>(
    form: Form<D>,
    (label, field): (Word, FieldName),
    choices: Vec<Choice>,
    part: fn(&mut D) -> &mut String,
) -> AnyView {
    let initial = form.draft.try_update_untracked(|draft| part(draft).clone());
    let choose = Box::new(move |code| form.draft.update(|draft| *part(draft) = code));
    let initial = initial.unwrap_or_default();
    chips_field(form.errors, (label, field), choices, initial, choose)
}

fn chips_field(
    errors: RwSignal<Vec<FieldError>>,
    (label, field): (Word, FieldName),
    choices: Vec<Choice>,
    initial: String,
    chosen_is: Box<dyn Fn(String)>,
) -> AnyView {
    let chosen = RwSignal::new(initial);
    let choose = move |code: String| {
        chosen.set(code.clone());
        errors.update(|errors| errors.retain(|error| error.field != field));
        chosen_is(code);
    };
    view! {
        <div class="field chips-field">
            {chips(label.s(), choices, 8, chosen.into(), choose)}
            {field_error(errors, field)}
        </div>
    }
    .into_any()
}

/// The codes of a list as choices.
pub(super) fn code_choices(list: List) -> Vec<Choice> {
    codelist::codes(list)
        .map(|entry| Choice::new(entry.code, locale::code(list, entry.code)))
        .collect()
}

fn event(id: RecordId) -> AnyView {
    let fresh = || EventDraft {
        kind: "visit".to_owned(),
        ..EventDraft::default()
    };
    draft::form((Of::sheet("event", id), None), fresh, move |form, note| {
        event_form(id, form, note)
    })
}

fn event_form(id: RecordId, form: Form<EventDraft>, note: AnyView) -> AnyView {
    let fields = view! {
        {code_chips(form, (word::KIND, FieldName::EventKind), code_choices(List::EventKind),
            |draft| &mut draft.kind)}
        {form.text(Text::required(FieldName::Text, word::TEXT, TextKind::Area),
            |draft| &mut draft.text)}
    };
    sheet_form(form, (note, fields.into_any()), move || {
        let new = form.draft.get_untracked().parse(platform::now())?;
        Ok(Command::AddEvent { id, new })
    })
}

fn session(id: RecordId, dispute: &Dispute) -> AnyView {
    let consented = dispute.consent_at.is_some();
    let place = dispute.place.clone();
    let fresh = move || SessionDraft {
        at: platform::now().to_local_text(),
        place: place.clone(),
        mode: "joint".to_owned(),
        ..SessionDraft::default()
    };
    draft::form(
        (Of::sheet("session", id), None),
        fresh,
        move |form, note| session_form((id, consented), form, note),
    )
}

fn session_form(
    (id, consented): (RecordId, bool),
    form: Form<SessionDraft>,
    note: AnyView,
) -> AnyView {
    let consent = (!consented).then(|| {
        view! {
            {form.tick(word::CONSENT, FieldName::Consent, |draft| &mut draft.consent)}
            {form.tick(word::NOTICE, FieldName::Notice, |draft| &mut draft.notice)}
        }
    });
    let fields = view! {
        {consent}
        {code_chips(form, (word::MODE, FieldName::Mode), code_choices(List::SessionMode),
            |draft| &mut draft.mode)}
        {form.text(Text::required(FieldName::SessionAt, word::TIME, TextKind::Moment),
            |draft| &mut draft.at)}
        {form.text(Text::optional(FieldName::SessionPlace, word::PLACE, TextKind::Line),
            |draft| &mut draft.place)}
        {form.text(Text::required(FieldName::Statements, word::STATEMENTS, TextKind::Area),
            |draft| &mut draft.statements)}
        {code_chips(form, (word::RESULT, FieldName::Result), code_choices(List::SessionResult),
            |draft| &mut draft.result)}
        {form.text(Text::optional(FieldName::NextAt, word::NEXT_AT, TextKind::Moment),
            |draft| &mut draft.next_at)}
    };
    sheet_form(form, (note, fields.into_any()), move || {
        let typed = form.draft.get_untracked();
        let new = typed.parse(platform::now(), consented)?;
        Ok(Command::RecordSession { id, new })
    })
}

/// How many terms the sheet offers at most; more are rare and stand in the text.
const TERMS_OFFERED: usize = 3;

fn agreement(id: RecordId, dispute: &Dispute) -> AnyView {
    let consented = dispute.consent_at.is_some();
    let fresh = || AgreementDraft {
        form: "oral".to_owned(),
        terms: vec![TermDraft::default(); TERMS_OFFERED],
        ..AgreementDraft::default()
    };
    draft::form(
        (Of::sheet("agreement", id), None),
        fresh,
        move |form, note| agreement_form((id, consented), form, note),
    )
}

fn agreement_form(
    (id, consented): (RecordId, bool),
    form: Form<AgreementDraft>,
    note: AnyView,
) -> AnyView {
    // What was typed is in sight when it comes back.
    let used = form.draft.with_untracked(|draft| {
        let typed = |term: &TermDraft| *term != TermDraft::default();
        draft.terms.iter().rposition(typed).unwrap_or_default() + 1
    });
    let shown = RwSignal::new(used);
    let full = move || shown.get() >= TERMS_OFFERED;
    let terms: Vec<_> = (0..TERMS_OFFERED)
        .map(|place| term(form, place, shown))
        .collect();
    let consent = (!consented).then(|| {
        view! {
            {form.tick(word::CONSENT, FieldName::Consent, |draft| &mut draft.consent)}
            {form.tick(word::NOTICE, FieldName::Notice, |draft| &mut draft.notice)}
        }
    });
    let fields = view! {
        {consent}
        {code_chips(form, (word::FORM, FieldName::Form), code_choices(List::AgreementForm),
            |draft| &mut draft.form)}
        {form.text(Text::required(FieldName::Terms, word::CONTENT, TextKind::Area),
            |draft| &mut draft.content)}
        {terms}
        {field_error(form.errors, FieldName::Due)}
        <button type="button" class="mini" hidden=full
            on:click=move |_| shown.update(|shown| *shown += 1)>
            {word::ADD_TERM.s()}
        </button>
    };
    sheet_form(form, (note, fields.into_any()), move || {
        let draft = form.draft.get_untracked();
        let new = draft.parse(platform::now(), consented)?;
        Ok(Command::RecordAgreement { id, new })
    })
}

fn term(form: Form<AgreementDraft>, place: usize, shown: RwSignal<usize>) -> AnyView {
    let put = move |write: fn(&mut TermDraft, String), text: String| {
        form.draft.update(|draft| {
            if let Some(term) = draft.terms.get_mut(place) {
                write(term, text);
            }
        });
    };
    let begun = form
        .draft
        .with_untracked(|draft| draft.terms.get(place).cloned());
    let TermDraft { text, due } = begun.unwrap_or_default();
    let hidden = move || place >= shown.get();
    let (text_id, due_id) = (format!("term-{place}"), format!("term-{place}-due"));
    view! {
        <div class="term" hidden=hidden>
            <div class="field">
                <label for=text_id.clone()>{word::TERM.with(place + 1)}</label>
                <div class="control">
                    <input id=text_id type="text" autocomplete="off" prop:value=text
                        on:input=move |event| {
                            put(|term, text| term.text = text, event_target_value(&event));
                        } />
                </div>
            </div>
            <div class="field">
                <label for=due_id.clone()>{word::DUE_DATE.s()}</label>
                <div class="control">
                    <input id=due_id type="date" prop:value=due
                        on:input=move |event| {
                            put(|term, text| term.due = text, event_target_value(&event));
                        } />
                </div>
            </div>
        </div>
    }
    .into_any()
}

/// Nothing is chosen beforehand: how a case ended is for a person to say.
fn close(id: RecordId) -> AnyView {
    let fresh = CloseDraft::default;
    draft::form((Of::sheet("close", id), None), fresh, move |form, note| {
        close_form(id, form, note)
    })
}

fn close_form(id: RecordId, form: Form<CloseDraft>, note: AnyView) -> AnyView {
    let failed = move || form.draft.with(|draft| draft.outcome.starts_with('2'));
    let reason = move || {
        failed().then(|| {
            view! {
                {code_chips(form, (word::FAIL_REASON, FieldName::Result),
                    code_choices(List::FailReason), |draft| &mut draft.fail_reason)}
                {form.tick(word::REMEDIES, FieldName::Remedies, |draft| &mut draft.remedies_told)}
            }
        })
    };
    let fields = view! {
        {code_chips(form, (word::OUTCOME, FieldName::Outcome), code_choices(List::DisputeOutcome),
            |draft| &mut draft.outcome)}
        {reason}
        {form.text(Text::optional(FieldName::Summary, word::SUMMARY, TextKind::Area),
            |draft| &mut draft.summary)}
    };
    sheet_form(form, (note, fields.into_any()), move || {
        let new = form.draft.get_untracked().parse()?;
        Ok(Command::CloseDispute { id, new })
    })
}

/// An edit: what the form began with goes along, so that only what this person changed is written,
/// however long the form was left.
#[derive(serde::Serialize, serde::Deserialize)]
struct Edited {
    base: Draft,
    new: Draft,
}

fn edit(id: RecordId, dispute: &Dispute) -> AnyView {
    let base = dispute.to_draft();
    let fresh = move || Edited {
        base: base.clone(),
        new: base.clone(),
    };
    draft::form((Of::sheet("edit", id), None), fresh, move |form, note| {
        edit_form(id, form, note)
    })
}

fn edit_form(id: RecordId, form: Form<Edited>, note: AnyView) -> AnyView {
    let fields = view! {
        {code_chips(form, (word::CATEGORY, FieldName::Category), category_choices(),
            |draft| &mut draft.new.category)}
        {form.text(Text::required(FieldName::Place, word::PLACE, TextKind::Line),
            |draft| &mut draft.new.place)}
        {form.text(Text::required(FieldName::FoundAt, word::TIME, TextKind::Moment),
            |draft| &mut draft.new.found_at)}
        {form.text(Text::required(FieldName::Brief, word::WHAT_HAPPENED, TextKind::Area),
            |draft| &mut draft.new.brief)}
        {code_chips(form, (word::LEVEL, FieldName::Level), level_choices(),
            |draft| &mut draft.new.level)}
    };
    sheet_form(form, (note, fields.into_any()), move || {
        let now = platform::now();
        let edited = form
            .draft
            .with_untracked(|draft| draft.new.parse_edit(&draft.base, now));
        let (base, new) = edited?;
        Ok(Command::EditDispute { id, base, new })
    })
}

fn party(id: RecordId) -> AnyView {
    let fresh = || Draft {
        level: "A".to_owned(),
        ..Draft::default()
    };
    draft::form((Of::sheet("party", id), None), fresh, move |form, note| {
        party_form(id, form, note)
    })
}

fn party_form(id: RecordId, form: Form<Draft>, note: AnyView) -> AnyView {
    let roles = vec![
        Choice::new("A", word::PARTY_A.s()),
        Choice::new("B", word::PARTY_B.s()),
        Choice::new("C", locale::code(List::PartyRole, "C")),
    ];
    let fields = view! {
        {code_chips(form, (word::PARTIES, FieldName::Level), roles, |draft| &mut draft.level)}
        {form.text(Text::required(FieldName::PartyAName, word::PARTY_NAME, TextKind::Line),
            |draft| &mut draft.party_a_name)}
        {form.text(Text::optional(FieldName::PartyAPhone, word::PARTY_PHONE, TextKind::Phone),
            |draft| &mut draft.party_a_phone)}
    };
    sheet_form(form, (note, fields.into_any()), move || {
        let draft = form.draft.get_untracked();
        let party = draft.parse_party()?;
        let role = match draft.level.as_str() {
            "B" => PartyRole::B,
            "C" => PartyRole::C,
            _ => PartyRole::A,
        };
        Ok(Command::PutParty {
            id,
            item: None,
            party: Party { role, ..party },
        })
    })
}
