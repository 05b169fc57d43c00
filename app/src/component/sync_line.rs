//! The one calm line about the exchange, with its button.

use domain::replica::{Activity, clock};
use leptos::prelude::*;

use crate::locale::{fault, word};
use crate::platform;
use crate::runtime::photos::may_send_full;
use crate::state::State;

/// The line; `sync` looks for something to exchange.
pub fn sync_line(state: State, sync: impl Fn() + 'static) -> AnyView {
    let State { status, minute, .. } = state;
    let dot = move || match status.with(|status| status.activity) {
        Activity::Idle => "dot",
        Activity::Working => "dot busy",
        Activity::Failed(_) => "dot off",
        Activity::StoreFailed(_) => "dot bad",
    };
    let text = move || {
        minute.track();
        let photos = state.photos.with(|book| {
            let notes = book.values();
            notes
                .filter(|note| note.taken.is_some_and(|t| t.named) && !note.arrived)
                .count()
        });
        let held = photos > 0 && !may_send_full();
        status.with(|status| fault::status(status, platform::clock(), (photos, held)))
    };
    let clock = move || {
        let off = Memo::new(move |_| status.with(|status| clock::correction(status.clock_gap_ms)));
        let off = off.get();
        (off != 0).then(|| view! { <p class="quiet">{fault::clock(off)}</p> })
    };
    view! {
        <div class="status">
            <span class=dot aria-hidden="true"></span>
            <span role="status">{text}</span>
            <button type="button" class="mini" on:click=move |_| sync()>{word::SYNC_NOW.s()}</button>
        </div>
        {clock}
    }
    .into_any()
}
