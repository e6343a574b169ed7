//! Which campaign is meant: a key as it is, a bare id where only one account has it, otherwise an error with what comes
//! near.

use std::collections::BTreeSet;

use anyhow::bail;
use schemas::{CampaignKey, Topic};

use crate::commands::replay::Log;

/// Suggestions in an error.
const NEAR_MAX: usize = 5;
/// Longer names are compared by their beginnings.
const COMPARED_CHARS_MAX: usize = 120;

/// The key of the campaign that somebody named. Blocks.
pub fn campaign_key(log: &Log, named: &str) -> anyhow::Result<String> {
    if CampaignKey::split(named).is_some() {
        return Ok(named.to_owned());
    }
    let known = known(log)?;
    let with_id: Vec<&String> = known.iter().filter(|key| id_of(key).is_some_and(|id| id == named)).collect();
    match with_id.as_slice() {
        [] => Err(unknown(&known, named)),
        [key] => Ok((*key).clone()),
        several => bail!(
            "{} campaigns have the id {named}; name one by its key: {}",
            several.len(),
            several.iter().take(NEAR_MAX).map(|key| key.as_str()).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// The error for a campaign that has no score. Blocks.
pub fn not_found(log: &Log, named: &str) -> anyhow::Error {
    match known(log) {
        Ok(known) => unknown(&known, named),
        Err(error) => error,
    }
}

/// Keys of all campaigns that have a score.
fn known(log: &Log) -> anyhow::Result<BTreeSet<String>> {
    let mut known = BTreeSet::new();
    log.open(Topic::Scores, None)?.for_each(|record| {
        if let Some(key) = record.key.and_then(|key| std::str::from_utf8(key).ok()) {
            if record.value.is_some() {
                known.insert(key.to_owned());
            } else {
                known.remove(key);
            }
        }
        true
    })?;
    Ok(known)
}

fn id_of(key: &str) -> Option<String> {
    CampaignKey::split(key).map(|[_, _, id]| id.into_owned())
}

fn unknown(known: &BTreeSet<String>, named: &str) -> anyhow::Error {
    let near = near(known, named);
    match (known.len(), near.as_slice()) {
        (0, _) => anyhow::anyhow!("no campaign {named}: nothing has been scored yet"),
        (count, []) => anyhow::anyhow!("no campaign {named} among the {count} that have a score"),
        (_, near) => anyhow::anyhow!("no campaign {named}; near it: {}", near.join(", ")),
    }
}

/// Keys that contain what was named, or differ from it in few characters, nearest first.
fn near(known: &BTreeSet<String>, named: &str) -> Vec<String> {
    let whole_key = named.contains(':');
    // Platform and account are long and mostly right; how much may be misspelt is told by the campaign alone.
    let campaign = named.rsplit(':').next().unwrap_or(named);
    let limit = 1 + campaign.chars().count() / 4;
    let mut found: Vec<(usize, &String)> = known
        .iter()
        .filter_map(|key| {
            let compared = if whole_key { key.clone() } else { id_of(key)? };
            let steps =
                if !named.is_empty() && compared.contains(named) { 0 } else { distance(&compared, named) };
            (steps <= limit).then_some((steps, key))
        })
        .collect();
    found.sort();
    found.into_iter().take(NEAR_MAX).map(|(_, key)| key.clone()).collect()
}

/// How many characters must be put in, taken out or exchanged (V. Levenshtein, 1965).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(COMPARED_CHARS_MAX).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, char) in a.chars().take(COMPARED_CHARS_MAX).enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (at, other) in b.iter().enumerate() {
            let exchanged = diagonal + usize::from(char != *other);
            diagonal = row[at + 1];
            row[at + 1] = exchanged.min(row[at] + 1).min(row[at + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> BTreeSet<String> {
        ["facebook:1:spring", "facebook:1:summer", "facebook:2:23843"].map(str::to_owned).into()
    }

    #[test]
    fn a_misspelt_campaign_is_answered_with_what_comes_near() {
        assert_eq!(near(&known(), "sprong"), ["facebook:1:spring"]);
        assert_eq!(near(&known(), "facebook:1:sumer"), ["facebook:1:summer"]);
        assert_eq!(near(&known(), "238"), ["facebook:2:23843"]);
        assert_eq!(near(&known(), "something else"), Vec::<String>::new());
        assert!(unknown(&BTreeSet::new(), "x").to_string().contains("nothing has been scored"));
    }

    #[test]
    fn the_distance_counts_insertions_removals_and_exchanges() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("größe", "große"), 1);
    }
}
