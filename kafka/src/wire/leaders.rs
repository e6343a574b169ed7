//! Who leads which partition.

use crate::record::TopicPartition;

/// A broker by its number and address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broker {
    pub(crate) id: i32,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// An answer of the cluster; partitions without a leader are not in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leaders {
    pub(crate) brokers: Vec<Broker>,
    pub(crate) of: Vec<(TopicPartition, i32)>,
}

impl Leaders {
    pub(super) fn broker_of(&self, partition: &TopicPartition) -> Option<&Broker> {
        let (_, id) = self.of.iter().find(|(led, _)| led == partition)?;
        self.brokers.iter().find(|broker| broker.id == *id)
    }
}
