//! What begins to fire and what resolves, as records: alerts of campaigns, and accounts with theirs.

use schemas::TimestampMs;
use schemas::record::{Alert, AlertState};

use super::ScoreOutput;
use super::facts::Facts;
use super::journal::Cause;
use super::judged::Case;
use crate::Policy;
use crate::alert::{self, AlertCode, CampaignView, Codes, Description};

impl Facts {
    /// Writes what of a campaign has begun to fire and what has resolved.
    pub(super) fn write_campaign_alerts<O: ScoreOutput>(
        &self,
        (case, seen): (&Case<'_>, &CampaignView<'_>),
        (fired, firing): (Codes, Codes),
        (log_time, cause): (TimestampMs, Cause),
        out: &mut O,
    ) -> Result<(), O::Error> {
        if fired == firing {
            return Ok(());
        }
        let [platform, account_id, campaign_id] = case.campaign.parts();
        for (code, state) in changed(fired, firing) {
            let Some(described) = alert::describe_campaign(code, seen, state, case.policy) else { continue };
            let subject = (platform, account_id, Some(campaign_id));
            let record = self.alert(subject, (code, state, &described), (log_time, cause));
            out.alert(&case.campaign.key, &record)?;
        }
        Ok(())
    }

    /// Writes the accounts that changed, and their alerts that fire or resolve.
    pub(super) fn write_accounts<O: ScoreOutput>(
        &mut self,
        policy: &Policy,
        log_time: TimestampMs,
        out: &mut O,
    ) -> Result<(), O::Error> {
        let mut firings: Vec<(Box<str>, Codes)> = Vec::new();
        for (key, account, cause) in self.accounts.touched() {
            let policy = account.policy(policy);
            let view = account.view();
            let firing = alert::account_alerts(&view, &policy);
            out.account(key, &account.record(firing, self.origin(cause)))?;
            let [platform, account_id] = account.parts();
            for (code, state) in changed(account.firing, firing) {
                let Some(described) = alert::describe_account(code, &view, state, &policy) else { continue };
                let subject = (platform, account_id, None);
                out.alert(key, &self.alert(subject, (code, state, &described), (log_time, cause)))?;
            }
            firings.push((key.into(), firing));
        }
        for (key, firing) in firings {
            self.accounts.set_firing(&key, firing);
        }
        Ok(())
    }

    fn alert<'a>(
        &'a self,
        (platform, account_id, campaign_id): (&'a str, &'a str, Option<&'a str>),
        (code, state, described): (AlertCode, AlertState, &'a Description),
        (raised_at, cause): (TimestampMs, Cause),
    ) -> Alert<'a> {
        Alert {
            code: code.symbol(),
            severity: described.severity,
            state,
            platform,
            account_id,
            campaign_id,
            figure: described.figure,
            threshold: described.threshold,
            sentence: &described.sentence,
            raised_at,
            origin: self.origin(cause),
        }
    }
}

/// What fires now and did not, then what did and does not.
fn changed(fired: Codes, firing: Codes) -> impl Iterator<Item = (AlertCode, AlertState)> {
    let began = firing.without(fired).iter().map(|code| (code, AlertState::Firing));
    began.chain(fired.without(firing).iter().map(|code| (code, AlertState::Resolved)))
}
