//! All records on this phone, with search and filters.

use domain::record::Kind;
use domain::view::{DeliveryState, Row};
use leptos::prelude::*;

use crate::component::chips::{Choice, chips};
use crate::component::list::{delivery_tag, keep_focus, list_card, row_link, sort_rows};
use crate::component::search::search_field;
use crate::component::shell::{Top, top};
use crate::locale::{format, word};
use crate::platform;
use crate::screen::{grid_name, is_demo};
use crate::state::lists::{RECORDS_PAGE, Sought};
use crate::state::{State, state};

/// The records screen.
pub fn records() -> AnyView {
    let state = state();
    let Sought {
        query,
        kind,
        delivery,
        shown,
    } = state.sought;
    let title = word::MY_RECORDS.s().to_owned();
    let reset = move || shown.set(RECORDS_PAGE);
    view! {
        {top(Top { title, demo: is_demo(state), ..Top::default() })}
        {super::line(state)}
        <main class="records">
            <div class="search">
                {search_field("search", query, reset)}
            </div>
            {chips(word::TYPE.s(), kind_choices(), 9, kind.into(), move |v| { kind.set(v); reset(); })}
            {chips(word::STATUS.s(), delivery_choices(), 9, delivery.into(), move |v| {
                delivery.set(v);
                reset();
            })}
            {move || found(state, &query.get(), &kind.get(), &delivery.get(), shown)}
        </main>
    }
    .into_any()
}

fn kind_choices() -> Vec<Choice> {
    let all = Choice::new("", word::ALL.s());
    let kinds = Kind::ALL
        .into_iter()
        .map(|kind| Choice::new(kind.code(), format::kind(kind)));
    [all].into_iter().chain(kinds).collect()
}

const STATES: [(&str, DeliveryState); 4] = [
    ("phone", DeliveryState::OnPhone),
    ("sent", DeliveryState::Sent),
    ("seen", DeliveryState::Seen),
    ("attention", DeliveryState::NeedsAttention),
];

fn delivery_choices() -> Vec<Choice> {
    let all = Choice::new("", word::ALL.s());
    let states = STATES.map(|(code, state)| Choice::new(code, format::delivery(state).s()));
    [all].into_iter().chain(states).collect()
}

fn found(state: State, query: &str, kind: &str, delivery: &str, shown: RwSignal<usize>) -> AnyView {
    keep_focus();
    let now = platform::now();
    let known = state.known();
    let fits = |row: &&Row| {
        (kind.is_empty() || row.kind.code() == kind)
            && (delivery.is_empty() || STATES.contains(&(delivery, state.delivery(row))))
            && (query.is_empty() || {
                let grid = grid_name(known.as_deref(), &row.grid);
                row.matches(query, &format::row_names(row, &grid))
            })
    };
    let (items, count) = state.rows.with(|rows| {
        let mut rows: Vec<&Row> = rows.values().filter(fits).collect();
        sort_rows(&mut rows, &|a, b| b.updated_at.cmp(&a.updated_at));
        let item = |row: &&Row| row_link(row, delivery_tag(state.delivery(row)), now);
        (
            rows.iter().take(shown.get()).map(item).collect::<Vec<_>>(),
            rows.len(),
        )
    });
    let more = (count > items.len()).then(|| {
        view! {
            <button type="button" class="button" on:click=move |_| shown.update(|n| *n += RECORDS_PAGE)>
                {word::SHOW_MORE.s()}
            </button>
        }
    });
    let empty = if query.is_empty() && kind.is_empty() && delivery.is_empty() {
        word::NO_RECORDS
    } else {
        word::NO_MATCH
    };
    view! {
        <p class="quiet" role="status">{word::SHOWN_OF.with2(items.len(), count)}</p>
        {list_card(items, state.none(empty))}
        {more}
    }
    .into_any()
}
