//! Single values: numbers, ids, days, currencies.

use std::borrow::Cow;

use chrono_tz::Tz;
use schemas::{Day, Micros};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::Rejection;
use crate::outcome::quoted;

/// The largest amount of money that is taken, 100 billion major units: 90 days of it can be summed in 64 bits.
pub(crate) const MONEY_MAX: Micros = Micros(100_000_000_000_000_000);
/// The largest count that is taken.
pub(crate) const COUNT_MAX: i64 = 1_000_000_000_000;
/// Longer ids and names are not those of any platform.
pub(crate) const TEXT_BYTES_MAX: usize = 1_024;

/// A JSON value as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'a>(pub(super) &'a str);

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|value| Self(value.get()))
    }
}

/// The text of a JSON string or number, character for character, control characters included.
pub(super) fn text<'a>(field: &str, value: Raw<'a>) -> Result<Cow<'a, str>, Rejection> {
    let raw = value.0;
    let inner = match raw.as_bytes() {
        [b'"', .., b'"'] => match &raw[1..raw.len() - 1] {
            plain if !plain.contains('\\') => Cow::Borrowed(plain),
            // Half of a surrogate pair is valid JSON and no text.
            _ => Cow::Owned(serde_json::from_str::<String>(raw).map_err(|_| {
                let sentence = format!("{field} is {}, which is not Unicode text", quoted(raw));
                Rejection::new("FIELD_INVALID", sentence)
            })?),
        },
        [b'-' | b'0'..=b'9', ..] => Cow::Borrowed(raw),
        _ => {
            let sentence = format!("{field} is {}, where a text or a number is expected", quoted(raw));
            return Err(Rejection::new("FIELD_INVALID", sentence));
        }
    };
    bounded(field, &inner, TEXT_BYTES_MAX)?;
    Ok(inner)
}

/// A text of so many bytes at most that every store can keep.
pub(crate) fn bounded(field: &str, text: &str, bytes_max: usize) -> Result<(), Rejection> {
    let problem = if text.len() > bytes_max {
        format!("longer than {bytes_max} bytes")
    } else if text.contains('\0') {
        // Postgres keeps every character but this one, and to drop it would be to change the text.
        "which has a NUL character".to_owned()
    } else {
        return Ok(());
    };
    Err(Rejection::new("FIELD_INVALID", format!("{field} is {}, {problem}", quoted(text))))
}

/// An identifier: not empty, and a number only if it is written as plain digits.
pub(super) fn id<'a>(field: &str, value: Option<Raw<'a>>) -> Result<Cow<'a, str>, Rejection> {
    let value = value.ok_or_else(|| missing(field))?;
    let text = text(field, value)?;
    let number = !value.0.starts_with('"');
    if text.is_empty() || (number && !text.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(Rejection::new(
            "FIELD_INVALID",
            format!("{field} is {}, which is not an id", quoted(&text)),
        ));
    }
    Ok(text)
}

pub(super) fn missing(field: &str) -> Rejection {
    Rejection::new("FIELD_MISSING", format!("{field} is missing"))
}

pub(super) fn optional_text<'a>(
    field: &str,
    value: Option<Raw<'a>>,
) -> Result<Option<Cow<'a, str>>, Rejection> {
    value.map(|value| text(field, value)).transpose()
}

pub(super) fn money(field: &str, value: Option<Raw<'_>>) -> Result<Option<Micros>, Rejection> {
    let Some(value) = value else { return Ok(None) };
    let text = text(field, value)?;
    let invalid =
        |why: String| Rejection::new("NUMBER_INVALID", format!("{field} is {}: {why}", quoted(&text)));
    let micros = Micros::parse(&text).map_err(|e| invalid(e.to_string()))?;
    if micros.0.unsigned_abs() > MONEY_MAX.0.unsigned_abs() {
        return Err(invalid(format!("the amount is larger than {MONEY_MAX}")));
    }
    Ok(Some(micros))
}

pub(super) fn count(field: &str, value: Option<Raw<'_>>) -> Result<Option<i64>, Rejection> {
    let Some(value) = value else { return Ok(None) };
    let text = text(field, value)?;
    let invalid =
        |why: &str| Rejection::new("NUMBER_INVALID", format!("{field} is {}: {why}", quoted(&text)));
    let micros = Micros::parse(&text).map_err(|_| invalid("not a number below a trillion"))?;
    // Judged by its digits, since those beyond the sixth are rounded away.
    if text.split_once('.').is_some_and(|(_, decimals)| decimals.bytes().any(|digit| digit != b'0')) {
        return Err(invalid("not a whole number"));
    }
    let count = micros.0 / 1_000_000;
    if count.abs() > COUNT_MAX {
        return Err(invalid("more than a trillion"));
    }
    Ok(Some(count))
}

/// A ratio such as a frequency: finite and not negative.
pub(super) fn ratio(field: &str, value: Option<Raw<'_>>) -> Result<Option<f64>, Rejection> {
    let Some(value) = value else { return Ok(None) };
    let text = text(field, value)?;
    match text.parse::<f64>() {
        // Adding zero makes of -0 what it means.
        Ok(ratio) if (0.0..=1e9).contains(&ratio) => Ok(Some(ratio + 0.0)),
        _ => Err(Rejection::new(
            "NUMBER_INVALID",
            format!("{field} is {}: not a number from 0 to 1e9", quoted(&text)),
        )),
    }
}

pub(super) fn day(field: &str, value: Raw<'_>) -> Result<Day, Rejection> {
    let text = text(field, value)?;
    Day::parse(&text).ok_or_else(|| {
        Rejection::new("DATE_INVALID", format!("{field} is {}: not a date such as 2026-10-01", quoted(&text)))
    })
}

/// An ISO 4217 code.
pub(crate) fn currency(text: &str) -> Result<&str, Rejection> {
    if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(text);
    }
    let sentence = format!("the currency is {}: not a code of three capital letters", quoted(text));
    Err(Rejection::new("CURRENCY_INVALID", sentence))
}

/// A name of the IANA time zone database.
pub(crate) fn time_zone(name: &str) -> Result<Tz, Rejection> {
    name.parse().map_err(|_| {
        let sentence = format!("the time zone is {}: not a name such as America/New_York", quoted(name));
        Rejection::new("TIME_ZONE_INVALID", sentence)
    })
}
