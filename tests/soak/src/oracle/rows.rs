//! One shape for what topics, stores, the API and the recomputation say: a row of texts by key. Integers stay integers, and a
//! figure that was not reported is `-`, which is not zero.

use std::collections::BTreeMap;

use schemas::Micros;
use schemas::record::{Alert, CampaignDay, CampaignScore, DeadLetter, Lead, Recommendation};

/// Rows by key.
pub type Table = BTreeMap<String, String>;

/// How two tables differ.
#[derive(Debug, Default)]
pub struct Difference {
    /// In the first only.
    pub missing: Vec<String>,
    /// In the second only.
    pub extra: Vec<String>,
    /// In both, and not the same.
    pub differing: Vec<String>,
}

/// Holds a table against what it should be.
#[must_use]
pub fn compare(expected: &Table, found: &Table) -> Difference {
    let mut difference = Difference::default();
    for (key, row) in expected {
        match found.get(key) {
            None => difference.missing.push(key.clone()),
            Some(other) if other != row => difference.differing.push(format!("{key}: {row} became {other}")),
            Some(_) => {}
        }
    }
    difference.extra = found.keys().filter(|key| !expected.contains_key(*key)).cloned().collect();
    difference
}

fn count(figure: Option<i64>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| figure.to_string())
}

fn money(amount: Option<Micros>) -> String {
    count(amount.map(|amount| amount.0))
}

/// A day: figures, then the cohort.
#[must_use]
pub fn day(day: &CampaignDay<'_>) -> String {
    let (figures, cohort) = (&day.figures, &day.cohort);
    [
        money(figures.spend_micros),
        count(figures.impressions),
        count(figures.reach),
        count(figures.clicks),
        count(figures.link_clicks),
        count(figures.leads),
        count(figures.purchases),
        money(figures.purchase_value_micros),
        cohort.leads.to_string(),
        cohort.qualified.to_string(),
        cohort.won.to_string(),
        cohort.revenue_micros.0.to_string(),
    ]
    .join("|")
}

/// The same of both stores; in ClickHouse money is decimal.
pub const DAY_POSTGRES: &str = "SELECT campaign_key || '@' || day, concat_ws('|', coalesce(spend_micros::text, '-'), \
    coalesce(impressions::text, '-'), coalesce(reach::text, '-'), coalesce(clicks::text, '-'), \
    coalesce(link_clicks::text, '-'), coalesce(leads::text, '-'), coalesce(purchases::text, '-'), \
    coalesce(purchase_value_micros::text, '-'), crm_leads, crm_qualified, crm_won, crm_revenue_micros) FROM campaign_days";
/// See [`DAY_POSTGRES`].
pub const DAY_CLICKHOUSE: &str = "SELECT concat(platform, ':', account_id, ':', campaign_id, '@', toString(day)), \
    arrayStringConcat([ifNull(toString(toInt64(spend * 1000000)), '-'), ifNull(toString(impressions), '-'), \
    ifNull(toString(reach), '-'), ifNull(toString(clicks), '-'), ifNull(toString(link_clicks), '-'), \
    ifNull(toString(leads), '-'), ifNull(toString(purchases), '-'), \
    ifNull(toString(toInt64(purchase_value * 1000000)), '-'), toString(crm_leads), toString(crm_qualified), \
    toString(crm_won), toString(toInt64(crm_revenue * 1000000))], '|') FROM v_campaign_days";

/// A score: what was decided, and the sums of the window.
#[must_use]
pub fn score(score: &CampaignScore<'_>) -> String {
    let window = &score.window;
    let sums = [
        window.spend_micros.0,
        window.impressions,
        window.leads,
        window.crm_leads,
        window.qualified,
        window.won,
    ];
    let sums: Vec<String> = sums.iter().map(ToString::to_string).collect();
    format!(
        "{:.2}|{}|{:.2}|{}|{}|{}",
        score.total,
        score.recommendation.symbol(),
        score.confidence,
        score.as_of,
        sums.join("|"),
        window.revenue_micros.0
    )
}

/// The same of both stores.
pub const SCORE_POSTGRES: &str = "SELECT campaign_key, concat_ws('|', round(total::numeric, 2), recommendation, \
    round(confidence::numeric, 2), as_of, window_spend_micros, window_impressions, window_leads, window_crm_leads, \
    window_qualified, window_won, window_revenue_micros) FROM scores";
/// See [`SCORE_POSTGRES`].
pub const SCORE_CLICKHOUSE: &str = "SELECT concat(platform, ':', account_id, ':', campaign_id), arrayStringConcat([\
    printf('%.2f', total), recommendation, printf('%.2f', confidence), toString(as_of), \
    toString(toInt64(window_spend * 1000000)), toString(window_impressions), toString(window_leads), \
    toString(window_crm_leads), toString(window_qualified), toString(window_won), \
    toString(toInt64(window_revenue * 1000000))], '|') FROM v_current_scores";

/// A lead: its campaign, its stage, its amount.
#[must_use]
pub fn lead(lead: &Lead<'_>) -> String {
    format!("{}|{}|{}", lead.campaign_id.unwrap_or("-"), lead.stage.symbol(), money(lead.amount_micros))
}

/// The same of both stores.
pub const LEAD_POSTGRES: &str = "SELECT lead_key, concat_ws('|', coalesce(campaign_id, '-'), stage, \
    coalesce(amount_micros::text, '-')) FROM leads";
/// See [`LEAD_POSTGRES`].
pub const LEAD_CLICKHOUSE: &str = "SELECT lead_key, arrayStringConcat([ifNull(campaign_id, '-'), stage, \
    ifNull(toString(toInt64(amount * 1000000)), '-')], '|') FROM v_leads";

/// The identity of an announcement, and what it says.
#[must_use]
pub fn recommendation(record: &Recommendation<'_>) -> (String, String) {
    let campaign = format!("{}:{}:{}", record.platform, record.account_id, record.campaign_id);
    let key = format!("{campaign}|{}|{}|{}", record.as_of, record.announced_at.0, record.action.symbol());
    (key, format!("{:.2}", record.total))
}

/// The same of both stores.
pub const RECOMMENDATION_POSTGRES: &str = "SELECT concat_ws('|', campaign_key, as_of, \
    (extract(epoch FROM announced_at) * 1000)::bigint, action), round(total::numeric, 2)::text FROM recommendations";
/// See [`RECOMMENDATION_POSTGRES`].
pub const RECOMMENDATION_CLICKHOUSE: &str = "SELECT arrayStringConcat([concat(platform, ':', account_id, ':', campaign_id), \
    toString(as_of), toString(toUnixTimestamp64Milli(announced_at)), action], '|'), printf('%.2f', total) \
    FROM v_recommendations";

/// The identity of an alert's record, and its severity.
#[must_use]
pub fn alert(subject: &str, alert: &Alert<'_>) -> (String, String) {
    let key = format!("{subject}|{}|{}|{}", alert.code, alert.raised_at.0, alert.state.symbol());
    (key, alert.severity.symbol().to_owned())
}

/// The same of both stores.
pub const ALERT_POSTGRES: &str = "SELECT concat_ws('|', subject, code, (extract(epoch FROM raised_at) * 1000)::bigint, \
    state), severity FROM alerts";
/// See [`ALERT_POSTGRES`].
pub const ALERT_CLICKHOUSE: &str = "SELECT arrayStringConcat([subject, code, toString(toUnixTimestamp64Milli(raised_at)), \
    state], '|'), severity FROM v_alerts";

/// A dead letter: who refused, and why.
#[must_use]
pub fn dead_letter(letter: &DeadLetter<'_>) -> String {
    format!("{}|{}", letter.stage, letter.reason_code)
}

/// The same of ClickHouse, which alone keeps them.
pub const DEAD_LETTER_CLICKHOUSE: &str = "SELECT concat(toString(_partition), '/', toString(_offset)), concat(stage, '|', reason_code) FROM v_dead_letters";
