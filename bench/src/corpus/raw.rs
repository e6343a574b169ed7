//! The raw topics as `ingest` writes them: insights rows as Meta's API returns them, and CRM events with what their mapping read.
//!
//! Four records in five are insights rows. Three in a hundred of those restate an earlier day, two in a hundred come twice. Of the CRM
//! events half create a lead, the rest qualify or win an earlier one; four in a hundred come twice, and two leads in a hundred have
//! no campaign.

use std::io::Write as _;

use schemas::record::{BatchRow, LeadReading, LeadStage, RawEvent, RawKind, Reading, Source};
use schemas::{Day, Micros, TimestampMs, Topic};

use super::steady::Damage;
use super::{Campaign, Counts, Dice, PLATFORM, POLL_ROWS, Poll, Size, day_share};

const RESTATED_PER_MILLE: u64 = 30;
const ROWS_TWICE_PER_MILLE: u64 = 20;
const LEADS_TWICE_PER_MILLE: u64 = 40;
const UNATTRIBUTED_PER_MILLE: u64 = 20;
const STAGES: [LeadStage; 3] = [LeadStage::Created, LeadStage::Qualified, LeadStage::Won];
const STAGE_NAMES: [&str; 3] = ["created", "qualified", "won"];
const HOUR_MS: i64 = 3_600_000;

/// How much goes wrong among the insights rows, of a thousand.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Arrive up to two days after they were observed.
    late: u64,
    /// Cannot be read.
    poison: u64,
    /// Have more clicks than impressions.
    flagged: u64,
}

/// Nothing does.
pub const CLEAN: Rates = Rates { late: 0, poison: 0, flagged: 0 };
/// What a bad day looks like.
pub const HOSTILE: Rates = Rates { late: 500, poison: 50, flagged: 200 };

/// What was made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    /// Records that must end among the dead letters.
    pub poison: u64,
    /// Insights rows that can be read, each of which becomes one event.
    pub rows: u64,
    /// CRM events.
    pub leads: u64,
}

/// A lead under way.
struct Lead {
    campaign: Campaign,
    attributed: bool,
    created_at: TimestampMs,
    stage: usize,
}

/// Hands every record to `visit`: its topic, its key, its value, and how it is to be damaged.
pub fn generate(
    size: Size,
    rates: Rates,
    mut visit: impl FnMut(Topic, &str, &RawEvent<'_>, Option<Damage>) -> anyhow::Result<()>,
) -> anyhow::Result<Made> {
    let mut dice = Dice::new(size.seed);
    let mut poll = Poll::new(size.campaigns());
    let mut leads: Vec<Lead> = Vec::new();
    let mut payload = Vec::new();
    let mut made = Made::default();
    let mut number = 0;
    while number < size.records {
        let of_poll = number / POLL_ROWS;
        let observed_at = size.poll_at(of_poll);
        if number % POLL_ROWS == 0 {
            poll.begin();
        }
        if number % 5 == 4 {
            made.leads += lead(&mut dice, &mut leads, (observed_at, size), &mut payload, &mut visit)?;
        } else {
            let campaign = poll.draw(&mut dice);
            let late = dice.per_mille(rates.late).then(|| dice.below(2 * size.polls_a_day()));
            let of_poll = of_poll.saturating_sub(late.unwrap_or(0));
            let at = (of_poll, size.poll_at(of_poll));
            let is_flagged = dice.per_mille(rates.flagged);
            let damage = dice.per_mille(rates.poison).then_some(Damage::CutShort);
            let made_of = row(&mut dice, (campaign, is_flagged), (at, damage), &mut payload, &mut visit)?;
            *(if damage.is_some() { &mut made.poison } else { &mut made.rows }) += made_of;
        }
        number += 1;
    }
    Ok(made)
}

fn row(
    dice: &mut Dice,
    (campaign, is_flagged): (Campaign, bool),
    ((of_poll, observed_at), damage): ((u64, TimestampMs), Option<Damage>),
    payload: &mut Vec<u8>,
    visit: &mut impl FnMut(Topic, &str, &RawEvent<'_>, Option<Damage>) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let (mut day, mut share) = (observed_at.day_utc(), day_share(observed_at));
    if dice.per_mille(RESTATED_PER_MILLE) {
        day = Day(day.0 - 1 - i32::try_from(dice.below(5))?);
        share = 1_000 + dice.below(10);
    }
    let mut counts = campaign.figures(day, share);
    if is_flagged {
        counts.clicks += counts.impressions + 1;
    }
    insights_row(campaign, day, counts, payload)?;
    let (key, account_id) = (campaign.key(), campaign.account_id());
    let batch_id = format!("poll-{account_id}-{observed_at}");
    let message_id = format!("{batch_id}/{of_poll}-{}", campaign.0);
    let event = RawEvent {
        source: Source::Facebook,
        kind: RawKind::Metrics,
        platform: PLATFORM,
        account_id: &account_id,
        time_zone: Some("America/New_York"),
        currency: Some("USD"),
        message_id: &message_id,
        batch: Some(BatchRow { batch_id: &batch_id, row_index: 0, row_count: 1 }),
        observed_at,
        payload,
        reading: None,
    };
    let times = if dice.per_mille(ROWS_TWICE_PER_MILLE) { 2 } else { 1 };
    for _ in 0..times {
        visit(Topic::RawFacebook, &key, &event, damage)?;
    }
    Ok(times)
}

/// The row with the fields and overlapping action types of the API; numbers are text, what is zero is left out.
fn insights_row(campaign: Campaign, day: Day, counts: Counts, out: &mut Vec<u8>) -> std::io::Result<()> {
    let Counts { spend_cents: cents, impressions, reach, clicks, link_clicks, leads, purchases } = counts;
    let ratio = |over: i64, under: i64| {
        let millionths = over * 1_000_000 / under.max(1);
        (millionths / 1_000_000, millionths % 1_000_000)
    };
    let (frequency, ctr, cpc, cpm) = (
        ratio(impressions, reach),
        ratio(clicks * 100, impressions),
        ratio(cents / 100, clicks),
        ratio(cents * 10, impressions),
    );
    out.clear();
    write!(
        out,
        r#"{{"account_id":"{}","account_currency":"USD","campaign_id":"{}","campaign_name":"Leads | Lookalike | {}","date_start":"{day}","date_stop":"{day}","objective":"OUTCOME_LEADS","impressions":"{impressions}","reach":"{reach}","frequency":"{}.{:06}","clicks":"{clicks}","inline_link_clicks":"{link_clicks}","spend":"{}.{:02}","ctr":"{}.{:06}","cpc":"{}.{:06}","cpm":"{}.{:06}","attribution_setting":"7d_click_1d_view","actions":["#,
        campaign.account_id(),
        campaign.id(),
        campaign.0,
        frequency.0,
        frequency.1,
        cents / 100,
        cents % 100,
        ctr.0,
        ctr.1,
        cpc.0,
        cpc.1,
        cpm.0,
        cpm.1,
    )?;
    let actions = [
        ("link_click", link_clicks),
        ("landing_page_view", link_clicks * 4 / 5),
        ("post_engagement", clicks + link_clicks),
        ("page_engagement", clicks + link_clicks + 1),
        ("lead", leads),
        ("offsite_conversion.fb_pixel_lead", leads / 2),
        ("onsite_conversion.lead_grouped", leads - leads / 2),
        ("omni_purchase", purchases),
        ("purchase", purchases),
        ("offsite_conversion.fb_pixel_purchase", purchases),
    ];
    let mut separator = "";
    for (kind, count) in actions.into_iter().filter(|(_, count)| *count > 0) {
        write!(out, r#"{separator}{{"action_type":"{kind}","value":"{count}"}}"#)?;
        separator = ",";
    }
    write!(out, "]")?;
    if leads > 0 {
        let cost = ratio(cents / 100, leads);
        write!(
            out,
            r#","cost_per_action_type":[{{"action_type":"lead","value":"{}.{:06}"}}]"#,
            cost.0, cost.1
        )?;
    }
    if purchases > 0 {
        write!(
            out,
            r#","action_values":[{{"action_type":"omni_purchase","value":"{}.00"}}]"#,
            purchases * 60
        )?;
    }
    write!(out, "}}")
}

fn lead(
    dice: &mut Dice,
    leads: &mut Vec<Lead>,
    (observed_at, size): (TimestampMs, Size),
    payload: &mut Vec<u8>,
    visit: &mut impl FnMut(Topic, &str, &RawEvent<'_>, Option<Damage>) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let older = leads.len() as u64;
    let advanced = (older > 0 && dice.below(2) == 1)
        .then(|| usize::try_from(dice.below(older)).unwrap_or(0))
        .filter(|&at| leads[at].stage + 1 < STAGES.len());
    let at = if let Some(at) = advanced {
        leads[at].stage += 1;
        at
    } else {
        leads.push(Lead {
            campaign: Campaign(dice.rank(size.campaigns())),
            attributed: !dice.per_mille(UNATTRIBUTED_PER_MILLE),
            created_at: observed_at,
            stage: 0,
        });
        leads.len() - 1
    };
    let lead = &leads[at];
    let (account_id, campaign_id) = (lead.campaign.account_id(), lead.campaign.id());
    let campaign_id = lead.attributed.then_some(campaign_id.as_str());
    let name = STAGE_NAMES[lead.stage];
    let amount = (lead.stage == 2).then_some(Micros(400_000_000));
    let occurred_at =
        TimestampMs((lead.created_at.0 + i64::try_from(lead.stage)? * 6 * HOUR_MS).min(observed_at.0));
    payload.clear();
    write!(
        payload,
        r#"{{"type":"lead.{name}","timestamp":"{occurred_at}","data":{{"lead_id":"L{at}","account":"{account_id}""#
    )?;
    if let Some(campaign_id) = campaign_id {
        write!(payload, r#","campaign":"{campaign_id}""#)?;
    }
    if amount.is_some() {
        write!(payload, r#","amount":"400.00","currency":"USD""#)?;
    }
    write!(payload, "}}}}")?;
    let lead_key = schemas::lead_key("sample", &format!("L{at}"));
    let event = RawEvent {
        source: Source::Crm,
        kind: RawKind::Lead,
        platform: PLATFORM,
        account_id: &account_id,
        time_zone: None,
        currency: None,
        message_id: &format!("msg_L{at}_{name}"),
        batch: None,
        observed_at,
        payload,
        reading: Some(Reading::LeadReading(LeadReading {
            lead_key: &lead_key,
            stage: STAGES[lead.stage],
            occurred_at,
            campaign_id,
            amount_micros: amount,
            currency: amount.map(|_| "USD"),
        })),
    };
    let times = if dice.per_mille(LEADS_TWICE_PER_MILLE) { 2 } else { 1 };
    for _ in 0..times {
        visit(Topic::RawCrm, &lead_key, &event, None)?;
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_insights_row_is_json() {
        let mut rows = 0;
        generate(Size { records: 1_000, seed: 1 }, CLEAN, |_, _, event, _| {
            let _: serde_json::Value = serde_json::from_slice(event.payload)?;
            rows += 1;
            Ok(())
        })
        .unwrap();
        assert!(rows >= 1_000, "{rows}");
    }
}
