//! What must not matter: the order of facts, their repetition, restarts, aborts, and how much is remembered of what
//! never arrived.

use std::collections::BTreeMap;

use schemas::record::{Campaign, CampaignDay, CampaignScore, Doubt, Figures, Origin, Source};
use schemas::{Micros, Topic};

use crate::batch::{day_of, log_time};
use crate::chance::Chance;
use crate::compare;
use crate::fact::{Body, Fact, Log, Row};
use crate::history::{Plan, history, policy};
use crate::recorder::Recorder;
use crate::run::{Disturbed, Run, UNDISTURBED};

fn plan(seed: u64, facts: usize) -> Plan {
    let first_day = day_of(2027, 2, 1, 7 * seed);
    Plan { seed, facts, campaigns: 160, first_day, days: 60, bounded: true, ordered: true }
}

const NOWHERE: Origin<'static> = Origin { topic: "", partition: 0, offset: 0 };

/// What the compacted topics say, less what tells the history of the log.
fn state(out: &Recorder) -> BTreeMap<(Topic, String), String> {
    let mut state = BTreeMap::new();
    for ((topic, key), bytes) in &out.latest {
        let bytes = Some(bytes.as_slice());
        let said = match topic {
            Topic::Campaigns => {
                let record: Campaign<'_> = out.decode(bytes);
                format!("{:?}", Campaign { known_since: None, origin: NOWHERE, ..record })
            }
            Topic::CampaignDays => {
                let record: CampaignDay<'_> = out.decode(bytes);
                let history = (0, None, None);
                let (revision, first_seen, first_figures) = history;
                let mut record = record;
                // Beside which days a spend stood out is told as of the record.
                record.doubts.retain(|doubt| *doubt != Doubt::SpendAboveMedian);
                record.flags.clear();
                if record.figures == Figures::default() {
                    // Money that is not there was said to be in the campaign's currency, if that was known by then.
                    record.currency = None;
                }
                format!(
                    "{:?}",
                    CampaignDay { revision, first_seen, first_figures, origin: NOWHERE, ..record }
                )
            }
            Topic::Scores => {
                let record: CampaignScore<'_> = out.decode(bytes);
                // An unused campaign is one that has been known for long.
                let firing = Vec::new();
                format!("{:?}", CampaignScore { announced: None, firing, origin: NOWHERE, ..record })
            }
            _ => continue,
        };
        state.insert((*topic, key.clone()), said);
    }
    state
}

fn read(log: &Log, seed: u64) -> Recorder {
    let mut run = Run::new(log);
    run.read_to(log.facts.len(), &mut Chance::new(seed), &mut Chance::new(seed), UNDISTURBED);
    run.out
}

#[test]
fn any_order_and_any_repetition_of_thousands_of_facts_give_one_state() {
    for seed in 1..=12 {
        let mut log = history(Plan { ordered: false, bounded: false, ..plan(seed, 3_000) });
        log.policy = policy("[facts]\npending_batches_max = 64");
        // On a day after everything else, so that the tick scores every campaign.
        let at = log_time(&log.facts) + 26 * 3_600_000;
        log.facts.push(Fact { campaign: None, at, doubts: Vec::new(), body: Body::Tick });
        let in_order = state(&read(&log, seed));
        let mut chance = Chance::new(seed);
        let last = log.facts.pop().unwrap();
        let mut again = Vec::new();
        for fact in &log.facts {
            again.extend(std::iter::repeat_n(
                fact.clone(),
                usize::from(fact.is_repeatable()) * chance.below(3),
            ));
        }
        log.facts.extend(again);
        chance.shuffle(&mut log.facts);
        log.facts.push(last);
        let shuffled = state(&read(&log, seed + 100));
        assert_eq!(in_order.keys().collect::<Vec<_>>(), shuffled.keys().collect::<Vec<_>>(), "seed {seed}");
        for (key, said) in &in_order {
            assert_eq!(said, &shuffled[key], "{key:?} of seed {seed}");
        }
    }
}

#[test]
fn one_log_read_twice_gives_the_same_bytes_also_with_aborts_and_restarts_in_the_middle() {
    for seed in 21..=22 {
        let log = history(plan(seed, 30_000));
        let bytes = |disturbed| {
            let mut run = Run::new(&log);
            run.read_to(log.facts.len(), &mut Chance::new(seed), &mut Chance::new(seed + 1), disturbed);
            run.out.log
        };
        let steady = bytes(UNDISTURBED);
        assert!(steady == bytes(UNDISTURBED), "seed {seed}, read again");
        for disturbed in [Disturbed { aborts: 0, restarts: 2 }, Disturbed { aborts: 20, restarts: 1 }] {
            let other = bytes(disturbed);
            if let Some(at) = (0..steady.len().max(other.len())).find(|at| steady.get(*at) != other.get(*at))
            {
                panic!(
                    "seed {seed}, {disturbed:?}: record {at} is {} and was {}",
                    shown(&other, at),
                    shown(&steady, at)
                );
            }
        }
    }
}

fn shown(log: &[(Topic, String, Vec<u8>)], at: usize) -> String {
    let show = |(topic, key, bytes): &(Topic, String, Vec<u8>)| {
        let text = String::from_utf8_lossy(bytes).replace(|c: char| c.is_control(), ".");
        format!("{topic:?} {key} {text}")
    };
    log.get(at).map_or("none".to_owned(), show)
}

#[test]
fn no_more_incomplete_batches_are_kept_than_the_policy_says_and_a_newer_batch_makes_up_for_what_was_forgotten()
 {
    for seed in 31..=33 {
        let mut log =
            history(Plan { bounded: false, ordered: false, days: 4, campaigns: 4, ..plan(seed, 10_000) });
        heal(&mut log);
        let mut run = Run::new(&log);
        let (mut lengths, mut fates) = (Chance::new(seed), Chance::new(seed + 1));
        run.read_to(log.facts.len(), &mut lengths, &mut fates, Disturbed { aborts: 10, restarts: 1 });
        let mut most = 0;
        for (topic, key, bytes) in &run.out.log {
            if *topic == Topic::CampaignDays {
                let day: CampaignDay<'_> = run.out.decode(Some(bytes));
                for source in [Source::Facebook, Source::Csv] {
                    let pending =
                        day.sources.iter().filter(|s| s.source == source && s.pending.is_some()).count();
                    assert!(pending <= 4, "{key} keeps {pending} incomplete batches");
                    most = most.max(pending);
                }
            }
        }
        assert_eq!(most, 4, "the bound was never reached");
        compare::state(&log, log.facts.len(), &run.out);
    }
}

#[test]
fn a_restart_after_a_day_was_forgotten_changes_no_later_byte() {
    const HOUR: i64 = 3_600_000;
    let today = day_of(2026, 11, 22, 0);
    let at = i64::from(today) * 24 * HOUR;
    let figures = Figures { spend_micros: Some(Micros(50_000_000)), ..Figures::default() };
    let day = day_of(2023, 10, 22, 0);
    let row = Row { source: Source::Csv, day, batch_id: "old".to_owned(), index: 0, count: 1, figures };
    let mut facts = vec![Fact { campaign: Some(0), at, doubts: Vec::new(), body: Body::Row(row) }];
    facts.extend([1, 25, 30, 50, 75, 100].map(|hours| {
        let at = at + hours * HOUR;
        Fact { campaign: None, at, doubts: Vec::new(), body: Body::Tick }
    }));
    let keys = vec!["facebook:3:1".to_owned()];
    let log = Log { policy: String::new(), keys, facts, checkpoints: Vec::new() };
    let bytes = |restart_after: usize| {
        let mut run = Run::new(&log);
        while run.next < log.facts.len() {
            run.commit(1);
            if run.next == restart_after {
                run.restart(false);
            }
        }
        run.out.log
    };
    let steady = bytes(0);
    for restart_after in 1..log.facts.len() {
        let other = bytes(restart_after);
        for at in 0..steady.len().max(other.len()) {
            let (other, steady) = (shown(&other, at), shown(&steady, at));
            assert_eq!(other, steady, "record {at} after a restart at offset {restart_after}");
        }
    }
}

/// Appends a newer batch of one row for each day and source that was spoken of, and a tick on a later day.
fn heal(log: &mut Log) {
    let mut spoken_of: Vec<_> = Vec::new();
    for fact in &log.facts {
        if let (Some(campaign), Body::Row(row)) = (fact.campaign, &fact.body) {
            spoken_of.push((campaign, row.source, row.day));
        }
    }
    spoken_of.sort_unstable();
    spoken_of.dedup();
    let at = log_time(&log.facts) + 3_600_000;
    for (campaign, source, day) in spoken_of {
        let figures = Figures { spend_micros: Some(Micros(50_000_000)), ..Figures::default() };
        let row = Row { source, day, batch_id: "whole".to_owned(), index: 0, count: 1, figures };
        let fact = Fact { campaign: Some(campaign), at, doubts: Vec::new(), body: Body::Row(row) };
        log.facts.push(fact);
    }
    let tick = at + 26 * 3_600_000;
    log.facts.push(Fact { campaign: None, at: tick, doubts: Vec::new(), body: Body::Tick });
}
