//! Form fields: native inputs that are never written back while somebody types into them.

use std::sync::Arc;

use domain::record::{FieldError, FieldName};
use domain::text;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::component::chips::Choice;
use crate::locale::{Word, fault, word};
use crate::platform;
use crate::state::draft::Slot;

/// A form: what was typed so far and what is wrong with it. `state::draft` makes it, with the place in
/// which its draft is kept.
#[derive(Debug)]
pub struct Form<D: Send + Sync + 'static> {
    /// What was typed.
    pub draft: RwSignal<D>,
    /// What is wrong, shown beside the fields.
    pub errors: RwSignal<Vec<FieldError>>,
    /// What went wrong when it was to be saved.
    pub failure: RwSignal<Option<String>>,
    /// It is being saved.
    pub busy: RwSignal<bool>,
    /// Where its draft is kept.
    pub slot: Slot,
    kept: RwSignal<bool>,
}

impl<D: Send + Sync + 'static> Clone for Form<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D: Send + Sync + 'static> Copy for Form<D> {}

impl<D: Send + Sync + 'static> Form<D> {
    /// A form that begins with `draft` and is kept in `slot`; `kept` tells that all of it is.
    #[must_use]
    pub fn new(draft: D, slot: Slot, kept: RwSignal<bool>) -> Self {
        Self {
            draft: RwSignal::new(draft),
            errors: RwSignal::new(Vec::new()),
            failure: RwSignal::new(None),
            busy: RwSignal::new(false),
            slot,
            kept,
        }
    }

    /// The bar with the button that saves the form; it says when the draft is kept.
    pub fn save_bar(&self, label: Word, hint: Option<Word>) -> AnyView {
        let kept = self.kept;
        let hint = hint.map_or("", Word::s);
        let hint = move || {
            if kept.get() {
                word::DRAFT_KEPT.s()
            } else {
                hint
            }
        };
        save_bar(label, self.busy, self.failure, Box::new(hint))
    }

    /// A choice of one from a list for one part of the draft; `gone` is said where what was chosen is
    /// no longer on the list.
    pub fn select(
        &self,
        spec: Text,
        options: impl Fn() -> Vec<Choice> + Clone + Send + Sync + 'static,
        gone: Word,
        part: fn(&mut D) -> &mut String,
    ) -> AnyView {
        let draft = self.draft;
        let initial = draft
            .try_update_untracked(|draft| part(draft).clone())
            .unwrap_or_default();
        let choose = move |code: String| draft.update(|draft| *part(draft) = code);
        select(
            spec,
            self.errors,
            (initial, gone),
            (Box::new(options), Arc::new(choose)),
        )
    }

    /// Shows what is wrong and leads to the first wrong field.
    pub fn show_errors(&self, errors: Vec<FieldError>) {
        self.errors.set(errors);
        focus_first_error();
    }

    /// The text field for one part of the draft, with its label.
    pub fn text(&self, spec: Text, part: fn(&mut D) -> &mut String) -> AnyView {
        let control = self.control(spec, part);
        view! { <div class="field">{label(spec)}{control}</div> }.into_any()
    }

    fn control(&self, spec: Text, part: fn(&mut D) -> &mut String) -> AnyView {
        let draft = self.draft;
        let initial = draft
            .try_update_untracked(|draft| part(draft).clone())
            .unwrap_or_default();
        let errors = self.errors;
        let typed = Box::new(move |text: String| {
            errors.update(|errors| errors.retain(|error| error.field != spec.field));
            draft.update(|draft| *part(draft) = text);
        });
        control(spec, errors, initial, typed)
    }

    /// Two text fields side by side under the label of the first, such as a name and its telephone.
    pub fn pair(
        &self,
        first: (Text, fn(&mut D) -> &mut String),
        second: (Text, fn(&mut D) -> &mut String),
    ) -> AnyView {
        let (one, two) = (
            self.control(first.0, first.1),
            self.control(second.0, second.1),
        );
        view! { <div class="field paired">{label(first.0)}<div class="pair">{one}{two}</div></div> }
            .into_any()
    }

    /// A tick box for one part of the draft.
    pub fn tick(&self, label: Word, field: FieldName, part: fn(&mut D) -> &mut bool) -> AnyView {
        let draft = self.draft;
        let errors = self.errors;
        let initial = draft
            .try_update_untracked(|draft| *part(draft))
            .unwrap_or_default();
        let set = Box::new(move |on: bool| {
            errors.update(|errors| errors.retain(|error| error.field != field));
            draft.update(|draft| *part(draft) = on);
        });
        tick_box(label.s(), field, errors, initial, set)
    }
}

/// How a text field looks and what it takes.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    /// Which field it is.
    pub field: FieldName,
    /// Its visible label.
    pub label: Word,
    /// Its accessible name, where the label alone would be heard twice.
    pub name: Option<Word>,
    /// What it takes.
    pub kind: TextKind,
    /// An example or a rule, shown while the field is empty.
    pub hint: Option<Word>,
    /// Whether it must be filled in.
    pub required: bool,
}

/// What a text field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// One line.
    Line,
    /// Several lines.
    Area,
    /// A telephone number.
    Phone,
    /// A moment.
    Moment,
    /// A day.
    Day,
}

impl Text {
    /// A field that must be filled in.
    #[must_use]
    pub const fn required(field: FieldName, label: Word, kind: TextKind) -> Self {
        Self {
            field,
            label,
            name: None,
            kind,
            hint: None,
            required: true,
        }
    }

    /// A field that may stay empty.
    #[must_use]
    pub const fn optional(field: FieldName, label: Word, kind: TextKind) -> Self {
        Self {
            field,
            label,
            name: None,
            kind,
            hint: None,
            required: false,
        }
    }

    /// With an example or a rule.
    #[must_use]
    pub const fn hint(mut self, hint: Word) -> Self {
        self.hint = Some(hint);
        self
    }

    /// With an accessible name of its own.
    #[must_use]
    pub const fn named(mut self, name: Word) -> Self {
        self.name = Some(name);
        self
    }
}

/// The id of a field's element.
fn element_id(field: FieldName) -> String {
    format!("field-{}", field as u8)
}

fn problem(errors: RwSignal<Vec<FieldError>>, field: FieldName) -> Option<String> {
    errors.with(|errors| {
        errors
            .iter()
            .find(|error| error.field == field)
            .map(fault::field)
    })
}

type Options = Box<dyn Fn() -> Vec<Choice> + Send + Sync>;
type Choose = Arc<dyn Fn(String) + Send + Sync>;

/// A native list. What is chosen is what it shows: where the choice is not on the list, nothing is.
fn select(
    spec: Text,
    errors: RwSignal<Vec<FieldError>>,
    (initial, gone): (String, Word),
    (options, choose): (Options, Choose),
) -> AnyView {
    let chosen = RwSignal::new(initial);
    let list = Memo::new(move |_| options());
    let lost = move || {
        let chosen = chosen.get();
        let there = list.with(|list| list.iter().any(|option| option.value == chosen));
        !chosen.is_empty() && !there
    };
    let id = element_id(spec.field);
    let error_id = format!("{id}-e");
    let control = {
        let (id, described) = (id.clone(), error_id.clone());
        move || {
            let now = chosen.get_untracked();
            let option = |option: Choice| {
                let selected = option.value == now;
                view! { <option value=option.value selected=selected>{option.label}</option> }
            };
            let choose = Arc::clone(&choose);
            let all: Vec<_> = list.get().into_iter().map(option).collect();
            view! {
                <select id=id.clone() aria-required="true" aria-describedby=described.clone()
                    aria-invalid=move || problem(errors, spec.field).is_some().to_string()
                    on:change=move |event| {
                        let code = event_target_value(&event);
                        errors.update(|errors| errors.retain(|error| error.field != spec.field));
                        chosen.set(code.clone());
                        choose(code);
                    }>
                    <option value="">{word::CHOOSE.s()}</option>
                    {all}
                </select>
            }
        }
    };
    view! {
        <div class="field">
            <label for=id>{spec.label.s()}</label>
            <div class="control">
                {control}
                <p class="error" role="alert">{move || lost().then(|| gone.s())}</p>
                <p class="error" id=error_id aria-live="polite">
                    {move || problem(errors, spec.field)}
                </p>
            </div>
        </div>
    }
    .into_any()
}

/// The native control of a text field, and what is wrong with it below.
fn control(
    spec: Text,
    errors: RwSignal<Vec<FieldError>>,
    initial: String,
    typed: Box<dyn Fn(String)>,
) -> AnyView {
    let id = element_id(spec.field);
    let error_id = format!("{id}-e");
    let described = error_id.clone();
    let invalid = move || problem(errors, spec.field).is_some().to_string();
    let name = spec.name.map(Word::s);
    let hint = spec.hint.map(Word::s);
    let (typed, read) = read_as(spec.kind, &initial, typed);
    let control = if spec.kind == TextKind::Area {
        view! {
            <textarea id=id rows="3" prop:value=initial placeholder=hint aria-label=name
                aria-describedby=described aria-invalid=invalid
                aria-required=spec.required.to_string()
                on:input=move |event| typed(event_target_value(&event))></textarea>
        }
        .into_any()
    } else {
        let (kind, mode) = match spec.kind {
            TextKind::Phone => ("tel", "tel"),
            TextKind::Moment => ("datetime-local", "text"),
            TextKind::Day => ("date", "text"),
            TextKind::Line | TextKind::Area => ("text", "text"),
        };
        view! {
            <input id=id type=kind inputmode=mode autocomplete="off" prop:value=initial
                placeholder=hint aria-label=name aria-describedby=described aria-invalid=invalid
                aria-required=spec.required.to_string()
                on:input=move |event| typed(event_target_value(&event)) />
        }
        .into_any()
    };
    view! {
        <div class="control">
            {control}
            <p class="error" id=error_id aria-live="polite">{move || problem(errors, spec.field)}</p>
            {read}
        </div>
    }
    .into_any()
}

/// Shows below a telephone number how it was understood, where that is not how it was typed.
fn read_as(
    kind: TextKind,
    initial: &str,
    typed: Box<dyn Fn(String)>,
) -> (Box<dyn Fn(String)>, Option<AnyView>) {
    if kind != TextKind::Phone {
        return (typed, None);
    }
    let understood = |typed: &str| text::phone(typed).filter(|number| number != typed);
    let number = RwSignal::new(understood(initial));
    let typed = Box::new(move |text: String| {
        number.set(understood(&text));
        typed(text);
    });
    let said = move || number.with(|number| number.as_ref().map(|n| word::PHONE_READ.with(n)));
    (typed, Some(view! { <small>{said}</small> }.into_any()))
}

fn label(spec: Text) -> AnyView {
    view! {
        <label for=element_id(spec.field)>
            {spec.label.s()}
            {(!spec.required).then(|| view! { <small aria-hidden="true">{word::OPTIONAL.s()}</small> })}
        </label>
    }
    .into_any()
}

fn tick_box(
    label: &'static str,
    field: FieldName,
    errors: RwSignal<Vec<FieldError>>,
    initial: bool,
    set: Box<dyn Fn(bool)>,
) -> AnyView {
    let id = element_id(field);
    let error_id = format!("{id}-e");
    view! {
        <div class="field tick">
            <input id=id.clone() type="checkbox" prop:checked=initial aria-describedby=error_id.clone()
                aria-invalid=move || problem(errors, field).is_some().to_string()
                on:change=move |event| set(event_target_checked(&event)) />
            <label for=id>{label}</label>
            <p class="error" id=error_id aria-live="polite">{move || problem(errors, field)}</p>
        </div>
    }
    .into_any()
}

/// The errors of a field that has no input of its own, such as a row of chips; it stands beside it.
pub fn field_error(errors: RwSignal<Vec<FieldError>>, field: FieldName) -> AnyView {
    let wrong = move || problem(errors, field).is_some().to_string();
    view! {
        <p class="error" id=element_id(field) data-wrong=wrong aria-live="polite">
            {move || problem(errors, field)}
        </p>
    }
    .into_any()
}

/// Leads to the first field that is wrong, once the screen shows it.
pub fn focus_first_error() {
    const WRONG: &str = "[aria-invalid=true],[data-wrong=true]";
    platform::after(0, || {
        let document = web_sys::window().and_then(|window| window.document());
        let wrong = document.and_then(|document| document.query_selector(WRONG).ok().flatten());
        let Some(wrong) = wrong else { return };
        // An error without an input of its own stands beside the choices that it is about.
        let target = if wrong.has_attribute("data-wrong") {
            let group = wrong.parent_element();
            group.and_then(|group| group.query_selector("input").ok().flatten())
        } else {
            Some(wrong)
        };
        if let Some(target) = target.and_then(|t| t.dyn_into::<web_sys::HtmlElement>().ok()) {
            // A field that cannot take the focus is at least in view.
            let _focused = target.focus();
            target.scroll_into_view();
        }
    })
    .keep();
}

/// The bar with the one thing to do, in reach of the thumb.
fn save_bar(
    label: Word,
    busy: RwSignal<bool>,
    failure: RwSignal<Option<String>>,
    hint: Box<dyn Fn() -> &'static str + Send>,
) -> AnyView {
    view! {
        <div class="foot">
            <p class="error" role="alert">{move || failure.get()}</p>
            <button type="submit" class="button primary" disabled=move || busy.get()>
                {move || if busy.get() { word::SAVING.s() } else { label.s() }}
            </button>
            <small>{hint}</small>
        </div>
    }
    .into_any()
}
