//! The search field: what is half typed into an input method finds nothing and is not searched for.

use domain::text::is_half_typed;
use leptos::prelude::*;

use crate::locale::word;

/// The field with its label; `search` gets what was typed.
///
/// Pinyin on its way to a character is letters that no record holds, and would empty the list under
/// the thumb. Keyboards of phones compose plain words too; a number among them is searched at once.
pub fn search_field(id: &'static str, search: impl Fn(String) + Clone + 'static) -> AnyView {
    let half = RwSignal::new(false);
    let composed = search.clone();
    view! {
        <label for=id>{word::SEARCH.s()}</label>
        <input id=id type="search" autocomplete="off" enterkeyhint="search"
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
