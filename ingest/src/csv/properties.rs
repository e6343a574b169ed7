//! Numbers and dates as properties: what is written in a style is read back exactly, and no cell makes reading panic.

use proptest::prelude::*;
use schemas::{Day, Micros};

use super::date::{self, DateEvidence};
use super::number::{self, BadNumber, NumberEvidence, NumberStyle};
use super::options::DateOrder;

/// Digits in groups of three.
fn grouped(whole: u64, separator: &str) -> String {
    let digits = whole.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push_str(separator);
        }
        out.push(digit);
    }
    out
}

/// Cells close to numbers and dates, and any others.
fn any_cell() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-−+]?[0-9.,' \u{a0}\u{202f}’eE]{0,60}",
        "[0-9]{1,5}[-/.][0-9]{1,5}[-/.][0-9]{1,5}([T ]00:00(:00)?Z?)?",
        "\\PC{0,40}",
        "NaN|inf|1e400|-0|1000000000000000000|null|\u{feff}1|１２|٣",
    ]
}

fn styles() -> [NumberStyle; 2] {
    [NumberStyle::Point, NumberStyle::Comma]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_amount_written_in_a_style_is_read_back_exactly(
        whole in 0..9_000_000_000_000_u64, micros in 0..1_000_000_u32, separator in 0..6_usize
    ) {
        for style in styles() {
            let (decimal, own) = if style == NumberStyle::Point { ('.', ",") } else { (',', ".") };
            let separator = ["", own, " ", "\u{a0}", "\u{202f}", "’"][separator];
            let text = format!("{}{decimal}{micros:06}", grouped(whole, separator));
            let amount = i64::try_from(whole).unwrap() * 1_000_000 + i64::from(micros);
            prop_assert_eq!(number::money(&text, style), Ok(Some(Micros(amount))), "{}", text);
            let negative = if amount == 0 { Ok(Some(Micros::ZERO)) } else { Err(BadNumber::Negative) };
            prop_assert_eq!(number::money(&format!("-{text}"), style), negative);
            let text = grouped(whole, separator);
            prop_assert_eq!(number::count(&text, style), Ok(Some(i64::try_from(whole).unwrap())), "{}", text);
            let text = format!("{text}{decimal}00");
            prop_assert_eq!(number::count(&text, style), Ok(Some(i64::try_from(whole).unwrap())), "{}", text);
        }
    }

    #[test]
    fn no_cell_makes_reading_panic_and_what_is_read_is_not_negative(cell in any_cell(), count in any::<bool>()) {
        let mut evidence = NumberEvidence::default();
        evidence.observe(&cell, count);
        evidence.style(&NumberEvidence::default());
        for style in styles() {
            if let Ok(Some(amount)) = number::money(&cell, style) {
                prop_assert!(amount >= Micros::ZERO, "{cell:?}");
            }
            if let Ok(Some(count)) = number::count(&cell, style) {
                prop_assert!(count >= 0, "{cell:?}");
                // A count is that same number of units as an amount, where it fits.
                if let Ok(amount) = number::money(&cell, style) {
                    prop_assert_eq!(amount, Some(Micros(count * 1_000_000)), "{:?}", cell);
                }
            }
        }
        let mut evidence = DateEvidence::default();
        evidence.observe(&cell);
        for order in [None, Some(DateOrder::Dmy), Some(DateOrder::Mdy)] {
            if let Some(day) = date::parse(&cell, order) {
                prop_assert!((0..=9_999).contains(&day.ymd().0), "{cell:?}");
            }
        }
    }

    #[test]
    fn a_day_written_in_any_order_is_read_back(day in -354_285..2_932_896_i32, padded in any::<bool>()) {
        let day = Day(day);
        let (year, month, of_month) = day.ymd();
        prop_assume!(year >= 1_000);
        let (d, m) = if padded { (format!("{of_month:02}"), format!("{month:02}")) } else { (of_month.to_string(), month.to_string()) };
        for midnight in ["", " 00:00:00", "T00:00:00", "T00:00:00Z", " 00:00"] {
            prop_assert_eq!(date::parse(&format!("{year}-{m}-{d}{midnight}"), None), Some(day));
            prop_assert_eq!(date::parse(&format!("{d}.{m}.{year}{midnight}"), None), Some(day));
            prop_assert_eq!(date::parse(&format!("{d}/{m}/{year}{midnight}"), Some(DateOrder::Dmy)), Some(day));
            prop_assert_eq!(date::parse(&format!("{m}/{d}/{year}{midnight}"), Some(DateOrder::Mdy)), Some(day));
            // Without an order it is read only where both orders agree.
            let read = date::parse(&format!("{m}/{d}/{year}{midnight}"), None);
            prop_assert_eq!(read, (month == of_month).then_some(day));
        }
    }
}
