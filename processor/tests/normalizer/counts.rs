//! Outcomes and quality counts: each record has one outcome, and the counts of an account add up to its records.

use std::collections::BTreeMap;

use processor::{Normalizer, Outcome};
use proptest::prelude::*;
use schemas::TimestampMs;
use schemas::record::{Event, EventBody, QualityCounted, RawEvent, RawKind, Source};

use crate::written::{HOUR, NOW, Written, at, normalizer, raw};

type Flushed = Vec<(String, i64, i64, QualityCounted)>;

/// Account key, observed_at, offset of the origin, and the counts of each event.
fn flush(normalizer: &mut Normalizer) -> Flushed {
    let mut flushed = Flushed::new();
    normalizer
        .flush(|key, event: &Event<'_>| {
            let EventBody::QualityCounted(counted) = event.body else { panic!("{event:?}") };
            flushed.push((key.to_owned(), event.observed_at.0, event.origin.offset, counted));
            Ok::<_, ()>(())
        })
        .unwrap();
    flushed
}

const SOUND: &[u8] = br#"{"campaign_id":1,"date_start":"2026-10-01","spend":1,"impressions":2}"#;
const INCOMPLETE: &[u8] = br#"{"campaign_id":1,"date_start":"2026-10-01","impressions":2}"#;
const OUTLIER: &[u8] = br#"{"campaign_id":1,"date_start":"2026-10-01","spend":-1,"impressions":2}"#;

fn record(payload: &'static [u8], account_id: &'static str, minutes: i64) -> RawEvent<'static> {
    let observed_at = TimestampMs(NOW.0 + minutes * 60_000);
    RawEvent { account_id, observed_at, ..raw(Source::Facebook, RawKind::Metrics, payload) }
}

#[test]
fn an_account_is_told_by_the_hour_how_its_records_fared() {
    let (mut normalizer, mut written) = (normalizer(), Written::default());
    let records = [
        record(SOUND, "2", 61),
        record(SOUND, "1", 59),
        record(INCOMPLETE, "1", 5),
        record(OUTLIER, "1", 60),
        record(b"{", "1", 0),
        record(SOUND, "", 0),
    ];
    for (offset, record) in (10..).zip(&records) {
        normalizer.apply(record, &at(offset), &mut written).unwrap();
    }
    let tick = RawEvent { platform: "", account_id: "", ..raw(Source::Clock, RawKind::Tick, b"") };
    normalizer.apply(&tick, &at(16), &mut written).unwrap();
    let counted = |hour: i64, [records, incomplete, outlier, rejected]: [i32; 4]| {
        let hour_start = TimestampMs(NOW.0 + hour * HOUR);
        QualityCounted { hour_start, records, incomplete, outlier, rejected }
    };
    assert_eq!(
        flush(&mut normalizer),
        [
            ("facebook:1".to_owned(), NOW.0 + 59 * 60_000, 14, counted(0, [3, 1, 0, 1])),
            ("facebook:1".to_owned(), NOW.0 + HOUR, 13, counted(1, [1, 0, 1, 0])),
            ("facebook:2".to_owned(), NOW.0 + 61 * 60_000, 10, counted(1, [1, 0, 0, 0])),
        ]
    );
    assert_eq!(flush(&mut normalizer), [], "what was written is not written again");
}

#[test]
fn counts_end_with_their_transaction() {
    let (mut normalizer, mut written) = (normalizer(), Written::default());
    for end in [Normalizer::commit, Normalizer::abort] {
        normalizer.apply(&record(SOUND, "1", 0), &at(0), &mut written).unwrap();
        end(&mut normalizer);
        assert_eq!(flush(&mut normalizer), []);
    }
}

#[test]
fn moments_at_the_ends_of_time_are_counted() {
    let (mut normalizer, mut written) = (normalizer(), Written::default());
    for moment in [i64::MIN, -1, 0, i64::MAX] {
        let record = RawEvent { observed_at: TimestampMs(moment), ..record(b"{", "1", 0) };
        normalizer.apply(&record, &at(0), &mut written).unwrap();
    }
    let flushed = flush(&mut normalizer);
    assert_eq!(flushed.iter().map(|(.., counted)| counted.records).sum::<i32>(), 4);
    assert!(flushed.iter().all(|(_, observed_at, _, counted)| counted.hour_start.0 <= *observed_at));
    assert!(flushed.iter().any(|(.., counted)| counted.hour_start.0 == -HOUR));
}

fn any_record() -> impl Strategy<Value = RawEvent<'static>> {
    use proptest::sample::select;
    let lead: &[u8] = br#"{"id":"5","campaign_id":"1","created_time":"2026-09-30T20:00:00-0700"}"#;
    let waiting: &[u8] = br#"{"id":"6","created_time":"2026-09-30T20:00:00-0700"}"#;
    let payloads =
        vec![SOUND, INCOMPLETE, OUTLIER, lead, waiting, br#"{"id":"1"}"#, b"{", b"", b"\xff", b"7"];
    use RawKind::{Account, Campaign, Fatigue, Lead, Metrics, Tick};
    (
        select(vec![
            Source::Facebook,
            Source::Facebook,
            Source::Facebook,
            Source::Crm,
            Source::Csv,
            Source::Clock,
        ]),
        select(vec![Metrics, Campaign, Lead, Fatigue, Account, Tick]),
        select(payloads),
        select(vec!["1", "2", "", "a:b"]),
        0..200_i64,
    )
        .prop_map(|(source, kind, payload, account_id, minutes)| RawEvent {
            source,
            kind,
            ..record(payload, account_id, minutes)
        })
}

proptest! {
    #[test]
    fn the_outcomes_of_a_batch_sum_to_its_records_and_the_counts_of_accounts_to_theirs(
        records in proptest::collection::vec(any_record(), 0..60)
    ) {
        let (mut normalizer, mut written) = (normalizer(), Written::default());
        let mut outcomes = BTreeMap::<Outcome, usize>::new();
        for record in &records {
            let rejections = written.rejections.len();
            let events = written.events.len();
            let outcome = normalizer.apply(record, &at(0), &mut written).unwrap();
            *outcomes.entry(outcome).or_default() += 1;
            prop_assert_eq!(written.rejections.len() - rejections, usize::from(outcome == Outcome::Rejected));
            prop_assert!(outcome != Outcome::Rejected || written.events.len() == events);
        }
        prop_assert_eq!(Outcome::ALL.iter().filter_map(|outcome| outcomes.get(outcome)).sum::<usize>(), records.len());
        let flushed = flush(&mut normalizer);
        let of_accounts = records.iter().filter(|r| r.kind != RawKind::Tick && !r.account_id.is_empty()).count();
        let sum = |part: fn(&QualityCounted) -> i32| flushed.iter().map(|(.., counted)| part(counted)).sum::<i32>();
        prop_assert_eq!(usize::try_from(sum(|counted| counted.records)).unwrap(), of_accounts);
        let of = |outcome| i32::try_from(outcomes.get(&outcome).copied().unwrap_or_default()).unwrap();
        prop_assert_eq!(sum(|counted| counted.incomplete), of(Outcome::Incomplete));
        prop_assert_eq!(sum(|counted| counted.outlier), of(Outcome::Outlier));
        prop_assert!(sum(|counted| counted.rejected) <= of(Outcome::Rejected));
        let keys: Vec<_> = flushed.iter().map(|(key, .., counted)| (key.clone(), counted.hour_start)).collect();
        prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "in order of key and hour: {:?}", keys);
    }
}
