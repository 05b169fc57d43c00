//! The grid of a new record: in sight wherever there is a choice, and what is in sight is what is saved.

use domain::id::{RecordId, UnitId};
use domain::record::{FieldError, FieldName, Problem};
use leptos::prelude::*;

use crate::component::chips::Choice;
use crate::component::field::{Form, Text, TextKind};
use crate::locale::word;
use crate::state::State;

/// The grid that a form begins with, in sight: that of the patrol on which it was begun; else that in
/// which the person worked last; on a new phone the first. Asking each time would cost everybody a step
/// that most of them do not need, and whoever is elsewhere sees it at the head of the form.
pub(super) fn preset(state: State, patrol: Option<RecordId>) -> String {
    let known = state.directory.get_untracked();
    let Some(known) = known else {
        return String::new();
    };
    let row = patrol.and_then(|id| state.rows.with_untracked(|rows| rows.get(&id).cloned()));
    let said = row.and_then(|row| known.grid(&row.grid));
    let last = || {
        let own = state.rows.with_untracked(|rows| {
            let own = rows.values().filter(|row| row.by == known.me.person);
            let last = own.max_by_key(|row| row.created_at);
            last.map(|row| row.grid.clone())
        });
        known.grid(&own?)
    };
    said.or_else(last)
        .or_else(|| known.grids.first())
        .map_or_else(String::new, |grid| grid.id.to_string())
}

/// The field for it. Where the only grid is the form's own there is nothing to choose.
pub(super) fn field<D: Send + Sync + 'static>(
    state: State,
    form: Form<D>,
    part: fn(&mut D) -> &mut String,
) -> AnyView {
    let options = move || -> Vec<Choice> {
        let known = state.directory.get();
        let grids = known.iter().flat_map(|known| &known.grids);
        grids
            .map(|grid| Choice::new(grid.id.to_string(), grid.name.clone()))
            .collect()
    };
    let settled = Memo::new(move |_| {
        let own = form.draft.try_update_untracked(|draft| part(draft).clone());
        match options().as_slice() {
            [only] => own.as_ref() == Some(&only.value),
            _ => false,
        }
    });
    let spec = Text::required(FieldName::Grid, word::GRID, TextKind::Line);
    let shown = move || (!settled.get()).then(|| form.select(spec, options, word::GRID_GONE, part));
    view! { {shown} }.into_any()
}

/// What a form says, if its grid is one of the person's: a grid that was taken away is chosen anew.
pub(super) fn checked<T>(
    state: State,
    typed: &str,
    parsed: Result<T, Vec<FieldError>>,
) -> Result<T, Vec<FieldError>> {
    let id = typed.parse::<UnitId>().ok();
    let known = state.directory.get_untracked();
    if id
        .zip(known)
        .is_some_and(|(id, known)| known.grid(&id).is_some())
    {
        return parsed;
    }
    let missing = FieldError {
        field: FieldName::Grid,
        problem: Problem::Missing,
    };
    let mut errors = parsed.err().unwrap_or_default();
    errors.retain(|error| error.field != FieldName::Grid);
    errors.insert(0, missing);
    Err(errors)
}
