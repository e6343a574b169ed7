//! The ad accounts of a partition: what the source says of them, and how many of their records are doubted or refused.
//!
//! What is observed of an account replaces, the newest moment wins. Counts of records add up, hour by hour; they come
//! once for each transaction of `normalize`, so a count is never repeated.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::record::{Account, AccountObserved, Origin, QualityCounted, QualityHour};
use schemas::{AccountKey, TimestampMs};

use super::journal::Cause;
use super::told::{Observed, Told};
use crate::Policy;
use crate::alert::{AccountView, Codes};
use crate::policy::EffectivePolicy;

/// Hours remembered.
const HOURS_MAX: usize = 3;

/// The accounts by key, and those that the open transaction touched.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    known: BTreeMap<Box<str>, AccountState>,
    /// As they were, `None` if the transaction created them, and what touched them last.
    touched: BTreeMap<Box<str>, (Option<AccountState>, Cause)>,
}

/// One account.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AccountState {
    platform: Box<str>,
    account_id: Box<str>,
    object: Told<Object>,
    /// Whether the source can read the account, by the newest that it said.
    failure: Told<Option<Failure>>,
    /// Oldest first.
    hours: Vec<QualityHour>,
    pub(super) firing: Codes,
}

#[derive(Clone, Debug, Default, PartialEq, PartialOrd)]
struct Object {
    name: Option<Box<str>>,
    status: Option<Box<str>>,
    time_zone: Option<Box<str>>,
    currency: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, PartialOrd)]
struct Failure {
    code: Box<str>,
    sentence: Option<Box<str>>,
}

impl Accounts {
    /// Changes an account, which is made if it is new. `None` when the key is not an account key.
    pub(super) fn change(
        &mut self,
        key: &str,
        cause: Cause,
        change: impl FnOnce(&mut AccountState) -> Observed,
    ) -> Option<Observed> {
        let before = self.known.get(key).cloned();
        let mut after = match &before {
            Some(known) => known.clone(),
            None => AccountState::new(key)?,
        };
        let observed = change(&mut after);
        if before.as_ref() != Some(&after) {
            self.known.insert(key.into(), after);
            self.touched.entry(key.into()).or_insert((before, cause)).1 = cause;
        }
        Some(observed)
    }

    /// The accounts that the open transaction touched, in the order of their keys, with what touched them last.
    pub(super) fn touched(&self) -> impl Iterator<Item = (&str, &AccountState, Cause)> {
        self.touched.iter().filter_map(|(key, (_, cause))| {
            self.known.get_key_value(key).map(|(key, account)| (&**key, account, *cause))
        })
    }

    pub(super) fn set_firing(&mut self, key: &str, firing: Codes) {
        if let Some(account) = self.known.get_mut(key) {
            account.firing = firing;
        }
    }

    pub(super) fn commit(&mut self) {
        self.touched.clear();
    }

    pub(super) fn abort(&mut self) {
        for (key, (before, _)) in std::mem::take(&mut self.touched) {
            match before {
                Some(before) => self.known.insert(key, before),
                None => self.known.remove(&key),
            };
        }
    }

    /// Takes back a record; `None` is a tombstone. Returns `None` when the key is not an account key.
    pub(super) fn restore(&mut self, key: &str, record: Option<&Account<'_>>) -> Option<()> {
        let mut account = AccountState::new(key)?;
        if let Some(record) = record {
            account.take_back(record);
            self.known.insert(key.into(), account);
        } else {
            self.known.remove(key);
        }
        Some(())
    }
}

impl AccountState {
    fn new(key: &str) -> Option<Self> {
        let [platform, account_id] = AccountKey::split(key)?;
        Some(Self {
            platform: platform.into(),
            account_id: account_id.into(),
            object: Told::default(),
            failure: Told::default(),
            hours: Vec::new(),
            firing: Codes::default(),
        })
    }

    pub(super) fn observe(&mut self, seen: &AccountObserved<'_>, at: TimestampMs) -> Observed {
        let text = |text: Option<&str>| text.map(Into::into);
        let object = Object {
            name: text(seen.name),
            status: text(seen.status),
            time_zone: text(seen.time_zone),
            currency: text(seen.currency),
        };
        let failure =
            seen.failure_code.map(|code| Failure { code: code.into(), sentence: text(seen.failure) });
        let named = (object != Object::default()).then_some(object);
        self.failure.put(Some(failure), at).min(self.object.put(named, at))
    }

    /// Adds counts of an hour; hours before the remembered ones are stale.
    pub(super) fn count(&mut self, counted: &QualityCounted) -> Observed {
        let at = self.hours.partition_point(|hour| hour.hour_start < counted.hour_start);
        if self.hours.get(at).is_none_or(|hour| hour.hour_start != counted.hour_start) {
            if self.hours.len() == HOURS_MAX && at == 0 {
                return Observed::Stale;
            }
            let hour_start = counted.hour_start;
            self.hours
                .insert(at, QualityHour { hour_start, records: 0, incomplete: 0, outlier: 0, rejected: 0 });
        }
        let hour = &mut self.hours[at];
        for (sum, count) in [
            (&mut hour.records, counted.records),
            (&mut hour.incomplete, counted.incomplete),
            (&mut hour.outlier, counted.outlier),
            (&mut hour.rejected, counted.rejected),
        ] {
            *sum = sum.saturating_add(count.into());
        }
        if self.hours.len() > HOURS_MAX {
            self.hours.remove(0);
        }
        Observed::Changed
    }

    /// The account as its alerts see it.
    pub(super) fn view(&self) -> AccountView<'_> {
        let failure = self.failure();
        AccountView {
            status: self.object().and_then(|object| object.status.as_deref()),
            failure_code: failure.map(|failure| &*failure.code),
            failure: failure.and_then(|failure| failure.sentence.as_deref()),
            hours: &self.hours,
        }
    }

    pub(super) fn parts(&self) -> [&str; 2] {
        [&self.platform, &self.account_id]
    }

    pub(super) fn policy(&self, policy: &Policy) -> Arc<EffectivePolicy> {
        policy.account(&self.platform, &self.account_id)
    }

    pub(super) fn record<'a>(&'a self, firing: Codes, origin: Origin<'a>) -> Account<'a> {
        let failure = self.failure();
        let object = self.object();
        Account {
            platform: &self.platform,
            account_id: &self.account_id,
            name: object.and_then(|object| object.name.as_deref()),
            status: object.and_then(|object| object.status.as_deref()),
            time_zone: object.and_then(|object| object.time_zone.as_deref()),
            currency: object.and_then(|object| object.currency.as_deref()),
            failure_code: failure.map(|failure| &*failure.code),
            failure: failure.and_then(|failure| failure.sentence.as_deref()),
            failure_at: self.failure.at(),
            observed_at: self.object.at(),
            hours: self.hours.clone(),
            firing: firing.symbols().collect(),
            origin,
        }
    }

    fn take_back(&mut self, record: &Account<'_>) {
        let text = |text: Option<&str>| text.map(Into::into);
        let failure =
            record.failure_code.map(|code| Failure { code: code.into(), sentence: text(record.failure) });
        self.failure = record.failure_at.map_or_else(Told::default, |at| Told::new(Some(failure), at));
        let object = Object {
            name: text(record.name),
            status: text(record.status),
            time_zone: text(record.time_zone),
            currency: text(record.currency),
        };
        self.object = record.observed_at.map_or_else(Told::default, |at| Told::new(Some(object), at));
        self.hours.clone_from(&record.hours);
        self.firing = Codes::from_symbols(&record.firing);
    }

    fn object(&self) -> Option<&Object> {
        self.object.value()
    }

    fn failure(&self) -> Option<&Failure> {
        self.failure.value().and_then(Option::as_ref)
    }
}
