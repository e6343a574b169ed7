//! Kafka Streams: `bench/peers/kafka-streams`, built by Maven once and again when its sources have changed.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Place, arguments, built, is_newer, ready, sources};
use crate::process::Process;
use crate::site::{Site, spinner, succeed};

const NAME: &str = "kafka-streams";
/// One core and a heap that is never tight: the collector without threads takes the least. Compiler threads stay, so that what they
/// took can be told apart to the end.
const JVM: [&str; 4] = ["-Xms1g", "-Xmx1g", "-XX:+UseSerialGC", "-XX:-UseDynamicNumberOfCompilerThreads"];

/// How the stage is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Its name, as the program has it.
    pub name: &'static str,
    /// Whether a campaign is scored once for each commit, as adpulse does, and not for each event.
    pub is_coalesced: bool,
}

/// All of them, the strongest first.
pub const MODES: [Mode; 4] = [
    Mode { name: "commit-live", is_coalesced: true },
    Mode { name: "commit-rocksdb", is_coalesced: true },
    Mode { name: "event-memory", is_coalesced: false },
    Mode { name: "event-rocksdb", is_coalesced: false },
];

/// The program, built.
#[derive(Clone, Debug)]
pub struct Streams {
    folder: PathBuf,
}

impl Streams {
    /// Builds it if needed.
    pub fn build() -> anyhow::Result<Self> {
        let (from, folder) = (sources(NAME), built(NAME)?);
        if !is_newer(&folder.join("peer.jar"), &from) {
            let waiting = spinner("building the Kafka Streams peer");
            let mut maven = Command::new("mvn");
            maven.args(["-q", "-B", "package"]).arg(format!("-Dout={}", folder.display())).current_dir(from);
            succeed(maven, "mvn package (it needs Maven and a JDK of version 17 or newer)")?;
            waiting.finish_and_clear();
        }
        Ok(Self { folder })
    }

    /// Starts it and waits until it has its partitions.
    pub async fn start(
        &self,
        site: &Site,
        mode: Mode,
        commit_ms: u64,
        place: &Place,
    ) -> anyhow::Result<Process> {
        let mut command = site.launched(Path::new("java"), true);
        let class_path = format!("{0}/peer.jar:{0}/lib/*", self.folder.display());
        command.args(JVM).args(["-cp", &class_path, "adpulse.peer.Application"]);
        command.arg(format!("mode={}", mode.name)).args(arguments(site, commit_ms, place)?);
        let log = site.folder().join(format!("{}.log", place.application_id));
        let mut process = Process::start(&format!("{NAME} {}", mode.name), command, &log)?;
        ready(&mut process, "RUNNING").await?;
        Ok(process)
    }
}
