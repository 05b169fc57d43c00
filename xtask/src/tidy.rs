//! `tidy`: the rules of the house that no compiler checks.

mod layers;
mod markup;
mod spec;
mod supply;
mod text;

use std::fmt;
use std::process::Command;

use crate::failure::Failure;
use crate::shell;
use crate::workspace;

/// A file of the project, as text.
#[derive(Debug)]
pub struct Source {
    /// Path from the root, with `/`.
    pub path: String,
    /// Its content.
    pub text: String,
}

impl Source {
    /// True for Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Lines that are neither comments nor tests at the foot of the file, with their numbers.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Offence {
    path: String,
    line: usize,
    rule: String,
}

impl Offence {
    /// At that line of that file; line 0 is the file as a whole.
    pub fn new(path: &str, line: usize, rule: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            rule: rule.into(),
        }
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

/// Checks all files that git knows or would take.
pub fn run() -> Result<(), Failure> {
    let sources = sources()?;
    let mut offences = Vec::new();
    for source in &sources {
        text::check(source, &mut offences);
        layers::check(source, &mut offences);
        markup::check(source, &mut offences);
    }
    layers::check_tables(&sources, &mut offences);
    spec::check(&sources, &mut offences);
    supply::check(&sources, &mut offences)?;
    for offence in &offences {
        println!("{offence}");
    }
    println!("tidy: {} files, {} offences", sources.len(), offences.len());
    if offences.is_empty() {
        Ok(())
    } else {
        Err(Failure::Check(format!("tidy: {} offences", offences.len())))
    }
}

fn sources() -> Result<Vec<Source>, Failure> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ])
    .current_dir(workspace::root());
    let names = shell::read(&mut git)?;
    let mut sources: Vec<Source> = names
        .split('\0')
        .filter(|name| !name.is_empty())
        .filter_map(|name| {
            // Pictures are no text, and a file that was deleted but not yet committed is gone.
            let text = std::fs::read_to_string(workspace::root().join(name)).ok()?;
            Some(Source {
                path: name.to_owned(),
                text,
            })
        })
        .collect();
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources.dedup_by(|one, other| one.path == other.path);
    Ok(sources)
}
