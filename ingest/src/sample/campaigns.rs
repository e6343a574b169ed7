//! The campaigns: who they are, how they behave, and the object Meta's API returns for each.

use chrono::{NaiveDate, TimeZone as _};
use chrono_tz::Tz;
use schemas::{AccountKey, CampaignKey, Day, TimestampMs};
use serde_json::json;

use super::incidents::Incident;
use super::{Archetype, PLATFORM, SampleOptions};

/// Accounts take turns: a time zone west and east of Greenwich, with and without summer time.
const ZONES: [(Tz, &str); 4] = [
    (Tz::America__New_York, "USD"),
    (Tz::Europe__Berlin, "EUR"),
    (Tz::Europe__Kyiv, "UAH"),
    (Tz::Asia__Tokyo, "USD"),
];
const DAY_MS: i64 = 86_400_000;

/// A campaign and its account.
#[derive(Clone, Debug)]
pub(super) struct Campaign {
    pub(super) index: i64,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) archetype: Archetype,
    pub(super) incident: Option<Incident>,
    pub(super) account: u32,
    pub(super) account_id: String,
    pub(super) zone: Tz,
    pub(super) currency: &'static str,
}

/// What an archetype does on an ordinary day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    /// Major units.
    pub(super) spend: f64,
    /// Spend per lead; absent where there are none.
    pub(super) cost_per_lead: Option<f64>,
    /// Link clicks per impression.
    pub(super) click_rate: f64,
    /// Share of leads that qualify, and that are won.
    pub(super) qualified: f64,
    pub(super) won: f64,
}

impl Campaign {
    pub(super) fn all(options: &SampleOptions) -> Vec<Self> {
        (0..options.campaigns).map(|index| Self::new(index, options)).collect()
    }

    fn new(index: u32, options: &SampleOptions) -> Self {
        let archetype = Archetype::ALL[index as usize % Archetype::ALL.len()];
        let account = index / 5 % options.accounts.max(1);
        let (zone, currency) = ZONES[account as usize % ZONES.len()];
        Self {
            index: i64::from(index),
            id: format!("1202100000{index:08}"),
            name: format!("{} | {}", archetype.label(), index + 1),
            archetype,
            incident: Incident::of(index),
            account,
            account_id: format!("10000000{account:04}"),
            zone,
            currency,
        }
    }

    pub(super) fn key(&self) -> String {
        CampaignKey { platform: PLATFORM, account_id: &self.account_id, campaign_id: &self.id }.to_string()
    }

    pub(super) fn account_key(&self) -> String {
        AccountKey { platform: PLATFORM, account_id: &self.account_id }.to_string()
    }

    /// Whether this happens to the campaign on a day `age` days before the end.
    pub(super) fn has(&self, incident: Incident, age: i32) -> bool {
        self.incident == Some(incident) && incident.happens(age)
    }

    /// The moment a day begins in the account's time zone.
    pub(super) fn day_start(&self, day: Day) -> TimestampMs {
        let (year, month, date) = day.ymd();
        let midnight = NaiveDate::from_ymd_opt(year, month, date).and_then(|date| date.and_hms_opt(0, 0, 0));
        let start = midnight.and_then(|midnight| self.zone.from_local_datetime(&midnight).earliest());
        start.map_or(day.midnight_utc(), |start| TimestampMs(start.timestamp_millis()))
    }

    /// The day it is in the account's time zone.
    pub(super) fn day_of(&self, moment: TimestampMs) -> Day {
        let guess = moment.day_utc();
        let mut day = Day(guess.0 + 1);
        while self.day_start(day) > moment {
            day.0 -= 1;
        }
        day
    }

    /// The habits on a day `age` days before the end.
    pub(super) fn habits(&self, age: i32) -> Habits {
        let (spend, cost_per_lead, click_rate, qualified, won) = match self.archetype {
            Archetype::Star => (75.0, Some(11.0), 0.046, 0.58, 0.24),
            Archetype::Steady => (62.0, Some(27.5), 0.026, 0.30, 0.09),
            Archetype::Declining if age > 9 => (62.0, Some(35.0), 0.020, 0.16, 0.04),
            Archetype::Declining => (62.0, Some(72.0), 0.016, 0.12, 0.02),
            Archetype::Expensive => (50.0, Some(86.0), 0.013, 0.10, 0.01),
            Archetype::NoLeads => (24.0, None, 0.012, 0.0, 0.0),
        };
        let usual = Habits { spend, cost_per_lead, click_rate, qualified, won };
        match self.incident {
            Some(Incident::Idle) if Incident::Idle.happens(age) => {
                Habits { spend: 0.0, cost_per_lead: None, ..usual }
            }
            // All at once, instead of the archetype's own decline.
            Some(Incident::LeadDrop) => {
                let cost = if Incident::LeadDrop.happens(age) { 140.0 } else { 30.0 };
                Habits { cost_per_lead: Some(cost), ..usual }
            }
            _ => usual,
        }
    }

    /// The object of the campaign's account as the API returns it.
    pub(super) fn account_object(&self) -> Vec<u8> {
        let object = json!({
            "account_id": self.account_id, "id": format!("act_{}", self.account_id),
            "name": format!("Client {}", self.account + 1), "currency": self.currency,
            "timezone_name": self.zone.name(), "account_status": 1,
        });
        object.to_string().into_bytes()
    }

    /// The campaign object as the API returns it: budgets are text in minor units, offsets have no colon.
    pub(super) fn object(&self, options: &SampleOptions) -> Vec<u8> {
        let created = self.zone.timestamp_millis_opt(options.end.0 - (i64::from(options.days) + 20) * DAY_MS);
        let created = created
            .earliest()
            .map_or_else(String::new, |moment| moment.format("%Y-%m-%dT%H:%M:%S%z").to_string());
        let budget = (self.habits(30).spend * 120.0).round();
        let object = json!({
            "id": self.id, "account_id": self.account_id, "name": self.name, "objective": "OUTCOME_LEADS",
            "status": "ACTIVE", "configured_status": "ACTIVE", "effective_status": "ACTIVE",
            "buying_type": "AUCTION", "bid_strategy": "LOWEST_COST_WITHOUT_CAP",
            "daily_budget": format!("{budget:.0}"), "special_ad_categories": [],
            "start_time": created, "created_time": created, "updated_time": created,
        });
        object.to_string().into_bytes()
    }
}
