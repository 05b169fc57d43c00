//! Screens: one for each route; they read the state and ask for actions.

pub mod carry;
pub mod case;
pub mod case_sheets;
pub mod conflict;
pub mod dispute_form;
mod grid;
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

use domain::command::{Command, Denial};
use domain::id::RecordId;
use domain::replica::CommandError;
use domain::unit::Directory;
use leptos::prelude::*;

use crate::component::field::Form;
use crate::locale::{fault, format, word};
use crate::state::draft::Slot;
use crate::state::{Actions, State};
use crate::{nav, platform};

/// Carries out a command of a form: what went wrong stands above its button and everything typed
/// stays; `done` is told when the record is committed. The draft goes in the same transaction.
pub(crate) fn submit<D: Send + Sync + 'static>(
    form: Form<D>,
    command: Command,
    done: impl FnOnce(RecordId) + 'static,
) {
    send(
        (form.busy, form.failure),
        form.slot,
        command,
        Box::new(done),
    );
}

fn send(
    (busy, failure): (RwSignal<bool>, RwSignal<Option<String>>),
    slot: Slot,
    command: Command,
    done: Box<dyn FnOnce(RecordId)>,
) {
    let Some(draft) = slot.open().filter(|_| !busy.get_untracked()) else {
        return;
    };
    busy.set(true);
    failure.set(None);
    platform::spawn(async move {
        draft.hold().await;
        let result = Actions::submit(command, vec![draft.key().to_owned()]).await;
        busy.try_set(false);
        match result {
            Ok(id) => {
                draft.end();
                done(id);
            }
            Err(CommandError::Denied(Denial::SavedBefore)) => draft.renew(),
            Err(error) => {
                draft.go_on();
                failure.try_set(Some(fault::command(&error)));
            }
        }
    });
}

/// Carries out a command of a form in a sheet, which closes when the record is committed.
pub(crate) fn submit_sheet<D: Send + Sync + 'static>(form: Form<D>, command: Command) {
    // Read here: where a button is pressed there is no context.
    let state = form.slot.open().map(|draft| draft.state());
    submit(form, command, move |_| {
        nav::sheet_dismissed();
        if let Some(state) = state {
            state.say(word::SAVED.s());
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
