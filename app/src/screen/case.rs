//! The page of a dispute: where it stands, who wrote what, what is contested, what can be done.

use domain::command::Command;
use domain::document::Value;
use domain::id::RecordId;
use domain::record::dispute::Dispute;
use domain::record::vault::KeptParty;
use domain::record::{Event, EventKind};
use domain::time::Millis;
use domain::unit::Directory;
use domain::view::case::{Case, Conflict, Contents};
use leptos::prelude::*;

use crate::component::list::{delivery_tag, due_tag, level_mark};
use crate::component::shell::{Top, top};
use crate::locale::{self, format, word};
use crate::platform;
use crate::screen::case_sheets::{Sheet, Sheets, sheets};
use crate::screen::{case_or_note, grid_name, is_demo, submit_plain, watched_case, when_and_who};
use crate::state::{State, state};

/// The page of a dispute.
pub fn case_page(id: RecordId) -> AnyView {
    let state = state();
    let shown = watched_case(id);
    let open = Sheets::new(id);
    view! {
        {case_or_note(shown, move |case| page(state, &case, open))}
        {sheets(shown, open)}
    }
    .into_any()
}

fn page(state: State, case: &Case, open: Sheets) -> AnyView {
    let Contents::Dispute(dispute) = &case.contents else {
        return ().into_any();
    };
    let title = format::number(&case.row.number);
    let aside = format::row_title(&case.row);
    view! {
        <div class="screen case">
            {top(Top { title, aside, back: true, demo: is_demo(state) })}
            {case_body(state, case, dispute, open)}
            {(!case.newer).then(|| actions(dispute, open))}
        </div>
    }
    .into_any()
}

/// What a case says, without its frame; the station shows it beside its list.
pub(super) fn case_body(state: State, case: &Case, dispute: &Dispute, open: Sheets) -> AnyView {
    let known = state.directory.get_untracked();
    let known = known.as_deref();
    view! {
        {standing(state, case)}
        <main>
            {notes(case)}
            {conflicts(case, known)}
            {contradiction(case, dispute)}
            {facts(case, dispute, known, open)}
            {parties(case, open)}
            {agreement(case.row.id, dispute)}
            {course(dispute, known)}
        </main>
    }
    .into_any()
}

fn standing(state: State, case: &Case) -> AnyView {
    let row = case.row.clone();
    let now = platform::now();
    let status = format::status(row.kind, &row.status);
    let due = row.due.filter(|_| row.open).map(|due| {
        let what = format::due_kind(due.what);
        view! { <span class="quiet">{what}</span> }
    });
    let delivery = {
        let row = row.clone();
        move || delivery_tag(state.delivery(&row))
    };
    view! {
        <div class="standing">
            <span class="tag strong">{status}</span>
            {delivery}
            {level_mark(&row)}
            {due}{due_tag(&row, now)}
        </div>
    }
    .into_any()
}

fn notes(case: &Case) -> AnyView {
    let refused = case.row.delivery.refused > 0;
    let lines = [
        case.newer.then(|| word::CASE_NEWER.s()),
        (case.missing > 0).then(|| word::CASE_WAITING.s()),
        refused.then(|| word::REFUSED_NOTE.s()),
    ];
    let lines: Vec<_> = lines
        .into_iter()
        .flatten()
        .map(|line| view! { <p class="callout">{line}</p> })
        .collect();
    view! { {lines} }.into_any()
}

/// Both values of each contested field, with their writers, and a way to choose one.
fn conflicts(case: &Case, known: Option<&Directory>) -> AnyView {
    let failure = RwSignal::new(None);
    let cards: Vec<_> = case
        .conflicts
        .iter()
        .map(|conflict| conflict_card(conflict, known, failure))
        .collect();
    view! {
        {cards}
        <p class="error" role="alert">{move || failure.get()}</p>
    }
    .into_any()
}

fn conflict_card(
    conflict: &Conflict,
    known: Option<&Directory>,
    failure: RwSignal<Option<String>>,
) -> AnyView {
    let state = state();
    let now = platform::now();
    let claim = |claim: &domain::view::case::Claim| {
        let text = value_text(&conflict.path, &claim.value, now);
        let who = claim
            .by
            .as_ref()
            .map(|by| when_and_who(known, claim.at, by));
        let settle = Command::Settle {
            doc: conflict.doc,
            path: conflict.path.clone(),
            value: claim.value.clone(),
        };
        view! {
            <div class="choice">
                <span>{text}</span>
                <small>{who}</small>
                <button type="button" class="button"
                    on:click=move |_| submit_plain(state, failure, settle.clone())>
                    {word::USE_THIS.s()}
                </button>
            </div>
        }
    };
    let claims: Vec<_> = conflict.claims.iter().map(claim).collect();
    view! {
        <section class="conflict">
            <h2>{word::TWO_WROTE.with(field_name(&conflict.path))}</h2>
            <div class="card two">{claims}</div>
        </section>
    }
    .into_any()
}

/// The word for a field, by its path.
fn field_name(path: &str) -> &'static str {
    let last = path.rsplit('/').next().unwrap_or(path);
    match last {
        "category" => word::CATEGORY,
        "place" => word::PLACE,
        "found_at" | "at" => word::TIME,
        "brief" => word::WHAT_HAPPENED,
        "level" => word::LEVEL,
        "name" => word::NAME,
        "phone" => word::PHONE,
        "outcome" => word::OUTCOME,
        "summary" => word::SUMMARY,
        "fail_reason" => word::FAIL_REASON,
        "description" => word::DESCRIPTION,
        "content" => word::CONTENT,
        "done_at" => word::TERM_DONE,
        "consent_at" => word::CONSENT,
        "log" => word::LOG,
        "finding" => word::FINDING,
        "target" => word::TARGET,
        _ => word::TEXT,
    }
    .s()
}

/// A value as people read it.
fn value_text(path: &str, value: &Value, now: Millis) -> String {
    let last = path.rsplit('/').next().unwrap_or(path);
    match (last, value) {
        ("category", Value::Text(code)) => locale::category(code),
        ("level", Value::Text(code)) => locale::code(domain::codelist::List::CaseLevel, code),
        ("outcome", Value::Text(code)) => {
            locale::code(domain::codelist::List::DisputeOutcome, code)
        }
        (_, Value::Text(text)) => text.clone(),
        (name, Value::Int(number)) if name.ends_with("_at") || name == "at" || name == "due" => {
            format::moment(Millis(*number), now)
        }
        (_, Value::Int(number)) => number.to_string(),
        (_, Value::Bool(true)) => word::TERM_DONE.s().to_owned(),
        (_, Value::Bool(false) | Value::Null) => "—".to_owned(),
    }
}

/// Two steps that exclude each other: keep the one that stands, or take the other.
fn contradiction(case: &Case, dispute: &Dispute) -> Option<AnyView> {
    if dispute.standing.review.is_empty() {
        return None;
    }
    let state = state();
    let failure = RwSignal::new(None);
    let id = case.row.id;
    let steps = dispute.events.iter().filter_map(|event| match &event.what {
        EventKind::Step(step) if dispute.standing.review.contains(&event.id) => {
            Some((event.id, step.to.clone()))
        }
        EventKind::Step(_) | EventKind::Note { .. } => None,
    });
    let steps: Vec<_> = steps.collect();
    let other = steps
        .iter()
        .map(|(_, to)| format::status(case.row.kind, to))
        .collect::<Vec<_>>()
        .join(" → ");
    let stands = format::status(case.row.kind, &dispute.standing.status);
    let keep = steps
        .into_iter()
        .map(|(event, _)| Command::DropStep { id, event });
    let keep: Vec<_> = keep.collect();
    let take = dispute
        .standing
        .since
        .map(|(event, _)| Command::DropStep { id, event });
    let button = move |commands: Vec<Command>| {
        view! {
            <button type="button" class="button" on:click=move |_| {
                for command in commands.clone() {
                    submit_plain(state, failure, command);
                }
            }>{word::USE_THIS.s()}</button>
        }
    };
    Some(
        view! {
            <section class="conflict">
                <h2>{word::TWO_STEPS.s()}</h2>
                <div class="card two">
                    <div class="choice">
                        <span>{stands}</span><small>{word::STANDS.s()}</small>{button(keep)}
                    </div>
                    <div class="choice">
                        <span>{other}</span><small>{word::OTHER_STEP.s()}</small>
                        {button(take.into_iter().collect())}
                    </div>
                </div>
                <p class="error" role="alert">{move || failure.get()}</p>
            </section>
        }
        .into_any(),
    )
}

fn facts(case: &Case, dispute: &Dispute, known: Option<&Directory>, open: Sheets) -> AnyView {
    let now = platform::now();
    let writer = |path: &str| {
        let writing = case.writers.get(path)?;
        let by = writing.by.as_ref()?;
        // The registration itself is the first line of the course.
        (*by != dispute.header.by || writing.at != dispute.header.created_at)
            .then(|| when_and_who(known, writing.at, by))
    };
    let fact = |label: locale::Word, text: String, path: &str| {
        view! {
            <div class="fact">
                <dt>{label.s()}</dt>
                <dd>{text}{writer(path).map(|who| view! { <small>{who}</small> })}</dd>
            </div>
        }
    };
    let grid = grid_name(known, &case.row.grid);
    view! {
        <section>
            <dl class="card facts">
                {fact(word::CATEGORY, locale::category(&dispute.category), "category")}
                {fact(word::PLACE, dispute.place.clone(), "place")}
                {fact(word::TIME, format::moment(dispute.found_at, now), "found_at")}
                {fact(word::WHAT_HAPPENED, dispute.brief.clone(), "brief")}
                {fact(word::GRID, grid, "grid")}
                {(!dispute.summary.is_empty())
                    .then(|| fact(word::SUMMARY, dispute.summary.clone(), "summary"))}
                {(!dispute.outcome.is_empty()).then(|| {
                    let list = domain::codelist::List::DisputeOutcome;
                    fact(word::OUTCOME, locale::code(list, &dispute.outcome), "outcome")
                })}
            </dl>
            {(!case.newer).then(|| view! {
                <button type="button" class="mini" on:click=move |_| open.show(Sheet::Edit)>
                    {word::EDIT.s()}
                </button>
            })}
        </section>
    }
    .into_any()
}

/// The parties, shown on demand: the screen may be seen by others.
fn parties(case: &Case, open: Sheets) -> AnyView {
    let Some(parties) = case.parties.clone() else {
        return view! { <p class="quiet">{word::PARTIES_WITHHELD.s()}</p> }.into_any();
    };
    let shown = RwSignal::new(false);
    let empty = parties.is_empty();
    let list = move || {
        shown.get().then(|| {
            let items: Vec<_> = parties.iter().map(party).collect();
            view! { <ul class="card rows">{items}</ul> }
        })
    };
    view! {
        <section>
            <h2>{word::PARTIES.s()}</h2>
            {list}
            {empty.then(|| view! { <p class="quiet">{word::NO_PARTIES.s()}</p> })}
            <div class="inline">
                <button type="button" class="mini" hidden=move || empty || shown.get()
                    on:click=move |_| shown.set(true)>
                    {word::SHOW_PARTIES.s()}
                </button>
                {(!case.newer).then(|| view! {
                    <button type="button" class="mini" on:click=move |_| open.show(Sheet::Party)>
                        {word::ADD_PARTY.s()}
                    </button>
                })}
            </div>
        </section>
    }
    .into_any()
}

fn party(kept: &KeptParty) -> AnyView {
    use domain::record::vault::PartyRole;
    let role = match kept.party.role {
        PartyRole::A => word::PARTY_A.s().to_owned(),
        PartyRole::B => word::PARTY_B.s().to_owned(),
        PartyRole::C => locale::code(domain::codelist::List::PartyRole, "C"),
    };
    let phone = kept.party.phone.clone();
    let call = (!phone.is_empty()).then(|| {
        view! { <a class="mini" href=format!("tel:{phone}")>{word::CALL.s()}" "{phone.clone()}</a> }
    });
    view! { <li class="row plain"><b>{kept.party.name.clone()}</b><span class="quiet">{role}</span>{call}</li> }
        .into_any()
}

/// The agreement that holds, with its terms.
fn agreement(id: RecordId, dispute: &Dispute) -> Option<AnyView> {
    let agreement = dispute.agreements.last()?;
    let state = state();
    let failure = RwSignal::new(None);
    let now = platform::now();
    let performing = dispute.standing.status == "agreed";
    let term = |term: &domain::record::dispute::Term| {
        let due = term.due.map(|due| format::day(due.day(), now.day()));
        let done = term.done_at.is_some();
        let late = !done && term.due.is_some_and(|due| due < now);
        let item = term.id;
        let mark = (performing && !done).then(|| {
            view! {
                <button type="button" class="button" on:click=move |_| {
                    submit_plain(state, failure, Command::PerformTerm { id, term: item });
                }>{word::MARK_DONE.s()}</button>
            }
        });
        view! {
            <li class="row plain">
                <b>{term.text.clone()}</b>
                <span class=if late { "tag bad" } else { "tag plain" }>
                    {if done { Some(word::TERM_DONE.s().to_owned()) } else { due }}
                </span>
                {mark}
            </li>
        }
    };
    let terms: Vec<_> = agreement.terms.iter().map(term).collect();
    Some(
        view! {
            <section>
                <h2>{locale::code(domain::codelist::List::AgreementForm, &agreement.form)}</h2>
                <div class="card text"><p>{agreement.content.clone()}</p></div>
                {(!terms.is_empty()).then(|| view! { <ul class="card rows">{terms}</ul> })}
                <p class="error" role="alert">{move || failure.get()}</p>
            </section>
        }
        .into_any(),
    )
}

/// The course of a case, oldest first: registration, notes, steps, sessions, agreements.
fn course(dispute: &Dispute, known: Option<&Directory>) -> AnyView {
    let header = &dispute.header;
    let registered = (
        header.created_at,
        word::REGISTERED.s().to_owned(),
        String::new(),
        &header.by,
    );
    let mut lines = vec![registered];
    lines.extend(
        dispute
            .events
            .iter()
            .map(|event| event_line(dispute, event)),
    );
    for (place, session) in dispute.sessions.iter().enumerate() {
        let result = locale::code(domain::codelist::List::SessionResult, &session.result);
        let title = format!("{}：{result}", word::SESSION_NO.with(place + 1));
        lines.push((session.at, title, session.statements.clone(), &session.by));
    }
    for agreement in &dispute.agreements {
        let title = word::AGREED_ON.s().to_owned();
        lines.push((
            agreement.at,
            title,
            agreement.content.clone(),
            &agreement.by,
        ));
    }
    lines.sort_by_key(|line| line.0);
    let line = |(at, title, text, by): (Millis, String, String, &domain::id::PersonId)| {
        view! {
            <li>
                <span>{title}</span>
                {(!text.is_empty()).then(|| view! { <p>{text}</p> })}
                <small>{when_and_who(known, at, by)}</small>
            </li>
        }
    };
    let lines: Vec<_> = lines.into_iter().map(line).collect();
    view! {
        <section>
            <h2>{word::COURSE.s()}</h2>
            <div class="card"><ol class="line">{lines}</ol></div>
        </section>
    }
    .into_any()
}

fn event_line<'a>(
    dispute: &Dispute,
    event: &'a Event,
) -> (Millis, String, String, &'a domain::id::PersonId) {
    let (title, text) = match &event.what {
        EventKind::Note { kind, text } => (
            locale::code(domain::codelist::List::EventKind, kind),
            text.clone(),
        ),
        EventKind::Step(step) => {
            let to = format::status(domain::record::Kind::Dispute, &step.to);
            let pending = dispute.standing.review.contains(&event.id);
            let note = if pending {
                word::STEP_PENDING.s()
            } else {
                step.reason.as_str()
            };
            (word::STEP_TO.with(to), note.to_owned())
        }
    };
    (event.at, title, text, &event.by)
}

/// What can be done, in reach of the thumb. What is not possible now says why when it is tried.
fn actions(dispute: &Dispute, open: Sheets) -> AnyView {
    if !domain::record::dispute::MACHINE.is_open(&dispute.standing.status) {
        return view! {
            <div class="foot">
                <button type="button" class="button" on:click=move |_| open.show(Sheet::Event)>
                    {word::ADD_EVENT.s()}
                </button>
            </div>
        }
        .into_any();
    }
    let agreed = ["agreed", "performed"].contains(&dispute.standing.status.as_str());
    let button = |label: locale::Word, sheet: Sheet, primary: bool| {
        let class = if primary { "button primary" } else { "button" };
        view! {
            <button type="button" class=class on:click=move |_| open.show(sheet)>{label.s()}</button>
        }
    };
    view! {
        <div class="foot grid">
            {button(word::ADD_EVENT, Sheet::Event, false)}
            {button(word::SESSION, Sheet::Session, false)}
            {button(word::AGREEMENT, Sheet::Agreement, !agreed)}
            {button(word::CLOSE_CASE, Sheet::Close, agreed)}
        </div>
    }
    .into_any()
}
