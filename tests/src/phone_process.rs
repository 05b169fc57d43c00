//! A headless phone as a process of its own, told what to do in lines of JSON.

mod talk;

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

pub use talk::{PhoneError, Talk};

use crate::server::built;

/// What the phone prints on its error output when its list can be used, bodies or not.
pub const LIST_USABLE: &str = "list usable";

/// Reading and writing files, however many records.
const LIMIT_LOCAL: Duration = Duration::from_mins(10);
/// A sync over the worst line; one without progress ends by itself much earlier.
const LIMIT_SYNC: Duration = Duration::from_mins(30);
const LIMIT_STOP: Duration = Duration::from_secs(30);
/// A phone that answers "not done" so often will not be done.
const SYNCS_MAX: usize = 100;

/// Called once, when the list is usable.
type Hook = Box<dyn FnOnce() + Send>;

/// A running phone.
pub struct Phone {
    label: String,
    child: Child,
    talk: Talk<BufReader<ChildStdout>, ChildStdin>,
    usable: Arc<Mutex<Option<Hook>>>,
}

impl std::fmt::Debug for Phone {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Phone")
            .field("label", &self.label)
            .field("child", &self.child)
            .finish_non_exhaustive()
    }
}

impl Phone {
    /// Starts the program with the code that its first exchange joins with.
    pub fn start(label: &str, code: &str) -> Result<Self, PhoneError> {
        let program = built("FENGGE_PHONE", "target/release/phone");
        let failed = |error| PhoneError::Start(program.clone(), error);
        let mut child = Command::new(&program)
            .args(["--join", code])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(failed(std::io::ErrorKind::BrokenPipe.into()));
        };
        let usable = Arc::new(Mutex::new(None));
        tokio::spawn(listen(errors, label.to_owned(), Arc::clone(&usable)));
        Ok(Self {
            label: label.to_owned(),
            child,
            talk: Talk::new(BufReader::new(output), input),
            usable,
        })
    }

    /// Calls `hook` as soon as the phone says that its list is usable.
    pub fn when_usable(&self, hook: impl FnOnce() + Send + 'static) {
        let mut usable = self.usable.lock().expect("no hook fails");
        *usable = Some(Box::new(hook));
    }

    /// Loads the device's data from `dir`; nothing is sent yet.
    pub async fn open(&mut self, dir: &Path, url: &str, shared: &Path) -> Result<(), PhoneError> {
        let ask = json!({
            "op": "open", "dir": dir, "url": url, "device": self.label, "shared": shared,
        });
        self.talk.ask(&ask, LIMIT_LOCAL).await.map(drop)
    }

    /// Runs the operations in `file`, offline, each saved by itself.
    pub async fn apply(&mut self, file: &Path) -> Result<(), PhoneError> {
        let ask = json!({ "op": "apply", "file": file });
        self.talk.ask(&ask, LIMIT_LOCAL).await.map(drop)
    }

    /// Syncs until the phone says that both sides have everything.
    pub async fn sync(&mut self) -> Result<(), PhoneError> {
        for _ in 0..SYNCS_MAX {
            let answer = self.talk.ask(&json!({ "op": "sync" }), LIMIT_SYNC).await?;
            if answer.get("done").and_then(Value::as_bool) == Some(true) {
                return Ok(());
            }
        }
        Err(PhoneError::NeverDone(SYNCS_MAX))
    }

    /// Begins to sync and cuts the network after `time`; true when the sync was done before.
    pub async fn sync_for(&mut self, time: Duration) -> Result<bool, PhoneError> {
        self.talk.send(&json!({ "op": "sync" })).await?;
        tokio::time::sleep(time).await;
        self.talk.send(&json!({ "op": "stop" })).await?;
        let synced = match self.talk.answer("sync", LIMIT_STOP).await {
            Ok(answer) => answer.get("done").and_then(Value::as_bool) == Some(true),
            Err(PhoneError::Refused { .. }) => false,
            Err(other) => return Err(other),
        };
        self.talk.answer("stop", LIMIT_STOP).await?;
        Ok(synced)
    }

    /// Writes the device's records to `file`.
    pub async fn dump(&mut self, file: &Path) -> Result<(), PhoneError> {
        let ask = json!({ "op": "dump", "file": file });
        self.talk.ask(&ask, LIMIT_LOCAL).await.map(drop)
    }

    /// Saves everything and waits for the end of the process.
    pub async fn close(mut self) -> Result<(), PhoneError> {
        self.talk
            .ask(&json!({ "op": "close" }), LIMIT_LOCAL)
            .await?;
        match tokio::time::timeout(LIMIT_STOP, self.child.wait()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(PhoneError::Late("close".to_owned(), LIMIT_STOP)),
        }
    }
}

/// Watches the error output for the one line that is a signal; the rest is for people.
#[expect(clippy::print_stderr, reason = "passes on what the phone says")]
async fn listen(errors: ChildStderr, label: String, usable: Arc<Mutex<Option<Hook>>>) {
    let mut lines = BufReader::new(errors).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.trim() == LIST_USABLE {
            let hook = usable.lock().expect("no hook fails").take();
            if let Some(hook) = hook {
                hook();
            }
        } else {
            eprintln!("[{label}] {line}");
        }
    }
}
