//! What a transaction changed, as records: campaigns, days, scores with their announcements and alerts, accounts, then
//! the log time.

use std::fmt::Write as _;

use schemas::record::Watermark;
use schemas::{Day, DayKey};

use super::day::DayState;
use super::facts::Facts;
use super::layout;
use super::names::Spelled;
use super::view::View;
use super::zones::Moments;
use super::{ScoreOutput, Scorer};

impl Scorer {
    /// Writes what the open transaction changed: campaigns and days in the order of first touch, after them in the order
    /// of their keys those that only a tick touched, accounts in the order of their keys. Once per transaction, before
    /// [`Scorer::commit`].
    ///
    /// # Errors
    /// Only what the output returns. The transaction must then be aborted.
    pub fn flush<O: ScoreOutput>(&mut self, out: &mut O) -> Result<(), O::Error> {
        let Self { facts, judgement } = self;
        let Some(log_time) = facts.clock.log_time else { return Ok(()) };
        let mut moments = Moments::new(log_time);
        judgement.meet(facts);
        let due = judgement.due(facts, &mut moments);
        facts.write_campaigns(out)?;
        if O::WANTS_DAYS {
            self.write_days(&mut moments, out)?;
        }
        let Self { facts, judgement } = self;
        let mut key = String::new();
        facts.forget_old_days(|campaign_key, day| out.day_forgotten(day_key(campaign_key, day, &mut key)))?;
        for at in 0..facts.journal.campaigns.len() {
            judgement.rescore_touched(at, facts, &mut moments, out)?;
        }
        judgement.rescore_due(&due, facts, &mut moments, out)?;
        facts.write_accounts(&judgement.policy, log_time, out)?;
        // A score is written at the log time, and one of the newest scores is always kept.
        if facts.committed.log_time != facts.clock.log_time && !moments.is_told {
            let origin = facts.origin(facts.clock.cause);
            out.watermark(&format!("score/{}", facts.partition), &Watermark { log_time, origin })?;
        }
        Ok(())
    }

    fn write_days<O: ScoreOutput>(&self, moments: &mut Moments, out: &mut O) -> Result<(), O::Error> {
        let facts = &self.facts;
        let rules = &facts.rules;
        let mut key = String::new();
        let mut seen = (None, View::default());
        let mut day = DayState::new();
        let mut names = Spelled::default();
        for touched in &facts.journal.days {
            let position = touched.position;
            let case = self.judgement.case(position, facts);
            let campaign = case.campaign;
            let Some(place) = campaign.days.find(touched.day) else { continue };
            layout::get_into(campaign.days.from(&place), &mut day);
            let doubt = if day.may_be_above_median(case.spend_min, rules) {
                let (of, view) = &mut seen;
                if *of != Some(position) {
                    view.read(&case, moments.in_zone(campaign.about.zone).day, rules);
                    *of = Some(position);
                }
                view.doubt_of_spend(touched.day)
            } else {
                None
            };
            let origin = facts.origin(touched.cause);
            let subject = (campaign.parts(), touched.day);
            names.clear();
            day.stamps(&mut |stamp| names.add(stamp, &facts.names));
            let record = day.record(subject, doubt, (&names, case.currency()), rules, origin);
            out.day(day_key(&campaign.key, touched.day, &mut key), &record)?;
        }
        Ok(())
    }
}

impl Facts {
    pub(super) fn write_campaigns<O: ScoreOutput>(&self, out: &mut O) -> Result<(), O::Error> {
        for touched in &self.journal.campaigns {
            let campaign = &self.campaigns[touched.position as usize];
            if touched.has_new_profile(&campaign.about) {
                out.campaign(&campaign.key, &campaign.record(self.origin(touched.cause)))?;
            }
        }
        Ok(())
    }
}

/// The key of a day's record, written into a text that is used again: as [`DayKey`] shows it, without formatting.
fn day_key<'t>(campaign_key: &str, day: Day, text: &'t mut String) -> &'t str {
    text.clear();
    if let Some(date) = day.iso().as_ref().and_then(|date| schemas::text(date).ok()) {
        text.push_str(campaign_key);
        text.push('@');
        text.push_str(date);
    } else {
        write!(text, "{}", DayKey { campaign_key, day }).expect("writing to a String cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_days_key_is_written_as_it_is_shown(day in prop_oneof![any::<i32>(), -800_000..3_000_000_i32]) {
            let campaign_key = "facebook:1:120210000000000001";
            let shown = DayKey { campaign_key, day: Day(day) }.to_string();
            let mut text = String::from("before");
            prop_assert_eq!(day_key(campaign_key, Day(day), &mut text), shown);
        }
    }
}
