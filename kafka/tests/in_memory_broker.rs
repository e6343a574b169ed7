//! At-least-once, rebalances and sinks on the in-memory broker.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

mod support;

use std::time::Duration;

use kafka::{
    CommittedOffset, ConsumedRecord, Isolation, KafkaError, KafkaSettings, MockBroker, ProcessingGuarantee,
    ProduceError, Producer, Record, SinkConfig, SinkConsumer, SinkEvent, StageConfig, StageEvent,
    TopicPartition, TopicSpec,
};
use support::{CopyStage, Pipeline, Running, block_on, expected_state};

fn broker(partitions: i32) -> (MockBroker, KafkaSettings, Pipeline) {
    let pipeline = Pipeline {
        input: "in".into(),
        output: "out".into(),
        changelog: "state".into(),
        tiny: "tiny".into(),
        group: "group".into(),
        partitions,
    };
    let topics = [&pipeline.input, &pipeline.output, &pipeline.changelog, &pipeline.tiny];
    let specs = topics.map(|name| TopicSpec::new(name, partitions, 1));
    let broker = MockBroker::start(&specs).unwrap();
    let settings = KafkaSettings::new(broker.brokers(), "mock-tests");
    (broker, settings, pipeline)
}

fn at_least_once(pipeline: &Pipeline, worker: &str) -> StageConfig {
    let mut config = pipeline.config(worker);
    config.guarantee = ProcessingGuarantee::AtLeastOnce;
    config.offsets_are_dense = true;
    config.leave_group_on_shutdown = true;
    // This broker may let one who leaves wait until the session of another one has ended, more than once.
    config.shutdown_deadline = Duration::from_secs(60);
    config
}

#[test]
fn at_least_once_copies_everything_and_restores_its_state() {
    let (_broker, settings, pipeline) = broker(3);
    pipeline.fill(&settings, 0, 6_000);
    let worker = Running::start(&settings, at_least_once(&pipeline, "w0"), CopyStage::new(&pipeline));
    pipeline.wait_for(&settings, 6_000);
    assert_eq!(worker.stop(), expected_state(3, 6_000));
    // Nothing failed, so nothing was repeated.
    pipeline.assert_exactly_once(&settings, 6_000);

    let worker = Running::start(&settings, at_least_once(&pipeline, "w0"), CopyStage::new(&pipeline));
    worker.recorder.wait(|event| matches!(event, StageEvent::Running { .. }));
    assert_eq!(*worker.seen.lock().unwrap(), expected_state(3, 6_000));
    worker.stop();
}

#[test]
fn a_second_worker_takes_half_of_the_partitions() {
    let (_broker, settings, pipeline) = broker(4);
    // Nobody comes back, and two who leave at once may wait for each other at this broker for more than a minute.
    let staying = |worker| StageConfig { leave_group_on_shutdown: false, ..at_least_once(&pipeline, worker) };
    pipeline.fill(&settings, 0, 2_000);
    let first = Running::start(&settings, staying("w0"), CopyStage::new(&pipeline));
    // This broker refuses commits during a rebalance, so nothing may be open when the second worker joins.
    first.wait_for_committed(2_000);
    let second = Running::start(&settings, staying("w1"), CopyStage::new(&pipeline));
    second
        .recorder
        .wait(|event| matches!(event, StageEvent::Running { partitions, .. } if partitions.len() == 2));
    first
        .recorder
        .wait(|event| matches!(event, StageEvent::Running { partitions, .. } if partitions.len() == 2));
    pipeline.fill(&settings, 2_000, 4_000);
    pipeline.wait_for(&settings, 4_000);
    // Both at once, so that neither is handed the other's partitions before it ends itself.
    second.shutdown.request();
    let mut state = first.stop();
    state.extend(second.stop());
    assert_eq!(state, expected_state(4, 4_000));
    pipeline.assert_exactly_once(&settings, 4_000);
}

#[test]
fn records_dropped_by_the_broker_are_an_error_not_a_gap() {
    let (_broker, settings, pipeline) = broker(1);
    // A partition of this broker keeps 5 MiB; 8 MB of noise push the first records out.
    let producer = Producer::new(&settings, "noise").unwrap();
    let worker = Running::start(&settings, at_least_once(&pipeline, "w0"), CopyStage::new(&pipeline));
    pipeline.fill(&settings, 0, 10);
    pipeline.wait_for(&settings, 10);
    worker.stop();
    for round in 0..80_u32 {
        let noise: Vec<u8> = (0..100_000_u32)
            .map(|n| kafka::murmur2(&(n ^ (round << 20)).to_le_bytes()).to_le_bytes()[0])
            .collect();
        while producer.enqueue(&Record::new(&pipeline.input, None, Some(&noise))).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        producer.flush(Duration::from_secs(30)).unwrap();
    }
    let error = Running::start(&settings, at_least_once(&pipeline, "w0"), CopyStage::new(&pipeline))
        .join()
        .unwrap_err();
    assert!(matches!(error, KafkaError::OffsetsLost { expected: 10, .. }), "{error}");
}

#[test]
fn no_acknowledgement_means_not_acknowledged_and_a_full_queue_means_backpressure() {
    let (broker, mut settings, pipeline) = broker(1);
    settings.delivery_timeout = Duration::from_millis(1_500);
    settings.queue_bytes = 1 << 20;
    let producer = Producer::new(&settings, "producer").unwrap();
    let record = Record::new(&pipeline.input, Some(b"key"), Some(b"value"));
    let ack = block_on(producer.send(record)).unwrap();
    assert_eq!((ack.partition, ack.offset), (0, 0));

    broker.take_down();
    let error = block_on(producer.send(record)).unwrap_err();
    assert!(matches!(error, ProduceError::NotAcknowledged { .. }), "{error}");
    let large = vec![7_u8; 200_000];
    let refused =
        (0..20).find_map(|_| producer.enqueue(&Record::new(&pipeline.input, None, Some(&large))).err());
    assert!(matches!(refused, Some(ProduceError::Backpressure)), "{refused:?}");
    broker.bring_up();
}

async fn begun(sink: &mut SinkConsumer, starts: Vec<(TopicPartition, i64)>) -> Vec<CommittedOffset> {
    loop {
        if let SinkEvent::Assigned { committed, .. } = sink.next().await.unwrap() {
            sink.begin(starts).await.unwrap();
            return committed;
        }
    }
}

async fn batch(sink: &mut SinkConsumer) -> kafka::Batch {
    loop {
        if let SinkEvent::Batch(batch) = sink.next().await.unwrap() {
            return batch;
        }
    }
}

fn sink_config() -> SinkConfig {
    let mut config = SinkConfig::new("sink", &["in"]);
    // The in-memory broker lets a member that leaves wait for a session to end, sometimes for more than one. How long that takes is
    // not what is tested here.
    config.session_timeout = Duration::from_secs(6);
    config.request_timeout = Duration::from_secs(60);
    config.max_wait = Duration::from_millis(100);
    config.offsets_are_dense = true;
    config.leave_group_on_close = true;
    config
}

#[test]
fn a_sink_begins_where_it_committed_or_where_its_store_says() {
    let (_broker, settings, pipeline) = broker(1);
    pipeline.fill(&settings, 0, 100);
    let zero = TopicPartition::new("in", 0);
    block_on(async {
        let mut sink = SinkConsumer::start(&settings, &sink_config()).unwrap();
        assert_eq!(begun(&mut sink, Vec::new()).await[0].offset, None);
        let mut seen = 0;
        while seen < 100 {
            let batch = batch(&mut sink).await;
            for record in batch.partitions().next().unwrap().records() {
                assert_eq!(record.value, Some(seen.to_string().as_bytes()));
                seen += 1;
            }
        }
        sink.commit(vec![(zero.clone(), 60)], Some("pending 60-100".into())).await.unwrap();
        let committed = sink.committed().await.unwrap();
        assert_eq!((committed[0].offset, committed[0].metadata.as_str()), (Some(60), "pending 60-100"));
        sink.close().await.unwrap();

        for (starts, first) in [(Vec::new(), 60), (vec![(zero.clone(), 42)], 42)] {
            let mut sink = SinkConsumer::start(&settings, &sink_config()).unwrap();
            assert_eq!(begun(&mut sink, starts).await[0].offset, Some(60));
            assert_eq!(batch(&mut sink).await.partitions().next().unwrap().first_offset(), first);
            sink.close().await.unwrap();
        }
    });
}

#[test]
fn a_paused_sink_delivers_nothing_and_goes_on_where_it_stopped() {
    let (_broker, settings, pipeline) = broker(1);
    pipeline.fill(&settings, 0, 10);
    block_on(async {
        let mut sink = SinkConsumer::start(&settings, &sink_config()).unwrap();
        begun(&mut sink, Vec::new()).await;
        assert_eq!(batch(&mut sink).await.len(), 10);
        sink.pause();
        // Any answer proves that the pause has been carried out.
        sink.committed().await.unwrap();
        pipeline.fill(&settings, 10, 20);
        assert!(tokio::time::timeout(Duration::from_secs(1), sink.next()).await.is_err());
        sink.resume();
        let part = batch(&mut sink).await;
        assert_eq!(part.partitions().next().unwrap().first_offset(), 10);
        sink.close().await.unwrap();
    });
}

#[test]
fn headers_and_tombstones_pass_unchanged() {
    let (_broker, settings, pipeline) = broker(1);
    let producer = Producer::new(&settings, "producer").unwrap();
    let headers: [(&str, &[u8]); 2] = [("traceparent", b"00-ab"), ("empty", b"")];
    let record = Record::new(&pipeline.input, Some(b"k"), None).with_headers(&headers).at(1_700_000_000_000);
    block_on(producer.send(record)).unwrap();
    let range = kafka::ReadRange { isolation: Isolation::ReadUncommitted, ..kafka::ReadRange::whole("in") };
    let mut reader = kafka::TopicReader::open(&settings, "reader", &range).unwrap();
    let mut seen = 0;
    let visit = |record: ConsumedRecord<'_>| {
        seen += 1;
        assert_eq!(
            (record.key, record.value, record.timestamp_ms),
            (Some(&b"k"[..]), None, Some(1_700_000_000_000))
        );
        assert_eq!(record.headers.last("traceparent"), Some(&b"00-ab"[..]));
        assert_eq!(record.headers.iter().count(), 2);
        true
    };
    reader.for_each(visit).unwrap();
    assert_eq!(seen, 1);
}

#[test]
fn a_read_in_turn_gives_one_partition_after_the_other_and_every_record_once() {
    let (_broker, settings, pipeline) = broker(3);
    let producer = Producer::new(&settings, "producer").unwrap();
    // The second partition stays empty.
    for number in 0..400_u32 {
        let value = number.to_be_bytes();
        let record = Record::new(&pipeline.input, None, Some(&value));
        let partition = if number % 2 == 0 { 0 } else { 2 };
        block_on(producer.send(record.to_partition(partition))).unwrap();
    }
    let range = kafka::ReadRange { isolation: Isolation::ReadUncommitted, ..kafka::ReadRange::whole("in") };
    let mut reader = kafka::TopicReader::open_in_turn(&settings, "reader", &range).unwrap();
    let lengths: Vec<i64> = reader.spans().iter().map(|span| span.until - span.from).collect();
    assert_eq!(lengths, [200, 0, 200]);
    let mut seen = Vec::new();
    reader
        .for_each(|record| {
            seen.push((record.partition, record.offset));
            true
        })
        .unwrap();
    let expected: Vec<(i32, i64)> = [0, 2].into_iter().flat_map(|p| (0..200).map(move |o| (p, o))).collect();
    assert_eq!(seen, expected);
}
