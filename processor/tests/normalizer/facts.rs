//! Figures, campaigns, fatigue signals and ticks: what is made of sound payloads, and what is doubted.

use std::sync::Arc;

use processor::{Normalizer, Outcome, Policy};
use schemas::record::{BatchRow, Doubt, Figures, MetricsReading, RawEvent, RawKind, Reading, Source};
use schemas::{Day, Micros};

use crate::written::{Written, at, normalizer, raw, run};

pub(crate) fn insights(fields: &str) -> String {
    format!(
        r#"{{"campaign_id":"120210000000000001","date_start":"2026-10-01","date_stop":"2026-10-01"{fields}}}"#
    )
}

pub(crate) fn check_insights(fields: &str, outcome: Outcome, contains: &str) {
    let payload = insights(fields);
    let (got, written) = run(&raw(Source::Facebook, RawKind::Metrics, payload.as_bytes()));
    let shown = format!("{:?} {:?}", written.events, written.rejections);
    assert_eq!(got, outcome, "{fields}: {shown}");
    assert!(shown.contains(contains), "{fields}: {contains} is not in {shown}");
}

#[test]
fn a_row_of_insights_becomes_the_figures_of_a_day() {
    let payload = insights(concat!(
        r#","impressions":"18500","reach":14100,"clicks":"520","inline_link_clicks":"410","spend":"143.50","#,
        r#""actions":[{"action_type":"onsite_conversion.lead_grouped","value":"5"},{"action_type":"lead","value":"9"},"#,
        r#"{"action_type":"link_click","value":"410"},{"action_type":"omni_purchase","value":"2"}],"#,
        r#""action_values":[{"action_type":"omni_purchase","value":"310.00"}]"#
    ));
    let mut written = Written::default();
    let outcome = normalizer().apply(
        &raw(Source::Facebook, RawKind::Metrics, payload.as_bytes()),
        &at(0),
        &mut written,
    );
    assert_eq!(outcome, Ok(Outcome::Accepted));
    let (key, body) = &written.events[0];
    assert_eq!(key.as_deref(), Some("facebook:1:120210000000000001"));
    let expected = Figures {
        spend_micros: Some(Micros(143_500_000)),
        impressions: Some(18_500),
        reach: Some(14_100),
        clicks: Some(520),
        link_clicks: Some(410),
        leads: Some(9),
        purchases: Some(2),
        purchase_value_micros: Some(Micros(310_000_000)),
    };
    assert!(body.contains(&format!("{expected:?}")), "{body}");
}

#[test]
fn missing_figures_are_incomplete_and_impossible_ones_outliers() {
    check_insights(r#","spend":"1.5""#, Outcome::Incomplete, "Incomplete");
    check_insights(r#","spend":null,"impressions":"5""#, Outcome::Incomplete, "spend_micros: None");
    check_insights(r#","spend":"-1.5","impressions":"5""#, Outcome::Outlier, "Outlier");
    check_insights(r#","spend":"1","impressions":"5","clicks":6"#, Outcome::Outlier, "Outlier");
    check_insights(
        r#","spend":"0","impressions":"5","actions":[{"action_type":"lead","value":"7"}]"#,
        Outcome::Accepted,
        "leads: Some(7)",
    );
}

#[test]
fn a_fact_carries_its_doubts_by_name() {
    let doubts = |fields: &str| {
        let payload = insights(fields);
        run(&raw(Source::Facebook, RawKind::Metrics, payload.as_bytes())).1.doubts.remove(0)
    };
    assert_eq!(doubts(r#","spend":"1","impressions":"5""#), []);
    assert_eq!(
        doubts(r#","reach":"7","clicks":"-1","impressions":"5""#),
        [Doubt::SpendMissing, Doubt::FigureNegative, Doubt::ReachAboveImpressions]
    );
    assert_eq!(
        doubts(r#","account_currency":"EUR","spend":"1","impressions":"5""#),
        [Doubt::CurrencyUnlikeAccount]
    );
    let ahead = br#"{"campaign_id":1,"date_start":"2026-10-04","spend":1,"impressions":2}"#;
    assert_eq!(run(&raw(Source::Facebook, RawKind::Metrics, ahead)).1.doubts, [[Doubt::DayAhead]]);
}

#[test]
fn the_policys_currency_of_an_account_goes_before_that_of_the_record() {
    let policy = Policy::from_toml("[accounts.\"facebook:1\"]\ncurrency = \"EUR\"").unwrap();
    let run = |fields: &str| {
        let payload = insights(fields);
        let (mut normalizer, mut written) = (Normalizer::new(Arc::new(policy.clone())), Written::default());
        let record = raw(Source::Facebook, RawKind::Metrics, payload.as_bytes());
        let outcome = normalizer.apply(&record, &at(0), &mut written).unwrap();
        (outcome, written.events.remove(0).1)
    };
    let sound = r#","spend":"1","impressions":"5""#;
    let (outcome, body) = run(&format!(r#"{sound},"account_currency":"EUR""#));
    assert!(outcome == Outcome::Accepted && body.contains("Some(\"EUR\")"), "{body}");
    // The record's own currency, USD, is what the source believes of the account.
    let (outcome, body) = run(sound);
    assert!(outcome == Outcome::Accepted && body.contains("Some(\"EUR\")"), "{body}");
    assert_eq!(run(&format!(r#"{sound},"account_currency":"USD""#)).0, Outcome::Outlier);
}

#[test]
fn each_kind_of_record_has_the_sources_that_can_tell_it() {
    for (source, kind) in [
        (Source::Csv, RawKind::Campaign),
        (Source::Crm, RawKind::Metrics),
        (Source::Crm, RawKind::Account),
        (Source::Clock, RawKind::Lead),
        (Source::Facebook, RawKind::Tick),
    ] {
        let (outcome, written) = run(&raw(source, kind, b"{\"id\":\"1\"}"));
        assert_eq!((outcome, written.rejections[0].code), (Outcome::Rejected, "SOURCE_UNSUPPORTED"));
    }
}

#[test]
fn a_row_of_seven_days_is_the_frequency() {
    let payload =
        br#"{"campaign_id":5,"date_start":"2026-09-25","date_stop":"2026-10-01","frequency":"2.31"}"#;
    let (outcome, written) = run(&raw(Source::Facebook, RawKind::Metrics, payload));
    assert_eq!((outcome, written.events.len()), (Outcome::Accepted, 1));
    assert!(written.events[0].1.contains("frequency_7d: Some(2.31)"));
}

#[test]
fn budgets_are_scaled_by_the_currencys_minor_units() {
    let payload =
        br#"{"id":"7","name":"Leads \u00e4 \ud83d\ude80","effective_status":"ACTIVE","daily_budget":"5000"}"#;
    let (_, dollars) = run(&raw(Source::Facebook, RawKind::Campaign, payload));
    assert!(dollars.events[0].1.contains("Micros(50000000)") && dollars.events[0].1.contains("Leads ä 🚀"));
    let yen = RawEvent { currency: Some("JPY"), ..raw(Source::Facebook, RawKind::Campaign, payload) };
    assert!(run(&yen).1.events[0].1.contains("Micros(5000000000)"));
    let unknown = RawEvent { currency: None, ..raw(Source::Facebook, RawKind::Campaign, payload) };
    let (outcome, written) = run(&unknown);
    assert_eq!((outcome, written.doubts), (Outcome::Incomplete, vec![vec![Doubt::BudgetUnreadable]]));
    let zone = RawEvent { time_zone: Some("Nowhere"), ..raw(Source::Facebook, RawKind::Campaign, payload) };
    assert_eq!(run(&zone).1.rejections[0].code, "TIME_ZONE_INVALID");
}

#[test]
fn a_fatigue_signal_needs_its_campaign() {
    let signal = br#"{"ad_account_id":1,"adgroup_id":99,"campaign_id":120210000000000001,"creative_fatigue_level":"HIGH"}"#;
    assert!(run(&raw(Source::Facebook, RawKind::Fatigue, signal)).1.events[0].1.contains("High"));
    let (_, written) = run(&raw(Source::Facebook, RawKind::Fatigue, br#"{"adgroup_id":"99"}"#));
    assert_eq!(written.rejections[0].code, "CAMPAIGN_UNKNOWN");
}

#[test]
fn a_files_row_is_taken_as_its_reading_and_names_its_campaign_once() {
    let reading = MetricsReading {
        campaign_id: "Herbst",
        campaign_name: Some("Herbst"),
        day: Day(20_727),
        currency: Some("EUR"),
        figures: Figures { spend_micros: Some(Micros(1)), impressions: Some(2), ..Figures::default() },
    };
    let mut row = raw(Source::Csv, RawKind::Metrics, b"...");
    row.reading = Some(Reading::MetricsReading(reading));
    row.batch = Some(BatchRow { batch_id: "file", row_index: 0, row_count: 2 });
    assert_eq!(run(&row).1.events.len(), 2);
    row.batch = Some(BatchRow { batch_id: "file", row_index: 1, row_count: 2 });
    assert_eq!(run(&row).1.events.len(), 1);
    row.batch = Some(BatchRow { batch_id: "file", row_index: 2, row_count: 2 });
    assert_eq!(run(&row).1.rejections[0].code, "BATCH_INVALID");
}

#[test]
fn the_texts_of_a_reading_obey_the_same_limits_as_those_read_here() {
    let long = "x".repeat(1_025);
    let sound = MetricsReading {
        campaign_id: "1",
        campaign_name: None,
        day: Day(20_727),
        currency: None,
        figures: Figures { spend_micros: Some(Micros(1)), impressions: Some(2), ..Figures::default() },
    };
    let mut row = raw(Source::Csv, RawKind::Metrics, b"...");
    let refused = |reading: MetricsReading<'_>| {
        let row = RawEvent { reading: Some(Reading::MetricsReading(reading)), ..row.clone() };
        run(&row).1.rejections.first().map(|rejection| rejection.code)
    };
    assert_eq!(refused(sound), None);
    assert_eq!(refused(MetricsReading { campaign_id: "", ..sound }), Some("FIELD_MISSING"));
    assert_eq!(refused(MetricsReading { campaign_id: &long, ..sound }), Some("FIELD_INVALID"));
    assert_eq!(refused(MetricsReading { campaign_name: Some("a\0"), ..sound }), Some("FIELD_INVALID"));
    assert_eq!(refused(MetricsReading { currency: Some("usd"), ..sound }), Some("CURRENCY_INVALID"));
    let huge = Figures { spend_micros: Some(Micros(i64::MIN)), ..sound.figures };
    assert_eq!(refused(MetricsReading { figures: huge, ..sound }), Some("NUMBER_INVALID"));
    let huge = Figures { reach: Some(i64::MAX), ..sound.figures };
    assert_eq!(refused(MetricsReading { figures: huge, ..sound }), Some("NUMBER_INVALID"));
    row.reading = Some(Reading::MetricsReading(sound));
    for (platform, account_id) in [("", "1"), ("facebook", ""), ("facebook", &*long), ("a\0", "1")] {
        assert_eq!(run(&RawEvent { platform, account_id, ..row.clone() }).0, Outcome::Rejected);
    }
    let batch = Some(BatchRow { batch_id: &long, row_index: 0, row_count: 1 });
    assert_eq!(run(&RawEvent { batch, ..row }).0, Outcome::Rejected);
}

#[test]
fn a_tick_goes_on_without_a_key() {
    let tick = RawEvent { platform: "", account_id: "", ..raw(Source::Clock, RawKind::Tick, b"") };
    assert_eq!(run(&tick).1.events[0].0, None);
}

#[test]
fn each_account_is_judged_by_the_ranges_in_force_for_it() {
    let policy =
        Policy::from_toml("[accounts.\"facebook:2\"]\nquality = { negative_is_outlier = false }").unwrap();
    let mut normalizer = Normalizer::new(Arc::new(policy));
    let payload = insights(r#","spend":"-1","impressions":"5""#);
    for (account_id, outcome) in [("1", Outcome::Outlier), ("2", Outcome::Accepted)] {
        let record = RawEvent { account_id, ..raw(Source::Facebook, RawKind::Metrics, payload.as_bytes()) };
        assert_eq!(normalizer.apply(&record, &at(0), &mut Written::default()), Ok(outcome));
    }
}
