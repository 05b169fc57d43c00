//! What a process and its children used, as Linux counts it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Processor time is counted in hundredths of a second, whatever the kernel's own clock.
const TICKS_A_SECOND: u32 = 100;
/// Idle is: no tick for so long.
const IDLE: Duration = Duration::from_millis(1_500);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Whatever is not idle by then has work that never ends.
const IDLE_WAIT_MAX: Duration = Duration::from_mins(2);

/// Processor time and memory of a process and all its descendants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Processor time, in user and system mode, of children that ended too.
    pub cpu: Duration,
    /// The most that was resident at any time, in kilobytes, summed over the processes.
    pub peak_kb: u64,
}

impl Usage {
    /// As counted now.
    pub fn of_tree(root: u32) -> Self {
        let processes = processes();
        let mut ticks = 0;
        let mut peak_kb = 0;
        let mut waiting = vec![root];
        while let Some(id) = waiting.pop() {
            let Some(process) = processes.get(&id) else {
                continue;
            };
            ticks += process.ticks;
            peak_kb += peak_of(id);
            let children = processes.iter().filter(|(_, other)| other.parent == id);
            waiting.extend(children.map(|(id, _)| *id));
        }
        let hundredths = u32::try_from(ticks).unwrap_or(u32::MAX);
        Self {
            cpu: Duration::from_secs(1) / TICKS_A_SECOND * hundredths,
            peak_kb,
        }
    }

    /// Waits until the tree does nothing any more; tells what it used until then.
    pub async fn when_idle(root: u32) -> Self {
        let start = tokio::time::Instant::now();
        let (mut last, mut since) = (Self::of_tree(root), start);
        while since.elapsed() < IDLE && start.elapsed() < IDLE_WAIT_MAX {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = Self::of_tree(root);
            if now.cpu != last.cpu {
                since = tokio::time::Instant::now();
            }
            last = now;
        }
        last
    }
}

/// Resident memory of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Kilobytes now.
    pub now_kb: u64,
    /// Kilobytes at the worst moment since this was asked last.
    pub peak_kb: u64,
}

impl Memory {
    /// As counted now; the count of the worst moment begins anew.
    pub fn of(id: u32) -> Self {
        let memory = Self {
            now_kb: field_of(id, "VmRSS:"),
            peak_kb: peak_of(id),
        };
        let path = Path::new("/proc").join(id.to_string()).join("clear_refs");
        // 5: the peak is the present again. Where that is not allowed, the peak is that of a life.
        let _anew = std::fs::write(path, "5");
        memory
    }
}

struct Process {
    parent: u32,
    ticks: u64,
}

fn processes() -> BTreeMap<u32, Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            // A process may end between the listing and the reading.
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((id, parse(&stat)?))
        })
        .collect()
}

/// Reads a line of `/proc/ID/stat`; the name in brackets may hold anything, brackets too.
fn parse(stat: &str) -> Option<Process> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    // State is field 3 of the manual page: parent 4, then utime 14 to cstime 17.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Process {
        parent: u32::try_from(number(4)?).ok()?,
        ticks: number(14)? + number(15)? + number(16)? + number(17)?,
    })
}

fn peak_of(id: u32) -> u64 {
    field_of(id, "VmHWM:")
}

/// A field of `/proc/ID/status`, in kilobytes.
fn field_of(id: u32, name: &str) -> u64 {
    let path = Path::new("/proc").join(id.to_string()).join("status");
    let status = std::fs::read_to_string(path).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_read_whatever_the_name() {
        let line = "7 (a) b (c)) S 3 7 7 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0";
        let process = parse(line).unwrap();
        assert_eq!((process.parent, process.ticks), (3, 100));
        assert!(parse("7 (a) S 3").is_none());
    }

    #[test]
    fn our_own_process_uses_memory() {
        assert!(Usage::of_tree(std::process::id()).peak_kb > 0);
        assert_eq!(Usage::of_tree(u32::MAX), Usage::default());
    }
}
