//! Record keys. They are readable, and a separator inside a part is escaped, so that two things never share a key.

use std::borrow::Cow;
use std::fmt;

use crate::Day;

/// The three parts of a campaign key, `{platform}:{account_id}:{campaign_id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CampaignKey<'a> {
    /// Ad platform.
    pub platform: &'a str,
    /// Ad account.
    pub account_id: &'a str,
    /// Campaign.
    pub campaign_id: &'a str,
}

/// The two parts of an account key, `{platform}:{account_id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey<'a> {
    /// Ad platform.
    pub platform: &'a str,
    /// Ad account.
    pub account_id: &'a str,
}

/// A campaign key and a day, `{campaign key}@{YYYY-MM-DD}`: the key of `campaign-days`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayKey<'a> {
    /// The campaign's key as text, already escaped.
    pub campaign_key: &'a str,
    /// The day.
    pub day: Day,
}

/// The key of a lead, `{system}:{lead_id}`, each part escaped.
#[must_use]
pub fn lead_key(system: &str, lead_id: &str) -> String {
    let mut key = String::with_capacity(system.len() + lead_id.len() + 1);
    put_joined([system, lead_id], &mut key).expect("writing to a String cannot fail");
    key
}

impl CampaignKey<'_> {
    /// Appends the key to a buffer, which is how the hot path writes it.
    pub fn write(&self, out: &mut String) {
        self.put(out).expect("writing to a String cannot fail");
    }

    fn put(&self, out: &mut impl fmt::Write) -> fmt::Result {
        put_joined([self.platform, self.account_id, self.campaign_id], out)
    }

    /// Splits a key into its three parts, unescaped. `None` when it does not have three.
    #[must_use]
    pub fn split(key: &str) -> Option<[Cow<'_, str>; 3]> {
        let mut parts = key.split(':').map(unescape);
        let found = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(found)
    }
}

impl AccountKey<'_> {
    /// Appends the key to a buffer, which is how the hot path writes it.
    pub fn write(&self, out: &mut String) {
        self.put(out).expect("writing to a String cannot fail");
    }

    fn put(&self, out: &mut impl fmt::Write) -> fmt::Result {
        put_joined([self.platform, self.account_id], out)
    }

    /// Splits a key into its two parts, unescaped. `None` when it does not have two.
    #[must_use]
    pub fn split(key: &str) -> Option<[Cow<'_, str>; 2]> {
        let mut parts = key.split(':').map(unescape);
        let found = [parts.next()??, parts.next()??];
        parts.next().is_none().then_some(found)
    }
}

impl fmt::Display for AccountKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.put(f)
    }
}

impl fmt::Display for CampaignKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.put(f)
    }
}

impl<'a> DayKey<'a> {
    /// Splits the key of a campaign's day. `None` when it does not end in `@YYYY-MM-DD`.
    #[must_use]
    pub fn split(key: &'a str) -> Option<Self> {
        let (campaign_key, day) = key.rsplit_once('@')?;
        Some(Self { campaign_key, day: Day::parse(day)? })
    }
}

impl fmt::Display for DayKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.campaign_key, self.day)
    }
}

/// Appends the parts, each escaped, with colons between them. Without the machinery of formats.
fn put_joined<const N: usize>(parts: [&str; N], out: &mut impl fmt::Write) -> fmt::Result {
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            out.write_char(':')?;
        }
        put_escaped(part, out)?;
    }
    Ok(())
}

/// Appends a part, with the two characters percent-escaped that would make a key ambiguous.
fn put_escaped(part: &str, out: &mut impl fmt::Write) -> fmt::Result {
    let mut rest = part;
    if !may_need_escapes(part.as_bytes()) {
        return out.write_str(part);
    }
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b':' | b'%')) {
        out.write_str(&rest[..at])?;
        out.write_str(if rest.as_bytes()[at] == b':' { "%3A" } else { "%25" })?;
        rest = &rest[at + 1..];
    }
    out.write_str(rest)
}

/// Whether one of the two characters is there, eight bytes at a time: a byte that equals the sought one is the lowest that
/// borrows.
fn may_need_escapes(part: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let has = |word: u64, byte: u8| {
        let differs = word ^ u64::from_ne_bytes([byte; 8]);
        differs.wrapping_sub(ONES) & !differs & HIGH
    };
    let (words, rest) = part.as_chunks::<8>();
    let found = words
        .iter()
        .map(|word| u64::from_ne_bytes(*word))
        .fold(0, |found, word| found | has(word, b':') | has(word, b'%'));
    found != 0 || rest.iter().any(|byte| matches!(byte, b':' | b'%'))
}

fn unescape(part: &str) -> Option<Cow<'_, str>> {
    if !part.contains('%') {
        return Some(Cow::Borrowed(part));
    }
    let (mut out, mut rest) = (String::with_capacity(part.len()), part);
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        out.push(match rest.get(at..at + 3)? {
            "%3A" => ':',
            "%25" => '%',
            _ => return None,
        });
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_reads_as_its_parts() {
        let key = CampaignKey { platform: "facebook", account_id: "123", campaign_id: "Leads: 50% off" };
        assert_eq!(key.to_string(), "facebook:123:Leads%3A 50%25 off");
        assert_eq!(CampaignKey::split("a:b"), None);
        assert_eq!(CampaignKey::split("a:b:c:d"), None);
        assert_eq!(CampaignKey::split("a:b:%41"), None);
    }

    proptest! {
        #[test]
        fn a_key_gives_its_parts_back(platform in ".*", account_id in ".*", campaign_id in ".*", day in -700_000..2_900_000_i32) {
            let key = CampaignKey { platform: &platform, account_id: &account_id, campaign_id: &campaign_id }.to_string();
            let mut written = String::from("before ");
            CampaignKey { platform: &platform, account_id: &account_id, campaign_id: &campaign_id }.write(&mut written);
            prop_assert_eq!(written.strip_prefix("before "), Some(&*key));
            let parts = CampaignKey::split(&key).unwrap();
            prop_assert_eq!(&parts[0], &platform);
            prop_assert_eq!(&parts[1], &account_id);
            prop_assert_eq!(&parts[2], &campaign_id);
            let day_key = DayKey { campaign_key: &key, day: Day(day) };
            let text = day_key.to_string();
            prop_assert_eq!(DayKey::split(&text), Some(day_key));
            let account_key = AccountKey { platform: &platform, account_id: &account_id }.to_string();
            let parts = AccountKey::split(&account_key).unwrap();
            prop_assert_eq!((&*parts[0], &*parts[1]), (&*platform, &*account_id));
        }
    }
}
