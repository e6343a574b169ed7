//! The log, as a test sees it: writes records to it, reads topics whole, and waits until the roles have read everything.

use std::collections::BTreeMap;

use kafka::{Admin, ConsumedRecord, Producer, ReadRange, Record, TopicReader};
use schemas::record::RawEvent;
use schemas::{Schemas, Topic, TopicValue};

use super::engines::block_on;
use super::installation::Installation;
use super::role::RoleName;
use super::wait::until;

const RAW: [Topic; 4] = [Topic::RawFacebook, Topic::RawCrm, Topic::RawCsv, Topic::RawClock];

impl Installation {
    /// The full name of a topic.
    pub fn topic(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.name())
    }

    /// Writes a value to a topic, acknowledged, placed by its key.
    pub fn produce<'a, T: TopicValue<'a>>(&self, topic: Topic, key: &str, value: &T) {
        let mut bytes = Vec::new();
        Schemas::compiled().encoder(topic).encode(value, &mut bytes).unwrap();
        self.produce_bytes(topic, key, &bytes);
    }

    /// Writes any bytes to a topic.
    pub fn produce_bytes(&self, topic: Topic, key: &str, value: &[u8]) {
        let producer = Producer::new(&self.kafka_settings(), "test").unwrap();
        let name = self.topic(topic);
        let record = Record::new(&name, Some(key.as_bytes()), Some(value));
        block_on(producer.send(record)).expect("Kafka acknowledges");
    }

    /// Hands every committed record of a topic to `visit`, also those of a commit that was answered a moment ago.
    pub fn read(&self, topic: Topic, mut visit: impl FnMut(ConsumedRecord<'_>)) {
        let admin = Admin::new(&self.kafka_settings()).unwrap();
        until("the topic's transactions are decided", || {
            block_on(admin.is_decided(&[self.topic(topic)])).unwrap().then_some(())
        });
        let range = ReadRange::whole(&self.topic(topic));
        let mut reader = TopicReader::open(&self.kafka_settings(), "pipeline-test", &range).unwrap();
        reader
            .for_each(|record| {
                visit(record);
                true
            })
            .unwrap();
    }

    /// How many committed records a topic holds.
    pub fn count(&self, topic: Topic) -> u64 {
        let mut count = 0;
        self.read(topic, |_| count += 1);
        count
    }

    /// How many committed records the raw topics hold together.
    pub fn raw_count(&self) -> u64 {
        RAW.into_iter().map(|topic| self.count(topic)).sum()
    }

    /// How often each message stands in a raw topic, by the identity that its source gave it.
    pub fn messages(&self, topic: Topic) -> BTreeMap<String, usize> {
        let mut decoder = Schemas::compiled().decoder();
        let mut found = BTreeMap::new();
        self.read(topic, |record| {
            let raw: RawEvent<'_> = decoder.decode(record.value).unwrap();
            *found.entry(raw.message_id.to_owned()).or_default() += 1;
        });
        found
    }

    /// How far a role's group has come, in records over all partitions.
    pub fn consumed(&self, role: RoleName) -> i64 {
        let admin = Admin::new(&self.kafka_settings()).unwrap();
        let lag = block_on(admin.lag(&self.group(role), &self.inputs(role))).unwrap();
        lag.iter().filter_map(|partition| partition.committed).sum()
    }

    /// Waits until the roles from the raw topics to both stores have read everything there is.
    pub fn settle(&self) {
        self.settle_roles(&RoleName::PROCESSORS);
    }

    /// Waits until these roles have read everything there is; they are given in the order in which data moves.
    pub fn settle_roles(&self, roles: &[RoleName]) {
        for &role in roles {
            until(&format!("{role:?} has read everything"), || self.is_idle(role).then_some(()));
        }
    }

    /// Whether nothing lies between the group's offsets and the ends of its topics. Transactions leave markers behind the
    /// last record, so where offsets differ the rest is read, and must be empty. What a transaction still hides is not
    /// nothing: its markers are written after its commit was answered.
    fn is_idle(&self, role: RoleName) -> bool {
        let settings = self.kafka_settings();
        let admin = Admin::new(&settings).unwrap();
        let (group, inputs) = (self.group(role), self.inputs(role));
        let decided = block_on(admin.is_decided(&inputs)).unwrap();
        let lags = block_on(admin.lag(&group, &inputs)).unwrap();
        decided && kafka::nothing_left(&settings, &group, lags).unwrap()
    }

    fn group(&self, role: RoleName) -> String {
        format!("{}{}", self.prefix, role.group())
    }

    fn inputs(&self, role: RoleName) -> Vec<String> {
        let topics: &[Topic] = match role {
            RoleName::Normalize => &RAW,
            RoleName::Score => &[Topic::Events],
            RoleName::SinkClickhouse => &sink::clickhouse::TOPICS,
            RoleName::SinkPostgres => &sink::postgres::TOPICS,
            RoleName::All | RoleName::Ingest | RoleName::Serve => &[],
        };
        topics.iter().map(|&topic| self.topic(topic)).collect()
    }
}
