//! Kills a process as `kill -9` does, at a system call that is named and counted beforehand.
//!
//! The kernel does it: `strace` attaches to the process and lets it die on its way into the call, so
//! what came before is in the files and the call itself never happens. The process is the real
//! server, with nothing built in for the purpose. Calls are counted by kind in each thread; the
//! server writes its database from one thread, so every write to it is a point of its own.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::PATIENCE;
use crate::server::built;

/// A system call, and which of them is the last: 1 is the first.
pub type Point = (&'static str, u32);

/// A trap that is set.
#[derive(Debug)]
pub struct Trap {
    tracer: Child,
}

impl Trap {
    /// Lets the process die at whichever point it comes to first.
    ///
    /// # Panics
    /// When `strace` is missing or may not attach.
    pub async fn set(process: u32, points: &[Point]) -> Self {
        let mut command = tracer(points);
        command.arg("-f").arg("-p").arg(process.to_string());
        let spawned = command.stderr(Stdio::piped()).kill_on_drop(true).spawn();
        let mut tracer = spawned.unwrap_or_else(|error| panic!("apt-get install strace: {error}"));
        let said = tracer.stderr.take().expect("a piped output");
        let mut lines = BufReader::new(said).lines();
        let attached = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if line.contains("attached") {
                    return true;
                }
            }
            false
        };
        let attached = tokio::time::timeout(PATIENCE, attached).await;
        assert_eq!(attached, Ok(true), "strace does not attach");
        // Whatever it says later must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { tracer }
    }

    /// Takes it away; the process goes on.
    ///
    /// # Panics
    /// When the tracer cannot be ended.
    pub async fn lift(mut self) {
        self.tracer.kill().await.expect("the tracer can be ended");
    }
}

/// Whether a server that starts on `data` gets ready before it comes to a point.
///
/// # Panics
/// When `strace` or the server is missing.
pub async fn starts(data: &Path, points: &[Point]) -> bool {
    let program = built("FENGGE_SERVER", "target/debug/sync-server");
    let mut command = tracer(points);
    // The server stays our own child, and the tracer ends with it.
    command.args(["-D", "-f", "-qq"]).arg(program);
    command
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(data);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let spawned = command.spawn();
    let mut server = spawned.unwrap_or_else(|error| panic!("apt-get install strace: {error}"));
    let said = server.stdout.take().expect("a piped output");
    let mut lines = BufReader::new(said).lines();
    let first = tokio::time::timeout(PATIENCE, lines.next_line()).await;
    let first = first.expect("the server says something or dies");
    let ready = first.is_ok_and(|line| line.is_some_and(|line| line.starts_with("READY")));
    server.kill().await.expect("the server can be killed");
    ready
}

fn tracer(points: &[Point]) -> Command {
    let mut command = Command::new("strace");
    let calls: Vec<&str> = points.iter().map(|(call, _)| *call).collect();
    command
        .args(["-o", "/dev/null", "-e"])
        .arg(format!("trace={}", calls.join(",")));
    for (call, count) in points {
        let inject = format!("inject={call}:signal=KILL:when={count}");
        command.arg("-e").arg(inject);
    }
    command.stdin(Stdio::null());
    command
}
