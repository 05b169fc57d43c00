//! Every numbered rule of the specification has a test, and every such test has its rule.

use std::collections::{BTreeMap, BTreeSet};

use super::{Offence, Source};
use crate::report::rule_of;

const SPEC: &str = "docs/SPEC.md";
/// A test's attribute stands at most so many lines above its `fn`.
const ATTRIBUTE_LINES: usize = 4;

/// Appends rules without a test and tests without a rule.
pub fn check(sources: &[Source], offences: &mut Vec<Offence>) {
    let Some(spec) = sources.iter().find(|source| source.path == SPEC) else {
        offences.push(Offence::new(SPEC, 0, "there is no specification yet"));
        return;
    };
    let mut rules = BTreeMap::new();
    for (index, line) in spec.text.lines().enumerate() {
        for rule in rules_in(line) {
            if rules.insert(rule.clone(), index + 1).is_some() {
                offences.push(Offence::new(
                    SPEC,
                    index + 1,
                    format!("{rule} is there twice"),
                ));
            }
        }
    }
    let mut tested = BTreeSet::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        for (line, rule) in tests_in(&source.text) {
            if !rules.contains_key(&rule) {
                let text = format!("a test of rule {rule}, which {SPEC} does not have");
                offences.push(Offence::new(&source.path, line, text));
            }
            tested.insert(rule);
        }
    }
    for (rule, line) in rules.iter().filter(|(rule, _)| !tested.contains(*rule)) {
        offences.push(Offence::new(SPEC, *line, format!("{rule} has no test")));
    }
}

/// The rules that a line states: `**SY3** An ack ...` states SY3.
fn rules_in(line: &str) -> Vec<String> {
    let start = line.trim_start_matches(['-', '*', ' ']);
    let skipped = line.len() - start.len();
    let Some(rest) = line.get(skipped.saturating_sub(2)..) else {
        return Vec::new();
    };
    let Some(rest) = rest.strip_prefix("**") else {
        return Vec::new();
    };
    let Some((name, _)) = rest.split_once("**") else {
        return Vec::new();
    };
    let lower = format!("{}_", name.to_ascii_lowercase());
    match rule_of(&lower) {
        Some(rule) if rule == name => vec![rule],
        _ => Vec::new(),
    }
}

/// Line and rule of every test function that is named after a rule.
fn tests_in(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((_, rest)) = line.split_once("fn ") else {
            continue;
        };
        let name = rest.split(['(', '<']).next().unwrap_or_default();
        let above = lines.iter().take(index).rev().take(ATTRIBUTE_LINES);
        let mut attributes = above.take_while(|line| !line.trim().is_empty());
        let is_test = attributes.any(|line| line.contains("test") && line.contains("#["));
        if let (true, Some(rule)) = (is_test, rule_of(name)) {
            found.push((index + 1, rule));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_stand_at_the_start_of_a_line() {
        assert_eq!(rules_in("**SY3** An ack clears what it names."), ["SY3"]);
        assert_eq!(rules_in("- **RC12** A record has one id."), ["RC12"]);
        assert!(rules_in("See **SY3** above.").is_empty());
        assert!(rules_in("**Words** and more").is_empty());
    }

    #[test]
    fn a_rule_needs_a_test_and_a_test_a_rule() {
        let file = |path: &str, text: &str| Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let spec = file(SPEC, "**SY1** One.\n**SY2** Two.\n");
        let good = "//! T.\n#[test]\nfn sy1_one() {}\n\nfn le32_bytes() {}\n";
        let mut offences = Vec::new();
        check(&[spec, file("a.rs", good)], &mut offences);
        assert_eq!(offences, [Offence::new(SPEC, 2, "SY2 has no test")]);
    }
}
