//! Events are read by hand as the decoder of any schema reads them, damaged ones included.

#![allow(clippy::unwrap_used, reason = "a test program fails by panicking")]

use proptest::prelude::*;
use schemas::record::{
    BatchRow, Contribution, Doubt, Event, EventBody, Figures, LeadChanged, MetricsObserved, Origin,
    QualityFlag, Source,
};
use schemas::{Day, Micros, Schemas, TimestampMs, Topic, examples};

const HEADER_BYTES: usize = 5;

fn encoded(event: &Event<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    Schemas::compiled().encoder(Topic::Events).encode(event, &mut bytes).unwrap();
    bytes
}

/// Both readings in words, because damage can make a number that is none, which equals nothing.
fn both(bytes: &[u8]) -> [String; 2] {
    let (mut by_hand, mut by_schema) = (Schemas::compiled().decoder(), Schemas::compiled().decoder());
    [
        format!("{:?}", by_hand.decode_event(Some(bytes))),
        format!("{:?}", by_schema.decode::<Event<'_>>(Some(bytes))),
    ]
}

#[test]
fn every_kind_of_event_is_read_by_hand_as_by_its_schema_whole_cut_off_or_damaged() {
    let schemas = Schemas::compiled();
    let mut kinds = std::collections::BTreeSet::new();
    for event in examples::of::<Event<'_>>(Topic::Events) {
        let bytes = encoded(&event);
        assert_eq!(schemas.decoder().decode_event(Some(&bytes)).unwrap(), event);
        kinds.insert(format!("{:?}", event.body).split('(').next().unwrap().to_owned());
        for at in HEADER_BYTES..=bytes.len() {
            let [by_hand, by_schema] = both(&bytes[..at]);
            assert_eq!(by_hand, by_schema, "cut off at {at}");
            for byte in [0, 1, 2, 3, 4, 0x0a, 0x7f, 0x80, 0x81, 0xfe, 0xff] {
                let mut damaged = bytes.clone();
                if at < bytes.len() {
                    damaged[at] = byte;
                } else {
                    damaged.push(byte);
                }
                let [by_hand, by_schema] = both(&damaged);
                assert_eq!(by_hand, by_schema, "{byte} at {at}");
            }
        }
    }
    assert_eq!(kinds.len(), 7, "an example of every kind: {kinds:?}");
}

#[test]
fn a_number_that_is_longer_than_it_need_be_is_judged_by_the_schemas_decoder() {
    let tick = examples::of::<Event<'_>>(Topic::Events)
        .into_iter()
        .find(|event| matches!(event.body, EventBody::Tick(_)));
    let mut bytes = encoded(&tick.unwrap());
    let last = bytes.pop().unwrap();
    for longer in [vec![last | 0x80, 0], vec![last | 0x80, 0x80, 0], [vec![0xff; 9], vec![1]].concat()] {
        let [by_hand, by_schema] = both(&[&bytes[..], &longer].concat());
        assert_eq!(by_hand, by_schema);
    }
}

proptest! {
    #[test]
    fn facts_of_any_figures_are_read_as_they_were_written(
        figures in proptest::array::uniform8(proptest::option::of(any::<i64>())),
        moment: i64,
        numbers: [i32; 4],
        texts in proptest::array::uniform3("\\PC{0,90}"),
        flags in proptest::collection::vec(any::<bool>(), 0..2),
        doubts in proptest::collection::vec(0..Doubt::ALL.len(), 0..11),
        won: bool,
    ) {
        let [spend, impressions, reach, clicks, link_clicks, leads, purchases, value] = figures;
        let figures = Figures {
            spend_micros: spend.map(Micros),
            impressions,
            reach,
            clicks,
            link_clicks,
            leads,
            purchases,
            purchase_value_micros: value.map(Micros),
        };
        let (batch_id, topic, currency) = (&texts[0], &texts[1], Some(texts[2].as_str()));
        let batch = BatchRow { batch_id, row_index: numbers[0], row_count: numbers[1] };
        let day = Day(numbers[2]);
        let metrics = MetricsObserved { source: Source::Csv, day, batch, currency, figures };
        let lead = Contribution { created_day: day, qualified: !won, won, revenue_micros: Micros(moment) };
        let lead = LeadChanged { lead_key: topic, before: None, after: Some(lead) };
        for body in [EventBody::MetricsObserved(metrics), EventBody::LeadChanged(lead)] {
            let event = Event {
                observed_at: TimestampMs(moment),
                origin: Origin { topic, partition: numbers[3], offset: moment.wrapping_mul(3) },
                flags: flags.iter().map(|it| if *it { QualityFlag::Outlier } else { QualityFlag::Incomplete }).collect(),
                doubts: doubts.iter().map(|at| Doubt::ALL[*at]).collect(),
                body,
            };
            let bytes = encoded(&event);
            prop_assert_eq!(&Schemas::compiled().decoder().decode_event(Some(&bytes)).unwrap(), &event);
            let [by_hand, by_schema] = both(&bytes);
            prop_assert_eq!(by_hand, by_schema);
        }
    }
}
