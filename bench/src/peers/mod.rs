//! Other programs that do the work of `score`, built from `bench/peers` into a folder under `target` and started like a role.

pub mod quix;
pub mod streams;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, bail};
use schemas::record::{CampaignScore, Event};
use schemas::{Schemas, Topic, TopicValue, examples};

use crate::process::Process;
use crate::site::Site;

const READY_LIMIT: Duration = Duration::from_secs(90);

/// Where a peer reads and writes.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its group, and the name that its own topics begin with.
    pub application_id: String,
    /// What it reads.
    pub events: String,
    /// Where its scores go.
    pub scores: String,
    /// Where unreadable records go.
    pub dead_letters: String,
}

impl Place {
    /// Topics under a prefix of the peer's own; the events are everybody's.
    pub fn under(prefix: &str, events: String) -> Self {
        let name = |topic: Topic| format!("{prefix}{}", topic.name());
        Self {
            application_id: format!("{prefix}application"),
            events,
            scores: name(Topic::Scores),
            dead_letters: name(Topic::DeadLetters),
        }
    }
}

/// What every peer is told, as name=value.
fn arguments(site: &Site, commit_ms: u64, place: &Place) -> anyhow::Result<Vec<String>> {
    let Place { application_id, events, scores, dead_letters } = place;
    let state = site.folder().join(application_id);
    let all = [
        ("brokers", site.brokers()?),
        ("application-id", application_id.clone()),
        ("commit-ms", commit_ms.to_string()),
        ("events", events.clone()),
        ("scores", scores.clone()),
        ("dead-letters", dead_letters.clone()),
        ("event-schema-id", schema_id::<Event<'_>>(Topic::Events)?.to_string()),
        ("score-schema-id", schema_id::<CampaignScore<'_>>(Topic::Scores)?.to_string()),
        ("state-folder", state.display().to_string()),
    ];
    Ok(all.map(|(name, value)| format!("{name}={value}")).to_vec())
}

/// Waits until a peer says that it has its partitions.
async fn ready(peer: &mut Process, words: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_LIMIT;
    while !peer.has_said(words) {
        peer.verify_running()?;
        if Instant::now() >= deadline {
            bail!("the peer did not get its partitions within {READY_LIMIT:?}:\n{}", peer.last_words());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// The id that the values of a topic are framed with, found in a record as any reader would find it.
fn schema_id<T: TopicValue<'static>>(topic: Topic) -> anyhow::Result<u32> {
    let example = examples::of::<T>(topic).into_iter().next().context("a topic has an example")?;
    let mut bytes = Vec::new();
    Schemas::compiled().encoder(topic).encode(&example, &mut bytes)?;
    let id = bytes.get(1..5).and_then(|id| id.try_into().ok()).context("a value is framed")?;
    Ok(u32::from_be_bytes(id))
}

/// The folder of a peer's sources.
fn sources(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

/// The folder that a peer is built into.
fn built(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("finding this program")?;
    // target/<profile>/bench, or target/<profile>/deps/<test>.
    let profile = own.ancestors().skip(1).find(|folder| !folder.ends_with("deps"));
    let target = profile.and_then(Path::parent).context("a target folder")?;
    Ok(target.join("peers").join(name))
}

/// Whether a file is newer than everything in a folder.
fn is_newer(file: &Path, folder: &Path) -> bool {
    fn newest(path: &Path) -> Option<SystemTime> {
        let own = path.metadata().ok()?.modified().ok()?;
        let inside = std::fs::read_dir(path).into_iter().flatten().flatten();
        inside.filter_map(|entry| newest(&entry.path())).chain([own]).max()
    }
    let built = file.metadata().and_then(|metadata| metadata.modified()).ok();
    built.is_some_and(|built| newest(folder).is_some_and(|newest| built > newest))
}
