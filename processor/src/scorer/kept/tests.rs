//! Sums that are kept are those of all the days, whatever happened since they were first summed.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use proptest::prelude::*;
use schemas::TimestampMs;
use schemas::record::{
    Account, Alert, BatchRow, Campaign, CampaignDay, CampaignScore, Contribution, Doubt, Event, EventBody,
    Figures, LeadChanged, MetricsObserved, Origin, Recommendation, Source, Tick, Watermark,
};

use super::super::facts::Facts;
use super::*;
use crate::{Policy, ScoreOutput, Scorer};

const KEY: &str = "facebook:1:10";
const START: Day = Day(20_700);
const HOUR: i64 = 3_600_000;
const CURRENCIES: [&str; 2] = ["USD", "EUR"];
/// Spends below and above the bound from which a spend is held against the others, in major units.
const SPENDS: [i64; 6] = [0, 3, 40, 540, 700, 20_000];

/// What happens to the campaign.
#[derive(Clone, Debug)]
enum Step {
    /// Days ago, spend, leads, currency, doubts.
    Figures(i32, usize, i64, usize, Option<Doubt>),
    /// Days ago of a lead that comes, qualified or not, and of one that goes.
    Lead(Option<(i32, bool)>, Option<(i32, bool)>),
    /// So many hours pass.
    Time(i64),
    Commit,
    Abort,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let doubt = prop_oneof![9 => Just(None), 1 => Just(Some(Doubt::FigureNegative))];
    let spend = prop_oneof![8 => 1..4_usize, 1 => 0..SPENDS.len()];
    let currency = prop_oneof![30 => Just(0_usize), 1 => Just(1)];
    let days_ago = || prop_oneof![4 => -1..3_i32, 2 => 0..34_i32];
    let lead = || proptest::option::of((days_ago(), any::<bool>()));
    let figures = (days_ago(), spend, 0..9_i64, currency, doubt);
    let step = prop_oneof![
        12 => figures.prop_map(|(day, spend, leads, currency, doubt)| Step::Figures(day, spend, leads, currency, doubt)),
        3 => (lead(), lead()).prop_map(|(after, before)| Step::Lead(after, before)),
        3 => prop_oneof![4 => 1..30_i64, 1 => 30..120_i64].prop_map(Step::Time),
        6 => Just(Step::Commit),
        1 => Just(Step::Abort),
    ];
    proptest::collection::vec(step, 1..120)
}

/// A partition with one campaign of 33 days.
struct Run {
    scorer: Scorer,
    hour: i64,
    offset: i64,
    /// How often not all days were read.
    followed: usize,
}

impl Run {
    fn new(policy: &str) -> Self {
        let policy = Arc::new(Policy::from_toml(policy).unwrap());
        let mut run = Self { scorer: Scorer::new(policy, 0), hour: 0, offset: 0, followed: 0 };
        for ago in (1..=33).rev() {
            run.take(&Step::Figures(ago, 2, 1, 0, None));
        }
        run.take(&Step::Commit);
        run
    }

    fn take(&mut self, step: &Step) {
        let today = Day(START.0 + i32::try_from(self.hour / 24).unwrap());
        // Some of them are called after the moment; every event is a little newer than the one before, or it would be stale.
        let observed_at = TimestampMs(START.midnight_utc().0 + self.hour * HOUR + self.offset + 1);
        let polled = self.offset / 3;
        let poll = if polled % 2 == 0 { format!("poll-{observed_at}") } else { format!("poll-{polled}") };
        let body = match *step {
            Step::Figures(ago, spend, leads, currency, _) => EventBody::MetricsObserved(MetricsObserved {
                source: Source::Facebook,
                day: Day(today.0 - ago),
                batch: BatchRow { batch_id: &poll, row_index: 0, row_count: 1 },
                currency: Some(CURRENCIES[currency]),
                figures: Figures {
                    spend_micros: Some(Micros(SPENDS[spend] * 1_000_000)),
                    impressions: Some(SPENDS[spend] * 50),
                    link_clicks: Some(SPENDS[spend]),
                    leads: Some(leads),
                    ..Figures::default()
                },
            }),
            Step::Lead(after, before) => {
                let step = |step: Option<(i32, bool)>| {
                    step.map(|(ago, qualified)| Contribution {
                        created_day: Day(today.0 - ago),
                        qualified,
                        won: false,
                        revenue_micros: Micros::ZERO,
                    })
                };
                let (before, after) = (step(before), step(after));
                EventBody::LeadChanged(LeadChanged { lead_key: "crm:1", before, after })
            }
            Step::Time(hours) => {
                self.hour += hours;
                EventBody::Tick(Tick {})
            }
            Step::Commit | Step::Abort => return self.end(matches!(step, Step::Commit)),
        };
        self.offset += 1;
        let origin = Origin { topic: "events", partition: 0, offset: self.offset };
        let doubts =
            if let Step::Figures(.., doubt) = step { doubt.iter().copied().collect() } else { Vec::new() };
        let flags = doubts.iter().map(|doubt: &Doubt| doubt.flag()).collect();
        let key = (!matches!(body, EventBody::Tick(_))).then_some(KEY);
        let _ = self.scorer.apply(key, &Event { observed_at, origin, flags, doubts, body }, &origin);
    }

    fn end(&mut self, commits: bool) {
        let followed = self.follows();
        self.scorer.flush(&mut Nowhere).unwrap();
        let Scorer { facts, judgement } = &mut self.scorer;
        if let Some(kept) = judgement.stored(0).load() {
            let mut view = View::default();
            view.read(&judgement.case(0, facts), kept.as_of, &facts.rules);
            assert_eq!(kept.summed, view.summed());
            self.followed += usize::from(followed);
        }
        if commits {
            self.scorer.commit();
        } else {
            self.scorer.abort();
        }
        self.check_names();
    }

    /// Whether what is kept can be brought up to date without reading all days.
    fn follows(&mut self) -> bool {
        let Scorer { facts, judgement } = &mut self.scorer;
        judgement.meet(facts);
        let today = facts.clock.log_time.map(TimestampMs::day_utc).unwrap_or_default();
        let kept = judgement.stored(0).load();
        let changes = (&facts.journal, &facts.rules);
        kept.is_some_and(|mut kept| kept.follow(&judgement.case(0, facts), today, changes))
    }

    /// Names are known as often as days have them, and no others are known.
    fn check_names(&self) {
        let Facts { campaigns, names, .. } = &self.scorer.facts;
        let (days, mut held) = (&campaigns[0].days, BTreeMap::new());
        for (_, bytes) in days.all() {
            layout::get(bytes).stamps(&mut |stamp| *held.entry(names.left(stamp.batch)).or_default() += 1);
        }
        assert_eq!(names.all(), held);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn sums_that_are_kept_are_those_of_all_days(
        steps in steps(), policy in prop_oneof![Just(""), Just("[quality]\ncount_outliers = true")],
    ) {
        let mut run = Run::new(policy);
        steps.iter().for_each(|step| run.take(step));
        run.take(&Step::Commit);
    }
}

#[test]
fn sums_are_kept_while_days_change_and_pass_and_until_a_spend_may_be_doubted() {
    let mut run = Run::new("");
    let kept = |run: &mut Run, step: Step| {
        let before = run.followed;
        run.take(&step);
        run.take(&Step::Commit);
        run.followed > before
    };
    assert!(kept(&mut run, Step::Figures(0, 3, 2, 0, None)), "today");
    assert!(kept(&mut run, Step::Figures(9, 1, 2, 0, None)), "a day restated");
    assert!(kept(&mut run, Step::Lead(Some((4, true)), None)), "a lead");
    assert!(kept(&mut run, Step::Time(24)), "a day passes");
    assert!(kept(&mut run, Step::Figures(1, 3, 2, 0, Some(Doubt::FigureNegative))), "an outlier");
    assert!(!kept(&mut run, Step::Figures(1, 5, 2, 0, None)), "a spend that is many times the least");
    assert!(!kept(&mut run, Step::Figures(1, 2, 2, 0, None)), "read once more when it is gone");
    assert!(kept(&mut run, Step::Figures(1, 2, 3, 0, None)), "and then kept again");
    assert!(!kept(&mut run, Step::Figures(1, 2, 4, 1, None)), "money of another currency");
}

/// Records that nobody reads.
struct Nowhere;

impl ScoreOutput for Nowhere {
    type Error = Infallible;
    const WANTS_DAYS: bool = false;
    const WANTS_REASONS: bool = false;

    fn campaign(&mut self, _: &str, _: &Campaign<'_>) -> Result<(), Infallible> {
        Ok(())
    }
    fn day(&mut self, _: &str, _: &CampaignDay<'_>) -> Result<(), Infallible> {
        Ok(())
    }
    fn score(&mut self, _: &str, _: &CampaignScore<'_>) -> Result<(), Infallible> {
        Ok(())
    }
    fn recommendation(&mut self, _: &str, _: &Recommendation<'_>) -> Result<(), Infallible> {
        Ok(())
    }
    fn day_forgotten(&mut self, _: &str) -> Result<(), Infallible> {
        Ok(())
    }
    fn account(&mut self, _: &str, _: &Account<'_>) -> Result<(), Infallible> {
        Ok(())
    }
    fn alert(&mut self, _: &str, _: &Alert<'_>) -> Result<(), Infallible> {
        Ok(())
    }
    fn watermark(&mut self, _: &str, _: &Watermark<'_>) -> Result<(), Infallible> {
        Ok(())
    }
}
