//! The app's root: one frame, one route, everything drawn anew when the language changes.

use domain::access;
use domain::codelist::Language;
use domain::record::Kind;
use leptos::prelude::*;

use crate::component::shell::{Tab, Top, tab_bar, top};
use crate::locale::{self, fault, word};
use crate::nav::{self, Route};
use crate::platform::Signal;
use crate::screen;
use crate::state::{State, draft};
use crate::store::indexed_db::{Notice, OpenError};
use crate::{icon, platform};

/// How long a short message stays, in milliseconds.
const TOAST_MS: u32 = 3_500;
/// How often what depends on the time is drawn anew, in milliseconds.
const MINUTE_MS: u32 = 60_000;

/// Puts the app on the page.
pub fn mount(state: State) {
    mount_to_body(move || {
        provide_context(state);
        nav::start();
        tick(state);
        platform::watch_signals(move |signal| match signal {
            Signal::Hidden => draft::keep_all(),
            Signal::Shown => platform::spawn(draft::refresh(state)),
            Signal::Online | Signal::Offline => {}
        });
        root(state)
    });
}

fn tick(state: State) {
    platform::after(MINUTE_MS, move || {
        state
            .minute
            .update(|minute| *minute = minute.wrapping_add(1));
        tick(state);
    })
    .keep();
}

fn root(state: State) -> impl IntoView {
    let toast = RwSignal::new(None::<&'static str>);
    Effect::new(move |_| {
        let Some(said) = state.toast.get() else {
            return;
        };
        toast.set(Some(said.text));
        platform::after(TOAST_MS, move || {
            if state.toast.get_untracked() == Some(said) {
                toast.set(None);
            }
        })
        .keep();
    });
    view! {
        {move || {
            locale::speak(state.language.get());
            frame(state)
        }}
        <div class="toast" role="status" class:shown=move || toast.get().is_some()>
            {move || toast.get()}
        </div>
    }
}

/// What stands on the page: it changes with the route and with who uses the phone, and with nothing
/// else, so that an open form outlives whatever the runtime brings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The app crashed several times in a row.
    Plain,
    /// The database cannot be opened.
    Closed(OpenError),
    /// The stored state is being read.
    Opening,
    /// Nobody has joined yet.
    Joining,
    /// The server lets this phone in no more, and whoever uses it has a new code.
    Again,
    /// A screen, and the first one of whoever uses the phone.
    Screen(Route, Route),
}

fn stage(state: State) -> Stage {
    if state.plain.get() {
        return Stage::Plain;
    }
    if let Some(error) = state.closed.get() {
        return Stage::Closed(error);
    }
    let home = state.directory.with(|known| {
        known.as_ref().map(|known| {
            if access::is_supervisor(&known.me) {
                Route::Overview
            } else if access::reach(&known.me) == access::Reach::Nothing {
                // Administrators and auditors have no matters here.
                Route::Settings
            } else if access::is_station_staff(&known.me) {
                Route::Station
            } else {
                Route::Home
            }
        })
    });
    let by_code = state.refused.get().is_some_and(fault::lets_in_by_code);
    match (home, nav::route().get()) {
        (Some(_), Route::Join) if by_code => Stage::Again,
        (Some(home), shown) => Stage::Screen(home, shown),
        (None, Route::Join) => Stage::Joining,
        (None, _) if state.ready.get() => Stage::Joining,
        (None, _) => Stage::Opening,
    }
}

fn frame(state: State) -> AnyView {
    let stage = Memo::new(move |_| stage(state));
    let page = move || {
        nav::arrive();
        match stage.get() {
            Stage::Plain => plain(),
            Stage::Closed(error) => closed(error),
            Stage::Opening => ().into_any(),
            Stage::Joining => screen::join::join(),
            Stage::Again => screen::join::again(),
            Stage::Screen(home, shown) => screen_of(home, shown),
        }
    };
    view! { {move || notices(state)} {page} }.into_any()
}

/// The screen of a route, as far as it is for somebody with this first screen.
fn screen_of(home: Route, shown: Route) -> AnyView {
    match shown {
        Route::Join => {
            nav::replace(home);
            ().into_any()
        }
        Route::NotFound => with_tabs(home, shown, nowhere(home)),
        Route::Settings => with_tabs(home, shown, screen::settings::settings()),
        Route::Carry => with_tabs(home, Route::Settings, screen::carry::carry()),
        _ if home == Route::Settings => with_tabs(home, home, screen::settings::settings()),
        _ if home == Route::Overview => {
            with_tabs(home, Route::Overview, screen::overview::overview())
        }
        Route::Home | Route::Overview if home == Route::Station => {
            with_tabs(home, Route::Station, screen::station::station())
        }
        Route::Home | Route::Overview => with_tabs(home, Route::Home, screen::home::home()),
        Route::Station => with_tabs(home, shown, screen::station::station()),
        Route::Records => with_tabs(home, shown, screen::records::records()),
        Route::Patrols => with_tabs(home, shown, screen::patrol::patrols()),
        Route::NewDispute(begin) => screen::dispute_form::new_dispute(begin),
        Route::Dispute(id) => screen::record::page(Kind::Dispute, id),
        Route::Patrol(id) => screen::record::page(Kind::Patrol, id),
        Route::NewHazard(begin) => screen::hazard::new_hazard(begin),
        Route::Hazard(id) => screen::record::page(Kind::Hazard, id),
        Route::Task(id) => screen::record::page(Kind::Task, id),
    }
}

/// An address that leads nowhere: a page that only looked like home would hide a mistyped link.
fn nowhere(home: Route) -> AnyView {
    view! {
        {top(Top { title: word::NOWHERE.s().to_owned(), ..Top::default() })}
        <main>
            <p class="lead">{word::NOWHERE_LEAD.s()}</p>
            <a class="button primary" href=home.path()>{word::TO_BEGINNING.s()}</a>
        </main>
    }
    .into_any()
}

fn with_tabs(home: Route, here: Route, page: AnyView) -> AnyView {
    let settings = Tab {
        route: Route::Settings,
        label: word::SETTINGS,
        icon: icon::SETTINGS,
    };
    let tab = |route, label, icon| Tab { route, label, icon };
    let tabs = if home == Route::Settings {
        vec![settings]
    } else if home == Route::Overview {
        vec![tab(home, word::OVERVIEW, icon::OVERVIEW), settings]
    } else if home == Route::Station {
        let records = tab(Route::Records, word::RECORDS, icon::RECORDS);
        vec![tab(home, word::STATION, icon::STATION), records, settings]
    } else {
        vec![
            tab(home, word::TODAY, icon::TODAY),
            tab(Route::Records, word::MY_RECORDS, icon::RECORDS),
            tab(Route::Patrols, word::PATROLS, icon::PATROL),
            settings,
        ]
    };
    view! { <div class="screen">{page}</div> {tab_bar(&tabs, here)} }.into_any()
}

/// After crashes in a row: what can be done without reading any record.
fn plain() -> AnyView {
    let again = |_| {
        platform::attempts::ran_well();
        platform::go("/");
    };
    view! {
        <main class="alone">
            <h1>{word::APP.s()}</h1>
            <p role="alert">{word::PLAIN_LEAD.s()}</p>
            {screen::carry::unsent()}
            <button type="button" class="button primary" on:click=again>
                {word::OPEN_AGAIN.s()}
            </button>
        </main>
    }
    .into_any()
}

fn closed(error: OpenError) -> AnyView {
    let text = match error {
        OpenError::Unavailable => word::CLOSED_UNAVAILABLE,
        OpenError::Newer => word::CLOSED_NEWER,
        OpenError::Blocked => word::CLOSED_BLOCKED,
        OpenError::Full => word::CLOSED_FULL,
        OpenError::Stuck | OpenError::Broken => word::CLOSED_BROKEN,
    };
    view! {
        <main class="alone">
            <h1>{word::APP.s()}</h1>
            <p role="alert">{text.s()}</p>
            <button type="button" class="button primary" on:click=|_| platform::reload()>
                {word::RELOAD.s()}
            </button>
        </main>
    }
    .into_any()
}

fn notices(state: State) -> AnyView {
    let notice = state.notice.get().map(|notice| {
        let text = match notice {
            Notice::Blocked => word::NOTICE_BLOCKED,
            Notice::Closing => word::NOTICE_CLOSING,
            Notice::Closed => word::NOTICE_CLOSED,
            Notice::Lost => word::NOTICE_LOST,
            Notice::Spare => word::NOTICE_SPARE,
        };
        view! {
            <div class="notice" role="alert">
                <span>{text.s()}</span>
                <button type="button" class="mini" on:click=|_| platform::reload()>
                    {word::RELOAD.s()}
                </button>
            </div>
        }
    });
    let damage = state.damage.get().map(|damage| {
        view! {
            <div class="notice" role="alert">
                <span>{fault::damage(&damage)}</span>
                <button type="button" class="mini" on:click=move |_| state.damage.set(None)>
                    {word::UNDERSTOOD.s()}
                </button>
            </div>
        }
    });
    let export = (state.notice.get() == Some(Notice::Spare)).then(|| {
        view! {
            <div class="notice">
                <span>{word::EXPORT_LEAD.s()}</span>
                <a class="mini" href=Route::Carry.path()>{word::NO_SIGNAL.s()}</a>
            </div>
        }
    });
    let joined = state.directory.with(Option::is_some);
    let shut = state.refused.get().filter(|_| joined).map(|code| {
        let again = fault::lets_in_by_code(code).then(|| {
            view! { <a class="mini" href=Route::Join.path()>{word::TYPE_CODE.s()}</a> }
        });
        view! {
            <div class="notice shut" role="alert">
                <span>{state.told(fault::shut_out(code))}</span>
                {again}
            </div>
        }
    });
    view! { {notice} {export} {damage} {shut} }.into_any()
}

/// The word that a language calls itself by.
#[must_use]
pub const fn language_name(language: Language) -> &'static str {
    match language {
        Language::Zh => "zh",
        Language::En => "en",
    }
}
