//! The app's root: one frame, one route, everything drawn anew when the language changes.

use domain::access;
use domain::codelist::Language;
use leptos::prelude::*;

use crate::component::shell::{Tab, tab_bar};
use crate::locale::{self, word};
use crate::nav::{self, Route};
use crate::screen;
use crate::state::State;
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

fn frame(state: State) -> AnyView {
    let page = move || {
        let shown = nav::route().get();
        if let Some(error) = state.closed.get() {
            return closed(error);
        }
        if !state.ready.get() && shown != Route::Join {
            return ().into_any();
        }
        guarded(state, shown)
    };
    view! { {move || notices(state)} {page} }.into_any()
}

/// The screen of a route, for somebody who may see it: before joining there is only one.
fn guarded(state: State, shown: Route) -> AnyView {
    // Only what decides about screens is tracked here: an open form must outlive a new directory.
    let place = Memo::new(move |_| {
        state.directory.with(|known| {
            known.as_ref().map(|known| {
                if access::is_supervisor(&known.me) {
                    Route::Overview
                } else if access::is_station_staff(&known.me) {
                    Route::Station
                } else {
                    Route::Home
                }
            })
        })
    });
    let inner = move || {
        let Some(home) = place.get() else {
            return screen::join::join();
        };
        match shown {
            Route::Join => {
                nav::replace(home);
                ().into_any()
            }
            Route::Settings => with_tabs(home, shown, screen::settings::settings()),
            _ if home == Route::Overview => {
                with_tabs(home, Route::Overview, screen::overview::overview())
            }
            Route::Home | Route::Overview | Route::NotFound if home == Route::Station => {
                with_tabs(home, Route::Station, screen::station::station())
            }
            Route::Home | Route::Overview | Route::NotFound => {
                with_tabs(home, Route::Home, screen::home::home())
            }
            Route::Station => with_tabs(home, shown, screen::station::station()),
            Route::Records => with_tabs(home, shown, screen::records::records()),
            Route::Patrols => with_tabs(home, shown, screen::patrol::patrols()),
            Route::NewDispute => screen::dispute_form::new_dispute(),
            Route::Dispute(id) => screen::case::case_page(id),
            Route::Patrol(id) => screen::patrol::patrol_page(id),
            Route::NewHazard(patrol) => screen::hazard::new_hazard(patrol),
            Route::Hazard(id) => screen::hazard::hazard_page(id),
            Route::Task(id) => screen::task::task_page(id),
        }
    };
    view! { {inner} }.into_any()
}

fn with_tabs(home: Route, here: Route, page: AnyView) -> AnyView {
    let settings = Tab {
        route: Route::Settings,
        label: word::SETTINGS,
        icon: icon::SETTINGS,
    };
    let tabs = match home {
        Route::Overview => {
            vec![
                Tab {
                    route: home,
                    label: word::OVERVIEW,
                    icon: icon::OVERVIEW,
                },
                settings,
            ]
        }
        Route::Station => vec![
            Tab {
                route: home,
                label: word::STATION,
                icon: icon::STATION,
            },
            Tab {
                route: Route::Records,
                label: word::RECORDS,
                icon: icon::RECORDS,
            },
            settings,
        ],
        _ => vec![
            Tab {
                route: home,
                label: word::TODAY,
                icon: icon::TODAY,
            },
            Tab {
                route: Route::Records,
                label: word::MY_RECORDS,
                icon: icon::RECORDS,
            },
            Tab {
                route: Route::Patrols,
                label: word::PATROLS,
                icon: icon::PATROL,
            },
            settings,
        ],
    };
    view! { <div class="screen">{page}</div> {tab_bar(&tabs, here)} }.into_any()
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
    view! { {notice} }.into_any()
}

/// The word that a language calls itself by.
#[must_use]
pub const fn language_name(language: Language) -> &'static str {
    match language {
        Language::Zh => "zh",
        Language::En => "en",
    }
}
