//! From a TOML table to a resolved policy: layers laid over each other, checked, resolved and hashed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use chrono_tz::Tz;
use schemas::AccountKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::Table;

use super::layer::{Overrides, Section, named, unreadable};
use super::pattern::{Glob, Pattern};
use super::score::require_shown;
use super::{
    AlertPolicy, EffectivePolicy, FacebookPolicy, FactsPolicy, Policy, PolicyError, QualityPolicy, Scope,
    ScorePolicy,
};

/// Hex digits of a version: enough to tell policies apart, short enough to read aloud.
const VERSION_HEX_DIGITS: usize = 12;
/// Combinations of account and pattern: loading resolves them all.
const COMBINATIONS_MAX: usize = 10_000;

/// The sections of default.toml, which names everything.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sections {
    score: ScorePolicy,
    facts: FactsPolicy,
    alerts: AlertPolicy,
    quality: QualityPolicy,
    facebook: FacebookPolicy,
}

/// What the user wrote. Accounts and patterns are read one by one, so that errors can name them.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Given {
    score: Table,
    facts: Table,
    alerts: Table,
    quality: Table,
    facebook: Table,
    accounts: BTreeMap<String, Table>,
    campaigns: Vec<Table>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AccountTable {
    time_zone: Option<String>,
    currency: Option<String>,
    score: Table,
    alerts: Table,
    quality: Table,
    facebook: Table,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PatternTable {
    key: Option<String>,
    name: Option<String>,
    score: Table,
    alerts: Table,
}

pub(super) fn policy(given: Table) -> Result<Policy, PolicyError> {
    let given: Given = given.try_into().map_err(|e| unreadable("", &e))?;
    let defaults: Table = Policy::DEFAULT_TOML.parse().map_err(|e| unreadable("", &e))?;
    let defaults: Sections = defaults.try_into().map_err(|e| unreadable("", &e))?;
    let sections = Sections {
        score: defaults.score.overlaid(&given.score)?,
        facts: defaults.facts.overlaid(&given.facts)?,
        alerts: defaults.alerts.overlaid(&given.alerts)?,
        quality: defaults.quality.overlaid(&given.quality)?,
        facebook: defaults.facebook.overlaid(&given.facebook)?,
    };
    let combinations = (given.accounts.len() + 1).saturating_mul(given.campaigns.len() + 1);
    require_shown(
        combinations <= COMBINATIONS_MAX,
        "accounts and campaigns",
        format!("{combinations} combinations of account and pattern"),
        "at most 10000 are resolved",
    )?;
    let patterns = (1..).zip(given.campaigns).map(|(at, table)| pattern(at, table));
    let patterns = patterns.collect::<Result<Vec<_>, _>>()?;
    let tables = Overrides {
        score: named::<ScorePolicy>(&given.score)?,
        facts: given.facts,
        alerts: given.alerts,
        quality: given.quality,
        facebook: given.facebook,
    };
    let base = scope(&sections, (None, None), tables, &patterns)?;
    let mut accounts: BTreeMap<String, BTreeMap<String, Scope>> = BTreeMap::new();
    for (key, table) in given.accounts {
        let [platform, account_id] = account_key(&key)?;
        let resolved = account(&sections, &key, table, &patterns)?;
        accounts.entry(platform).or_default().insert(account_id, resolved);
    }
    let version = overall(&base, &accounts, &patterns);
    Ok(Policy { facts: sections.facts, base, accounts, patterns, version })
}

/// Reads entry `at` of `[[campaigns]]`, counted from 1.
fn pattern(at: usize, table: Table) -> Result<Pattern, PolicyError> {
    let path = format!("campaigns[{at}]");
    let given: PatternTable = table.try_into().map_err(|e| unreadable(&path, &e))?;
    let texts = [("key", &given.key), ("name", &given.name)];
    let rule = "it needs a key or a name, such as \"facebook:123:*\" or \"*retarget*\"";
    let is_some = given.key.is_some() || given.name.is_some();
    require_shown(is_some, &path, "without a pattern".to_owned(), rule)?;
    for (key, text) in texts {
        let is_empty = text.as_ref().is_some_and(String::is_empty);
        require_shown(!is_empty, &format!("{path}.{key}"), "empty".to_owned(), rule)?;
    }
    let score = named::<ScorePolicy>(&given.score).map_err(|e| within(&path, e))?;
    Ok(Pattern {
        key: given.key.as_deref().map(Glob::key),
        name: given.name.as_deref().map(Glob::name),
        tables: Overrides { score, alerts: given.alerts, ..Overrides::default() },
    })
}

/// The two parts of an account's key.
fn account_key(key: &str) -> Result<[String; 2], PolicyError> {
    let parts = AccountKey::split(key).filter(|parts| parts.iter().all(|part| !part.is_empty()));
    let parts = parts.ok_or_else(|| PolicyError::OutOfRange {
        key: "accounts".to_owned(),
        value: key.to_owned(),
        rule: "an account is named platform:account_id, with : and % within a part as %3A and %25",
    })?;
    Ok(parts.map(Cow::into_owned))
}

fn account(below: &Sections, key: &str, table: Table, patterns: &[Pattern]) -> Result<Scope, PolicyError> {
    let path = format!("accounts.{key}");
    let given: AccountTable = table.try_into().map_err(|e| unreadable(&path, &e))?;
    let within = |error| within(&path, error);
    let sections = Sections {
        score: below.score.overlaid(&given.score).map_err(within)?,
        facts: below.facts.clone(),
        alerts: below.alerts.overlaid(&given.alerts).map_err(within)?,
        quality: below.quality.overlaid(&given.quality).map_err(within)?,
        facebook: below.facebook.overlaid(&given.facebook).map_err(within)?,
    };
    let place = (time_zone(&path, given.time_zone.as_deref())?, currency(&path, given.currency)?);
    let tables = Overrides {
        score: named::<ScorePolicy>(&given.score).map_err(within)?,
        facts: Table::new(),
        alerts: given.alerts,
        quality: given.quality,
        facebook: given.facebook,
    };
    scope(&sections, place, tables, patterns).map_err(|error| match error {
        // The pattern was fine on top of the policy: say what it does not go together with.
        PolicyError::Unreadable(reason) => PolicyError::Unreadable(format!("{reason} (on top of {path})")),
        PolicyError::OutOfRange { key, value, rule } => {
            PolicyError::OutOfRange { key: format!("{key} on top of {path}"), value, rule }
        }
    })
}

/// Resolves an account, and its campaigns for each of the patterns.
fn scope(
    sections: &Sections,
    (time_zone, currency): (Option<Tz>, Option<String>),
    tables: Overrides,
    patterns: &[Pattern],
) -> Result<Scope, PolicyError> {
    let (quality, facebook) = (Arc::new(sections.quality.clone()), Arc::new(sections.facebook.clone()));
    let effective = |score: ScorePolicy, alerts: AlertPolicy| {
        let place = (time_zone.map(Tz::name), &currency);
        let version = hash(&(&score, &alerts, &sections.facts, &*quality, &*facebook, place));
        let (quality, facebook) = (Arc::clone(&quality), Arc::clone(&facebook));
        Arc::new(EffectivePolicy {
            time_zone,
            currency: currency.clone(),
            score,
            alerts,
            quality,
            facebook,
            version,
        })
    };
    let mut campaigns = Vec::with_capacity(patterns.len());
    for (at, pattern) in (1..).zip(patterns) {
        let within = |error| within(&format!("campaigns[{at}]"), error);
        let score = sections.score.overlaid(&pattern.tables.score).map_err(within)?;
        let alerts = sections.alerts.overlaid(&pattern.tables.alerts).map_err(within)?;
        campaigns.push(effective(score, alerts));
    }
    let account = effective(sections.score.clone(), sections.alerts);
    Ok(Scope { account, campaigns, tables })
}

/// The version of everything that may be in force anywhere.
fn overall(
    base: &Scope,
    accounts: &BTreeMap<String, BTreeMap<String, Scope>>,
    patterns: &[Pattern],
) -> String {
    let text = |glob: &Option<Glob>| glob.as_ref().map(|glob| glob.as_str().to_owned());
    let globs: Vec<_> = patterns.iter().map(|pattern| (text(&pattern.key), text(&pattern.name))).collect();
    let scopes = accounts.iter().flat_map(|(platform, accounts)| {
        accounts.iter().map(move |(account_id, scope)| (platform, account_id, scope.versions()))
    });
    hash(&(base.versions(), globs, scopes.collect::<Vec<_>>()))
}

impl Scope {
    /// The versions of everything in force in it.
    fn versions(&self) -> Vec<&str> {
        let campaigns = self.campaigns.iter().map(|campaign| campaign.version.as_str());
        std::iter::once(self.account.version.as_str()).chain(campaigns).collect()
    }
}

impl Section for QualityPolicy {
    const NAME: &str = "quality";

    fn checked(self) -> Result<Self, PolicyError> {
        // Not this method, but the type's own.
        Self::checked(self)
    }
}

/// The error with the place of the key before it.
fn within(path: &str, error: PolicyError) -> PolicyError {
    match error {
        PolicyError::Unreadable(reason) => PolicyError::Unreadable(format!("{path}.{reason}")),
        PolicyError::OutOfRange { key, value, rule } => {
            PolicyError::OutOfRange { key: format!("{path}.{key}"), value, rule }
        }
    }
}

fn time_zone(path: &str, name: Option<&str>) -> Result<Option<Tz>, PolicyError> {
    let Some(name) = name else { return Ok(None) };
    name.parse().map(Some).map_err(|_| PolicyError::OutOfRange {
        key: format!("{path}.time_zone"),
        value: name.to_owned(),
        rule: "it must be a name of the IANA time zone database, such as America/New_York",
    })
}

fn currency(path: &str, code: Option<String>) -> Result<Option<String>, PolicyError> {
    let Some(code) = code else { return Ok(None) };
    let valid = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    let rule = "it must be an ISO 4217 code, three capital letters";
    require_shown(valid, &format!("{path}.currency"), code.clone(), rule)?;
    Ok(Some(code))
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
