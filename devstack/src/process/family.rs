//! The processes that an engine starts by itself. PostgreSQL gives each of its processes a session
//! of its own, so a process group does not hold them together; their parents do.

use std::collections::HashMap;
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// All processes below `root`, as `/proc` shows them; none where there is no `/proc`.
pub(super) fn descendants(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        if let Some(parent) = parent_in(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        let below = children.remove(&pid).unwrap_or_default();
        open.extend(&below);
        found.extend(below);
    }
    found
}

/// The parent in a line of `/proc/PID/stat`: the second field after the name, which stands in brackets
/// and may hold anything.
fn parent_in(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Signals each process; one that has ended meanwhile is no failure.
pub(super) fn signal(pids: &[u32], signal: Signal) {
    for pid in pids {
        if let Ok(pid) = i32::try_from(*pid) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

/// Stops a process and all below it, and returns them when none runs any more. A process may start another
/// one while it is being stopped, so this goes on until a look finds all of them stopped.
pub(super) fn freeze(root: u32) -> io::Result<Vec<u32>> {
    const WITHIN: Duration = Duration::from_secs(5);
    let begun = Instant::now();
    loop {
        let mut members = vec![root];
        members.extend(descendants(root));
        signal(&members, Signal::SIGSTOP);
        if members.iter().all(|pid| is_stopped(*pid)) {
            return Ok(members);
        }
        if begun.elapsed() > WITHIN {
            signal(&members, Signal::SIGCONT);
            return Err(io::ErrorKind::TimedOut.into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether a process is stopped or gone; where there is no `/proc`, whether it was told to be.
fn is_stopped(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| {
        let state = stat.rsplit_once(')').map_or("", |(_, fields)| fields.trim_start());
        state.starts_with(['T', 'Z', 'X'])
    })
}

/// Waits for the end of this program, however it comes, and then wakes the paused processes: a
/// process that is stopped does not act on the signal that would end it.
pub(super) fn waker(pids: &[u32]) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", r#"read -r _; kill -CONT "$@" 2>/dev/null"#, "waker"])
        .args(pids.iter().map(u32::to_string))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_brackets_and_spaces_does_not_hide_the_parent() {
        assert_eq!(parent_in("42 (a) b) S 7 42 42 0"), Some(7));
    }

    #[test]
    fn a_child_is_found_below_its_parent() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(descendants(std::process::id()).contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
