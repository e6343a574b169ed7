//! What the alerts of a campaign read of its days, summed in one pass: integers, so that the order cannot show.

use super::CampaignView;

/// Ages 0 to 30.
const AGES: usize = 31;
/// Days no alert sums, summed nowhere that is read.
const UNREAD: usize = 5;
/// For each age, where it is summed: 0 today, 1 yesterday, 2 the rest of the last 7 days, 3 the 8th day before, which
/// belongs to the prior weeks and to the 7 days before yesterday, 4 the rest of the prior weeks.
const PLACE: [usize; AGES] = {
    let mut place = [UNREAD; AGES];
    let mut age = 0;
    while age <= 28 {
        place[age] = match age {
            0 | 1 => age,
            2..=7 => 2,
            8 => 3,
            _ => 4,
        };
        age += 1;
    }
    place
};

/// Sums over the days of a campaign, nothing below 0. Money in micros, whose whole numbers keep a product such as
/// share times budget from missing its threshold by a rounding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    pub(super) spend_today: f64,
    pub(super) yesterday: Total,
    /// Ages 2 to 8, the 7 days before yesterday, and how many of them were active.
    pub(super) before: Total,
    pub(super) before_active: u8,
    /// Ages 1 to 7.
    pub(super) recent: Total,
    /// Ages 8 to 28.
    pub(super) prior: Total,
    /// Age of the newest day with delivery, of those known.
    pub(super) delivered_age: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Total {
    pub(super) spend: f64,
    pub(super) leads: f64,
}

impl Sums {
    pub(super) fn of(view: &CampaignView<'_>) -> Self {
        let (mut spend, mut leads, mut active) = ([0_i64; 6], [0_i64; 6], [0_u8; 6]);
        let mut add = |at: usize, run: (i64, i64, u8)| {
            spend[at] = spend[at].saturating_add(run.0);
            leads[at] = leads[at].saturating_add(run.1);
            active[at] = active[at].saturating_add(run.2);
        };
        let mut delivered = None::<u8>;
        // The days of one place follow each other, so they are summed in registers until the place changes.
        let (mut at, mut run) = (UNREAD, (0_i64, 0_i64, 0_u8));
        for day in view.days {
            let Ok(age) = u8::try_from(i64::from(view.as_of.0) - i64::from(day.day.0)) else { continue };
            let Some(&place) = PLACE.get(usize::from(age)) else { continue };
            if place != at {
                add(at, run);
                (at, run) = (place, (0, 0, 0));
            }
            run.0 = run.0.saturating_add(day.spend.0);
            run.1 = run.1.saturating_add(day.leads);
            if day.impressions > 0 || day.spend.0 > 0 {
                run.2 = run.2.saturating_add(1);
                delivered = Some(delivered.map_or(age, |newest| newest.min(age)));
            }
        }
        add(at, run);
        let total = |places: &[usize]| {
            let sum = |of: &[i64; 6]| places.iter().fold(0_i64, |sum, &at| sum.saturating_add(of[at]));
            Total { spend: count(sum(&spend)), leads: count(sum(&leads)) }
        };
        Self {
            spend_today: count(spend[0]),
            yesterday: total(&[1]),
            before: total(&[2, 3]),
            before_active: active[2].saturating_add(active[3]),
            recent: total(&[1, 2]),
            prior: total(&[3, 4]),
            delivered_age: delivered,
        }
    }
}

/// A count or micros as a number to reckon with, not below 0.
#[expect(clippy::cast_precision_loss, reason = "figures above 2^53 are rejected long before")]
pub(super) fn count(value: i64) -> f64 {
    value.max(0) as f64
}
