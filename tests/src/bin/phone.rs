//! A headless phone: one JSON object a line on the input, one answer a line on the output.
//!
//! `phone --join CODE`; operations `open`, `apply`, `sync`, `stop`, `dump`, `close`. An answer begins
//! with `@@`; anything else is for people.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool that speaks in lines"
)]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value as Json, json};
use tests::headless::HeadlessError;
use tests::headless::record;
use tests::headless::shell::{Shell, now};
use tests::phone_process::LIST_USABLE;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

type Input = UnboundedReceiver<String>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let given = (args.next(), args.next(), args.next());
    let (Some("--join"), Some(join), None) = (given.0.as_deref(), given.1, given.2) else {
        eprintln!("usage: phone --join CODE");
        return ExitCode::from(2);
    };
    let mut phone = Phone { join, shell: None };
    let mut input = lines();
    let mut waiting = None;
    loop {
        let line = match waiting.take() {
            Some(line) => line,
            None => match input.recv().await {
                Some(line) => line,
                None => return ExitCode::SUCCESS,
            },
        };
        if line.trim().is_empty() {
            continue;
        }
        let asked: Json = serde_json::from_str(&line).unwrap_or(Json::Null);
        let op = asked.get("op").and_then(Json::as_str).unwrap_or_default();
        let result = match op {
            "sync" => phone.sync(&mut input, &mut waiting).await,
            _ => phone.perform(op, &asked),
        };
        answer(result);
        if op == "close" {
            return ExitCode::SUCCESS;
        }
    }
}

/// The lines of the input, read beside the work: one of them may stop it.
fn lines() -> Input {
    let (give, take) = unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if give.send(line).is_err() {
                return;
            }
        }
    });
    take
}

fn answer(result: Result<Json, HeadlessError>) {
    let said = match result {
        Ok(said) => said,
        Err(error) => json!({ "ok": false, "error": error.to_string() }),
    };
    println!("@@{said}");
    // Whoever reads has gone when this fails.
    drop(std::io::stdout().flush());
}

struct Phone {
    join: String,
    shell: Option<Shell>,
}

impl Phone {
    fn shell(&mut self) -> Result<&mut Shell, HeadlessError> {
        self.shell.as_mut().ok_or(HeadlessError::NotOpen)
    }

    fn perform(&mut self, op: &str, asked: &Json) -> Result<Json, HeadlessError> {
        let text = |name: &str| asked.get(name).and_then(Json::as_str).unwrap_or_default();
        match op {
            "open" => {
                let mut shell = Shell::open(Path::new(text("dir")), text("url"), &self.join)?;
                shell.on_list = Some(|| eprintln!("{LIST_USABLE}"));
                self.shell = Some(shell);
            }
            "apply" => return self.apply(Path::new(text("file"))),
            // A sync that runs is stopped where it is read; there is nothing else to stop.
            "stop" => {}
            "dump" => return self.dump(Path::new(text("file"))),
            "close" => {
                if let Some(mut shell) = self.shell.take() {
                    shell.settle()?;
                }
            }
            _ => return Ok(json!({ "ok": false, "error": format!("no operation {op:?}") })),
        }
        Ok(json!({ "ok": true }))
    }

    fn apply(&mut self, path: &Path) -> Result<Json, HeadlessError> {
        let lines = read(path)?;
        let shell = self.shell()?;
        let grid = shell.grid()?;
        let mut applied = 0_usize;
        for (line, number) in lines.lines().zip(1..).filter(|(line, _)| !line.is_empty()) {
            let wrong = |message: String| HeadlessError::Line {
                line: number,
                message,
            };
            let parsed = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            let command = record::command(&parsed, &grid, now()).map_err(wrong)?;
            let done = shell.act(command);
            if let Err(error) = done {
                shell.settle()?;
                return Err(wrong(error.to_string()));
            }
            applied += 1;
        }
        shell.settle()?;
        Ok(json!({ "ok": true, "applied": applied }))
    }

    fn dump(&mut self, path: &Path) -> Result<Json, HeadlessError> {
        let store = &self.shell()?.store().kept;
        let mut lines = String::new();
        for row in store.rows() {
            lines.push_str(&record::dump(&store.load(row.id)).to_string());
            lines.push('\n');
        }
        fs::write(path, lines).map_err(|source| HeadlessError::File {
            path: path.display().to_string(),
            source,
        })?;
        Ok(json!({ "ok": true, "records": store.rows().count() }))
    }

    /// Syncs until it is done, or until `stop` is read; a line that came meanwhile waits its turn.
    async fn sync(
        &mut self,
        input: &mut Input,
        waiting: &mut Option<String>,
    ) -> Result<Json, HeadlessError> {
        let shell = self.shell()?;
        let stopped = {
            let sync = shell.sync();
            tokio::pin!(sync);
            tokio::select! {
                done = &mut sync => {
                    done?;
                    return Ok(json!({ "ok": true, "done": true }));
                }
                line = input.recv() => {
                    let stop = line.as_deref().is_none_or(is_stop);
                    *waiting = line;
                    if !stop {
                        sync.await?;
                        return Ok(json!({ "ok": true, "done": true }));
                    }
                    true
                }
            }
        };
        if stopped {
            shell.drop_network()?;
            shell.settle()?;
        }
        Err(HeadlessError::Stopped)
    }
}

fn is_stop(line: &str) -> bool {
    let asked: Json = serde_json::from_str(line).unwrap_or(Json::Null);
    asked.get("op").and_then(Json::as_str) == Some("stop")
}

fn read(path: &Path) -> Result<String, HeadlessError> {
    fs::read_to_string(path).map_err(|source| HeadlessError::File {
        path: path.display().to_string(),
        source,
    })
}
