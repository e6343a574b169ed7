//! Policies beside each other: what a panel says for each of them is what a scorer of that policy alone says.

use std::collections::BTreeMap;
use std::sync::Arc;

use processor::{Outcome, Panel, Policy, Scorer};
use schemas::Topic;
use schemas::record::{Alert, Campaign, CampaignScore, Origin, Recommendation};

use crate::batch::day_of;
use crate::chance::Chance;
use crate::fact::Log;
use crate::history::{Plan, history, policy};
use crate::recorder::Recorder;

/// A policy of chance, mostly one that takes facts as the others do.
fn some_policy(chance: &mut Chance) -> Arc<Policy> {
    let mut text = String::from("[quality]\n");
    let targets = chance.one_of(&[0.0, 0.4, 0.9, 1.5, 2.2, 3.0, 40.0]);
    text += &format!("spend_median_targets_min = {targets:?}\nspend_median_days_min = 2\n");
    text += &format!("spend_median_ratio = {:?}\n", chance.one_of(&[1.5, 3.0, 20.0]));
    text += &format!("count_outliers = {}\n", chance.percent(30));
    text += &format!("spend_above_median_is_outlier = {}\n", chance.percent(75));
    text += &format!("[score]\nband_increase = {:?}\n", chance.one_of(&[80.0, 70.0]));
    text += &format!("announce_margin = {:?}\n", chance.one_of(&[0.0, 3.0]));
    text += &format!("[alerts.stale_data]\nhours = {:?}\n", chance.one_of(&[5.0, 20.0, 24.0]));
    if chance.percent(10) {
        text += "[facts]\npending_batches_max = 2\n";
    }
    let c0 = chance.one_of(&[12.0, 27.66, 55.0]);
    text += &format!(
        "[[campaigns]]\nname = \"*{}*\"\nscore = {{ c0 = {c0:?} }}\n",
        chance.one_of(&["leads", "sale"])
    );
    let mut accounts = policy("");
    if chance.percent(10) {
        accounts = accounts.replace("Europe/Lisbon", "Asia/Tokyo");
    }
    Arc::new(Policy::from_toml(&(text + &accounts)).unwrap())
}

/// What was said of each campaign, in its order, without the events that caused it: a panel may name one that only another
/// of its policies regards. For the same reason it may come to the campaigns of a transaction in another order.
fn said(out: &Recorder) -> BTreeMap<String, Vec<String>> {
    const NOWHERE: Origin<'static> = Origin { topic: "", partition: 0, offset: 0 };
    let said = |(topic, key, bytes): &(Topic, String, Vec<u8>)| {
        let bytes = Some(bytes.as_slice());
        let record = match topic {
            Topic::Campaigns => format!("{:?}", Campaign { origin: NOWHERE, ..out.decode(bytes) }),
            Topic::Scores => format!("{:?}", CampaignScore { origin: NOWHERE, ..out.decode(bytes) }),
            Topic::Recommendations => {
                format!("{:?}", Recommendation { origin: NOWHERE, ..out.decode(bytes) })
            }
            Topic::Alerts => format!("{:?}", Alert { origin: NOWHERE, ..out.decode(bytes) }),
            _ => return None,
        };
        Some((key.clone(), record))
    };
    let mut campaigns = BTreeMap::<_, Vec<_>>::new();
    out.log.iter().filter_map(said).for_each(|(key, record)| campaigns.entry(key).or_default().push(record));
    campaigns
}

/// Reads a log by a panel and by a scorer of each of its policies, in the same transactions. Returns how many outcomes
/// were not the same for all policies.
fn check(log: &Log, policies: &[Arc<Policy>], lengths: &mut Chance) -> usize {
    let mut panel = Panel::new(policies, 3);
    let mut scorers: Vec<_> = policies.iter().map(|policy| Scorer::new(Arc::clone(policy), 3)).collect();
    let recorders = || policies.iter().map(|_| Recorder::new()).collect::<Vec<_>>();
    let (mut together, mut alone) = (recorders(), recorders());
    let (mut next, mut disputed) = (0, 0);
    while next < log.facts.len() {
        let longest = lengths.one_of(&[1, 5, 50, 400]);
        let length = usize::try_from(lengths.between(1, longest)).unwrap().min(log.facts.len() - next);
        for offset in next..next + length {
            let fact = &log.facts[offset];
            let key = fact.campaign.map(|campaign| log.keys[campaign].as_str());
            let at = Origin { topic: "events", partition: 3, offset: i64::try_from(offset).unwrap() };
            let event = fact.event();
            let mut outcomes: Vec<Option<Outcome>> = vec![None; policies.len()];
            panel.apply(key, &event, &at, |place, outcome| {
                assert!(outcomes[place].replace(outcome).is_none(), "one outcome for each policy");
            });
            let expected: Vec<_> =
                scorers.iter_mut().map(|scorer| Some(scorer.apply(key, &event, &at).outcome)).collect();
            assert_eq!(outcomes, expected, "event {offset}: {event:?}");
            disputed += usize::from(outcomes.iter().any(|outcome| *outcome != outcomes[0]));
        }
        panel.end_transaction(&mut together).unwrap();
        for (scorer, out) in scorers.iter_mut().zip(&mut alone) {
            scorer.flush(out).unwrap();
            scorer.commit();
        }
        next += length;
    }
    for (place, (together, alone)) in together.iter().zip(&alone).enumerate() {
        let (together, alone) = (said(together), said(alone));
        assert!(together.keys().eq(alone.keys()), "policy {place}");
        for (key, records) in together {
            let alone = &alone[&key];
            let differs = (0..records.len().max(alone.len())).find(|at| records.get(*at) != alone.get(*at));
            if let Some(at) = differs {
                let (record, alone) = (records.get(at), alone.get(at));
                panic!("policy {place}, {key}, record {at}: {record:?}\nand alone {alone:?}");
            }
        }
    }
    disputed
}

#[test]
fn policies_that_share_their_facts_say_what_each_of_them_says_alone() {
    let mut disputed = 0;
    for seed in 1..=24 {
        let mut chance = Chance::new(seed);
        let first_day = day_of(2027, 2, 1, 0) + i32::try_from(seed).unwrap();
        let log = history(Plan {
            seed,
            facts: 2_500,
            campaigns: 25,
            first_day,
            days: 40,
            bounded: seed % 2 == 0,
            ordered: seed % 3 == 0,
        });
        let policies: Vec<_> = (0..chance.between(2, 3)).map(|_| some_policy(&mut chance)).collect();
        disputed += check(&log, &policies, &mut chance);
    }
    assert!(disputed > 50, "only {disputed} events were not the same to all policies");
}
