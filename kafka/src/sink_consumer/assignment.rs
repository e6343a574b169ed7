//! What a sink's thread does about its partitions: commands of the caller, assignments, revocations, commits.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use super::worker::{End, Worker};
use super::{Batch, Command, Otherwise, SinkEvent};
use crate::error::KafkaError;
use crate::group::{assign_at, committed, unassign};
use crate::metrics;
use crate::positions::Positions;
use crate::record::TopicPartition;
use crate::settings::Isolation;
use crate::topics::{inspector, watermarks};

impl Worker {
    pub(super) fn obey(&mut self, command: Command) -> Result<(), End> {
        match command {
            Command::Begin { starts, otherwise, reply } => {
                let _ = reply.send(self.begin(&starts, otherwise));
            }
            Command::Commit { offsets, reply } => {
                let _ = reply.send(self.commit(offsets));
            }
            Command::CommitWith { records, offsets, reply } => {
                let _ = reply.send(self.commit_with(&records, offsets));
            }
            Command::Committed { reply } => {
                let _ = reply.send(committed(&self.consumer, &self.partitions, self.config.request_timeout));
            }
            Command::Pause | Command::Resume => {
                self.paused_by_caller = matches!(command, Command::Pause);
                self.apply_pause()?;
            }
            // Answers a revocation that timed out or was overtaken.
            Command::Release => {}
            Command::Close { reply } => return Err(End::Asked(Some(reply))),
        }
        Ok(())
    }

    pub(super) fn assigned(&mut self, partitions: Vec<TopicPartition>) -> Result<(), KafkaError> {
        // Acknowledge without fetching; the caller says where to begin.
        assign_at(&mut self.consumer, [])?;
        let answer = committed(&self.consumer, &partitions, self.config.request_timeout)?;
        self.assignment += 1;
        self.partitions = partitions;
        self.forget();
        self.tell(SinkEvent::Assigned { assignment: self.assignment, committed: answer });
        Ok(())
    }

    /// Drops records not handed over; whoever owns the partitions next reads them again.
    fn forget(&mut self) {
        self.positions = Positions::default();
        self.batch = Batch::new(self.assignment);
        self.batch_since = None;
        self.waiting = None;
        self.paused_by_queue = false;
    }

    fn begin(&mut self, explicit: &[(TopicPartition, i64)], otherwise: Otherwise) -> Result<(), KafkaError> {
        let answer = committed(&self.consumer, &self.partitions, self.config.request_timeout)?;
        let client = inspector(&self.settings, Isolation::ReadCommitted)?;
        let asked: Vec<TopicPartition> = answer.iter().map(|entry| entry.partition.clone()).collect();
        let kept = watermarks(&client, &self.settings, &asked)?;
        let mut starts = Vec::with_capacity(answer.len());
        for (entry, (low, _)) in answer.into_iter().zip(kept) {
            let given = explicit.iter().find(|(partition, _)| *partition == entry.partition);
            let committed = if otherwise == Otherwise::Committed { entry.offset } else { None };
            let start = given.map(|(_, offset)| *offset).or(committed).unwrap_or(low);
            if start < low {
                return Err(self.lost(&entry.partition, start, low));
            }
            starts.push((entry.partition, start));
        }
        self.positions = Positions::new(starts.iter().cloned());
        assign_at(&mut self.consumer, starts)?;
        if self.paused_by_caller { self.apply_pause() } else { Ok(()) }
    }

    pub(super) fn revoked(&mut self, lost: bool) -> Result<(), End> {
        let partitions = std::mem::take(&mut self.partitions);
        self.forget();
        self.wires.revoking.send_replace(self.assignment);
        metrics::set_paused(&self.config.group, 0);
        if lost {
            self.tell(SinkEvent::Lost { partitions });
        } else if !partitions.is_empty() {
            self.tell(SinkEvent::Revoked { partitions });
            self.wait_for_release()?;
        }
        unassign(&mut self.consumer)?;
        Ok(())
    }

    /// Serves commits until the caller lets go, or the time is up. Heartbeats go on in the background meanwhile.
    fn wait_for_release(&mut self) -> Result<(), End> {
        let end = Instant::now() + self.config.release_timeout;
        loop {
            match self.wires.orders.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Command::Release) => return Ok(()),
                Ok(command) => self.obey(command)?,
                Err(RecvTimeoutError::Timeout) => {
                    tracing::warn!(group = self.config.group, "partitions not released in time; taken away");
                    return Ok(());
                }
                Err(RecvTimeoutError::Disconnected) => return Err(End::Asked(None)),
            }
        }
    }

    pub(super) fn verify_kept(&self, positions: &[(TopicPartition, i64)]) -> Result<(), KafkaError> {
        let client = inspector(&self.settings, Isolation::ReadUncommitted)?;
        let asked: Vec<TopicPartition> = positions.iter().map(|(partition, _)| partition.clone()).collect();
        let kept = watermarks(&client, &self.settings, &asked)?;
        for ((partition, position), (low, high)) in positions.iter().zip(kept) {
            if *position < low || *position > high {
                return Err(self.lost(partition, *position, low));
            }
        }
        Ok(())
    }

    pub(super) fn lost(&self, partition: &TopicPartition, expected: i64, found: i64) -> KafkaError {
        KafkaError::OffsetsLost {
            group: self.config.group.clone(),
            topic: partition.topic.to_string(),
            partition: partition.partition,
            expected,
            found,
        }
    }
}
