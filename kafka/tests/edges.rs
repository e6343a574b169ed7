//! What the producer of the edges promises, against a real broker that does not always answer.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kafka::{ConsumedRecord, KafkaSettings, Producer, ReadRange, Record, TopicReader};
use support::{Pipeline, block_on, pause_broker, settings};

#[test]
fn what_is_sent_again_because_the_answer_did_not_come_is_written_once_and_in_order() {
    // Shorter than the pauses, so that what was sent before a pause is sent again after it, while the broker writes both.
    let settings = KafkaSettings { request_timeout: Duration::from_millis(250), ..settings() };
    let pipeline = Pipeline::create(&support::settings(), "edges", 2);
    let producer = Producer::new(&settings, "edge").unwrap();
    let stop = AtomicBool::new(false);
    let mut sent = 0_u32;
    let mut pending = std::collections::VecDeque::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..8 {
                pause_broker(Duration::from_millis(600));
                std::thread::sleep(Duration::from_millis(400));
            }
            stop.store(true, Ordering::Release);
        });
        while !stop.load(Ordering::Acquire) {
            let value = sent.to_be_bytes();
            let record =
                Record::new(&pipeline.input, None, Some(&value)).to_partition(i32::from(sent % 2 == 1));
            pending.push_back(producer.enqueue(&record).unwrap());
            sent += 1;
            if pending.len() > 50 {
                block_on(pending.pop_front().unwrap()).unwrap();
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    });
    pending.into_iter().for_each(|delivery| {
        block_on(delivery).unwrap();
    });
    let mut found: [Vec<u32>; 2] = Default::default();
    let visit = |record: ConsumedRecord<'_>| {
        let number = u32::from_be_bytes(record.value.unwrap().try_into().unwrap());
        found[usize::try_from(record.partition).unwrap()].push(number);
        true
    };
    TopicReader::open(&support::settings(), "reader", &ReadRange::whole(&pipeline.input))
        .unwrap()
        .for_each(visit)
        .unwrap();
    let of = |first: u32| (first..sent).step_by(2).collect::<Vec<u32>>();
    assert_eq!(found, [of(0), of(1)]);
}
