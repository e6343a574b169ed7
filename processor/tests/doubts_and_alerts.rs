//! The scorer on doubtful days and on what a person should look at: named, left out until repeated, told once.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands, also in what it builds on")]

mod recorder;

use std::sync::Arc;

use processor::{Policy, Scorer};
use recorder::Recorder;
use schemas::record::{
    Account, AccountObserved, Alert, AlertState, BatchRow, CampaignDay, CampaignObserved, CampaignScore,
    Doubt, Event, EventBody, Figures, MetricsObserved, Origin, QualityCounted, Source, Tick,
};
use schemas::{Day, DayKey, Micros, TimestampMs, Topic};

const TODAY: Day = Day(20_700);
const HOUR: i64 = 3_600_000;
const CAMPAIGN: &str = "facebook:1:10";
const ACCOUNT: &str = "facebook:1";

struct Run {
    policy: Arc<Policy>,
    scorer: Scorer,
    out: Recorder,
    offset: i64,
}

impl Run {
    fn new() -> Self {
        let policy = Arc::new(Policy::default());
        Self { scorer: Scorer::new(Arc::clone(&policy), 3), policy, out: Recorder::new(), offset: 0 }
    }

    /// Each event in a transaction of its own, and a restart after it.
    fn say(&mut self, hour: i64, doubts: &[Doubt], body: EventBody<'static>) {
        let origin = Origin { topic: "events", partition: 3, offset: self.offset };
        let key = match body {
            EventBody::Tick(_) => None,
            EventBody::AccountObserved(_) | EventBody::QualityCounted(_) => Some(ACCOUNT),
            _ => Some(CAMPAIGN),
        };
        let mut flags: Vec<_> = doubts.iter().map(|doubt| doubt.flag()).collect();
        flags.dedup();
        let observed_at = TimestampMs(TODAY.midnight_utc().0 + hour * HOUR);
        let event = Event { observed_at, origin, flags, doubts: doubts.to_vec(), body };
        let _ = self.scorer.apply(key, &event, &origin);
        self.offset += 1;
        self.scorer.flush(&mut self.out).unwrap();
        self.scorer = self.out.restored(&self.policy, self.offset % 2 == 0);
    }

    fn day(&mut self, hour: i64, age: i32, spend: i64, doubts: &[Doubt]) {
        self.day_from(Source::Facebook, hour, age, spend, doubts);
    }

    fn day_from(&mut self, source: Source, hour: i64, age: i32, spend: i64, doubts: &[Doubt]) {
        let batch_id = ["a", "b", "c", "d", "e", "f", "g"][usize::try_from(self.offset % 7).unwrap()];
        let metrics = MetricsObserved {
            source,
            day: Day(TODAY.0 - age),
            batch: BatchRow { batch_id, row_index: 0, row_count: 1 },
            currency: Some("USD"),
            figures: Figures {
                spend_micros: Some(Micros(spend * 1_000_000)),
                impressions: Some(10_000),
                leads: Some(3),
                ..Figures::default()
            },
        };
        self.say(hour, doubts, EventBody::MetricsObserved(metrics));
    }

    fn tick(&mut self, hour: i64) {
        self.say(hour, &[], EventBody::Tick(Tick {}));
    }

    fn score(&self) -> CampaignScore<'_> {
        self.out.decode(self.out.bytes_of(Topic::Scores, CAMPAIGN))
    }

    /// The sentence of a reason.
    fn reason(&self, code: &str) -> Option<String> {
        self.score()
            .reasons
            .iter()
            .find(|reason| reason.code == code)
            .map(|reason| reason.sentence.to_owned())
    }

    fn doubts_of(&self, age: i32) -> Vec<Doubt> {
        let key = DayKey { campaign_key: CAMPAIGN, day: Day(TODAY.0 - age) }.to_string();
        let day: CampaignDay<'_> = self.out.decode(self.out.bytes_of(Topic::CampaignDays, &key));
        day.doubts
    }

    /// Code, state and subject of every alert written.
    fn alerts(&self) -> Vec<(String, AlertState, String)> {
        let written = self.out.log.iter().filter(|(topic, _, _)| *topic == Topic::Alerts);
        let alert = |(_, key, bytes): &(Topic, String, Vec<u8>)| {
            let alert: Alert<'_> = self.out.decode(Some(bytes));
            assert!(!alert.sentence.is_empty());
            (alert.code.to_owned(), alert.state, key.clone())
        };
        written.map(alert).collect()
    }
}

#[test]
fn a_doubtful_day_is_named_and_left_out_until_a_later_reading_repeats_it() {
    let mut run = Run::new();
    run.day(1, 1, 100, &[]);
    run.day(1, 2, 900, &[Doubt::ClicksAboveImpressions]);
    assert_eq!(run.score().window.spend_micros, Micros(100_000_000));
    assert_eq!(
        run.reason("CLICKS_ABOVE_IMPRESSIONS").unwrap(),
        "1 of the last 30 days is doubtful: there are more clicks than impressions."
    );
    assert_eq!(run.doubts_of(2), [Doubt::ClicksAboveImpressions]);
    run.day(2, 2, 900, &[Doubt::ClicksAboveImpressions]);
    assert_eq!(run.score().window.spend_micros, Micros(1_000_000_000));
    assert_eq!((run.reason("CLICKS_ABOVE_IMPRESSIONS"), run.doubts_of(2)), (None, vec![]));
}

#[test]
fn a_day_of_twenty_times_the_median_spend_is_doubted_until_it_is_repeated() {
    let mut run = Run::new();
    for age in 2..=8 {
        run.day(1, age, 100, &[]);
    }
    run.day(1, 1, 1_999, &[]);
    assert_eq!(run.reason("SPEND_ABOVE_MEDIAN"), None, "19.99 times the median");
    run.day(2, 1, 2_000, &[]);
    assert!(run.reason("SPEND_ABOVE_MEDIAN").is_some());
    assert_eq!(run.doubts_of(1), [Doubt::SpendAboveMedian]);
    assert_eq!(run.score().window.spend_micros, Micros(700_000_000));
    run.day(3, 1, 2_000, &[]);
    assert_eq!((run.reason("SPEND_ABOVE_MEDIAN"), run.doubts_of(1)), (None, vec![]));
    assert_eq!(run.score().window.spend_micros, Micros(2_700_000_000));
}

#[test]
fn an_alert_of_a_campaign_fires_once_and_resolves_once_across_restarts() {
    let mut run = Run::new();
    for age in 2..=8 {
        run.day(1, age, 100, &[]);
    }
    run.day(1, 1, 400, &[]);
    assert_eq!(run.score().firing, ["SPEND_SPIKE", "COST_PER_LEAD_SPIKE"]);
    run.tick(2);
    run.day(3, 1, 400, &[]);
    run.day(4, 1, 110, &[]);
    run.tick(5);
    let states = |code: &str| {
        let of_code = run.alerts().into_iter().filter(|(written, _, _)| written == code);
        of_code.map(|(_, state, key)| (state, key)).collect::<Vec<_>>()
    };
    for code in ["SPEND_SPIKE", "COST_PER_LEAD_SPIKE"] {
        let expected = [AlertState::Firing, AlertState::Resolved].map(|state| (state, CAMPAIGN.to_owned()));
        assert_eq!(states(code), expected);
    }
    assert!(run.score().firing.is_empty());
}

#[test]
fn every_known_day_counts_towards_the_lifetime_budget_also_one_that_two_sources_tell_of() {
    let mut run = Run::new();
    let lifetime_budget_micros = Some(Micros(1_000_000_000));
    let observed = CampaignObserved { lifetime_budget_micros, ..CampaignObserved::default() };
    run.say(1, &[], EventBody::CampaignObserved(observed));
    run.day(1, 40, 500, &[]);
    run.day_from(Source::Csv, 1, 40, 300, &[]);
    assert!(run.score().firing.is_empty());
    run.day(2, 1, 450, &[]);
    assert_eq!(run.score().firing, ["BUDGET_EXHAUSTED"], "500 and 450 of 1,000");
}

#[test]
fn figures_that_nobody_renews_are_told_by_ticks_alone() {
    let mut run = Run::new();
    run.day(1, 1, 100, &[]);
    run.tick(24);
    assert!(run.alerts().is_empty());
    run.tick(25);
    run.tick(26);
    run.tick(48);
    run.tick(49);
    let codes: Vec<_> = run.alerts().into_iter().map(|(code, _, _)| code).collect();
    assert_eq!(codes, ["STALE_DATA", "VERY_STALE_DATA"]);
}

#[test]
fn an_account_that_cannot_be_read_is_told_once_and_again_when_it_can() {
    let mut run = Run::new();
    let failed = AccountObserved {
        failure_code: Some("TOKEN_INVALID"),
        failure: Some("The token has expired."),
        ..AccountObserved::default()
    };
    run.say(1, &[], EventBody::AccountObserved(failed));
    run.say(2, &[], EventBody::AccountObserved(failed));
    let healthy = AccountObserved { status: Some("ACTIVE"), ..AccountObserved::default() };
    run.say(3, &[], EventBody::AccountObserved(healthy));
    // Told late, and older than what is known.
    run.say(2, &[], EventBody::AccountObserved(failed));
    let expected = [AlertState::Firing, AlertState::Resolved]
        .map(|state| ("ACCOUNT_FAILURE".to_owned(), state, ACCOUNT.to_owned()));
    assert_eq!(run.alerts(), expected);
}

#[test]
fn the_records_of_an_account_and_hour_add_up_and_a_bad_share_is_told() {
    let mut run = Run::new();
    let counted = |hour: i64, records, rejected| {
        let hour_start = TimestampMs(TODAY.midnight_utc().0 + hour * HOUR);
        EventBody::QualityCounted(QualityCounted { hour_start, records, incomplete: 0, outlier: 1, rejected })
    };
    run.say(1, &[], counted(1, 15, 2));
    assert!(run.alerts().is_empty(), "too few records");
    run.say(1, &[], counted(1, 15, 2));
    let account: Account<'_> = run.out.decode(run.out.bytes_of(Topic::Accounts, ACCOUNT));
    assert_eq!((account.hours.len(), account.hours[0].records, account.hours[0].rejected), (1, 30, 4));
    assert_eq!(account.firing, ["DATA_QUALITY"]);
    run.say(2, &[], counted(2, 100, 0));
    let states: Vec<_> = run.alerts().into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(states, [AlertState::Firing, AlertState::Resolved]);
}
