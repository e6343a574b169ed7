//! The rows, field by field as the columns of the tables. A field's kind says what its column must be: money is a
//! `Decimal(18, 6)`, sent as micros, a day a `Date32`, a moment a `DateTime64(3)`.

use schemas::record::{Doubt, Header, QualityFlag, Reason};
use schemas::{Day, Micros, TimestampMs};

use super::rowbinary::{Bytes, Column, Field, Row, put_bytes, rows, tuple_fits};

impl Field for QualityFlag {
    fn fits(column: &str) -> bool {
        <&str>::fits(column)
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.symbol().put(out);
    }
}

impl Field for Doubt {
    fn fits(column: &str) -> bool {
        <&str>::fits(column)
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.symbol().put(out);
    }
}

impl Field for Reason<'_> {
    fn fits(column: &str) -> bool {
        tuple_fits(column, &[<&str>::fits, f64::fits, f64::fits, <&str>::fits])
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.code.put(out);
        self.figure.put(out);
        self.target.put(out);
        self.sentence.put(out);
    }
}

impl Field for Header<'_> {
    fn fits(column: &str) -> bool {
        tuple_fits(column, &[<&str>::fits, Bytes::fits])
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.name.put(out);
        put_bytes(self.value, out);
    }
}

rows! {
    #[derive(Default)]
    struct CampaignRow<'a> {
        platform: &'a str,
        account_id: &'a str,
        campaign_id: &'a str,
        name: Option<&'a str>,
        status: Option<&'a str>,
        objective: Option<&'a str>,
        daily_budget: Option<Micros>,
        lifetime_budget: Option<Micros>,
        time_zone: Option<&'a str>,
        currency: Option<&'a str>,
        frequency_7d: Option<f64>,
        frequency_at: Option<TimestampMs>,
        fatigue_level: Option<&'a str>,
        fatigue_at: Option<TimestampMs>,
        observed_at: Option<TimestampMs>,
        known_since: Option<TimestampMs>,
        _deleted: u8,
        _partition: i32,
        _offset: u64,
    }

    #[derive(Default)]
    struct DayRow<'a> {
        platform: &'a str,
        account_id: &'a str,
        campaign_id: &'a str,
        day: Day,
        currency: Option<&'a str>,
        spend: Option<Micros>,
        impressions: Option<i64>,
        reach: Option<i64>,
        clicks: Option<i64>,
        link_clicks: Option<i64>,
        leads: Option<i64>,
        purchases: Option<i64>,
        purchase_value: Option<Micros>,
        flags: &'a [QualityFlag],
        doubts: &'a [Doubt],
        crm_leads: i64,
        crm_qualified: i64,
        crm_won: i64,
        crm_revenue: Micros,
        revision: i32,
        first_seen: Option<TimestampMs>,
        last_seen: Option<TimestampMs>,
        restated: bool,
        first_spend: Option<Micros>,
        first_impressions: Option<i64>,
        first_reach: Option<i64>,
        first_clicks: Option<i64>,
        first_link_clicks: Option<i64>,
        first_leads: Option<i64>,
        first_purchases: Option<i64>,
        first_purchase_value: Option<Micros>,
        _deleted: u8,
        _partition: i32,
        _offset: u64,
    }

    struct RevisionRow<'a> {
        platform: &'a str,
        account_id: &'a str,
        campaign_id: &'a str,
        day: Day,
        currency: Option<&'a str>,
        spend: Option<Micros>,
        impressions: Option<i64>,
        reach: Option<i64>,
        clicks: Option<i64>,
        link_clicks: Option<i64>,
        leads: Option<i64>,
        purchases: Option<i64>,
        purchase_value: Option<Micros>,
        flags: &'a [QualityFlag],
        doubts: &'a [Doubt],
        crm_leads: i64,
        crm_qualified: i64,
        crm_won: i64,
        crm_revenue: Micros,
        revision: i32,
        first_seen: Option<TimestampMs>,
        last_seen: Option<TimestampMs>,
        _partition: i32,
        _offset: u64,
    }

    struct ScoreRow<'a> {
        platform: &'a str,
        account_id: &'a str,
        campaign_id: &'a str,
        as_of: Day,
        cost_efficiency: f64,
        lead_quality: f64,
        volume: f64,
        trend: f64,
        engagement: f64,
        total: f64,
        recommendation: &'a str,
        confidence: f64,
        actionable: bool,
        guard: Option<&'a str>,
        reasons: &'a [Reason<'a>],
        window_spend: Micros,
        window_impressions: i64,
        window_link_clicks: i64,
        window_leads: i64,
        window_crm_leads: i64,
        window_qualified: i64,
        window_won: i64,
        window_revenue: Micros,
        window_purchases: i64,
        window_active_days: i32,
        currency: Option<&'a str>,
        scored_at: TimestampMs,
        metrics_observed_at: Option<TimestampMs>,
        policy_version: &'a str,
        firing: &'a [&'a str],
        _partition: i32,
        _offset: u64,
    }

    struct RecommendationRow<'a> {
        platform: &'a str,
        account_id: &'a str,
        campaign_id: &'a str,
        campaign_name: Option<&'a str>,
        as_of: Day,
        cost_efficiency: f64,
        lead_quality: f64,
        volume: f64,
        trend: f64,
        engagement: f64,
        total: f64,
        action: &'a str,
        previous_action: Option<&'a str>,
        confidence: f64,
        actionable: bool,
        guard: Option<&'a str>,
        reasons: &'a [Reason<'a>],
        policy_version: &'a str,
        announced_at: TimestampMs,
        _partition: i32,
        _offset: u64,
    }

    #[derive(Default)]
    struct LeadRow<'a> {
        lead_key: &'a str,
        platform: Option<&'a str>,
        account_id: Option<&'a str>,
        campaign_id: Option<&'a str>,
        campaign_at: Option<TimestampMs>,
        stage: &'a str,
        created_at: Option<TimestampMs>,
        qualified_at: Option<TimestampMs>,
        disqualified_at: Option<TimestampMs>,
        won_at: Option<TimestampMs>,
        lost_at: Option<TimestampMs>,
        amount: Option<Micros>,
        currency: Option<&'a str>,
        account_time_zone: Option<&'a str>,
        account_currency: Option<&'a str>,
        account_at: Option<TimestampMs>,
        observed_at: TimestampMs,
        _deleted: u8,
        _partition: i32,
        _offset: u64,
    }

    #[derive(Default)]
    struct AccountRow<'a> {
        platform: &'a str,
        account_id: &'a str,
        name: Option<&'a str>,
        status: Option<&'a str>,
        time_zone: Option<&'a str>,
        currency: Option<&'a str>,
        failure_code: Option<&'a str>,
        failure: Option<&'a str>,
        failure_at: Option<TimestampMs>,
        observed_at: Option<TimestampMs>,
        firing: &'a [&'a str],
        _deleted: u8,
        _partition: i32,
        _offset: u64,
    }

    struct HourRow<'a> {
        platform: &'a str,
        account_id: &'a str,
        hour_start: TimestampMs,
        records: i64,
        incomplete: i64,
        outlier: i64,
        rejected: i64,
        _partition: i32,
        _offset: u64,
    }

    struct AlertRow<'a> {
        platform: &'a str,
        account_id: &'a str,
        campaign_id: Option<&'a str>,
        subject: String,
        code: &'a str,
        severity: &'a str,
        state: &'a str,
        figure: Option<f64>,
        threshold: Option<f64>,
        sentence: &'a str,
        raised_at: TimestampMs,
        _partition: i32,
        _offset: u64,
    }

    struct DeadLetterRow<'a> {
        stage: &'a str,
        reason_code: &'a str,
        sentence: &'a str,
        origin_topic: Option<&'a str>,
        origin_partition: Option<i32>,
        origin_offset: Option<i64>,
        locator: &'a str,
        refused_at: TimestampMs,
        key: Option<Bytes<'a>>,
        payload: Bytes<'a>,
        headers: &'a [Header<'a>],
        _partition: i32,
        _offset: u64,
    }
}
