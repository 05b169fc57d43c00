//! The search field: what is half typed into an input method finds nothing and is not searched for.

use std::rc::Rc;

use domain::text::is_half_typed;
use leptos::prelude::*;

use crate::locale::word;

/// The field with its label, which begins with the search as it was left; `searched` hears of each new
/// one.
///
/// Pinyin on its way to a character is letters that no record holds, and would empty the list under
/// the thumb. Keyboards of phones compose plain words too; a number among them is searched at once.
pub fn search_field(
    id: &'static str,
    query: RwSignal<String>,
    searched: impl Fn() + 'static,
) -> AnyView {
    let half = RwSignal::new(false);
    let searched: Rc<dyn Fn()> = Rc::new(searched);
    let search = move |typed: String| {
        query.set(typed);
        searched();
    };
    let composed = search.clone();
    view! {
        <label for=id>{word::SEARCH.s()}</label>
        <input id=id type="search" autocomplete="off" enterkeyhint="search"
            prop:value=query.get_untracked()
            on:compositionupdate=move |event| {
                half.set(event.data().is_some_and(|typed| is_half_typed(&typed)));
            }
            on:compositionend=move |event| {
                half.set(false);
                composed(event_target_value(&event));
            }
            on:input=move |event| {
                if !half.get_untracked() {
                    search(event_target_value(&event));
                }
            } />
    }
    .into_any()
}
