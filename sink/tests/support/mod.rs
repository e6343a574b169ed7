//! What the tests of both stores share: real engines, started once for each test program, and a log to write records to.
#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod clickhouse;
pub(crate) mod cut;
pub(crate) mod faults;
pub(crate) mod postgres;

use std::sync::mpsc;
use std::sync::{Arc, OnceLock};

use devstack::{Engine, Progress, Stack, StackConfig};
use schemas::record::{
    Account, Alert, AlertState, Campaign, CampaignDay, CampaignScore, Cohort, DeadLetter, Figures, Lead,
    Origin, QualityHour, Recommendation, Severity,
};
use schemas::{
    AccountKey, CampaignKey, Day, DayKey, Micros, Schemas, TimestampMs, Topic, TopicValue, examples,
};
use sink::SinkRecord;

pub(crate) const ORIGIN: Origin<'static> = Origin { topic: "events", partition: 0, offset: 0 };

/// The address of an engine that runs until the test program ends.
pub(crate) fn engine(engine: Engine, address: fn(&Stack) -> String) -> String {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    let start = || {
        let (sender, receiver) = mpsc::channel();
        // The stack lives on this thread until the program ends, and its processes end with the program.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let config = StackConfig { progress: Progress::Lines, ..StackConfig::default() };
                let stack = Stack::start(config, &[engine]).await.expect("the engine starts");
                sender.send(address(&stack)).unwrap();
                std::future::pending::<()>().await;
            });
        });
        receiver.recv().expect("the engine started")
    };
    ADDRESS.get_or_init(start).clone()
}

#[derive(Clone)]
struct Owned {
    topic: Topic,
    partition: i32,
    offset: i64,
    key: String,
    value: Option<Vec<u8>>,
}

/// Records as a consumer would hand them over.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) partition: i32,
    records: Vec<Owned>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { schemas: Schemas::compiled(), partition: 0, records: Vec::new() }
    }

    pub(crate) fn push<'a, T: TopicValue<'a>>(&mut self, topic: Topic, offset: i64, key: &str, value: &T) {
        let mut bytes = Vec::new();
        self.schemas.encoder(topic).encode(value, &mut bytes).unwrap();
        self.push_bytes(topic, offset, key, Some(&bytes));
    }

    pub(crate) fn push_bytes(&mut self, topic: Topic, offset: i64, key: &str, value: Option<&[u8]>) {
        let (key, value) = (key.to_owned(), value.map(<[u8]>::to_vec));
        self.records.push(Owned { topic, partition: self.partition, offset, key, value });
    }

    pub(crate) fn day(&mut self, offset: i64, day: &CampaignDay<'_>) {
        let campaign_key = campaign_key(day.campaign_id);
        let key = DayKey { campaign_key: &campaign_key, day: day.day }.to_string();
        self.push(Topic::CampaignDays, offset, &key, day);
    }

    pub(crate) fn campaign(&mut self, offset: i64, campaign: &Campaign<'_>) {
        self.push(Topic::Campaigns, offset, &campaign_key(campaign.campaign_id), campaign);
    }

    pub(crate) fn account(&mut self, offset: i64, account: &Account<'_>) {
        let key = AccountKey { platform: account.platform, account_id: account.account_id }.to_string();
        self.push(Topic::Accounts, offset, &key, account);
    }

    /// An alert under the key of what it is about.
    pub(crate) fn alert(&mut self, offset: i64, alert: &Alert<'_>) {
        let (platform, account_id) = (alert.platform, alert.account_id);
        let key = match alert.campaign_id {
            Some(campaign_id) => CampaignKey { platform, account_id, campaign_id }.to_string(),
            None => AccountKey { platform, account_id }.to_string(),
        };
        self.push(Topic::Alerts, offset, &key, alert);
    }

    fn examples<T: TopicValue<'static>>(&mut self, topic: Topic) {
        for (offset, value) in (0..).zip(examples::of::<T>(topic)) {
            self.push(topic, offset, &format!("hubspot:lead-{offset}"), &value);
        }
    }

    pub(crate) fn records(&self) -> Vec<SinkRecord<'_>> {
        self.records
            .iter()
            .map(|owned| SinkRecord {
                topic: owned.topic,
                partition: owned.partition,
                offset: owned.offset,
                key: Some(owned.key.as_bytes()),
                value: owned.value.as_deref(),
            })
            .collect()
    }
}

pub(crate) fn campaign_key(campaign_id: &str) -> String {
    CampaignKey { platform: "facebook", account_id: "1", campaign_id }.to_string()
}

/// A day with a spend in micros.
pub(crate) fn day(campaign_id: &str, day: Day, spend: i64, revision: i32) -> CampaignDay<'_> {
    CampaignDay {
        platform: "facebook",
        account_id: "1",
        campaign_id,
        day,
        currency: Some("USD"),
        figures: Figures { spend_micros: Some(Micros(spend)), leads: Some(3), ..Figures::default() },
        flags: Vec::new(),
        doubts: Vec::new(),
        cohort: Cohort::default(),
        revision,
        first_seen: Some(TimestampMs(1_790_834_400_000)),
        first_figures: None,
        last_seen: Some(TimestampMs(1_790_834_400_000)),
        sources: Vec::new(),
        origin: ORIGIN,
    }
}

/// A campaign with a name.
pub(crate) fn campaign<'a>(campaign_id: &'a str, name: &'a str) -> Campaign<'a> {
    Campaign {
        platform: "facebook",
        account_id: "1",
        campaign_id,
        name: Some(name),
        status: Some("ACTIVE"),
        objective: None,
        daily_budget_micros: Some(Micros(50_000_000)),
        lifetime_budget_micros: None,
        time_zone: Some("Europe/Berlin"),
        currency: Some("EUR"),
        frequency_7d: Some(1.5),
        frequency_at: Some(TimestampMs(1_790_834_400_000)),
        fatigue_level: None,
        fatigue_at: None,
        fatigue_high_at: None,
        fatigue_high_before_at: None,
        observed_at: Some(TimestampMs(1_790_834_400_000)),
        name_at: None,
        status_at: None,
        objective_at: None,
        budget_at: None,
        time_zone_at: None,
        currency_at: None,
        known_since: Some(TimestampMs(1_790_000_000_000)),
        origin: ORIGIN,
    }
}

/// An account with a name and its hours: start in hours after 2026-10-01 06:00, and how many records were refused of 10.
pub(crate) fn account<'a>(name: &'a str, hours: &[(i64, i64)]) -> Account<'a> {
    Account {
        platform: "facebook",
        account_id: "1",
        name: Some(name),
        status: Some("ACTIVE"),
        time_zone: Some("Europe/Berlin"),
        currency: Some("EUR"),
        failure_code: None,
        failure: None,
        failure_at: Some(TimestampMs(1_790_834_400_000)),
        observed_at: Some(TimestampMs(1_790_834_400_000)),
        hours: hours
            .iter()
            .map(|(hour, rejected)| QualityHour {
                hour_start: TimestampMs(1_790_834_400_000 + hour * 3_600_000),
                records: 10,
                incomplete: 1,
                outlier: 2,
                rejected: *rejected,
            })
            .collect(),
        firing: vec!["DATA_QUALITY"],
        origin: ORIGIN,
    }
}

/// An alert of campaign 1, or of its account, as raised so many minutes after 2026-10-01 06:00.
pub(crate) fn alert(campaign_id: Option<&str>, state: AlertState, minute: i64) -> Alert<'_> {
    Alert {
        code: if campaign_id.is_some() { "SPEND_SPIKE" } else { "DATA_QUALITY" },
        severity: Severity::High,
        state,
        platform: "facebook",
        account_id: "1",
        campaign_id,
        figure: Some(2.5),
        threshold: Some(1.5),
        sentence: "Something rose.",
        raised_at: TimestampMs(1_790_834_400_000 + minute * 60_000),
        origin: ORIGIN,
    }
}

/// Spends of a campaign over 60 days that add up to 55,662.149994, and to 55,662.15 in cents.
pub(crate) fn spends_of_1178() -> Vec<i64> {
    const TOTAL: i64 = 55_662_149_994;
    let mut spends: Vec<i64> = (0..59).map(|n| 900_000_001 + n * 1_234_567).collect();
    spends.push(TOTAL - spends.iter().sum::<i64>());
    spends
}

/// The queries that the dashboards send to a datasource, each with the title of its panel and with Grafana's variables
/// filled in: the account of the examples, and a time filter that is only `filter(column)`.
pub(crate) fn dashboard_queries(datasource: &str, filter: &str) -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/grafana/dashboards");
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap_or(&Vec::new()) {
                let Some(sql) = target["rawSql"].as_str() else { continue };
                if target["datasource"]["uid"] == datasource {
                    let sql = sql
                        .replace("$__timeFilter(", &format!("{filter}("))
                        .replace("${account:sqlstring}", "'123456789012345'");
                    assert!(!sql.contains('$'), "a variable that this test does not know: {sql}");
                    found.push((panel["title"].to_string(), sql));
                }
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// Every example of the contracts that the stores hold, as one batch.
pub(crate) fn stored_examples(topics: &[Topic]) -> Log {
    let mut log = Log::new();
    for topic in topics {
        match topic {
            Topic::Campaigns => log.examples::<Campaign<'static>>(*topic),
            Topic::CampaignDays => log.examples::<CampaignDay<'static>>(*topic),
            Topic::Scores => log.examples::<CampaignScore<'static>>(*topic),
            Topic::Accounts => log.examples::<Account<'static>>(*topic),
            Topic::Leads => log.examples::<Lead<'static>>(*topic),
            Topic::Recommendations => log.examples::<Recommendation<'static>>(*topic),
            Topic::Alerts => log.examples::<Alert<'static>>(*topic),
            Topic::DeadLetters => log.examples::<DeadLetter<'static>>(*topic),
            other => panic!("{other:?} is not stored"),
        }
    }
    log
}
