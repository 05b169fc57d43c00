//! A lock file of cargo: which packages in which versions, and where they come from.

use serde::Deserialize;

use crate::failure::Failure;

/// A package of a lock file.
#[derive(Debug)]
pub struct Locked {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it comes from; none for one that lies beside the file.
    pub source: Option<String>,
    /// Whether its bytes are known beforehand.
    pub is_summed: bool,
}

#[derive(Deserialize)]
struct File {
    package: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

/// Reads a lock file.
pub fn parse(path: &str, text: &str) -> Result<Vec<Locked>, Failure> {
    let file: File =
        toml::from_str(text).map_err(|error| Failure::Check(format!("{path}: {error}")))?;
    let packages = file.package.into_iter().map(|entry| Locked {
        name: entry.name,
        version: entry.version,
        source: entry.source,
        is_summed: entry.checksum.is_some(),
    });
    Ok(packages.collect())
}
