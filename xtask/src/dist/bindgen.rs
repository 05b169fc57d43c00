//! From compiled wasm to a browser module, by wasm-bindgen as a library.

use std::fs;
use std::path::Path;

use wasm_bindgen_cli_support::Bindgen;

use crate::failure::Failure;
use crate::workspace;

/// A module's code as the browser loads it.
#[derive(Debug)]
pub struct Code {
    /// The module that loads the wasm.
    pub script: Vec<u8>,
    /// The wasm.
    pub wasm: Vec<u8>,
    /// Scripts that crates bring along: path relative to the module, content.
    pub snippets: Vec<(String, Vec<u8>)>,
}

/// Runs wasm-bindgen over the `wasm` of the module `name`; a dev build keeps function names for its
/// backtraces.
pub fn generate(name: &str, wasm: &Path, keep_names: bool) -> Result<Code, Failure> {
    let out = workspace::target().join("bindgen").join(name);
    if out.exists() {
        fs::remove_dir_all(&out).map_err(Failure::file(&out))?;
    }
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(wasm)
        .out_name(name)
        .web(true)
        .map_err(failed)?
        .typescript(false)
        .demangle(false)
        .remove_name_section(!keep_names)
        .remove_producers_section(true)
        .omit_default_module_path(true);
    bindgen.generate(&out).map_err(failed)?;
    let read = |file: &str| {
        let path = out.join(file);
        fs::read(&path).map_err(Failure::file(&path))
    };
    let snippets = super::assets::list(&out)?
        .into_iter()
        .filter(|file| file.starts_with("snippets/"))
        .map(|file| read(&file).map(|bytes| (file, bytes)))
        .collect::<Result<_, _>>()?;
    Ok(Code {
        script: read(&format!("{name}.js"))?,
        wasm: read(&format!("{name}_bg.wasm"))?,
        snippets,
    })
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Tool(format!("wasm-bindgen: {error:#}"))
}
