//! A batch: records as consumed, what became of them, and their decoded form.

mod bounds;
mod decode;
mod facts;

pub(crate) use decode::{Selection, decode};
pub(crate) use facts::{
    AccountParts, At, CampaignParts, Facts, Keyed, account_key, alert_key, alert_subject, campaign_key,
    keep_newest, keep_newest_by, places, recommendation_key, views,
};

use schemas::Topic;

/// A record as it was consumed.
#[derive(Clone, Copy, Debug)]
pub struct SinkRecord<'a> {
    /// Its topic.
    pub topic: Topic,
    /// Partition of the topic.
    pub partition: i32,
    /// Offset in the partition. Within a batch, offsets of one partition grow.
    pub offset: i64,
    /// Key, as on the wire.
    pub key: Option<&'a [u8]>,
    /// Value, as on the wire; none is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// A record that this store can never hold. The caller keeps it as a dead letter before it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its place in the batch.
    pub index: usize,
    /// Why, for programs.
    pub code: &'static str,
    /// Why, for people.
    pub sentence: String,
}

/// What became of a batch. `stored + superseded + skipped + rejected.len()` is the number of its records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows sent to the store, over all tables; a record may be rows of two tables.
    pub rows: u64,
    /// Records that are in the store now, or whose newer version already was.
    pub stored: u64,
    /// Records that a later one of the same batch replaces.
    pub superseded: u64,
    /// Records that were stored before, and tombstones of what the store keeps as history.
    pub skipped: u64,
    /// Records that cannot be stored.
    pub rejected: Vec<Rejected>,
}
