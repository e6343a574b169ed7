//! Seeded corpora: the same seed and size give the same bytes.
//!
//! `steady` is the topic `events` of an installation that keeps up, `facts` that of one that catches up; the hostile corpus is the
//! steady one with much more of what goes wrong. Campaigns are asked about as they are in practice, few of them most of the time: the share of a campaign falls with its rank
//! (Zipf, exponent 1). Rows come in polls of fifty, each with its own batch, and no campaign is twice in one poll.

pub mod steady;
pub mod facts;
pub mod raw;
pub mod rows;

use schemas::record::Figures;
use schemas::{CampaignKey, Day, Micros, TimestampMs};

/// Ad platform of every campaign.
pub const PLATFORM: &str = "facebook";
/// Rows of one poll.
pub const POLL_ROWS: u64 = 50;
const ACCOUNTS: u64 = 200;
const CAMPAIGNS_MAX: u64 = 20_000;
/// The first day of every corpus.
const FIRST_DAY: Day = Day(20_700);
/// The history that a corpus spreads over.
const DAYS: u64 = 30;
const DAY_MS: u64 = 86_400_000;

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Records.
    pub records: u64,
    /// Seed of everything random.
    pub seed: u64,
}

/// Which topic `events` to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Thirty days of history, then ten days of polls: few days are touched by many events.
    Steady,
    /// A month passes within the corpus: nearly every third event is about a day of its own.
    CatchUp,
    /// Steady, with 5 % poison, 20 % flagged and 50 % late.
    Hostile,
}

impl Size {
    /// How many campaigns: 20,000, fewer in a small corpus.
    pub fn campaigns(self) -> u64 {
        (self.records / 10).clamp(2 * POLL_ROWS, CAMPAIGNS_MAX)
    }

    /// When a poll took place; polls are spread evenly.
    fn poll_at(self, poll: u64) -> TimestampMs {
        let polls = self.records.div_ceil(POLL_ROWS).max(1);
        let since = u128::from(poll) * u128::from(DAYS * DAY_MS) / u128::from(polls);
        TimestampMs(FIRST_DAY.midnight_utc().0 + i64::try_from(since).unwrap_or(i64::MAX / 2))
    }

    /// How many polls a day has.
    fn polls_a_day(self) -> u64 {
        self.records.div_ceil(POLL_ROWS).div_ceil(DAYS).max(1)
    }
}

/// Chance from a seed (splitmix64).
#[derive(Clone, Copy, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Chance that depends on the seed alone.
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is far below 2^32.
    pub fn below(&mut self, end: u64) -> u64 {
        ((self.next() >> 32) * end) >> 32
    }

    /// Whether something happens that happens so often in a thousand times.
    pub fn per_mille(&mut self, often: u64) -> bool {
        self.below(1_000) < often
    }

    /// A rank below `end`; rank k comes with a frequency of about 1/k.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks are small and positive"
    )]
    fn rank(&mut self, end: u64) -> u64 {
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        (((end + 1) as f64).powf(unit) as u64 - 1).min(end - 1)
    }
}

/// Draws campaigns, none of them twice in one poll.
#[derive(Debug)]
struct Poll {
    campaigns: u64,
    drawn: Vec<u64>,
}

impl Poll {
    fn new(campaigns: u64) -> Self {
        Self { campaigns, drawn: Vec::new() }
    }

    fn begin(&mut self) {
        self.drawn.clear();
    }

    fn draw(&mut self, dice: &mut Dice) -> Campaign {
        let mut number = dice.rank(self.campaigns);
        while self.drawn.contains(&number) {
            // At most half of the campaigns are in one poll, so this ends.
            number = dice.below(self.campaigns);
        }
        self.drawn.push(number);
        Campaign(number)
    }
}

/// A campaign by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Campaign(u64);

impl Campaign {
    /// The campaign of a number.
    pub const fn numbered(number: u64) -> Self {
        Self(number)
    }

    /// Its account.
    pub fn account_id(self) -> String {
        format!("10000000{:04}", self.0 % ACCOUNTS)
    }

    /// Its id.
    pub fn id(self) -> String {
        format!("1202100000{:08}", self.0)
    }

    /// Its key.
    pub fn key(self) -> String {
        let (account_id, campaign_id) = (self.account_id(), self.id());
        CampaignKey { platform: PLATFORM, account_id: &account_id, campaign_id: &campaign_id }.to_string()
    }

    /// Its figures on a day of which `per_mille` has passed; a little more than 1,000 restates them.
    fn figures(self, day: Day, per_mille: u64) -> Counts {
        let mut dice = Dice::new((self.0 << 20) | u64::from(day.0.unsigned_abs()));
        let spend_cents = (2_000 + (self.0 % 97) * 100 + dice.below(1_500)) * per_mille / 1_000;
        let impressions = spend_cents * (90 + self.0 % 40) / 80;
        let link_clicks = impressions * (10 + self.0 % 35) / 1_000;
        // From none to one for every ten units of money.
        let leads = if self.0 % 9 == 8 { 0 } else { spend_cents / (1_000 + (self.0 % 9) * 900) };
        Counts {
            spend_cents: signed(spend_cents),
            impressions: signed(impressions),
            reach: signed(impressions * 10 / 13),
            clicks: signed(link_clicks * 5 / 4),
            link_clicks: signed(link_clicks),
            leads: signed(leads),
            purchases: signed(leads / 4),
        }
    }
}

/// The figures of a day.
#[derive(Clone, Copy, Debug)]
struct Counts {
    spend_cents: i64,
    impressions: i64,
    reach: i64,
    clicks: i64,
    link_clicks: i64,
    leads: i64,
    purchases: i64,
}

impl From<Counts> for Figures {
    fn from(counts: Counts) -> Self {
        Self {
            spend_micros: Some(Micros(counts.spend_cents * 10_000)),
            impressions: Some(counts.impressions),
            reach: Some(counts.reach),
            clicks: Some(counts.clicks),
            link_clicks: Some(counts.link_clicks),
            leads: Some(counts.leads),
            purchases: Some(counts.purchases),
            purchase_value_micros: Some(Micros(counts.purchases * 60_000_000)),
        }
    }
}

/// The share of its day that has passed at a moment, in thousandths.
fn day_share(at: TimestampMs) -> u64 {
    at.0.rem_euclid(86_400_000).unsigned_abs() * 1_000 / DAY_MS
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_tenth_of_the_campaigns_has_most_of_the_draws() {
        let mut dice = Dice::new(7);
        let first = (0..10_000).filter(|_| dice.rank(1_000) < 100).count();
        assert!((6_000..8_000).contains(&first), "{first}");
    }

    #[test]
    fn no_campaign_is_twice_in_a_poll() {
        let (mut dice, mut poll) = (Dice::new(7), Poll::new(2 * POLL_ROWS));
        for _ in 0..100 {
            poll.begin();
            let mut drawn: Vec<u64> = (0..POLL_ROWS).map(|_| poll.draw(&mut dice).0).collect();
            drawn.sort_unstable();
            drawn.dedup();
            assert_eq!(drawn.len() as u64, POLL_ROWS);
        }
    }
}
