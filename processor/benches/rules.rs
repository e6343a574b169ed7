//! What the rules cost: applying an event, scoring a campaign, flushing a transaction, and the memory of a campaign.

use std::convert::Infallible;
use std::sync::Arc;

use divan::{Bencher, black_box};
use processor::score::{DoubtfulDays, ScoreDay, ScoreInput, findings, score};
use processor::{Outcome, Panel, Policy, ScoreOutput, Scorer};
use schemas::record::{
    Account, Alert, BatchRow, Campaign, CampaignDay, CampaignScore, Contribution, Event, EventBody, Figures,
    LeadChanged, MetricsObserved, Origin, Recommendation, Source, Watermark,
};
use schemas::{Day, Micros, TimestampMs};

const CAMPAIGNS: usize = 1_000;
const DAYS: i32 = 34;
const COHORT_DAYS: i32 = 90;
const TODAY: Day = Day(20_700);
const AT: Origin<'static> = Origin { topic: "events", partition: 0, offset: 0 };

fn main() {
    let scorer = filled();
    eprintln!(
        "state of a campaign with {DAYS} full days and {COHORT_DAYS} days of cohorts: {} bytes",
        scorer.state_bytes() / scorer.campaign_count()
    );
    divan::main();
}

/// Drops what is written: all records, or those without days and reasons.
struct Nowhere<const ALL: bool>;

impl<const ALL: bool> ScoreOutput for Nowhere<ALL> {
    type Error = Infallible;
    const WANTS_DAYS: bool = ALL;
    const WANTS_REASONS: bool = ALL;
    fn campaign(&mut self, _: &str, record: &Campaign<'_>) -> Result<(), Infallible> {
        black_box(record);
        Ok(())
    }
    fn day(&mut self, _: &str, record: &CampaignDay<'_>) -> Result<(), Infallible> {
        black_box(record);
        Ok(())
    }
    fn score(&mut self, _: &str, record: &CampaignScore<'_>) -> Result<(), Infallible> {
        black_box(record);
        Ok(())
    }
    fn recommendation(&mut self, _: &str, record: &Recommendation<'_>) -> Result<(), Infallible> {
        black_box(record);
        Ok(())
    }
    fn day_forgotten(&mut self, key: &str) -> Result<(), Infallible> {
        black_box(key);
        Ok(())
    }
    fn account(&mut self, _: &str, record: &Account<'_>) -> Result<(), Infallible> {
        black_box(record);
        Ok(())
    }
    fn alert(&mut self, _: &str, record: &Alert<'_>) -> Result<(), Infallible> {
        black_box(record);
        Ok(())
    }
    fn watermark(&mut self, _: &str, record: &Watermark<'_>) -> Result<(), Infallible> {
        black_box(record);
        Ok(())
    }
}

fn ignore(outcome: Outcome) {
    black_box(outcome);
}

fn key(campaign: usize) -> String {
    format!("facebook:123456789012345:{}", 120_210_000_000_000_000 + campaign)
}

fn metrics(day: i32, minute: i64, spend: i64) -> Event<'static> {
    let figures = Figures {
        spend_micros: Some(Micros(spend)),
        impressions: Some(18_500),
        reach: Some(14_100),
        clicks: Some(520),
        link_clicks: Some(410),
        leads: Some(spend % 9),
        ..Figures::default()
    };
    let batch = BatchRow { batch_id: "poll-2026-10-02T06:00", row_index: 0, row_count: 1 };
    let day = Day(TODAY.0 - day);
    let body = EventBody::MetricsObserved(MetricsObserved {
        source: Source::Facebook,
        day,
        batch,
        currency: Some("USD"),
        figures,
    });
    let observed_at = TimestampMs(TODAY.midnight_utc().0 + minute * 60_000);
    Event { observed_at, origin: AT, flags: Vec::new(), doubts: Vec::new(), body }
}

/// Gives the events of many campaigns with full days and cohorts.
fn fill(mut apply: impl FnMut(&str, &Event<'_>)) {
    for campaign in 0..CAMPAIGNS {
        let key = key(campaign);
        for day in (1..=COHORT_DAYS).rev() {
            if day <= DAYS {
                apply(&key, &metrics(day, 0, 143_500_000));
            }
            let after = Some(Contribution {
                created_day: Day(TODAY.0 - day),
                qualified: day % 3 == 0,
                won: day % 9 == 0,
                revenue_micros: Micros(0),
            });
            let body = EventBody::LeadChanged(LeadChanged { lead_key: "crm:1", before: None, after });
            apply(&key, &Event { body, ..metrics(1, 0, 0) });
        }
    }
}

fn filled() -> Scorer {
    let mut scorer = Scorer::new(Arc::new(Policy::default()), 0);
    fill(|key, event| drop(scorer.apply(Some(key), event, &AT)));
    scorer.flush(&mut Nowhere::<true>).unwrap_or(());
    scorer.commit();
    scorer
}

/// A restated day of one of many campaigns, in transactions of 1,000 events that are not flushed.
#[divan::bench(sample_size = 1_000, sample_count = 50)]
fn apply_a_restated_day(bencher: Bencher<'_, '_>) {
    let mut scorer = filled();
    let keys: Vec<_> = (0..CAMPAIGNS).map(key).collect();
    let mut step = 0_usize;
    bencher.bench_local(move || {
        step += 1;
        let minute = i64::try_from(step).unwrap_or(0);
        let day = i32::try_from(step / CAMPAIGNS % 28).unwrap_or(0) + 1;
        let event = metrics(day, minute, 143_000_000 + minute);
        let applied = scorer.apply(Some(&keys[step * 7 % CAMPAIGNS]), black_box(&event), &AT);
        if step.is_multiple_of(1_000) {
            scorer.commit();
        }
        applied
    });
}

#[divan::bench(sample_size = 1_000, sample_count = 50)]
fn apply_a_repeated_row(bencher: Bencher<'_, '_>) {
    let mut scorer = filled();
    let keys: Vec<_> = (0..CAMPAIGNS).map(key).collect();
    let event = metrics(3, 0, 143_500_000);
    let mut step = 0_usize;
    bencher.bench_local(move || {
        step += 1;
        scorer.apply(Some(&keys[step * 7 % CAMPAIGNS]), black_box(&event), &AT)
    });
}

/// A restated day, judged by two policies that share it.
#[divan::bench(sample_size = 1_000, sample_count = 50)]
fn apply_a_restated_day_for_two_policies(bencher: Bencher<'_, '_>) {
    let other = Policy::from_toml("[score]\ncost_per_lead_target = 20.0").expect("it is a policy");
    let mut panel = Panel::new(&[Arc::new(Policy::default()), Arc::new(other)], 0);
    fill(|key, event| panel.apply(Some(key), event, &AT, |_, outcome| ignore(outcome)));
    let _ = panel.end_transaction(&mut [Nowhere::<false>, Nowhere::<false>]);
    let keys: Vec<_> = (0..CAMPAIGNS).map(key).collect();
    let mut step = 0_usize;
    bencher.bench_local(move || {
        step += 1;
        let minute = i64::try_from(step).unwrap_or(0);
        let day = i32::try_from(step / CAMPAIGNS % 28).unwrap_or(0) + 1;
        let event = metrics(day, minute, 143_000_000 + minute);
        panel.apply(Some(&keys[step * 7 % CAMPAIGNS]), black_box(&event), &AT, |_, outcome| ignore(outcome));
    });
}

/// The verdicts of two policies on many campaigns of which one day changed, by campaign; without their sentences.
#[divan::bench(args = [CAMPAIGNS], sample_count = 60)]
fn judge_touched_campaigns_by_two_policies(bencher: Bencher<'_, '_>, campaigns: usize) {
    let other = Policy::from_toml("[score]\ncost_per_lead_target = 20.0").expect("it is a policy");
    let mut panel = Panel::new(&[Arc::new(Policy::default()), Arc::new(other)], 0);
    fill(|key, event| panel.apply(Some(key), event, &AT, |_, outcome| ignore(outcome)));
    let _ = panel.end_transaction(&mut [Nowhere::<false>, Nowhere::<false>]);
    let keys: Vec<_> = (0..campaigns).map(key).collect();
    let mut minute = 0;
    bencher.counter(campaigns).bench_local(move || {
        minute += 1;
        for key in &keys {
            let event = metrics(1, minute, 143_000_000 + minute * 1_000_000);
            panel.apply(Some(key), &event, &AT, |_, outcome| ignore(outcome));
        }
        panel.end_transaction(&mut [Nowhere::<false>, Nowhere::<false>])
    });
}

/// One event and the flush of its transaction: merge, score, reasons, sentences, records.
#[divan::bench(sample_size = 1_000, sample_count = 50)]
fn apply_and_flush_one_campaign(bencher: Bencher<'_, '_>) {
    let mut scorer = filled();
    let keys: Vec<_> = (0..CAMPAIGNS).map(key).collect();
    let mut step = 0_usize;
    bencher.bench_local(move || {
        step += 1;
        let minute = i64::try_from(step).unwrap_or(0);
        let event = metrics(1, minute, 143_000_000 + minute);
        let applied = scorer.apply(Some(&keys[step * 7 % CAMPAIGNS]), &event, &AT);
        scorer.flush(&mut Nowhere::<true>).unwrap_or(());
        scorer.commit();
        applied
    });
}

/// The flush of a transaction that changed one day of each of many campaigns, by campaign: its day, its score and their
/// records, without encoding them.
#[divan::bench(args = [CAMPAIGNS], sample_count = 60)]
fn flush_a_touched_campaign(bencher: Bencher<'_, '_>, campaigns: usize) {
    let mut scorer = filled();
    let keys: Vec<_> = (0..campaigns).map(key).collect();
    let mut minute = 0;
    bencher.counter(campaigns).bench_local(move || {
        minute += 1;
        for key in &keys {
            let _ = scorer.apply(Some(key), &metrics(1, minute, 143_000_000 + minute * 1_000_000), &AT);
        }
        scorer.flush(&mut Nowhere::<true>).unwrap_or(());
        scorer.commit();
    });
}

/// What [`flush_a_touched_campaign`] does before its flush.
#[divan::bench(args = [CAMPAIGNS], sample_count = 60)]
fn touch_campaigns(bencher: Bencher<'_, '_>, campaigns: usize) {
    let mut scorer = filled();
    let keys: Vec<_> = (0..campaigns).map(key).collect();
    let mut minute = 0;
    bencher.counter(campaigns).bench_local(move || {
        minute += 1;
        for key in &keys {
            let _ = scorer.apply(Some(key), &metrics(1, minute, 143_000_000 + minute * 1_000_000), &AT);
        }
        scorer.commit();
    });
}

fn days() -> Vec<ScoreDay> {
    let day = |age: i32| ScoreDay {
        day: Day(TODAY.0 - age),
        spend: Micros(143_500_000),
        impressions: 18_500,
        link_clicks: 410,
        platform_leads: i64::from(age % 9),
        crm_leads: i64::from(age % 7),
        qualified: i64::from(age % 3),
        won: i64::from(age % 2),
        revenue: Micros(0),
        purchases: 0,
    };
    (0..DAYS).map(day).collect()
}

#[divan::bench]
fn score_a_campaign(bencher: Bencher<'_, '_>) {
    let (days, policy) = (days(), Policy::default().account("facebook", "1"));
    bencher.bench_local(|| {
        let input = ScoreInput {
            as_of: TODAY,
            days: black_box(&days),
            frequency_7d: Some(2.4),
            fatigue_high: false,
            metrics_age_hours: Some(3.0),
        };
        score(&input, &policy.score)
    });
}

#[divan::bench]
fn find_the_reasons(bencher: Bencher<'_, '_>) {
    let (days, policy) = (days(), Policy::default().account("facebook", "1"));
    let input = ScoreInput {
        as_of: TODAY,
        days: &days,
        frequency_7d: Some(2.4),
        fatigue_high: false,
        metrics_age_hours: Some(30.0),
    };
    let scored = score(&input, &policy.score);
    bencher.bench_local(|| findings(black_box(&scored), &DoubtfulDays::default(), &policy.score));
}
