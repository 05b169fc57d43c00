//! `deny.toml`, as far as it is looked at here.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::RULES;
use crate::failure::Failure;

/// What is allowed.
#[derive(Debug)]
pub struct Rules {
    /// For which machines programs are made.
    pub targets: Vec<String>,
    /// Licences for everybody.
    pub allow: Vec<String>,
    /// More licences, for one package.
    pub exceptions: BTreeMap<String, Vec<String>>,
    /// Versions that may be there beside another one.
    pub skip: Vec<Skip>,
    /// Registries that packages may come from.
    pub registries: Vec<String>,
}

/// A version that may be there beside another one.
#[derive(Debug)]
pub struct Skip {
    /// The package.
    pub name: String,
    /// The version.
    pub version: String,
    /// Why.
    pub reason: String,
}

impl Skip {
    /// As it is written.
    pub fn named(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Whether it is this version.
    pub fn is(&self, name: &str, version: &str) -> bool {
        self.name == name && self.version == version
    }
}

/// The file. A field that is not known here is refused: it would look like a rule and be none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Licenses {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
    /// For cargo-deny: what is unused is refused here in any case.
    #[serde(default, rename = "unused-allowed-license")]
    _unused: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Bans {
    multiple_versions: String,
    wildcards: String,
    /// For cargo-deny: what lies in the workspace needs no version here in any case.
    #[serde(default, rename = "allow-wildcard-paths")]
    _paths: bool,
    #[serde(default)]
    skip: Vec<Twice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Twice {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Sources {
    unknown_registry: String,
    unknown_git: String,
    allow_registry: Vec<String>,
}

impl Rules {
    /// Reads the file; one that allows what is always refused here is wrong.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::Check(format!("{RULES}: {what}"));
        let file: File = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        for (name, value) in [
            ("bans.multiple-versions", &file.bans.multiple_versions),
            ("bans.wildcards", &file.bans.wildcards),
            ("sources.unknown-registry", &file.sources.unknown_registry),
            ("sources.unknown-git", &file.sources.unknown_git),
        ] {
            if value != "deny" {
                return Err(wrong(format!("{name} must be \"deny\"")));
            }
        }
        let skip = file.bans.skip.into_iter().map(|twice| {
            let (name, version) = twice
                .name
                .split_once('@')
                .ok_or_else(|| wrong(format!("name the version: \"{}@VERSION\"", twice.name)))?;
            Ok(Skip {
                name: name.to_owned(),
                version: version.to_owned(),
                reason: twice.reason,
            })
        });
        let exceptions = file.licenses.exceptions.into_iter();
        Ok(Self {
            targets: file.graph.targets,
            allow: file.licenses.allow,
            exceptions: exceptions.map(|one| (one.name, one.allow)).collect(),
            skip: skip.collect::<Result<_, Failure>>()?,
            registries: file.sources.allow_registry,
        })
    }
}
