//! What a campaign's score rests on, for those who explain it: the very input and constants that the rules would use.

use schemas::record::FatigueLevel;

use super::Scorer;
use super::campaign::hours_between;
use crate::calendar::day_in;
use crate::policy::ScorePolicy;
use crate::score::{ScoreInput, WindowInput};

/// What a score rests on.
#[derive(Clone, Debug)]
pub struct ScoreBasis<'a> {
    /// The days of the window as they count, and the rest.
    pub input: WindowInput,
    /// The constants in force for the campaign.
    pub policy: &'a ScorePolicy,
}

impl Scorer {
    /// What a campaign's score rests on at the present log time. `None` while the campaign is unknown.
    #[must_use]
    pub fn basis(&self, campaign_key: &str) -> Option<ScoreBasis<'_>> {
        let campaign = &self.campaigns[self.position(campaign_key)? as usize];
        let log_time = self.log_time()?;
        let as_of = campaign.as_of(log_time);
        let (facts, count_outliers) = (&self.policy.facts, self.policy.quality.count_outliers);
        let days: Vec<_> = campaign.days.iter().map(|day| day.score_day(facts, count_outliers)).collect();
        let fatigue_high = campaign.core.profile.fatigue.is_some_and(|(at, level)| {
            let age = i64::from(as_of.0) - i64::from(day_in(campaign.core.zone, at).0);
            level == FatigueLevel::High && (1..=7).contains(&age)
        });
        let input = ScoreInput {
            as_of,
            days: &days,
            frequency_7d: campaign.core.profile.frequency_7d,
            fatigue_high,
            metrics_age_hours: hours_between(campaign.core.metrics_at, log_time),
        };
        Some(ScoreBasis { input: WindowInput::from(&input), policy: &campaign.account.score })
    }
}
