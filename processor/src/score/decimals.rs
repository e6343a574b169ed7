//! Numbers with few decimals as text, without the general machinery of formatting, which takes longer than the score.
//!
//! Promises the very text of `{:.0}`, `{:.1}` or `{:.2}`. What is not an ordinary number of that kind (very large, below
//! zero, exactly between two neighbours, not finite) is left to that machinery.

use std::fmt::Write as _;

/// Scaled numbers below this are told apart from their neighbours in 53 bits, with room to spare.
const SCALED_MAX: f64 = 1e15;

/// Appends a number, rounded to so many decimals, at most 2.
pub(super) fn write(value: f64, decimals: usize, out: &mut String) {
    match scaled(value, decimals) {
        Some(scaled) => write_scaled(scaled, decimals, out),
        None => write!(out, "{value:.decimals$}").expect("writing to a String cannot fail"),
    }
}

/// The number in units of its last decimal; `None` where that is not plain.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the number is cut off on purpose, and lies between 0 and 2^53"
)]
#[expect(clippy::float_cmp, reason = "a half is exact")]
fn scaled(value: f64, decimals: usize) -> Option<u64> {
    let factor = [1.0, 10.0, 100.0].get(decimals)?;
    let product = value * factor;
    if value.is_sign_negative() || !(0.0..SCALED_MAX).contains(&product) {
        return None;
    }
    let cut = product as u64;
    let rest = product - cut as f64;
    // A product that is not half way lies on the same side of it as the number that it was rounded from.
    if rest == 0.5 {
        let error = value.mul_add(*factor, -product);
        return if error == 0.0 { None } else { Some(cut + u64::from(error > 0.0)) };
    }
    Some(cut + u64::from(rest > 0.5))
}

fn write_scaled(scaled: u64, decimals: usize, out: &mut String) {
    // Room for 16 digits and the point.
    let mut text = [b'0'; 24];
    let (mut rest, mut at) = (scaled, text.len());
    let mut put = |byte: u8| {
        at -= 1;
        text[at] = byte;
    };
    let mut digits = 0;
    while rest > 0 || digits <= decimals {
        if digits == decimals && decimals > 0 {
            put(b'.');
        }
        put(b'0' + u8::try_from(rest % 10).unwrap_or(0));
        rest /= 10;
        digits += 1;
    }
    out.push_str(schemas::text(&text[at..]).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(value: f64, decimals: usize) -> String {
        let mut out = String::from("=");
        write(value, decimals, &mut out);
        out
    }

    fn numbers() -> impl Strategy<Value = f64> {
        let hundredths = (0..2_000_000_u32).prop_map(|value| f64::from(value) / 100.0);
        let halves = (0..2_000_000_u32, 0..3_usize)
            .prop_map(|(value, at)| (f64::from(value) + 0.5) / [1.0, 10.0, 100.0][at]);
        let percent = (0..20_000_u32).prop_map(|share| f64::from(share) / 10_000.0 * 100.0);
        prop_oneof![any::<f64>(), 0.0..1e16_f64, 0.0..1e4_f64, hundredths, halves, percent]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn a_number_is_written_as_the_general_machinery_writes_it(value in numbers(), decimals in 0..3_usize) {
            prop_assert_eq!(written(value, decimals), format!("={value:.decimals$}"));
        }
    }

    #[test]
    fn edges_are_written_as_the_general_machinery_writes_them() {
        let edges =
            [0.0, -0.0, 0.5, 1.5, 2.5, 0.05, 0.125, 0.375, 1e15, 9.995, 1e300, f64::NAN, f64::INFINITY, -1.0];
        for value in edges {
            for decimals in 0..3 {
                assert_eq!(written(value, decimals), format!("={value:.decimals$}"), "{value} {decimals}");
            }
        }
    }
}
