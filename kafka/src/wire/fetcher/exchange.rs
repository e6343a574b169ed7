//! Asking the leaders and taking their answers, without ever waiting for one of them alone.

use std::time::{Duration, Instant};

use super::link::Link;
use super::{Fetcher, FindLeaders};
use crate::record::TopicPartition;
use crate::repeats::CLIENT_LINES;
use crate::wire::connection::wait_for_any;

impl Fetcher {
    /// Sends a request to each leader that has none.
    pub(super) fn ask(&mut self, find: &mut FindLeaders<'_>) {
        let now = Instant::now();
        if self.cursors.is_empty() || self.paused || self.not_before.is_some_and(|moment| now < moment) {
            return;
        }
        self.not_before = None;
        if !self.leaders_known && !self.find_leaders(find) {
            return;
        }
        for link in 0..self.links.len() {
            self.ask_link(link);
        }
    }

    fn find_leaders(&mut self, find: &mut FindLeaders<'_>) -> bool {
        let partitions: Vec<TopicPartition> = self.cursors.iter().map(|cursor| cursor.at.clone()).collect();
        let leaders = match find(&partitions) {
            Ok(leaders) => leaders,
            Err(error) => {
                self.trouble("asking for the leaders", &error);
                return false;
            }
        };
        let Self { cursors, links, .. } = self;
        for cursor in cursors.iter_mut() {
            cursor.link = leaders.broker_of(&cursor.at).map(|broker| {
                let known = links.iter().position(|link| link.broker == *broker);
                known.unwrap_or_else(|| {
                    links.push(Link::new(broker.clone()));
                    links.len() - 1
                })
            });
        }
        for (index, link) in links.iter_mut().enumerate() {
            if cursors.iter().all(|cursor| cursor.link != Some(index)) {
                link.close();
            }
        }
        self.leaders_known = true;
        if let Some(cursor) = self.cursors.iter().find(|cursor| cursor.link.is_none()) {
            let partition = cursor.at.to_string();
            self.trouble(&partition, &"it has no leader");
        }
        true
    }

    fn ask_link(&mut self, index: usize) {
        if self.paused || self.links[index].waits() {
            return;
        }
        let Self { cursors, links, options, .. } = self;
        let wanted: Vec<usize> = (0..cursors.len())
            .map(|step| (self.turn + step) % cursors.len())
            .filter(|&cursor| cursors[cursor].link == Some(index) && cursors[cursor].is_wanted())
            .collect();
        if wanted.is_empty() {
            return;
        }
        let positions = wanted.iter().map(|&cursor| (cursor, &cursors[cursor].at, cursors[cursor].fetch));
        if let Err(error) = links[index].ask(options, self.epoch, positions) {
            self.lost(index, &error);
        }
    }

    /// Takes in the answers that are here. Each leader is asked for more at once.
    pub(super) fn collect(&mut self) -> bool {
        let mut any = false;
        for index in 0..self.links.len() {
            match self.links[index].answer(&self.options) {
                Ok(Some(answer)) => {
                    if answer.epoch == self.epoch {
                        self.accept(index, answer);
                    }
                    if self.leaders_known && self.not_before.is_none() {
                        self.ask_link(index);
                    }
                    any = true;
                }
                Ok(None) => {}
                Err(error) => self.lost(index, &error),
            }
        }
        if any {
            self.tell_lag();
        }
        any
    }

    pub(super) fn lost(&mut self, link: usize, error: &dyn std::fmt::Display) {
        self.links[link].close();
        self.trouble("fetching", error);
    }

    /// Something to be tried again after a pause, with leaders that are asked for anew.
    pub(super) fn trouble(&mut self, what: &str, error: &dyn std::fmt::Display) {
        self.leaders_known = false;
        self.not_before = Some(Instant::now() + self.options.backoff);
        if let Some(left_out) = CLIENT_LINES.admit(&format!("fetch {what}"), Instant::now()) {
            tracing::warn!(%error, what, group = self.options.group, left_out, "Kafka fetch");
        }
    }

    pub(super) fn wait(&self, left: Duration) {
        let until = |moment: Instant| moment.saturating_duration_since(Instant::now());
        let left = self.not_before.map_or(left, |moment| left.min(until(moment)));
        let waiting: Vec<_> = self.links.iter().filter_map(Link::waiting).collect();
        if waiting.is_empty() {
            std::thread::sleep(left);
        } else {
            wait_for_any(&waiting, left);
        }
    }
}
