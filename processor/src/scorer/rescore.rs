//! A campaign's verdict as records: the score if anything in it is new, the recommendation if it is announced, and the
//! alerts that fire or resolve.

use schemas::record::{Announcement, CampaignScore, Reason, Recommendation};
use schemas::{Day, TimestampMs};

use super::ScoreOutput;
use super::content::fingerprint;
use super::facts::Facts;
use super::journal::Cause;
use super::judged::{Case, Published};
use super::judgement::Judgement;
use super::kept::{Kept, Stored};
use super::pack::Packer;
use super::view::View;
use super::zones::{Moment, Moments};
use crate::alert;
use crate::recommendation::is_announced;
use crate::score::{Findings, Score, findings};

/// What scoring a campaign needs for a moment, kept so that it is not allocated for each of them.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    view: View,
    /// The sums over its days.
    kept: Kept,
    /// They are packed here before they take their place.
    buffer: Packer,
    /// The sentences of the reasons, one after another.
    text: String,
    /// Where each sentence ends.
    ends: Vec<usize>,
    /// Room for the list of reasons.
    reasons: Vec<Reason<'static>>,
}

impl Judgement {
    /// Scores the campaign of an entry of the open transaction, if this policy regards what touched it.
    pub(super) fn rescore_touched<O: ScoreOutput>(
        &mut self,
        at: usize,
        facts: &Facts,
        moments: &mut Moments,
        out: &mut O,
    ) -> Result<(), O::Error> {
        let touched = &facts.journal.campaigns[at];
        if !self.is_touched(touched.position, facts) {
            // What is kept would miss what has changed.
            self.stored(touched.position).forget();
            return Ok(());
        }
        self.rescore((touched.position, touched.cause), facts, moments, out)
    }

    /// Scores the campaigns that are due at a tick.
    pub(super) fn rescore_due<O: ScoreOutput>(
        &mut self,
        due: &[u32],
        facts: &Facts,
        moments: &mut Moments,
        out: &mut O,
    ) -> Result<(), O::Error> {
        let Some(cause) = facts.tick else { return Ok(()) };
        for position in due {
            // Its oldest days may have been forgotten meanwhile, and it was scored for that.
            if !self.is_touched(*position, facts) {
                self.rescore((*position, cause), facts, moments, out)?;
            }
        }
        Ok(())
    }

    fn rescore<O: ScoreOutput>(
        &mut self,
        (position, cause): (u32, Cause),
        facts: &Facts,
        moments: &mut Moments,
        out: &mut O,
    ) -> Result<(), O::Error> {
        self.note_scored(position);
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut stored = std::mem::take(self.stored(position));
        let published = self.write((position, cause), facts, moments, (&mut scratch, &mut stored), out);
        self.scratch = scratch;
        *self.stored(position) = stored;
        if let Some(published) = published? {
            self.publish(position, published);
        }
        Ok(())
    }

    /// Writes what is new, and returns what then stands published; `None` when nothing is new.
    fn write<O: ScoreOutput>(
        &self,
        (position, cause): (u32, Cause),
        facts: &Facts,
        moments: &mut Moments,
        (scratch, stored): (&mut Scratch, &mut Stored),
        out: &mut O,
    ) -> Result<Option<Published>, O::Error> {
        let case = self.case(position, facts);
        let (key, policy, log_time) = (&case.campaign.key, case.policy, moments.at);
        let moment = moments.in_zone(case.campaign.about.zone);
        let Scratch { view, kept, buffer, text, ends, reasons: room } = scratch;
        sum_up(&case, moment.day, facts, (view, kept), (stored, buffer));
        let summed = kept.summed();
        let score = case.score(summed, &moment, log_time);
        let found = findings(&score, &summed.doubtful, &policy.score);
        let before = self.published(position);
        let last = before.and_then(|published| published.announced);
        let is_news = is_announced(&score, last.map(|last| last.action), &policy.score);
        let announced = if is_news {
            Some(Announcement {
                action: score.recommendation,
                total: score.total,
                as_of: moment.day,
                // Facts older than the log time may change a band twice at one moment; both announcements are kept.
                announced_at: last
                    .map_or(log_time, |last| log_time.max(TimestampMs(last.announced_at.0 + 1))),
            })
        } else {
            last
        };
        let fired = before.map(|before| before.firing).unwrap_or_default();
        let seen = case.alert_view(summed, &moment, log_time, &facts.rules);
        let firing = alert::campaign_alerts(&seen, fired, policy);
        let mut record = score_record(&case, &score, (moment, log_time), announced, facts, cause);
        record.firing = firing.symbols().collect();
        let content = fingerprint(&record, found.as_slice().iter().map(|f| (f.code, f.figure, f.target)));
        if before.is_some_and(|before| before.content == content) {
            return Ok(None);
        }
        if O::WANTS_REASONS {
            write_sentences(&found, case.currency(), text, ends);
            record.reasons = reasons(&found, text, ends, std::mem::take(room));
        }
        out.score(key, &record)?;
        moments.is_told = true;
        let published = Published::new(&record, content, firing);
        let reasons = if is_news {
            let recommendation = recommendation(&case, record, last);
            out.recommendation(key, &recommendation)?;
            recommendation.reasons
        } else {
            record.reasons
        };
        *room = emptied(reasons);
        facts.write_campaign_alerts((&case, &seen), (fired, firing), (log_time, cause), out)?;
        Ok(Some(published))
    }
}

/// Sums up the campaign's window: brings those that were kept up to date, or else reads all days.
fn sum_up(
    case: &Case<'_>,
    as_of: Day,
    facts: &Facts,
    (view, kept): (&mut View, &mut Kept),
    (stored, buffer): (&mut Stored, &mut Packer),
) {
    let changes = (&facts.journal, &facts.rules);
    let mut is_exact = stored.load().is_some_and(|before| {
        *kept = before;
        kept.follow(case, as_of, changes)
    });
    if !is_exact {
        view.read(case, as_of, &facts.rules);
        is_exact = kept.sum(view, case);
    }
    if is_exact {
        stored.keep(kept, buffer);
    } else {
        stored.forget();
    }
}

fn recommendation<'a>(
    case: &Case<'a>,
    score: CampaignScore<'a>,
    last: Option<Announcement>,
) -> Recommendation<'a> {
    Recommendation {
        platform: score.platform,
        account_id: score.account_id,
        campaign_id: score.campaign_id,
        campaign_name: case.campaign.name(),
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
        announced_at: score.announced.map_or(score.scored_at, |announced| announced.announced_at),
        origin: score.origin,
    }
}

/// The record of a score, without its reasons and alerts.
fn score_record<'a>(
    case: &Case<'a>,
    score: &Score,
    (moment, log_time): (Moment, TimestampMs),
    announced: Option<Announcement>,
    facts: &'a Facts,
    cause: Cause,
) -> CampaignScore<'a> {
    let [platform, account_id, campaign_id] = case.campaign.parts();
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
        currency: case.currency(),
        scored_at: log_time,
        metrics_observed_at: case.campaign.core.metrics_at,
        policy_version: &case.policy.version,
        announced,
        firing: Vec::new(),
        origin: facts.origin(cause),
    }
}

fn write_sentences(found: &Findings, currency: Option<&str>, text: &mut String, ends: &mut Vec<usize>) {
    text.clear();
    ends.clear();
    for finding in found.as_slice() {
        finding.write_sentence(currency, text);
        ends.push(text.len());
    }
}

fn reasons<'a>(
    found: &Findings,
    text: &'a str,
    ends: &[usize],
    room: Vec<Reason<'static>>,
) -> Vec<Reason<'a>> {
    let starts = std::iter::once(&0).chain(ends);
    let spans = starts.zip(ends).map(|(start, end)| &text[*start..*end]);
    let mut reasons: Vec<Reason<'a>> = emptied(room);
    reasons.extend(found.as_slice().iter().zip(spans).map(|(finding, sentence)| Reason {
        code: finding.code,
        figure: finding.figure,
        target: finding.target,
        sentence,
    }));
    reasons
}

/// The list without its reasons, for others that borrow from elsewhere. Collecting into the same kind of list keeps its
/// room, which a test holds.
fn emptied<'to>(mut list: Vec<Reason<'_>>) -> Vec<Reason<'to>> {
    list.clear();
    list.into_iter()
        .map(|Reason { code: _, figure, target, sentence: _ }| Reason {
            code: "",
            figure,
            target,
            sentence: "",
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emptied_list_keeps_its_room() {
        let text = String::from("a sentence");
        let reason = Reason { code: "LOW_DATA", figure: 0.1, target: 0.35, sentence: &text };
        let mut list: Vec<Reason<'_>> = Vec::with_capacity(9);
        list.push(reason);
        let emptied: Vec<Reason<'static>> = emptied(list);
        assert_eq!((emptied.len(), emptied.capacity()), (0, 9));
    }
}
