//! The normalizer on raw records: payloads of every kind, their flags and refusals, and leads in any order.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands, also in what it builds on")]

use std::convert::Infallible;
use std::sync::Arc;

use processor::{NormalizeOutput, Normalizer, Outcome, Policy, Rejection};
use proptest::prelude::*;
use schemas::record::{
    BatchRow, Contribution, Event, EventBody, Figures, Lead, LeadReading, LeadStage, MetricsReading, Origin,
    RawEvent, RawKind, Reading, Source,
};
use schemas::{Day, Micros, TimestampMs};

const NOW: TimestampMs = TimestampMs(1_790_920_800_000); // 2026-10-02T06:00:00Z
const HOUR: i64 = 3_600_000;

#[derive(Default)]
struct Written {
    /// Campaign key and the event's body in words.
    events: Vec<(Option<String>, String)>,
    changes: Vec<(String, Option<Contribution>, Option<Contribution>)>,
    leads: Vec<(String, String)>,
    rejections: Vec<Rejection>,
}

impl NormalizeOutput for Written {
    type Error = Infallible;
    fn event(&mut self, key: Option<&str>, event: &Event<'_>) -> Result<(), Infallible> {
        if let EventBody::LeadChanged(change) = event.body {
            self.changes.push((key.unwrap().to_owned(), change.before, change.after));
        }
        self.events.push((key.map(str::to_owned), format!("{:?} {:?}", event.flags, event.body)));
        Ok(())
    }
    fn lead(&mut self, key: &str, lead: &Lead<'_>) -> Result<(), Infallible> {
        let known =
            Lead { observed_at: TimestampMs(0), origin: Origin { offset: 0, ..lead.origin }, ..*lead };
        self.leads.push((key.to_owned(), format!("{known:?}")));
        Ok(())
    }
    fn reject(&mut self, rejection: &Rejection) -> Result<(), Infallible> {
        self.rejections.push(rejection.clone());
        Ok(())
    }
}

fn raw(source: Source, kind: RawKind, payload: &[u8]) -> RawEvent<'_> {
    RawEvent {
        source,
        kind,
        platform: "facebook",
        account_id: "1",
        time_zone: Some("America/Los_Angeles"),
        currency: Some("USD"),
        message_id: "m",
        batch: Some(BatchRow { batch_id: "poll", row_index: 0, row_count: 1 }),
        observed_at: NOW,
        payload,
        reading: None,
    }
}

fn at(offset: i64) -> Origin<'static> {
    Origin { topic: "raw.facebook", partition: 0, offset }
}

fn normalizer() -> Normalizer {
    Normalizer::new(Arc::new(Policy::default()))
}

fn run(raw: &RawEvent<'_>) -> (Outcome, Written) {
    let mut written = Written::default();
    let outcome = normalizer().apply(raw, &at(0), &mut written).unwrap();
    assert_eq!(outcome == Outcome::Rejected, written.rejections.len() == 1);
    assert!(outcome != Outcome::Rejected || written.events.is_empty());
    (outcome, written)
}

fn insights(fields: &str) -> String {
    format!(
        r#"{{"campaign_id":"120210000000000001","date_start":"2026-10-01","date_stop":"2026-10-01"{fields}}}"#
    )
}

fn check_insights(fields: &str, outcome: Outcome, contains: &str) {
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
fn values_that_cannot_be_read_are_refused_by_field_and_value() {
    for (fields, code, quoted) in [
        (r#","spend":"NaN""#, "NUMBER_INVALID", "NaN"),
        (r#","spend":1e400"#, "NUMBER_INVALID", "1e400"),
        (r#","spend":"1000000000000000000""#, "NUMBER_INVALID", "larger than"),
        (r#","impressions":"1.5""#, "NUMBER_INVALID", "impressions is"),
        (r#","impressions":[]"#, "FIELD_INVALID", "impressions is"),
        (r#","account_currency":"usd""#, "CURRENCY_INVALID", "usd"),
        (r#","actions":7"#, "PAYLOAD_INVALID", "insights row"),
        (r#","spend":"1","spend":"2""#, "PAYLOAD_INVALID", "duplicate field"),
        (r#","spend":"#, "PAYLOAD_NOT_JSON", "insights row"),
    ] {
        check_insights(fields, Outcome::Rejected, code);
        check_insights(fields, Outcome::Rejected, quoted);
    }
    check_insights(r#","spend":"-0","impressions":0"#, Outcome::Accepted, "Micros(0)");
    for (payload, code) in [
        (r#"{"date_start":"2026-10-01"}"#, "FIELD_MISSING"),
        (r#"{"campaign_id":"1"}"#, "FIELD_MISSING"),
        (r#"{"campaign_id":"","date_start":"2026-10-01"}"#, "FIELD_INVALID"),
        (r#"{"campaign_id":1.2e17,"date_start":"2026-10-01"}"#, "FIELD_INVALID"),
        (r#"{"campaign_id":"1","date_start":"2026-02-29"}"#, "DATE_INVALID"),
        (r#"{"campaign_id":"1","date_start":"2020-01-01"}"#, "TOO_OLD"),
        (r#"{"campaign_id":"1","date_start":"2026-09-01","date_stop":"2026-09-30"}"#, "RANGE_UNSUPPORTED"),
        ("[]", "PAYLOAD_INVALID"),
        ("", "PAYLOAD_NOT_JSON"),
    ] {
        let (outcome, written) = run(&raw(Source::Facebook, RawKind::Metrics, payload.as_bytes()));
        assert_eq!((outcome, written.rejections[0].code), (Outcome::Rejected, code), "{payload}");
    }
    let without_batch = RawEvent {
        batch: None,
        ..raw(Source::Facebook, RawKind::Metrics, b"{\"campaign_id\":1,\"date_start\":\"2026-10-01\"}")
    };
    assert_eq!(run(&without_batch).1.rejections[0].code, "BATCH_MISSING");
    assert_eq!(run(&raw(Source::Csv, RawKind::Metrics, b"1,2,3")).1.rejections[0].code, "READING_MISSING");
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
    assert_eq!(run(&unknown).0, Outcome::Incomplete);
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
fn a_tick_goes_on_without_a_key() {
    let tick = RawEvent { platform: "", account_id: "", ..raw(Source::Clock, RawKind::Tick, b"") };
    assert_eq!(run(&tick).1.events[0].0, None);
}

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

fn any_step() -> impl Strategy<Value = Step> {
    let stage = prop_oneof![
        Just(LeadStage::Created),
        Just(LeadStage::Qualified),
        Just(LeadStage::Disqualified),
        Just(LeadStage::Won),
        Just(LeadStage::Lost)
    ];
    let campaign = prop_oneof![2 => Just(None), 1 => Just(Some("10")), 1 => Just(Some("11"))];
    (stage, 0..20_i64, campaign, proptest::option::of(0..5_i64))
}

proptest! {
    #[test]
    fn any_order_and_repetition_of_a_leads_events_give_one_state(
        steps in proptest::collection::vec(any_step(), 1..10).prop_flat_map(|steps| {
            let twice: Vec<_> = steps.iter().chain(&steps).copied().collect();
            (Just(steps), Just(twice).prop_shuffle())
        })
    ) {
        let (mut one, mut other) = ((normalizer(), Written::default()), (normalizer(), Written::default()));
        apply_leads(&mut one.0, &mut one.1, &steps.0);
        apply_leads(&mut other.0, &mut other.1, &steps.1);
        prop_assert_eq!(one.1.leads.last(), other.1.leads.last());
        // Whatever way the contributions took, each campaign is left with the same.
        for campaign in ["facebook:1:10", "facebook:1:11"] {
            let left = |written: &Written| {
                let mut counted: Option<Contribution> = None;
                for (key, before, after) in &written.changes {
                    if key == campaign {
                        assert_eq!(&counted, before, "each change starts from what was told before");
                        counted = *after;
                    }
                }
                counted
            };
            prop_assert_eq!(left(&one.1), left(&other.1));
        }
    }

    #[test]
    fn no_bytes_make_it_panic_and_each_record_has_one_outcome(payload in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..5_usize) {
        let kind = [RawKind::Metrics, RawKind::Campaign, RawKind::Lead, RawKind::Fatigue, RawKind::Account][kind];
        run(&raw(Source::Facebook, kind, &payload));
    }

    #[test]
    fn no_value_of_a_known_field_makes_it_panic(
        value in prop_oneof!["[-+0-9.eE]{0,30}", "\"\\PC{0,40}\"", "\"[-+0-9.eE:TZ]{0,30}\"", "null|true|\\[\\]|\\{\\}"],
        field in 0..14_usize, kind in 0..4_usize
    ) {
        let field = ["campaign_id", "id", "date_start", "date_stop", "spend", "impressions", "frequency", "clicks", "actions",
            "daily_budget", "created_time", "leadgen_id", "creative_fatigue_level", "account_currency"][field];
        let payload = format!(r#"{{"campaign_id":"1","id":"1","date_start":"2026-10-01","{field}x":0,"{field}":{value}}}"#);
        let kind = [RawKind::Metrics, RawKind::Campaign, RawKind::Lead, RawKind::Fatigue][kind];
        run(&raw(Source::Facebook, kind, payload.as_bytes()));
    }
}
