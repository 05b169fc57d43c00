//! What cargo would compile, as cargo itself tells it, without a network.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::failure::Failure;
use crate::shell;

/// A package that is compiled for at least one of the machines.
#[derive(Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, as an SPDX expression.
    pub licence: Option<String>,
    /// What it depends on: name, versions, and whether that lies in the workspace.
    pub wanted: Vec<(String, String, bool)>,
}

impl Package {
    /// What it takes any version of.
    pub fn wildcards(&self) -> impl Iterator<Item = &str> {
        let loose = self
            .wanted
            .iter()
            .filter(|(_, versions, ours)| versions == "*" && !ours);
        loose.map(|(name, _, _)| name.as_str())
    }
}

#[derive(Deserialize)]
struct Told {
    packages: Vec<Entry>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    req: String,
    path: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
}

/// All packages that are compiled for any of these machines.
pub fn all(targets: &[String]) -> Result<Vec<Package>, Failure> {
    let mut found = BTreeMap::new();
    for target in targets {
        let mut command = shell::cargo(&[
            "metadata",
            "--offline",
            "--locked",
            "--format-version",
            "1",
            "--filter-platform",
            target,
        ]);
        let text = shell::read(&mut command)?;
        let told: Told = serde_json::from_str(&text)
            .map_err(|error| Failure::Check(format!("cargo metadata: {error}")))?;
        let compiled: BTreeSet<_> = told.resolve.nodes.into_iter().map(|node| node.id).collect();
        for entry in told.packages {
            if compiled.contains(&entry.id) {
                found.insert(entry.id.clone(), entry);
            }
        }
    }
    Ok(found.into_values().map(Package::from).collect())
}

impl From<Entry> for Package {
    fn from(entry: Entry) -> Self {
        let wanted = entry.dependencies.into_iter();
        Self {
            name: entry.name,
            version: entry.version,
            licence: entry.license,
            wanted: wanted
                .map(|one| (one.name, one.req, one.path.is_some()))
                .collect(),
        }
    }
}
