//! What a transaction changed, as records: campaigns, days, then scores with their announcements, then the log time.

use std::fmt::Write as _;

use schemas::record::{Announcement, CampaignScore, Reason, Recommendation, Watermark};
use schemas::{DayKey, TimestampMs};

use super::campaign::Published;
use super::content::fingerprint;
use super::journal::{Cause, TouchedDay};
use super::{ScoreOutput, Scorer};
use crate::recommendation::is_announced;
use crate::score::{Findings, Score, findings};

impl Scorer {
    /// Writes what the open transaction changed: campaigns and days in the order of first touch, those that only a
    /// tick touched after them in the order of their keys. Once per transaction, before [`Scorer::commit`].
    ///
    /// # Errors
    /// Only what the output returns. The transaction must then be aborted.
    pub fn flush<O: ScoreOutput>(&mut self, out: &mut O) -> Result<(), O::Error> {
        let Some(log_time) = self.clock.log_time else { return Ok(()) };
        if let Some(cause) = self.tick {
            self.touch_due(log_time, cause);
            self.forget_old_days(cause);
        }
        self.write_campaigns(out)?;
        self.write_days(out)?;
        for at in 0..self.journal.campaigns.len() {
            let touched = &self.journal.campaigns[at];
            let (position, cause) = (touched.position, touched.cause);
            self.rescore(position, cause, log_time, out)?;
        }
        if self.committed.log_time != self.clock.log_time {
            let origin = self.origin(self.clock.cause);
            out.watermark(&self.watermark_key(), &Watermark { log_time, origin })?;
        }
        Ok(())
    }

    /// Touches the campaigns for which time alone changes the score.
    fn touch_due(&mut self, log_time: TimestampMs, cause: Cause) {
        let mut due: Vec<u32> = Vec::new();
        for (position, campaign) in (0_u32..).zip(&self.campaigns) {
            let is_due = campaign.core.published.is_none_or(|published| {
                published.as_of != campaign.as_of(log_time)
                    || published.staleness != campaign.staleness(log_time)
            });
            if is_due && self.journal.campaign(campaign.touch).is_none() {
                due.push(position);
            }
        }
        // By key, because positions depend on the order in which a restart restored them.
        due.sort_unstable_by(|a, b| self.campaigns[*a as usize].key.cmp(&self.campaigns[*b as usize].key));
        for position in due {
            self.touch(position, false, cause);
        }
    }

    /// Drops days beyond the horizon. Their records stay in the topic; nothing reads them any more.
    fn forget_old_days(&mut self, cause: Cause) {
        let Some(oldest) = self.clock.oldest else { return };
        for (position, campaign) in (0_u32..).zip(&mut self.campaigns) {
            let old = campaign.days.partition_point(|day| day.day < oldest);
            for day in campaign.days.drain(..old) {
                // A day touched before in this transaction is in the journal already, as it was.
                if self.journal.day(day.touch).is_none() {
                    self.journal.enter_day(TouchedDay { position, day: day.day, before: Some(day), cause });
                }
            }
        }
    }

    fn write_campaigns<O: ScoreOutput>(&self, out: &mut O) -> Result<(), O::Error> {
        for touched in &self.journal.campaigns {
            let campaign = &self.campaigns[touched.position as usize];
            if touched.before.as_ref().is_none_or(|before| before.profile != campaign.core.profile) {
                out.campaign(&campaign.key, &campaign.record(self.origin(touched.cause)))?;
            }
        }
        Ok(())
    }

    fn write_days<O: ScoreOutput>(&self, out: &mut O) -> Result<(), O::Error> {
        let mut key = String::new();
        for touched in &self.journal.days {
            let campaign = &self.campaigns[touched.position as usize];
            let Ok(at) = campaign.find(touched.day) else { continue };
            key.clear();
            let day_key = DayKey { campaign_key: &campaign.key, day: touched.day };
            write!(key, "{day_key}").expect("writing to a String cannot fail");
            let origin = self.origin(touched.cause);
            let record =
                campaign.days[at].record(campaign.parts(), campaign.currency(), &self.policy.facts, origin);
            out.day(&key, &record)?;
        }
        Ok(())
    }

    /// Scores a campaign and writes the score if anything in it is new, and the recommendation if it is announced.
    fn rescore<O: ScoreOutput>(
        &mut self,
        position: u32,
        cause: Cause,
        log_time: TimestampMs,
        out: &mut O,
    ) -> Result<(), O::Error> {
        let campaign = &self.campaigns[position as usize];
        let policy = &campaign.account.score;
        let score = campaign.score(log_time, &self.policy);
        let found = findings(&score, policy);
        let before = campaign.core.published;
        let last = before.and_then(|published| published.announced);
        let as_of = campaign.as_of(log_time);
        let is_news = is_announced(&score, last.map(|last| last.action), policy);
        let announced = if is_news {
            Some(Announcement {
                action: score.recommendation,
                total: score.total,
                as_of,
                announced_at: log_time,
            })
        } else {
            last
        };
        let mut record = self.score_record(position, &score, log_time, announced, cause);
        let content = fingerprint(&record, found.as_slice().iter().map(|f| (f.code, f.figure, f.target)));
        if before.is_some_and(|before| before.content == content) {
            return Ok(());
        }
        let sentences = sentences(&found, campaign.currency());
        record.reasons = reasons(&found, &sentences);
        out.score(&campaign.key, &record)?;
        if is_news {
            let recommendation = Recommendation {
                platform: record.platform,
                account_id: record.account_id,
                campaign_id: record.campaign_id,
                campaign_name: campaign.name(),
                as_of,
                parts: score.parts,
                total: score.total,
                action: score.recommendation,
                previous_action: last.map(|last| last.action),
                confidence: score.confidence,
                actionable: score.actionable,
                guard: score.guard,
                reasons: record.reasons.clone(),
                policy_version: record.policy_version,
                announced_at: log_time,
                origin: record.origin,
            };
            out.recommendation(&campaign.key, &recommendation)?;
        }
        let staleness = campaign.staleness(log_time);
        let published = Published { content, as_of, staleness, announced };
        self.campaigns[position as usize].core.published = Some(published);
        Ok(())
    }

    /// The record of a score, without its reasons.
    fn score_record(
        &self,
        position: u32,
        score: &Score,
        log_time: TimestampMs,
        announced: Option<Announcement>,
        cause: Cause,
    ) -> CampaignScore<'_> {
        let campaign = &self.campaigns[position as usize];
        let [platform, account_id, campaign_id] = campaign.parts();
        CampaignScore {
            platform,
            account_id,
            campaign_id,
            as_of: campaign.as_of(log_time),
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
            policy_version: &campaign.account.version,
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
