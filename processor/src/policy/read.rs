//! From a TOML table to a resolved policy: laid over the defaults, checked, resolved per account, hashed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use chrono_tz::Tz;
use schemas::record::Source;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::Table;

use super::score::{SYMBOLS, require_shown};
use super::{AccountPolicy, FacebookPolicy, FactsPolicy, Policy, PolicyError, QualityPolicy, ScorePolicy};

/// Hex digits of a version: enough to tell policies apart, short enough to read aloud.
const VERSION_HEX_DIGITS: usize = 12;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sections {
    score: ScorePolicy,
    facts: FactsPolicy,
    quality: QualityPolicy,
    facebook: FacebookPolicy,
    accounts: BTreeMap<String, AccountSection>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct AccountSection {
    #[serde(default)]
    time_zone: Option<String>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    score: Table,
}

pub(super) fn policy(given: Table) -> Result<Policy, PolicyError> {
    let unreadable = |e: toml::de::Error| PolicyError::Unreadable(e.message().to_owned());
    let mut table: Table = Policy::DEFAULT_TOML.parse().map_err(unreadable)?;
    for (section, value) in given {
        match (table.get_mut(&section), value) {
            (Some(toml::Value::Table(defaults)), toml::Value::Table(values)) => {
                for (key, value) in values {
                    defaults.insert(spelled_out(&section, key), value);
                }
            }
            // A section that does not exist, or is not a table, is refused by name below.
            (_, value) => {
                table.insert(section, value);
            }
        }
    }
    let sections: Sections = table.try_into().map_err(unreadable)?;
    resolve(sections)
}

fn spelled_out(section: &str, key: String) -> String {
    if section != "score" {
        return key;
    }
    SYMBOLS.iter().find(|(symbol, _)| *symbol == key).map_or(key, |(_, name)| (*name).to_owned())
}

fn resolve(sections: Sections) -> Result<Policy, PolicyError> {
    let Sections { score, facts, quality, facebook, accounts } = sections;
    check_facts(&facts)?;
    let quality = quality.checked()?;
    let score = score.checked()?;
    let version = |score: &ScorePolicy, section: Option<&AccountSection>| {
        let place = section.map(|section| (&section.time_zone, &section.currency));
        hash(&(score, &facts, &quality, &facebook, place))
    };
    let base = AccountPolicy { time_zone: None, currency: None, version: version(&score, None), score };
    let mut resolved = BTreeMap::new();
    for (key, section) in &accounts {
        let named = key.split_once(':').is_some_and(|(platform, id)| !platform.is_empty() && !id.is_empty());
        require_shown(named, "accounts", key.clone(), "an account is named platform:account_id")?;
        let score = base.score.with_overrides(&section.score).map_err(|e| within(key, e))?;
        let account = AccountPolicy {
            time_zone: time_zone(key, section)?,
            currency: currency(key, section)?,
            version: version(&score, Some(section)),
            score,
        };
        resolved.insert(key.clone(), Arc::new(account));
    }
    let version = hash(&(&base.version, &accounts));
    Ok(Policy { facts, quality, facebook, base: Arc::new(base), accounts: resolved, version })
}

fn check_facts(facts: &FactsPolicy) -> Result<(), PolicyError> {
    let sources = &facts.source_precedence;
    let metrics_only = sources.iter().all(|source| matches!(source, Source::Facebook | Source::Csv));
    let distinct = sources.iter().enumerate().all(|(at, source)| !sources[..at].contains(source));
    let rule = "it must name FACEBOOK and CSV, each once; other sources report no figures";
    let shown = format!("{sources:?}");
    require_shown(metrics_only && distinct && sources.len() == 2, "facts.source_precedence", shown, rule)?;
    for (key, value, max) in [
        ("facts.horizon_months", facts.horizon_months, 1_200),
        ("facts.batch_rows_max", facts.batch_rows_max, u16::MAX),
        ("facts.pending_batches_max", u16::from(facts.pending_batches_max), 64),
    ] {
        require_shown(
            (1..=max).contains(&value),
            key,
            value.to_string(),
            "it must be at least 1 and not huge",
        )?;
    }
    Ok(())
}

fn within(account: &str, error: PolicyError) -> PolicyError {
    match error {
        PolicyError::Unreadable(reason) => PolicyError::Unreadable(format!("accounts.{account}: {reason}")),
        PolicyError::OutOfRange { key, value, rule } => {
            PolicyError::OutOfRange { key: format!("accounts.{account}.{key}"), value, rule }
        }
    }
}

fn time_zone(account: &str, section: &AccountSection) -> Result<Option<Tz>, PolicyError> {
    let Some(name) = &section.time_zone else { return Ok(None) };
    name.parse().map(Some).map_err(|_| PolicyError::OutOfRange {
        key: format!("accounts.{account}.time_zone"),
        value: name.clone(),
        rule: "it must be a name of the IANA time zone database, such as America/New_York",
    })
}

fn currency(account: &str, section: &AccountSection) -> Result<Option<String>, PolicyError> {
    let Some(code) = &section.currency else { return Ok(None) };
    let valid = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    let key = format!("accounts.{account}.currency");
    require_shown(valid, &key, code.clone(), "it must be an ISO 4217 code, three capital letters")?;
    Ok(Some(code.clone()))
}

/// The first digits of the SHA-256 of the values' JSON, whose field order is that of the types.
fn hash<T: Serialize>(values: &T) -> String {
    let text = serde_json::to_vec(values).expect("a policy is plain finite values");
    let mut out = String::new();
    for byte in &Sha256::digest(&text)[..VERSION_HEX_DIGITS / 2] {
        write!(out, "{byte:02x}").expect("writing to a String cannot fail");
    }
    out
}
