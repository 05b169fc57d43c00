//! What the programs are made of: every package that cargo would compile is held to `deny.toml`.
//!
//! The file is cargo-deny's own, and cargo-deny takes it as well. This looks at what needs neither a
//! network nor another program: where packages come from, under which licences, which of them are
//! there in two versions, and whether every exception is still needed.

mod lock;
mod packages;
mod rules;
mod spdx;

use std::collections::{BTreeMap, BTreeSet};

use super::{Offence, Source};
use crate::failure::Failure;
use lock::Locked;
use packages::Package;
use rules::Rules;

const RULES: &str = "deny.toml";
const LOCK: &str = "Cargo.lock";
/// Built by another compiler for the fuzzers, and never shipped.
const ENGINE: &str = "fuzz/engine/Cargo.lock";
/// What the engine has beyond the workspace. Cargo knows their licences only where they were loaded,
/// so these were read by a person: MIT or Apache-2.0, libFuzzer itself NCSA.
const ENGINE_ONLY: [&str; 4] = ["arbitrary", "engine", "jobserver", "libfuzzer-sys"];

/// Appends what is wrong with what the project depends on.
pub fn check(sources: &[Source], offences: &mut Vec<Offence>) -> Result<(), Failure> {
    let text = |path: &str| {
        let found = sources.iter().find(|source| source.path == path);
        found
            .map(|source| source.text.as_str())
            .ok_or_else(|| Failure::Check(format!("there is no {path}")))
    };
    let rules = Rules::parse(text(RULES)?)?;
    let locked = lock::parse(LOCK, text(LOCK)?)?;
    let engine = lock::parse(ENGINE, text(ENGINE)?)?;
    let packages = packages::all(&rules.targets)?;
    let mut say = |path: &str, rule: String| offences.push(Offence::new(path, 0, rule));
    for rule in judge(&rules, &packages) {
        say(RULES, rule);
    }
    for (path, locked) in [(LOCK, &locked), (ENGINE, &engine)] {
        for rule in origins(&rules, locked) {
            say(path, rule);
        }
    }
    for rule in beyond(&engine, &locked) {
        say(ENGINE, rule);
    }
    Ok(())
}

/// Licences, versions and wildcards of everything that is compiled, and exceptions that nothing needs.
fn judge(rules: &Rules, packages: &[Package]) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut licences, mut exceptions) = (BTreeSet::new(), BTreeSet::new());
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        let named = format!("{} {}", package.name, package.version);
        versions
            .entry(&package.name)
            .or_default()
            .insert(&package.version);
        let own = rules.exceptions.get(&package.name);
        let allowed = |licence: &str| {
            rules.allow.iter().any(|one| one == licence)
                || own.is_some_and(|own| own.iter().any(|one| one == licence))
        };
        match package.licence.as_deref().map(spdx::parse) {
            None => wrong.push(format!("{named} names no licence")),
            Some(Err(error)) => wrong.push(format!("{named}: {error}")),
            Some(Ok(expression)) if !expression.holds(&allowed) => {
                let licence = package.licence.as_deref().unwrap_or_default();
                wrong.push(format!("{named} is under {licence}, which is not allowed"));
            }
            Some(Ok(expression)) => {
                if let Some(own) = own {
                    let named = expression.named();
                    if own.iter().all(|one| named.contains(one.as_str())) {
                        exceptions.insert(package.name.clone());
                    }
                }
                let named = expression.named().into_iter().map(str::to_owned);
                licences.extend(named);
            }
        }
        for other in package.wildcards() {
            wrong.push(format!("{named} takes any version of {other}"));
        }
    }
    for licence in rules.allow.iter().filter(|one| !licences.contains(*one)) {
        wrong.push(format!("{licence} is allowed, and nothing is under it"));
    }
    for name in rules.exceptions.keys() {
        if !exceptions.contains(name) {
            wrong.push(format!("the licence exception for {name} is not needed"));
        }
    }
    wrong.extend(duplicates(rules, &versions));
    wrong
}

/// Packages in two versions: all but the newest are named with a reason, and nothing else is.
fn duplicates(rules: &Rules, versions: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let mut wrong = Vec::new();
    for skip in &rules.skip {
        if skip.reason.trim().is_empty() {
            wrong.push(format!("{} is there twice without a reason", skip.named()));
        }
        let there = versions.get(skip.name.as_str());
        if !there.is_some_and(|there| there.len() > 1 && there.contains(skip.version.as_str())) {
            wrong.push(format!("{} is skipped, and is no duplicate", skip.named()));
        }
    }
    for (name, there) in versions.iter().filter(|(_, there)| there.len() > 1) {
        let skipped = |version: &&&str| rules.skip.iter().any(|one| one.is(name, version));
        let left: Vec<_> = there.iter().filter(|version| !skipped(version)).collect();
        if left.len() != 1 {
            let all = there.iter().copied().collect::<Vec<_>>().join(", ");
            wrong.push(format!(
                "{name} is there in versions {all}: unify them, or skip all but one with a reason"
            ));
        }
    }
    wrong
}

/// Packages that come from elsewhere than the registries that are allowed, or without a checksum.
fn origins(rules: &Rules, locked: &[Locked]) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in locked {
        let Some(source) = &package.source else {
            // Without a source it is one of ours, by a path.
            continue;
        };
        let named = format!("{} {}", package.name, package.version);
        let registry = source.strip_prefix("registry+");
        if !registry.is_some_and(|registry| rules.registries.iter().any(|one| one == registry)) {
            wrong.push(format!("{named} comes from {source}"));
        } else if !package.is_summed {
            wrong.push(format!("{named} has no checksum"));
        }
    }
    wrong
}

/// What the engine has that neither the workspace has in the same version nor the list names, and
/// names of the list that it does not have.
fn beyond(engine: &[Locked], locked: &[Locked]) -> Vec<String> {
    let known: BTreeSet<_> = locked.iter().map(|one| (&one.name, &one.version)).collect();
    let mut wrong = Vec::new();
    for one in engine {
        let is_named = ENGINE_ONLY.contains(&one.name.as_str());
        if !is_named && !known.contains(&(&one.name, &one.version)) {
            wrong.push(format!(
                "{} {} is not in the workspace: fuzzers run what is shipped",
                one.name, one.version
            ));
        }
    }
    for name in ENGINE_ONLY {
        if !engine.iter().any(|one| one.name == name) {
            wrong.push(format!("tidy names {name}, which is not there"));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[graph]\ntargets = [\"x\"]\n[licenses]\nallow = [\"MIT\"]\n\
        exceptions = [{ crate = \"odd\", allow = [\"Zlib\"] }]\n\
        [bans]\nmultiple-versions = \"deny\"\nwildcards = \"deny\"\n\
        skip = [{ crate = \"two@1.0.0\", reason = \"by odd\" }]\n\
        [sources]\nunknown-registry = \"deny\"\nunknown-git = \"deny\"\n\
        allow-registry = [\"https://good\"]\n";

    fn package(name: &str, version: &str, licence: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            licence: Some(licence.to_owned()),
            wanted: Vec::new(),
        }
    }

    fn sound() -> Vec<Package> {
        vec![
            package("a", "1.0.0", "MIT OR Apache-2.0"),
            package("odd", "1.0.0", "Zlib"),
            package("two", "1.0.0", "MIT"),
            package("two", "2.0.0", "MIT"),
        ]
    }

    fn verdict(change: impl FnOnce(&mut Vec<Package>)) -> Vec<String> {
        let mut packages = sound();
        change(&mut packages);
        judge(&Rules::parse(TEXT).expect("rules"), &packages)
    }

    #[test]
    fn up3_what_fits_the_rules_passes_and_each_breach_is_named() {
        assert_eq!(verdict(|_| {}), [""; 0]);
        type Case = (&'static str, fn(&mut Vec<Package>));
        let cases: [Case; 9] = [
            ("a 1.0.0 is under GPL-3.0-only", |all| {
                all[0] = package("a", "1.0.0", "GPL-3.0-only");
            }),
            ("a 1.0.0 is under MIT AND GPL-3.0-only", |all| {
                all[0] = package("a", "1.0.0", "MIT AND GPL-3.0-only");
            }),
            ("a 1.0.0 names no licence", |all| all[0].licence = None),
            ("b 1.0.0 is under Zlib", |all| {
                all.push(package("b", "1.0.0", "Zlib"))
            }),
            ("exception for odd is not needed", |all| {
                all[1] = package("odd", "1.0.0", "MIT");
            }),
            ("a is there in versions 1.0.0, 1.1.0", |all| {
                all.push(package("a", "1.1.0", "MIT"));
            }),
            ("two@1.0.0 is skipped, and is no duplicate", |all| {
                all.remove(2);
            }),
            ("two is there in versions 1.0.0, 2.0.0, 3.0.0", |all| {
                all.push(package("two", "3.0.0", "MIT"));
            }),
            ("a 1.0.0 takes any version of b", |all| {
                all[0].wanted.push(("b".to_owned(), "*".to_owned(), false));
            }),
        ];
        for (expected, change) in cases {
            let said = verdict(change);
            assert!(
                said.iter().any(|one| one.contains(expected)),
                "{expected}: {said:?}"
            );
        }
        let none = verdict(|all| all.retain(|one| one.name == "odd"));
        assert!(none.contains(&"MIT is allowed, and nothing is under it".to_owned()));
    }

    #[test]
    fn up3_packages_come_from_the_registry_alone() {
        let rules = Rules::parse(TEXT).expect("rules");
        let text = "[[package]]\nname = \"own\"\nversion = \"1.0.0\"\n";
        let lock = |source: &str, more: &str| {
            let text = format!(
                "{text}[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"{source}\"\n{more}"
            );
            origins(&rules, &lock::parse(LOCK, &text).expect("a lock"))
        };
        let summed = "checksum = \"ab\"\n";
        assert_eq!(lock("registry+https://good", summed), [""; 0]);
        assert_eq!(
            lock("registry+https://good", ""),
            ["a 1.0.0 has no checksum"]
        );
        for bad in ["registry+https://bad", "git+https://good", "https://good"] {
            assert_eq!(lock(bad, summed), [format!("a 1.0.0 comes from {bad}")]);
        }
    }

    #[test]
    fn up3_the_fuzzers_engine_has_what_the_workspace_has_and_what_is_named() {
        let lock = |names: &[(&str, &str)]| {
            let texts = names.iter().map(|(name, version)| {
                format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n")
            });
            lock::parse(LOCK, &texts.collect::<String>()).expect("a lock")
        };
        let own = lock(&[("a", "1.0.0")]);
        let mut there: Vec<_> = ENGINE_ONLY.iter().map(|name| (*name, "1.0.0")).collect();
        there.push(("a", "1.0.0"));
        assert_eq!(beyond(&lock(&there), &own), [""; 0]);
        there.extend([("a", "1.0.1"), ("b", "1.0.0")]);
        assert_eq!(beyond(&lock(&there), &own).len(), 2);
        assert_eq!(beyond(&own, &own).len(), ENGINE_ONLY.len());
    }

    #[test]
    fn up3_rules_that_are_not_understood_are_not_taken_for_kept() {
        for (from, to) in [
            ("unknown-git = \"deny\"", "unknown-git = \"warn\""),
            (
                "multiple-versions = \"deny\"",
                "multiple-versions = \"allow\"",
            ),
            ("wildcards = \"deny\"", "wildcards = \"allow\""),
            ("[graph]", "[grph]"),
            ("allow = [\"MIT\"]", "alow = [\"MIT\"]"),
            ("two@1.0.0", "two"),
        ] {
            assert!(Rules::parse(&TEXT.replacen(from, to, 1)).is_err(), "{to}");
        }
    }
}
