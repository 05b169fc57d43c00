//! The officer's day: what is due, what was recorded, and the three things to begin.

use domain::replica::{Activity, LinkFailure, SyncStatus};
use domain::time::HOUR_MS;
use domain::view::Row;
use leptos::prelude::*;

use crate::component::list::{delivery_tag, due_tag, keep_focus, list_card, row_link, sort_rows};
use crate::component::shell::{Top, top};
use crate::icon::{self, icon};
use crate::locale::{format, word};
use crate::nav::{Begin, Route};
use crate::platform;
use crate::screen::{grid_name, is_demo, patrol::start_patrol};
use crate::state::draft::{self, Left};
use crate::state::{State, state};

/// The most rows under "due".
const DUE_MAX: usize = 8;
/// The most rows under "my records".
const RECENT_MAX: usize = 8;
/// What falls due within so many days is shown.
const SOON_DAYS: i64 = 2;

/// Without a signal for so long, others may be asked to carry what waits, in milliseconds.
const AWAY_MS: i64 = 6 * HOUR_MS;

/// The home screen.
pub fn home() -> AnyView {
    let state = state();
    // Another window may have begun, saved or discarded some.
    platform::spawn(draft::refresh(state));
    view! {
        {move || heading(state)}
        {super::line(state)}
        <main class="home">
            <section class="big">
                <a class="button primary span" href=Route::NewDispute(Begin::default()).path()>
                    {icon(icon::PLUS)}{word::NEW_DISPUTE.s()}
                </a>
                {start_patrol(state)}
                <a class="button" href=Route::NewHazard(Begin::default()).path()>{word::NEW_HAZARD.s()}</a>
            </section>
            {move || no_signal(state)}
            {move || drafts_left(state)}
            <section aria-labelledby="due">
                <h2 id="due">{word::DUE.s()}</h2>
                {move || due(state)}
            </section>
            <section aria-labelledby="mine">
                <h2 id="mine">{word::MY_RECORDS.s()}</h2>
                {move || recent(state)}
            </section>
            {move || aside(state)}
        </main>
    }
    .into_any()
}

/// The way out for whoever has had no signal for hours: others can carry what waits.
fn no_signal(state: State) -> Option<AnyView> {
    state.minute.track();
    let SyncStatus {
        activity,
        on_phone,
        synced_at,
        ..
    } = state.status.get();
    let away = platform::clock().since(synced_at?) >= AWAY_MS;
    let cut_off = matches!(activity, Activity::Failed(LinkFailure::Offline));
    (away && cut_off && on_phone > 0).then(|| {
        view! {
            <a class="callout" href=Route::Carry.path()>{word::NO_SIGNAL_LONG.s()}</a>
        }
        .into_any()
    })
}

fn heading(state: State) -> AnyView {
    let known = state.known();
    let aside = known.as_ref().map_or_else(String::new, |known| {
        let grid = known
            .me
            .units
            .first()
            .map(|unit| grid_name(Some(known), unit));
        format!("{} · {}", grid.unwrap_or_default(), known.me.name)
    });
    let demo = is_demo(state);
    top(Top {
        title: word::TODAY.s().to_owned(),
        aside,
        back: false,
        demo,
    })
}

fn is_mine(state: State, row: &Row) -> bool {
    state.directory.with(|known| {
        known
            .as_ref()
            .is_some_and(|known| known.me.person == row.by)
    })
}

/// The forms of new records that were left.
fn drafts_left(state: State) -> AnyView {
    let now = platform::now();
    let item = |left: Left| {
        let begin = Begin {
            patrol: left.about,
            draft: Some(left.own),
        };
        let (route, name) = match left.kind.as_str() {
            "dispute" => (Route::NewDispute(begin), word::NEW_DISPUTE),
            "hazard" => (Route::NewHazard(begin), word::NEW_HAZARD),
            _ => return None,
        };
        let begun = format::moment(left.own.created_at(), now);
        Some(view! {
            <a class="card draft" href=route.path()>
                <span>{word::DRAFT_LEFT.s()}<small>{name.s()}" · "{begun}</small></span>
                <span class="tag plain">{word::DRAFT.s()}</span>
            </a>
        })
    };
    let all: Vec<_> = draft::left(state).into_iter().filter_map(item).collect();
    view! { {all} }.into_any()
}

fn due(state: State) -> AnyView {
    state.minute.track();
    keep_focus();
    let now = platform::now();
    let until = now.day().plus(SOON_DAYS).end();
    let items = state.rows.with(|rows| {
        let mut due: Vec<&Row> = rows
            .values()
            .filter(|row| row.open && row.due.is_some_and(|due| due.at <= until))
            .collect();
        sort_rows(&mut due, &|a, b| a.due.cmp(&b.due));
        let item =
            |row: &&Row| row_link(row, due_tag(row, now).unwrap_or_else(|| ().into_any()), now);
        due.iter().take(DUE_MAX).map(item).collect::<Vec<_>>()
    });
    list_card(items, state.none(word::NOTHING_DUE))
}

fn recent(state: State) -> AnyView {
    // What says "today" says another thing after midnight.
    state.minute.track();
    keep_focus();
    let now = platform::now();
    let (items, more) = state.rows.with(|rows| {
        let mut mine: Vec<&Row> = rows.values().filter(|row| is_mine(state, row)).collect();
        sort_rows(&mut mine, &|a, b| b.updated_at.cmp(&a.updated_at));
        let item = |row: &&Row| row_link(row, delivery_tag(state.delivery(row)), now);
        let items: Vec<_> = mine.iter().take(RECENT_MAX).map(item).collect();
        (items, mine.len() > RECENT_MAX)
    });
    let all = more.then(|| {
        view! { <a class="more" href=Route::Records.path()>{word::ALL_RECORDS.s()}</a> }
    });
    view! { {list_card(items, state.none(word::NO_RECORDS))} {all} }.into_any()
}

fn aside(state: State) -> Option<AnyView> {
    let count = state.aside.get();
    (count > 0).then(|| view! { <p class="quiet">{word::HEALTH_ASIDE.with(count)}</p> }.into_any())
}

/// The name of a day for the heading of the station.
#[must_use]
pub fn today() -> String {
    let now = platform::now();
    format::day(now.day(), now.day())
}
