//! Leads posted as signed webhooks: each counted once, in any order, also when every request is sent twice.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use schemas::{Day, TimestampMs, Topic};
use serde_json::json;

use crate::expected::{funnel_figures, olist, total};
use crate::generated::{Life, funnel};
use crate::harness::{Installation, RoleName, becomes, real_data};

/// The leads are years old, and the clock says that it is now.
const LONG_HORIZON: &str = "[policy.facts]\nhorizon_months = 1200\n";

fn event(kind: &str, at: TimestampMs, data: &serde_json::Value) -> Vec<u8> {
    json!({"type": kind, "timestamp": at.to_string(), "data": data}).to_string().into_bytes()
}

/// One request for each creation and each deal. A deal does not say where its lead came from.
fn requests(lives: &[Life]) -> Vec<(String, Vec<u8>)> {
    let created = lives.iter().map(|life| {
        let campaign = life.origin.as_deref().unwrap_or("");
        let body = event("lead.created", life.created, &json!({"lead_id": life.id, "campaign": campaign}));
        (format!("created-{}", life.id), body)
    });
    let won = lives.iter().filter_map(|life| {
        let body = event("lead.won", life.won?, &json!({"lead_id": life.id}));
        Some((format!("won-{}", life.id), body))
    });
    created.chain(won).collect()
}

fn check_funnel(lives: &[Life], seed: u64) {
    let installation = Installation::new("funnel").with_file(LONG_HORIZON);
    let all = installation.start(RoleName::All);
    let mut messages = requests(lives);
    messages.extend(messages.clone());
    messages.shuffle(&mut StdRng::seed_from_u64(seed));
    installation.door("olist").deliver_all(&messages);
    installation.settle();

    let (leads, won) = (lives.len(), lives.iter().filter(|life| life.won.is_some()).count());
    assert_eq!(installation.rows_of("leads"), (leads, leads));
    let stages = "FROM v_leads WHERE stage = 'WON'";
    assert_eq!(installation.clickhouse(&format!("SELECT count() {stages}"))[0][0], won.to_string());
    let of_postgres = installation.postgres("SELECT count(*) FROM leads WHERE stage = 'WON'", &[]);
    assert_eq!(of_postgres[0].get::<_, i64>(0), i64::try_from(won).unwrap());

    let expected = funnel_figures(lives);
    assert_eq!(installation.figures(), expected, "seed {seed}");

    // Leads of unknown origin are in the stores and in a gauge, not in any campaign.
    let unknown = lives.iter().filter(|life| life.origin.is_none()).count();
    assert!(unknown > 0);
    assert_eq!(total(&expected).crm_leads, i64::try_from(leads - unknown).unwrap());
    let without = installation.clickhouse("SELECT count() FROM v_leads WHERE campaign_id IS NULL");
    assert_eq!(without[0][0], unknown.to_string());
    becomes("the gauge of leads without a campaign", &true, || {
        all.get("/metrics").1.lines().any(|line| line == format!("adpulse_leads_unattributed {unknown}"))
    });
    assert_eq!(installation.count(Topic::RawCrm), messages.len() as u64);
    assert_eq!(installation.count(Topic::DeadLetters), 0);
}

#[test]
fn leads_are_counted_once_in_any_order_and_however_often_they_are_sent() {
    let lives = funnel(21, 700, Day::parse("2021-06-14").unwrap());
    assert!(lives.iter().any(|life| life.won.is_some_and(|won| won < life.created)));
    check_funnel(&lives, 22);
}

#[test]
fn the_real_leads_are_counted_once_in_any_order_and_however_often_they_are_sent() {
    let Some(folder) = real_data() else { return };
    let lives = olist(&folder);
    assert_eq!(lives.len(), 8_000);
    assert_eq!(lives.iter().filter(|life| life.won.is_some()).count(), 842);
    check_funnel(&lives, 23);
}
