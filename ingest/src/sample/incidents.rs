//! What goes wrong now and then: enough to see alerts and doubts, and no more. An incident comes back every thirty days
//! and is over or under way at the end of the traffic, and so is it a month before, where a live demonstration begins.

/// What happens to a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incident {
    /// The platform counts impressions late: for half a day there are more clicks than impressions. Then it corrects them.
    ImpressionsLate,
    /// The last full day costs twice as much as usual, and brings no more leads.
    SpendSpike,
    /// A week with a fifth of the leads, for the same money.
    LeadDrop,
    /// One day's reach is above its impressions, in every reading of it.
    ReachAbove,
    /// ACTIVE, and without delivery for ten days; the platform reports zeros.
    Idle,
}

/// Days after which an incident comes back.
const EVERY_DAYS: i32 = 30;

impl Incident {
    /// The incident of a campaign: five of every twenty have one.
    pub(super) const fn of(index: u32) -> Option<Self> {
        match index % 20 {
            5 => Some(Self::ImpressionsLate),
            6 => Some(Self::SpendSpike),
            7 => Some(Self::LeadDrop),
            8 => Some(Self::ReachAbove),
            9 => Some(Self::Idle),
            _ => None,
        }
    }

    /// Whether it happens on a day `age` days before the end.
    pub(super) const fn happens(self, age: i32) -> bool {
        let age = age.rem_euclid(EVERY_DAYS);
        match self {
            Self::ImpressionsLate => matches!(age, 3 | 12 | 19),
            Self::SpendSpike => age == 1,
            Self::LeadDrop => age <= 6,
            Self::ReachAbove => age == 6,
            Self::Idle => age <= 9,
        }
    }
}
