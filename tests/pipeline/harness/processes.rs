//! Processes at large: signals, and a folder by which everything that a command started can be recognised.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// Signals a process that is known to be a child not yet reaped.
pub fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
}

/// A folder for the temporary files of a command. Engines work in it, so a process that was left behind shows itself by
/// its working folder or its arguments.
pub struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("adpulse-sandbox-")
            // Postgres may run as another user, who has to pass through.
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()
            .unwrap();
        Self { folder }
    }

    /// The binary, with nothing of the caller's settings and its temporary files here.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_adpulse"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ADPULSE__") || name == "ADPULSE_CONFIG" {
                command.env_remove(name);
            }
        }
        command.env("TMPDIR", self.folder.path()).current_dir(self.folder.path());
        command
    }

    /// Command lines of the processes that work in the folder.
    pub fn processes(&self) -> Vec<String> {
        let folder = self.folder.path();
        std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| {
                let process = entry.ok()?.path();
                process.file_name()?.to_str()?.parse::<u32>().ok()?;
                let command_line = std::fs::read(process.join("cmdline")).ok()?;
                let command_line = String::from_utf8_lossy(&command_line).replace('\0', " ");
                let works_here = works_in(&process, folder) || command_line.contains(folder.to_str()?);
                works_here.then_some(command_line)
            })
            .collect()
    }

    /// What lies in the folder.
    pub fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

fn works_in(process: &Path, folder: &Path) -> bool {
    std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
}
