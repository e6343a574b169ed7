//! One campaign of the slab: what it is called, what it is, and its days.

use std::sync::Arc;

use chrono_tz::Tz;
use schemas::record::{Campaign, Origin};
use schemas::{CampaignKey, Micros, TimestampMs};

use super::batches::Stood;
use super::days::Days;
use super::figures::Currency;
use super::judged::spend_min;
use super::layout;
use super::pack::Packer;
use super::profile::Profile;
use super::sheet::Sheet;
use crate::Policy;

/// A campaign. The parts of its key are kept unescaped behind one pointer.
#[derive(Clone, Debug)]
pub(super) struct CampaignState {
    pub(super) key: Box<str>,
    /// The parts of the key where they are escaped in it, else nothing.
    parts: Option<Box<[Box<str>; 3]>>,
    /// Where the parts of the key are divided.
    colons: [u32; 2],
    pub(super) about: About,
    pub(super) core: Core,
    pub(super) days: Days,
    /// A day that spent as much may be found an outlier beside the others, by one of the policies.
    pub(super) spend_min: Micros,
    /// The time zone that the policies set for its account.
    account_zone: Option<Tz>,
    /// Which entry of the open transaction's journal is this campaign's; see [`super::journal`].
    pub(super) touch: u64,
}

/// What the campaign is: changes rarely.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) profile: Sheet,
    pub(super) zone: Tz,
}

/// What follows from its days: small and plain, because each transaction that touches the campaign keeps the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Core {
    /// When the newest complete batch of any day was observed.
    pub(super) metrics_at: Option<TimestampMs>,
    /// The currency of the newest complete batch that named one, with its moment.
    currency: Option<(TimestampMs, Currency)>,
    /// Log time at which the campaign was first heard of.
    pub(super) known_since: TimestampMs,
}

impl Core {
    pub(super) fn new(known_since: TimestampMs) -> Self {
        Self { metrics_at: None, currency: None, known_since }
    }
}

impl CampaignState {
    /// A campaign of which nothing is known. `None` when the key is not a campaign key.
    pub(super) fn new(key: &str, known_since: TimestampMs, policies: &[Arc<Policy>]) -> Option<Self> {
        let parts = CampaignKey::split(key)?;
        let accounts = || policies.iter().map(|policy| policy.account(&parts[0], &parts[1]));
        let spend_min = accounts().map(|account| spend_min(&account)).min().unwrap_or(Micros(i64::MAX));
        let account_zone = accounts().find_map(|account| account.time_zone);
        let is_escaped = key.contains('%');
        let mut colons = key.match_indices(':').map(|(at, _)| u32::try_from(at).ok());
        let colons = [colons.next()??, colons.next()??];
        let parts = is_escaped.then(|| Box::new(parts.map(|part| part.into_owned().into_boxed_str())));
        Some(Self {
            key: key.into(),
            parts,
            colons,
            about: About { profile: Sheet::default(), zone: account_zone.unwrap_or(Tz::UTC) },
            core: Core::new(known_since),
            days: Days::default(),
            spend_min,
            account_zone,
            touch: 0,
        })
    }

    pub(super) fn parts(&self) -> [&str; 3] {
        if let Some(parts) = &self.parts {
            return [&parts[0], &parts[1], &parts[2]];
        }
        let [first, second] = self.colons.map(|at| at as usize);
        [&self.key[..first], &self.key[first + 1..second], &self.key[second + 1..]]
    }

    /// What the campaign's money is counted in, as its profile or its figures say.
    pub(super) fn currency(&self) -> Option<&str> {
        let seen = self.core.currency.as_ref().map(|(_, currency)| currency.text());
        self.about.profile.currency().or(seen)
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.about.profile.name()
    }

    pub(super) fn set_profile(&mut self, profile: &Profile<'_>, buffer: &mut Packer) {
        let named = profile.time_zone.value().and_then(|name| name.parse().ok());
        self.about.zone = self.account_zone.or(named).unwrap_or(Tz::UTC);
        self.about.profile = Sheet::new(profile, buffer);
    }

    /// Takes note of the batch that stands for a source and day, and of the one that stood before.
    pub(super) fn observe(&mut self, before: Option<Stood>, standing: Stood) {
        let core = &mut self.core;
        core.metrics_at = core.metrics_at.max(Some(standing.observed_at));
        if standing.currency.is_some() && core.currency.is_none_or(|(at, _)| at < standing.observed_at) {
            // The newest of all, as it mostly is: whatever it replaces is not looked for.
            core.currency = told(standing);
            return;
        }
        let gone = before.and_then(told).filter(|gone| Some(*gone) == core.currency);
        core.currency = core.currency.max(told(standing));
        if gone.is_some() && gone == core.currency {
            // The batch that named the currency does not stand any more, and its successor names none.
            self.find_currency();
        }
    }

    /// Finds the currency of the newest batch that names one.
    pub(super) fn find_currency(&mut self) {
        let days = self.days.all().map(|(_, bytes)| layout::get(bytes));
        let complete = days.flat_map(|day| day.sources.into_iter().flatten().filter_map(|b| b.newest));
        self.core.currency = complete.filter_map(|batch| told(batch.stood())).max();
    }

    /// The record of the campaign itself.
    pub(super) fn record<'a>(&'a self, origin: Origin<'a>) -> Campaign<'a> {
        self.about.profile.read().record(self.parts(), self.core.known_since, origin)
    }

    /// Bytes that the campaign takes, with what it holds on the heap alone.
    pub(super) fn bytes(&self) -> usize {
        let parts = self
            .parts
            .as_ref()
            .map_or(0, |parts| size_of_val(&**parts) + parts.iter().map(|part| part.len()).sum::<usize>());
        size_of::<Self>() + self.key.len() + parts + self.days.heap_bytes() + self.about.profile.heap_bytes()
    }
}

/// The currency that a batch names, with its moment.
fn told(batch: Stood) -> Option<(TimestampMs, Currency)> {
    batch.currency.map(|currency| (batch.observed_at, currency))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_newest_batch_that_names_a_currency_says_it_and_of_one_moment_the_greatest(
            batches in proptest::collection::vec((0..6_i64, proptest::sample::select(vec!["", "EUR", "GBP", "USD"])), 1..12),
        ) {
            let policies = [Arc::new(Policy::default())];
            let mut campaign = CampaignState::new("facebook:1:10", TimestampMs(0), &policies).unwrap();
            let mut expected = None;
            for (at, code) in batches {
                let standing = Stood { observed_at: TimestampMs(at), currency: Currency::new(code) };
                campaign.observe(None, standing);
                expected = expected.max(told(standing));
                prop_assert_eq!(campaign.core.currency, expected);
            }
        }
    }
}
