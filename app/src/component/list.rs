//! Lists of rows.

use core::cmp::Ordering;

use domain::time::Millis;
use domain::view::figure::is_major;
use domain::view::{DeliveryState, Row};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::locale::{format, word};
use crate::nav::record_route;
use crate::platform;
use crate::state::state;

/// Puts rows in order. One routine for all lists: a sort is four kilobytes of code, and each closure
/// would bring a copy of its own.
pub fn sort_rows(rows: &mut [&Row], order: &dyn Fn(&Row, &Row) -> Ordering) {
    rows.sort_by(|a, b| order(a, b));
}

/// Called when a list is drawn anew: whoever stands on a row with the focus stays on that row, wherever
/// it is now, and not on the one that took its place.
pub fn keep_focus() {
    let document = || web_sys::window()?.document();
    let held = document()
        .and_then(|document| document.active_element())
        .and_then(|active| active.get_attribute("href"));
    let Some(href) = held else { return };
    platform::after(0, move || {
        let row = document().and_then(|document| {
            let row = document.query_selector(&format!("main a[href='{href}']"));
            row.ok().flatten()?.dyn_into::<web_sys::HtmlElement>().ok()
        });
        if let Some(row) = row {
            let options = web_sys::FocusOptions::new();
            options.set_prevent_scroll(true);
            // A row that cannot take the focus is still on the screen.
            let _focused = row.focus_with_options(&options);
        }
    })
    .keep();
}

/// The tag for a step of the ladder.
pub fn delivery_tag(state: DeliveryState) -> AnyView {
    let class = match state {
        DeliveryState::Draft => "tag plain",
        DeliveryState::OnPhone => "tag phone",
        DeliveryState::Sent => "tag sent",
        DeliveryState::Seen => "tag seen",
        DeliveryState::NeedsAttention => "tag bad",
    };
    view! { <span class=class>{format::delivery(state).s()}</span> }.into_any()
}

/// The tag for what is due.
pub fn due_tag(row: &Row, now: Millis) -> Option<AnyView> {
    let due = row.due.filter(|_| row.open)?;
    let class = if row.is_overdue(now) {
        "tag bad"
    } else {
        "tag plain"
    };
    Some(view! { <span class=class>{format::until(due, now)}</span> }.into_any())
}

/// The mark of a level that is not ordinary; the word stands beside the colour.
pub fn level_mark(row: &Row) -> Option<AnyView> {
    let (class, text) = match row.kind {
        _ if is_major(row.kind, &row.level) => ("mark red", word::LEVEL_R),
        domain::record::Kind::Dispute if row.level == "Y" => ("mark yellow", word::LEVEL_Y),
        domain::record::Kind::Dispute
        | domain::record::Kind::Patrol
        | domain::record::Kind::Hazard
        | domain::record::Kind::Task => return None,
    };
    Some(view! { <span class=class>{text.s()}</span> }.into_any())
}

/// The line below a row's title: its photos, and what else there is to say.
pub fn row_note(row: &Row, now: Millis) -> String {
    let parts = [state().photo_count(row), Some(format::row_detail(row, now))];
    let said = parts.into_iter().flatten().filter(|part| !part.is_empty());
    said.collect::<Vec<_>>().join(" · ")
}

/// One row as a link to its record: title, tag, one line below.
pub fn row_link(row: &Row, tag: AnyView, now: Millis) -> AnyView {
    let detail = row_note(row, now);
    view! {
        <li>
            <a class="row" href=record_route(row.kind, row.id).path()>
                <b>{format::row_title(row)}</b>
                {tag}
                <p>{detail}</p>
            </a>
        </li>
    }
    .into_any()
}

/// A card with a list, or a line that says what to do where it is empty.
pub fn list_card(
    items: Vec<AnyView>,
    empty: impl Fn() -> &'static str + Send + Sync + 'static,
) -> AnyView {
    if items.is_empty() {
        view! { <div class="card empty"><p>{empty}</p></div> }.into_any()
    } else {
        view! { <ul class="card rows">{items}</ul> }.into_any()
    }
}
