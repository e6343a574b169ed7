//! Every record of the contracts goes through: raw examples become rows, and what the stages write is stored by both
//! sinks, whatever of it is optional.

use std::collections::BTreeSet;

use schemas::record::{
    Alert, BatchRow, Campaign, CampaignDay, CampaignScore, DeadLetter, Lead, RawEvent, Reading,
    Recommendation, Source,
};
use schemas::{CampaignKey, DayKey, Topic, examples};

use crate::harness::{Figures, Installation, RoleName, Totals};

/// The topic and the key under which its source would send it.
fn destination(raw: &RawEvent<'_>) -> (Topic, String) {
    let payload: serde_json::Value = serde_json::from_slice(raw.payload).unwrap_or_default();
    let named = payload["campaign_id"].as_str().or(payload["id"].as_str()).unwrap_or_default();
    let campaign_key = |campaign_id: &str| {
        CampaignKey { platform: raw.platform, account_id: raw.account_id, campaign_id }.to_string()
    };
    match (&raw.reading, raw.source) {
        (Some(Reading::LeadReading(lead)), _) => (Topic::RawCrm, lead.lead_key.to_owned()),
        (Some(Reading::MetricsReading(row)), _) => (Topic::RawCsv, campaign_key(row.campaign_id)),
        (None, Source::Clock) => (Topic::RawClock, String::new()),
        (None, _) => (Topic::RawFacebook, campaign_key(named)),
    }
}

#[test]
fn every_raw_example_becomes_rows_in_both_stores() {
    let installation = Installation::new("raw_examples");
    let _roles = installation.start_each(&RoleName::PROCESSORS);
    for raw in examples::of::<RawEvent<'static>>(Topic::RawFacebook) {
        let (topic, key) = destination(&raw);
        // An example shows one row of a batch; the figures count when all rows of it are there.
        let batch = raw.batch;
        for row_index in 0..batch.map_or(1, |batch| batch.row_count) {
            let batch = batch.map(|batch| BatchRow { row_index, ..batch });
            installation.produce(topic, &key, &RawEvent { batch, ..raw.clone() });
        }
    }
    installation.settle();
    assert_eq!(installation.count(Topic::DeadLetters), 0);
    let facebook = Totals {
        spend: 143_500_000,
        impressions: 18_500,
        clicks: 520,
        link_clicks: 410,
        leads: 9,
        purchases: 2,
        ..Totals::default()
    };
    let won = Totals { crm_leads: 1, qualified: 1, won: 1, revenue: 2_500_000_000, ..Totals::default() };
    let csv = Totals { spend: 3 * 1_234_500_000, impressions: 3 * 18_500, ..Totals::default() };
    // The lead was won a day after the figures were made, on the same campaign.
    let facebook = Totals {
        crm_leads: won.crm_leads,
        qualified: won.qualified,
        won: won.won,
        revenue: won.revenue,
        ..facebook
    };
    let expected = [("120210000000000001".to_owned(), facebook), ("Herbst – Leads".to_owned(), csv)];
    assert_eq!(installation.figures(), Figures::from(expected));
    let names = installation.clickhouse("SELECT name FROM v_campaigns ORDER BY name");
    assert_eq!(names.concat(), ["Herbst – Leads", "Leads | Broad"]);
    assert_eq!(installation.rows_of("leads"), (1, 1));
    assert_eq!(installation.scores().len(), 2);
}

/// Writes the examples of a topic under their keys, each twice, and returns the keys.
fn replay<T: schemas::TopicValue<'static>>(
    installation: &Installation,
    topic: Topic,
    key: impl Fn(usize, &T) -> String,
) -> BTreeSet<String> {
    let examples = examples::of::<T>(topic);
    assert!(!examples.is_empty(), "{topic:?} has no examples");
    for _ in 0..2 {
        for (number, example) in examples.iter().enumerate() {
            installation.produce(topic, &key(number, example), example);
        }
    }
    examples.iter().enumerate().map(|(number, example)| key(number, example)).collect()
}

#[test]
fn every_example_of_what_the_stages_write_is_stored_by_both_sinks() {
    let installation = Installation::new("output_examples");
    let sinks = [RoleName::SinkClickhouse, RoleName::SinkPostgres];
    let _roles = installation.start_each(&sinks);
    let campaign = |platform: &str, account_id: &str, campaign_id: &str| {
        CampaignKey { platform, account_id, campaign_id }.to_string()
    };
    let campaigns = replay(&installation, Topic::Campaigns, |_, record: &Campaign<'_>| {
        campaign(record.platform, record.account_id, record.campaign_id)
    });
    let days = replay(&installation, Topic::CampaignDays, |_, record: &CampaignDay<'_>| {
        let campaign_key = &campaign(record.platform, record.account_id, record.campaign_id);
        DayKey { campaign_key, day: record.day }.to_string()
    });
    let scores = replay(&installation, Topic::Scores, |_, record: &CampaignScore<'_>| {
        campaign(record.platform, record.account_id, record.campaign_id)
    });
    let leads = replay(&installation, Topic::Leads, |number, _: &Lead<'_>| format!("crm:L-{number}"));
    let recommendations = replay(&installation, Topic::Recommendations, |_, record: &Recommendation<'_>| {
        campaign(record.platform, record.account_id, record.campaign_id)
    });
    let alerts = replay(&installation, Topic::Alerts, |_, record: &Alert<'_>| match record.campaign_id {
        Some(id) => campaign(record.platform, record.account_id, id),
        None => format!("{}:{}", record.platform, record.account_id),
    });
    let letters = replay(&installation, Topic::DeadLetters, |number, _: &DeadLetter<'_>| number.to_string());
    installation.settle_roles(&sinks);

    let tables = [
        ("campaigns", campaigns.len()),
        ("campaign_days", days.len()),
        ("scores", scores.len()),
        ("leads", leads.len()),
        ("recommendations", recommendations.len()),
        ("alerts", alerts.len()),
    ];
    for (table, rows) in tables {
        assert_eq!(installation.rows_of(table), (rows, rows), "rows of {table} in ClickHouse and Postgres");
    }
    // A dead letter is known by its place on the log, so writing it twice makes two.
    let stored = installation.clickhouse("SELECT count() FROM v_dead_letters");
    assert_eq!(stored[0][0], (2 * letters.len()).to_string());
    assert_eq!(installation.count(Topic::DeadLetters), 2 * letters.len() as u64, "a sink refused an example");
}
