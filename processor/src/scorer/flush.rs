//! What a transaction changed, as records: campaigns, days, scores with their announcements and alerts, accounts, then
//! the log time.

use std::fmt::Write as _;

use schemas::record::{Announcement, CampaignScore, Reason, Recommendation, Watermark};
use schemas::{DayKey, TimestampMs};

use super::campaign::Published;
use super::content::fingerprint;
use super::journal::Cause;
use super::view::View;
use super::zones::{Moment, Moments};
use super::{ScoreOutput, Scorer};
use crate::alert;
use crate::recommendation::is_announced;
use crate::score::{Findings, Score, findings};

impl Scorer {
    /// Writes what the open transaction changed: campaigns and days in the order of first touch, those that only a
    /// tick touched after them in the order of their keys, accounts in the order of their keys. Once per transaction,
    /// before [`Scorer::commit`].
    ///
    /// # Errors
    /// Only what the output returns. The transaction must then be aborted.
    pub fn flush<O: ScoreOutput>(&mut self, out: &mut O) -> Result<(), O::Error> {
        let Some(log_time) = self.clock.log_time else { return Ok(()) };
        let mut moments = Moments::new(log_time);
        if let Some(cause) = self.tick {
            self.touch_due(&mut moments, cause);
        }
        self.write_campaigns(out)?;
        self.write_days(&mut moments, out)?;
        if let Some(cause) = self.tick {
            self.forget_old_days(cause, out)?;
        }
        for at in 0..self.journal.campaigns.len() {
            let touched = &self.journal.campaigns[at];
            let (position, cause) = (touched.position, touched.cause);
            self.rescore(position, cause, &mut moments, out)?;
        }
        self.write_accounts(log_time, out)?;
        if self.committed.log_time != self.clock.log_time {
            let origin = self.origin(self.clock.cause);
            out.watermark(&self.watermark_key(), &Watermark { log_time, origin })?;
        }
        Ok(())
    }

    /// Touches the campaigns for which time alone changes the score. Looks only at those that were touched since the
    /// last tick, until the moment comes at which another may be due.
    fn touch_due(&mut self, moments: &mut Moments, cause: Cause) {
        let mut looked_at = std::mem::take(&mut self.unchecked);
        if moments.at >= self.quiet_until {
            self.quiet_until = TimestampMs(i64::MAX);
            looked_at = (0..).take(self.campaigns.len()).collect();
        }
        looked_at.sort_unstable();
        looked_at.dedup();
        let mut due: Vec<u32> = Vec::new();
        for position in looked_at {
            let Some(campaign) = self.campaigns.get(position as usize) else { continue };
            let moment = moments.in_zone(campaign.about.zone);
            if self.journal.entry(campaign.touch).is_some() {
                // It is scored in this transaction, and looked at on the next tick.
                self.unchecked.push(position);
            } else if campaign.is_due(&moment, moments.at) {
                due.push(position);
            } else {
                self.quiet_until = self.quiet_until.min(campaign.due_at(&moment, moments.at));
            }
        }
        // By key, because positions depend on the order in which a restart restored them.
        due.sort_unstable_by(|a, b| self.campaigns[*a as usize].key.cmp(&self.campaigns[*b as usize].key));
        for position in due {
            self.touch(position, false, cause);
        }
    }

    /// Drops days beyond the horizon, after what this transaction still said of them was written.
    fn forget_old_days<O: ScoreOutput>(&mut self, cause: Cause, out: &mut O) -> Result<(), O::Error> {
        let oldest = self.clock.oldest;
        if oldest == self.clock.forgotten {
            return Ok(());
        }
        self.clock.forgotten = oldest;
        let Some(oldest) = oldest else { return Ok(()) };
        let mut old: Vec<u32> = (0..).take(self.campaigns.len()).collect();
        old.retain(|position| self.campaigns[*position as usize].days.count_before(oldest) > 0);
        old.sort_unstable_by(|a, b| self.campaigns[*a as usize].key.cmp(&self.campaigns[*b as usize].key));
        for position in old {
            self.touch(position, false, cause);
            let campaign = &mut self.campaigns[position as usize];
            for _ in 0..campaign.days.count_before(oldest) {
                let (date, touch) = (campaign.days.date(0), campaign.days.touch(0));
                if !self.journal.touch_day(touch, position, date, cause) {
                    self.journal.enter_day(position, date, Some(campaign.days.raw(0)), cause);
                }
                campaign.days.remove(0);
                out.day_forgotten(&DayKey { campaign_key: &campaign.key, day: date }.to_string())?;
            }
            campaign.days.shrink();
            campaign.find_currency();
        }
        Ok(())
    }

    fn write_campaigns<O: ScoreOutput>(&self, out: &mut O) -> Result<(), O::Error> {
        for touched in &self.journal.campaigns {
            let campaign = &self.campaigns[touched.position as usize];
            if touched.has_new_profile(&campaign.about) {
                out.campaign(&campaign.key, &campaign.record(self.origin(touched.cause)))?;
            }
        }
        Ok(())
    }

    fn write_days<O: ScoreOutput>(&self, moments: &mut Moments, out: &mut O) -> Result<(), O::Error> {
        if !O::WANTS_DAYS {
            return Ok(());
        }
        let facts = &self.policy.facts;
        let mut key = String::new();
        let mut seen: Option<(u32, View)> = None;
        for touched in &self.journal.days {
            let position = touched.position;
            let campaign = &self.campaigns[position as usize];
            let Ok(at) = campaign.days.find(touched.day) else { continue };
            let day = campaign.days.get(at);
            let doubt = if day.may_be_above_median(campaign.spend_min, facts) {
                let (_, view) = seen.take_if(|(of, _)| *of == position).unwrap_or_else(|| {
                    let as_of = moments.in_zone(campaign.about.zone).day;
                    (position, View::new(campaign, as_of, &self.policy))
                });
                seen.insert((position, view)).1.doubt_of_spend(touched.day)
            } else {
                None
            };
            key.clear();
            let day_key = DayKey { campaign_key: &campaign.key, day: touched.day };
            write!(key, "{day_key}").expect("writing to a String cannot fail");
            let origin = self.origin(touched.cause);
            let subject = (campaign.parts(), touched.day);
            let record = day.record(subject, doubt, (&self.names, campaign.currency()), facts, origin);
            out.day(&key, &record)?;
        }
        Ok(())
    }

    /// Scores a campaign and writes the score if anything in it is new, the recommendation if it is announced, and the
    /// alerts that fire or resolve.
    fn rescore<O: ScoreOutput>(
        &mut self,
        position: u32,
        cause: Cause,
        moments: &mut Moments,
        out: &mut O,
    ) -> Result<(), O::Error> {
        let campaign = &self.campaigns[position as usize];
        let policy = &campaign.about.policy;
        let log_time = moments.at;
        let moment = moments.in_zone(campaign.about.zone);
        let view = View::new(campaign, moment.day, &self.policy);
        let score = campaign.score(&view, &moment, log_time);
        let found = findings(&score, &view.doubtful(), &policy.score);
        let before = campaign.core.published;
        let last = before.and_then(|published| published.announced);
        let is_news = is_announced(&score, last.map(|last| last.action), &policy.score);
        let announced = if is_news {
            Some(Announcement {
                action: score.recommendation,
                total: score.total,
                as_of: moment.day,
                announced_at: log_time,
            })
        } else {
            last
        };
        let fired = before.map(|before| before.firing).unwrap_or_default();
        let firing = alert::campaign_alerts(
            &campaign.alert_view(&view, &moment, log_time, &self.policy.facts),
            fired,
            policy,
        );
        let mut record = self.score_record(position, &score, (moment, log_time), announced, cause);
        record.firing = firing.symbols().collect();
        let content = fingerprint(&record, found.as_slice().iter().map(|f| (f.code, f.figure, f.target)));
        if before.is_some_and(|before| before.content == content) {
            return Ok(());
        }
        let sentences = if O::WANTS_REASONS { sentences(&found, campaign.currency()) } else { Vec::new() };
        record.reasons = reasons(&found, &sentences);
        out.score(&campaign.key, &record)?;
        let published = Published::new(&record, content, firing);
        if is_news {
            out.recommendation(&campaign.key, &self.recommendation(position, record, last))?;
        }
        self.write_alerts(position, (&view, &moment), (fired, firing), (log_time, cause), out)?;
        self.campaigns[position as usize].core.published = Some(published);
        Ok(())
    }

    fn recommendation<'a>(
        &'a self,
        position: u32,
        score: CampaignScore<'a>,
        last: Option<Announcement>,
    ) -> Recommendation<'a> {
        Recommendation {
            platform: score.platform,
            account_id: score.account_id,
            campaign_id: score.campaign_id,
            campaign_name: self.campaigns[position as usize].name(),
            as_of: score.as_of,
            parts: score.parts,
            total: score.total,
            action: score.recommendation,
            previous_action: last.map(|last| last.action),
            confidence: score.confidence,
            actionable: score.actionable,
            guard: score.guard,
            reasons: score.reasons,
            policy_version: score.policy_version,
            announced_at: score.scored_at,
            origin: score.origin,
        }
    }

    /// The record of a score, without its reasons and alerts.
    fn score_record(
        &self,
        position: u32,
        score: &Score,
        (moment, log_time): (Moment, TimestampMs),
        announced: Option<Announcement>,
        cause: Cause,
    ) -> CampaignScore<'_> {
        let campaign = &self.campaigns[position as usize];
        let [platform, account_id, campaign_id] = campaign.parts();
        CampaignScore {
            platform,
            account_id,
            campaign_id,
            as_of: moment.day,
            parts: score.parts,
            total: score.total,
            recommendation: score.recommendation,
            confidence: score.confidence,
            actionable: score.actionable,
            guard: score.guard,
            reasons: Vec::new(),
            window: score.window,
            currency: campaign.currency(),
            scored_at: log_time,
            metrics_observed_at: campaign.core.metrics_at,
            policy_version: &campaign.about.policy.version,
            announced,
            firing: Vec::new(),
            origin: self.origin(cause),
        }
    }
}

fn sentences(found: &Findings, currency: Option<&str>) -> Vec<String> {
    let sentence = |finding: &crate::score::Finding| {
        let mut sentence = String::new();
        finding.write_sentence(currency, &mut sentence);
        sentence
    };
    found.as_slice().iter().map(sentence).collect()
}

fn reasons<'a>(found: &Findings, sentences: &'a [String]) -> Vec<Reason<'a>> {
    let pairs = found.as_slice().iter().zip(sentences);
    pairs
        .map(|(finding, sentence)| Reason {
            code: finding.code,
            figure: finding.figure,
            target: finding.target,
            sentence,
        })
        .collect()
}
