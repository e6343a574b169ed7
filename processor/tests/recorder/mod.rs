//! An output that encodes every record as the topics carry it, and can restore a partition from what it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use processor::{Policy, ScoreOutput, Scorer};
use schemas::record::{Account, Alert, Campaign, CampaignDay, CampaignScore, Recommendation, Watermark};
use schemas::{Encoder, Schemas, Topic, TopicValue};

pub(crate) struct Recorder {
    schemas: Arc<Schemas>,
    encoders: BTreeMap<Topic, Encoder>,
    /// Everything written, in order.
    pub(crate) log: Vec<(Topic, String, Vec<u8>)>,
    /// The newest record of each key, for topics that are compacted and those that are not alike.
    pub(crate) latest: BTreeMap<(Topic, String), Vec<u8>>,
    /// Days with a tombstone, which compaction has taken away or not.
    tombstones: BTreeSet<String>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        let schemas = Schemas::compiled();
        let encoders = Topic::ALL.into_iter().map(|topic| (topic, schemas.encoder(topic))).collect();
        let latest = BTreeMap::new();
        Self { schemas, encoders, log: Vec::new(), latest, tombstones: BTreeSet::new() }
    }

    fn put<'a, T: TopicValue<'a>>(&mut self, topic: Topic, key: &str, record: &T) -> Result<(), Infallible> {
        let mut bytes = Vec::new();
        self.encoders.get_mut(&topic).unwrap().encode(record, &mut bytes).unwrap();
        self.log.push((topic, key.to_owned(), bytes.clone()));
        self.latest.insert((topic, key.to_owned()), bytes);
        self.tombstones.remove(key);
        Ok(())
    }

    /// A partition as a restart finds it, the topics read in an order of the test's choice.
    pub(crate) fn restored(&self, policy: &Arc<Policy>, backwards: bool) -> Scorer {
        let mut scorer = Scorer::new(Arc::clone(policy), 3);
        let mut decoder = self.schemas.decoder();
        let mut entries: Vec<_> = self.latest.iter().collect();
        if backwards {
            entries.reverse();
        }
        for ((topic, key), bytes) in entries {
            let bytes = Some(bytes.as_slice());
            match topic {
                Topic::Campaigns => {
                    scorer.restore_campaign(key, Some(&decoder.decode(bytes).unwrap())).unwrap();
                }
                Topic::CampaignDays => {
                    scorer.restore_day(key, Some(&decoder.decode(bytes).unwrap())).unwrap();
                }
                Topic::Scores => scorer.restore_score(key, Some(&decoder.decode(bytes).unwrap())).unwrap(),
                Topic::Accounts => {
                    scorer.restore_account(key, Some(&decoder.decode(bytes).unwrap())).unwrap();
                }
                Topic::Watermarks => {
                    scorer.restore_watermark(key, Some(&decoder.decode(bytes).unwrap())).unwrap();
                }
                _ => {}
            }
        }
        // Read forwards, compaction has been by and took the tombstones away too.
        for key in self.tombstones.iter().filter(|_| backwards) {
            scorer.restore_day(key, None).unwrap();
        }
        scorer
    }

    pub(crate) fn bytes_of(&self, topic: Topic, key: &str) -> Option<&[u8]> {
        self.latest.get(&(topic, key.to_owned())).map(Vec::as_slice)
    }

    #[allow(dead_code, reason = "each test program uses part of it")]
    pub(crate) fn count(&self, topic: Topic) -> usize {
        self.log.iter().filter(|(written, _, _)| *written == topic).count()
    }

    pub(crate) fn decode<'a, T: TopicValue<'a>>(&self, bytes: Option<&'a [u8]>) -> T {
        self.schemas.decoder().decode(bytes).unwrap()
    }
}

impl ScoreOutput for Recorder {
    type Error = Infallible;
    fn campaign(&mut self, key: &str, record: &Campaign<'_>) -> Result<(), Infallible> {
        self.put(Topic::Campaigns, key, record)
    }
    fn day(&mut self, key: &str, record: &CampaignDay<'_>) -> Result<(), Infallible> {
        self.put(Topic::CampaignDays, key, record)
    }
    fn score(&mut self, key: &str, record: &CampaignScore<'_>) -> Result<(), Infallible> {
        self.put(Topic::Scores, key, record)
    }
    fn recommendation(&mut self, key: &str, record: &Recommendation<'_>) -> Result<(), Infallible> {
        self.put(Topic::Recommendations, key, record)
    }
    fn alert(&mut self, key: &str, record: &Alert<'_>) -> Result<(), Infallible> {
        self.put(Topic::Alerts, key, record)
    }
    fn day_forgotten(&mut self, key: &str) -> Result<(), Infallible> {
        self.log.push((Topic::CampaignDays, key.to_owned(), Vec::new()));
        self.latest.remove(&(Topic::CampaignDays, key.to_owned()));
        Ok(())
    }
    fn account(&mut self, key: &str, record: &Account<'_>) -> Result<(), Infallible> {
        self.put(Topic::Accounts, key, record)
    }
    fn watermark(&mut self, key: &str, record: &Watermark<'_>) -> Result<(), Infallible> {
        self.put(Topic::Watermarks, key, record)
    }
}
