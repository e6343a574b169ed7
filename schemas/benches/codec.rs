//! Records per second through the codec on one core: what a hot-path record costs to decode and to encode.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use schemas::record::{CampaignDay, CampaignScore, Event, RawEvent};
use schemas::{Schemas, Topic, TopicValue, examples};

fn main() {
    divan::main();
}

fn encoded<'a, T: TopicValue<'a>>(topic: Topic, value: &T) -> &'static [u8] {
    let mut bytes = Vec::new();
    Schemas::compiled().encoder(topic).encode(value, &mut bytes).expect("examples encode");
    bytes.leak()
}

fn decode<T: TopicValue<'static>>(bencher: Bencher, topic: Topic) {
    let bytes = encoded(topic, &examples::of::<T>(topic).remove(0));
    let mut decoder = Schemas::compiled().decoder();
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench_local(|| decoder.decode::<T>(black_box(Some(bytes))).is_ok());
}

fn encode<T: TopicValue<'static>>(bencher: Bencher, topic: Topic) {
    let value = examples::of::<T>(topic).remove(0);
    let mut encoder = Schemas::compiled().encoder(topic);
    let mut out = Vec::with_capacity(4_096);
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        out.clear();
        encoder.encode(black_box(&value), &mut out).is_ok()
    });
}

macro_rules! records {
    ($($name:ident, $record:ty, $topic:ident;)*) => {$(
        mod $name {
            use super::*;
            #[divan::bench]
            fn decode(bencher: Bencher) {
                super::decode::<$record>(bencher, Topic::$topic);
            }
            #[divan::bench]
            fn encode(bencher: Bencher) {
                super::encode::<$record>(bencher, Topic::$topic);
            }
        }
    )*};
}

records! {
    raw_event, RawEvent<'static>, RawFacebook;
    event, Event<'static>, Events;
    campaign_day, CampaignDay<'static>, CampaignDays;
    campaign_score, CampaignScore<'static>, Scores;
}
