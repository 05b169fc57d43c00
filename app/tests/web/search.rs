//! The search field under an input method.

use std::cell::RefCell;
use std::rc::Rc;

use app::component::search::search_field;
use leptos::mount::mount_to;
use leptos::prelude::*;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{CompositionEvent, CompositionEventInit, Event, HtmlElement, HtmlInputElement};

/// What the keyboard does: composes these letters, and puts them into the field.
fn compose(input: &HtmlInputElement, letters: &str) {
    let init = CompositionEventInit::new();
    init.set_data(letters);
    let update = CompositionEvent::new_with_event_init_dict("compositionupdate", &init);
    let update = update.expect("an event");
    assert!(input.dispatch_event(&update).expect("dispatched"));
    input.set_value(letters);
    send(input, "input");
}

fn send(input: &HtmlInputElement, name: &str) {
    let init = web_sys::EventInit::new();
    init.set_bubbles(true);
    let event = Event::new_with_event_init_dict(name, &init).expect("an event");
    assert!(input.dispatch_event(&event).expect("dispatched"));
}

#[wasm_bindgen_test]
fn vw20_half_typed_pinyin_is_not_searched_for() {
    let document = web_sys::window()
        .and_then(|w| w.document())
        .expect("a page");
    let place: HtmlElement = document
        .create_element("div")
        .expect("made")
        .unchecked_into();
    let body = document.body().expect("a body");
    body.append_child(&place).expect("put");
    let heard = Rc::new(RefCell::new(Vec::new()));
    let ears = Rc::clone(&heard);
    let mounted = mount_to(place.clone(), move || {
        let query = RwSignal::new(String::new());
        search_field("a-search", query, move || {
            ears.borrow_mut().push(query.get_untracked());
        })
    });
    let input: HtmlInputElement = place
        .query_selector("input")
        .ok()
        .flatten()
        .expect("a field")
        .unchecked_into();
    // "shiqiao" emptied the list while it was on its way to 石桥.
    for letters in ["s", "shi", "shi'qiao"] {
        compose(&input, letters);
    }
    assert!(heard.borrow().is_empty());
    input.set_value("石桥");
    let end = CompositionEvent::new("compositionend").expect("an event");
    assert!(input.dispatch_event(&end).expect("dispatched"));
    assert_eq!(heard.borrow_mut().split_off(0), ["石桥"]);
    // A number is composed by some keyboards, too, and is none of an input method's letters.
    compose(&input, "D2");
    assert_eq!(heard.borrow_mut().split_off(0), ["D2"]);
    drop(mounted);
    place.remove();
}
