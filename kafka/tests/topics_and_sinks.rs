//! Topics, uploads, readers and sinks on a real broker.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

mod support;

use std::time::Duration;

use kafka::{
    Admin, CommittedOffset, ConsumedRecord, Isolation, KafkaError, KafkaSettings, Producer, ReadRange,
    Record, SinkConfig, SinkConsumer, SinkEvent, TopicPartition, TopicReader, TopicSpec, TransactionalUpload,
};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use support::{CopyStage, Pipeline, Running, block_on, settings, unique};

#[test]
fn missing_topics_are_created_and_existing_ones_only_compared() {
    let settings = settings();
    let admin = Admin::new(&settings).unwrap();
    let spec = TopicSpec::new(&unique("topics"), 3, 1).with("cleanup.policy", "compact");
    block_on(async {
        let error = admin.verify(std::slice::from_ref(&spec)).await.unwrap_err();
        assert!(matches!(error, KafkaError::TopicMissing { .. }), "{error}");

        let reports = admin.ensure(std::slice::from_ref(&spec)).await.unwrap();
        assert!(reports[0].created && reports[0].differences.is_empty(), "{reports:?}");
        let again = admin.ensure(std::slice::from_ref(&spec)).await.unwrap();
        assert!(!again[0].created, "{again:?}");

        let kept = spec.clone().with("retention.ms", "1234567");
        let differences = &admin.ensure(&[kept]).await.unwrap()[0].differences;
        assert_eq!((differences.len(), differences[0].key.as_str()), (1, "retention.ms"));

        let absent = TopicSpec::new(&unique("absent"), 1, 1);
        let error = admin.ensure(&[TopicSpec { partitions: 4, ..spec }, absent.clone()]).await.unwrap_err();
        assert!(matches!(error, KafkaError::PartitionCount { expected: 4, found: 3, .. }), "{error}");
        let topics = admin.ping().await.unwrap().topics;
        assert!(!topics.contains_key(&absent.name), "nothing is created when something is refused");
    });
}

#[test]
fn an_unreachable_broker_is_named() {
    let mut settings = kafka::KafkaSettings::new("127.0.0.1:1", "test");
    settings.request_timeout = Duration::from_secs(2);
    let error = block_on(async { Admin::new(&settings).unwrap().ping().await }).unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    assert!(matches!(error, KafkaError::Unreachable { .. }), "{error:?}");
}

#[test]
fn an_upload_appears_whole_or_not_at_all() {
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "upload", 2);
    let id = unique("upload");
    let send = |upload: &mut TransactionalUpload, count: u32| {
        for number in 0..count {
            let (key, value) = (format!("k{number}"), number.to_string());
            let record = Record::new(&pipeline.output, Some(key.as_bytes()), Some(value.as_bytes()));
            upload.send(&record).unwrap();
        }
    };
    let visible = |isolation| pipeline.copied(&settings, isolation).values().map(Vec::len).sum::<usize>();

    let mut dropped = TransactionalUpload::begin(&settings, &id, Duration::from_secs(30)).unwrap();
    send(&mut dropped, 500);
    drop(dropped);
    assert_eq!(visible(Isolation::ReadCommitted), 0);

    let mut replaced = TransactionalUpload::begin(&settings, &id, Duration::from_secs(30)).unwrap();
    send(&mut replaced, 300);
    let mut upload = TransactionalUpload::begin(&settings, &id, Duration::from_secs(30)).unwrap();
    send(&mut upload, 1_000);
    assert_eq!(visible(Isolation::ReadCommitted), 0, "nothing before the commit");
    assert_eq!(upload.commit().unwrap(), 1_000);
    let error = replaced.commit().unwrap_err();
    assert!(matches!(error, KafkaError::Fenced { .. }), "{error}");
    assert_eq!(visible(Isolation::ReadCommitted), 1_000);
}

#[test]
fn records_are_placed_where_the_java_client_places_them() {
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "placement", 7);
    let producer = kafka::Producer::new(&settings, "placement").unwrap();
    for number in 0..200 {
        let key = format!("facebook:act_{number}:77");
        let ack =
            block_on(producer.send(Record::new(&pipeline.input, Some(key.as_bytes()), Some(b"1")))).unwrap();
        assert_eq!(ack.partition, kafka::partition_for(key.as_bytes(), 7), "{key}");
    }
}

#[test]
fn offsets_that_retention_has_overtaken_stop_the_worker() {
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "retention", 1);
    pipeline.fill(&settings, 0, 100);
    let worker = Running::start(&settings, pipeline.config("w0"), CopyStage::new(&pipeline));
    pipeline.wait_for(&settings, 100);
    worker.stop();
    let admin = Admin::new(&settings).unwrap();
    let lag = block_on(admin.lag(&pipeline.group, std::slice::from_ref(&pipeline.input))).unwrap();
    assert_eq!((lag[0].committed, lag[0].lag), (Some(100), 0));

    pipeline.fill(&settings, 100, 200);
    let lag = block_on(admin.lag(&pipeline.group, std::slice::from_ref(&pipeline.input))).unwrap();
    assert_eq!((lag[0].committed, lag[0].lag), (Some(100), 100));
    let client: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &settings.brokers).create().unwrap();
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(&pipeline.input, 0, Offset::Offset(150)).unwrap();
    block_on(client.delete_records(&before, &AdminOptions::new())).unwrap();

    let error =
        Running::start(&settings, pipeline.config("w0"), CopyStage::new(&pipeline)).join().unwrap_err();
    assert!(matches!(error, KafkaError::OffsetsLost { expected: 100, found: 150, .. }), "{error}");
    assert_eq!(pipeline.copied(&settings, Isolation::ReadCommitted)[&0].len(), 100);
}

#[test]
fn a_reader_ends_also_when_the_log_ends_in_aborted_records() {
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "reader", 1);
    let id = unique("reader");
    for (count, commit) in [(10, true), (5, false)] {
        let mut upload = TransactionalUpload::begin(&settings, &id, Duration::from_secs(30)).unwrap();
        for number in 0..count {
            upload.send(&Record::new(&pipeline.output, None, Some(number.to_string().as_bytes()))).unwrap();
        }
        if commit { assert_eq!(upload.commit().unwrap(), 10) } else { upload.abort().unwrap() }
    }
    assert_eq!(pipeline.copied(&settings, Isolation::ReadCommitted)[&0], (0..10).collect::<Vec<u32>>());
    for direct in [true, false] {
        let settings = KafkaSettings { direct, ..settings.clone() };
        let read = |from, until| {
            let mut range = ReadRange::whole(&pipeline.output);
            range.from.insert(0, from);
            range.until.insert(0, until);
            let mut offsets = Vec::new();
            let visit = |record: ConsumedRecord<'_>| {
                offsets.push(record.offset);
                true
            };
            TopicReader::open(&settings, "reader", &range).unwrap().for_each(visit).unwrap();
            offsets
        };
        assert_eq!(read(0, i64::MAX), (0..10).collect::<Vec<i64>>(), "direct: {direct}");
        assert_eq!(read(3, 6), [3, 4, 5], "direct: {direct}");
        assert_eq!(read(10, i64::MAX), [0_i64; 0], "only markers and aborted records; direct: {direct}");
    }
}

#[test]
fn what_a_new_producer_has_acknowledged_is_in_the_log_of_a_new_topic() {
    let settings = settings();
    for _ in 0..8 {
        let pipeline = Pipeline::create(&settings, "acknowledged", 8);
        let producer = Producer::new(&settings, "edge").unwrap();
        // Many at once from the first moment on: a partition then gets a second batch before the first is answered.
        let send = |sender: u32| {
            let of_sender = (0..25).map(|number| sender * 25 + number);
            for number in of_sender {
                let value = number.to_be_bytes();
                block_on(producer.send(Record::new(&pipeline.input, Some(&value), Some(&value)))).unwrap();
            }
        };
        std::thread::scope(|scope| {
            for sender in 0..16 {
                scope.spawn(move || send(sender));
            }
        });
        let mut found = std::collections::BTreeSet::new();
        let visit = |record: ConsumedRecord<'_>| {
            found.insert(u32::from_be_bytes(record.value.unwrap().try_into().unwrap()));
            true
        };
        let range = ReadRange::whole(&pipeline.input);
        TopicReader::open(&settings, "reader", &range).unwrap().for_each(visit).unwrap();
        assert_eq!(found.len(), 16 * 25);
    }
}

fn sink_config(pipeline: &Pipeline) -> SinkConfig {
    let mut config = SinkConfig::new(&pipeline.group, &[&pipeline.input]);
    config.session_timeout = Duration::from_secs(10);
    config.max_wait = Duration::from_millis(100);
    config.leave_group_on_close = true;
    config
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

#[test]
fn batches_grow_while_the_store_is_busy_with_the_one_before() {
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "busy", 1);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = SinkConfig { max_wait: Duration::from_millis(10), ..sink_config(&pipeline) };
        let mut sink = SinkConsumer::start(&settings, &config).unwrap();
        begun(&mut sink, Vec::new()).await;
        let mut sent = 0;
        // Each round would be a batch of its own, if time alone made one.
        for _ in 0..20 {
            pipeline.fill(&settings, sent, sent + 10);
            sent += 10;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (mut batches, mut records) = (0, 0);
        while records < 200 {
            let next = tokio::time::timeout(Duration::from_secs(20), batch(&mut sink));
            records += next.await.unwrap().len();
            batches += 1;
        }
        assert!(
            batches <= 3,
            "{batches} batches of {records} records: the one in hand, the next, and what came meanwhile"
        );
        sink.close().await.unwrap();
    });
}

#[test]
fn a_revocation_waits_for_the_release_and_a_store_that_takes_nothing_bounds_the_queue() {
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "sink", 2);
    pipeline.fill(&settings, 0, 2_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = SinkConfig { max_batch_records: 100, queue_bytes: 1, ..sink_config(&pipeline) };
        let mut first = SinkConsumer::start(&settings, &config).unwrap();
        begun(&mut first, Vec::new()).await;
        let early = batch(&mut first).await;
        assert_eq!(early.len(), 100);
        let mut second = SinkConsumer::start(&settings, &config).unwrap();
        let revoked = loop {
            match first.next().await.unwrap() {
                SinkEvent::Revoked { partitions } => break partitions,
                SinkEvent::Batch(batch) => assert!(batch.len() <= 100),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(revoked.len(), 2);
        first.commit(early.next_offsets(), None).await.unwrap();
        first.release();
        let (theirs, ours) = tokio::join!(begun(&mut second, Vec::new()), begun(&mut first, Vec::new()));
        assert_eq!((theirs.len(), ours.len()), (1, 1));
        let committed: i64 = theirs.iter().chain(&ours).filter_map(|entry| entry.offset).sum();
        assert_eq!(committed, 100, "what was committed before the release counts");
        let mut rest = 0;
        for sink in [&mut first, &mut second] {
            let mut mine = 0;
            while mine < 900 {
                match tokio::time::timeout(Duration::from_secs(20), sink.next()).await {
                    Ok(Ok(SinkEvent::Batch(batch))) => mine += batch.len(),
                    other => panic!("{mine} records, then {other:?}"),
                }
            }
            rest += mine;
        }
        assert!(rest >= 1_800);
        first.close().await.unwrap();
        second.close().await.unwrap();
    });
}
