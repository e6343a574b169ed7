//! The scorer on logs: facts replace, time slides the window, a restart or an abort shows in no byte.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands, also in what it builds on")]

mod recorder;

use std::sync::Arc;

use processor::{Outcome, Policy, Scorer};
use proptest::prelude::*;
use recorder::Recorder;
use schemas::record::{
    Action, BatchRow, CampaignDay, CampaignObserved, CampaignScore, Contribution, Event, EventBody,
    FatigueLevel, FatigueSignal, Figures, LeadChanged, MetricsObserved, Origin, QualityFlag, Recommendation,
    Source, Tick,
};
use schemas::{Day, DayKey, Micros, TimestampMs, Topic};

const HOUR: i64 = 3_600_000;
const START: Day = Day(20_700);
const KEY: &str = "facebook:1:10";

fn hours(hours: i64) -> TimestampMs {
    TimestampMs(START.midnight_utc().0 + hours * HOUR)
}

fn event(observed_at: TimestampMs, flags: &[QualityFlag], body: EventBody<'static>) -> Event<'static> {
    let origin = Origin { topic: "raw.facebook", partition: 3, offset: 0 };
    Event { observed_at, origin, flags: flags.to_vec(), doubts: Vec::new(), body }
}

/// Spend in major units, impressions, leads.
fn figures(spend: i64, impressions: i64, leads: i64) -> Figures {
    Figures {
        spend_micros: Some(Micros(spend * 1_000_000)),
        impressions: Some(impressions),
        link_clicks: Some(impressions / 40),
        leads: Some(leads),
        ..Figures::default()
    }
}

fn row(at: i64, day: i32, batch: (&'static str, i32, i32), figures: Figures) -> Event<'static> {
    row_from(Source::Facebook, at, day, batch, figures)
}

fn row_from(
    source: Source,
    at: i64,
    day: i32,
    (batch_id, row_index, row_count): (&'static str, i32, i32),
    figures: Figures,
) -> Event<'static> {
    let batch = BatchRow { batch_id, row_index, row_count };
    let day = Day(START.0 + day);
    let body =
        EventBody::MetricsObserved(MetricsObserved { source, day, batch, currency: Some("USD"), figures });
    event(hours(at), &[], body)
}

fn tick(at: i64) -> Event<'static> {
    event(hours(at), &[], EventBody::Tick(Tick {}))
}

struct Run {
    policy: Arc<Policy>,
    scorer: Scorer,
    out: Recorder,
    offset: i64,
}

impl Run {
    fn new(policy: &str) -> Self {
        let policy = Arc::new(Policy::from_toml(policy).unwrap());
        Self { scorer: Scorer::new(Arc::clone(&policy), 3), policy, out: Recorder::new(), offset: 0 }
    }

    fn apply(&mut self, key: &str, event: &Event<'_>) -> Outcome {
        let at = Origin { topic: "events", partition: 3, offset: self.offset };
        self.offset += 1;
        let key = (!matches!(event.body, EventBody::Tick(_))).then_some(key);
        let applied = self.scorer.apply(key, event, &at);
        assert_eq!(applied.rejection.is_some(), applied.outcome == Outcome::Rejected);
        applied.outcome
    }

    fn commit(&mut self) {
        self.scorer.flush(&mut self.out).unwrap();
        self.scorer.commit();
    }

    /// One event in a transaction of its own.
    fn one(&mut self, event: &Event<'_>) -> Outcome {
        let outcome = self.apply(KEY, event);
        self.commit();
        outcome
    }

    fn day(&self, day: i32) -> CampaignDay<'_> {
        let key = DayKey { campaign_key: KEY, day: Day(START.0 + day) }.to_string();
        self.out.decode(self.out.bytes_of(Topic::CampaignDays, &key))
    }

    fn score(&self) -> CampaignScore<'_> {
        self.out.decode(self.out.bytes_of(Topic::Scores, KEY))
    }

    fn recommendation(&self) -> Recommendation<'_> {
        self.out.decode(self.out.bytes_of(Topic::Recommendations, KEY))
    }
}

#[test]
fn a_newer_batch_replaces_and_an_older_one_is_stale() {
    let mut run = Run::new("");
    assert_eq!(run.one(&row(30, 0, ("a", 0, 1), figures(100, 1_000, 3))), Outcome::Accepted);
    assert_eq!(run.one(&row(31, 0, ("b", 0, 1), figures(120, 1_100, 4))), Outcome::Accepted);
    assert_eq!(run.day(0).figures, figures(120, 1_100, 4));
    assert_eq!((run.day(0).revision, run.day(0).first_seen), (2, Some(hours(30))));
    let written = run.out.log.len();
    assert_eq!(run.one(&row(30, 0, ("c", 0, 1), figures(9, 9, 9))), Outcome::Stale);
    assert_eq!(run.one(&row(31, 0, ("b", 0, 1), figures(120, 1_100, 4))), Outcome::Duplicate);
    assert_eq!(run.out.log.len(), written, "nothing new, nothing written");
}

#[test]
fn a_newer_batch_with_the_same_figures_renews_the_stamp_and_not_the_revision() {
    let mut run = Run::new("");
    run.one(&row(30, 0, ("a", 0, 1), figures(100, 1_000, 3)));
    assert_eq!(run.one(&row(40, 0, ("b", 0, 1), figures(100, 1_000, 3))), Outcome::Accepted);
    assert_eq!((run.day(0).revision, run.day(0).last_seen), (1, Some(hours(40))));
    assert_eq!(run.score().metrics_observed_at, Some(hours(40)));
}

#[test]
fn rows_add_up_and_count_once_all_have_arrived() {
    let mut run = Run::new("");
    run.one(&row(30, 0, ("a", 0, 1), figures(100, 1_000, 3)));
    run.one(&row(31, 0, ("b", 1, 3), figures(10, 100, 1)));
    run.one(&row(31, 0, ("b", 0, 3), figures(20, 200, 2)));
    assert_eq!(run.one(&row(31, 0, ("b", 0, 3), figures(20, 200, 2))), Outcome::Duplicate);
    assert_eq!(run.day(0).figures, figures(100, 1_000, 3));
    assert_eq!(run.one(&row(31, 0, ("b", 1, 2), figures(1, 1, 1))), Outcome::Rejected);
    run.one(&row(31, 0, ("b", 2, 3), figures(30, 400, 3)));
    assert_eq!(run.day(0).figures.spend_micros, Some(Micros(60_000_000)));
    assert_eq!((run.day(0).sources.len(), run.day(0).sources[0].pending.is_none()), (1, true));
}

#[test]
fn beyond_the_bound_the_oldest_incomplete_batch_is_forgotten() {
    let mut run = Run::new("[facts]\npending_batches_max = 2");
    for (at, batch) in [(31, "a"), (32, "b"), (33, "c")] {
        assert_eq!(run.one(&row(at, 0, (batch, 0, 2), figures(10, 100, 1))), Outcome::Accepted);
    }
    assert_eq!(run.one(&row(31, 0, ("a", 1, 2), figures(10, 100, 1))), Outcome::Stale);
    assert_eq!(run.one(&row(32, 0, ("b", 1, 2), figures(10, 100, 1))), Outcome::Accepted);
    assert_eq!(run.day(0).last_seen, Some(hours(32)));
    assert_eq!(run.one(&row(33, 0, ("c", 1, 2), figures(20, 100, 1))), Outcome::Accepted);
    assert_eq!((run.day(0).last_seen, run.day(0).sources.len()), (Some(hours(33)), 1));
}

#[test]
fn the_platform_counts_before_the_file_by_policy() {
    let mut run = Run::new("");
    run.one(&row_from(Source::Csv, 50, 0, ("file", 0, 1), figures(90, 900, 1)));
    assert_eq!(run.day(0).figures, figures(90, 900, 1));
    run.one(&row(30, 0, ("poll", 0, 1), figures(100, 1_000, 3)));
    assert_eq!((run.day(0).figures, run.day(0).sources.len()), (figures(100, 1_000, 3), 2));
    let mut other = Run::new("[facts]\nsource_precedence = [\"CSV\", \"FACEBOOK\"]");
    other.one(&row_from(Source::Csv, 50, 0, ("file", 0, 1), figures(90, 900, 1)));
    other.one(&row(30, 0, ("poll", 0, 1), figures(100, 1_000, 3)));
    assert_eq!(other.day(0).figures, figures(90, 900, 1));
}

#[test]
fn an_outlier_counts_once_a_later_batch_repeats_it() {
    let outlier = |at, batch| Event {
        flags: vec![QualityFlag::Outlier],
        ..row(at, 0, (batch, 0, 1), figures(500, 10, 0))
    };
    let mut run = Run::new("");
    assert_eq!(run.one(&outlier(30, "a")), Outcome::Outlier);
    assert_eq!(
        (run.score().window.spend_micros, run.day(0).flags.as_slice()),
        (Micros(0), &[QualityFlag::Outlier][..])
    );
    assert_eq!(run.day(0).figures, figures(500, 10, 0), "it is stored");
    run.one(&outlier(40, "b"));
    assert_eq!((run.score().window.spend_micros, run.day(0).flags.len()), (Micros(500_000_000), 0));
    let mut counting = Run::new("[quality]\ncount_outliers = true");
    counting.one(&outlier(30, "a"));
    assert_eq!(counting.score().window.spend_micros, Micros(500_000_000));
}

#[test]
fn the_window_slides_for_quiet_campaigns_in_their_own_time_zone() {
    let mut run = Run::new("[accounts.\"facebook:1\"]\ntime_zone = \"America/Los_Angeles\"");
    run.one(&row(30, 0, ("a", 0, 1), figures(100, 1_000, 3)));
    assert_eq!(run.score().as_of, Day(START.0), "it is still the evening before in Los Angeles");
    let scores = run.out.count(Topic::Scores);
    run.one(&tick(30));
    assert_eq!(run.out.count(Topic::Scores), scores, "no day has changed");
    run.one(&tick(33));
    assert_eq!((run.score().as_of, run.score().window.active_days), (Day(START.0 + 1), 1));
    run.one(&tick(24 * 40));
    assert_eq!(run.score().window.active_days, 0);
}

#[test]
fn ticks_say_when_figures_grow_old() {
    let mut run = Run::new("");
    run.one(&row(25, 0, ("a", 0, 1), figures(100, 1_000, 3)));
    let codes = |run: &Run| run.score().reasons.iter().map(|r| r.code.to_owned()).collect::<Vec<_>>();
    run.one(&tick(26));
    assert!(!codes(&run).contains(&"STALE_DATA".to_owned()));
    run.one(&tick(50));
    assert!(codes(&run).contains(&"STALE_DATA".to_owned()));
    run.one(&tick(74));
    assert!(!run.score().actionable);
    let scores = run.out.count(Topic::Scores);
    run.one(&tick(75));
    assert_eq!(run.out.count(Topic::Scores), scores);
}

#[test]
fn a_recommendation_is_announced_first_and_then_only_well_inside_a_new_band() {
    let mut run = Run::new("");
    run.one(&row(25, 0, ("a", 0, 1), figures(0, 10, 0)));
    assert_eq!((run.recommendation().previous_action, run.out.count(Topic::Recommendations)), (None, 1));
    assert_eq!(run.recommendation().action, Action::TestChanges);
    // Five targets spent without a lead: a guard needs no margin.
    run.one(&row(26, 0, ("b", 0, 1), figures(150, 5_000, 0)));
    assert_eq!(
        (run.recommendation().action, run.out.count(Topic::Recommendations)),
        (Action::PauseCampaign, 2)
    );
    assert_eq!(run.recommendation().previous_action, Some(Action::TestChanges));
    assert_eq!(run.recommendation().reasons[0].code, "NO_LEADS_AT_5X_TARGET");
    assert_eq!(run.recommendation().origin, Origin { topic: "events", partition: 3, offset: 1 });
    // Leads that bring the total just over an edge are no news; the announced action stands.
    let mut announced = Action::PauseCampaign;
    for leads in 1..60 {
        run.one(&row(26 + i64::from(leads), 0, ("c", 0, 1), figures(150, 5_000, i64::from(leads))));
        let score = run.score();
        let edge = [20.0, 40.0, 60.0, 80.0]
            .into_iter()
            .map(|e: f64| (score.total - e).abs())
            .fold(f64::MAX, f64::min);
        if score.recommendation == announced || edge < 2.995 {
            assert_eq!(score.announced.unwrap().action, announced, "at {}", score.total);
        } else {
            assert_eq!(score.announced.unwrap().action, score.recommendation, "at {}", score.total);
        }
        announced = score.announced.unwrap().action;
    }
    assert_ne!(announced, Action::PauseCampaign);
}

#[test]
fn announcements_have_moments_of_their_own_also_while_the_log_time_stands_still() {
    let mut run = Run::new("");
    run.apply(KEY, &tick(100));
    let steps =
        [("a", figures(150, 5_000, 0)), ("b", figures(150, 5_000, 40)), ("c", figures(150, 5_000, 0))];
    let mut announced = Vec::new();
    for (at, (batch, figures)) in (30..).zip(steps) {
        run.one(&row(at, 0, (batch, 0, 1), figures));
        assert_eq!(run.score().scored_at, hours(100));
        assert_eq!(run.score().announced.unwrap().announced_at, run.recommendation().announced_at);
        announced.push((run.recommendation().action, run.recommendation().announced_at.0 - hours(100).0));
    }
    assert_eq!(announced, [(Action::PauseCampaign, 0), (announced[1].0, 1), (Action::PauseCampaign, 2)]);
    assert_ne!(announced[1].0, Action::PauseCampaign);
}

#[test]
fn the_log_time_is_told_by_a_score_or_else_by_a_watermark() {
    let mut run = Run::new("");
    run.one(&row(30, 0, ("a", 0, 1), figures(100, 1_000, 3)));
    assert_eq!((run.out.count(Topic::Scores), run.out.count(Topic::Watermarks)), (1, 0));
    run.one(&tick(31));
    assert_eq!((run.out.count(Topic::Scores), run.out.count(Topic::Watermarks)), (1, 1));
    run.one(&row(32, 0, ("b", 0, 1), figures(120, 1_000, 3)));
    run.scorer = run.out.restored(&run.policy, false);
    run.scorer.commit();
    // Older than what the log has come to, so only the log time that came back says when it was scored.
    run.one(&row(30, 1, ("a", 0, 1), figures(100, 1_000, 3)));
    assert_eq!(run.score().scored_at, hours(32));
    assert_eq!(run.out.count(Topic::Watermarks), 1);
}

#[test]
fn what_has_no_campaign_key_is_refused() {
    let mut run = Run::new("");
    let fact = row(25, 0, ("a", 0, 1), figures(0, 10, 0));
    assert_eq!(run.apply("nonsense", &fact), Outcome::Rejected);
    let at = Origin { topic: "events", partition: 3, offset: 9 };
    assert_eq!(run.scorer.apply(None, &fact, &at).rejection.unwrap().code, "KEY_MISSING");
    assert!(run.scorer.restore_day("facebook:1:10", None).is_err());
    assert!(run.scorer.restore_campaign("nonsense", None).is_err());
    assert!(run.scorer.restore_watermark("score/x", None).is_err());
}

#[test]
fn days_beyond_the_horizon_are_stale_and_forgotten() {
    let mut run = Run::new("[facts]\nhorizon_months = 2");
    run.one(&row(25, 0, ("a", 0, 1), figures(100, 1_000, 1)));
    let bytes = run.scorer.state_bytes();
    run.one(&tick(24 * 70));
    assert!(run.scorer.state_bytes() < bytes);
    assert_eq!(run.one(&row(26, 0, ("b", 0, 1), figures(100, 1_000, 2))), Outcome::Stale);
}

const BATCHES: [&str; 4] = ["a", "b", "c", "d"];

/// One fact of a made-up history. Its figures follow from its name, so that a repetition says the same.
#[derive(Clone, Debug)]
struct Fact {
    campaign: usize,
    event: Event<'static>,
}

const KEYS: [&str; 3] = ["facebook:1:10", "facebook:1:11", "facebook:2:12"];

fn metrics_fact() -> impl Strategy<Value = Fact> {
    (0..3_usize, 0..4_i32, any::<bool>(), 0..4_usize, 0..3_i32, 0..3_i64).prop_map(
        |(campaign, day, csv, batch, index, shift)| {
            let count = [1, 2, 3, 1][batch];
            let index = index % count;
            let at = 100 + i64::try_from(batch).unwrap() / 2 + shift * 3;
            let seed = i64::from(day) + shift % 2 + i64::from(index);
            let figures = figures(10 + seed % 3 * 40, 1_000, seed % 5);
            let source = if csv { Source::Csv } else { Source::Facebook };
            let mut event = row_from(source, at, day, (BATCHES[batch], index, count), figures);
            if seed % 3 == 0 {
                event.flags = vec![QualityFlag::Outlier];
            }
            Fact { campaign, event }
        },
    )
}

fn other_fact() -> impl Strategy<Value = Fact> {
    (0..3_usize, 0..5_u8, 0..300_i64, 0..6_i32).prop_map(|(campaign, kind, at, day)| {
        let contribution = Contribution {
            created_day: Day(START.0 + day),
            qualified: day % 2 == 0,
            won: day % 4 == 0,
            revenue_micros: Micros(i64::from(day % 4 == 0) * 7_000_000),
        };
        let body = match kind {
            0 => EventBody::CampaignObserved(CampaignObserved {
                name: Some(["Leads", "Sales"][usize::try_from(at % 2).unwrap()]),
                time_zone: Some("Asia/Tokyo"),
                daily_budget_micros: Some(Micros(at)),
                ..CampaignObserved::default()
            }),
            1 => EventBody::CampaignObserved(CampaignObserved {
                frequency_7d: Some(2.5),
                ..CampaignObserved::default()
            }),
            2 => EventBody::FatigueSignal(FatigueSignal { level: FatigueLevel::High, message: None }),
            3 => EventBody::LeadChanged(LeadChanged {
                lead_key: "crm:1",
                before: None,
                after: Some(contribution),
            }),
            _ => EventBody::Tick(Tick {}),
        };
        Fact { campaign, event: event(hours(at), &[], body) }
    })
}

fn history() -> impl Strategy<Value = Vec<Fact>> {
    proptest::collection::vec(prop_oneof![3 => metrics_fact(), 2 => other_fact()], 1..60)
}

/// What the topics say of the days, less what tells the history of the log.
fn days(out: &Recorder) -> Vec<String> {
    let of_days = out.latest.iter().filter(|((topic, _), _)| *topic == Topic::CampaignDays);
    let shown = of_days.map(|(_, bytes)| {
        let mut day: CampaignDay<'_> = out.decode(Some(bytes));
        (day.revision, day.first_seen, day.first_figures) = (0, None, None);
        if day.last_seen.is_none() {
            // Without figures, the currency is what was known of the campaign when the day was written.
            day.currency = None;
        }
        day.origin = Origin { topic: "", partition: 0, offset: 0 };
        format!("{day:?}")
    });
    shown.collect()
}

proptest! {
    #[test]
    fn any_order_and_any_repetition_of_facts_give_one_state(
        facts in proptest::collection::vec(metrics_fact(), 1..40)
            .prop_flat_map(|facts| {
                let twice: Vec<_> = facts.iter().chain(&facts).cloned().collect();
                (Just(facts), Just(twice).prop_shuffle())
            })
    ) {
        let (facts, shuffled) = facts;
        let mut runs = [Run::new("[facts]\npending_batches_max = 16"), Run::new("[facts]\npending_batches_max = 16")];
        for (run, facts) in runs.iter_mut().zip([&facts, &shuffled]) {
            for fact in facts {
                run.apply(KEYS[fact.campaign], &fact.event);
                run.commit();
            }
            run.apply(KEY, &tick(24 * 8));
            run.commit();
        }
        prop_assert_eq!(days(&runs[0].out), days(&runs[1].out));
        let scores = |run: &Run| KEYS.map(|key| run.out.bytes_of(Topic::Scores, key).map(|bytes| {
            let score: CampaignScore<'_> = run.out.decode(Some(bytes));
            (score.parts, score.total, score.window, score.confidence, score.metrics_observed_at)
        }).map(|score| format!("{score:?}")));
        prop_assert_eq!(scores(&runs[0]), scores(&runs[1]));
    }

    #[test]
    fn a_restart_at_any_commit_changes_no_later_byte(
        history in history(), restarts in proptest::collection::vec(any::<bool>(), 60), backwards in any::<bool>()
    ) {
        let (mut steady, mut restarted) = (Run::new(""), Run::new(""));
        for (at, chunk) in history.chunks(3).enumerate() {
            for fact in chunk {
                let key = KEYS[fact.campaign];
                prop_assert_eq!(steady.apply(key, &fact.event), restarted.apply(key, &fact.event));
            }
            steady.commit();
            restarted.commit();
            if restarts[at] {
                restarted.scorer = restarted.out.restored(&restarted.policy, backwards);
            }
        }
        prop_assert_eq!(&steady.out.log, &restarted.out.log);
    }

    #[test]
    fn an_aborted_transaction_never_happened(
        history in history(), aborted in history(), flushed in any::<bool>()
    ) {
        let (mut steady, mut disturbed) = (Run::new(""), Run::new(""));
        for (at, chunk) in history.chunks(4).enumerate() {
            if at % 2 == 1 {
                for fact in &aborted {
                    disturbed.apply(KEYS[fact.campaign], &fact.event);
                }
                if flushed {
                    disturbed.scorer.flush(&mut Recorder::new()).unwrap();
                }
                disturbed.scorer.abort();
                disturbed.offset = steady.offset;
            }
            for fact in chunk {
                let key = KEYS[fact.campaign];
                prop_assert_eq!(steady.apply(key, &fact.event), disturbed.apply(key, &fact.event));
            }
            steady.commit();
            disturbed.commit();
        }
        prop_assert_eq!(&steady.out.log, &disturbed.out.log);
    }
}
