//! The page of any record: its frame, where it stands, and what stands in its place while it is read.

use std::sync::Arc;

use domain::id::RecordId;
use domain::record::Kind;
use domain::unit::Directory;
use domain::view::case::Case;
use leptos::prelude::*;

use crate::component::list::{delivery_tag, due_tag, level_mark};
use crate::component::shell::{Top, top};
use crate::icon::{self, icon};
use crate::locale::{format, word};
use crate::nav::record_route;
use crate::platform;
use crate::screen::conflict::conflicts;
use crate::screen::{case, hazard, is_demo, passed_on, patrol, task};
use crate::state::{Actions, CaseState, State, state};

/// A record on its page. It changes in place: only the parts that read what changed are drawn anew,
/// so that neither the focus nor the scroll position is lost.
pub(crate) type Here = Memo<Option<Arc<Case>>>;

/// The parts of a record's page that its kind brings along.
pub(crate) struct Parts {
    /// Heading and what stands small beside it.
    pub names: fn(&Case) -> (String, String),
    /// What the record says.
    pub main: AnyView,
    /// What can be done, in reach of the thumb.
    pub foot: AnyView,
    /// The sheets of these actions.
    pub sheets: AnyView,
}

fn parts(kind: Kind, id: RecordId, here: Here) -> Parts {
    match kind {
        Kind::Dispute => case::parts(id, here),
        Kind::Patrol => patrol::parts(id, here),
        Kind::Hazard => hazard::parts(id, here),
        Kind::Task => task::parts(id, here),
    }
}

/// A part of a page, drawn anew when the record changes.
pub(crate) fn part(here: Here, draw: impl Fn(&Case) -> AnyView + Send + Sync + 'static) -> AnyView {
    part_of(here, Box::new(draw))
}

fn part_of(here: Here, draw: Box<dyn Fn(&Case) -> AnyView + Send + Sync>) -> AnyView {
    // What says "today" says another thing after midnight.
    let day = today();
    view! { {move || { day.track(); here.get().map(|case| draw(&case)) }} }.into_any()
}

/// The day, as it changes at midnight.
fn today() -> Memo<i64> {
    let minute = state().minute;
    Memo::new(move |_| {
        minute.track();
        platform::now().day().0
    })
}

/// The record for its page: read anew whenever its row changes.
fn watched_case(id: RecordId) -> RwSignal<CaseState> {
    let state = state();
    let shown = RwSignal::new(CaseState::Reading);
    let rev = Memo::new(move |_| {
        state
            .rows
            .with(|rows| rows.get(&id).map(|row| (row.delivery.rev, row.updated_at)))
    });
    Effect::new(move |_| {
        // A memo must be read, not only tracked: one that nobody reads is never worked out.
        if rev.get().is_none() && shown.with_untracked(|shown| *shown != CaseState::Reading) {
            return;
        }
        platform::spawn(async move {
            let found = Actions::case(id).await;
            // The page may be gone by now.
            shown.try_set(found);
        });
    });
    shown
}

/// What can be shown of a record that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Reading,
    Here,
    NotHere,
    Coming,
    Damaged,
    Shunned,
}

fn look(id: RecordId) -> (Memo<Found>, Here) {
    let shown = watched_case(id);
    let found = Memo::new(move |_| {
        shown.with(|shown| match shown {
            CaseState::Reading => Found::Reading,
            CaseState::Here(_) => Found::Here,
            CaseState::NotHere => Found::NotHere,
            CaseState::Coming => Found::Coming,
            CaseState::Damaged => Found::Damaged,
            CaseState::Shunned => Found::Shunned,
        })
    });
    let here = Memo::new(move |_| match shown.get() {
        CaseState::Here(case) => Some(case),
        CaseState::Reading
        | CaseState::NotHere
        | CaseState::Coming
        | CaseState::Damaged
        | CaseState::Shunned => None,
    });
    (found, here)
}

/// The page of a record.
pub fn page(kind: Kind, id: RecordId) -> AnyView {
    let state = state();
    let (found, here) = look(id);
    let view = move || {
        let note = match found.get() {
            Found::Here => return framed(state, parts(kind, id, here), here),
            Found::Reading => "",
            Found::NotHere => word::CASE_MISSING.s(),
            Found::Coming => word::CASE_COMING.s(),
            Found::Damaged => word::CASE_DAMAGED.s(),
            Found::Shunned => word::CASE_SHUNNED.s(),
        };
        let again = (found.get() == Found::Shunned).then(|| {
            let again = move |_| {
                platform::attempts::forgive(id);
                platform::reload();
            };
            view! {
                <button type="button" class="button" on:click=again>{word::TRY_AGAIN.s()}</button>
            }
        });
        let title = format::kind(kind).to_owned();
        view! {
            <div class="screen case">
                {top(Top { title, back: true, ..Top::default() })}
                <main><p class="empty">{note}</p>{again}</main>
            </div>
        }
        .into_any()
    };
    view! { {view} }.into_any()
}

fn framed(state: State, parts: Parts, here: Here) -> AnyView {
    let names = parts.names;
    let named = Memo::new(move |_| here.with(|case| case.as_deref().map(names)));
    let heading = move || {
        let (title, aside) = named.get().unwrap_or_default();
        top(Top {
            title,
            aside,
            back: true,
            demo: is_demo(state),
        })
    };
    crate::nav::arrive();
    view! {
        <div class="screen case">
            {heading}
            <main>{common(state, here)} {parts.main}</main>
            {parts.foot}
        </div>
        {parts.sheets}
    }
    .into_any()
}

/// A record beside the station's list; `close` puts the list back alone.
pub(crate) fn pane(
    kind: Kind,
    id: RecordId,
    close: impl Fn() + Clone + Send + Sync + 'static,
) -> AnyView {
    let state = state();
    let (found, here) = look(id);
    let note = |note: &'static str| {
        view! { <article class="pane"><p class="empty">{note}</p></article> }.into_any()
    };
    let view = move || match found.get() {
        Found::Reading => note(""),
        Found::NotHere => note(word::CASE_MISSING.s()),
        Found::Coming => note(word::CASE_COMING.s()),
        Found::Damaged => note(word::CASE_DAMAGED.s()),
        Found::Shunned => note(word::CASE_SHUNNED.s()),
        Found::Here => {
            let parts = parts(kind, id, here);
            let names = parts.names;
            let named = Memo::new(move |_| here.with(|case| case.as_deref().map(names)));
            let title = move || named.get().unwrap_or_default().0;
            let aside = move || named.get().unwrap_or_default().1;
            let close = close.clone();
            // Its sheets stand beside the pane: within it they would lie below heading and tabs.
            view! {
                <article class="pane">
                <header class="pane-top">
                    <h2><a href=record_route(kind, id).path()>{title}</a><small>{aside}</small></h2>
                    <button type="button" class="plain" aria-label=word::CLOSE.s()
                        on:click=move |_| close()>
                        {icon(icon::CLOSE)}
                    </button>
                </header>
                {common(state, here)}
                {parts.main}
                {parts.foot}
                </article>
                {parts.sheets}
            }
            .into_any()
        }
    };
    view! { {view} }.into_any()
}

/// What every record's page begins with.
fn common(state: State, here: Here) -> AnyView {
    let known = move || state.directory.get_untracked();
    view! {
        {part(here, move |case| standing(state, case))}
        {part(here, move |case| notes(state, case))}
        {part(here, move |case| ways(case, known().as_deref()))}
        {part(here, move |case| conflicts(case, known().as_deref()))}
    }
    .into_any()
}

fn standing(state: State, case: &Case) -> AnyView {
    let row = case.row.clone();
    let now = platform::now();
    let status = format::status(row.kind, &row.status);
    let due = row
        .due
        .filter(|_| row.open)
        .map(|due| format::due_kind(due.what));
    let due = due
        .filter(|due| *due != status)
        .map(|due| view! { <span class="quiet">{due}</span> });
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

/// What of the record others' devices brought back to a server that had lost it.
fn ways(case: &Case, known: Option<&Directory>) -> AnyView {
    let count: u32 = case.passed_on.values().sum();
    if count == 0 {
        return ().into_any();
    }
    let lines = case.passed_on.keys().map(|way| passed_on(known, way));
    let lines: Vec<_> = lines.map(|line| view! { <li>{line}</li> }).collect();
    view! {
        <div class="callout">
            <p>{word::PASSED_ON_IN_ALL.with(count)}</p>
            <ul>{lines}</ul>
        </div>
    }
    .into_any()
}

fn notes(state: State, case: &Case) -> AnyView {
    let refused = case.row.delivery.refused > 0;
    let lines = [
        case.newer.then_some(word::CASE_NEWER),
        (case.missing > 0).then_some(word::CASE_WAITING),
        refused.then_some(word::REFUSED_NOTE),
    ];
    let lines: Vec<_> = lines
        .into_iter()
        .flatten()
        .map(|line| view! { <p class="callout">{state.told(line)}</p> })
        .collect();
    view! { {lines} }.into_any()
}
