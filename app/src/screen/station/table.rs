//! The station's table: filters named as its columns, one row a record.

use domain::id::RecordId;
use domain::record::Kind;
use domain::time::Millis;
use domain::unit::Directory;
use domain::view::Row;
use domain::view::figure::Figure;
use leptos::prelude::*;

use super::{new_since, village_of};
use crate::component::list::{keep_focus, row_note, sort_rows};
use crate::component::search::search_field;
use crate::locale::{self, Word, format, word};
use crate::nav::{self, record_route};
use crate::platform;
use crate::screen::grid_name;
use crate::state::State;
use crate::state::lists::{Column, Filters, Order, STATION_PAGE};

/// From this width on a record is shown beside the list instead of on a page of its own.
const TWO_PANES_PX: f64 = 768.0;

/// Whether a row is one of those that the table is narrowed to.
fn fits(filters: Filters, row: &Row, known: Option<&Directory>, now: Millis) -> bool {
    let kind = filters.kind.with(|kind| match kind.as_str() {
        "" => row.kind != Kind::Patrol,
        code => row.kind.code() == code,
    });
    let status = filters.status.with(|status| match status.as_str() {
        "" => true,
        "open" => row.open,
        "closed" => !row.open,
        _ => true,
    });
    let due = filters.due.with(|due| match due.as_str() {
        "overdue" => Figure::Overdue.stands(row, now),
        "week" => row.open && row.due.is_some_and(|due| due.at <= now.day().plus(7).end()),
        _ => true,
    });
    let mark = match filters.mark.get() {
        "new" => row.created_at >= new_since(now),
        "overdue" => Figure::Overdue.stands(row, now),
        "major" => Figure::Major.stands(row, now),
        "contested" => row.is_contested(),
        _ => true,
    };
    let village = filters
        .village
        .with(|village| village.is_empty() || village_of(known, row) == *village);
    kind && status
        && due
        && mark
        && village
        && filters.query.with(|query| {
            query.is_empty() || {
                let grid = grid_name(known, &row.grid);
                row.matches(query, &format::row_names(row, &grid))
            }
        })
}

/// The table with its filters.
pub(super) fn table(state: State, filters: Filters) -> AnyView {
    view! {
        {controls(state, filters)}
        {move || rows(state, filters)}
    }
    .into_any()
}

fn controls(state: State, filters: Filters) -> AnyView {
    let known = state.directory.get_untracked();
    let mut villages: Vec<String> = known
        .iter()
        .flat_map(|known| known.grids.iter().map(|grid| grid.village.clone()))
        .collect();
    villages.sort_unstable();
    villages.dedup();
    let villages = villages
        .into_iter()
        .map(|village| (village.clone(), village))
        .collect();
    let kinds = Kind::ALL.map(|kind| (kind.code().to_owned(), format::kind(kind).to_owned()));
    let statuses = vec![
        ("open".to_owned(), locale::figure(Figure::Open).to_owned()),
        ("closed".to_owned(), word::CLOSE_CASE.s().to_owned()),
    ];
    let dues = vec![
        (
            "overdue".to_owned(),
            locale::figure(Figure::Overdue).to_owned(),
        ),
        ("week".to_owned(), word::WEEK_AHEAD.s().to_owned()),
    ];
    view! {
        <div class="filters" role="search">
            <div class="filter grow">
                {search_field("station-search", filters.query, || ())}
            </div>
            {choice("f-kind", word::TYPE, kinds.to_vec(), filters.kind)}
            {choice("f-village", word::VILLAGE_GRID, villages, filters.village)}
            {choice("f-status", word::STATUS, statuses, filters.status)}
            {choice("f-due", word::DUE_COLUMN, dues, filters.due)}
        </div>
    }
    .into_any()
}

/// A drop-down filter named as its column.
fn choice(
    id: &'static str,
    label: Word,
    options: Vec<(String, String)>,
    chosen: RwSignal<String>,
) -> AnyView {
    let option = |(value, label): (String, String)| {
        let test = value.clone();
        view! {
            <option value=value prop:selected=move || chosen.with(|now| *now == test)>{label}</option>
        }
    };
    let all = (String::new(), word::ALL.s().to_owned());
    let options: Vec<_> = [all].into_iter().chain(options).map(option).collect();
    view! {
        <div class="filter">
            <label for=id>{label.s()}</label>
            <select id=id on:change=move |event| chosen.set(event_target_value(&event))>
                {options}
            </select>
        </div>
    }
    .into_any()
}

fn rows(state: State, filters: Filters) -> AnyView {
    state.minute.track();
    keep_focus();
    let now = platform::now();
    let known = state.known();
    let known = known.as_deref();
    let shown = filters.shown.get();
    let (lines, count) = state.rows.with(|rows| {
        let mut fitting: Vec<&Row> = rows
            .values()
            .filter(|row| fits(filters, row, known, now))
            .collect();
        sort(&mut fitting, filters.order.get(), known);
        let lines: Vec<_> = fitting
            .iter()
            .take(shown)
            .map(|row| line(row, known, now))
            .collect();
        (lines, fitting.len())
    });
    let more = (count > shown).then(|| {
        view! {
            <button type="button" class="button" on:click=move |_| filters.shown.update(|n| *n += STATION_PAGE)>
                {word::SHOW_MORE.s()}
            </button>
        }
    });
    if lines.is_empty() {
        return view! { <div class="card empty"><p>{state.none(word::NO_MATCH)}</p></div> }
            .into_any();
    }
    let shown = word::SHOWN_OF.with2(lines.len(), count);
    view! {
        <div class="card">
            <table>
                <thead>
                    <tr>
                        {head(filters, Column::Matter, word::MATTER)}
                        {head(filters, Column::Grid, word::VILLAGE_GRID)}
                        {head(filters, Column::Status, word::STATUS)}
                        {head(filters, Column::Due, word::DUE_COLUMN)}
                    </tr>
                </thead>
                <tbody>{lines}</tbody>
            </table>
        </div>
        <p class="quiet" role="status">{shown}</p>
        {more}
    }
    .into_any()
}

fn sort(rows: &mut [&Row], order: Order, known: Option<&Directory>) {
    // What must be decided first, then what is due first, then the newest.
    let urgency = |row: &Row| {
        let due = row.due.filter(|_| row.open);
        let due = due.map_or(i64::MAX, |due| due.at.0);
        (!row.is_contested(), due, core::cmp::Reverse(row.updated_at))
    };
    sort_rows(rows, &|a, b| urgency(a).cmp(&urgency(b)));
    let word = |row: &Row| match order.column {
        Column::Due => String::new(),
        Column::Matter => format!("{} {}", row.kind.code(), format::row_title(row)),
        Column::Grid => grid_name(known, &row.grid),
        Column::Status => format::status(row.kind, &row.status),
    };
    if order.column != Column::Due {
        // Each word is made once, not at each comparison; its place keeps the order among equals.
        let words = rows.iter().enumerate();
        let mut words: Vec<_> = words.map(|(place, row)| (word(row), place, *row)).collect();
        words.sort_unstable_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        for (place, (_, _, row)) in rows.iter_mut().zip(words) {
            *place = row;
        }
    }
    if order.down {
        rows.reverse();
    }
}

/// The head of a column, which sorts by it.
fn head(filters: Filters, column: Column, label: Word) -> AnyView {
    let order = filters.order;
    let sorted = move || {
        let order = order.get();
        match (order.column == column, order.down) {
            (false, _) => "none",
            (true, false) => "ascending",
            (true, true) => "descending",
        }
    };
    let sort = move |_| {
        order.update(|order| {
            let down = order.column == column && !order.down;
            *order = Order { column, down };
        });
    };
    view! {
        <th scope="col" class:n=column == Column::Due aria-sort=sorted>
            <button type="button" on:click=sort>{label.s()}</button>
        </th>
    }
    .into_any()
}

/// Shows a record beside the list where there is room for both.
fn open_beside(event: &web_sys::MouseEvent, (kind, id): (Kind, RecordId)) {
    let plain = !event.ctrl_key() && !event.meta_key() && !event.shift_key();
    if plain && is_wide() {
        event.prevent_default();
        nav::turn(&nav::beside_query(kind, id));
    }
}

/// Whether there is room for a list and a record beside it.
pub(super) fn is_wide() -> bool {
    let width = web_sys::window().and_then(|window| window.inner_width().ok()?.as_f64());
    width.is_some_and(|width| width >= TWO_PANES_PX)
}

fn line(row: &Row, known: Option<&Directory>, now: Millis) -> AnyView {
    let this = (row.kind, row.id);
    let on = move || nav::beside() == Some(this);
    let status = if row.is_contested() {
        view! { <span class="tag bad">{word::DECIDE_MARK.s()}</span> }.into_any()
    } else {
        view! { <span class="tag plain">{format::status(row.kind, &row.status)}</span> }.into_any()
    };
    let new = (row.created_at >= new_since(now))
        .then(|| view! { <span class="tag sent">{word::NEW_MARK.s()}</span> });
    let due = row
        .due
        .filter(|_| row.open)
        .map(|due| format::until(due, now));
    let late = if row.is_overdue(now) { "n due" } else { "n" };
    view! {
        <tr class:on=on>
            <td>
                <a href=record_route(row.kind, row.id).path()
                    on:click=move |event| open_beside(&event, this)>
                    {format::row_title(row)}
                </a>
                {new}
                {crate::component::list::level_mark(row)}
                <small>{row_note(row, now)}</small>
            </td>
            <td>{grid_name(known, &row.grid)}</td>
            <td>{status}</td>
            <td class=late>{due}</td>
        </tr>
    }
    .into_any()
}
