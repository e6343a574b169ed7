//! What a campaign's score rests on, for those who explain it: the very input and constants that the rules would use.

use super::Scorer;
use super::judged::Case;
use super::view::View;
use super::zones::Moments;
use crate::calendar::hours_between;
use crate::policy::ScorePolicy;
use crate::score::{ScoreDay, ScoreInput, WindowInput};

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
        let facts = &self.facts;
        let campaign = &facts.campaigns[facts.position(campaign_key)? as usize];
        let log_time = self.log_time()?;
        let zone = campaign.about.zone;
        let as_of = Moments::new(log_time).in_zone(zone).day;
        let case = Case::new(campaign, &self.judgement.policy);
        let mut view = View::default();
        view.read(&case, as_of, &facts.rules);
        let days: Vec<ScoreDay> = view.seen().iter().map(|seen| seen.counted).collect();
        let input = ScoreInput {
            as_of,
            days: &days,
            frequency_7d: campaign.about.profile.frequency_7d(),
            fatigue_high: campaign.about.profile.is_tired(zone, as_of),
            metrics_age_hours: hours_between(campaign.core.metrics_at, log_time),
        };
        Some(ScoreBasis { input: WindowInput::from(&input), policy: &case.policy.score })
    }
}
