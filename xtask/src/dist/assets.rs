//! Public files and code put together under names that carry their content's hash.

use std::fs;
use std::path::Path;

use super::bindgen::Code;
use super::short_hash;
use crate::failure::Failure;

/// Never kept by the service worker: it updates itself, and robots read for themselves.
const NOT_PRECACHED: [&str; 2] = ["sw.js", "robots.txt"];
/// Public files whose name gets a hash, with the placeholder that stands for it in a page.
const HASHED: [(&str, &str); 4] = [
    ("style.css", "__STYLE__"),
    ("qr.js", "__QR__"),
    ("boot.js", "__BOOT__"),
    ("start.js", "__START__"),
];

/// Writes the whole folder: public files, code, filled placeholders, service worker.
pub fn assemble(public: &Path, modules: &[(&str, Code)], out: &Path) -> Result<(), Failure> {
    let mut names = Vec::new();
    for (module, code) in modules {
        let folder = code_folder(module, code);
        let script = format!("{folder}/{module}.js");
        let wasm = format!("{folder}/{module}.wasm");
        write(out, &script, &code.script)?;
        write(out, &wasm, &code.wasm)?;
        for (name, bytes) in &code.snippets {
            write(out, &format!("{folder}/{name}"), bytes)?;
        }
        let placeholder = module.to_uppercase();
        names.push((format!("__{placeholder}_SCRIPT__"), format!("/{script}")));
        names.push((format!("__{placeholder}_WASM__"), format!("/{wasm}")));
    }
    for (file, placeholder) in HASHED {
        let bytes = fill(&read(public, file)?, &names);
        let name = hashed_name(file, &bytes);
        write(out, &name, &bytes)?;
        names.push((placeholder.to_owned(), format!("/{name}")));
    }
    for name in list(public)? {
        let hashed = HASHED.iter().any(|(file, _)| *file == name);
        if !hashed && name != "sw.js" {
            let bytes = read(public, &name)?;
            let page = name.ends_with(".html") || name.ends_with(".webmanifest");
            write(out, &name, &if page { fill(&bytes, &names) } else { bytes })?;
        }
    }
    write_service_worker(public, out)
}

/// All files below `folder`, as sorted relative paths with `/`.
pub fn list(folder: &Path) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    collect(folder, "", &mut names)?;
    names.sort();
    Ok(names)
}

fn collect(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(Failure::file(folder))? {
        let entry = entry.map_err(Failure::file(folder))?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), names)?;
        } else if !name.starts_with('.') {
            names.push(name);
        }
    }
    Ok(())
}

/// One folder a build and module for script, wasm and snippets: they belong together and import each
/// other.
fn code_folder(module: &str, code: &Code) -> String {
    let mut all = code.script.clone();
    all.extend_from_slice(&code.wasm);
    code.snippets
        .iter()
        .for_each(|(_, bytes)| all.extend_from_slice(bytes));
    format!("{module}-{}", short_hash(&all))
}

/// `style.css` becomes `style-0123456789abcdef.css`.
fn hashed_name(file: &str, bytes: &[u8]) -> String {
    let hash = short_hash(bytes);
    match file.rsplit_once('.') {
        Some((stem, suffix)) => format!("{stem}-{hash}.{suffix}"),
        None => format!("{file}-{hash}"),
    }
}

fn write_service_worker(public: &Path, out: &Path) -> Result<(), Failure> {
    let mut files = Vec::new();
    for name in list(out)?
        .into_iter()
        .filter(|name| !NOT_PRECACHED.contains(&name.as_str()))
    {
        files.push((format!("/{name}"), short_hash(&read(out, &name)?)));
    }
    let list = serde_json::to_string(&files).map_err(|e| Failure::Check(e.to_string()))?;
    let version = short_hash(list.as_bytes());
    let values = [
        ("__VERSION__".to_owned(), version),
        ("__FILES__".to_owned(), list),
    ];
    write(out, "sw.js", &fill(&read(public, "sw.js")?, &values))
}

fn fill(bytes: &[u8], values: &[(String, String)]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    values
        .iter()
        .fold(text, |text, (name, value)| text.replace(name, value))
        .into_bytes()
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let path = folder.join(name);
    fs::read(&path).map_err(Failure::file(&path))
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Failure::file(parent))?;
    }
    fs::write(&path, bytes).map_err(Failure::file(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_changes_with_the_content_and_keeps_its_kind() {
        let one = hashed_name("style.css", b"a{}");
        assert!(one.starts_with("style-") && one.ends_with(".css"));
        assert_ne!(one, hashed_name("style.css", b"b{}"));
    }

    #[test]
    fn placeholders_are_filled_everywhere() {
        let values = [("__A__".to_owned(), "/x".to_owned())];
        assert_eq!(fill(b"__A__ __A__", &values), b"/x /x");
    }
}
