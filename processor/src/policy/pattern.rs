//! Patterns of `[[campaigns]]`: which campaigns an entry of the policy means.
//!
//! A pattern names campaigns by their key as it stands in the topics (`facebook:123:*`, exact case), by their name
//! (`*retarget*`, any case), or by both. `*` stands for any text, also none, and `?` for one character; nothing else
//! is special. [`super::Policy::campaign`] asks for the first entry that matches.

use super::layer::Overrides;

/// One entry of `[[campaigns]]`.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) key: Option<Glob>,
    pub(super) name: Option<Glob>,
    /// What the entry overrides, by section.
    pub(super) tables: Overrides,
}

/// A text with wildcards.
#[derive(Clone, Debug)]
pub(super) struct Glob(String);

impl Pattern {
    /// Whether the entry means a campaign, of which the name comes in lower case. What is not known of a campaign
    /// matches nothing, not even `*`.
    pub(super) fn matches(&self, key: Option<&str>, lower_name: Option<&str>) -> bool {
        let holds = |glob: &Option<Glob>, text: Option<&str>| {
            glob.as_ref().is_none_or(|Glob(pattern)| text.is_some_and(|text| wild(pattern, text)))
        };
        holds(&self.key, key) && holds(&self.name, lower_name)
    }
}

impl Glob {
    /// One for keys, which match in their very case.
    pub(super) fn key(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// One for names in lower case.
    pub(super) fn name(text: &str) -> Self {
        Self(text.to_lowercase())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Matches in one pass: only the last `*` is ever taken back, because an earlier one that took more would leave less
/// to what follows. So the cost is at most the product of the two lengths.
fn wild(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Where to go on if what follows the last `*` does not fit: after it, and one character further in the text.
    let mut retry = None;
    loop {
        let here = text.clone();
        match (pattern.next(), text.next()) {
            (Some('*'), _) => {
                text = here;
                retry = Some((pattern.clone(), text.clone()));
            }
            (None, None) => return true,
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => {
                let Some((after, taken)) = &mut retry else { return false };
                if taken.next().is_none() {
                    return false;
                }
                (pattern, text) = (after.clone(), taken.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, plainly: exponential, for short texts.
    fn defined(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => {
                defined(rest, text) || (!text.is_empty() && defined(pattern, &text[1..]))
            }
            (['?', rest @ ..], [_, left @ ..]) => defined(rest, left),
            ([wanted, rest @ ..], [found, left @ ..]) => wanted == found && defined(rest, left),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_glob_matches_as_it_is_defined(pattern in "[abü*?]{0,8}", text in "[abü*]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(wild(&pattern, &text), defined(&chars(&pattern), &chars(&text)));
        }
    }

    #[test]
    fn what_is_not_known_of_a_campaign_matches_nothing() {
        let named = Pattern { key: None, name: Some(Glob::name("*")), tables: Overrides::default() };
        assert!(named.matches(Some("a:b:c"), Some("")) && !named.matches(Some("a:b:c"), None));
        let both = Pattern { key: Some(Glob::key("a:*")), ..named };
        assert!(both.matches(Some("a:b:c"), Some("x")));
        assert!(!both.matches(Some("b:b:c"), Some("x")) && !both.matches(None, Some("x")));
    }
}
