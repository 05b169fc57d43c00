//! The quick register of a dispute: seven fields in under a minute.

use domain::codelist::{self, List};
use domain::command::Command;
use domain::id::RecordId;
use domain::record::FieldName;
use domain::record::dispute::{Draft, NewDispute};
use leptos::prelude::*;

use crate::component::chips::{Choice, chips};
use crate::component::field::{Form, Text, TextKind, field_error, focus_first_error, save_bar};
use crate::component::shell::{Top, top};
use crate::locale::{self, word};
use crate::nav::{self, Route};
use crate::platform;
use crate::screen::photo;
use crate::screen::{grid_name, is_demo, keep_draft, submit};
use crate::state::{Actions, State, state};

/// The key of the quick register's draft.
pub const DRAFT: &str = "dispute";
/// The categories that are offered first: the commonest in villages.
const COMMON: [&str; 6] = ["02", "04", "01", "03", "09", "06"];

/// A draft and the id that its record will have.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Begun {
    id: RecordId,
    draft: Draft,
    /// How many photos were taken for it; an older draft has none.
    #[serde(default)]
    photos: u32,
}

impl Begun {
    fn is_blank(&self) -> bool {
        self.photos == 0 && self.draft.is_blank()
    }
}

/// The screen that registers a dispute.
pub fn new_dispute() -> AnyView {
    // Counts the times that somebody started over.
    let turn = RwSignal::new(0_u32);
    let form = move || {
        turn.track();
        register_form(turn)
    };
    view! { {form} }.into_any()
}

fn register_form(turn: RwSignal<u32>) -> AnyView {
    let state = state();
    let left = state.drafts.with_untracked(|drafts| {
        drafts
            .get(DRAFT)
            .and_then(|text| serde_json::from_str::<Begun>(text).ok())
    });
    let restored = left.is_some();
    let begun = left.unwrap_or_else(|| blank(state));
    let form = Form::new(begun);
    let kept = RwSignal::new(restored);
    keep_draft(form, DRAFT, kept, Begun::is_blank);
    remember_on_leave(state, form);
    let demo = is_demo(state);
    view! {
        <form class="screen" novalidate on:submit=move |event| {
            event.prevent_default();
            register(state, form);
        }>
            {top(Top { title: word::NEW_DISPUTE.s().to_owned(), back: true, demo, ..Top::default() })}
            <main>
                {restored.then(|| restored_note(state, form, turn))}
                {fields(state, form)}
            </main>
            {save_bar(word::SAVE, form.busy, form.failure, move || {
                if kept.get() { word::DRAFT_KEPT.s() } else { word::SAVE_HINT.s() }
            })}
        </form>
    }
    .into_any()
}

fn blank(state: State) -> Begun {
    let grid = state.directory.with_untracked(|known| {
        let known = known.as_ref()?;
        known.grids.first().map(|grid| grid.id.to_string())
    });
    let draft = Draft {
        grid: grid.unwrap_or_default(),
        found_at: platform::now().to_local_text(),
        level: "G".to_owned(),
        ..Draft::default()
    };
    Begun {
        id: Actions::new_id(),
        draft,
        photos: 0,
    }
}

/// Keeps the draft in sight of the other screens when this one is left.
fn remember_on_leave(state: State, form: Form<Begun>) {
    on_cleanup(move || {
        let Some(begun) = form.draft.try_get_untracked() else {
            return;
        };
        state.drafts.update(|drafts| {
            if begun.is_blank() {
                drafts.remove(DRAFT);
            } else if let Ok(text) = serde_json::to_string(&begun) {
                drafts.insert(DRAFT.to_owned(), text);
            }
        });
    });
}

fn restored_note(state: State, form: Form<Begun>, turn: RwSignal<u32>) -> AnyView {
    let discard = move |_| {
        form.draft.update_untracked(|begun| {
            Actions::discard_photos(begun.id);
            begun.draft = Draft::default();
            begun.photos = 0;
        });
        state.drafts.update(|drafts| {
            drafts.remove(DRAFT);
        });
        Actions::drop_draft(DRAFT.to_owned());
        turn.update(|turn| *turn += 1);
    };
    view! {
        <div class="restored">
            <span role="status">{word::DRAFT_RESTORED.s()}</span>
            <button type="button" class="mini" on:click=discard>{word::DRAFT_DISCARD.s()}</button>
        </div>
    }
    .into_any()
}

fn fields(state: State, form: Form<Begun>) -> AnyView {
    let name = |field, label, name| {
        Text::optional(field, label, TextKind::Line)
            .named(name)
            .hint(word::NAME)
    };
    let phone = |field, name| {
        Text::optional(field, word::PHONE, TextKind::Phone)
            .named(name)
            .hint(word::PHONE)
    };
    view! {
        <section>
            {category_chips(form)}
        </section>
        <section>
            <div class="card">
                {grid_field(state, form)}
                {form.text(
                    Text::required(FieldName::Place, word::PLACE, TextKind::Line).hint(word::PLACE_HINT),
                    |begun| &mut begun.draft.place,
                )}
                {form.text(
                    Text::required(FieldName::FoundAt, word::TIME, TextKind::Moment),
                    |begun| &mut begun.draft.found_at,
                )}
                {form.text(
                    Text::required(FieldName::Brief, word::WHAT_HAPPENED, TextKind::Area)
                        .hint(word::BRIEF_HINT),
                    |begun| &mut begun.draft.brief,
                )}
            </div>
        </section>
        <section>
            <h2>{word::PARTIES.s()}</h2>
            <div class="card">
                {form.pair(
                    (name(FieldName::PartyAName, word::PARTY_A, word::PARTY_A_NAME),
                        |begun| &mut begun.draft.party_a_name),
                    (phone(FieldName::PartyAPhone, word::PARTY_A_PHONE),
                        |begun| &mut begun.draft.party_a_phone),
                )}
                {form.pair(
                    (name(FieldName::PartyBName, word::PARTY_B, word::PARTY_B_NAME),
                        |begun| &mut begun.draft.party_b_name),
                    (phone(FieldName::PartyBPhone, word::PARTY_B_PHONE),
                        |begun| &mut begun.draft.party_b_phone),
                )}
            </div>
        </section>
        <section>{level_chips(form)}</section>
        {photos(form)}
    }
    .into_any()
}

fn photos(form: Form<Begun>) -> AnyView {
    let id = form.draft.with_untracked(|begun| begun.id);
    let draft = move || {
        let text = form.draft.try_with_untracked(serde_json::to_string)?;
        Some((DRAFT, text.ok()?))
    };
    photo::of_draft(id, draft, move || {
        form.draft.try_update(|begun| begun.photos += 1);
    })
}

fn category_chips(form: Form<Begun>) -> AnyView {
    let chosen = Signal::derive(move || form.draft.with(|begun| begun.draft.category.clone()));
    let choose = move |code| {
        form.errors
            .update(|errors| errors.retain(|e| e.field != FieldName::Category));
        form.draft.update(|begun| begun.draft.category = code);
    };
    view! {
        {chips(word::CATEGORY.s(), category_choices(), COMMON.len(), chosen, choose)}
        {field_error(form.errors, FieldName::Category)}
    }
    .into_any()
}

/// All categories, the commonest first.
pub(super) fn category_choices() -> Vec<Choice> {
    let all = codelist::codes(List::DisputeCategory).map(|entry| entry.code);
    let rest = all.filter(|code| !COMMON.contains(code));
    COMMON
        .into_iter()
        .chain(rest)
        .map(|code| Choice::new(code, locale::category(code)))
        .collect()
}

/// The levels, of the matter and never of a person.
pub(super) fn level_choices() -> Vec<Choice> {
    [
        ("G", word::LEVEL_G),
        ("Y", word::LEVEL_Y),
        ("R", word::LEVEL_R),
    ]
    .map(|(code, label)| Choice::new(code, label.s()))
    .to_vec()
}

fn level_chips(form: Form<Begun>) -> AnyView {
    let chosen = Signal::derive(move || form.draft.with(|begun| begun.draft.level.clone()));
    let choose = move |code| form.draft.update(|begun| begun.draft.level = code);
    chips(word::LEVEL.s(), level_choices(), 3, chosen, choose)
}

/// The grid, for those who look after more than one.
fn grid_field(state: State, form: Form<Begun>) -> Option<AnyView> {
    let known = state.directory.get_untracked()?;
    if known.grids.len() < 2 {
        return None;
    }
    let chosen = form.draft.with_untracked(|begun| begun.draft.grid.clone());
    let option = |grid: &domain::unit::Grid| {
        let id = grid.id.to_string();
        let selected = id == chosen;
        view! { <option value=id selected=selected>{grid_name(Some(&known), &grid.id)}</option> }
    };
    let options: Vec<_> = known.grids.iter().map(option).collect();
    Some(
        view! {
            <div class="field">
                <label for="grid">{word::GRID.s()}</label>
                <div class="control">
                    <select id="grid" on:change=move |event| {
                        form.draft.update(|begun| begun.draft.grid = event_target_value(&event));
                    }>{options}</select>
                </div>
            </div>
        }
        .into_any(),
    )
}

fn register(state: State, form: Form<Begun>) {
    let begun = form.draft.get_untracked();
    let new: NewDispute = match begun.draft.parse(platform::now()) {
        Ok(new) => new,
        Err(errors) => {
            form.errors.set(errors);
            focus_first_error();
            return;
        }
    };
    let id = begun.id;
    let command = Command::RegisterDispute { id, new };
    submit(form, command, vec![DRAFT.to_owned()], move |id| {
        form.draft.update_untracked(|begun| {
            begun.draft = Draft::default();
            begun.photos = 0;
        });
        state.drafts.update(|drafts| {
            drafts.remove(DRAFT);
        });
        state.say(word::SAVED.s());
        nav::replace(Route::Dispute(id));
    });
}
