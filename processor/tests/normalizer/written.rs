//! What a normalizer writes, kept for tests to look at, and raw records to give it.

use std::convert::Infallible;
use std::sync::Arc;

use processor::{NormalizeOutput, Normalizer, Outcome, Policy, Rejection};
use schemas::TimestampMs;
use schemas::record::{
    BatchRow, Contribution, Doubt, Event, EventBody, Lead, Origin, QualityFlag, RawEvent, RawKind, Source,
};

pub(crate) const NOW: TimestampMs = TimestampMs(1_790_920_800_000); // 2026-10-02T06:00:00Z
pub(crate) const HOUR: i64 = 3_600_000;

#[derive(Default)]
pub(crate) struct Written {
    /// Campaign key and the event's body in words.
    pub(crate) events: Vec<(Option<String>, String)>,
    pub(crate) doubts: Vec<Vec<Doubt>>,
    pub(crate) changes: Vec<(String, Option<Contribution>, Option<Contribution>)>,
    pub(crate) leads: Vec<(String, String)>,
    pub(crate) rejections: Vec<Rejection>,
}

impl NormalizeOutput for Written {
    type Error = Infallible;
    fn event(&mut self, key: Option<&str>, event: &Event<'_>) -> Result<(), Infallible> {
        if let EventBody::LeadChanged(change) = event.body {
            self.changes.push((key.unwrap().to_owned(), change.before, change.after));
        }
        // Whatever the fact, its flags are those of its doubts.
        let follows = |flag| event.doubts.iter().any(|doubt| doubt.flag() == flag);
        let flags = [QualityFlag::Incomplete, QualityFlag::Outlier].into_iter().filter(|flag| follows(*flag));
        assert_eq!(event.flags, flags.collect::<Vec<_>>(), "{event:?}");
        assert!(event.doubts.windows(2).all(|pair| pair[0] < pair[1]), "{event:?}");
        self.doubts.push(event.doubts.clone());
        self.events.push((key.map(str::to_owned), format!("{:?} {:?}", event.flags, event.body)));
        Ok(())
    }
    fn lead(&mut self, key: &str, lead: &Lead<'_>) -> Result<(), Infallible> {
        let known =
            Lead { observed_at: TimestampMs(0), origin: Origin { offset: 0, ..lead.origin }, ..*lead };
        self.leads.push((key.to_owned(), format!("{known:?}")));
        Ok(())
    }
    fn reject(&mut self, rejection: &Rejection) -> Result<(), Infallible> {
        let chars = rejection.sentence.chars().count();
        assert!((1..=600).contains(&chars), "{chars} characters: {rejection:?}");
        assert!(!rejection.sentence.contains(char::is_control), "{rejection:?}");
        self.rejections.push(rejection.clone());
        Ok(())
    }
}

pub(crate) fn raw(source: Source, kind: RawKind, payload: &[u8]) -> RawEvent<'_> {
    RawEvent {
        source,
        kind,
        platform: "facebook",
        account_id: "1",
        time_zone: Some("America/Los_Angeles"),
        currency: Some("USD"),
        message_id: "m",
        batch: Some(BatchRow { batch_id: "poll", row_index: 0, row_count: 1 }),
        observed_at: NOW,
        payload,
        reading: None,
    }
}

pub(crate) fn at(offset: i64) -> Origin<'static> {
    Origin { topic: "raw.facebook", partition: 0, offset }
}

pub(crate) fn normalizer() -> Normalizer {
    Normalizer::new(Arc::new(Policy::default()))
}

pub(crate) fn run(raw: &RawEvent<'_>) -> (Outcome, Written) {
    let mut written = Written::default();
    let outcome = normalizer().apply(raw, &at(0), &mut written).unwrap();
    assert_eq!(outcome == Outcome::Rejected, written.rejections.len() == 1);
    assert!(outcome != Outcome::Rejected || written.events.is_empty());
    (outcome, written)
}
