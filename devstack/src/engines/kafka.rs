//! Apache Kafka: one node that is broker and controller, on the jars of its Maven artifact.
//!
//! The broker is the real one, transactions and compaction included. Topics are not created by
//! themselves. A formatted data folder and an archive of loaded classes are prepared once per Java version,
//! which halves the start.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use super::{Site, copy_folder, on_free_ports, option, run};
use crate::artifact::{Artifact, Package};
use crate::config::StackConfig;
use crate::error::{Attempting, DevstackError};
use crate::java::{JavaVersion, java_available};
use crate::ports;
use crate::process::{Launch, Probe, Process};

const ENGINE: &str = "Kafka";
const VERSION: &str = "4.4.0";
const CLUSTER_ID: &str = "YWRwdWxzZS1kZXZzdGFjaw";

const ARTIFACT: Artifact = Artifact {
    name: "kafka-4.4.0",
    package: Package::MavenTree {
        roots: &[("org.apache.kafka", "kafka_2.13", VERSION), ("org.slf4j", "slf4j-simple", "1.7.36")],
    },
    unpack: None,
};

/// Small and quick, for one node: internal topics without copies, a cleaner that comes round often. A broker
/// that was killed may come back only when its old session has run out, which is why that is short.
const PROPERTIES: &str = "\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
background.threads=2
log.initial.task.delay.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
log.cleaner.enable=true
log.cleaner.backoff.ms=1000
log.cleaner.dedupe.buffer.size=16777216
";

/// A running Kafka broker.
#[derive(Debug)]
pub struct Kafka {
    process: Process,
    port: u16,
}

impl Kafka {
    /// The address for `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The broker's process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    pub(crate) fn start(site: &Site<'_>) -> Result<Self, DevstackError> {
        let java = java_available()?;
        let classpath = classpath(&site.cache.artifact(&ARTIFACT)?)?;
        let name = format!("kafka-{VERSION}-java-{}", java.version);
        let template = site.cache.template(&name, |folder| prepare(&java, &classpath, folder))?;
        let data = site.folder.join("data");
        if !data.exists() {
            // The copy appears as a whole, so that a start cut short is not taken for a formatted folder.
            let unfinished = site.folder.join("unfinished");
            copy_folder(&template.join("data"), &unfinished)?;
            std::fs::rename(&unfinished, &data).attempting(|| format!("create {}", data.display()))?;
        }
        let step = site.cache.reporter().begin("starting Kafka");
        let kafka = on_free_ports(|fresh| {
            let [port, controller] = ports::for_folder(&site.folder, fresh)?;
            let properties = site.folder.join("server.properties");
            let more = more_properties(site.config, port, controller);
            write_properties(&properties, &data, port, controller, &more)?;
            let mut args = vec![option("-XX:SharedArchiveFile=", &template.join("classes.jsa"))];
            args.extend(site.config.kafka_jvm_options.iter().map(OsString::from));
            args.extend(broker_args(&classpath, &properties));
            Process::start(launch(&java, &site.folder, site.log(), args, port))
                .map(|process| Self { process, port })
        })?;
        step.done();
        Ok(kafka)
    }
}

fn launch(java: &JavaVersion, folder: &Path, log: PathBuf, args: Vec<OsString>, port: u16) -> Launch {
    Launch {
        engine: ENGINE,
        program: java.program.clone(),
        args,
        folder: folder.to_owned(),
        log,
        user: None,
        stop_signal: Signal::SIGTERM,
        death_signal: Signal::SIGKILL,
        probe: Probe::Kafka { port },
    }
}

/// All jars in a fixed order: the class archive is valid for exactly this list.
fn classpath(folder: &Path) -> Result<OsString, DevstackError> {
    let listing = || format!("list {}", folder.display());
    let mut jars: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .attempting(listing)?;
    jars.sort();
    std::env::join_paths(jars).map_err(std::io::Error::other).attempting(listing)
}

fn broker_args(classpath: &OsString, properties: &Path) -> Vec<OsString> {
    let mut args: Vec<OsString> = [
        "-Djava.awt.headless=true",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
        // Printing every setting at every start would bury what matters.
        "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config.AbstractConfig=warn",
        "-cp",
    ]
    .map(OsString::from)
    .to_vec();
    args.extend([classpath.clone(), OsString::from("kafka.Kafka"), properties.into()]);
    args
}

fn write_properties(
    path: &Path,
    data: &Path,
    port: u16,
    controller: u16,
    more: &[(String, String)],
) -> Result<(), DevstackError> {
    let data = data.display();
    let more: String = more.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    // The quorum is given by address instead of being stored at formatting, so that the prepared folder
    // serves on any port.
    let text = format!(
        "{PROPERTIES}listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         log.dirs={data}\n{more}"
    );
    std::fs::write(path, text).attempting(|| format!("write {}", path.display()))
}

/// What the caller wants beside the stack's own properties; of a property given twice the broker takes the last.
fn more_properties(config: &StackConfig, port: u16, controller: u16) -> Vec<(String, String)> {
    let behind = config.kafka_behind.map(|behind| {
        let listeners = format!(
            "PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},BEHIND://127.0.0.1:{}",
            behind.port
        );
        let advertised = format!("PLAINTEXT://127.0.0.1:{port},BEHIND://127.0.0.1:{}", behind.advertised);
        let protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,BEHIND:PLAINTEXT".to_owned();
        [
            ("listeners", listeners),
            ("advertised.listeners", advertised),
            ("listener.security.protocol.map", protocols),
        ]
    });
    let behind = behind.into_iter().flatten().map(|(name, value)| (name.to_owned(), value));
    behind.chain(config.kafka_properties.iter().cloned()).collect()
}

/// Formats a data folder, and runs a broker once on a copy of it to archive the classes it loads.
fn prepare(java: &JavaVersion, classpath: &OsString, folder: &Path) -> Result<(), DevstackError> {
    let [port, controller] = ports::for_folder(folder, true)?;
    let data = folder.join("data");
    let properties = folder.join("server.properties");
    let log = folder.join("engine.log");
    write_properties(&properties, &data, port, controller, &[])?;
    let mut format = Command::new(&java.program);
    format
        .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
        .arg(classpath)
        .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
        .arg(&properties);
    run("formatting the data folder of Kafka", format, &log)?;

    let scratch = folder.join("scratch");
    copy_folder(&data, &scratch)?;
    write_properties(&properties, &scratch, port, controller, &[])?;
    let mut args = vec![option("-XX:ArchiveClassesAtExit=", &folder.join("classes.jsa"))];
    args.extend(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"].map(OsString::from));
    args.extend(broker_args(classpath, &properties));
    Process::start(launch(java, folder, log, args, port))?.stop_now()?;
    std::fs::remove_dir_all(&scratch).attempting(|| format!("remove {}", scratch.display()))
}
