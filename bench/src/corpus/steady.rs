//! The topic `events` of an installation that keeps up with its sources.
//!
//! In this order: thirty full days of every campaign, whose frequency is then observed; ten days of polls, among them late and
//! restated figures, leads on their way and poison; last, of every campaign, yesterday's figures once more, all observed in one
//! moment later than any other. So whoever scores what it has touched, at the log time it has then reached, ends with one table,
//! wherever its transactions ended.

use schemas::record::{
    BatchRow, CampaignObserved, Contribution, Doubt, Event, EventBody, FatigueLevel, FatigueSignal,
    LeadChanged, MetricsObserved, Origin, QualityFlag, Source,
};
use schemas::{Day, Micros, TimestampMs};

use super::{Campaign, DAY_MS, Dice, FIRST_DAY, POLL_ROWS, Poll, Size, day_share, signed};

const POLLED_DAYS: u64 = 10;
const CAMPAIGNS_MAX: u64 = 20_000;
/// Events for each campaign: an eighth of them are its history.
const EVENTS_PER_CAMPAIGN: u64 = 250;
const HOUR_MS: i64 = 3_600_000;
const REVENUE: Micros = Micros(400_000_000);
/// Leads whose next stage is still to come.
const LEADS_MAX: usize = 20_000;

/// How often something happens among the polls, of a thousand events.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    late: u64,
    restated: u64,
    poison: u64,
    flagged: u64,
    leads: u64,
    profiles: u64,
    fatigue: u64,
}

/// What a fair comparison is made with.
pub const STEADY: Rates =
    Rates { late: 20, restated: 10, poison: 1, flagged: 0, leads: 50, profiles: 5, fatigue: 1 };
/// What a bad day looks like.
pub const HOSTILE: Rates = Rates { late: 500, poison: 50, flagged: 200, ..STEADY };

/// How large the installation is, and what goes on in it.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Campaigns.
    pub campaigns: u64,
    /// Full days of each before the polls.
    pub history_days: u64,
    /// What goes on.
    pub rates: Rates,
}

impl Shape {
    /// That of a corpus of this size.
    pub fn usual(size: Size, rates: Rates) -> Self {
        Self { campaigns: campaigns(size), history_days: 30, rates }
    }
}

impl Rates {
    /// The same with another share of late events, of a thousand.
    pub const fn with_late(self, late: u64) -> Self {
        Self { late, ..self }
    }
}

/// A record to be written under a campaign's key.
pub enum Item<'a> {
    /// As it is.
    Fact(&'a Event<'a>),
    /// Damaged in the given way.
    Poison(&'a Event<'a>, Damage),
}

/// What is wrong with bytes that nobody can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// They have no frame.
    Unframed,
    /// They end too early.
    CutShort,
    /// Something follows them.
    Trailing,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Campaigns, each with at least its history.
    pub campaigns: u64,
    /// Records that must end among the dead letters.
    pub poison: u64,
}

struct Maker<F> {
    size: Size,
    rates: Rates,
    history_days: u64,
    dice: Dice,
    visit: F,
    number: u64,
    made: Made,
    leads: Vec<Lead>,
    lead_count: u64,
}

#[derive(Clone, Copy)]
struct Lead {
    campaign: Campaign,
    number: u64,
    is_qualified: bool,
    created_day: Day,
}

/// How many campaigns a corpus of this size has.
pub fn campaigns(size: Size) -> u64 {
    (size.records / EVENTS_PER_CAMPAIGN).clamp(2 * POLL_ROWS, CAMPAIGNS_MAX)
}

/// Hands every record and its key to `visit`.
pub fn generate(
    size: Size,
    shape: Shape,
    visit: impl FnMut(&str, Item<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Made> {
    let Shape { campaigns, history_days, rates } = shape;
    let mut maker = Maker {
        size,
        rates,
        history_days,
        dice: Dice::new(size.seed),
        visit,
        number: 0,
        made: Made { campaigns, poison: 0 },
        leads: Vec::new(),
        lead_count: 0,
    };
    maker.history()?;
    maker.polls()?;
    maker.last_word()?;
    Ok(maker.made)
}

impl<F: FnMut(&str, Item<'_>) -> anyhow::Result<()>> Maker<F> {
    fn history(&mut self) -> anyhow::Result<()> {
        for age in (1..=self.history_days).rev() {
            let day = Day(first_poll().day_utc().0 - i32::try_from(age)?);
            let observed_at = Day(day.0 + 1).midnight_utc();
            let batch_id = format!("day-{day}");
            for campaign in (0..self.made.campaigns).map(Campaign) {
                self.metrics(campaign, (day, 1_000), (observed_at, &batch_id))?;
            }
        }
        for campaign in (0..self.made.campaigns).map(Campaign) {
            self.profile(campaign, first_poll())?;
        }
        Ok(())
    }

    fn polls(&mut self) -> anyhow::Result<()> {
        let campaigns = self.made.campaigns;
        let records = self.size.records.saturating_sub(self.number + campaigns);
        let polls = records.div_ceil(POLL_ROWS).max(1);
        let at = |poll: u64| {
            let since = u128::from(poll) * u128::from(POLLED_DAYS * DAY_MS) / u128::from(polls);
            TimestampMs(first_poll().0 + i64::try_from(since).unwrap_or(i64::MAX / 2))
        };
        let mut poll = Poll::new(campaigns);
        for number in 0..records {
            let mut of_poll = number / POLL_ROWS;
            if number % POLL_ROWS == 0 {
                poll.begin();
            }
            let campaign = poll.draw(&mut self.dice);
            if self.dice.per_mille(self.rates.late) {
                of_poll = of_poll.saturating_sub(1 + self.dice.below(2 * polls.div_ceil(POLLED_DAYS)));
            }
            let observed_at = at(of_poll);
            let today = observed_at.day_utc();
            let kind = self.dice.below(1_000);
            let Rates { leads, profiles, fatigue, .. } = self.rates;
            if kind < leads {
                self.lead(campaign, at(number / POLL_ROWS))?;
            } else if kind < leads + profiles {
                self.profile(campaign, observed_at)?;
            } else if kind < leads + profiles + fatigue {
                self.fatigue(campaign, observed_at)?;
            } else {
                let batch_id = format!("poll-{of_poll}-{observed_at}");
                let of_day = if self.dice.per_mille(self.rates.restated) {
                    (Day(today.0 - 1 - i32::try_from(self.dice.below(7))?), 1_000 + self.dice.below(10))
                } else {
                    (today, day_share(observed_at))
                };
                self.metrics(campaign, of_day, (observed_at, &batch_id))?;
            }
        }
        Ok(())
    }

    fn last_word(&mut self) -> anyhow::Result<()> {
        let observed_at = TimestampMs(end_day().midnight_utc().0 + HOUR_MS);
        for campaign in (0..self.made.campaigns).map(Campaign) {
            let event = self.metrics_event(campaign, (Day(end_day().0 - 1), 1_000), (observed_at, "last"));
            self.put(campaign, &event)?;
        }
        Ok(())
    }

    fn metrics(
        &mut self,
        campaign: Campaign,
        of_day: (Day, u64),
        batch: (TimestampMs, &str),
    ) -> anyhow::Result<()> {
        let mut event = self.metrics_event(campaign, of_day, batch);
        // History is whole: what goes wrong does so among the polls.
        if batch.0 > first_poll() {
            if self.dice.per_mille(self.rates.poison) {
                return self.poison(campaign, &event);
            }
            if self.dice.per_mille(self.rates.flagged) {
                event.flags = vec![QualityFlag::Outlier];
                event.doubts = vec![Doubt::ClicksAboveImpressions];
            }
        }
        self.put(campaign, &event)
    }

    fn metrics_event<'a>(
        &self,
        campaign: Campaign,
        (day, share): (Day, u64),
        (observed_at, batch_id): (TimestampMs, &'a str),
    ) -> Event<'a> {
        let body = EventBody::MetricsObserved(MetricsObserved {
            source: Source::Facebook,
            day,
            batch: BatchRow { batch_id, row_index: 0, row_count: 1 },
            currency: Some("USD"),
            figures: campaign.figures(day, share).into(),
        });
        self.event(observed_at, body)
    }

    fn profile(&mut self, campaign: Campaign, observed_at: TimestampMs) -> anyhow::Result<()> {
        let frequency = 1.0 + f64::from(u32::try_from(self.dice.below(300))?) / 100.0;
        let seen = CampaignObserved { frequency_7d: Some(frequency), ..CampaignObserved::default() };
        let event = self.event(observed_at, EventBody::CampaignObserved(seen));
        self.put(campaign, &event)
    }

    fn fatigue(&mut self, campaign: Campaign, observed_at: TimestampMs) -> anyhow::Result<()> {
        let signal = FatigueSignal { level: FatigueLevel::High, message: None };
        let event = self.event(observed_at, EventBody::FatigueSignal(signal));
        self.put(campaign, &event)
    }

    /// A lead of the campaign, or the next stage of an earlier one, of whichever campaign that is.
    fn lead(&mut self, campaign: Campaign, observed_at: TimestampMs) -> anyhow::Result<()> {
        let is_full = self.leads.len() >= LEADS_MAX;
        let advances = !self.leads.is_empty() && (is_full || self.dice.below(2) == 1);
        let (lead, before, after) = if advances {
            let at = usize::try_from(self.dice.below(self.leads.len() as u64))?;
            let lead = self.leads[at];
            if lead.is_qualified {
                self.leads.swap_remove(at);
            } else {
                self.leads[at].is_qualified = true;
            }
            (lead, Some(lead.contribution(false)), lead.contribution(true))
        } else {
            self.lead_count += 1;
            let created_day = observed_at.day_utc();
            let lead = Lead { campaign, number: self.lead_count, is_qualified: false, created_day };
            self.leads.push(lead);
            (lead, None, lead.contribution(false))
        };
        let lead_key = format!("sample:L{}", lead.number);
        let changed = LeadChanged { lead_key: &lead_key, before, after: Some(after) };
        let event = self.event(observed_at, EventBody::LeadChanged(changed));
        self.put(lead.campaign, &event)
    }

    fn event<'a>(&self, observed_at: TimestampMs, body: EventBody<'a>) -> Event<'a> {
        let origin = Origin { topic: "bench.raw.facebook", partition: 0, offset: signed(self.number) };
        Event { observed_at, origin, flags: Vec::new(), doubts: Vec::new(), body }
    }

    fn put(&mut self, campaign: Campaign, event: &Event<'_>) -> anyhow::Result<()> {
        self.number += 1;
        (self.visit)(&campaign.key(), Item::Fact(event))
    }

    fn poison(&mut self, campaign: Campaign, event: &Event<'_>) -> anyhow::Result<()> {
        let damage = [Damage::Unframed, Damage::CutShort, Damage::Trailing];
        let damage = damage[usize::try_from(self.dice.below(3))?];
        self.number += 1;
        self.made.poison += 1;
        (self.visit)(&campaign.key(), Item::Poison(event, damage))
    }
}

impl Lead {
    /// What it adds to its cohort as it stands, or one stage later.
    fn contribution(self, is_later: bool) -> Contribution {
        let won = self.is_qualified && is_later;
        Contribution {
            created_day: self.created_day,
            qualified: self.is_qualified || is_later,
            won,
            revenue_micros: if won { REVENUE } else { Micros(0) },
        }
    }
}

fn first_poll() -> TimestampMs {
    Day(FIRST_DAY.0 + 30).midnight_utc()
}

/// The day after the last poll.
fn end_day() -> Day {
    Day(FIRST_DAY.0 + 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_record_of_every_campaign_is_observed_at_one_moment_later_than_all_others() {
        let size = Size { records: 6_000, seed: 2 };
        let (mut moments, mut records) = (Vec::new(), 0);
        let made = generate(size, Shape::usual(size, HOSTILE), |_, item| {
            records += 1;
            let (Item::Fact(event) | Item::Poison(event, _)) = item;
            moments.push(event.observed_at);
            Ok(())
        })
        .unwrap();
        assert_eq!(records, size.records);
        let campaigns = usize::try_from(made.campaigns).unwrap();
        let (before, last) = moments.split_at(moments.len() - campaigns);
        assert!(last.iter().all(|at| *at == last[0] && before.iter().all(|before| before < at)));
    }
}
