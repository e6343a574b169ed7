//! Quix Streams: `bench/peers/quix`, in a virtual environment that is made once and again when its sources have changed.

use std::path::PathBuf;
use std::process::Command;

use super::{Place, arguments, built, is_newer, ready, sources};
use crate::process::Process;
use crate::site::{Site, spinner, succeed};

const NAME: &str = "quix";

/// The program and the interpreter that it runs in.
#[derive(Clone, Debug)]
pub struct Quix {
    python: PathBuf,
    app: PathBuf,
}

impl Quix {
    /// Makes the environment if needed.
    pub fn build() -> anyhow::Result<Self> {
        let (from, folder) = (sources(NAME), built(NAME)?);
        let (python, done) = (folder.join("bin/python"), folder.join("installed"));
        let requirements = from.join("requirements.txt");
        if !is_newer(&done, &requirements) {
            let waiting = spinner("installing the Quix Streams peer");
            let mut venv = Command::new("python3");
            venv.args(["-m", "venv"]).arg(&folder);
            succeed(venv, "python3 -m venv")?;
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
                .arg(requirements);
            succeed(pip, "pip install")?;
            std::fs::write(done, "")?;
            waiting.finish_and_clear();
        }
        Ok(Self { python, app: from.join("app.py") })
    }

    /// Starts it and waits until it takes messages.
    pub async fn start(&self, site: &Site, commit_ms: u64, place: &Place) -> anyhow::Result<Process> {
        let mut command = site.launched(&self.python, true);
        // Bytecode beside the sources would be litter in the repository.
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(&self.app);
        command.args(arguments(site, commit_ms, place)?);
        let log = site.folder().join(format!("{}.log", place.application_id));
        let mut process = Process::start(NAME, command, &log)?;
        ready(&mut process, "now processing incoming messages").await?;
        Ok(process)
    }
}
