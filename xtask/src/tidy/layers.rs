//! Who may know whom: names of crates stay where the architecture puts them.

use super::{Offence, Source};

/// A crate's name and the only place that may use it.
const HOMES: [(&str, &str, &str); 2] = [
    (
        "automerge",
        "domain/src/document",
        "only `domain::document` knows automerge",
    ),
    (
        "rexie",
        "app/src/store/indexed_db",
        "only `store::indexed_db` knows rexie",
    ),
];
/// What the pure core may depend on: nothing here does IO.
const DOMAIN_DEPENDENCIES: [&str; 9] = [
    "automerge",
    "base45",
    "base64",
    "negentropy",
    "postcard",
    "ppmd-rust",
    "serde",
    "sha2",
    "thiserror",
];
/// What makes a file or a folder with the rights that the umask leaves; `private` makes those of the
/// server.
const OPEN_TO_OTHERS: [&str; 5] = [
    "fs::create_dir",
    "fs::write",
    "fs::copy",
    "File::create",
    "DirBuilder::new",
];
/// The only place of the server that makes files.
const PRIVATE: &str = "sync-server/src/private.rs";
/// What the pure core never says.
const NOT_IN_DOMAIN: [&str; 4] = ["async fn", "async move", ".await", "target_arch"];

/// Appends breaches of the layers in one file.
pub fn check(source: &Source, offences: &mut Vec<Offence>) {
    if !source.is_rust() || source.path.starts_with("xtask/") {
        return;
    }
    for (number, line) in source.code() {
        for (name, home, rule) in HOMES {
            if !source.path.starts_with(home) && has_word(line, name) {
                offences.push(Offence::new(&source.path, number, rule));
            }
        }
        if source.path.starts_with("sync-server/src/") && source.path != PRIVATE {
            for call in OPEN_TO_OTHERS.iter().filter(|call| line.contains(*call)) {
                let rule = format!("files of the server are made by `private`: no `{call}`");
                offences.push(Offence::new(&source.path, number, rule));
            }
        }
        if source.path.starts_with("sync-server/src/") && reads_changes(line) {
            let home = [
                "sync-server/src/store/log.rs",
                "sync-server/src/store/damage.rs",
            ];
            if !home.contains(&source.path.as_str()) {
                let rule = "the bytes of changes are read in `store::log`, which compares them";
                offences.push(Offence::new(&source.path, number, rule));
            }
        }
        if source.path.starts_with("domain/src/") {
            for word in NOT_IN_DOMAIN.iter().filter(|word| line.contains(*word)) {
                let rule = format!("the core is pure: no `{word}`");
                offences.push(Offence::new(&source.path, number, rule));
            }
        }
    }
}

/// Appends breaches that are seen in the tables beside the code.
pub fn check_tables(sources: &[Source], offences: &mut Vec<Offence>) {
    let text = |path: &str| {
        sources
            .iter()
            .find(|source| source.path == path)
            .map_or("", |source| source.text.as_str())
    };
    for name in dependencies(text("domain/Cargo.toml")) {
        if !DOMAIN_DEPENDENCIES.contains(&name.as_str()) {
            let rule = format!("`{name}` is not on the list of what the core may depend on");
            offences.push(Offence::new("domain/Cargo.toml", 0, rule));
        }
    }
    let ours = text("domain/clippy.toml");
    for line in text("clippy.toml")
        .lines()
        .filter(|line| !line.trim().is_empty())
    {
        if !ours.lines().any(|own| own == line) {
            let rule = format!("must repeat the root's line: {line}");
            offences.push(Offence::new("domain/clippy.toml", 0, rule));
        }
    }
}

/// Whether a line of SQL takes the bytes of changes, and not their length alone.
fn reads_changes(line: &str) -> bool {
    let without = line.replace("length(c.bytes)", "");
    without.contains("c.bytes") || (line.contains("FROM change") && line.contains("bytes"))
}

/// Names in the `[dependencies]` table of a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', '=', ' ']).next())
        .map(str::to_owned)
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect()
}

/// `name` as a word of its own: `automerge::` but not `automerge_of_ours`.
fn has_word(line: &str, name: &str) -> bool {
    let part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    line.match_indices(name).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line
            .get(at + name.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ac20_files_of_the_server_are_made_in_one_place() {
        let offences = |path: &str| {
            let source = Source {
                path: path.to_owned(),
                text: "fs::create_dir_all(&folder)?;\nfs::write(path, bytes)?;\n".to_owned(),
            };
            let mut offences = Vec::new();
            check(&source, &mut offences);
            offences.len()
        };
        assert_eq!(offences("sync-server/src/album.rs"), 2);
        assert_eq!(offences(PRIVATE), 0);
    }

    #[test]
    fn words_are_whole_words() {
        assert!(has_word("use automerge::Automerge;", "automerge"));
        assert!(!has_word("let no_automerge = 1;", "automerge"));
    }

    #[test]
    fn ck1_the_bytes_of_changes_are_read_in_one_place() {
        assert!(reads_changes("\"SELECT c.hash, c.bytes FROM change c\""));
        assert!(!reads_changes("\"SELECT e.seq, length(c.bytes), c.id\""));
    }

    #[test]
    fn only_the_dependencies_table_is_read() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\nserde.workspace = true\n\
                        sha2 = { workspace = true }\n\n[dev-dependencies]\nproptest = \"1\"\n";
        assert_eq!(dependencies(manifest), ["serde", "sha2"]);
    }
}
