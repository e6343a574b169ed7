//! One policy's eye on a campaign: what is in force for it, what was last published, and when time alone is news.

use std::sync::Arc;

use schemas::record::{Announcement, CampaignScore};
use schemas::{Day, Micros, TimestampMs};

use super::campaign::CampaignState;
use super::figures::SPEND;
use super::kept::Stored;
use super::layout;
use super::view::Summed;
use super::zones::Moment;
use crate::Policy;
use crate::alert::{self, CampaignView, Codes};
use crate::calendar::{hours_between, hours_ms};
use crate::index::hash;
use crate::policy::{EffectivePolicy, FactsPolicy};
use crate::score::{Score, score_window};

/// What a policy says of a campaign, and has said.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) policy: Arc<EffectivePolicy>,
    /// From which spend on a day is held against the others: that of the account, whatever the campaign's pattern.
    pub(super) spend_min: Micros,
    pub(super) published: Option<Published>,
    /// Its sums as it was last scored, unless it has changed since without being scored.
    pub(super) stored: Stored,
}

/// What the last score record said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Published {
    /// Fingerprint of everything in it but the moment and the cause.
    pub(super) content: u64,
    as_of: Day,
    scored_at: TimestampMs,
    metrics_at: Option<TimestampMs>,
    /// Hash of the policy's version.
    policy: u32,
    pub(super) announced: Option<Announcement>,
    pub(super) firing: Codes,
}

/// How old the newest figures are, as far as it matters to the score and to the alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct AgeClass {
    score: u8,
    alerts: u8,
}

/// A campaign before a policy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    pub(super) campaign: &'a CampaignState,
    pub(super) policy: &'a EffectivePolicy,
    pub(super) spend_min: Micros,
}

impl Judged {
    /// A campaign of which nothing has been published.
    pub(super) fn new(campaign: &CampaignState, policy: &Policy) -> Self {
        let [platform, account_id, _] = campaign.parts();
        let spend_min = spend_min(&policy.account(platform, account_id));
        Self {
            policy: Arc::clone(in_force(campaign, policy)),
            spend_min,
            published: None,
            stored: Stored::default(),
        }
    }

    /// Whether time alone may have changed the score since it was published.
    pub(super) fn is_due(&self, campaign: &CampaignState, moment: &Moment, at: TimestampMs) -> bool {
        let policy = &self.policy;
        self.published.as_ref().is_none_or(|published| {
            published.policy != hash(policy.version.as_bytes())
                || published.as_of != moment.day
                || age_class(published.scored_at, published.metrics_at, policy)
                    != age_class(at, campaign.core.metrics_at, policy)
        })
    }

    /// Until when [`Self::is_due`] stays false if nothing else happens.
    pub(super) fn due_at(&self, campaign: &CampaignState, moment: &Moment, at: TimestampMs) -> TimestampMs {
        let policy = &self.policy;
        let alerts = &policy.alerts;
        // The score's limits must be exceeded, those of the alerts reached.
        let limits = [
            hours_ms(policy.score.metrics_fresh_hours).floor() + 1.0,
            hours_ms(policy.score.metrics_age_hours_max).floor() + 1.0,
            hours_ms(alerts.stale_data.hours).ceil(),
            hours_ms(alerts.very_stale_data.hours).ceil(),
        ];
        let crossed = campaign.core.metrics_at.into_iter().flat_map(|from| limits.map(|ms| later(from, ms)));
        crossed.filter(|crossed| *crossed > at).fold(moment.next_day, TimestampMs::min)
    }
}

impl Published {
    pub(super) fn new(record: &CampaignScore<'_>, content: u64, firing: Codes) -> Self {
        Self {
            content,
            as_of: record.as_of,
            scored_at: record.scored_at,
            metrics_at: record.metrics_observed_at,
            policy: hash(record.policy_version.as_bytes()),
            announced: record.announced,
            firing,
        }
    }
}

impl<'a> Case<'a> {
    /// The case of a campaign that is not kept among the judged.
    pub(super) fn new(campaign: &'a CampaignState, policy: &'a Policy) -> Self {
        let [platform, account_id, _] = campaign.parts();
        let spend_min = spend_min(&policy.account(platform, account_id));
        Self { campaign, policy: in_force(campaign, policy), spend_min }
    }

    /// What the campaign's money is counted in, where that is known.
    pub(super) fn currency(&self) -> Option<&'a str> {
        self.policy.currency.as_deref().or(self.campaign.currency())
    }

    /// The currency which figures must have to be added to the campaign's; `None` where that does not matter.
    pub(super) fn currency_counted_in(&self) -> Option<&'a str> {
        self.currency().filter(|_| self.policy.quality.currency_unlike_account_is_outlier)
    }

    /// The score at a moment of the log.
    pub(super) fn score(&self, summed: &Summed, moment: &Moment, at: TimestampMs) -> Score {
        let about = &self.campaign.about;
        let fatigued = about.profile.is_tired(about.zone, moment.day);
        let age = hours_between(self.campaign.core.metrics_at, at);
        score_window(&summed.window, about.profile.frequency_7d(), fatigued, age, &self.policy.score)
    }

    /// The campaign as its alerts see it.
    pub(super) fn alert_view(
        &self,
        summed: &Summed,
        moment: &Moment,
        at: TimestampMs,
        rules: &FactsPolicy,
    ) -> CampaignView<'a> {
        let campaign = self.campaign;
        let profile = &campaign.about.profile;
        let (daily_budget, lifetime_budget) = profile.budgets();
        CampaignView {
            as_of: moment.day,
            log_time: at,
            local_hour: moment.hour,
            status: profile.status(),
            known_since: Some(campaign.core.known_since),
            metrics_at: campaign.core.metrics_at,
            daily_budget,
            lifetime_budget,
            lifetime_spend: lifetime_budget.map_or(Micros::ZERO, |_| lifetime_spend(campaign, rules)),
            currency: self.currency(),
            sums: (&summed.window).into(),
        }
    }
}

/// What is in force for a campaign.
pub(super) fn in_force<'a>(campaign: &CampaignState, policy: &'a Policy) -> &'a Arc<EffectivePolicy> {
    let [platform, account_id, _] = campaign.parts();
    policy.in_force(platform, account_id, &campaign.key, campaign.name())
}

/// Spend of every day known, as reported.
fn lifetime_spend(campaign: &CampaignState, rules: &FactsPolicy) -> Micros {
    let spends = campaign.days.all().filter_map(|(_, bytes)| layout::read_counted(bytes, rules).figures);
    Micros(spends.fold(0, |sum: i64, day| sum.saturating_add(day.figures.values[SPEND])))
}

fn age_class(at: TimestampMs, metrics_at: Option<TimestampMs>, policy: &EffectivePolicy) -> AgeClass {
    let score = match hours_between(metrics_at, at) {
        Some(hours) if hours > policy.score.metrics_age_hours_max => 2,
        Some(hours) if hours > policy.score.metrics_fresh_hours => 1,
        _ => 0,
    };
    AgeClass { score, alerts: alert::age_class(metrics_at, at, policy) }
}

#[expect(clippy::cast_possible_truncation, reason = "limits are at most a million hours")]
fn later(from: TimestampMs, ms: f64) -> TimestampMs {
    TimestampMs(from.0.saturating_add(ms as i64))
}

/// From which spend on a day is held against the median of the others.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the policy bounds both factors; beyond them it saturates"
)]
pub(super) fn spend_min(policy: &EffectivePolicy) -> Micros {
    let quality = &policy.quality;
    if !quality.spend_above_median_is_outlier {
        return Micros(i64::MAX);
    }
    Micros((quality.spend_median_targets_min * policy.score.cost_per_lead_target * 1e6) as i64)
}
