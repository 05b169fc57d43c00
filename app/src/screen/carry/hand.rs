//! For a new phone: the records that are here, as a file that spares it the first load.

use domain::id::UnitId;
use leptos::prelude::*;

use super::{Ready, Work, ready};
use crate::locale::word;
use crate::screen::grid_name;
use crate::state::{Actions, State};

/// The choice of grids and the file.
pub(super) fn hand_over(state: State) -> AnyView {
    let (file, work) = (Ready::new(None), Work::new());
    let known = state.known();
    let grids = known
        .as_ref()
        .map(|known| known.grids.as_slice())
        .unwrap_or_default();
    let chosen: RwSignal<Option<UnitId>> = RwSignal::new(None);
    let all: Vec<UnitId> = grids.iter().map(|grid| grid.id.clone()).collect();
    let make = move |_| {
        file.set(None);
        let grids = chosen
            .get_untracked()
            .map_or_else(|| all.clone(), |one| vec![one]);
        work.begin(async move {
            let bundle = Actions::first_load(grids).await?;
            file.try_set(Some(bundle.file().await?));
            Ok(Some(word::CARRY_CODE.with(bundle.records)))
        });
    };
    let choice = (grids.len() > 1).then(|| {
        let options = grids.iter().map(|grid| {
            let (id, name) = (grid.id.to_string(), grid_name(known.as_deref(), &grid.id));
            view! { <option value=id>{name}</option> }
        });
        let choose = move |event| {
            // A file that was made for other grids is not handed on by mistake.
            file.set(None);
            chosen.set(event_target_value(&event).parse().ok());
        };
        view! {
            <div class="field">
                <label for="hand-grid">{word::GRID.s()}</label>
                <div class="control">
                    <select id="hand-grid" on:change=choose>
                        <option value="">{word::FIRST_LOAD_ALL.s()}</option>
                        {options.collect::<Vec<_>>()}
                    </select>
                </div>
            </div>
        }
    });
    view! {
        <p>{word::FIRST_LOAD_LEAD.s()}</p>
        {choice}
        <button type="button" class="button" on:click=make prop:disabled=move || work.busy.get()>
            {move || if work.busy.get() { word::CARRY_BUSY.s() } else { word::FIRST_LOAD_MAKE.s() }}
        </button>
        <div role="status">{move || work.words()} {move || ready(file)}</div>
    }
    .into_any()
}
