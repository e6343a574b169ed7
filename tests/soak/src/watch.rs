//! Sampled all run long: how far groups say that a store has come (I7), memory (I9), and how long nothing gets through.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kafka::{Admin, PartitionLag, TopicPartition};
use schemas::Topic;
use serde_json::json;

use crate::generator::{Door, Generator};
use crate::journal::Class;
use crate::oracle::log::inputs;
use crate::oracle::rows::Table;
use crate::oracle::{Damage, Findings, stores};
use crate::role::Role;
use crate::site::Site;
use crate::{block_on, now};

/// No process of a run may hold more, whatever is down.
pub const MEMORY_MIB_MAX: u64 = 512;
const SAMPLE_EVERY: Duration = Duration::from_millis(700);
const CANARY_EVERY: Duration = Duration::from_millis(1_000);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Tables of ClickHouse whose newest row of a partition tells how far it holds the topic.
/// Topics with poison are left out: their last record may be none that a table could hold.
const HELD: [(Topic, &str); 4] = [
    (Topic::Campaigns, "campaigns"),
    (Topic::CampaignDays, "campaign_days"),
    (Topic::Scores, "scores"),
    (Topic::Leads, "leads"),
];

/// A message that was followed from its first attempt to both stores.
#[derive(Clone, Copy, Debug)]
pub struct Canary {
    /// First attempt.
    pub sent: Instant,
    /// When both stores had it; absent while they have not.
    pub seen: Option<Instant>,
}

/// What the watchers have seen.
#[derive(Default)]
pub struct Watch {
    ended: AtomicBool,
    canaries: Mutex<Vec<Canary>>,
    ahead: Mutex<Vec<String>>,
    memory: Mutex<BTreeMap<String, u64>>,
    samples: Mutex<u64>,
}

impl Watch {
    /// Asks the watchers to end.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Every canary so far.
    pub fn canaries(&self) -> Vec<Canary> {
        self.canaries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The most memory that any process was seen with, MiB, by role.
    pub fn memory(&self) -> BTreeMap<String, u64> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what was broken, and that nothing was looked at.
    pub fn judge(&self, findings: &mut Findings) {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        findings.note("I7", Damage::Limit, "committed offsets ahead of what the store holds", &ahead);
        let over = self.memory().into_iter().filter(|(_, mib)| *mib > MEMORY_MIB_MAX);
        let over: Vec<String> = over.map(|(role, mib)| format!("{role}: {mib} MiB")).collect();
        findings.note("I9", Damage::Limit, &format!("processes above {MEMORY_MIB_MAX} MiB"), &over);
        if *self.samples.lock().unwrap_or_else(PoisonError::into_inner) == 0 {
            findings.note("I7", Damage::Limit, "sampling", &["no sample was taken".to_owned()]);
        }
    }

    /// Follows one message after the other from the door to both stores.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn follow(&self, site: &Site, traffic: &Generator<'_>) -> anyhow::Result<()> {
        let door = Door::new(&site.door)?;
        for number in 0.. {
            let sent = Instant::now();
            let index = {
                let mut canaries = self.canaries.lock().unwrap_or_else(PoisonError::into_inner);
                canaries.push(Canary { sent, seen: None });
                canaries.len() - 1
            };
            let id = format!("canary-{number}");
            let data = json!({"lead_id": id, "account": "900", "campaign": "1"});
            let body = json!({"type": "lead.created", "timestamp": now().to_string(), "data": data});
            traffic.post(&door, &id, Class::Valid, body.to_string().as_bytes())?;
            let key = format!("sample:{id}");
            while !arrived(site, &key) {
                if self.is_ended() {
                    return Ok(());
                }
                std::thread::sleep(LOOK_EVERY);
            }
            self.canaries.lock().unwrap_or_else(PoisonError::into_inner)[index].seen = Some(Instant::now());
            while sent.elapsed() < CANARY_EVERY || self.is_ended() {
                if self.is_ended() {
                    return Ok(());
                }
                std::thread::sleep(LOOK_EVERY);
            }
        }
        Ok(())
    }

    /// Samples offsets and memory until the end.
    pub fn sample(&self, site: &Site) {
        while !self.is_ended() {
            for member in site.fleet().members() {
                if let Some(mib) = member.memory_peak_mib() {
                    let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
                    let most = memory.entry(member.role.name().to_owned()).or_default();
                    *most = (*most).max(mib);
                }
            }
            // An engine that is away is one of the faults: the next sample will tell.
            if let Ok(ahead) = ahead(site) {
                *self.samples.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                self.ahead.lock().unwrap_or_else(PoisonError::into_inner).extend(ahead);
            }
            std::thread::sleep(SAMPLE_EVERY);
        }
    }
}

fn arrived(site: &Site, lead_key: &str) -> bool {
    let sql = format!("SELECT lead_key, stage FROM leads WHERE lead_key = '{lead_key}'");
    let has = |found: anyhow::Result<Table>| found.is_ok_and(|rows| !rows.is_empty());
    has(stores::postgres(site, &sql)) && has(stores::clickhouse(site, &sql))
}

/// Places where a group's offset lies beyond what its store holds. The group is asked first: what is durable only grows.
fn ahead(site: &Site) -> anyhow::Result<Vec<String>> {
    let admin = Admin::new(&site.kafka())?;
    let committed = |role: Role| -> anyhow::Result<BTreeMap<String, i64>> {
        let lags = block_on(admin.lag(&site.group(role), &inputs(site, role)))?;
        let place = |lag: &PartitionLag| {
            format!("{}/{}", lag.partition.topic.trim_start_matches(&site.prefix), lag.partition.partition)
        };
        Ok(lags.iter().filter_map(|lag| Some((place(lag), lag.committed?))).collect())
    };
    // Postgres keeps its own offsets and starts from them; the group's may be ahead while dead letters are kept.
    let clickhouse = committed(Role::SinkClickhouse)?;
    let tables: Vec<String> = HELD
        .iter()
        .map(|(topic, table)| {
            format!("SELECT concat('{}/', toString(_partition)), toString(max(_offset) + 1) FROM {table} GROUP BY _partition", topic.name())
        })
        .collect();
    let held = stores::clickhouse(site, &tables.join(" UNION ALL "))?;
    let known = |place: &String| HELD.iter().any(|(topic, _)| place.split('/').next() == Some(topic.name()));
    let clickhouse = clickhouse.into_iter().filter(|(place, _)| known(place)).collect();
    let mut found = beyond(site, &clickhouse, &held);
    found.retain(|(lag, _)| {
        // What lies between may be markers of transactions, which no table holds.
        !kafka::nothing_left(&site.kafka(), "soak-watch", vec![lag.clone()]).unwrap_or(true)
    });
    Ok(found.into_iter().map(|(_, text)| text).collect())
}

/// Where a group is ahead, as a range of the log and in words.
fn beyond(site: &Site, committed: &BTreeMap<String, i64>, held: &Table) -> Vec<(PartitionLag, String)> {
    let durable = |place: &String| held.get(place).and_then(|offset| offset.parse().ok()).unwrap_or(0);
    let ahead = committed.iter().filter(|(place, offset)| **offset > durable(place));
    ahead
        .filter_map(|(place, &end)| {
            let (topic, partition) = place.split_once('/')?;
            let partition = TopicPartition::new(format!("{}{topic}", site.prefix), partition.parse().ok()?);
            let from = durable(place);
            let lag = PartitionLag { partition, committed: Some(from), end, lag: end - from };
            Some((lag, format!("ClickHouse {place}: committed {end}, durable {from}")))
        })
        .collect()
}
