//! Leads: held until their campaign is known, reversed, moved, and counted once.

use std::sync::Arc;

use processor::{Normalizer, Outcome, Policy};
use schemas::record::{Contribution, Doubt, LeadReading, LeadStage, RawEvent, RawKind, Reading, Source};
use schemas::{Day, Micros, TimestampMs};

use crate::written::{HOUR, NOW, Written, at, normalizer, raw};

/// Stage, hours before now, campaign, amount.
type Step = (LeadStage, i64, Option<&'static str>, Option<i64>);

fn lead_event((stage, hours, campaign_id, amount): Step) -> RawEvent<'static> {
    let reading = LeadReading {
        lead_key: "crm:1",
        stage,
        occurred_at: TimestampMs(NOW.0 - hours * HOUR),
        campaign_id,
        amount_micros: amount.map(Micros),
        currency: amount.map(|_| "USD"),
    };
    RawEvent { reading: Some(Reading::LeadReading(reading)), ..raw(Source::Crm, RawKind::Lead, b"{}") }
}

fn apply_leads(normalizer: &mut Normalizer, written: &mut Written, steps: &[Step]) -> Vec<Outcome> {
    steps.iter().map(|step| normalizer.apply(&lead_event(*step), &at(0), written).unwrap()).collect()
}

#[test]
fn a_lead_waits_for_its_campaign_and_is_released_as_one_contribution() {
    let (mut normalizer, mut written) = (normalizer(), Written::default());
    let steps = [(LeadStage::Won, 1, None, Some(5)), (LeadStage::Qualified, 3, None, None)];
    let outcomes = apply_leads(&mut normalizer, &mut written, &steps);
    assert_eq!(outcomes, [Outcome::Unattributed, Outcome::Unattributed]);
    assert_eq!((written.changes.len(), written.leads.len(), normalizer.lead_counts()), (0, 2, (1, 1)));
    // 06:00 UTC less 30 hours is the evening of 30 September in Los Angeles.
    let outcomes = apply_leads(&mut normalizer, &mut written, &[(LeadStage::Created, 30, Some("10"), None)]);
    assert_eq!(outcomes, [Outcome::Accepted]);
    let created_day = Day::parse("2026-09-30").unwrap();
    let whole = Contribution { created_day, qualified: true, won: true, revenue_micros: Micros(5) };
    assert_eq!(written.changes, [("facebook:1:10".to_owned(), None, Some(whole))]);
    assert_eq!(normalizer.lead_counts(), (1, 0));
}

#[test]
fn a_lead_that_changes_campaign_tells_both() {
    let (mut normalizer, mut written) = (normalizer(), Written::default());
    apply_leads(&mut normalizer, &mut written, &[(LeadStage::Created, 30, Some("10"), None)]);
    apply_leads(&mut normalizer, &mut written, &[(LeadStage::Qualified, 3, Some("11"), None)]);
    let keys: Vec<_> = written
        .changes
        .iter()
        .map(|(key, before, after)| (key.as_str(), before.is_some(), after.is_some()))
        .collect();
    assert_eq!(
        keys,
        [("facebook:1:10", false, true), ("facebook:1:10", true, false), ("facebook:1:11", false, true)]
    );
}

#[test]
fn a_lost_deal_keeps_its_qualification_and_a_disqualified_lead_does_not() {
    let (mut normalizer, mut written) = (normalizer(), Written::default());
    let steps = [(LeadStage::Won, 9, Some("10"), Some(5)), (LeadStage::Lost, 8, None, None)];
    apply_leads(&mut normalizer, &mut written, &steps);
    let last = |written: &Written| written.changes.last().unwrap().2.unwrap();
    assert_eq!(
        (last(&written).qualified, last(&written).won, last(&written).revenue_micros),
        (true, false, Micros(0))
    );
    apply_leads(&mut normalizer, &mut written, &[(LeadStage::Disqualified, 7, None, None)]);
    assert!(!last(&written).qualified);
    let outcomes = apply_leads(
        &mut normalizer,
        &mut written,
        &[(LeadStage::Won, 20, None, Some(1)), (LeadStage::Lost, 8, None, None)],
    );
    assert_eq!(outcomes, [Outcome::Stale, Outcome::Duplicate]);
}

#[test]
fn revenue_in_another_currency_is_not_added() {
    let (mut normalizer, mut written) = (normalizer(), Written::default());
    let mut event = lead_event((LeadStage::Won, 9, Some("10"), Some(5)));
    event.currency = Some("EUR");
    assert_eq!(normalizer.apply(&event, &at(0), &mut written), Ok(Outcome::Incomplete));
    assert_eq!(written.changes[0].2.unwrap().revenue_micros, Micros(0));
    assert_eq!(written.doubts, [[Doubt::AmountInOtherCurrency]]);
}

#[test]
fn leads_of_the_future_are_refused() {
    let (mut normalizer, mut written) = (normalizer(), Written::default());
    assert_eq!(
        apply_leads(&mut normalizer, &mut written, &[(LeadStage::Won, -25, None, None)]),
        [Outcome::Rejected]
    );
    assert_eq!(written.rejections[0].code, "DATE_INVALID");
}

#[test]
fn an_aborted_transaction_leaves_no_lead() {
    let (mut normalizer, mut written) = (normalizer(), Written::default());
    apply_leads(&mut normalizer, &mut written, &[(LeadStage::Created, 30, None, None)]);
    normalizer.abort();
    assert_eq!(normalizer.lead_counts(), (0, 0));
    let again = apply_leads(&mut normalizer, &mut written, &[(LeadStage::Created, 30, None, None)]);
    assert_eq!(again, [Outcome::Unattributed]);
    normalizer.commit();
    normalizer.abort();
    assert_eq!(normalizer.lead_counts(), (1, 1));
}

fn last_of(steps: &[Step]) -> Contribution {
    let (mut normalizer, mut written) = (normalizer(), Written::default());
    apply_leads(&mut normalizer, &mut written, &[(LeadStage::Created, 90, Some("10"), None)]);
    apply_leads(&mut normalizer, &mut written, steps);
    written.changes.last().unwrap().2.unwrap()
}

#[test]
fn a_stage_that_is_reached_again_counts_again() {
    use LeadStage::{Disqualified, Lost, Qualified, Won};
    let step = |stage, hours| (stage, hours, None, None);
    assert!(last_of(&[step(Qualified, 9), step(Disqualified, 8), step(Qualified, 7)]).qualified);
    assert!(!last_of(&[step(Qualified, 9), step(Disqualified, 8)]).qualified);
    let again = [(Won, 9, None, Some(5)), step(Lost, 8), (Won, 7, None, Some(6))];
    let contribution = last_of(&again);
    assert_eq!((contribution.won, contribution.revenue_micros), (true, Micros(6)));
    // The same, the newest told first.
    let backwards: Vec<_> = again.iter().rev().copied().collect();
    assert_eq!(last_of(&backwards), contribution);
}

#[test]
fn of_opposite_stages_at_one_moment_the_one_that_counts_less_stands() {
    use LeadStage::{Disqualified, Lost, Qualified, Won};
    for steps in [[Qualified, Disqualified], [Disqualified, Qualified]] {
        assert!(!last_of(&steps.map(|stage| (stage, 5, None, None))).qualified);
    }
    for steps in [[Won, Lost], [Lost, Won]] {
        let contribution = last_of(&steps.map(|stage| (stage, 5, None, None)));
        assert_eq!((contribution.won, contribution.qualified), (false, true));
    }
    for steps in [[Won, Disqualified], [Disqualified, Won]] {
        let contribution = last_of(&steps.map(|stage| (stage, 5, None, None)));
        assert_eq!((contribution.won, contribution.qualified), (true, true));
    }
}

#[test]
fn a_lead_is_created_when_its_creation_says_so_also_when_that_comes_last() {
    let (mut normalizer, mut written) = (normalizer(), Written::default());
    // Seen first: a qualification on the evening of 30 September in Los Angeles.
    apply_leads(&mut normalizer, &mut written, &[(LeadStage::Qualified, 30, Some("10"), None)]);
    let day = |written: &Written| written.changes.last().unwrap().2.unwrap().created_day.to_string();
    assert_eq!(day(&written), "2026-09-30");
    apply_leads(&mut normalizer, &mut written, &[(LeadStage::Created, 60, None, None)]);
    assert_eq!(day(&written), "2026-09-29");
    let last = written.changes.last().unwrap();
    assert!(last.1.unwrap().qualified && last.2.unwrap().qualified, "one lead, moved to another day");
}

#[test]
fn a_lead_known_to_meta_and_to_the_crm_by_one_key_is_counted_once() {
    let (mut normalizer, mut written) = (normalizer(), Written::default());
    let payload = br#"{"id":"55","campaign_id":"10","created_time":"2026-09-30T20:00:00-0700"}"#;
    let meta = raw(Source::Facebook, RawKind::Lead, payload);
    let mut crm = lead_event((LeadStage::Qualified, 3, None, None));
    let Some(Reading::LeadReading(reading)) = &mut crm.reading else { panic!("a lead has a reading") };
    reading.lead_key = "facebook:55";
    (crm.time_zone, crm.currency) = (None, None);
    for record in [&crm, &meta, &crm, &meta] {
        normalizer.apply(record, &at(0), &mut written).unwrap();
    }
    assert_eq!(normalizer.lead_counts(), (1, 0));
    let created_day = Day::parse("2026-09-30").unwrap();
    let counted = Contribution { created_day, qualified: true, won: false, revenue_micros: Micros(0) };
    assert_eq!(written.changes, [("facebook:1:10".to_owned(), None, Some(counted))]);
}

#[test]
fn the_accounts_currency_may_become_known_after_the_deal() {
    let (mut normalizer, mut written) = (normalizer(), Written::default());
    let mut deal = lead_event((LeadStage::Won, 9, Some("10"), Some(5)));
    deal.currency = None;
    assert_eq!(normalizer.apply(&deal, &at(0), &mut written), Ok(Outcome::Accepted));
    assert_eq!(written.changes[0].2.unwrap().revenue_micros, Micros(5));
    let mut later = lead_event((LeadStage::Qualified, 8, None, None));
    later.currency = Some("EUR");
    assert_eq!(normalizer.apply(&later, &at(0), &mut written), Ok(Outcome::Incomplete));
    assert_eq!(written.changes[1].2.unwrap().revenue_micros, Micros(0));
    assert_eq!(written.doubts, [vec![], vec![Doubt::AmountInOtherCurrency]]);
    // Once told, it is not told again with every word about the lead.
    let lost = lead_event((LeadStage::Lost, 20, None, None));
    assert_eq!(normalizer.apply(&lost, &at(0), &mut written), Ok(Outcome::Accepted));
}

#[test]
fn the_policys_zone_and_currency_are_those_of_the_campaigns_account() {
    let policy = "[accounts.\"facebook:2\"]\ntime_zone = \"Asia/Tokyo\"\ncurrency = \"JPY\"";
    let mut normalizer = Normalizer::new(Arc::new(Policy::from_toml(policy).unwrap()));
    let mut written = Written::default();
    // 00:00 UTC of the 2nd is 09:00 in Tokyo; the record believes the account to be in Los Angeles.
    let created = RawEvent { account_id: "2", ..lead_event((LeadStage::Created, 15, Some("10"), None)) };
    normalizer.apply(&created, &at(0), &mut written).unwrap();
    // Another account's record about the same lead does not move it.
    let won = lead_event((LeadStage::Won, 3, None, Some(5)));
    assert_eq!(normalizer.apply(&won, &at(0), &mut written), Ok(Outcome::Incomplete));
    let counted = written.changes.last().unwrap().2.unwrap();
    assert_eq!(
        (counted.created_day.to_string(), counted.revenue_micros),
        ("2026-10-02".to_owned(), Micros(0))
    );
}

#[test]
fn a_zone_that_nobody_can_read_is_refused_unless_the_policy_sets_it() {
    let event =
        RawEvent { time_zone: Some("Mars/Olympus"), ..lead_event((LeadStage::Created, 5, Some("10"), None)) };
    let mut written = Written::default();
    assert_eq!(normalizer().apply(&event, &at(0), &mut written), Ok(Outcome::Rejected));
    assert_eq!(written.rejections[0].code, "TIME_ZONE_INVALID");
    let policy = Policy::from_toml("[accounts.\"facebook:1\"]\ntime_zone = \"Asia/Tokyo\"").unwrap();
    let mut normalizer = Normalizer::new(Arc::new(policy));
    assert_eq!(normalizer.apply(&event, &at(0), &mut written), Ok(Outcome::Accepted));
}
