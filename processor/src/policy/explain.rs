//! What is in force and who set it, for people.
//!
//! Every constant with its value and the layer that it comes from: the last that names it. A layer that names a value
//! equal to the one below is still the one that set it. `adpulse policy show` prints it.

use std::fmt;

use serde::{Serialize, Serializer};
use toml::{Table, Value};

use super::Policy;
use super::layer::{Overrides, Section as _};

/// One constant in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its table, such as `alerts.spend_spike`; empty for what an account sets of itself.
    pub section: String,
    /// Its key.
    pub key: String,
    /// Its value, as TOML.
    pub value: String,
    /// Who set it.
    pub layer: Layer,
}

/// A layer of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// default.toml.
    Default,
    /// The policy's own tables.
    Policy,
    /// The account's table.
    Account,
    /// That entry of `[[campaigns]]`, counted from 1.
    Pattern(usize),
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Policy => f.write_str("policy"),
            Self::Account => f.write_str("account"),
            Self::Pattern(at) => write!(f, "campaigns[{at}]"),
        }
    }
}

impl Serialize for Layer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Policy {
    /// Every constant in force for a campaign, or, without one, for an account as a whole; section by section.
    #[must_use]
    pub fn explain(
        &self,
        platform: &str,
        account_id: &str,
        campaign_key: Option<&str>,
        name: Option<&str>,
    ) -> Vec<Setting> {
        let scope = self.scope(platform, account_id);
        let at = self.pattern(campaign_key, name);
        let effective = at.map_or(&scope.account, |at| &scope.campaigns[at]);
        let mut layers = vec![(Layer::Policy, &self.base.tables)];
        if !std::ptr::eq(scope, &raw const self.base) {
            layers.push((Layer::Account, &scope.tables));
        }
        if let Some(at) = at {
            layers.push((Layer::Pattern(at + 1), &self.patterns[at].tables));
        }
        let mut settings = Vec::new();
        let place = [
            ("time_zone", effective.time_zone.map(|zone| zone.name().to_owned())),
            ("currency", effective.currency.clone()),
        ];
        for (key, value) in place {
            let Some(value) = value else { continue };
            settings.push(Setting {
                section: String::new(),
                key: key.to_owned(),
                value: Value::String(value).to_string(),
                layer: Layer::Account,
            });
        }
        let mut section = |name: &str, table: &Table, of: fn(&Overrides) -> &Table| {
            let named: Vec<_> = layers.iter().map(|(layer, overrides)| (*layer, of(overrides))).collect();
            list(name, table, &named, &mut settings);
        };
        section("score", &effective.score.to_table(), |layer| &layer.score);
        section("alerts", &effective.alerts.to_table(), |layer| &layer.alerts);
        section("quality", &effective.quality.to_table(), |layer| &layer.quality);
        section("facebook", &effective.facebook.to_table(), |layer| &layer.facebook);
        section("facts", &self.facts.to_table(), |layer| &layer.facts);
        settings
    }
}

/// Lists a table: its own keys first, then the tables within it. `named` is what each layer says of it, lowest first.
fn list(section: &str, table: &Table, named: &[(Layer, &Table)], out: &mut Vec<Setting>) {
    for (key, value) in table.iter().filter(|(_, value)| !value.is_table()) {
        let set_by = named.iter().rev().find(|(_, names)| names.contains_key(key));
        out.push(Setting {
            section: section.to_owned(),
            key: key.clone(),
            value: value.to_string(),
            layer: set_by.map_or(Layer::Default, |(layer, _)| *layer),
        });
    }
    for (key, value) in table {
        let Value::Table(within) = value else { continue };
        let named: Vec<_> =
            named.iter().filter_map(|(layer, names)| Some((*layer, names.get(key)?.as_table()?))).collect();
        list(&format!("{section}.{key}"), within, &named, out);
    }
}
