//! What the tests need from the machine: Chromium, its driver, a Chinese font and strace; found, or
//! installed, or asked for in one line.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::shell::{self, say};

const PACKAGES: [&str; 3] = ["chromium", "chromium-driver", "fonts-noto-cjk"];
const TRACER: &str = "strace";
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const DRIVERS: [&str; 2] = ["chromedriver", "chromium.chromedriver"];

/// The two programs that browser tests need.
#[derive(Debug)]
pub struct Browser {
    /// The browser.
    pub chromium: PathBuf,
    /// Its WebDriver server.
    pub driver: PathBuf,
}

/// Finds them; as root on Debian installs what is missing.
pub fn ensure() -> Result<Browser, Failure> {
    if let Some(browser) = find()
        && has_chinese_font()
    {
        return Ok(browser);
    }
    let wanted = PACKAGES.join(" ");
    install(&PACKAGES)?;
    match find() {
        Some(browser) if has_chinese_font() => Ok(browser),
        _ => Err(Failure::Check(format!(
            "browser tests need Chromium, chromedriver and a Chinese font: sudo apt-get install {wanted}"
        ))),
    }
}

/// Finds the program that kills the server at a system call; as root on Debian installs it.
pub fn ensure_tracer() -> Result<(), Failure> {
    if !shell::finds(TRACER) {
        install(&[TRACER])?;
    }
    if shell::finds(TRACER) {
        return Ok(());
    }
    let how = format!("tests of sudden death need {TRACER}: sudo apt-get install {TRACER}");
    Err(Failure::Check(how))
}

/// Installs packages where that is possible without asking.
fn install(packages: &[&str]) -> Result<(), Failure> {
    if !is_root() || !shell::finds("apt-get") {
        return Ok(());
    }
    say(&format!("tests: apt-get install {}", packages.join(" ")));
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        shell::read(&mut command).map(drop)
    };
    apt(&["update"])?;
    apt(&[&["install", "-y", "--no-install-recommends"], packages].concat())
}

fn find() -> Option<Browser> {
    Some(Browser {
        chromium: program("CHROMIUM", &BROWSERS)?,
        driver: program("CHROMEDRIVER", &DRIVERS)?,
    })
}

/// The program that the environment names, or the first one on the search path.
fn program(variable: &str, names: &[&str]) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable).map(PathBuf::from)
        && path.is_file()
    {
        return Some(path);
    }
    let paths = std::env::var_os("PATH")?;
    names.iter().find_map(|name| {
        std::env::split_paths(&paths)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
    })
}

/// Asks fontconfig where it is there; otherwise believes the usual folder of Debian's package.
fn has_chinese_font() -> bool {
    match Command::new("fc-list").arg(":lang=zh-cn").output() {
        Ok(output) => !output.stdout.is_empty(),
        Err(_) => Path::new("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc").exists(),
    }
}

fn is_root() -> bool {
    shell::read(Command::new("id").arg("-u")).is_ok_and(|text| text.trim() == "0")
}
