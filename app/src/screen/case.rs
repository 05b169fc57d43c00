//! The page of a dispute: where it stands, who wrote what, what is contested, what can be done.

use domain::command::Command;
use domain::id::RecordId;
use domain::record::dispute::{Dispute, offers};
use domain::record::vault::KeptParty;
use domain::record::{EVENTS, Event, EventKind};
use domain::time::Millis;
use domain::unit::Directory;
use domain::view::case::{Case, Contents};
use leptos::prelude::*;

use crate::locale::{self, format, word};
use crate::platform;
use crate::screen::case_sheets::{Sheet, Sheets, sheets};
use crate::screen::photo;
use crate::screen::record::{Here, Parts, part};
use crate::screen::{grid_name, passed_on, submit_plain, when_and_who};
use crate::state::state;

/// The parts of a dispute's page.
pub(super) fn parts(id: RecordId, here: Here) -> Parts {
    let open = Sheets::new(id);
    let known = state().directory;
    let dispute = move |draw: fn(&Case, &Dispute, Option<&Directory>, Sheets) -> AnyView| {
        part(here, move |case| {
            let Contents::Dispute(dispute) = &case.contents else {
                return ().into_any();
            };
            draw(case, dispute, known.get_untracked().as_deref(), open)
        })
    };
    let main = view! {
        {dispute(|_, dispute, _, _| trouble(dispute).into_any())}
        {dispute(facts)}
        {parties(here, open)}
        {photo::of_record(id, here)}
        {dispute(|case, dispute, _, _| agreement(case.row.id, dispute).into_any())}
        {dispute(|case, dispute, known, _| course(case, dispute, known))}
    };
    Parts {
        names: |case| {
            (
                format::number(&case.row.number),
                format::row_title(&case.row),
            )
        },
        main: main.into_any(),
        foot: actions(here, open),
        sheets: sheets(here, open),
    }
}

/// What a return visit found, where that is trouble and nothing has been done about it since.
fn trouble(dispute: &Dispute) -> Option<AnyView> {
    let found = locale::code(domain::codelist::List::Told, dispute.trouble()?);
    Some(view! { <p class="callout">{found}</p> }.into_any())
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
fn parties(here: Here, open: Sheets) -> AnyView {
    let shown = RwSignal::new(false);
    part(here, move |case| {
        let Some(parties) = &case.parties else {
            return view! { <p class="quiet">{word::PARTIES_WITHHELD.s()}</p> }.into_any();
        };
        let empty = parties.is_empty();
        let items: Vec<_> = parties.iter().map(party).collect();
        view! {
            <section>
                <h2>{word::PARTIES.s()}</h2>
                <ul class="card rows" hidden=move || empty || !shown.get()>{items}</ul>
                {empty.then(|| view! { <p class="quiet">{word::NO_PARTIES.s()}</p> })}
                <div class="inline">
                    <button type="button" class="mini" hidden=empty
                        aria-expanded=move || shown.get().to_string()
                        on:click=move |_| shown.update(|shown| *shown = !*shown)>
                        {move || if shown.get() { word::HIDE_PARTIES.s() } else { word::SHOW_PARTIES.s() }}
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
    })
}

fn party(kept: &KeptParty) -> AnyView {
    use domain::record::vault::PartyRole;
    let role = match kept.role {
        PartyRole::A => word::PARTY_A.s().to_owned(),
        PartyRole::B => word::PARTY_B.s().to_owned(),
        PartyRole::C => locale::code(domain::codelist::List::PartyRole, "C"),
    };
    let phone = kept.phone.clone();
    let call = (!phone.is_empty()).then(|| {
        view! { <a class="mini" href=format!("tel:{phone}")>{word::CALL.s()}" "{phone.clone()}</a> }
    });
    view! { <li class="row plain"><b>{kept.name.clone()}</b><span class="quiet">{role}</span>{call}</li> }
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
/// A line of the course: when, what, in which words, by whom, and where the record has it.
type Line<'a> = (Millis, String, String, &'a domain::id::PersonId, String);

fn course(case: &Case, dispute: &Dispute, known: Option<&Directory>) -> AnyView {
    let header = &dispute.header;
    let registered = (
        header.created_at,
        word::REGISTERED.s().to_owned(),
        String::new(),
        &header.by,
        "by".to_owned(),
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
        let title = word::SESSION_RESULT.with2(place + 1, result);
        let path = format!("sessions/{}/", session.id);
        let text = session.statements.clone();
        lines.push((session.at, title, text, &session.by, path));
    }
    for agreement in &dispute.agreements {
        let title = word::AGREED_ON.s().to_owned();
        lines.push((
            agreement.at,
            title,
            agreement.content.clone(),
            &agreement.by,
            format!("agreements/{}/", agreement.id),
        ));
    }
    lines.sort_by_key(|line| line.0);
    let line = |(at, title, text, by, path): Line<'_>| {
        let way = case.passed_on_at(&path).map(|way| passed_on(known, way));
        view! {
            <li>
                <span>{title}</span>
                {(!text.is_empty()).then(|| view! { <p>{text}</p> })}
                <small>{when_and_who(known, at, by)}</small>
                {way.map(|way| view! { <small>{way}</small> })}
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

fn event_line<'a>(dispute: &Dispute, event: &'a Event) -> Line<'a> {
    let (title, text) = match &event.what {
        EventKind::Note { kind, text } => (locale::note(kind), text.clone()),
        EventKind::Photo(_) => (word::PHOTO_ADDED.s().to_owned(), String::new()),
        EventKind::PhotoRemoved(_) => (word::PHOTO_REMOVED.s().to_owned(), String::new()),
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
    let path = format!("{EVENTS}/{}/", event.id);
    (event.at, title, text, &event.by, path)
}

/// What this person can do now, in reach of the thumb.
fn actions(here: Here, open: Sheets) -> AnyView {
    let status = Memo::new(move |_| {
        here.with(|case| {
            case.as_ref()
                .filter(|case| !case.newer)
                .map(|case| case.row.status.clone())
        })
    });
    let button = move |label: locale::Word, sheet: Sheet, primary: bool| {
        let class = if primary { "button primary" } else { "button" };
        view! {
            <button type="button" class=class on:click=move |_| open.show(sheet)>{label.s()}</button>
        }
    };
    let bar = move || {
        let status = status.get()?;
        let agreed = ["agreed", "performed"].contains(&status.as_str());
        let offers = state().known().map(|known| offers(&known.me, &status));
        let offers = offers.unwrap_or_default();
        let going_on = view! {
            {offers.session.then(|| button(word::SESSION, Sheet::Session, false))}
            {offers.agreement.then(|| button(word::AGREEMENT, Sheet::Agreement, !agreed))}
            {offers.close.then(|| button(word::CLOSE_CASE, Sheet::Close, agreed))}
        };
        Some(view! {
            <div class="foot grid">{button(word::ADD_EVENT, Sheet::Event, false)} {going_on}</div>
        })
    };
    view! { {bar} }.into_any()
}
