//! Choices as chips: radio buttons that look like what they are for.

use std::rc::Rc;

use leptos::prelude::*;

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is stored.
    pub value: String,
    /// What is read.
    pub label: String,
}

impl Choice {
    /// A choice.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
        }
    }
}

/// A group of chips of which one is chosen; `shown` of them at first, the rest behind a button.
pub fn chips(
    legend: impl Into<String>,
    choices: Vec<Choice>,
    shown: usize,
    chosen: Signal<String>,
    choose: impl Fn(String) + 'static,
) -> AnyView {
    group(legend.into(), choices, shown, chosen, Rc::new(choose))
}

fn group(
    legend: String,
    choices: Vec<Choice>,
    shown: usize,
    chosen: Signal<String>,
    choose: Rc<dyn Fn(String)>,
) -> AnyView {
    let name = format!(
        "chips-{}",
        crate::platform::random::<4>()
            .map(|b| b.to_string())
            .join("")
    );
    let total = choices.len();
    // What is chosen must be in sight, even where it is not among the first.
    let hidden_choice = choices
        .iter()
        .skip(shown)
        .any(|choice| choice.value == chosen.get_untracked());
    let open = RwSignal::new(total <= shown + 1 || hidden_choice);
    let chip = move |(place, choice): (usize, Choice)| {
        let id = format!("{name}-{place}");
        let (value, test) = (choice.value.clone(), choice.value);
        let choose = Rc::clone(&choose);
        let visible = move || open.get() || place < shown;
        view! {
            <label class="chip-box" hidden=move || !visible()>
                <input type="radio" id=id name=name.clone()
                    prop:checked=move || chosen.with(|chosen| *chosen == test)
                    on:change=move |_| choose(value.clone()) />
                <span class="chip">{choice.label}</span>
            </label>
        }
    };
    let all: Vec<_> = choices.into_iter().enumerate().map(chip).collect();
    view! {
        <fieldset class="chips">
            <legend>{legend}</legend>
            {all}
            <button type="button" class="chip more" hidden=move || open.get()
                on:click=move |_| open.set(true)>
                {crate::locale::word::MORE.s()}"…"
            </button>
        </fieldset>
    }
    .into_any()
}
