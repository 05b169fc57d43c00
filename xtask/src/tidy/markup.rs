//! No element of the app is parsed from a string: a browser that knows Trusted Types would refuse it
//! (SPEC AC25), and one that does not would run whatever came to stand in it.
//!
//! The framework parses those elements of a `view!` in which nothing can change: all attributes are
//! literal, and so is what stands between the tags. One attribute by name, or one word from
//! `locale`, and the element is made instead.

use super::{Offence, Source};

const APP: &str = "app/src/";
/// What takes a string for HTML.
const PARSERS: [&str; 4] = [
    "inner_html",
    "outer_html",
    "insert_adjacent_html",
    "parse_from_string",
];

/// Appends elements that would be parsed.
pub fn check(source: &Source, offences: &mut Vec<Offence>) {
    if !source.path.starts_with(APP) || !source.is_rust() {
        return;
    }
    for (number, line) in source.code() {
        if let Some(parser) = PARSERS.iter().find(|parser| line.contains(*parser)) {
            let rule = format!("no string becomes HTML: no `{parser}`");
            offences.push(Offence::new(&source.path, number, rule));
        }
    }
    for (at, _) in source.text.match_indices('<') {
        let before = source.text.get(..at).unwrap_or_default();
        let after = source.text.get(at + 1..).unwrap_or_default();
        let in_comment = before
            .lines()
            .next_back()
            .is_some_and(|line| line.contains("//"));
        if !in_comment && is_fixed(after) {
            let rule = "an element in which nothing can change is parsed from a string: give one \
                        attribute by a name";
            offences.push(Offence::new(
                &source.path,
                before.lines().count().max(1),
                rule,
            ));
        }
    }
}

/// Whether an element begins here (after its `<`) with literal attributes and literal content alone.
fn is_fixed(text: &str) -> bool {
    let Some((name, mut rest)) = word(text) else {
        return false;
    };
    loop {
        let trimmed = rest.trim_start();
        if let Some(end) = trimmed.strip_prefix("/>") {
            return !end.is_empty();
        }
        if let Some(inner) = trimmed.strip_prefix('>') {
            return is_literal_content(inner, name);
        }
        // An attribute stands apart from what is before it.
        let Some((_, after)) = word(trimmed).filter(|_| trimmed.len() < rest.len()) else {
            return false;
        };
        rest = match after.strip_prefix("=\"").map(|value| value.split_once('"')) {
            Some(Some((_, after))) => after,
            Some(None) => return false,
            None if after.starts_with('=') => return false,
            None => after,
        };
    }
}

/// Whether nothing but literal text stands before the closing tag.
fn is_literal_content(inner: &str, name: &str) -> bool {
    let Some((content, _)) = inner.split_once(&format!("</{name}>")) else {
        return false;
    };
    let content = content.trim();
    let literal = content
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    content.is_empty() || literal.is_some_and(|text| !text.contains('"'))
}

/// The name that stands at the beginning, as tags and attributes have them, and what follows.
fn word(text: &str) -> Option<(&str, &str)> {
    let is_part = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-:".contains(letter)
    };
    let end = text.find(|letter| !is_part(letter)).unwrap_or(text.len());
    (end > 0 && text.starts_with(|letter: char| letter.is_ascii_lowercase()))
        .then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(text: &str) -> Vec<String> {
        let source = Source {
            path: "app/src/screen/x.rs".to_owned(),
            text: text.to_owned(),
        };
        let mut offences = Vec::new();
        check(&source, &mut offences);
        offences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ac25_elements_in_which_nothing_can_change_are_found() {
        for text in [
            "<rect width=\"1\" fill=\"#fff\" />\n",
            "<span></span>",
            "<p class=\"a\">\n    \"fixed\"\n</p>",
            "<input type=\"text\" disabled />\n",
            "view! { <b>\"x\"</b> }",
        ] {
            assert_eq!(offences(text).len(), 1, "{text}");
        }
        assert_eq!(offences("element.set_inner_html(text);\n").len(), 1);
    }

    #[test]
    fn elements_that_are_made_are_let_through() {
        for text in [
            "<rect width=\"1\" fill=PAPER />\n",
            "<p class=\"a\">{word}</p>",
            "<button type=\"button\" on:click=go>\"x\"</button>",
            "<div><p>{x}</p></div>",
            "let a: Vec<u8> = b; if a <b && c> d {}",
            "Option<usize>",
            "/// <rect />\n",
        ] {
            assert_eq!(offences(text), [""; 0], "{text}");
        }
    }
}
