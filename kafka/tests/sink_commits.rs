//! What a sink can make durable on a real broker: blocks on their way, records together with offsets, and its place in the group
//! while the store takes nothing.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

mod support;

use std::time::{Duration, Instant};

use kafka::{
    Batch, CommittedOffset, Isolation, KafkaError, OwnedRecord, PendingBlock, SinkConfig, SinkConsumer,
    SinkEvent, TopicPartition, reread,
};
use support::{Pipeline, settings, unique};

type Seen = Vec<(i32, i64, Option<Vec<u8>>, Option<Vec<u8>>)>;

fn config(pipeline: &Pipeline) -> SinkConfig {
    let mut config = SinkConfig::new(&pipeline.group, &[&pipeline.input]);
    config.session_timeout = Duration::from_secs(10);
    config.max_wait = Duration::from_millis(100);
    config.leave_group_on_close = true;
    config.transactional_id = Some(unique("letters"));
    config
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(test);
}

async fn event(sink: &mut SinkConsumer) -> SinkEvent {
    tokio::time::timeout(Duration::from_secs(60), sink.next()).await.expect("an event").unwrap()
}

async fn assigned(sink: &mut SinkConsumer) -> Vec<CommittedOffset> {
    loop {
        if let SinkEvent::Assigned { committed, .. } = event(sink).await {
            return committed;
        }
    }
}

async fn batch(sink: &mut SinkConsumer) -> Batch {
    loop {
        if let SinkEvent::Batch(batch) = event(sink).await {
            return batch;
        }
    }
}

fn seen(batch: &Batch) -> Seen {
    let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    let records = batch.partitions().flat_map(|part| part.records());
    let mut seen: Seen = records
        .map(|record| (record.partition, record.offset, owned(record.key), owned(record.value)))
        .collect();
    seen.sort();
    seen
}

#[test]
fn whoever_takes_the_partitions_over_finds_the_pending_block_and_rebuilds_exactly_its_records() {
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "pending", 3);
    pipeline.fill(&settings, 0, 900);
    run(async {
        let mut first =
            SinkConsumer::start(&settings, &SinkConfig { max_batch_records: 500, ..config(&pipeline) })
                .unwrap();
        assigned(&mut first).await;
        first.begin(Vec::new()).await.unwrap();
        let taken = batch(&mut first).await;
        let blocks = PendingBlock::of(&taken);
        first.commit_pending(&blocks).await.unwrap();
        first.close().await.unwrap();

        // More has arrived, and the batches of the successor are cut otherwise.
        pipeline.fill(&settings, 900, 1_200);
        let mut second =
            SinkConsumer::start(&settings, &SinkConfig { max_batch_records: 7, ..config(&pipeline) })
                .unwrap();
        let mut found: Vec<PendingBlock> = assigned(&mut second)
            .await
            .iter()
            .filter_map(|entry| PendingBlock::parse(&entry.partition, &entry.metadata).unwrap())
            .collect();
        found.dedup();
        assert_eq!(found, blocks);
        let (settings, group) = (settings.clone(), pipeline.group.clone());
        let again =
            tokio::task::spawn_blocking(move || reread(&settings, &group, &found[0])).await.unwrap().unwrap();
        assert_eq!(seen(&again), seen(&taken));

        // Where nothing is on its way any more, nothing is found.
        second.commit(blocks.iter().flat_map(PendingBlock::ends).collect(), None).await.unwrap();
        for entry in second.committed().await.unwrap() {
            assert_eq!(PendingBlock::parse(&entry.partition, &entry.metadata).unwrap(), None);
        }
        second.close().await.unwrap();
    });
}

#[test]
fn a_pending_block_whose_records_are_gone_is_an_error_and_not_a_smaller_block() {
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "gone", 1);
    pipeline.fill(&settings, 0, 10);
    let at = TopicPartition::new(pipeline.input.as_str(), 0);
    let block = PendingBlock::parse(&at, "adpulse-pending/1 0:5-12").unwrap().unwrap();
    let error = reread(&settings, &pipeline.group, &block).unwrap_err();
    assert!(matches!(error, KafkaError::OffsetsLost { expected: 12, found: 10, .. }), "{error}");
}

#[test]
fn records_and_offsets_go_together_and_a_member_without_its_partitions_writes_neither() {
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "together", 1);
    pipeline.fill(&settings, 0, 10);
    let at = TopicPartition::new(pipeline.input.as_str(), 0);
    let letter = |text: &str| OwnedRecord {
        topic: pipeline.output.clone(),
        partition: 0,
        key: None,
        value: text.as_bytes().to_vec(),
    };
    let visible = || {
        pipeline.copied(&settings, Isolation::ReadCommitted).values().flatten().copied().collect::<Vec<_>>()
    };
    run(async {
        let mut first = SinkConsumer::start(&settings, &config(&pipeline)).unwrap();
        assigned(&mut first).await;
        first.begin(Vec::new()).await.unwrap();
        batch(&mut first).await;
        first.commit_with(vec![letter("1"), letter("2")], vec![(at.clone(), 4)]).await.unwrap();
        assert_eq!(first.committed().await.unwrap()[0].offset, Some(4));

        // Another member comes; the first one lets go, and then tries to write all the same.
        let mut second = SinkConsumer::start(&settings, &config(&pipeline)).unwrap();
        while !matches!(event(&mut first).await, SinkEvent::Revoked { .. }) {}
        first.release();
        let (ours, theirs) = tokio::join!(assigned(&mut first), assigned(&mut second));
        let owner = if theirs.is_empty() { &first } else { &second };
        assert_eq!(ours.len() + theirs.len(), 1);
        owner.begin(Vec::new()).await.unwrap();
        owner.commit_with(vec![letter("3")], vec![(at.clone(), 7)]).await.unwrap();
        assert_eq!(owner.committed().await.unwrap()[0].offset, Some(7));
        first.close().await.unwrap();
        second.close().await.unwrap();
    });
    assert_eq!(visible(), [1, 2, 3]);
}

#[test]
fn a_member_that_has_been_replaced_can_neither_commit_nor_produce_with_its_offsets() {
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "replaced", 1);
    pipeline.fill(&settings, 0, 10);
    let at = TopicPartition::new(pipeline.input.as_str(), 0);
    let letter =
        OwnedRecord { topic: pipeline.output.clone(), partition: 0, key: None, value: b"1".to_vec() };
    run(async {
        let named = || SinkConfig { instance_id: Some("the same".to_owned()), ..config(&pipeline) };
        let mut zombie = SinkConsumer::start(&settings, &named()).unwrap();
        assigned(&mut zombie).await;
        zombie.begin(Vec::new()).await.unwrap();
        let taken = batch(&mut zombie).await;
        let mut heir = SinkConsumer::start(&settings, &named()).unwrap();
        assigned(&mut heir).await;
        heir.begin(Vec::new()).await.unwrap();
        batch(&mut heir).await;
        let error = zombie.commit_pending(&PendingBlock::of(&taken)).await.unwrap_err();
        assert!(matches!(error, KafkaError::NotOwned { .. } | KafkaError::Stopped(_)), "{error}");
        zombie.commit_with(vec![letter], vec![(at, 10)]).await.unwrap_err();
        assert_eq!(heir.committed().await.unwrap()[0].offset, None);
        heir.close().await.unwrap();
    });
    assert!(pipeline.copied(&settings, Isolation::ReadCommitted).is_empty());
}

#[test]
fn a_store_that_takes_nothing_for_longer_than_the_poll_interval_costs_bounded_memory_and_no_rebalance() {
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "outage", 2);
    pipeline.fill(&settings, 0, 6_000);
    run(async {
        let mut config = config(&pipeline);
        config.session_timeout = Duration::from_secs(6);
        config.max_poll_interval = Duration::from_secs(7);
        config.max_batch_records = 100;
        config.queue_bytes = 4_000;
        let mut sink = SinkConsumer::start(&settings, &config).unwrap();
        assigned(&mut sink).await;
        sink.begin(Vec::new()).await.unwrap();
        let held = batch(&mut sink).await;
        let down = Instant::now();
        let gone = tokio::time::timeout(Duration::from_secs(16), sink.revoked(held.assignment())).await;
        assert!(gone.is_err(), "the partitions were taken after {:?}", down.elapsed());
        // All that was waiting is handed over at once: it fits into the queue.
        let mut waiting = 0;
        while let Ok(Ok(SinkEvent::Batch(batch))) =
            tokio::time::timeout(Duration::from_millis(5), sink.next()).await
        {
            waiting += batch.bytes();
            assert!(waiting <= 4_000 + 3 * 100 * 64, "{waiting} bytes were waiting");
            if waiting > 3_000 {
                break;
            }
        }
        // The store is back: everything comes, in order, and the membership is still the same.
        let mut next = 0;
        while next < 4_000 {
            match event(&mut sink).await {
                SinkEvent::Batch(batch) => {
                    assert_eq!(batch.assignment(), held.assignment());
                    next += batch.len();
                }
                other => panic!("{other:?}"),
            }
        }
        sink.commit(held.next_offsets(), None).await.unwrap();
        sink.close().await.unwrap();
    });
}
