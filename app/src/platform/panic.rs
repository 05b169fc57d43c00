//! The last page: what the officer sees when the app has stopped over a fault of ours.

use std::panic;

use web_sys::{Document, Element};

/// The words of the last page, in both languages: the app can no longer ask which one is wanted.
#[derive(Debug, Clone, Copy)]
pub struct LastWords {
    /// What happened, such as "the app has stopped".
    pub heading: &'static str,
    /// That the records are safe, one paragraph a language.
    pub paragraphs: &'static [&'static str],
    /// The link that starts the app again.
    pub again: &'static str,
}

/// Shows the last page over whatever is on the screen when the app stops.
///
/// What was typed stays in the page below and, up to the last pause in typing, in its draft. The
/// page is plain markup with a link: nothing of the stopped program runs again.
pub fn install(words: LastWords) {
    panic::set_hook(Box::new(move |fault| {
        super::attempts::crashed();
        // The place alone: a message might quote what somebody typed.
        let place = fault
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        web_sys::console::error_2(&"stopped at".into(), &place.into());
        #[cfg(debug_assertions)]
        web_sys::console::error_1(&fault.to_string().into());
        let document = web_sys::window().and_then(|window| window.document());
        if let Some(document) = document {
            // Where even this fails there is nothing left to show it with.
            let _shown = show(&document, words);
        }
    }));
}

fn show(document: &Document, words: LastWords) -> Option<()> {
    if document.get_element_by_id("stopped").is_some() {
        return Some(());
    }
    let page = element(document, "section", "")?;
    page.set_id("stopped");
    page.set_class_name("stopped");
    page.set_attribute("role", "alertdialog").ok()?;
    page.set_attribute("aria-label", words.heading).ok()?;
    let heading = element(document, "h1", words.heading)?;
    page.append_child(&heading).ok()?;
    for text in words.paragraphs {
        let paragraph = element(document, "p", text)?;
        page.append_child(&paragraph).ok()?;
    }
    let again = element(document, "a", words.again)?;
    again.set_attribute("href", "/").ok()?;
    again.set_class_name("button primary");
    page.append_child(&again).ok()?;
    document.body()?.append_child(&page).ok()?;
    Some(())
}

fn element(document: &Document, tag: &str, text: &str) -> Option<Element> {
    let element = document.create_element(tag).ok()?;
    element.set_text_content(Some(text));
    Some(element)
}
