//! The fleet: every role as child processes, watched over and started again when they end, as a service manager does.
//!
//! It promises that a process that ends for whatever reason runs again within a second, and that no process outlives the fleet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::process::Member;
use crate::role::Role;

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// All processes of an installation and who looks after them.
#[derive(Debug)]
pub struct Fleet {
    members: Arc<Vec<Member>>,
    stop: Arc<AtomicBool>,
    keeper: Option<std::thread::JoinHandle<()>>,
}

impl Fleet {
    /// Starts everybody and looks after them from now on.
    ///
    /// # Errors
    /// When a process cannot be started at all.
    pub fn start(members: Vec<Member>) -> anyhow::Result<Self> {
        members.iter().try_for_each(Member::tend)?;
        let (members, stop) = (Arc::new(members), Arc::new(AtomicBool::new(false)));
        let keeper = {
            let (members, stop) = (Arc::clone(&members), Arc::clone(&stop));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    for member in members.iter() {
                        if let Err(error) = member.tend() {
                            eprintln!("soak: {} {}: {error:#}", member.role.name(), member.number);
                        }
                    }
                    std::thread::sleep(LOOK_EVERY);
                }
            })
        };
        Ok(Self { members, stop, keeper: Some(keeper) })
    }

    /// Everybody.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// One process of a role; a number beyond the last wraps around.
    ///
    /// # Panics
    /// When the installation has no such role, which is a defect of the caller.
    #[must_use]
    pub fn member(&self, role: Role, number: usize) -> &Member {
        let wanted = number % role.processes();
        let found = self.members.iter().find(|member| member.role == role && member.number == wanted);
        found.expect("an installation has every role")
    }

    /// Waits until everybody says that it is ready.
    ///
    /// # Errors
    /// Who is not, with its last words.
    pub fn wait_until_ready(&self, limit: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + limit;
        for member in self.members.iter() {
            while member.get("/readyz").0 != 200 {
                if Instant::now() >= deadline {
                    bail!(
                        "{} {} is not ready: {}\n{}",
                        member.role.name(),
                        member.number,
                        member.get("/readyz").1,
                        member.last_words()
                    );
                }
                std::thread::sleep(LOOK_EVERY);
            }
        }
        Ok(())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(keeper) = self.keeper.take() {
            // It only looks after processes; it has nothing to say at its end.
            let _ = keeper.join();
        }
        self.members.iter().for_each(Member::end);
    }
}
