//! Made-up histories: every kind of fact, in every order that the sources allow, and some that they should not.

use std::collections::BTreeMap;

use schemas::record::{Contribution, Doubt, FatigueLevel, Figures, Source};
use schemas::{Day, Micros};

use crate::batch::{AccountSettings, local_day};
use crate::chance::Chance;
use crate::fact::{Body, Fact, Lead, Log, Row, Seen};
use crate::formula::{DEFAULTS, Targets};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// Incomplete batches of a campaign, day and source that a history may have at once.
const OPEN_MAX: usize = 4;

/// The accounts of every history.
pub(crate) const ACCOUNTS: [AccountSettings; 4] = [
    AccountSettings { prefix: "facebook:1:", zone: Some("America/Los_Angeles"), targets: DEFAULTS },
    AccountSettings {
        prefix: "facebook:2:",
        zone: Some("Pacific/Apia"),
        targets: Targets { cost_per_lead: 40.0, leads: 30.0, roas_weight: 0.0 },
    },
    AccountSettings { prefix: "facebook:3:", zone: None, targets: DEFAULTS },
    AccountSettings {
        prefix: "facebook:4:",
        zone: Some("Europe/Lisbon"),
        targets: Targets { cost_per_lead: 12.5, leads: 90.0, roas_weight: 0.4 },
    },
];

const ZONES: [&str; 9] = [
    "America/New_York",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Asia/Kathmandu",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Mars/Olympus",
];

/// What a history has, and how much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) facts: usize,
    pub(crate) campaigns: usize,
    pub(crate) first_day: i32,
    /// How long it lasts, without its pauses.
    pub(crate) days: i64,
    /// Whether at most four batches of a day are incomplete at once.
    pub(crate) bounded: bool,
    /// Whether there are facts whose meaning depends on the order of arrival: of a row said twice in different words
    /// the first counts, and what lies beyond the horizon is not taken.
    pub(crate) ordered: bool,
}

/// The accounts as a policy's text.
pub(crate) fn policy(extra: &str) -> String {
    let mut text = format!("{extra}\n");
    for account in ACCOUNTS {
        let prefix = account.prefix.trim_end_matches(':');
        let zone = account.zone.map(|zone| format!("time_zone = \"{zone}\"\n")).unwrap_or_default();
        let Targets { cost_per_lead, leads, roas_weight } = account.targets;
        text += &format!("[accounts.\"{prefix}\"]\n{zone}");
        text +=
            &format!("score = {{ c0 = {cost_per_lead:?}, T = {leads:?}, roas_weight = {roas_weight:?} }}\n");
    }
    text
}

/// Writes a history.
pub(crate) fn history(plan: Plan) -> Log {
    let mut writer = Writer::new(plan);
    let step = plan.days * 24 * HOUR / i64::try_from(plan.facts).unwrap();
    let pauses: Vec<_> = (1..8).map(|eighth| plan.facts * eighth / 8).collect();
    while writer.facts.len() + 1 < plan.facts {
        let before = writer.facts.len();
        writer.now += writer.chance.between(0, 2 * step);
        writer.fact();
        if pauses.iter().any(|pause| before < *pause && *pause <= writer.facts.len()) {
            writer.pause();
        }
    }
    writer.pause();
    let keys = (0..plan.campaigns).map(key).collect();
    Log { policy: policy(""), keys, facts: writer.facts, checkpoints: writer.checkpoints }
}

fn key(campaign: usize) -> String {
    format!("facebook:{}:{}", campaign % 5 + 1, 120_210_000_000_000_000 + campaign)
}

struct Writer {
    plan: Plan,
    chance: Chance,
    now: i64,
    facts: Vec<Fact>,
    checkpoints: Vec<(usize, usize)>,
    /// Rows that are on their way, with the number of facts after which they arrive.
    under_way: Vec<(usize, Fact)>,
    /// What was last said of a campaign, source and day.
    said: BTreeMap<(usize, Source, i32), Said>,
    leads: Vec<LeadState>,
    batches: usize,
}

#[derive(Clone, Debug, Default)]
struct Said {
    figures: Option<Figures>,
    at: i64,
    /// Rows that have not arrived, by batch.
    open: BTreeMap<String, usize>,
}

struct LeadState {
    key: String,
    campaign: usize,
    now: Contribution,
}

impl Writer {
    fn new(plan: Plan) -> Self {
        Self {
            plan,
            chance: Chance::new(plan.seed),
            now: i64::from(plan.first_day) * 24 * HOUR,
            facts: Vec::new(),
            checkpoints: Vec::new(),
            under_way: Vec::new(),
            said: BTreeMap::new(),
            leads: Vec::new(),
            batches: 0,
        }
    }

    fn fact(&mut self) {
        self.arrive();
        match self.chance.between(0, 99) {
            0..=54 => self.batch(),
            55..=79 => self.lead(),
            80..=83 => self.tick(),
            84..=90 => self.seen(),
            91..=92 => self.fatigue(),
            _ => self.repeat(),
        }
    }

    /// Lets the rows arrive whose time has come.
    fn arrive(&mut self) {
        let arrived = self.facts.len();
        let due: Vec<Fact> =
            self.under_way.extract_if(.., |(when, _)| *when <= arrived).map(|(_, f)| f).collect();
        for fact in due {
            if let (Body::Row(row), Some(campaign)) = (&fact.body, fact.campaign) {
                let said = self.said.get_mut(&(campaign, row.source, row.day)).unwrap();
                let left = said.open.get_mut(&row.batch_id).unwrap();
                *left -= 1;
                if *left == 0 {
                    said.open.remove(&row.batch_id);
                }
            }
            self.facts.push(fact);
        }
    }

    /// A campaign; the first are busy, the last fall silent after a fifth of the history.
    fn campaign(&mut self) -> usize {
        let early = self.facts.len() < self.plan.facts / 5;
        self.chance.low_below(if early { self.plan.campaigns } else { self.plan.campaigns * 3 / 4 })
    }

    fn moment(&mut self) -> i64 {
        match self.chance.between(0, 99) {
            // Late, by up to four days.
            0..=9 => self.now - self.chance.between(1, 96 * 60) * MINUTE,
            // A source whose clock is ahead.
            10 => self.now + self.chance.between(1, 6 * 60) * MINUTE,
            _ => self.now,
        }
    }

    fn today(&self) -> i32 {
        local_day(chrono_tz::Tz::UTC, self.now)
    }

    fn day(&mut self) -> i32 {
        let today = self.today();
        let age = match self.chance.between(0, 99) {
            0..=59 => self.chance.between(0, 8),
            60..=92 => self.chance.between(0, 40),
            93..=96 => self.chance.between(41, 100),
            97..=98 => -self.chance.between(1, 3),
            _ if self.plan.ordered => self.chance.between(37 * 30, 37 * 31 + 20),
            _ => 1,
        };
        today - i32::try_from(age).unwrap()
    }

    fn batch(&mut self) {
        let (campaign, day, mut at) = (self.campaign(), self.day(), self.moment());
        let source = if self.chance.percent(75) { Source::Facebook } else { Source::Csv };
        let said = self.said.entry((campaign, source, day)).or_default().clone();
        self.batches += 1;
        // Some polls share their moment with the one before: then the id decides.
        let prefix = self.chance.one_of(&["poll-", "export-", "b"]);
        let batch_id = format!("{prefix}{}", self.batches);
        if said.at != 0 && self.chance.percent(4) {
            at = said.at;
        }
        let rows = if self.chance.percent(65) { 1 } else { self.chance.between(2, 5) };
        let is_open = rows > 1;
        if is_open && self.plan.bounded && said.open.len() >= OPEN_MAX {
            return;
        }
        let same = said.figures.filter(|_| rows == 1 && self.chance.percent(30));
        let doubtful = self.chance.percent(if same.is_some() { 30 } else { 15 });
        let lost = is_open && self.chance.percent(12);
        let mut order: Vec<i64> = (0..rows).collect();
        self.chance.shuffle(&mut order);
        let mut last = Figures::default();
        for index in order {
            let (figures, doubts) = self.figures(same, doubtful);
            last = figures;
            let row = Row {
                source,
                day,
                batch_id: batch_id.clone(),
                index: i32::try_from(index).unwrap(),
                count: i32::try_from(rows).unwrap(),
                figures,
            };
            let fact = Fact { campaign: Some(campaign), at, doubts, body: Body::Row(row) };
            if is_open {
                let delay = if lost && index == 0 { usize::MAX } else { self.chance.below(400) };
                self.under_way.push((self.facts.len().saturating_add(delay), fact));
            } else {
                self.facts.push(fact);
            }
        }
        let said = self.said.get_mut(&(campaign, source, day)).unwrap();
        said.at = at;
        if is_open {
            said.open.insert(batch_id, usize::try_from(rows).unwrap());
        } else {
            said.figures = Some(last);
        }
    }

    fn figures(&mut self, same: Option<Figures>, doubtful: bool) -> (Figures, Vec<Doubt>) {
        let mut doubts = Vec::new();
        if doubtful && self.chance.percent(70) {
            doubts.push(self.chance.one_of(&[
                Doubt::CtrAboveLimit,
                Doubt::ReachAboveImpressions,
                Doubt::DayAhead,
            ]));
        }
        if let Some(same) = same {
            if same.spend_micros.is_none() {
                doubts.insert(0, Doubt::SpendMissing);
            }
            return (same, doubts);
        }
        let impressions = self.chance.between(500, 9_000);
        let mut figures = Figures {
            spend_micros: Some(Micros(self.chance.between(10_000_000, 90_000_000))),
            impressions: Some(impressions),
            clicks: Some(impressions / self.chance.between(20, 60)),
            leads: self.chance.percent(60).then(|| self.chance.between(0, 4)),
            ..Figures::default()
        };
        if self.chance.percent(2) {
            // A decimal point went astray.
            figures.spend_micros = figures.spend_micros.map(|spend| Micros(spend.0 * 100));
        }
        if self.chance.percent(50) {
            figures.link_clicks = Some(impressions / self.chance.between(30, 90));
        }
        if self.chance.percent(20) {
            figures.reach = Some(impressions * 3 / 4);
            figures.purchases = Some(self.chance.between(0, 3));
            figures.purchase_value_micros = Some(Micros(self.chance.between(0, 900_000_000)));
        }
        if doubtful && self.chance.percent(30) {
            figures.spend_micros = None;
            doubts.insert(0, Doubt::SpendMissing);
        }
        (figures, doubts)
    }

    fn lead(&mut self) {
        let at = self.moment();
        if self.leads.is_empty() || self.chance.percent(35) {
            let campaign = self.campaign();
            let created_day = match self.chance.between(0, 99) {
                0 if self.plan.ordered => self.today() - 1_300,
                _ => self.today() - i32::try_from(self.chance.low_below(40)).unwrap(),
            };
            let now = contribution(Day(created_day), 0, 0);
            let key = format!("crm:{}", self.leads.len());
            self.leads.push(LeadState { key: key.clone(), campaign, now });
            self.push(Some(campaign), at, Body::Lead(Lead { key, before: None, after: Some(now) }));
            return;
        }
        let which = self.leads.len() - 1 - self.chance.low_below(self.leads.len());
        let mut after = self.leads[which].now;
        let (key, campaign, before) = (self.leads[which].key.clone(), self.leads[which].campaign, after);
        match self.chance.between(0, 99) {
            0..=39 => after = contribution(after.created_day, 1, 0),
            40..=64 => after = contribution(after.created_day, 2, self.chance.between(0, 5_000_000_000)),
            // Won turns lost, qualified turns disqualified.
            65..=84 => after = contribution(after.created_day, 0, 0),
            // The account's time zone became known, and the day with it.
            85..=89 => after.created_day = Day(after.created_day.0 - 1),
            _ => {
                let campaign_now = self.campaign();
                self.leads[which].campaign = campaign_now;
                let leaving = Lead { key: key.clone(), before: Some(before), after: None };
                self.push(Some(campaign), at, Body::Lead(leaving));
                self.push(Some(campaign_now), at, Body::Lead(Lead { key, before: None, after: Some(after) }));
                return;
            }
        }
        self.leads[which].now = after;
        self.push(Some(campaign), at, Body::Lead(Lead { key, before: Some(before), after: Some(after) }));
    }

    fn seen(&mut self) {
        let (campaign, at) = (self.campaign(), self.moment());
        let mut seen = Seen { name: None, status: None, zone: None, budget: None, frequency: None };
        if self.chance.percent(30) {
            seen.frequency = Some([0.4, 1.9, 2.0, 2.7, 3.35, 6.0][self.chance.below(6)]);
        } else {
            seen.name = self.chance.percent(80).then(|| self.chance.one_of(&["Leads", "Sales", "Broad"]));
            seen.status = self.chance.percent(80).then(|| self.chance.one_of(&["ACTIVE", "PAUSED"]));
            seen.zone = self.chance.percent(50).then(|| self.chance.one_of(&ZONES));
            seen.budget = self.chance.percent(50).then(|| self.chance.between(1, 90) * 1_000_000);
        }
        self.push(Some(campaign), at, Body::Seen(seen));
    }

    fn fatigue(&mut self) {
        let (campaign, at) = (self.campaign(), self.moment());
        let level = self.chance.one_of(&[FatigueLevel::Low, FatigueLevel::Medium, FatigueLevel::High]);
        self.push(Some(campaign), at, Body::Fatigue(level));
    }

    /// An older fact once more; now and then with the same name and other figures, or another number of rows.
    fn repeat(&mut self) {
        if self.facts.is_empty() {
            return;
        }
        let which = self.facts.len() - 1 - self.chance.below(self.facts.len().min(3_000));
        let mut fact = self.facts[which].clone();
        if !fact.is_repeatable() {
            return;
        }
        if let (Body::Row(row), true) = (&mut fact.body, self.plan.ordered && self.chance.percent(25)) {
            row.figures.impressions = Some(self.chance.between(500, 9_000));
            if self.chance.percent(60) {
                row.count += 1;
            }
        }
        self.facts.push(fact);
    }

    fn tick(&mut self) {
        self.push(None, self.now, Body::Tick);
    }

    /// Nothing for more than a day, so that every campaign's day has changed; then facts of the new day, and a tick.
    fn pause(&mut self) {
        let reached = self.facts.iter().map(|fact| fact.at).fold(self.now, i64::max);
        self.now = reached + self.chance.between(26 * 60, 110 * 60) * MINUTE;
        let first = self.facts.len();
        for _ in 0..self.plan.facts / 500 {
            match self.chance.between(0, 3) {
                0 => self.batch(),
                1 => self.lead(),
                2 => self.fatigue(),
                _ => self.seen(),
            }
        }
        // A clock that was ahead must not be ahead of the tick.
        self.now += 7 * HOUR;
        self.checkpoints.push((first, self.facts.len()));
        self.tick();
    }

    fn push(&mut self, campaign: Option<usize>, at: i64, body: Body) {
        self.facts.push(Fact { campaign, at, doubts: Vec::new(), body });
    }
}

fn contribution(created_day: Day, stage: u8, revenue: i64) -> Contribution {
    Contribution { created_day, qualified: stage >= 1, won: stage == 2, revenue_micros: Micros(revenue) }
}
