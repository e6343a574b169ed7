//! The promises of the stage loop, on a real broker.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test by panicking")]

mod support;

use std::process::Command;
use std::time::Duration;

use kafka::{Isolation, KafkaError, KafkaSettings, Record, StageEvent, TransactionalUpload};
use support::{CopyStage, Pipeline, Running, expected_state, settings};

#[test]
fn a_hundred_thousand_records_with_aborts_are_copied_exactly_once_in_order() {
    const TOTAL: u32 = 100_000;
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "aborts", 4);
    pipeline.fill(&settings, 0, TOTAL);
    let mut stage = CopyStage::new(&pipeline);
    stage.abort_every = Some(7_001);
    let worker = Running::start(&settings, pipeline.config("w0"), stage);
    pipeline.wait_for(&settings, TOTAL as usize);
    let recorder = worker.recorder.clone();
    let state = worker.stop();

    pipeline.assert_exactly_once(&settings, TOTAL);
    // The overlay of every aborted transaction was dropped, or the counts would be too high.
    assert_eq!(state, expected_state(4, TOTAL));
    let aborts = recorder.count(|event| matches!(event, StageEvent::Aborted { .. }));
    assert!(aborts >= 10, "{aborts} aborts");
    let written: usize = pipeline.copied(&settings, Isolation::ReadUncommitted).values().map(Vec::len).sum();
    assert!(written > TOTAL as usize, "aborted records are in the log, only not visible");
}

#[test]
fn restored_state_equals_the_state_before_the_restart() {
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "restore", 3);
    pipeline.fill(&settings, 0, 9_000);
    let worker = Running::start(&settings, pipeline.config("w0"), CopyStage::new(&pipeline));
    pipeline.wait_for(&settings, 9_000);
    let before = worker.stop();
    assert_eq!(before, expected_state(3, 9_000));

    let worker = Running::start(&settings, pipeline.config("w0"), CopyStage::new(&pipeline));
    worker
        .recorder
        .wait(|event| matches!(event, StageEvent::Running { partitions, .. } if *partitions == [0, 1, 2]));
    assert_eq!(*worker.seen.lock().unwrap(), before);
    pipeline.fill(&settings, 9_000, 12_000);
    pipeline.wait_for(&settings, 12_000);
    assert_eq!(worker.stop(), expected_state(3, 12_000));
    pipeline.assert_exactly_once(&settings, 12_000);
}

/// Not a test by itself: the process that the next test starts and that kills itself in mid-transaction. Without that
/// test's variable there is nothing to do.
#[test]
fn worker_process() {
    let Ok(group) = std::env::var("ADPULSE_TEST_GROUP") else { return };
    let base = group.strip_suffix(".group").unwrap();
    let settings = KafkaSettings::new(&std::env::var("ADPULSE_TEST_KAFKA").unwrap(), "victim");
    let pipeline = Pipeline {
        input: format!("{base}.in"),
        output: format!("{base}.out"),
        changelog: format!("{base}.state"),
        tiny: format!("{base}.tiny"),
        group,
        partitions: 4,
    };
    let mut stage = CopyStage::new(&pipeline);
    stage.die_at = Some(5_500);
    Running::start(&settings, pipeline.config("w0"), stage).join().unwrap();
}

#[test]
fn a_worker_killed_in_mid_transaction_is_succeeded_without_loss_or_double() {
    const TOTAL: u32 = 20_000;
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "kill", 4);
    pipeline.fill(&settings, 0, TOTAL);
    let died = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "worker_process"])
        .env("ADPULSE_TEST_KAFKA", &settings.brokers)
        .env("ADPULSE_TEST_GROUP", &pipeline.group)
        .output()
        .unwrap();
    assert!(!died.status.success(), "the victim survived");
    let committed: usize = pipeline.copied(&settings, Isolation::ReadCommitted).values().map(Vec::len).sum();
    assert!(committed > 0 && committed < 5_500, "{committed} records were committed before the kill");

    let worker = Running::start(&settings, pipeline.config("w0"), CopyStage::new(&pipeline));
    pipeline.wait_for(&settings, TOTAL as usize);
    assert_eq!(worker.stop(), expected_state(4, TOTAL));
    pipeline.assert_exactly_once(&settings, TOTAL);
}

#[test]
fn partitions_move_between_two_workers_without_loss_or_double_and_only_their_state_is_restored() {
    const TOTAL: u32 = 40_000;
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "rebalance", 4);
    pipeline.fill(&settings, 0, 10_000);
    let leaving = |worker: &str| {
        let mut config = pipeline.config(worker);
        config.leave_group_on_shutdown = true;
        config
    };
    let first = Running::start(&settings, leaving("w0"), CopyStage::new(&pipeline));
    first.recorder.wait(|event| matches!(event, StageEvent::Committed { .. }));
    let second = Running::start(&settings, leaving("w1"), CopyStage::new(&pipeline));
    pipeline.fill(&settings, 10_000, 30_000);
    second
        .recorder
        .wait(|event| matches!(event, StageEvent::Running { partitions, .. } if partitions.len() == 2));
    // What stays is not read again, what comes is.
    let runs_on = |kept_now: usize, in_all: usize| {
        move |event: &StageEvent| match event {
            StageEvent::Running { partitions, kept, restored_records, .. } => {
                kept.len() == kept_now
                    && partitions.len() == in_all
                    && (*restored_records > 0) == (in_all > kept_now)
            }
            _ => false,
        }
    };
    first.recorder.wait(runs_on(2, 2));
    pipeline.fill(&settings, 30_000, 35_000);
    pipeline.wait_for(&settings, 35_000);
    second.stop();
    first.recorder.wait(runs_on(2, 4));
    pipeline.fill(&settings, 35_000, TOTAL);
    pipeline.wait_for(&settings, TOTAL as usize);
    assert_eq!(first.stop(), expected_state(4, TOTAL), "all partitions came back to the first worker");
    pipeline.assert_exactly_once(&settings, TOTAL);
}

#[test]
fn a_worker_whose_identity_is_taken_stops_and_says_so() {
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "fenced", 1);
    let config = pipeline.config("w0");
    let id = config.transactional_id.clone();
    let worker = Running::start(&settings, config, CopyStage::new(&pipeline));
    worker.recorder.wait(|event| matches!(event, StageEvent::Running { .. }));
    let usurper = TransactionalUpload::begin(&settings, &id, Duration::from_secs(10)).unwrap();
    pipeline.fill(&settings, 0, 10);
    let error = worker.join().unwrap_err();
    assert!(matches!(error, KafkaError::Fenced { .. }), "{error}");
    assert!(!error.is_retriable());
    usurper.abort().unwrap();
    assert!(pipeline.copied(&settings, Isolation::ReadCommitted).is_empty());
}

#[test]
fn an_open_transaction_on_a_changelog_holds_the_restore_up_and_is_reported() {
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "hanging", 1);
    let mut hanging =
        TransactionalUpload::begin(&settings, &support::unique("hanging"), Duration::from_secs(60)).unwrap();
    hanging.send(&Record::new(&pipeline.changelog, Some(b"k1"), Some(b"1 1"))).unwrap();
    // The batch of the first is sent when the second does not fit into it.
    let large = vec![b'k'; 999_990];
    hanging.send(&Record::new(&pipeline.changelog, Some(&large), Some(b"1 1"))).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let mut config = pipeline.config("w0");
    config.restore_stable_timeout = Duration::from_secs(2);
    let worker = Running::start(&settings, config, CopyStage::new(&pipeline));
    let error = worker.join().unwrap_err();
    assert!(matches!(error, KafkaError::Restore { .. }), "{error}");

    // With the transaction decided, its record belongs to the state.
    let worker = Running::start(&settings, pipeline.config("w0"), CopyStage::new(&pipeline));
    worker.recorder.wait(|event| matches!(event, StageEvent::Assigned { .. }));
    hanging.commit().unwrap();
    worker.recorder.wait(|event| matches!(event, StageEvent::Running { restored_records: 2, .. }));
    worker.stop();
}

#[test]
fn transactions_of_unknown_outcome_are_resolved_without_loss_or_double() {
    const TOTAL: u32 = 8_000;
    let settings = settings();
    let pipeline = Pipeline::create(&settings, "unknown", 4);
    pipeline.fill(&settings, 0, TOTAL);
    // A limit that hardly any commit keeps: what became of each transaction is then found out by a new producer.
    let mut config = pipeline.config("w0");
    config.commit_timeout = Duration::from_millis(1);
    config.max_batch_records = 500;
    let worker = Running::start(&settings, config, CopyStage::new(&pipeline));
    worker.recorder.wait(|event| *event == StageEvent::ProducerRebuilt);
    worker.shutdown.request();
    if let Err(error) = worker.join() {
        assert!(error.is_retriable(), "{error}");
    }
    let worker = Running::start(&settings, pipeline.config("w0"), CopyStage::new(&pipeline));
    pipeline.wait_for(&settings, TOTAL as usize);
    assert_eq!(worker.stop(), expected_state(4, TOTAL));
    pipeline.assert_exactly_once(&settings, TOTAL);
}
