//! A streaming standby of a running server, and its promotion: what a failover is made of.
//!
//! Replication is asynchronous, as it is by default: what the primary has committed and not sent is lost with it.

use std::path::Path;

use super::{NAME, Postgres, check_reachable, give};
use crate::engines::run;
use crate::error::{Attempting, DevstackError};

impl Postgres {
    /// Copies the running server into an empty folder and starts the copy as its hot standby. It follows the server through
    /// the port `through` of the loopback interface: the server's own, or that of a proxy before it. Blocks until the
    /// standby answers.
    ///
    /// # Errors
    /// When the copy or the start fails, or PostgreSQL was installed without `pg_basebackup`.
    pub fn standby(&self, folder: &Path, through: u16) -> Result<Self, DevstackError> {
        let (programs, user) = (&self.programs, self.user.as_ref());
        if !programs.bin.join("pg_basebackup").exists() {
            return Err(DevstackError::MissingProgram {
                program: "pg_basebackup",
                purpose: "make a standby".to_owned(),
                package: "postgresql",
            });
        }
        std::fs::create_dir_all(folder).attempting(|| format!("create {}", folder.display()))?;
        if let Some(user) = user {
            check_reachable(user, folder)?;
            give(folder, user)?;
        }
        let (data, log) = (folder.join("data"), folder.join("engine.log"));
        let mut backup = programs.command("pg_basebackup", user);
        backup.args(["--host", "127.0.0.1", "--port", &through.to_string(), "--username", NAME]);
        backup.args(["--checkpoint=fast", "--wal-method=stream", "--no-sync", "--write-recovery-conf"]);
        backup.arg("--pgdata").arg(&data);
        run("copying the server for a standby", backup, &log)?;
        Self::serve(programs.clone(), self.user.clone(), folder, &log)
    }

    /// Makes a standby a server of its own, which takes writes. Blocks until it does.
    ///
    /// # Errors
    /// When it does not become one.
    pub fn promote(&self) -> Result<(), DevstackError> {
        let mut promote = self.programs.command("pg_ctl", self.user.as_ref());
        promote.args(["promote", "--wait", "--pgdata"]).arg(&self.data);
        run("promoting a standby", promote, &self.data.with_file_name("engine.log"))
    }
}
