//! Starting other programs and saying so.

use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::workspace;

/// Announces a step in one plain line.
pub fn say(text: &str) {
    println!("==> {text}");
}

/// Cargo, the one that started us, in the workspace.
pub fn cargo(args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(workspace::root());
    command
}

/// Runs `command` with our own output and waits; anything but success is a failure.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let line = line(command);
    let status = command
        .status()
        .map_err(|error| Failure::Tool(format!("{line}: {error}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Tool(format!("{line}: {status}")))
    }
}

/// Runs `command` quietly and returns what it printed on its standard output.
pub fn read(command: &mut Command) -> Result<String, Failure> {
    let line = line(command);
    let output = command
        .output()
        .map_err(|error| Failure::Tool(format!("{line}: {error}")))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Failure::Tool(format!("{line}: {}\n{said}", output.status)))
    }
}

/// True when a program of that name is on the search path or at that path.
pub fn finds(program: &str) -> bool {
    let there = |folder: &Path| folder.join(program).is_file();
    Path::new(program).is_file()
        || std::env::var_os("PATH")
            .is_some_and(|paths| std::env::split_paths(&paths).any(|folder| there(&folder)))
}

/// A command as a person would type it.
pub fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned()),
    );
    if let Some(first) = words.first_mut()
        && let Some(name) = Path::new(first.as_str()).file_name()
    {
        *first = name.to_string_lossy().into_owned();
    }
    words.join(" ")
}
