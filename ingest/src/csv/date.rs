//! Dates as exports write them, with one order of day and month for a file.
//!
//! A date that begins with its year is read as year, month, day; `31.12.2026` is day first. With slashes or dashes
//! the order is what some date of the file proves; without proof, or with proof of both, the file is refused whole
//! and the user says it. Years have four digits, and a time of day must be midnight.

use schemas::Day;

use super::options::DateOrder;

/// What the dates of a column say about the order of day and month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DateEvidence {
    day_first: u64,
    month_first: u64,
    /// A date that can be read in two ways, for the message.
    pub(super) ambiguous: Option<String>,
}

/// The order could not be proven, or was proven both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderUnknown;

impl DateEvidence {
    /// Takes a cell into account.
    pub(super) fn observe(&mut self, text: &str) {
        if Day::parse(text).is_some() {
            return;
        }
        let Some(Parts { first, second, third, sign }) = Parts::split(text) else { return };
        if sign == b'.' || first > 31 || Day::from_ymd(year(third), 1, 1).is_none() {
            return;
        }
        match (first > 12, second > 12) {
            (true, false) => self.day_first += 1,
            (false, true) => self.month_first += 1,
            (false, false) if first != second => {
                self.ambiguous.get_or_insert_with(|| text.to_owned());
            }
            _ => (),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.day_first += other.day_first;
        self.month_first += other.month_first;
        if self.ambiguous.is_none() {
            self.ambiguous.clone_from(&other.ambiguous);
        }
    }

    /// Some dates are only possible day first, others only month first.
    pub(super) const fn is_contradictory(&self) -> bool {
        self.day_first > 0 && self.month_first > 0
    }

    /// The order, if it matters and is known; `None` where no date depends on it.
    pub(super) fn order(&self) -> Result<Option<DateOrder>, OrderUnknown> {
        match (self.day_first, self.month_first) {
            (1.., 1..) => Err(OrderUnknown),
            (1.., 0) => Ok(Some(DateOrder::Dmy)),
            (0, 1..) => Ok(Some(DateOrder::Mdy)),
            _ if self.ambiguous.is_some() => Err(OrderUnknown),
            _ => Ok(None),
        }
    }
}

/// The last day that was written `YYYY-MM-DD`: the next one is often the same, letter by letter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LastDay {
    text: [u8; 10],
    day: Option<Day>,
}

impl LastDay {
    /// As `Day::parse` reads it.
    #[inline]
    pub(super) fn parse(&mut self, text: &str) -> Option<Day> {
        if text.as_bytes() != self.text {
            let day = Day::parse(text)?;
            self.text = text.as_bytes().try_into().ok()?;
            self.day = Some(day);
        }
        self.day
    }
}

/// Reads a date. Without an `order`, dates that depend on it are read only where both orders agree.
pub(super) fn parse(text: &str, order: Option<DateOrder>) -> Option<Day> {
    if let Some(day) = Day::parse(text) {
        return Some(day);
    }
    let Parts { first, second, third, sign } = Parts::split(text)?;
    if first > 31 {
        return Day::from_ymd(year(first), second, third);
    }
    let (day, month) = match order {
        Some(DateOrder::Dmy) => (first, second),
        Some(DateOrder::Mdy) => (second, first),
        None if sign == b'.' || first == second => (first, second),
        None => return None,
    };
    (third >= 1_000).then(|| Day::from_ymd(year(third), month, day)).flatten()
}

struct Parts {
    first: u32,
    second: u32,
    third: u32,
    sign: u8,
}

impl Parts {
    fn split(text: &str) -> Option<Self> {
        let date = [" 00:00:00", "T00:00:00", " 00:00", "T00:00:00Z"]
            .into_iter()
            .find_map(|midnight| text.strip_suffix(midnight))
            .unwrap_or(text);
        let sign = *date.as_bytes().iter().find(|byte| matches!(byte, b'-' | b'/' | b'.'))?;
        let mut parts = date.split(char::from(sign)).map(|part| {
            let digits = matches!(part.len(), 1 | 2 | 4) && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<u32>().ok()).flatten()
        });
        let parts = (parts.next()??, parts.next()??, parts.next()??, parts.next());
        let (first, second, third, None) = parts else { return None };
        Some(Self { first, second, third, sign })
    }
}

fn year(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_is_remembered_and_no_other_text_is_taken_for_it() {
        let mut last = LastDay::default();
        for text in [
            "\0\0\0\0\0\0\0\0\0\0",
            "2026-11-22",
            "2026-11-22",
            "2026-11-2x",
            "2026-11-23",
            "",
            "2026-02-30",
            "2026-11-22",
        ] {
            assert_eq!(last.parse(text), Day::parse(text), "{text:?}");
        }
    }

    #[test]
    fn dates_of_all_usual_kinds_are_the_same_day() {
        let day = Day::from_ymd(2026, 9, 1);
        for text in
            ["2026-09-01", "2026/9/1", "01.09.2026", "1.9.2026", "2026-09-01 00:00:00", "2026-09-01T00:00:00"]
        {
            assert_eq!(parse(text, None), day, "{text}");
        }
        assert_eq!(parse("01/09/2026", Some(DateOrder::Dmy)), day);
        assert_eq!(parse("09/01/2026", Some(DateOrder::Mdy)), day);
        assert_eq!(parse("9-1-2026", Some(DateOrder::Mdy)), day);
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "All",
            "Ongoing",
            "2026-02-30",
            "31.02.2026",
            "1.9.26",
            "2026-09",
            "2026-09-01 10:00:00",
            "1-2-3-4",
            "9/2026",
        ] {
            assert_eq!(parse(text, Some(DateOrder::Dmy)), None, "{text}");
        }
        assert_eq!(parse("01/09/2026", None), None, "nobody knows which");
    }

    #[test]
    fn one_date_proves_the_order_of_all_and_proof_of_both_is_refused() {
        let order = |dates: &[&str]| {
            let mut evidence = DateEvidence::default();
            dates.iter().for_each(|date| evidence.observe(date));
            evidence.order()
        };
        assert_eq!(order(&["01/08/2026", "13/08/2026"]), Ok(Some(DateOrder::Dmy)));
        assert_eq!(order(&["01/08/2026", "08/13/2026"]), Ok(Some(DateOrder::Mdy)));
        assert_eq!(order(&["01/08/2026"]), Err(OrderUnknown));
        assert_eq!(order(&["13/08/2026", "08/13/2026"]), Err(OrderUnknown));
        assert_eq!(order(&["2026-08-01", "01.08.2026", "05/05/2026", "junk"]), Ok(None));
    }
}
