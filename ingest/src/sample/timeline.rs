//! The order of time: from poll to poll, first what the CRM posted in between, then what the poll returns.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use schemas::record::RawKind;
use schemas::{Day, TimestampMs};

use super::campaigns::Campaign;
use super::dice::{Dice, Draw};
use super::leads::Lead;
use super::{CrmMessage, FacebookMessage, SampleItem, SampleMessage, SampleOptions, days, insights, leads};

const POLL_EVERY_MS: i64 = 6 * 3_600_000;
const POLLS_REPEATED: f64 = 0.05;

/// The messages in the order of time. Memory holds one poll and the leads still under way.
#[derive(Debug)]
pub struct Sample {
    options: SampleOptions,
    dice: Dice,
    campaigns: Vec<Campaign>,
    /// The last moment that was generated.
    until: TimestampMs,
    /// CRM messages still to come, by their moment and a number that keeps their order.
    pending: BTreeMap<(i64, u64), (usize, Arc<Lead>, usize)>,
    numbered: u64,
    ready: VecDeque<SampleItem>,
}

impl Sample {
    pub(super) fn new(options: SampleOptions) -> Self {
        let campaigns = Campaign::all(&options);
        let first = campaigns.iter().filter_map(|campaign| {
            let today = campaign.day_of(options.end);
            days(today, &options).next().map(|day| campaign.day_start(day).0)
        });
        // Polls lie on multiples of six hours after the epoch.
        let start = first.min().unwrap_or(options.end.0).div_euclid(POLL_EVERY_MS) * POLL_EVERY_MS - 1;
        Self {
            dice: Dice(options.seed),
            campaigns,
            until: TimestampMs(start),
            pending: BTreeMap::new(),
            numbered: 0,
            ready: VecDeque::new(),
            options,
        }
    }

    /// Generates everything after `until` up to the next poll, which it includes.
    fn advance(&mut self) {
        let previous = self.until;
        let regular = (previous.0.div_euclid(POLL_EVERY_MS) + 1) * POLL_EVERY_MS;
        let poll = TimestampMs(regular.min(self.options.end.0));
        self.until = poll;
        for index in 0..self.campaigns.len() {
            self.begin_days(index, previous, poll);
        }
        let later = self.pending.split_off(&(poll.0 + 1, 0));
        for ((at, _), (campaign, lead, step)) in std::mem::replace(&mut self.pending, later) {
            self.ready.push_back(crm(&self.campaigns[campaign], &lead, step, at));
        }
        self.poll(previous, poll);
    }

    /// Draws the leads of every day that begins in the interval; nothing of them happens earlier.
    fn begin_days(&mut self, index: usize, after: TimestampMs, until: TimestampMs) {
        let campaign = &self.campaigns[index];
        let today = campaign.day_of(self.options.end);
        for day in [campaign.day_of(after), campaign.day_of(until)].map(|day| day.0) {
            let start = campaign.day_start(Day(day));
            let begins = start > after && start <= until;
            if !begins || day < today.0 - i32::try_from(self.options.days).unwrap_or(i32::MAX) {
                continue;
            }
            for lead in leads::of_day(self.dice, campaign, Day(day), today.0 - day, self.options.end) {
                let lead = Arc::new(lead);
                for (number, step) in lead.steps.iter().enumerate() {
                    let deliveries = [Some(step.delivered_at), step.again_at];
                    for at in deliveries.into_iter().flatten().filter(|at| *at <= self.options.end.0) {
                        self.pending.insert((at, self.numbered), (index, Arc::clone(&lead), number));
                        self.numbered += 1;
                    }
                }
            }
        }
    }

    /// What has changed since the previous poll. Now and then a poll is delivered twice.
    fn poll(&mut self, previous: TimestampMs, poll: TimestampMs) {
        let mut rows: BTreeMap<u32, Vec<SampleItem>> = BTreeMap::new();
        for campaign in &self.campaigns {
            let items = rows.entry(campaign.account).or_default();
            let today = campaign.day_of(self.options.end);
            let first = today.0 - i32::try_from(self.options.days).unwrap_or(i32::MAX);
            let current = campaign.day_of(poll);
            if campaign.day_of(previous) != current && current.0 >= first {
                if items.is_empty() {
                    items.push(item(campaign, RawKind::Account, poll, 0, campaign.account_object()));
                }
                let row = items.len();
                items.push(item(campaign, RawKind::Campaign, poll, row, campaign.object(&self.options)));
            }
            for day in (current.0 - insights::DAYS_REREAD..=current.0).filter(|day| *day >= first).map(Day) {
                let age = today.0 - day.0;
                let figures = |moment| insights::observed(self.dice, campaign, day, age, moment);
                let (Some(now), before) = (figures(poll), figures(previous)) else { continue };
                if before != Some(now) {
                    let row = items.len();
                    items.push(item(
                        campaign,
                        RawKind::Metrics,
                        poll,
                        row,
                        insights::row(campaign, day, &now),
                    ));
                }
            }
        }
        for (account, items) in rows {
            let of = [i64::from(account), poll.0, 0];
            let times = if self.dice.happens(POLLS_REPEATED, Draw::RepeatedPoll, of) { 2 } else { 1 };
            (0..times).for_each(|_| self.ready.extend(items.iter().cloned()));
        }
    }
}

impl Iterator for Sample {
    type Item = SampleItem;

    fn next(&mut self) -> Option<SampleItem> {
        while self.ready.is_empty() && self.until < self.options.end {
            self.advance();
        }
        self.ready.pop_front()
    }
}

fn item(campaign: &Campaign, kind: RawKind, at: TimestampMs, row: usize, payload: Vec<u8>) -> SampleItem {
    let poll = format!("poll-{}-{at}", campaign.account_id);
    let message = FacebookMessage {
        key: if kind == RawKind::Account { campaign.account_key() } else { campaign.key() },
        kind,
        account_id: campaign.account_id.clone(),
        time_zone: campaign.zone.name(),
        currency: campaign.currency,
        message_id: format!("{poll}/{row}"),
        batch_id: (kind == RawKind::Metrics).then_some(poll),
        observed_at: at,
        payload,
    };
    SampleItem { at, message: SampleMessage::Facebook(message) }
}

fn crm(campaign: &Campaign, lead: &Lead, step: usize, at: i64) -> SampleItem {
    let step = &lead.steps[step];
    let message = CrmMessage {
        id: lead.message_id(step),
        timestamp_s: at.div_euclid(1_000),
        body: lead.body(campaign, step),
    };
    SampleItem { at: TimestampMs(at), message: SampleMessage::Crm(message) }
}
