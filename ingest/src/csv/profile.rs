//! Profiles: what exports of one kind call their columns. The built-in ones are compiled in; users may bring theirs.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::header::normalized;
use super::options::{Field, ProfileChoice};
use crate::CsvError;

/// Built-in profiles. A profile with `detect` comes before the general one, which fits whatever is left.
const BUILT_IN: [&str; 2] =
    [include_str!("../../profiles/kag.toml"), include_str!("../../profiles/ads-manager.toml")];

/// The names and rules of one kind of export.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    pub(super) name: String,
    #[serde(default = "default_platform")]
    pub(super) platform: String,
    /// Currency of files that do not say.
    #[serde(default)]
    pub(super) currency: Option<String>,
    /// Columns that give the kind away, all of them.
    #[serde(default)]
    pub(super) detect: Vec<String>,
    /// Fields without which a file is refused.
    pub(super) required: Vec<Field>,
    #[serde(default)]
    hints: BTreeMap<Field, String>,
    /// Names of each field's column, the most specific first.
    pub(super) columns: BTreeMap<Field, Vec<String>>,
    #[serde(default)]
    pub(super) results: ResultTypes,
    #[serde(default)]
    pub(super) totals: Totals,
}

/// Words by which a result type is recognised.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResultTypes {
    #[serde(default)]
    pub(super) leads: Vec<String>,
    #[serde(default)]
    pub(super) purchases: Vec<String>,
}

/// What stands for a day or a campaign in rows that sum up others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Totals {
    pub(super) names: Vec<String>,
}

impl Default for Totals {
    fn default() -> Self {
        Self { names: vec!["all".to_owned(), "total".to_owned()] }
    }
}

fn default_platform() -> String {
    "facebook".to_owned()
}

/// The profiles that may fit, the first that is detected being the one. A chosen profile is the only candidate.
pub(super) fn candidates(choice: &ProfileChoice) -> Result<Vec<Profile>, CsvError> {
    let built_in = || -> Vec<Profile> {
        BUILT_IN
            .iter()
            .map(|text| toml::from_str(text).expect("the tests parse every built-in profile"))
            .collect()
    };
    match choice {
        ProfileChoice::Auto => Ok(built_in()),
        ProfileChoice::Named(name) => {
            let all = built_in();
            let names: Vec<String> = all.iter().map(|profile| profile.name.clone()).collect();
            let found = all.into_iter().find(|profile| profile.name == *name);
            found.map(|profile| vec![Profile { detect: Vec::new(), ..profile }]).ok_or_else(|| {
                CsvError::Mapping(format!(
                    "there is no profile {name:?}; the built-in ones are {}, and a path to a TOML file is one too",
                    names.join(", ")
                ))
            })
        }
        ProfileChoice::File(path) => {
            read(path).map(|profile| vec![Profile { detect: Vec::new(), ..profile }])
        }
    }
}

fn read(path: &Path) -> Result<Profile, CsvError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| CsvError::Unreadable { path: path.to_owned(), source })?;
    toml::from_str(&text)
        .map_err(|error| CsvError::Mapping(format!("the profile {} is not valid: {error}", path.display())))
}

impl Profile {
    /// Whether the header (normalized) has every column that gives this kind away.
    pub(super) fn detects(&self, header: &[String]) -> bool {
        self.detect.iter().all(|name| header.contains(&normalized(name)))
    }

    /// What to do about a field that no column was found for.
    pub(super) fn hint(&self, field: Field) -> String {
        self.hints.get(&field).cloned().unwrap_or_else(|| {
            format!("name the column with --map \"COLUMN={field}\" or use a profile that knows it")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_profile_is_valid_and_claims_no_name_for_two_fields() {
        for profile in candidates(&ProfileChoice::Auto).unwrap() {
            let mut names: Vec<String> =
                profile.columns.values().flatten().map(|name| normalized(name)).collect();
            names.sort();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{}", profile.name);
            assert!(profile.totals.names.iter().all(|name| normalized(name) == *name), "{}", profile.name);
        }
    }

    #[test]
    fn an_unknown_profile_is_refused_with_the_names_there_are() {
        let error = candidates(&ProfileChoice::Named("nope".to_owned())).unwrap_err().to_string();
        assert!(error.contains("kag, ads-manager"), "{error}");
    }
}
