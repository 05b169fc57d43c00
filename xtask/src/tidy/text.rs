//! How a file must look, whatever it says.

use super::{Offence, Source};

const LINES_MAX: usize = 600;
/// Text that people wrote; data files and the lock file are what they are.
const WRITTEN: [&str; 9] = [
    ".rs",
    ".toml",
    ".md",
    ".js",
    ".css",
    ".html",
    ".sql",
    ".webmanifest",
    ".yml",
];
/// Marks of unfinished work, spelt so that this file does not carry them.
const UNFINISHED: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
/// What is compiled into the app that people load, and what must not be in it.
const SHIPPED: [&str; 3] = ["app/src/", "app/qr/src/", "domain/src/"];
const DEBUG_FORM: &str = ":?}";
/// Where Chinese may stand in code: the officer's words, code lists, invented people, tests.
const CHINESE: [&str; 9] = [
    "app/src/locale",
    "app/tests/",
    "domain/examples/",
    "domain/src/code",
    "domain/src/sync/",
    "domain/tests/",
    "sync-server/src/demo",
    "sync-server/tests/",
    "tests/",
];

/// Appends what is wrong with the text of `source`.
pub fn check(source: &Source, offences: &mut Vec<Offence>) {
    if !WRITTEN.iter().any(|suffix| source.path.ends_with(suffix)) {
        return;
    }
    check_lines(source, offences);
    if source.is_rust() {
        check_rust(source, offences);
    }
}

fn check_lines(source: &Source, offences: &mut Vec<Offence>) {
    for (index, line) in source.text.lines().enumerate() {
        if line.ends_with([' ', '\t', '\r']) {
            offences.push(Offence::new(
                &source.path,
                index + 1,
                "space at the end of the line",
            ));
        }
        if UNFINISHED.iter().any(|mark| line.contains(mark)) {
            offences.push(Offence::new(
                &source.path,
                index + 1,
                "a mark of unfinished work",
            ));
        }
    }
    if !source.text.is_empty() && !source.text.ends_with('\n') {
        offences.push(Offence::new(&source.path, 0, "no newline at the end"));
    }
}

fn check_rust(source: &Source, offences: &mut Vec<Offence>) {
    let path = &source.path;
    if !source.text.starts_with("//! ") {
        offences.push(Offence::new(
            path,
            1,
            "the first line must say in `//!` what the file is",
        ));
    }
    let lines = source.text.lines().count();
    if lines > LINES_MAX {
        offences.push(Offence::new(
            path,
            0,
            format!("{lines} lines, at most {LINES_MAX}"),
        ));
    }
    if SHIPPED.iter().any(|start| path.starts_with(start)) {
        for (number, _) in source.code().filter(|(_, line)| line.contains(DEBUG_FORM)) {
            let rule = "the shipped app has no debug forms: they come out empty";
            offences.push(Offence::new(path, number, rule));
        }
    }
    if path.ends_with("/mod.rs") {
        offences.push(Offence::new(path, 0, "name it `foo.rs` beside `foo/`"));
    }
    if !CHINESE.iter().any(|start| path.starts_with(start)) {
        for (number, line) in source
            .code()
            .filter(|(_, line)| line.chars().any(is_chinese))
        {
            let shown: String = line.trim().chars().take(40).collect();
            let rule = format!("Chinese text outside locale, code lists, demo and tests: {shown}");
            offences.push(Offence::new(path, number, rule));
        }
    }
}

/// Han characters and Chinese punctuation.
fn is_chinese(letter: char) -> bool {
    matches!(letter, '\u{3000}'..='\u{303f}' | '\u{3400}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> usize {
        let mut offences = Vec::new();
        check(
            &Source {
                path: path.to_owned(),
                text: text.to_owned(),
            },
            &mut offences,
        );
        offences.len()
    }

    #[test]
    fn each_rule_fires_where_it_should() {
        assert_eq!(rules("a/src/b.rs", "//! Fine.\n"), 0);
        assert_eq!(rules("a/src/b.rs", "fn bare() {}\n"), 1);
        assert_eq!(rules("a/src/b.rs", "//! Space. \n"), 1);
        assert_eq!(
            rules("a/src/b.rs", "//! Words.\nconst A: &str = \"纠纷\";\n"),
            1
        );
        assert_eq!(
            rules(
                "a/src/b.rs",
                "//! Words.\n// 纠纷\n#[cfg(test)]\n\"纠纷\"\n"
            ),
            0
        );
        assert_eq!(
            rules(
                "app/src/locale/zh.rs",
                "//! Words.\nconst A: &str = \"纠纷\";\n"
            ),
            0
        );
        let debug = "//! Words.\nformat!(\"{:?}\", id)\n";
        assert_eq!(
            (rules("app/src/b.rs", debug), rules("a/src/b.rs", debug)),
            (1, 0)
        );
        assert_eq!(rules("a/src/b.rs", &"//! Long.\n".repeat(601)), 1);
        assert_eq!(
            rules("a/src/b.rs", &["//! ", UNFINISHED[0], "\n"].concat()),
            1
        );
    }
}
