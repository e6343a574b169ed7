//! Sample traffic in portions: what the platform said goes straight to its topic, what the CRM says goes through the
//! door. The sender waits at the end of each portion, so that a test decides what happens while records are under way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

use ingest::sample::{ExpectedCampaign, SampleItem, SampleMessage, SampleOptions, expected, generate};
use kafka::{Producer, Record};
use schemas::{Schemas, Topic};

use super::engines::block_on;
use super::installation::Installation;
use super::stores::Totals;
use super::wait::until;
use super::{Door, now};

const SENDERS: usize = 8;

/// Traffic and what it comes to.
pub struct Traffic {
    options: SampleOptions,
    items: Vec<SampleItem>,
    /// The next item to be taken, and the first one that may not be taken yet.
    next: Mutex<(usize, usize)>,
    more_allowed: Condvar,
    sent: AtomicUsize,
}

/// The sending side of a running traffic.
struct Ways {
    door: Door,
    producer: Producer,
    topic: String,
}

impl Traffic {
    /// The same seed gives the same traffic; it ends now, because records of the clock say that it is now.
    pub fn new(seed: u64, campaigns: u32) -> Self {
        let options = SampleOptions { seed, campaigns, accounts: 2, days: 30, end: now() };
        let items: Vec<_> = generate(&options).collect();
        assert!(items.len() > 100, "the generator made only {} messages", items.len());
        Self {
            options,
            items,
            next: Mutex::default(),
            more_allowed: Condvar::new(),
            sent: AtomicUsize::new(0),
        }
    }

    /// Lets everything up to this many quarters be sent.
    pub fn allow(&self, quarters: usize) {
        let allowed = self.items.len() * quarters / 4;
        self.next.lock().unwrap().1 = allowed;
        self.more_allowed.notify_all();
    }

    /// Waits until this many quarters are acknowledged, or are certainly under way.
    pub fn wait_for_eighths(&self, eighths: usize) {
        let wanted = self.items.len() * eighths / 8;
        until(&format!("{wanted} messages are acknowledged"), || {
            (self.sent.load(Ordering::SeqCst) >= wanted).then_some(())
        });
    }

    /// Runs `meanwhile` while the allowed messages are being sent; then sends the rest and returns when all of them are
    /// acknowledged.
    pub fn flow<T>(&self, installation: &Installation, meanwhile: impl FnOnce(&Self) -> T) -> T {
        eprintln!("sample traffic: {:?}, {} messages", self.options, self.items.len());
        let ways = Ways {
            door: installation.door("sample"),
            producer: Producer::new(&installation.kafka_settings(), "sample").unwrap(),
            topic: installation.topic(Topic::RawFacebook),
        };
        std::thread::scope(|scope| {
            for _ in 0..SENDERS {
                scope.spawn(|| self.send(&ways));
            }
            // Also when `meanwhile` panics, or the senders would wait for ever.
            let allow_the_rest = AllowTheRest(self);
            let result = meanwhile(self);
            drop(allow_the_rest);
            result
        })
    }

    fn send(&self, ways: &Ways) {
        let mut encoder = Schemas::compiled().encoder(Topic::RawFacebook);
        while let Some(item) = self.take() {
            match &item.message {
                SampleMessage::Facebook(message) => {
                    let mut value = Vec::new();
                    encoder.encode(&message.event(), &mut value).unwrap();
                    let record = Record::new(&ways.topic, Some(message.key.as_bytes()), Some(&value));
                    block_on(ways.producer.send(record)).expect("Kafka acknowledges");
                }
                SampleMessage::Crm(message) => ways.door.deliver(&message.id, &message.body),
            }
            self.sent.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The next item, as soon as it may be sent. `None` after the last.
    fn take(&self) -> Option<&SampleItem> {
        let mut next = self.next.lock().unwrap();
        loop {
            let (at, allowed) = *next;
            if at == self.items.len() {
                return None;
            }
            if at < allowed {
                next.0 += 1;
                return Some(&self.items[at]);
            }
            next = self.more_allowed.wait(next).unwrap();
        }
    }

    /// What both stores must hold when everything has gone through.
    pub fn expected(&self) -> BTreeMap<String, Expected> {
        expected(&self.options)
            .iter()
            .map(|campaign| (campaign.campaign_id.clone(), campaign.into()))
            .collect()
    }
}

/// The figures that the generator's model predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    spend: i64,
    impressions: i64,
    platform_leads: i64,
    leads: i64,
    qualified: i64,
    won: i64,
    revenue: i64,
}

impl From<&ExpectedCampaign> for Expected {
    fn from(campaign: &ExpectedCampaign) -> Self {
        Self {
            spend: campaign.spend.0,
            impressions: campaign.impressions,
            platform_leads: campaign.platform_leads,
            leads: campaign.leads,
            qualified: campaign.qualified,
            won: campaign.won,
            revenue: campaign.revenue.0,
        }
    }
}

impl From<Totals> for Expected {
    fn from(totals: Totals) -> Self {
        Self {
            spend: totals.spend,
            impressions: totals.impressions,
            platform_leads: totals.leads,
            leads: totals.crm_leads,
            qualified: totals.qualified,
            won: totals.won,
            revenue: totals.revenue,
        }
    }
}

struct AllowTheRest<'t>(&'t Traffic);

impl Drop for AllowTheRest<'_> {
    fn drop(&mut self) {
        self.0.allow(4);
    }
}
