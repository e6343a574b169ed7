//! What the alerts of a campaign read of its days.

use crate::score::Window;
use crate::score::window::{EIGHTH, PRIOR, Place, TODAY, WEEK, YESTERDAY};

/// Sums over the days of a campaign, nothing below 0. Money in micros, whose whole numbers keep a product such as
/// share times budget from missing its threshold by a rounding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sums {
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
pub(crate) struct Total {
    pub(super) spend: f64,
    pub(super) leads: f64,
}

impl From<&Window> for Sums {
    fn from(window: &Window) -> Self {
        let total = |places: &[usize]| {
            let Place { spend, leads } = window.over(places);
            Total { spend: count(spend), leads: count(leads) }
        };
        let active = window.active();
        Self {
            spend_today: total(&[TODAY]).spend,
            yesterday: total(&[YESTERDAY]),
            before: total(&[WEEK, EIGHTH]),
            before_active: u8::try_from((active >> 2 & 0x7f).count_ones()).unwrap_or(u8::MAX),
            recent: total(&[YESTERDAY, WEEK]),
            prior: total(&[EIGHTH, PRIOR]),
            delivered_age: (active != 0).then(|| u8::try_from(active.trailing_zeros()).unwrap_or(u8::MAX)),
        }
    }
}

/// A count or micros as a number to reckon with, not below 0.
#[expect(clippy::cast_precision_loss, reason = "figures above 2^53 are rejected long before")]
pub(super) fn count(value: i64) -> f64 {
    value.max(0) as f64
}
