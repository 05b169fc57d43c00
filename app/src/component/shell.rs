//! The frame of a screen: heading, way back, tab bar, short messages.

use leptos::prelude::*;

use crate::icon::{self, icon};
use crate::locale::{Word, word};
use crate::nav::{self, Route};

/// The top of a screen.
#[derive(Debug, Default)]
pub struct Top {
    /// The heading.
    pub title: String,
    /// What stands small beside it.
    pub aside: String,
    /// Whether a way back is shown.
    pub back: bool,
    /// Whether everything is invented.
    pub demo: bool,
}

/// The heading of a screen, with the way back and the mark of the demonstration.
pub fn top(top: Top) -> AnyView {
    let back = top.back.then(|| {
        view! {
            <button type="button" class="plain back" aria-label=word::BACK.s()
                on:click=move |_| nav::back()>
                {icon(icon::BACK)}
            </button>
        }
    });
    view! {
        <header class="top">
            {back}
            <h1 tabindex="-1">{top.title}</h1>
            <small>{top.aside}</small>
            {top.demo.then(|| view! { <span class="demo">{word::DEMO.s()}</span> })}
        </header>
    }
    .into_any()
}

/// One tab of the bar below.
#[derive(Debug, Clone, Copy)]
pub struct Tab {
    /// Where it leads.
    pub route: Route,
    /// Its word.
    pub label: Word,
    /// Its icon's path.
    pub icon: &'static str,
}

/// The bar below with the main pages.
pub fn tab_bar(tabs: &[Tab], here: Route) -> AnyView {
    let tab = |tab: &Tab| {
        let on = tab.route == here;
        view! {
            <a class:on=on href=tab.route.path() aria-current=on.then_some("page")>
                {icon(tab.icon)}
                <span>{tab.label.s()}</span>
            </a>
        }
    };
    let all: Vec<_> = tabs.iter().map(tab).collect();
    view! { <nav class="tabs" aria-label=word::MAIN_NAV.s()>{all}</nav> }.into_any()
}
