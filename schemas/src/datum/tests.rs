//! What is written and read in the order of the types is what the codec of any schema writes and reads by name,
//! damaged bytes included.

use std::fmt::Debug;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as AvroValue;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::codec::by_name;
use crate::record::{
    Account, Alert, BatchRow, Campaign, CampaignDay, CampaignScore, Contribution, DeadLetter, Doubt, Event,
    EventBody, Figures, Lead, LeadChanged, MetricsObserved, Origin, QualityFlag, RawEvent, Recommendation,
    Source, Watermark,
};
use crate::{Day, Micros, Schemas, TimestampMs, Topic, TopicValue, examples};

const LIST_ITEMS_MAX: usize = 100_000;

fn written<'a, T: TopicValue<'a>>(topic: Topic, value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(super::write(value, topic.record(), &mut out));
    out
}

/// What is read in order is what is read by name, whatever the bytes are. In words, because damage can make a number
/// that is none, which equals nothing.
fn check_read<'a, T: TopicValue<'a> + Debug>(topic: Topic, datum: &'a [u8], case: &str) -> bool {
    let Some(value) = super::read::<T>(datum, topic.record(), LIST_ITEMS_MAX) else { return false };
    let by_name = by_name::decode::<T>(topic, datum).map_err(|error| error.to_string());
    assert_eq!(Ok(format!("{value:?}")), by_name.map(|value| format!("{value:?}")), "{topic:?} {case}");
    true
}

/// Every example, whole, cut off anywhere, and damaged anywhere.
fn check<T: TopicValue<'static> + PartialEq + Debug>(topic: Topic) {
    for example in examples::of::<T>(topic) {
        let datum = written(topic, &example);
        assert_eq!(datum, by_name::encode(topic, &example), "{topic:?}");
        check_order(topic, &example, &datum);
        // Records borrow for as long as their examples live.
        let datum: &'static [u8] = datum.leak();
        assert_eq!(super::read::<T>(datum, topic.record(), LIST_ITEMS_MAX).unwrap(), example);
        for at in 0..datum.len() {
            assert!(!check_read::<T>(topic, &datum[..at], "cut off") || at == 0, "{topic:?} cut off at {at}");
            for byte in [0, 1, 2, 3, 4, 0x0a, 0x7f, 0x80, 0x81, 0xfe, 0xff] {
                let mut damaged = datum.to_vec();
                damaged[at] = byte;
                check_read::<T>(topic, damaged.leak(), &format!("{byte} at {at}"));
            }
        }
        assert!(!check_read::<T>(topic, [datum, &[0]].concat().leak(), "a byte too many"));
    }
}

#[test]
fn every_record_is_written_and_read_in_order_as_by_name_whole_cut_off_or_damaged() {
    check::<RawEvent<'static>>(Topic::RawFacebook);
    check::<Event<'static>>(Topic::Events);
    check::<Lead<'static>>(Topic::Leads);
    check::<Account<'static>>(Topic::Accounts);
    check::<Campaign<'static>>(Topic::Campaigns);
    check::<CampaignDay<'static>>(Topic::CampaignDays);
    check::<CampaignScore<'static>>(Topic::Scores);
    check::<Watermark<'static>>(Topic::Watermarks);
    check::<Recommendation<'static>>(Topic::Recommendations);
    check::<Alert<'static>>(Topic::Alerts);
    check::<DeadLetter<'static>>(Topic::DeadLetters);
}

#[test]
fn there_is_an_example_of_every_kind_of_event() {
    let kind = |event: Event<'_>| format!("{:?}", event.body).split('(').next().unwrap().to_owned();
    let kinds: std::collections::BTreeSet<_> =
        examples::of::<Event<'_>>(Topic::Events).into_iter().map(kind).collect();
    assert_eq!(kinds.len(), 7, "{kinds:?}");
}

/// Names of all fields within a value, in the order in which its type has them.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> serde::de::Visitor<'de> for Walk {
            type Value = Names;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, Names(within))) = map.next_entry::<String, Names>()? {
                    names.push(name);
                    names.extend(within);
                }
                Ok(Names(names))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(Names(within)) = seq.next_element()? {
                    names.extend(within);
                }
                Ok(Names(names))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Names, E> {
                Ok(Names(Vec::new()))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Names, E> {
                Ok(Names(Vec::new()))
            }
            fn visit_u64<E>(self, _: u64) -> Result<Names, E> {
                Ok(Names(Vec::new()))
            }
            fn visit_f64<E>(self, _: f64) -> Result<Names, E> {
                Ok(Names(Vec::new()))
            }
            fn visit_str<E>(self, _: &str) -> Result<Names, E> {
                Ok(Names(Vec::new()))
            }
            fn visit_unit<E>(self) -> Result<Names, E> {
                Ok(Names(Vec::new()))
            }
        }
        from.deserialize_any(Walk)
    }
}

/// The same in the order of the schema.
fn order_of_schema(value: &AvroValue, names: &mut Vec<String>) {
    match value {
        AvroValue::Record(fields) => {
            for (name, field) in fields {
                names.push(name.clone());
                order_of_schema(field, names);
            }
        }
        AvroValue::Union(_, inner) => order_of_schema(inner, names),
        AvroValue::Array(items) => items.iter().for_each(|item| order_of_schema(item, names)),
        _ => {}
    }
}

/// Bytes alone would not tell of two fields that have changed places and are equal in every example.
fn check_order<T: Serialize>(topic: Topic, example: &T, mut datum: &[u8]) {
    let Names(mut of_type) = serde_json::from_str(&serde_json::to_string(example).unwrap()).unwrap();
    // In JSON a record of a union is tagged with its full name.
    of_type.retain(|name| !name.contains('.'));
    let schema = apache_avro::Schema::parse_str(topic.avsc()).unwrap();
    let value = GenericDatumReader::builder(&schema).build().unwrap().read_value(&mut datum).unwrap();
    let mut of_schema = Vec::new();
    order_of_schema(&value, &mut of_schema);
    assert_eq!(of_type, of_schema, "{topic:?}");
}

#[test]
fn bytes_of_one_record_are_never_read_as_another() {
    let mark = examples::of::<Watermark<'_>>(Topic::Watermarks).remove(0);
    let datum = written(Topic::Watermarks, &mark);
    assert!(super::read::<Watermark<'_>>(&datum, Topic::Scores.record(), LIST_ITEMS_MAX).is_none());
    assert!(!super::write(&mark, Topic::Scores.record(), &mut Vec::new()));
    let mut framed = Vec::new();
    Schemas::compiled().encoder(Topic::Watermarks).encode(&mark, &mut framed).unwrap();
    assert!(Schemas::compiled().decoder().decode::<Event<'_>>(Some(&framed)).is_err());
}

#[test]
fn a_number_that_is_longer_than_it_need_be_is_left_to_the_codec_of_any_schema() {
    let tick = examples::of::<Event<'_>>(Topic::Events)
        .into_iter()
        .find(|event| matches!(event.body, EventBody::Tick(_)));
    let mut datum = written(Topic::Events, &tick.unwrap());
    let last = datum.pop().unwrap();
    for longer in [vec![last | 0x80, 0], vec![last | 0x80, 0x80, 0], [vec![0xff; 9], vec![1]].concat()] {
        let datum = [&datum[..], &longer].concat();
        assert!(super::read::<Event<'_>>(&datum, Topic::Events.record(), LIST_ITEMS_MAX).is_none());
    }
}

#[test]
fn a_list_longer_than_allowed_is_not_read() {
    let event = examples::of::<Event<'_>>(Topic::Events).into_iter().find(|event| !event.doubts.is_empty());
    let datum = written(Topic::Events, &event.unwrap());
    assert!(super::read::<Event<'_>>(&datum, Topic::Events.record(), LIST_ITEMS_MAX).is_some());
    assert!(super::read::<Event<'_>>(&datum, Topic::Events.record(), 0).is_none());
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
            let datum = written(Topic::Events, &event);
            prop_assert_eq!(&datum, &by_name::encode(Topic::Events, &event));
            let read = super::read::<Event<'_>>(&datum, Topic::Events.record(), LIST_ITEMS_MAX);
            prop_assert_eq!(&read.unwrap(), &event);
        }
    }

    #[test]
    fn no_bytes_are_read_in_order_otherwise_than_by_name(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        check_read::<Event<'_>>(Topic::Events, &bytes, "any bytes");
        check_read::<CampaignDay<'_>>(Topic::CampaignDays, &bytes, "any bytes");
        check_read::<RawEvent<'_>>(Topic::RawFacebook, &bytes, "any bytes");
    }
}
