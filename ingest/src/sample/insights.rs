//! The figures of a campaign's day, as a poll at some moment sees them, and the insights row that carries them.
//!
//! A running day shows the share that has passed. After its end, money moves by half a percent within two days and
//! conversions come in for three; then the figures stay. So later polls restate earlier ones, as Meta's do. A campaign
//! without delivery has rows of zeros.

use schemas::{Day, Micros, TimestampMs};
use serde_json::{Value, json};

use super::campaigns::Campaign;
use super::dice::{Dice, Draw};
use super::incidents::Incident;

const HOUR_MS: i64 = 3_600_000;
/// A poll looks at this many days before the running one; by then the figures stay.
pub(super) const DAYS_REREAD: i32 = 5;

/// What a poll sees of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) spend_cents: i64,
    pub(super) impressions: i64,
    pub(super) reach: i64,
    pub(super) clicks: i64,
    pub(super) link_clicks: i64,
    pub(super) leads: i64,
    pub(super) purchases: i64,
}

impl Figures {
    pub(super) const fn spend(&self) -> Micros {
        Micros(self.spend_cents * 10_000)
    }
}

/// How many leads a day brings in the end; the CRM sees the same people.
pub(super) fn leads_of_day(dice: Dice, campaign: &Campaign, day: Day, age: i32) -> i64 {
    let habits = campaign.habits(age);
    let Some(cost) = habits.cost_per_lead else { return 0 };
    floor(spend_of_day(dice, campaign, day, age) / cost + dice.unit(Draw::Leads, of(campaign, day)))
}

fn spend_of_day(dice: Dice, campaign: &Campaign, day: Day, age: i32) -> f64 {
    campaign.habits(age).spend * dice.between(0.9, 1.1, Draw::Spend, of(campaign, day))
}

/// The day as a poll at `moment` sees it; `None` before it has begun.
pub(super) fn observed(
    dice: Dice,
    campaign: &Campaign,
    day: Day,
    age: i32,
    moment: TimestampMs,
) -> Option<Figures> {
    let (start, end) = (campaign.day_start(day).0, campaign.day_start(Day(day.0 + 1)).0);
    if moment.0 <= start {
        return None;
    }
    let since_end = moment.0 - end;
    let passed = small(moment.0 - start) / small(end - start);
    let (money, conversions) = match since_end {
        ..0 => (0.995 * passed, 0.85 * passed),
        _ if since_end < 24 * HOUR_MS => (0.995, 0.88),
        _ if since_end < 48 * HOUR_MS => (0.995, 0.96),
        _ if since_end < 72 * HOUR_MS => (1.0, 0.98),
        _ => (1.0, 1.0),
    };
    let times = if campaign.has(Incident::SpendSpike, age) { 2.0 } else { 1.0 };
    let spend = spend_of_day(dice, campaign, day, age) * times * money;
    let impressions = spend / dice.between(7.0, 9.0, Draw::Price, of(campaign, day)) * 1_000.0;
    let rate = campaign.habits(age).click_rate * dice.between(0.92, 1.08, Draw::Clicks, of(campaign, day));
    // Nearest, not down: otherwise a day of one lead would show none until its third day.
    let leads = floor(small(leads_of_day(dice, campaign, day, age)) * conversions + 0.5);
    let late = campaign.has(Incident::ImpressionsLate, age) && (0..12 * HOUR_MS).contains(&since_end);
    let counted = if late { impressions * rate * 0.5 } else { impressions };
    let people_each = if campaign.has(Incident::ReachAbove, age) { 0.8 } else { 1.3 };
    Some(Figures {
        spend_cents: floor(spend * 100.0),
        impressions: floor(counted),
        reach: floor(counted / people_each),
        clicks: floor(impressions * rate * 1.27),
        link_clicks: floor(impressions * rate),
        leads,
        purchases: leads / 4,
    })
}

/// The insights row as the API returns it: numbers are text, action types overlap, what is zero is left out.
pub(super) fn row(campaign: &Campaign, day: Day, figures: &Figures) -> Vec<u8> {
    let Figures { spend_cents, impressions, reach, clicks, link_clicks, leads, purchases } = *figures;
    let spend = format!("{}.{:02}", spend_cents / 100, spend_cents % 100);
    let ratio =
        |over: i64, under: i64, scale: f64| format!("{:.6}", small(over) / small(under.max(1)) * scale);
    let pixel_leads = leads / 2;
    let actions = actions(&[
        ("link_click", link_clicks),
        ("landing_page_view", link_clicks * 4 / 5),
        ("post_engagement", clicks + link_clicks),
        ("page_engagement", clicks + link_clicks + 1),
        ("lead", leads),
        ("offsite_conversion.fb_pixel_lead", pixel_leads),
        ("onsite_conversion.lead_grouped", leads - pixel_leads),
        ("omni_purchase", purchases),
        ("purchase", purchases),
        ("offsite_conversion.fb_pixel_purchase", purchases),
    ]);
    let mut row = json!({
        "account_id": campaign.account_id, "account_currency": campaign.currency,
        "campaign_id": campaign.id, "campaign_name": campaign.name,
        "date_start": day.to_string(), "date_stop": day.to_string(), "objective": "OUTCOME_LEADS",
        "impressions": impressions.to_string(), "reach": reach.to_string(),
        "frequency": ratio(impressions, reach, 1.0), "clicks": clicks.to_string(),
        "inline_link_clicks": link_clicks.to_string(), "spend": spend,
        "ctr": ratio(clicks, impressions, 100.0), "cpc": ratio(spend_cents, clicks, 0.01),
        "cpm": ratio(spend_cents, impressions, 10.0), "attribution_setting": "7d_click_1d_view",
        "actions": actions,
    });
    if leads > 0 {
        row["cost_per_action_type"] =
            json!([{"action_type": "lead", "value": ratio(spend_cents, leads, 0.01)}]);
    }
    if purchases > 0 {
        let value = format!("{}.00", purchases * 60);
        row["action_values"] = json!([{"action_type": "omni_purchase", "value": value}]);
    }
    row.to_string().into_bytes()
}

fn actions(counts: &[(&str, i64)]) -> Vec<Value> {
    let seen = counts.iter().filter(|(_, count)| *count > 0);
    seen.map(|(kind, count)| json!({"action_type": kind, "value": count.to_string()})).collect()
}

fn of(campaign: &Campaign, day: Day) -> [i64; 3] {
    [campaign.index, i64::from(day.0), 0]
}

#[expect(clippy::cast_possible_truncation, reason = "figures of a day are far below 2^53")]
fn floor(number: f64) -> i64 {
    number.floor() as i64
}

#[expect(clippy::cast_precision_loss, reason = "figures and milliseconds of a day are far below 2^53")]
fn small(number: i64) -> f64 {
    number as f64
}
