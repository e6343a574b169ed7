//! Against the client library's in-memory brokers, which answer what they are told to.

use std::sync::mpsc;
use std::time::Duration;

use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Code};

use super::{IdempotentOptions, IdempotentProducer, Report};
use crate::error::ProduceError;
use crate::record::{Ack, Record};

const PARTITIONS: i32 = 2;

/// Runs a test against two brokers with one topic, whose partitions the first broker leads.
fn with_brokers(
    test: impl FnOnce(&MockCluster<'static, rdkafka::producer::DefaultProducerContext>, IdempotentProducer),
) {
    let cluster = MockCluster::new(2).unwrap();
    cluster.create_topic("t", PARTITIONS, 2).unwrap();
    (0..PARTITIONS).for_each(|partition| cluster.partition_leader("t", partition, Some(1)).unwrap());
    let producer = IdempotentProducer::start(IdempotentOptions {
        name: "test".to_owned(),
        brokers: cluster.bootstrap_servers(),
        client_id: "test".to_owned(),
        request_timeout: Duration::from_secs(2),
        delivery_timeout: Duration::from_secs(5),
        queue_bytes: 1 << 20,
        linger: Duration::from_millis(1),
        backoff: Duration::from_millis(5),
        pack: true,
    });
    test(&cluster, producer.unwrap());
}

fn record(partition: i32) -> Record<'static> {
    Record::new("t", Some(b"key"), Some(b"value")).to_partition(partition)
}

fn sent(producer: &IdempotentProducer, partition: i32) -> Report {
    producer.enqueue(&record(partition)).unwrap().blocking_recv().unwrap()
}

#[test]
fn what_a_leader_does_not_take_now_is_sent_again_and_stays_in_order() {
    with_brokers(|cluster, producer| {
        let passing = [
            Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            Code::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
            Code::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
        ];
        for (round, error) in passing.into_iter().enumerate() {
            cluster.request_errors(Api::Produce, &[error]);
            let reports: Vec<_> = (0..10).map(|_| producer.enqueue(&record(1)).unwrap()).collect();
            let offsets: Vec<i64> =
                reports.into_iter().map(|report| report.blocking_recv().unwrap().unwrap().offset).collect();
            let from = i64::try_from(round).unwrap() * 10;
            assert_eq!(offsets, (from..from + 10).collect::<Vec<i64>>(), "{error:?}");
        }
        assert_eq!(producer.in_flight(), 0);
    });
}

#[test]
fn what_a_leader_refuses_fails_alone_and_says_why() {
    with_brokers(|cluster, producer| {
        let failed = |error| {
            cluster.request_errors(Api::Produce, &[error]);
            sent(&producer, 0).unwrap_err()
        };
        let refused = failed(Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
        assert!(matches!(refused, ProduceError::Refused { .. }), "{refused}");
        let unknown = failed(Code::RD_KAFKA_RESP_ERR_UNKNOWN);
        assert!(matches!(unknown, ProduceError::NotAcknowledged { .. }), "{unknown}");
        let duplicate = failed(Code::RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER);
        assert!(matches!(duplicate, ProduceError::CalledDuplicate { .. }), "{duplicate}");
        assert_eq!(sent(&producer, 0).unwrap(), Ack { partition: 0, offset: 0 });
    });
}

#[test]
fn records_follow_their_partition_to_another_leader() {
    with_brokers(|cluster, producer| {
        assert_eq!(sent(&producer, 0).unwrap().offset, 0);
        for (round, leader) in [2, 1, 2].into_iter().enumerate() {
            cluster.partition_leader("t", 0, Some(leader)).unwrap();
            let offset = i64::try_from(round).unwrap() + 1;
            assert_eq!(sent(&producer, 0).unwrap(), Ack { partition: 0, offset });
            assert_eq!(sent(&producer, 1).unwrap(), Ack { partition: 1, offset: offset - 1 });
        }
    });
}

#[test]
fn one_leader_that_is_away_does_not_hold_up_another() {
    with_brokers(|cluster, producer| {
        cluster.partition_leader("t", 1, Some(2)).unwrap();
        assert!(sent(&producer, 1).is_ok());
        cluster.broker_down(2).unwrap();
        let waiting = producer.enqueue(&record(1)).unwrap();
        let started = std::time::Instant::now();
        for _ in 0..20 {
            assert!(sent(&producer, 0).is_ok());
        }
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        cluster.broker_up(2).unwrap();
        assert_eq!(waiting.blocking_recv().unwrap().unwrap(), Ack { partition: 1, offset: 1 });
    });
}

#[test]
fn what_is_not_acknowledged_in_time_is_told_so_and_leaves_the_queue() {
    with_brokers(|cluster, producer| {
        assert!(sent(&producer, 0).is_ok());
        cluster.broker_down(-1).unwrap();
        let error = sent(&producer, 0).unwrap_err();
        assert!(matches!(error, ProduceError::NotAcknowledged { .. }), "{error}");
        assert_eq!(producer.in_flight(), 0);
        let large = vec![7; 400_000];
        let large = Record::new("t", None, Some(&large));
        let taken: Vec<_> = (0..3).map(|_| producer.enqueue(&large)).collect();
        assert!(taken[0].is_ok() && taken[1].is_ok());
        assert!(matches!(taken[2], Err(ProduceError::Backpressure)));
        cluster.broker_up(-1).unwrap();
        assert!(taken.into_iter().flatten().all(|report| report.blocking_recv().unwrap().is_ok()));
        assert!(sent(&producer, 0).is_ok());
    });
}

#[test]
fn a_partition_that_the_topic_does_not_have_is_refused() {
    with_brokers(|_, producer| {
        let error = sent(&producer, PARTITIONS).unwrap_err();
        assert!(
            matches!(&error, ProduceError::Refused { reason, .. } if reason.contains("2 partitions")),
            "{error}"
        );
    });
}

#[test]
fn dropping_the_producer_leaves_nobody_waiting() {
    with_brokers(|cluster, producer| {
        cluster.broker_down(-1).unwrap();
        let report = producer.enqueue(&record(0)).unwrap();
        let (dropped, done) = mpsc::channel();
        std::thread::spawn(move || {
            drop(producer);
            dropped.send(()).unwrap();
        });
        assert!(report.blocking_recv().is_err());
        assert!(done.recv_timeout(Duration::from_secs(5)).is_ok());
    });
}
