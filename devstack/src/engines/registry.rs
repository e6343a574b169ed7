//! Apicurio Registry: a schema registry with Confluent's interface, on a store in memory.
//!
//! A restart forgets what was registered.

use std::ffi::OsString;
use std::path::Path;

use nix::sys::signal::Signal;

use super::{Site, on_free_ports};
use crate::artifact::{Artifact, Package, Unpack};
use crate::error::DevstackError;
use crate::java::{JavaVersion, java_available};
use crate::ports;
use crate::process::{Launch, Probe, Process};

const ARTIFACT: Artifact = Artifact {
    name: "apicurio-2.6.13.Final",
    package: Package::MavenFile { coordinates: "io.apicurio:apicurio-registry-app:2.6.13.Final:tar.gz:all" },
    unpack: Some(Unpack::Below("")),
};
const PROGRAM: &str = "apicurio-registry-app-2.6.13.Final-runner.jar";

/// A running schema registry.
#[derive(Debug)]
pub struct Registry {
    process: Process,
    port: u16,
}

impl Registry {
    /// The root of Confluent's interface, version 7.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
    }

    /// The registry's process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    pub(crate) fn start(site: &Site<'_>) -> Result<Self, DevstackError> {
        let java = java_available()?;
        let program = site.cache.artifact(&ARTIFACT)?.join(PROGRAM);
        let step = site.cache.reporter().begin("starting the schema registry");
        let registry = on_free_ports(|fresh| {
            let [port] = ports::for_folder(&site.folder, fresh)?;
            Process::start(launch(&java, &program, site, port)).map(|process| Self { process, port })
        })?;
        step.done();
        Ok(registry)
    }
}

fn launch(java: &JavaVersion, program: &Path, site: &Site<'_>, port: u16) -> Launch {
    let mut args: Vec<OsString> =
        ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"].map(OsString::from).to_vec();
    args.push("-Dquarkus.http.host=127.0.0.1".into());
    args.push(format!("-Dquarkus.http.port={port}").into());
    args.extend([OsString::from("-jar"), program.into()]);
    Launch {
        engine: "the schema registry",
        program: java.program.clone(),
        args,
        folder: site.folder.clone(),
        log: site.log(),
        user: None,
        stop_signal: Signal::SIGTERM,
        death_signal: Signal::SIGKILL,
        probe: Probe::Http { port, path: "/apis/ccompat/v7/subjects" },
    }
}
