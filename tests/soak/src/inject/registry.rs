//! What can be wrong with schemas: nobody knows one, or the registry holds another one than ours can follow.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use schemas::{RegistryClient, Topic};

use super::behind;
use crate::fault::Link;
use crate::generator::Generator;
use crate::proxy::Mode;
use crate::role::Role;
use crate::site::Site;

/// A schema that has nothing in common with the one of `campaigns`.
const STRANGE: &str =
    r#"{"type": "record", "name": "Campaign", "fields": [{"name": "weather", "type": "int"}]}"#;

/// Records name a schema that nobody knows while the registry cannot be asked: they wait, and whoever waits lives on. When it
/// can be asked, they are dead letters.
pub(super) fn unknown_schema(site: &Site, traffic: &Generator<'_>, time: Duration) -> anyhow::Result<()> {
    let starts = || -> Vec<u32> {
        let stages = [Role::Normalize, Role::Score, Role::SinkClickhouse, Role::SinkPostgres];
        let members = site.fleet().members().iter().filter(|member| stages.contains(&member.role));
        members.map(crate::process::Member::starts).collect()
    };
    let before = starts();
    behind(site, Link::Registry, Mode::Refuse, || {
        for topic in [Topic::RawCrm, Topic::Events, Topic::Alerts] {
            traffic.poison_unknown_schema(topic)?;
        }
        std::thread::sleep(time);
        Ok(())
    })?;
    let after = starts();
    if before != after {
        bail!(
            "processes ended over a schema that nobody could be asked about: starts {before:?}, then {after:?}"
        );
    }
    Ok(())
}

/// Under another prefix the registry holds a schema that ours is not compatible with. A role must not start there.
pub(super) fn incompatible_schema(site: &Site, role: Role) -> anyhow::Result<()> {
    let prefix = format!("{}incompatible.", site.prefix);
    let registry = RegistryClient::new(&site.engines.url(Link::Registry), None);
    registry.register(&format!("{prefix}{}-value", Topic::Campaigns.name()), STRANGE)?;
    let mut command = site.command(role.args());
    let ended = command
        .env("ADPULSE__KAFKA__TOPIC_PREFIX", prefix)
        .env("ADPULSE__METRICS__LISTEN", "")
        .stdin(Stdio::null())
        .output()
        .context("starting a role")?;
    let said = String::from_utf8_lossy(&ended.stderr);
    if ended.status.success() || !said.contains("compatibility") {
        bail!("{} ended with {} and did not refuse the schema: {said}", role.name(), ended.status);
    }
    Ok(())
}
