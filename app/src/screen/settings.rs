//! Settings: language, size, theme; who uses this phone; what is stored on it.

use domain::access;
use domain::codelist::Language;
use leptos::prelude::*;

use crate::app::language_name;
use crate::component::chips::{Choice, chips};
use crate::component::shell::{Top, top};
use crate::locale::{format, word};
use crate::nav::Route;
use crate::platform;
use crate::runtime::photos::WIFI_ONLY;
use crate::screen::is_demo;
use crate::state::{Actions, State, state};

/// The settings screen.
pub fn settings() -> AnyView {
    let state = state();
    let title = word::SETTINGS.s().to_owned();
    view! {
        {top(Top { title, demo: is_demo(state), ..Top::default() })}
        <main class="settings">
            {move || update(state)}
            {move || no_matters(state)}
            <section class="card">
                {language(state)}
                {large_text()}
                {theme()}
                {wifi_only()}
            </section>
            <section>
                <h2>{word::ON_THIS_PHONE.s()}</h2>
                {move || people(state)}
                <button type="button" class="button" on:click=|_| Actions::join_another()>
                    {word::JOIN_ANOTHER.s()}
                </button>
            </section>
            <section>
                <a class="card row" href=Route::Carry.path()>
                    <b>{word::NO_SIGNAL.s()}</b>
                    <p>{word::NO_SIGNAL_LEAD.s()}</p>
                </a>
            </section>
            <section>
                <h2>{word::STORAGE.s()}</h2>
                {move || storage(state)}
            </section>
            <section>
                <h2>{word::ABOUT.s()}</h2>
                <p class="quiet">{word::ABOUT_TEXT.s()}</p>
                <p class="quiet">{word::VERSION.s()}" "{env!("CARGO_PKG_VERSION")}</p>
                <p class="quiet">{Actions::number().map(|number| word::THIS_NUMBER.with(number))}</p>
            </section>
        </main>
    }
    .into_any()
}

/// What administrators and auditors are told, who have no matters here.
fn no_matters(state: State) -> Option<AnyView> {
    let known = state.known()?;
    let none = access::reach(&known.me) == access::Reach::Nothing;
    none.then(|| view! { <p class="callout">{word::NO_MATTERS.s()}</p> }.into_any())
}

fn update(state: State) -> Option<AnyView> {
    state.update.get().then(|| {
        view! {
            <div class="callout">
                <span>{word::UPDATE_READY.s()}</span>
                <button type="button" class="mini" on:click=|_| platform::spawn(platform::apply_update())>
                    {word::UPDATE_NOW.s()}
                </button>
            </div>
        }
        .into_any()
    })
}

fn language(state: State) -> AnyView {
    let chosen = Signal::derive(move || language_name(state.language.get()).to_owned());
    let choose = move |name: String| {
        platform::keep_setting("fengge.locale", &name);
        state.language.set(if name == "en" {
            Language::En
        } else {
            Language::Zh
        });
    };
    let choices = vec![
        Choice::new("zh", word::CHINESE),
        Choice::new("en", word::ENGLISH),
    ];
    view! { <div class="field chips-field">{chips(word::LANGUAGE.s(), choices, 2, chosen, choose)}</div> }
        .into_any()
}

/// Puts a setting on the page's root, where the style reads it, and keeps it.
fn apply(name: &'static str, value: &str) {
    platform::keep_setting(&format!("fengge.{name}"), value);
    let root = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.document_element());
    if let Some(root) = root {
        // A setting that does not take now takes at the next start.
        let _set = root.set_attribute(&format!("data-{name}"), value);
    }
}

fn large_text() -> AnyView {
    let large = platform::setting("fengge.size").as_deref() == Some("large");
    let change = move |event: web_sys::Event| {
        apply(
            "size",
            if event_target_checked(&event) {
                "large"
            } else {
                "normal"
            },
        );
    };
    view! {
        <div class="field tick">
            <input id="large" type="checkbox" role="switch" prop:checked=large on:change=change />
            <label for="large">{word::LARGE_TEXT.s()}</label>
        </div>
    }
    .into_any()
}

fn theme() -> AnyView {
    let now = platform::setting("fengge.theme").unwrap_or_else(|| "auto".to_owned());
    let chosen = RwSignal::new(now);
    let choose = move |value: String| {
        apply("theme", &value);
        chosen.set(value);
    };
    let choices = vec![
        Choice::new("auto", word::THEME_AUTO.s()),
        Choice::new("light", word::THEME_LIGHT.s()),
        Choice::new("dark", word::THEME_DARK.s()),
        Choice::new("sun", word::THEME_SUN.s()),
    ];
    view! { <div class="field chips-field">{chips(word::THEME.s(), choices, 4, chosen.into(), choose)}</div> }
        .into_any()
}

/// Texts now, photos on Wi-Fi.
fn wifi_only() -> AnyView {
    let on = RwSignal::new(platform::setting(WIFI_ONLY).as_deref() == Some("1"));
    let change = move |event: web_sys::Event| {
        on.set(event_target_checked(&event));
        platform::keep_setting(WIFI_ONLY, if on.get_untracked() { "1" } else { "0" });
        Actions::look_for_photos();
    };
    let unknown = platform::photo::on_wifi().is_none();
    view! {
        <div class="field tick">
            <input id="wifi" type="checkbox" role="switch" aria-describedby="wifi-note"
                prop:checked=on on:change=change />
            <label for="wifi">{word::WIFI_ONLY.s()}</label>
        </div>
        <p id="wifi-note" class="quiet note" hidden=move || !(unknown && on.get())>
            {word::WIFI_UNKNOWN.s()}
        </p>
    }
    .into_any()
}

/// Everybody who joined on this phone: each has a store of their own.
pub(super) fn people(state: State) -> AnyView {
    let current = state.current.get();
    let me = state.known();
    let line = |(place, known): (usize, crate::store::identities::Known)| {
        let used = current == Some(place);
        let device = known.device;
        let name = if known.name.is_empty() {
            me.as_ref()
                .filter(|_| used)
                .map(|me| me.me.name.clone())
                .unwrap_or_default()
        } else {
            known.name
        };
        let action = if used {
            view! { <span class="tag seen">{word::IN_USE.s()}</span> }.into_any()
        } else {
            view! {
                <button type="button" class="mini" on:click=move |_| Actions::switch(device)>
                    {word::SWITCH.s()}
                </button>
            }
            .into_any()
        };
        view! { <li class="row plain"><b>{name}</b>{action}<p>{known.home}</p></li> }
    };
    let lines: Vec<_> = state
        .identities
        .get()
        .into_iter()
        .enumerate()
        .filter(|(place, known)| {
            !known.name.is_empty() || (current == Some(*place) && me.is_some())
        })
        .map(line)
        .collect();
    view! { <ul class="card rows">{lines}</ul> }.into_any()
}

fn storage(state: State) -> AnyView {
    let room = state.room.get().unwrap_or_default();
    let kept = if room.persisted {
        word::PERSISTED
    } else {
        word::NOT_PERSISTED
    };
    let aside = state.aside.get();
    view! {
        <div class="card text">
            <p>{kept.s()}</p>
            <p class="quiet">
                {word::USED.with(format::bytes(room.used))}" · "{word::SET_ASIDE.with(aside)}
            </p>
        </div>
    }
    .into_any()
}
