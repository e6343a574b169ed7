//! Values of `watermarks`.

use serde::{Deserialize, Serialize};

use super::Origin;
use crate::TimestampMs;

/// How far the log time of a partition has come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watermark<'a> {
    /// Largest observed_at seen in the partition.
    pub log_time: TimestampMs,
    /// The record that carried it.
    #[serde(borrow)]
    pub origin: Origin<'a>,
}
