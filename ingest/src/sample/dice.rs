//! Chance that can be asked again: every draw is a hash of the seed and of what it is for, so any campaign, day or
//! lead can be drawn on its own, in any order, with the same result on every machine.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What a draw is for; part of the hash.
#[derive(Clone, Copy, Debug)]
pub(super) enum Draw {
    Spend,
    Price,
    Clicks,
    Leads,
    Created,
    Attributed,
    Delivery,
    Fate,
    Delay,
    Sale,
    SaleDelay,
    Amount,
    Again,
    AgainDelay,
    RepeatedPoll,
}

/// A seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number from 0 to below 1. Only exact arithmetic is used, so that no platform rounds differently.
    pub(super) fn unit(self, draw: Draw, of: [i64; 3]) -> f64 {
        let mut bytes = [0_u8; 32];
        for (chunk, number) in bytes.chunks_exact_mut(8).zip([draw as i64, of[0], of[1], of[2]]) {
            chunk.copy_from_slice(&number.to_le_bytes());
        }
        let bits = u32::try_from(xxh3_64_with_seed(&bytes, self.0) >> 32).expect("32 bits are left");
        f64::from(bits) / f64::from(u32::MAX) * (1.0 - f64::EPSILON)
    }

    /// Whether something of this probability happens.
    pub(super) fn happens(self, probability: f64, draw: Draw, of: [i64; 3]) -> bool {
        self.unit(draw, of) < probability
    }

    /// A number from `low` to below `high`.
    pub(super) fn between(self, low: f64, high: f64, draw: Draw, of: [i64; 3]) -> f64 {
        low + (high - low) * self.unit(draw, of)
    }
}
