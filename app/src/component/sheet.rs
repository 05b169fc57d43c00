//! The half-screen sheet: a dialog from the lower edge that Back closes.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::icon::{self, icon};
use crate::locale::word;
use crate::{nav, platform};

/// What is drawn whenever something that it reads changes. Boxed: whoever draws it is compiled once,
/// and not once for each closure.
type Drawn<T> = Box<dyn Fn() -> T + Send + Sync>;

/// A sheet that shows `body` while `open`.
pub fn sheet(
    open: RwSignal<bool>,
    title: impl Fn() -> String + Send + Sync + 'static,
    body: impl Fn() -> AnyView + Send + Sync + 'static,
) -> AnyView {
    place(open, Box::new(title), Box::new(body))
}

fn place(open: RwSignal<bool>, title: Drawn<String>, body: Drawn<AnyView>) -> AnyView {
    // Where the focus was, to go back there.
    let opener = StoredValue::new_local(None::<web_sys::HtmlElement>);
    Effect::new(move |before: Option<bool>| {
        let is_open = open.get();
        if is_open && before != Some(true) {
            opener.set_value(focused());
            nav::sheet_opened(open);
            focus_sheet();
        } else if !is_open && before == Some(true) {
            go_back_to(opener.try_update_value(Option::take).flatten());
        }
        is_open
    });
    let content = move || {
        open.get().then(|| {
            view! {
                <div class="veil" on:click=move |_| nav::sheet_dismissed()></div>
                <div class="sheet" role="dialog" aria-modal="true" aria-labelledby="sheet-title"
                    tabindex="-1" on:keydown=move |event| keys(&event)>
                    <header>
                        <h2 id="sheet-title">{title()}</h2>
                        <button type="button" class="plain" aria-label=word::CLOSE.s()
                            on:click=move |_| nav::sheet_dismissed()>
                            {icon(icon::CLOSE)}
                        </button>
                    </header>
                    <div class="sheet-body">{body()}</div>
                </div>
            }
        })
    };
    view! { <div class="sheet-place">{content}</div> }.into_any()
}

fn focused() -> Option<web_sys::HtmlElement> {
    let document = web_sys::window()?.document()?;
    document.active_element()?.dyn_into().ok()
}

/// Puts the focus where it was before the sheet; at the heading where that is gone with what was saved.
fn go_back_to(opener: Option<web_sys::HtmlElement>) {
    platform::after(0, move || {
        let document = web_sys::window().and_then(|window| window.document());
        let heading = || {
            let heading = document?.query_selector("h1").ok().flatten()?;
            heading.dyn_into::<web_sys::HtmlElement>().ok()
        };
        let there = opener.filter(|opener| opener.is_connected());
        if let Some(target) = there.or_else(heading) {
            let options = web_sys::FocusOptions::new();
            options.set_prevent_scroll(true);
            // What cannot take the focus is still on the screen.
            let _focused = target.focus_with_options(&options);
        }
    })
    .keep();
}

fn focus_sheet() {
    platform::after(30, || {
        let document = web_sys::window().and_then(|window| window.document());
        let sheet = document
            .and_then(|document| document.query_selector(".sheet").ok().flatten())
            .and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok());
        if let Some(sheet) = sheet {
            // Where the focus is refused the sheet is still there to touch.
            let _focused = sheet.focus();
        }
    })
    .keep();
}

/// Escape closes; Tab stays inside.
fn keys(event: &web_sys::KeyboardEvent) {
    match event.key().as_str() {
        "Escape" => nav::sheet_dismissed(),
        "Tab" => keep_inside(event),
        _ => {}
    }
}

fn keep_inside(event: &web_sys::KeyboardEvent) {
    const REACHABLE: &str = "button:not([disabled]),input,textarea,select,a[href]";
    let Some(document) = web_sys::window().and_then(|window| window.document()) else {
        return;
    };
    let Ok(Some(sheet)) = document.query_selector(".sheet") else {
        return;
    };
    let Ok(all) = sheet.query_selector_all(REACHABLE) else {
        return;
    };
    let at = |place: u32| {
        all.item(place)
            .and_then(|n| n.dyn_into::<web_sys::HtmlElement>().ok())
    };
    let (first, last) = (at(0), at(all.length().saturating_sub(1)));
    let active = document.active_element();
    let is = |edge: &Option<web_sys::HtmlElement>| {
        edge.as_ref()
            .is_some_and(|edge| active.as_ref() == Some(edge.as_ref()))
    };
    let turn = if event.shift_key() && is(&first) {
        last
    } else if !event.shift_key() && is(&last) {
        first
    } else {
        return;
    };
    if let Some(turn) = turn {
        event.prevent_default();
        let _focused = turn.focus();
    }
}
