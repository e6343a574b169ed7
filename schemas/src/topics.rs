//! The topics: an enum to name them in code, `topics.toml` for everything else about them.

use serde::Deserialize;

/// Every topic that adpulse writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// Facebook messages as received.
    RawFacebook,
    /// CRM messages as received.
    RawCrm,
    /// CSV rows as received.
    RawCsv,
    /// Ticks of the scheduler.
    RawClock,
    /// Validated facts.
    Events,
    /// State of each lead.
    Leads,
    /// State of each ad account.
    Accounts,
    /// State of each campaign.
    Campaigns,
    /// Merged figures of each campaign's day.
    CampaignDays,
    /// Current score of each campaign.
    Scores,
    /// Log time of each partition.
    Watermarks,
    /// Announced changes.
    Recommendations,
    /// Alerts.
    Alerts,
    /// What was refused.
    DeadLetters,
}

/// How Kafka cleans a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cleanup {
    /// By age.
    Delete,
    /// The newest record of a key stays.
    Compact,
}

/// One entry of `topics.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicSpec {
    /// Name without the prefix.
    pub name: String,
    /// Schema file in `avro/`, without its ending.
    pub schema: String,
    /// What the key is, in words.
    pub key: String,
    /// How it is cleaned.
    pub cleanup: Cleanup,
    /// Days kept, for topics cleaned by age.
    pub retention_days: Option<u32>,
    /// Who writes it.
    pub producer: String,
    /// Who reads it.
    pub consumers: Vec<String>,
}

/// Why `topics.toml` cannot be used; a defect of the build.
#[derive(Debug, thiserror::Error)]
#[error("topics.toml: {0}")]
pub struct TopicsError(String);

impl Topic {
    /// All of them, in the order data moves.
    pub const ALL: [Self; 14] = [
        Self::RawFacebook,
        Self::RawCrm,
        Self::RawCsv,
        Self::RawClock,
        Self::Events,
        Self::Leads,
        Self::Accounts,
        Self::Campaigns,
        Self::CampaignDays,
        Self::Scores,
        Self::Watermarks,
        Self::Recommendations,
        Self::Alerts,
        Self::DeadLetters,
    ];

    /// The topic's entry in `topics.toml`.
    ///
    /// # Errors
    /// When `topics.toml` lacks it or is not valid, which the tests rule out.
    pub fn spec(self) -> Result<TopicSpec, TopicsError> {
        let mut all: std::collections::BTreeMap<Topic, TopicSpec> =
            toml::from_str(include_str!("../topics.toml")).map_err(|e| TopicsError(e.to_string()))?;
        all.remove(&self).ok_or_else(|| TopicsError(format!("{self:?} is missing")))
    }

    /// Its name without the prefix.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RawFacebook => "raw.facebook",
            Self::RawCrm => "raw.crm",
            Self::RawCsv => "raw.csv",
            Self::RawClock => "raw.clock",
            Self::Events => "events",
            Self::Leads => "leads",
            Self::Accounts => "accounts",
            Self::Campaigns => "campaigns",
            Self::CampaignDays => "campaign-days",
            Self::Scores => "scores",
            Self::Watermarks => "watermarks",
            Self::Recommendations => "recommendations",
            Self::Alerts => "alerts",
            Self::DeadLetters => "dead-letters",
        }
    }

    /// The Avro schema of its values.
    #[must_use]
    pub const fn avsc(self) -> &'static str {
        match self {
            Self::RawFacebook | Self::RawCrm | Self::RawCsv | Self::RawClock => {
                include_str!("../avro/raw_event.avsc")
            }
            Self::Events => include_str!("../avro/event.avsc"),
            Self::Leads => include_str!("../avro/lead.avsc"),
            Self::Accounts => include_str!("../avro/account.avsc"),
            Self::Campaigns => include_str!("../avro/campaign.avsc"),
            Self::CampaignDays => include_str!("../avro/campaign_day.avsc"),
            Self::Scores => include_str!("../avro/campaign_score.avsc"),
            Self::Watermarks => include_str!("../avro/watermark.avsc"),
            Self::Recommendations => include_str!("../avro/recommendation.avsc"),
            Self::Alerts => include_str!("../avro/alert.avsc"),
            Self::DeadLetters => include_str!("../avro/dead_letter.avsc"),
        }
    }

    /// The record that its values are, in the schema as in [`crate::record`].
    #[must_use]
    pub const fn record(self) -> &'static str {
        match self {
            Self::RawFacebook | Self::RawCrm | Self::RawCsv | Self::RawClock => "RawEvent",
            Self::Events => "Event",
            Self::Leads => "Lead",
            Self::Accounts => "Account",
            Self::Campaigns => "Campaign",
            Self::CampaignDays => "CampaignDay",
            Self::Scores => "CampaignScore",
            Self::Watermarks => "Watermark",
            Self::Recommendations => "Recommendation",
            Self::Alerts => "Alert",
            Self::DeadLetters => "DeadLetter",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_described_once_under_the_name_the_code_uses() {
        let described: toml::Table = toml::from_str(include_str!("../topics.toml")).unwrap();
        assert_eq!(described.len(), Topic::ALL.len());
        for topic in Topic::ALL {
            let spec = topic.spec().unwrap();
            assert_eq!(spec.name, topic.name());
            assert_eq!(spec.retention_days.is_some(), spec.cleanup == Cleanup::Delete, "{topic:?}");
            let file = format!("{}/avro/{}.avsc", env!("CARGO_MANIFEST_DIR"), spec.schema);
            assert_eq!(std::fs::read_to_string(file).unwrap(), topic.avsc());
            let schema: serde_json::Value = serde_json::from_str(topic.avsc()).unwrap();
            assert_eq!(schema["name"], topic.record());
        }
    }
}
