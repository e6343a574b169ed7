//! Ad accounts: what is true of them, why they cannot be read, and what is in force for the records that name them.

use std::sync::Arc;

use chrono_tz::Tz;
use schemas::AccountKey;
use schemas::record::{AccountObserved, EventBody, Origin, RawEvent};

use super::{NormalizeOutput, Normalizer, Refusal, fact};
use crate::event::{self, AccountReport};
use crate::outcome::quoted;
use crate::{EffectivePolicy, Outcome, Rejection};

impl Normalizer {
    pub(super) fn account<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        at: &Origin<'_>,
        out: &mut O,
    ) -> Result<Outcome, Refusal<O::Error>> {
        let policy = Arc::clone(&self.policy);
        let in_force = policy.account(raw.platform, raw.account_id);
        match event::account_report(raw.payload)? {
            AccountReport::Observed(account) => {
                let named = raw.account_id.strip_prefix("act_").unwrap_or(raw.account_id);
                if account.id != named {
                    let (id, named) = (quoted(&account.id), quoted(raw.account_id));
                    let sentence = format!("account_id is {id}, but the record is of the account {named}");
                    return Err(Rejection::new("FIELD_INVALID", sentence).into());
                }
                let observed = AccountObserved {
                    name: account.name.as_deref(),
                    status: account.status.as_deref(),
                    time_zone: time_zone(&in_force, account.time_zone.as_deref().or(raw.time_zone))?
                        .map(Tz::name),
                    currency: currency(&in_force, account.currency.as_deref().or(raw.currency))?,
                    ..AccountObserved::default()
                };
                self.tell_account(raw, at, observed, out)
            }
            AccountReport::Failed(failure) => {
                let observed = AccountObserved {
                    failure_code: Some(&failure.code),
                    failure: Some(&failure.message),
                    ..AccountObserved::default()
                };
                self.tell_account(raw, at, observed, out)
            }
        }
    }

    fn tell_account<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        at: &Origin<'_>,
        observed: AccountObserved<'_>,
        out: &mut O,
    ) -> Result<Outcome, Refusal<O::Error>> {
        let key = AccountKey { platform: raw.platform, account_id: raw.account_id }.to_string();
        let event = fact(raw, at, Vec::new(), EventBody::AccountObserved(observed));
        out.event(Some(&key), &event).map_err(Refusal::Output)?;
        Ok(Outcome::Accepted)
    }
}

/// The account's currency: the policy's word, else what the record tells, which must then be one.
pub(super) fn currency<'a>(
    in_force: &'a EffectivePolicy,
    told: Option<&'a str>,
) -> Result<Option<&'a str>, Rejection> {
    match &in_force.currency {
        Some(code) => Ok(Some(code)),
        None => told.map(event::currency).transpose(),
    }
}

/// The account's time zone, likewise.
pub(super) fn time_zone(in_force: &EffectivePolicy, told: Option<&str>) -> Result<Option<Tz>, Rejection> {
    match in_force.time_zone {
        Some(zone) => Ok(Some(zone)),
        None => told.map(event::time_zone).transpose(),
    }
}
