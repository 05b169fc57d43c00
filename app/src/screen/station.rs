//! The station: the merged list over all grids, what is new, late or contested, and one case beside it.

mod table;

use std::collections::BTreeMap;

use domain::record::Kind;
use domain::time::{DAY_MS, HOUR_MS, Millis};
use domain::unit::Directory;
use domain::view::Row;
use domain::view::figure::Figure;
use leptos::prelude::*;

use crate::component::shell::{Top, top};
use crate::locale::{self, format, word};
use crate::nav;
use crate::platform;
use crate::screen::{is_demo, record};
use crate::state::lists::Filters;
use crate::state::{State, state};

/// "Since yesterday" begins at this hour, when the morning meeting of the day before was held.
const MORNING_HOUR: i64 = 8;

/// The station screen.
pub fn station() -> AnyView {
    let state = state();
    let filters = state.filters;
    let selected = Memo::new(|_| nav::beside());
    Effect::new(move |_| {
        // The address of a record beside the list, opened where there is room for one of them.
        if let Some((kind, id)) = selected.get().filter(|_| !table::is_wide()) {
            nav::replace(nav::record_route(kind, id));
        }
    });
    let beside = move || match selected.get() {
        Some((kind, id)) => record::pane(kind, id, || nav::turn_back_to("")),
        None => view! { {move || villages(state, filters)} }.into_any(),
    };
    view! {
        <div class="wide">
            {move || heading(state)}
            {super::line(state)}
            <main class="station">
                {move || used_up(state)}
                {move || figures(state, filters)}
                <div class="columns" class:open=move || selected.get().is_some()>
                    <div>{table::table(state, filters)}</div>
                    <aside>{beside}</aside>
                </div>
            </main>
        </div>
    }
    .into_any()
}

fn heading(state: State) -> AnyView {
    let aside = state.known().map_or_else(String::new, |known| {
        let grids = word::GRIDS.with(known.grids.len());
        format!("{} · {grids} · {}", known.home.name, super::home::today())
    });
    let title = word::STATION.s().to_owned();
    top(Top {
        title,
        aside,
        back: false,
        demo: is_demo(state),
    })
}

/// The devices that have sent as much as they may today, and whom to ask about it.
fn used_up(state: State) -> Option<AnyView> {
    let devices = state.used_up.get();
    if devices.is_empty() {
        return None;
    }
    let named = devices.iter().map(|one| {
        let head: String = one
            .device
            .iter()
            .take(3)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{} ({head})", one.name)
    });
    let named = locale::listed(&named.collect::<Vec<_>>());
    Some(view! { <p class="card note" role="status">{word::USED_UP.with(named)}</p> }.into_any())
}

/// The moment since which something is new: yesterday at eight.
pub(super) fn new_since(now: Millis) -> Millis {
    now.day().start().plus(MORNING_HOUR * HOUR_MS - DAY_MS)
}

/// The four figures of the morning; each is a filter as well.
fn figures(state: State, filters: Filters) -> AnyView {
    state.minute.track();
    let now = platform::now();
    let since = new_since(now);
    let (new, overdue, major, contested, notes) = state.rows.with(|rows| {
        let matters = || rows.values().filter(|row| row.kind != Kind::Patrol);
        (
            matters().filter(|row| row.created_at >= since).count(),
            matters()
                .filter(|row| Figure::Overdue.stands(row, now))
                .count(),
            matters()
                .filter(|row| Figure::Major.stands(row, now))
                .count(),
            matters().filter(|row| row.is_contested()).count(),
            notes(rows.values(), since, now),
        )
    });
    let card = move |label: &'static str, count: usize, mark: &'static str, note: String| {
        let bad = count > 0 && mark == "overdue";
        let pressed = move || (filters.mark.get() == mark).to_string();
        view! {
            <button type="button" class="card kpi" aria-pressed=pressed
                on:click=move |_| filters.toggle_mark(mark)>
                <span>{label}</span>
                <b class:bad=bad>{count}</b>
                <i>{note}</i>
            </button>
        }
    };
    view! {
        <section class="kpis">
            {card(word::NEW_SINCE.s(), new, "new", notes.0)}
            {card(locale::figure(Figure::Overdue), overdue, "overdue", notes.1)}
            {card(locale::figure(Figure::Major), major, "major", word::MAJOR_NOTE.s().to_owned())}
            {card(word::TO_DECIDE.s(), contested, "contested", word::TO_DECIDE_NOTE.s().to_owned())}
        </section>
    }
    .into_any()
}

/// What stands below the first two figures: what is new by kind, and how late the latest is.
fn notes<'a>(rows: impl Iterator<Item = &'a Row>, since: Millis, now: Millis) -> (String, String) {
    let (mut disputes, mut hazards, mut days) = (0_usize, 0_usize, 0_i64);
    for row in rows {
        if row.created_at >= since {
            disputes += usize::from(row.kind == Kind::Dispute);
            hazards += usize::from(row.kind == Kind::Hazard);
        }
        if let Some(due) = row.due.filter(|_| Figure::Overdue.stands(row, now)) {
            days = days.max(now.day().since(due.at.day()));
        }
    }
    let kinds = format!(
        "{} {disputes} · {} {hazards}",
        format::kind(Kind::Dispute),
        format::kind(Kind::Hazard)
    );
    (kinds, word::LATEST.with(days))
}

pub(super) fn village_of(known: Option<&Directory>, row: &Row) -> String {
    let grid = known.and_then(|known| known.grid(&row.grid));
    grid.map(|grid| grid.village.clone()).unwrap_or_default()
}

/// Open disputes and hazards by village, the most first.
fn villages(state: State, filters: Filters) -> AnyView {
    let known = state.known();
    let now = platform::now();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    state.rows.with(|rows| {
        for row in rows.values().filter(|row| Figure::Open.stands(row, now)) {
            *counts.entry(village_of(known.as_deref(), row)).or_default() += 1;
        }
    });
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    let most = counts.first().map_or(1, |(_, count)| *count).max(1);
    let bar = |(village, count): (String, usize)| {
        let width = format!("{}%", count * 100 / most);
        let name = village.clone();
        let pressed = {
            let village = village.clone();
            move || (filters.village.get() == village).to_string()
        };
        view! {
            <li>
                <button type="button" class="bar-row" aria-pressed=pressed
                    on:click=move |_| filters.toggle_village(&name)>
                    <span>{village}</span>
                    <span class="bar" aria-hidden="true"><i style:width=width></i></span>
                    <output>{count}</output>
                </button>
            </li>
        }
    };
    let bars: Vec<_> = counts.into_iter().map(bar).collect();
    view! {
        <h2>{word::BY_VILLAGE.s()}</h2>
        <ul class="card bars">{bars}</ul>
    }
    .into_any()
}
