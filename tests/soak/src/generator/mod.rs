//! Traffic of every class over every way in, journalled: signed webhooks through the door, files through `adpulse csv`, ad-platform
//! objects and plain poison onto the topics. Senders do as senders do and send again until they are answered.

mod door;
mod flood;
mod poison;

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ingest::sample::{CrmMessage, FacebookMessage, SampleItem, SampleMessage, SampleOptions, generate};
use kafka::{Producer, Record};
use schemas::{Micros, Topic};
use serde_json::{Value, json};

use crate::journal::{Class, Journal, Sent};
use crate::site::Site;
use crate::{block_on, now};

pub use door::Door;
pub use poison::POISONED;

/// How long a message is sent again after the end was asked for.
const GIVE_UP_AFTER: Duration = Duration::from_secs(90);
const SEND_AGAIN: Duration = Duration::from_millis(200);
const UPLOAD_EVERY: Duration = Duration::from_secs(6);

/// The traffic of one run.
pub struct Generator<'a> {
    site: &'a Site,
    journal: &'a Journal,
    items: Vec<SampleItem>,
    next: AtomicUsize,
    begun: Instant,
    per_second: f64,
    stop: AtomicBool,
    stopped: Mutex<Option<Instant>>,
    sent: AtomicU64,
    /// The point at which the next upload dies.
    upload_order: Mutex<Option<String>>,
    uploads_killed: AtomicU64,
    upload_turn: Mutex<()>,
    /// Poison sent so far, for its names.
    poisoned: AtomicU64,
    seed: u64,
}

impl<'a> Generator<'a> {
    /// Traffic of a seed at a steady rate.
    #[must_use]
    pub fn new(site: &'a Site, journal: &'a Journal, seed: u64, campaigns: u32, per_second: f64) -> Self {
        let options = SampleOptions { seed, campaigns, accounts: 3, days: 30, end: now() };
        Self {
            site,
            journal,
            items: generate(&options).collect(),
            next: AtomicUsize::new(0),
            begun: Instant::now(),
            per_second,
            stop: AtomicBool::new(false),
            stopped: Mutex::new(None),
            sent: AtomicU64::new(0),
            upload_order: Mutex::new(None),
            uploads_killed: AtomicU64::new(0),
            upload_turn: Mutex::new(()),
            poisoned: AtomicU64::new(0),
            seed,
        }
    }

    /// Messages that were answered definitely.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// No new messages from now on; what is on its way is sent until it is answered, for a while.
    pub fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.stop.store(true, Ordering::Release);
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn hopeless(&self) -> bool {
        let stopped = *self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.is_some_and(|since| since.elapsed() > GIVE_UP_AFTER)
    }

    /// Lets the next upload die at a point, and tells how many have died so far.
    pub fn kill_upload(&self, order: String) -> u64 {
        *self.upload_order.lock().unwrap_or_else(PoisonError::into_inner) = Some(order);
        self.uploads_killed()
    }

    /// Waits for the end of the upload under way; none begins while the result is held.
    pub fn hold_uploads(&self) -> MutexGuard<'_, ()> {
        self.upload_turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many uploads have died as they were told to.
    pub fn uploads_killed(&self) -> u64 {
        self.uploads_killed.load(Ordering::Acquire)
    }

    /// A sender: takes items until there are no more or the end is asked for. Several run side by side.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn send_items(&self) -> anyhow::Result<()> {
        let door = Door::new(&self.site.door)?;
        let producer = Producer::new(&self.site.kafka(), "soak-generator")?;
        let mut encoder = self.site.schemas.encoder(Topic::RawFacebook);
        let topic = self.site.topic(Topic::RawFacebook);
        while !self.stopping() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            #[expect(clippy::cast_precision_loss, reason = "a run sends far fewer than 2^53 messages")]
            let due = Duration::from_secs_f64(index as f64 / self.per_second);
            while self.begun.elapsed() < due && !self.stopping() {
                std::thread::sleep(Duration::from_millis(5));
            }
            let Some(item) = self.items.get(index) else { return Ok(()) };
            match &item.message {
                SampleMessage::Facebook(message) => {
                    let mut value = Vec::new();
                    encoder.encode(&message.event(), &mut value)?;
                    self.produce(&producer, &topic, message, &value)?;
                }
                SampleMessage::Crm(message) => self.post_all(&door, index, message)?,
            }
            if index % 25 == 24 {
                self.poison(&producer, index / 25)?;
            }
        }
        Ok(())
    }

    fn produce(
        &self,
        producer: &Producer,
        topic: &str,
        message: &FacebookMessage,
        value: &[u8],
    ) -> anyhow::Result<()> {
        let id = format!("facebook/{}", message.message_id);
        let object: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
        let micros = object["spend"].as_str().and_then(|spend| Micros::parse(spend).ok()).unwrap_or_default();
        let campaign = message.key.as_str();
        self.journal.sending(&Sent {
            id: &id,
            class: Class::Valid,
            campaign,
            at: message.observed_at.0,
            micros: micros.0,
        })?;
        self.produce_bytes(producer, &id, &Record::new(topic, Some(message.key.as_bytes()), Some(value)))
    }

    fn produce_bytes(&self, producer: &Producer, id: &str, record: &Record<'_>) -> anyhow::Result<()> {
        while !self.hopeless() {
            if block_on(producer.send(*record)).is_ok() {
                self.sent.fetch_add(1, Ordering::Relaxed);
                return self.journal.replied(id, true);
            }
            std::thread::sleep(SEND_AGAIN);
        }
        Ok(())
    }

    /// A message, and with it now and then its duplicate, a forgery of it, one that is far too late, or one that says nothing.
    fn post_all(&self, door: &Door, index: usize, message: &CrmMessage) -> anyhow::Result<()> {
        let body: Value = serde_json::from_slice(&message.body).unwrap_or_default();
        self.post(door, &message.id, Class::Valid, &message.body)?;
        match index % 20 {
            3 => self.post(door, &message.id, Class::Duplicate, &message.body)?,
            7 => {
                let late = json!({"type": "lead.created", "timestamp": "2019-03-04T05:06:07Z", "data": {
                    "lead_id": format!("late-{index}"), "account": body["data"]["account"], "campaign": body["data"]["campaign"],
                }});
                self.post(door, &format!("late-{index}"), Class::Late, late.to_string().as_bytes())?;
            }
            11 => self.post(&door.forged()?, &format!("forged-{index}"), Class::Forged, &message.body)?,
            13 => {
                let sneezed =
                    json!({"type": "lead.sneezed", "timestamp": now().to_string(), "data": {"lead_id": "1"}});
                self.post(door, &format!("poison-{index}"), Class::Poison, sneezed.to_string().as_bytes())?;
            }
            17 => self.post(door, &format!("forged-{index}"), Class::Forged, b"{ not json")?,
            _ => {}
        }
        Ok(())
    }

    /// Posts a webhook until it is answered definitely.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn post(&self, door: &Door, id: &str, class: Class, body: &[u8]) -> anyhow::Result<()> {
        let told: Value = serde_json::from_slice(body).unwrap_or_default();
        let data = &told["data"];
        let micros =
            data["amount"].as_str().and_then(|amount| Micros::parse(amount).ok()).unwrap_or_default();
        let campaign = data["campaign"].as_str().unwrap_or_default();
        let journalled = format!("crm/{id}");
        self.journal.sending(&Sent { id: &journalled, class, campaign, at: now().0, micros: micros.0 })?;
        while !self.hopeless() {
            match door.post(id, body) {
                200..300 => {
                    self.sent.fetch_add(1, Ordering::Relaxed);
                    return self.journal.replied(&journalled, true);
                }
                // Too slow on a busy machine is no refusal.
                0 | 408 | 429 | 500.. => std::thread::sleep(SEND_AGAIN),
                _ => return self.journal.replied(&journalled, false),
            }
        }
        Ok(())
    }

    /// Uploads files one after the other; one that was killed is uploaded again, as people do.
    ///
    /// # Errors
    /// When a file or the journal cannot be written.
    pub fn upload_files(&self) -> anyhow::Result<()> {
        let mut number = 0;
        let mut last: Option<Instant> = None;
        while !self.stopping() {
            let ordered = self.upload_order.lock().unwrap_or_else(PoisonError::into_inner).take();
            if ordered.is_none() && last.is_some_and(|last| last.elapsed() < UPLOAD_EVERY) {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            }
            self.upload(number, ordered)?;
            (number, last) = (number + 1, Some(Instant::now()));
        }
        Ok(())
    }

    fn upload(&self, number: i32, mut order: Option<String>) -> anyhow::Result<()> {
        let name = format!("upload-{number}.csv");
        let path = self.site.folder.join(&name);
        std::fs::write(&path, file(number)).with_context(|| format!("writing {}", path.display()))?;
        let id = format!("csv/{name}");
        let campaign = "facebook:900:1";
        self.journal.sending(&Sent { id: &id, class: Class::Valid, campaign, at: now().0, micros: 0 })?;
        while !self.hopeless() {
            let mut command =
                self.site.command(&["csv", &name, "--account", "900", "--platform", "facebook"]);
            let ordered = order.take();
            command.envs(ordered.iter().map(|order| ("ADPULSE_CRASH_AT", order)));
            let turn = self.hold_uploads();
            let ended =
                command.stdout(Stdio::null()).stderr(Stdio::null()).status().context("adpulse csv")?;
            drop(turn);
            if ended.success() {
                self.sent.fetch_add(1, Ordering::Relaxed);
                return self.journal.replied(&id, true);
            }
            if ordered.is_some() && ended.code().is_none() {
                self.uploads_killed.fetch_add(1, Ordering::AcqRel);
            }
            std::thread::sleep(SEND_AGAIN);
        }
        Ok(())
    }
}

/// Rows of every file; what each file says of a day replaces what the files before it said.
pub const ROWS: i32 = 40;

fn file(number: i32) -> String {
    let mut text = "Campaign ID,Campaign name,Day,Amount spent (EUR),Impressions,Leads\n".to_owned();
    let today = now().day_utc().0;
    for row in 0..ROWS {
        let (campaign, day) = (1 + row % 5, schemas::Day(today - 1 - row / 5));
        let spend = 1_000 + 37 * row + 11 * number;
        let money = format!("{}.{:02}", spend / 100, spend % 100);
        text.push_str(&format!("{campaign},Upload {campaign},{day},{money},{},{}\n", spend * 9, row % 4));
    }
    text
}
