//! Leads as properties: any order, any repetition, any restart and any aborted transaction leave one state, and what
//! the campaigns were told adds up to it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, LazyLock};

use processor::{NormalizeOutput, Normalizer, Policy, Rejection};
use proptest::prelude::*;
use schemas::record::{
    Contribution, Event, EventBody, Lead, LeadReading, LeadStage, Origin, RawEvent, RawKind, Reading, Source,
};
use schemas::{CampaignKey, Micros, Schemas, TimestampMs, Topic};

use crate::written::{HOUR, NOW, at, raw};

static SCHEMAS: LazyLock<Arc<Schemas>> = LazyLock::new(Schemas::compiled);

/// What is left of one lead: its record, and what each campaign was told last.
#[derive(Clone, Default)]
struct Left {
    record: Vec<u8>,
    /// The record without when and by what it was caused.
    known: String,
    /// The campaign's key and contribution that the record names.
    counted: Option<(String, Contribution)>,
    told: BTreeMap<String, Contribution>,
}

impl NormalizeOutput for Left {
    type Error = Infallible;
    fn event(&mut self, key: Option<&str>, event: &Event<'_>) -> Result<(), Infallible> {
        let EventBody::LeadChanged(change) = event.body else { panic!("{event:?} is of no lead") };
        let key = key.unwrap().to_owned();
        assert_eq!(self.told.get(&key), change.before.as_ref(), "a change starts from what was told before");
        match change.after {
            Some(after) => self.told.insert(key, after),
            None => self.told.remove(&key),
        };
        Ok(())
    }
    fn lead(&mut self, _: &str, lead: &Lead<'_>) -> Result<(), Infallible> {
        self.record.clear();
        SCHEMAS.encoder(Topic::Leads).encode(lead, &mut self.record).unwrap();
        let caused_by = Origin { topic: "", partition: 0, offset: 0 };
        self.known = format!("{:?}", Lead { observed_at: TimestampMs(0), origin: caused_by, ..*lead });
        self.counted = lead.counted.map(|counted| {
            let key = CampaignKey {
                platform: lead.platform.unwrap(),
                account_id: lead.account_id.unwrap(),
                campaign_id: lead.campaign_id.unwrap(),
            };
            (key.to_string(), counted)
        });
        Ok(())
    }
    fn reject(&mut self, rejection: &Rejection) -> Result<(), Infallible> {
        panic!("{rejection:?}");
    }
}

#[derive(Clone, Copy, Debug)]
struct Step {
    stage: LeadStage,
    hours: i64,
    campaign_id: Option<&'static str>,
    account_id: &'static str,
    amount: Option<i64>,
    amount_currency: Option<&'static str>,
    time_zone: Option<&'static str>,
    currency: Option<&'static str>,
}

/// Few moments, so that many are equal.
fn any_step() -> impl Strategy<Value = Step> {
    use LeadStage::{Created, Disqualified, Lost, Qualified, Won};
    let one_of = |values: Vec<Option<&'static str>>| proptest::sample::select(values);
    (
        proptest::sample::select(vec![Created, Qualified, Disqualified, Won, Lost]),
        0..8_i64,
        one_of(vec![None, None, Some("10"), Some("11")]),
        proptest::sample::select(vec!["1", "2"]),
        proptest::option::of(0..4_i64),
        one_of(vec![None, Some("EUR"), Some("USD")]),
        one_of(vec![None, None, Some("UTC"), Some("Asia/Tokyo"), Some("America/Los_Angeles")]),
        one_of(vec![None, None, Some("EUR"), Some("USD")]),
    )
        .prop_map(
            |(stage, hours, campaign_id, account_id, amount, amount_currency, time_zone, currency)| Step {
                stage,
                hours: hours * 7,
                campaign_id,
                account_id,
                amount,
                amount_currency,
                time_zone,
                currency,
            },
        )
}

fn record_of(step: &Step) -> RawEvent<'static> {
    let reading = LeadReading {
        lead_key: "crm:1",
        stage: step.stage,
        occurred_at: TimestampMs(NOW.0 - step.hours * HOUR),
        campaign_id: step.campaign_id,
        amount_micros: step.amount.map(Micros),
        currency: step.amount_currency,
    };
    RawEvent {
        account_id: step.account_id,
        time_zone: step.time_zone,
        currency: step.currency,
        reading: Some(Reading::LeadReading(reading)),
        ..raw(Source::Crm, RawKind::Lead, b"{}")
    }
}

fn policies() -> [Arc<Policy>; 2] {
    let fixed = "[accounts.\"facebook:2\"]\ntime_zone = \"Pacific/Apia\"\ncurrency = \"EUR\"";
    [Arc::new(Policy::default()), Arc::new(Policy::from_toml(fixed).unwrap())]
}

fn apply(normalizer: &mut Normalizer, left: &mut Left, steps: &[Step]) {
    for step in steps {
        normalizer.apply(&record_of(step), &at(0), left).unwrap();
    }
}

fn left_by(policy: &Arc<Policy>, steps: &[Step]) -> Left {
    let (mut normalizer, mut left) = (Normalizer::new(Arc::clone(policy)), Left::default());
    apply(&mut normalizer, &mut left, steps);
    left
}

fn restored(policy: &Arc<Policy>, left: &Left) -> Normalizer {
    let mut normalizer = Normalizer::new(Arc::clone(policy));
    if !left.record.is_empty() {
        let lead: Lead<'_> = SCHEMAS.decoder().decode(Some(&left.record)).unwrap();
        normalizer.restore("crm:1", Some(&lead));
        normalizer.commit();
    }
    normalizer
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_order_and_repetition_of_a_leads_events_give_one_state(
        (steps, shuffled) in proptest::collection::vec(any_step(), 1..10).prop_flat_map(|steps| {
            let twice: Vec<_> = steps.iter().chain(&steps).copied().collect();
            (Just(steps), Just(twice).prop_shuffle())
        })
    ) {
        for policy in policies() {
            let (one, other) = (left_by(&policy, &steps), left_by(&policy, &shuffled));
            prop_assert_eq!(&one.known, &other.known);
            prop_assert_eq!(&one.told, &other.told);
            // One campaign at most counts the lead, and counts it as the lead's record says.
            prop_assert_eq!(one.told, one.counted.into_iter().collect::<BTreeMap<_, _>>());
        }
    }

    #[test]
    fn a_restart_or_an_aborted_transaction_at_any_point_changes_nothing(
        steps in proptest::collection::vec(any_step(), 1..10), cut in any::<prop::sample::Index>()
    ) {
        for policy in policies() {
            let cut = cut.index(steps.len());
            let mut left = left_by(&policy, &steps[..cut]);
            let mut again = restored(&policy, &left);
            // A transaction that reads on and is undone.
            apply(&mut again, &mut left.clone(), &steps[cut..]);
            again.abort();
            apply(&mut again, &mut left, &steps[cut..]);
            let straight = left_by(&policy, &steps);
            prop_assert_eq!(left.known, straight.known);
            prop_assert_eq!(left.told, straight.told);
            prop_assert_eq!(left.record, straight.record);
        }
    }
}

#[test]
fn a_record_from_before_zones_were_kept_keeps_its_day_until_one_is_named() {
    let [policy, _] = policies();
    let created_day = schemas::Day::parse("2026-09-30").unwrap();
    let old = Lead {
        platform: Some("facebook"),
        account_id: Some("1"),
        campaign_id: Some("10"),
        campaign_at: Some(TimestampMs(NOW.0 - 30 * HOUR)),
        stage: LeadStage::Created,
        created_at: Some(TimestampMs(NOW.0 - 30 * HOUR)),
        qualified_at: None,
        disqualified_at: None,
        won_at: None,
        lost_at: None,
        amount_micros: None,
        currency: None,
        account_time_zone: None,
        account_currency: None,
        account_at: None,
        counted: Some(Contribution {
            created_day,
            qualified: false,
            won: false,
            revenue_micros: Micros::ZERO,
        }),
        observed_at: NOW,
        origin: at(0),
    };
    let mut left = Left::default();
    left.lead("crm:1", &old).unwrap();
    left.told.extend(left.counted.clone());
    let mut normalizer = restored(&policy, &left);
    let nameless = Step {
        stage: LeadStage::Qualified,
        hours: 5,
        campaign_id: None,
        account_id: "1",
        amount: None,
        amount_currency: None,
        time_zone: None,
        currency: None,
    };
    apply(&mut normalizer, &mut left, &[nameless]);
    assert_eq!(
        left.counted.clone().unwrap().1,
        Contribution { created_day, qualified: true, won: false, revenue_micros: Micros::ZERO }
    );
    // 00:00 UTC of 1 October.
    apply(&mut normalizer, &mut left, &[Step { hours: 4, time_zone: Some("Asia/Tokyo"), ..nameless }]);
    assert_eq!(left.counted.unwrap().1.created_day.to_string(), "2026-10-01");
}
