//! The quick register of a dispute: seven fields in under a minute.

use domain::codelist::{self, List};
use domain::command::Command;
use domain::id::RecordId;
use domain::record::FieldName;
use domain::record::dispute::Draft;
use leptos::prelude::*;

use crate::component::chips::{Choice, chips};
use crate::component::field::{Form, Text, TextKind, field_error};
use crate::component::shell::{Top, top};
use crate::locale::{self, word};
use crate::nav::{self, Begin, Route};
use crate::platform;
use crate::screen::{grid, is_demo, photo, submit};
use crate::state::draft::{self, Of};
use crate::state::{State, state};

/// The categories that are offered first: the commonest in villages.
const COMMON: [&str; 6] = ["02", "04", "01", "03", "09", "06"];

/// What was typed, and how many photos were taken for it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Begun {
    /// Of an older draft, whose place says nothing of its record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<RecordId>,
    draft: Draft,
    /// An older draft has none.
    #[serde(default)]
    photos: u32,
}

/// The screen that registers a dispute.
pub fn new_dispute(begin: Begin) -> AnyView {
    let state = state();
    let fresh = move || Begun {
        id: None,
        draft: Draft {
            grid: grid::preset(state, begin.patrol),
            found_at: platform::now().to_local_text(),
            level: "G".to_owned(),
            ..Draft::default()
        },
        photos: 0,
    };
    draft::form((Of::DISPUTE, begin.draft), fresh, move |form, note| {
        register_form(state, form, note)
    })
}

fn register_form(state: State, form: Form<Begun>, note: AnyView) -> AnyView {
    nav::arrive();
    let demo = is_demo(state);
    view! {
        <form class="screen" novalidate on:submit=move |event| {
            event.prevent_default();
            register(state, form);
        }>
            {top(Top { title: word::NEW_DISPUTE.s().to_owned(), back: true, demo, ..Top::default() })}
            <main>
                {note}
                {fields(state, form)}
            </main>
            {form.save_bar(word::SAVE, Some(word::SAVE_HINT))}
        </form>
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
                {grid::field(state, form, |begun| &mut begun.draft.grid)}
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
    photo::of_draft(form.slot, move || {
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

fn register(state: State, form: Form<Begun>) {
    let typed = form.draft.get_untracked().draft;
    let new = match grid::checked(state, &typed.grid, typed.parse(platform::now())) {
        Ok(new) => new,
        Err(errors) => return form.show_errors(errors),
    };
    let id = form.slot.own();
    submit(form, Command::RegisterDispute { id, new }, move |id| {
        state.say(word::SAVED.s());
        nav::replace(Route::Dispute(id));
    });
}
