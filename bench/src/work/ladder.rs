//! The work of `score` on a topic, up to a step: what each of them adds to reading alone.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;

use kafka::ConsumedRecord;
use processor::{Policy, ScoreOutput, Scorer};
use schemas::record::{
    Account, Alert, Campaign, CampaignDay, CampaignScore, Event, Origin, Recommendation, Watermark,
};
use schemas::{CodecError, Decoder, Encoder, Schemas, Topic};

/// Records of a transaction: what comes within a tenth of a second at a million a second.
const TRANSACTION: usize = 100_000;

/// How far records are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Until they are events.
    Decoded,
    /// Until the state knows them, transaction by transaction.
    Applied,
    /// Until days and scores are encoded, which then go nowhere.
    Scored,
}

/// Takes records up to a step.
pub struct Ladder {
    until: Until,
    decoder: Decoder,
    policy: Arc<Policy>,
    partitions: BTreeMap<i32, Scorer>,
    encoded: Encoded,
    open: usize,
}

impl Ladder {
    /// No records so far.
    pub fn new(until: Until) -> Self {
        let schemas = Schemas::compiled();
        Self {
            until,
            decoder: schemas.decoder(),
            policy: Arc::default(),
            partitions: BTreeMap::new(),
            encoded: Encoded::new(&schemas),
            open: 0,
        }
    }

    /// Takes the next record.
    pub fn take(&mut self, record: &ConsumedRecord<'_>) {
        let Self { until, decoder, policy, partitions, .. } = self;
        decoder.show(record.value, |event: Result<&mut Event<'_>, CodecError>| {
            let Ok(event) = event else { return };
            if *until == Until::Decoded {
                black_box(event);
                return;
            }
            let state = partitions
                .entry(record.partition)
                .or_insert_with(|| Scorer::new(Arc::clone(policy), record.partition));
            let at = Origin { topic: record.topic, partition: record.partition, offset: record.offset };
            let key = record.key.and_then(|key| schemas::text(key).ok());
            black_box(state.apply(key, event, &at));
        });
        self.open += 1;
        if self.open == TRANSACTION {
            self.commit();
        }
    }

    fn commit(&mut self) {
        self.open = 0;
        for state in self.partitions.values_mut() {
            if self.until == Until::Scored {
                let Ok(()) = state.flush(&mut self.encoded);
            }
            state.commit();
        }
    }
}

macro_rules! encoded {
    ($($method:ident: $record:ident => $topic:ident;)*) => {
        /// Encodes everything and keeps nothing.
        struct Encoded {
            $($method: Encoder,)*
            buffer: Vec<u8>,
        }

        impl Encoded {
            fn new(schemas: &Schemas) -> Self {
                Self { $($method: schemas.encoder(Topic::$topic),)* buffer: Vec::new() }
            }
        }

        impl ScoreOutput for Encoded {
            type Error = Infallible;

            $(fn $method(&mut self, key: &str, record: &$record<'_>) -> Result<(), Infallible> {
                self.buffer.clear();
                black_box((key, self.$method.encode(record, &mut self.buffer).is_ok(), &self.buffer));
                Ok(())
            })*

            fn day_forgotten(&mut self, key: &str) -> Result<(), Infallible> {
                black_box(key);
                Ok(())
            }
        }
    };
}

encoded! {
    account: Account => Accounts;
    campaign: Campaign => Campaigns;
    day: CampaignDay => CampaignDays;
    score: CampaignScore => Scores;
    recommendation: Recommendation => Recommendations;
    alert: Alert => Alerts;
    watermark: Watermark => Watermarks;
}
