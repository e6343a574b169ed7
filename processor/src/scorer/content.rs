//! The fingerprint of a score record: everything that would be news in it.

use schemas::record::{CampaignScore, Parts, WindowTotals};

/// Fingerprint of a score and the figures of its reasons. Moment and cause are left out, because they alone are no
/// news; sentences, because they follow from the rest; the key's parts, because they never change.
pub(super) fn fingerprint<'r>(
    score: &CampaignScore<'_>,
    reasons: impl Iterator<Item = (&'r str, f64, f64)>,
) -> u64 {
    let mut mix = Mix(0x51_7c_c1_b7_27_22_0a_95);
    let Parts { cost_efficiency, lead_quality, volume, trend, engagement } = score.parts;
    for value in [cost_efficiency, lead_quality, volume, trend, engagement, score.total, score.confidence] {
        mix.add(value.to_bits());
    }
    mix.int(i64::from(score.as_of.0));
    mix.add(score.recommendation as u64);
    mix.add(u64::from(score.actionable));
    mix.add(score.guard.map_or(0, |guard| guard as u64 + 1));
    window(&mut mix, &score.window);
    mix.text(score.currency.unwrap_or(""));
    mix.text(score.policy_version);
    mix.int(score.metrics_observed_at.map_or(i64::MIN, |at| at.0));
    if let Some(announced) = score.announced {
        mix.add(announced.action as u64 + 1);
        mix.add(announced.total.to_bits());
        mix.int(i64::from(announced.as_of.0));
        mix.int(announced.announced_at.0);
    }
    for (code, figure, target) in reasons {
        mix.text(code);
        mix.add(figure.to_bits());
        mix.add(target.to_bits());
    }
    for code in &score.firing {
        mix.text(code);
    }
    mix.0
}

fn window(mix: &mut Mix, window: &WindowTotals) {
    for value in [
        window.spend_micros.0,
        window.impressions,
        window.link_clicks,
        window.leads,
        window.crm_leads,
        window.qualified,
        window.won,
        window.revenue_micros.0,
        window.purchases,
        i64::from(window.active_days),
    ] {
        mix.int(value);
    }
}

struct Mix(u64);

impl Mix {
    #[expect(clippy::cast_possible_truncation, reason = "the halves of the product are wanted")]
    fn add(&mut self, value: u64) {
        let product = u128::from(self.0 ^ value) * 0x9e37_79b9_7f4a_7c15_u128;
        self.0 = (product as u64) ^ ((product >> 64) as u64) ^ self.0.rotate_left(23);
    }

    fn int(&mut self, value: i64) {
        self.add(value.cast_unsigned());
    }

    fn text(&mut self, text: &str) {
        self.add(text.len() as u64);
        let (words, rest) = text.as_bytes().as_chunks();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            self.add(rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_mixed_by_eight_bytes_with_zeros_behind_the_last(text in "[a-zé]{0,40}") {
            let (mut mix, mut expected) = (Mix(7), Mix(7));
            mix.text(&text);
            expected.add(text.len() as u64);
            let padded = [text.as_bytes(), &[0; 7]].concat();
            padded.chunks_exact(8).for_each(|word| expected.add(u64::from_le_bytes(word.try_into().unwrap())));
            prop_assert_eq!(mix.0, expected.0);
        }
    }
}
