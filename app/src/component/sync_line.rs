//! The one calm line about the exchange, with its button.

use domain::replica::{Activity, SyncStatus};
use leptos::prelude::*;

use crate::locale::{fault, word};
use crate::platform;

/// The line; `sync` looks for something to exchange.
pub fn sync_line(
    status: RwSignal<SyncStatus>,
    minute: RwSignal<u32>,
    sync: impl Fn() + 'static,
) -> AnyView {
    let dot = move || match status.with(|status| status.activity) {
        Activity::Idle => "dot",
        Activity::Working => "dot busy",
        Activity::Failed(_) => "dot off",
        Activity::StoreFailed(_) => "dot bad",
    };
    let text = move || {
        minute.track();
        status.with(|status| fault::status(status, platform::now()))
    };
    view! {
        <div class="status">
            <span class=dot aria-hidden="true"></span>
            <span role="status">{text}</span>
            <button type="button" class="mini" on:click=move |_| sync()>{word::SYNC_NOW.s()}</button>
        </div>
    }
    .into_any()
}
