//! `build`: the app's wasm, script, style and pages as a folder that any file server can serve.

mod assets;
mod bindgen;
mod compress;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use crate::failure::Failure;
use crate::shell::{self, say};
use crate::workspace;

const TARGET: &str = "wasm32-unknown-unknown";
/// How the shipped app is compiled, beyond its profile: the standard library is built with it, for
/// size, and a panic ends the app at once, without words that nobody reads (decision 0014). The
/// compiler is pinned, so these flags mean the same tomorrow.
const SMALL_STD: [&str; 2] = [
    "-Zbuild-std=std,panic_abort",
    "-Zbuild-std-features=optimize_for_size",
];
const SMALL_CODE: &str =
    "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none";
/// The modules that browsers load: the app, and what it loads when it is needed.
const MODULES: [&str; 2] = ["app", "qr"];
/// Written beside the dist folder: the inputs that it was made from.
const STAMP: &str = "dist.inputs";

/// The code that makes the folder: when it changes, the folder is made anew.
const RECIPE: &str = concat!(
    include_str!("dist.rs"),
    include_str!("dist/assets.rs"),
    include_str!("dist/bindgen.rs"),
    include_str!("dist/compress.rs"),
);

/// How the app is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// As it is shipped: small.
    App,
    /// As it is worked on: quick to build.
    Dev,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Dev => "dev",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Dev => "debug",
        }
    }
}

/// Makes `target/dist` and returns its path; does nothing when it is up to date.
pub fn build(profile: Profile) -> Result<PathBuf, Failure> {
    ensure_toolchain()?;
    say(&format!(
        "app: cargo build -p app -p qr --target {TARGET} --profile {}",
        profile.name()
    ));
    let args = ["build", "-p", "app", "-p", "qr", "--target", TARGET];
    let mut command = shell::cargo(&args);
    command.args(["--profile", profile.name()]);
    if profile == Profile::App {
        command
            .args(SMALL_STD)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", SMALL_CODE);
    }
    shell::run(&mut command)?;

    let built = workspace::target().join(TARGET).join(profile.folder());
    let dist = workspace::dist();
    let stamp_path = workspace::target().join(STAMP);
    let stamp = fingerprint(&built, profile)?;
    if dist.join("index.html").exists()
        && fs::read_to_string(&stamp_path).is_ok_and(|old| old == stamp)
    {
        say("app: target/dist is up to date");
        return Ok(dist);
    }
    make(&built, &dist, profile)?;
    fs::write(&stamp_path, stamp).map_err(Failure::file(&stamp_path))?;
    Ok(dist)
}

/// Names of the files that are shipped, without their compressed twins.
pub fn names(dist: &Path) -> Result<Vec<String>, Failure> {
    let mut names = assets::list(dist)?;
    names.retain(|name| !compress::is_twin(name));
    Ok(names)
}

/// The first 16 hexadecimal digits of the SHA-256 of `bytes`.
pub fn short_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .take(8)
        .fold(String::new(), |mut text, byte| {
            // Writing into a `String` cannot fail.
            let _ok = write!(text, "{byte:02x}");
            text
        })
}

/// Makes the folder under another name and renames it: nobody ever sees half of it.
fn make(built: &Path, dist: &Path, profile: Profile) -> Result<(), Failure> {
    let work = dist.with_extension("work");
    remove(&work)?;
    fs::create_dir_all(&work).map_err(Failure::file(&work))?;
    say("app: wasm-bindgen");
    let mut modules = Vec::new();
    for name in MODULES {
        let wasm = built.join(format!("{name}.wasm"));
        let code = bindgen::generate(name, &wasm, profile == Profile::Dev)?;
        modules.push((name, code));
    }
    say("app: pages, hashed names, precache list");
    let public = workspace::root().join("public");
    assets::assemble(&public, &modules, &work)?;
    say("app: brotli and gzip");
    compress::all(&work, profile == Profile::App)?;
    remove(dist)?;
    fs::rename(&work, dist).map_err(Failure::file(dist))
}

fn remove(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Failure::file(folder))?;
    }
    Ok(())
}

/// Everything that the folder is made from: the compiled app, the public files, the recipe.
fn fingerprint(built: &Path, profile: Profile) -> Result<String, Failure> {
    let mut text = format!(
        "profile {}\nrecipe {}\n",
        profile.name(),
        short_hash(RECIPE.as_bytes())
    );
    let mut line = |path: &Path, name: &str| -> Result<(), Failure> {
        let bytes = fs::read(path).map_err(Failure::file(path))?;
        // Writing into a `String` cannot fail.
        let _ok = writeln!(text, "{} {name}", short_hash(&bytes));
        Ok(())
    };
    for name in MODULES {
        let name = format!("{name}.wasm");
        line(&built.join(&name), &name)?;
    }
    let public = workspace::root().join("public");
    for name in assets::list(&public)? {
        line(&public.join(&name), &name)?;
    }
    Ok(text)
}

/// `rust-toolchain.toml` names both, but a toolchain that is older than it may lack them.
fn ensure_toolchain() -> Result<(), Failure> {
    let target = ["--print", "target-libdir", "--target", TARGET];
    ensure(&target, "", &["target", "add", TARGET])?;
    let source = "lib/rustlib/src/rust/library/std/src/lib.rs";
    let add = ["component", "add", "rust-src"];
    ensure(&["--print", "sysroot"], source, &add)
}

/// Lets rustup add what is not at `below` the folder that the compiler prints.
fn ensure(print: &[&str], below: &str, add: &[&str]) -> Result<(), Failure> {
    let mut rustc = Command::new("rustc");
    rustc.args(print).current_dir(workspace::root());
    let there =
        shell::read(&mut rustc).is_ok_and(|text| Path::new(text.trim()).join(below).exists());
    if there {
        return Ok(());
    }
    say(&format!("toolchain: rustup {}", add.join(" ")));
    let mut rustup = Command::new("rustup");
    shell::run(rustup.args(add).current_dir(workspace::root()))
}
