//! Single values: numbers, ids, days, currencies.

use std::borrow::Cow;

use chrono_tz::Tz;
use schemas::{Day, Micros};
use serde_json::value::RawValue;

use crate::Rejection;
use crate::outcome::quoted;

/// The largest amount of money that is taken, 100 billion major units: 90 days of it can be summed in 64 bits.
pub(crate) const MONEY_MAX: Micros = Micros(100_000_000_000_000_000);
/// The largest count that is taken.
pub(crate) const COUNT_MAX: i64 = 1_000_000_000_000;
/// Longer ids and names are not those of any platform.
const TEXT_BYTES_MAX: usize = 1_024;

/// The text of a JSON string or number.
pub(super) fn text<'a>(field: &str, value: &'a RawValue) -> Result<Cow<'a, str>, Rejection> {
    let raw = value.get();
    let inner = match raw.as_bytes() {
        [b'"', .., b'"'] => match &raw[1..raw.len() - 1] {
            plain if !plain.contains('\\') => Cow::Borrowed(plain),
            _ => Cow::Owned(serde_json::from_str::<String>(raw).map_err(|_| wrong_type(field, raw))?),
        },
        [b'-' | b'0'..=b'9', ..] => Cow::Borrowed(raw),
        _ => return Err(wrong_type(field, raw)),
    };
    if inner.len() > TEXT_BYTES_MAX {
        let sentence = format!("{field} is {}, longer than {TEXT_BYTES_MAX} bytes", quoted(&inner));
        return Err(Rejection::new("FIELD_INVALID", sentence));
    }
    Ok(inner)
}

fn wrong_type(field: &str, raw: &str) -> Rejection {
    Rejection::new(
        "FIELD_INVALID",
        format!("{field} is {}, where a text or a number is expected", quoted(raw)),
    )
}

/// An identifier: not empty, and a number only if it is written as plain digits.
pub(super) fn id<'a>(field: &str, value: Option<&'a RawValue>) -> Result<Cow<'a, str>, Rejection> {
    let value = value.ok_or_else(|| missing(field))?;
    let text = text(field, value)?;
    let number = !value.get().starts_with('"');
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
    value: Option<&'a RawValue>,
) -> Result<Option<Cow<'a, str>>, Rejection> {
    value.map(|value| text(field, value)).transpose()
}

pub(super) fn money(field: &str, value: Option<&RawValue>) -> Result<Option<Micros>, Rejection> {
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

pub(super) fn count(field: &str, value: Option<&RawValue>) -> Result<Option<i64>, Rejection> {
    let Some(value) = value else { return Ok(None) };
    let text = text(field, value)?;
    let invalid =
        |why: &str| Rejection::new("NUMBER_INVALID", format!("{field} is {}: {why}", quoted(&text)));
    let micros = Micros::parse(&text).map_err(|_| invalid("not a number below a trillion"))?;
    if micros.0 % 1_000_000 != 0 {
        return Err(invalid("not a whole number"));
    }
    let count = micros.0 / 1_000_000;
    if count.abs() > COUNT_MAX {
        return Err(invalid("more than a trillion"));
    }
    Ok(Some(count))
}

/// A ratio such as a frequency: finite and not negative.
pub(super) fn ratio(field: &str, value: Option<&RawValue>) -> Result<Option<f64>, Rejection> {
    let Some(value) = value else { return Ok(None) };
    let text = text(field, value)?;
    match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1e9).contains(&ratio) => Ok(Some(ratio)),
        _ => Err(Rejection::new(
            "NUMBER_INVALID",
            format!("{field} is {}: not a number from 0 to 1e9", quoted(&text)),
        )),
    }
}

pub(super) fn day(field: &str, value: &RawValue) -> Result<Day, Rejection> {
    let text = text(field, value)?;
    Day::parse(&text).ok_or_else(|| {
        Rejection::new("DATE_INVALID", format!("{field} is {}: not a date such as 2026-10-01", quoted(&text)))
    })
}

/// An ISO 4217 code.
pub(crate) fn currency(text: &str) -> Result<(), Rejection> {
    if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(());
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
