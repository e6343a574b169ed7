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
pub(super) struct Glob {
    text: String,
    any_case: bool,
}

impl Pattern {
    /// Whether the entry means a campaign. What is not known of a campaign matches nothing, not even `*`.
    pub(super) fn matches(&self, key: Option<&str>, name: Option<&str>) -> bool {
        let holds = |glob: &Option<Glob>, text: Option<&str>| {
            glob.as_ref().is_none_or(|glob| text.is_some_and(|text| glob.matches(text)))
        };
        holds(&self.key, key) && holds(&self.name, name)
    }
}

impl Glob {
    pub(super) fn exact_case(text: &str) -> Self {
        Self { text: text.to_owned(), any_case: false }
    }

    pub(super) fn any_case(text: &str) -> Self {
        Self { text: text.to_lowercase(), any_case: true }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    fn matches(&self, text: &str) -> bool {
        if self.any_case { wild(&self.text, &text.to_lowercase()) } else { wild(&self.text, text) }
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
    fn names_match_in_any_case_and_keys_in_theirs() {
        assert!(Glob::any_case("*ReTarget*").matches("Spring RETARGETING 2026"));
        assert!(Glob::any_case("öl ?").matches("ÖL 7"));
        assert!(Glob::exact_case("facebook:123:*").matches("facebook:123:A"));
        assert!(!Glob::exact_case("Facebook:123:*").matches("facebook:123:A"));
        assert!(!Glob::exact_case("facebook:12:*").matches("facebook:123:A"));
    }

    #[test]
    fn what_is_not_known_of_a_campaign_matches_nothing() {
        let named = Pattern { key: None, name: Some(Glob::any_case("*")), tables: Overrides::default() };
        assert!(named.matches(Some("a:b:c"), Some("")) && !named.matches(Some("a:b:c"), None));
        let both = Pattern { key: Some(Glob::exact_case("a:*")), ..named };
        assert!(both.matches(Some("a:b:c"), Some("x")));
        assert!(!both.matches(Some("b:b:c"), Some("x")) && !both.matches(None, Some("x")));
    }
}
