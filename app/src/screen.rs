//! Screens: one for each route; they read the state and ask for actions.

pub mod carry;
pub mod case;
pub mod case_sheets;
pub mod conflict;
pub mod dispute_form;
pub mod hazard;
pub mod home;
pub mod join;
pub mod overview;
pub mod patrol;
pub mod photo;
pub mod record;
pub mod records;
pub mod settings;
pub mod station;
pub mod task;

use domain::command::Command;
use domain::id::RecordId;
use domain::unit::Directory;
use leptos::prelude::*;

use crate::component::field::Form;
use crate::locale::{fault, format, word};
use crate::platform;
use crate::state::{Actions, State};

/// Carries out a command of a form: what went wrong stands above its button and everything typed
/// stays; `done` is told when the record is committed.
pub(crate) fn submit<D: Send + Sync + 'static>(
    form: Form<D>,
    command: Command,
    drafts: Vec<String>,
    done: impl FnOnce(RecordId) + 'static,
) {
    send((form.busy, form.failure), command, drafts, Box::new(done));
}

fn send(
    (busy, failure): (RwSignal<bool>, RwSignal<Option<String>>),
    command: Command,
    drafts: Vec<String>,
    done: Box<dyn FnOnce(RecordId)>,
) {
    if busy.get_untracked() {
        return;
    }
    busy.set(true);
    failure.set(None);
    platform::spawn(async move {
        let result = Actions::submit(command, drafts).await;
        busy.try_set(false);
        match result {
            Ok(id) => done(id),
            Err(error) => {
                failure.try_set(Some(fault::command(&error)));
            }
        }
    });
}

/// Carries out a command of a single button and says how it went.
pub(crate) fn submit_plain(state: State, failure: RwSignal<Option<String>>, command: Command) {
    failure.set(None);
    platform::spawn(async move {
        match Actions::submit(command, Vec::new()).await {
            Ok(_) => state.say(word::SAVED.s()),
            Err(error) => {
                failure.try_set(Some(fault::command(&error)));
            }
        }
    });
}

/// The one calm line about the exchange.
pub(crate) fn line(state: State) -> AnyView {
    crate::component::sync_line::sync_line(state, Actions::sync_now)
}

/// The name of a grid, where the directory knows it.
pub(crate) fn grid_name(known: Option<&Directory>, grid: &domain::id::UnitId) -> String {
    known
        .and_then(|known| known.grid(grid))
        .map_or_else(|| grid.to_string(), |grid| grid.name.clone())
}

/// The name of a person, where the directory knows it.
pub(crate) fn person_name(known: Option<&Directory>, person: &domain::id::PersonId) -> String {
    known.map_or_else(
        || person.to_string(),
        |known| known.name_of(person).to_owned(),
    )
}

/// The line under an entry: when and by whom.
pub(crate) fn when_and_who(
    known: Option<&Directory>,
    at: domain::time::Millis,
    by: &domain::id::PersonId,
) -> String {
    format!(
        "{} · {}",
        format::moment(at, platform::now()),
        person_name(known, by)
    )
}

/// The line under an entry that a restored server had lost: by whose device it came back, and the gap.
pub(crate) fn passed_on(
    known: Option<&Directory>,
    way: &domain::sync::message::PassedOn,
) -> String {
    let now = platform::now();
    let (from, to) = (format::moment(way.from, now), format::moment(way.to, now));
    let gap = format!("{from} – {to}");
    word::PASSED_ON.with2(person_name(known, &way.by), gap)
}

/// Whether everything on this phone is invented.
pub(crate) fn is_demo(state: State) -> bool {
    state
        .directory
        .with_untracked(|known| known.as_ref().is_some_and(|known| known.demo))
}

/// Keeps what is typed into a form as a draft, a moment after the last key.
pub(crate) fn keep_draft<D: serde::Serialize + Send + Sync + 'static>(
    form: Form<D>,
    key: &'static str,
    kept: RwSignal<bool>,
    is_blank: fn(&D) -> bool,
) {
    const PAUSE_MS: u32 = 400;
    let turn = StoredValue::new(0_u32);
    Effect::new(move |first: Option<()>| {
        let text = form.draft.with(|draft| {
            (!is_blank(draft)).then(|| serde_json::to_string(draft).unwrap_or_default())
        });
        if first.is_none() {
            return;
        }
        kept.set(false);
        let mine = turn.try_update_value(|turn| {
            *turn = turn.wrapping_add(1);
            *turn
        });
        platform::after(PAUSE_MS, move || {
            if turn.try_get_value() == mine && form.busy.try_get_untracked() == Some(false) {
                store_draft(key, text, kept);
            }
        })
        .keep();
    });
}

fn store_draft(key: &'static str, text: Option<String>, kept: RwSignal<bool>) {
    let Some(text) = text else {
        Actions::drop_draft(key.to_owned());
        return;
    };
    platform::spawn(async move {
        if Actions::keep_draft(key, &text).await.is_ok() {
            kept.try_set(true);
        }
    });
}
