//! What is written and read in the order of the types is what the codec of any schema writes and reads by name,
//! damaged bytes included.

use std::collections::HashMap;
use std::fmt::Debug;

use proptest::prelude::*;
use serde_json::Value as Json;

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

/// Calls a check for the values of every topic.
macro_rules! of_every_topic {
    ($check:ident) => {
        $check::<RawEvent<'static>>(Topic::RawFacebook);
        $check::<Event<'static>>(Topic::Events);
        $check::<Lead<'static>>(Topic::Leads);
        $check::<Account<'static>>(Topic::Accounts);
        $check::<Campaign<'static>>(Topic::Campaigns);
        $check::<CampaignDay<'static>>(Topic::CampaignDays);
        $check::<CampaignScore<'static>>(Topic::Scores);
        $check::<Watermark<'static>>(Topic::Watermarks);
        $check::<Recommendation<'static>>(Topic::Recommendations);
        $check::<Alert<'static>>(Topic::Alerts);
        $check::<DeadLetter<'static>>(Topic::DeadLetters);
    };
}

#[test]
fn every_record_is_written_and_read_in_order_as_by_name_whole_cut_off_or_damaged() {
    of_every_topic!(check);
}

#[test]
fn whatever_a_schema_can_say_is_written_and_read_in_order_as_by_name() {
    of_every_topic!(check_any);
}

#[test]
fn there_is_an_example_of_every_kind_of_event() {
    let kind = |event: Event<'_>| format!("{:?}", event.body).split('(').next().unwrap().to_owned();
    let kinds: std::collections::BTreeSet<_> =
        examples::of::<Event<'_>>(Topic::Events).into_iter().map(kind).collect();
    assert_eq!(kinds.len(), 7, "{kinds:?}");
}

/// Numbers that look like any.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0.rotate_left(29) ^ (self.0 >> 17)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    /// Of any length, the short ones as often as the long ones.
    fn long(&mut self) -> i64 {
        self.next().cast_signed() >> self.below(64)
    }

    fn text(&mut self) -> String {
        let letters = ['a', 'Z', '7', ':', ' ', 'ü', '€', '🚀'];
        let (len, kinds) = (self.below(40), if self.below(4) == 0 { letters.len() } else { 5 });
        (0..len).map(|_| letters[self.below(kinds)]).collect()
    }
}

/// A datum of a schema that says something else in every field, with any branch of its unions and any symbol of its enums.
/// Knows the schema alone, none of the types.
fn any_datum<'s>(
    schema: &'s Json,
    named: &mut HashMap<&'s str, &'s Json>,
    dice: &mut Dice,
    out: &mut Vec<u8>,
) {
    use super::write;
    let list = |name: &str| schema[name].as_array().unwrap();
    if let Some(branches) = schema.as_array() {
        let at = dice.below(branches.len());
        write::long(out, at.try_into().unwrap());
        // Those that come later may speak of a type that is described in a branch before.
        branches.iter().for_each(|branch| any_datum(branch, named, &mut Dice(0), &mut Vec::new()));
        return any_datum(&branches[at], named, dice, out);
    }
    if let Some(name) = schema["name"].as_str() {
        named.insert(name, schema);
    }
    match schema["type"].as_str().or(schema.as_str()).unwrap() {
        "record" => list("fields").iter().for_each(|field| any_datum(&field["type"], named, dice, out)),
        "enum" => write::long(out, dice.below(list("symbols").len()).try_into().unwrap()),
        "array" => {
            any_datum(&schema["items"], named, &mut Dice(0), &mut Vec::new());
            let count = dice.below(4);
            if count > 0 {
                write::len(out, count);
            }
            (0..count).for_each(|_| any_datum(&schema["items"], named, dice, out));
            out.push(0);
        }
        "null" => {}
        "boolean" => out.push((dice.next() & 1).try_into().unwrap()),
        "int" => write::long(out, (dice.next().cast_signed() >> 32) >> dice.below(32)),
        "long" => write::long(out, dice.long()),
        "double" => out.extend_from_slice(&(dice.long() as f64 / 8.0).to_le_bytes()),
        "string" | "bytes" => write::bytes(out, dice.text().as_bytes()),
        name => any_datum(named[name.rsplit('.').next().unwrap()], named, dice, out),
    }
}

/// A list of fields that two of have changed places, or a symbol or a branch of the wrong number, shows here.
fn check_any<T: TopicValue<'static> + Debug>(topic: Topic) {
    let schema: Json = serde_json::from_str(topic.avsc()).unwrap();
    for seed in 0..400 {
        let (mut dice, mut datum) = (Dice(seed), Vec::new());
        any_datum(&schema, &mut HashMap::new(), &mut dice, &mut datum);
        let datum: &'static [u8] = datum.leak();
        assert!(
            check_read::<T>(topic, datum, &format!("datum {seed}")),
            "{topic:?} {seed} is not read in order"
        );
        let value = super::read::<T>(datum, topic.record(), LIST_ITEMS_MAX).unwrap();
        assert_eq!(written(topic, &value), datum, "{topic:?} {seed}");
        assert_eq!(by_name::encode(topic, &value), datum, "{topic:?} {seed}");
    }
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
fn a_number_that_may_be_absent_is_read_as_any_other_whatever_follows_it() {
    use super::{Datum, write};

    let numbers =
        [0, 1, -1, 63, 64, -64, -65, 8_191, 8_192, i64::MAX >> 8, i64::MAX >> 7, i64::MAX, i64::MIN];
    for (number, after) in numbers.into_iter().flat_map(|number| (0..10).map(move |after| (number, after))) {
        let mut datum = vec![2];
        write::long(&mut datum, number);
        let len = datum.len();
        datum.resize(len + after, 0xff);
        let mut from = Datum::new(&datum, LIST_ITEMS_MAX);
        assert_eq!((from.optional_long(), from.at()), (Some(number), len), "{number} and {after} bytes");
        // One that is longer than it need be, one cut off, another branch.
        datum[len - 1] |= 0x80;
        datum.truncate(len);
        for damaged in [[&datum[..], &[0]].concat(), datum.clone(), vec![4, 0], vec![1, 0], vec![]] {
            let mut from = Datum::new(&damaged, LIST_ITEMS_MAX);
            from.optional_long();
            assert!(from.has_failed(), "{damaged:?}");
        }
    }
    let mut absent = Datum::new(&[0, 2], LIST_ITEMS_MAX);
    assert_eq!((absent.optional_long(), absent.at()), (None, 1));
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
    fn a_number_is_read_as_it_was_written_whatever_follows_and_never_when_cut_off(
        number: i64, shift in 0..64_u32, rest in proptest::collection::vec(any::<u8>(), 0..10),
    ) {
        let number = number >> shift;
        let mut datum = Vec::new();
        super::write::long(&mut datum, number);
        let len = datum.len();
        datum.extend_from_slice(&rest);
        let mut from = super::Datum::new(&datum, 0);
        prop_assert_eq!(from.long(), number);
        let left: Vec<u8> = rest.iter().map(|_| from.byte()).collect();
        prop_assert_eq!(left, rest);
        prop_assert!(!from.has_failed());
        prop_assert_eq!(from.byte(), 0);
        prop_assert!(from.has_failed());
        let mut cut_off = super::Datum::new(&datum[..len - 1], 0);
        cut_off.long();
        prop_assert!(cut_off.has_failed());
    }

    #[test]
    fn no_bytes_are_read_in_order_otherwise_than_by_name(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        check_read::<Event<'_>>(Topic::Events, &bytes, "any bytes");
        check_read::<CampaignDay<'_>>(Topic::CampaignDays, &bytes, "any bytes");
        check_read::<RawEvent<'_>>(Topic::RawFacebook, &bytes, "any bytes");
    }
}
