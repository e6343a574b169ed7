//! The made-up events: as in the benchmark of the whole pipeline, but made on the fly.
//!
//! Campaigns are drawn by Zipf's law; most facts are figures of recent days, 2 in 100 are late, 1 in 100 restates a
//! day of the last four weeks, 1 in 1,000 is refused, a tenth are leads on their way. One seed, one log.

use schemas::record::{
    BatchRow, CampaignObserved, Contribution, Doubt, Event, EventBody, FatigueLevel, FatigueSignal, Figures,
    LeadChanged, MetricsObserved, Origin, QualityFlag, Source, Tick,
};
use schemas::{Day, Micros, TimestampMs};

use crate::Sizes;

const FIRST_DAY: Day = Day(20_700);
const DAY_MS: i64 = 86_400_000;

/// Makes the events. Their text lies here, so that an event is a few numbers until it is applied.
pub(crate) struct Corpus {
    sizes: Sizes,
    chance: u64,
    keys: Vec<String>,
    polls: Vec<String>,
    /// Leads under way: campaign, creation day, stage reached.
    leads: Vec<(usize, Day, u8)>,
    lead_keys: Vec<String>,
}

/// An event before it borrows its text.
pub(crate) struct Made {
    campaign: usize,
    at: TimestampMs,
    kind: Kind,
}

enum Kind {
    Figures { day: Day, poll: usize, figures: Figures, doubt: Option<Doubt> },
    Lead { key: usize, before: Option<Contribution>, after: Option<Contribution> },
    Seen { budget: i64, frequency: Option<f64> },
    Fatigue,
    Tick,
}

impl Corpus {
    pub(crate) fn new(sizes: Sizes) -> Self {
        let key = |campaign: usize| {
            format!("facebook:{}:{}", 1_000_000 + campaign % 500, 120_210_000_000_000_000 + campaign)
        };
        Self {
            sizes,
            chance: sizes.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            keys: (0..sizes.campaigns).map(key).collect(),
            // A poll every hour; each names the days that it read.
            polls: (0..sizes.days * 24 + 1).map(|hour| format!("poll-{hour:06}")).collect(),
            leads: Vec::new(),
            lead_keys: (0..4_096).map(|lead| format!("crm:{lead}")).collect(),
        }
    }

    /// The events of the next transaction; the first of an hour is a tick.
    pub(crate) fn transaction(&mut self, offset: i64) -> Vec<Made> {
        let left = usize::try_from(self.sizes.events - offset).unwrap_or(0);
        let mut made = Vec::with_capacity(self.sizes.transaction.min(left));
        for at in (offset..).take(self.sizes.transaction.min(left)) {
            let now = self.now(at);
            let is_new_hour = at > 0 && now / 3_600_000 != self.now(at - 1) / 3_600_000;
            made.push(if is_new_hour {
                Made { campaign: usize::MAX, at: TimestampMs(now), kind: Kind::Tick }
            } else {
                self.fact(now)
            });
        }
        made
    }

    fn now(&self, offset: i64) -> i64 {
        let run = i128::from(self.sizes.days * DAY_MS) * i128::from(offset) / i128::from(self.sizes.events);
        FIRST_DAY.midnight_utc().0 + i64::try_from(run).unwrap_or(0)
    }

    fn fact(&mut self, now: i64) -> Made {
        let campaign = self.campaign();
        let late = self.below(100) < 2;
        let at = TimestampMs(if late { now - self.signed_below(3 * DAY_MS) } else { now });
        let kind = match self.below(1_000) {
            0..=99 => return self.lead(now),
            100..=129 => Kind::Seen {
                budget: self.signed_below(90) * 1_000_000,
                frequency: (self.below(2) == 0).then(|| 1.0 + f64::from(self.below_u16(400)) / 100.0),
            },
            130 => Kind::Fatigue,
            // Refused: a batch without rows.
            131 => Kind::Figures {
                day: at.day_utc(),
                poll: usize::MAX,
                figures: Figures::default(),
                doubt: None,
            },
            132..=141 => self.figures(at, 28),
            _ => self.figures(at, 3),
        };
        Made { campaign, at, kind }
    }

    fn figures(&mut self, at: TimestampMs, days_back: u16) -> Kind {
        let day = Day(at.day_utc().0 - i32::from(self.below_u16(days_back)));
        let hour = (at.0 - FIRST_DAY.midnight_utc().0).max(0) / 3_600_000;
        let impressions = 500 + self.signed_below(20_000);
        let figures = Figures {
            spend_micros: Some(Micros(self.signed_below(90_000_000))),
            impressions: Some(impressions),
            reach: Some(impressions * 3 / 4),
            clicks: Some(impressions / 30),
            link_clicks: Some(impressions / 40),
            leads: Some(self.signed_below(6)),
            ..Figures::default()
        };
        let doubt = (self.below(200) == 0).then_some(Doubt::CtrAboveLimit);
        Kind::Figures { day, poll: usize::try_from(hour).unwrap_or(0) % self.polls.len(), figures, doubt }
    }

    /// A new lead, or one that gets on and is forgotten here once it has won or been lost.
    fn lead(&mut self, now: i64) -> Made {
        let contribution = |day: Day, stage: u8| Contribution {
            created_day: day,
            qualified: stage >= 1,
            won: stage == 2,
            revenue_micros: Micros(i64::from(stage == 2) * 1_200_000_000),
        };
        let key = self.below(self.lead_keys.len());
        let (campaign, before, after) = if self.leads.len() < 10_000 || self.below(2) == 0 {
            let (campaign, day) = (self.campaign(), TimestampMs(now).day_utc());
            self.leads.push((campaign, day, 0));
            (campaign, None, Some(contribution(day, 0)))
        } else {
            let which = self.below(self.leads.len());
            let (campaign, day, stage) = self.leads[which];
            let next = if stage == 0 && self.below(3) > 0 { 1 } else { 2 * u8::from(stage == 1) };
            if next == 1 {
                self.leads[which].2 = 1;
            } else {
                self.leads.swap_remove(which);
            }
            (campaign, Some(contribution(day, stage)), Some(contribution(day, next)))
        };
        Made { campaign, at: TimestampMs(now), kind: Kind::Lead { key, before, after } }
    }

    /// By Zipf's law with exponent 1: the rank is the number of campaigns to the power of an even chance.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank below the number of campaigns"
    )]
    fn campaign(&mut self) -> usize {
        let even = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        let rank = (self.keys.len() as f64).powf(even) as usize;
        // The first ranks are spread over the keys, as busy campaigns are.
        rank.wrapping_mul(2_654_435_761) % self.keys.len()
    }

    pub(crate) fn key(&self, made: &Made) -> Option<&str> {
        self.keys.get(made.campaign).map(String::as_str)
    }

    pub(crate) fn event(&self, made: &Made) -> Event<'_> {
        let (mut flags, mut doubts) = (Vec::new(), Vec::new());
        let body = match made.kind {
            Kind::Figures { day, poll, figures, doubt } => {
                if let Some(doubt) = doubt {
                    flags.push(QualityFlag::Outlier);
                    doubts.push(doubt);
                }
                let batch_id = self.polls.get(poll).map_or("", String::as_str);
                let batch = BatchRow { batch_id, row_index: 0, row_count: 1 };
                let source = Source::Facebook;
                let currency = Some("USD");
                EventBody::MetricsObserved(MetricsObserved { source, day, batch, currency, figures })
            }
            Kind::Lead { key, before, after } => {
                EventBody::LeadChanged(LeadChanged { lead_key: &self.lead_keys[key], before, after })
            }
            Kind::Seen { budget, frequency } => EventBody::CampaignObserved(CampaignObserved {
                name: Some("Leads | Broad"),
                status: Some("ACTIVE"),
                objective: Some("OUTCOME_LEADS"),
                daily_budget_micros: Some(Micros(budget)),
                time_zone: Some("America/Los_Angeles"),
                currency: Some("USD"),
                frequency_7d: frequency,
                ..CampaignObserved::default()
            }),
            Kind::Fatigue => {
                EventBody::FatigueSignal(FatigueSignal { level: FatigueLevel::High, message: None })
            }
            Kind::Tick => EventBody::Tick(Tick {}),
        };
        let origin = Origin { topic: "raw.facebook", partition: 0, offset: 0 };
        Event { observed_at: made.at, origin, flags, doubts, body }
    }

    /// Xorshift64* (S. Vigna).
    fn next(&mut self) -> u64 {
        self.chance ^= self.chance >> 12;
        self.chance ^= self.chance << 25;
        self.chance ^= self.chance >> 27;
        self.chance.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from((u128::from(self.next()) * end as u128) >> 64).unwrap_or(0)
    }

    fn below_u16(&mut self, end: u16) -> u16 {
        u16::try_from(self.below(end.into())).unwrap_or(0)
    }

    fn signed_below(&mut self, end: i64) -> i64 {
        i64::try_from(self.below(usize::try_from(end).unwrap_or(1))).unwrap_or(0)
    }
}
