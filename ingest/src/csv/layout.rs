//! Everything that decides how a row is read: the file's layout, its columns, and the style of each.

use schemas::Day;

use super::date::{DateEvidence, LastDay, OrderUnknown};
use super::dialect::Dialect;
use super::fields::Fields;
use super::header::Header;
use super::number::{NumberEvidence, NumberStyle};
use super::options::{CsvOptions, DateOrder, Field};
use super::profile::Profile;
use crate::CsvError;

/// Account of files and options that name none.
const ACCOUNT_DEFAULT: &str = "default";

/// Columns of numbers, and whether they are counts.
const NUMBERS: [(Field, bool); 9] = [
    (Field::Spend, false),
    (Field::PurchaseValue, false),
    (Field::Impressions, true),
    (Field::Reach, true),
    (Field::Clicks, true),
    (Field::LinkClicks, true),
    (Field::Leads, true),
    (Field::Purchases, true),
    (Field::Results, true),
];
const DATES: [Field; 3] = [Field::Day, Field::PeriodStart, Field::PeriodEnd];

/// How the rows of a file are read.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) dialect: Dialect,
    pub(super) header: Header,
    pub(super) profile: Profile,
    /// Currency of all rows; absent where a column says it.
    pub(super) currency: Option<&'static str>,
    pub(super) platform: String,
    /// Account of all rows; absent where a column says it.
    pub(super) account: Option<String>,
    /// Day of all rows; absent where a column says it.
    pub(super) date: Option<Day>,
    pub(super) styles: Styles,
}

/// The style of each column of numbers and dates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Styles {
    numbers: [NumberStyle; NUMBERS.len()],
    dates: [Option<DateOrder>; DATES.len()],
}

/// What the rows say about the styles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    numbers: [NumberEvidence; NUMBERS.len()],
    dates: [DateEvidence; DATES.len()],
    /// Days written like this one say nothing about an order.
    last_day: LastDay,
}

impl Layout {
    /// Assigns the columns. The styles are still to be found.
    pub(super) fn new(dialect: Dialect, profile: Profile, options: &CsvOptions) -> Result<Self, CsvError> {
        let header = Header::assign(dialect.header.clone(), &profile, options)?;
        header.check(&profile, options)?;
        let currency = header.currency(&profile, options)?;
        let account = match (&options.account_id, header.column(Field::Account)) {
            (Some(account), _) => Some(account.clone()),
            (None, Some(_)) => None,
            (None, None) => Some(ACCOUNT_DEFAULT.to_owned()),
        };
        let platform = options.platform.clone().unwrap_or_else(|| profile.platform.clone());
        let styles = Styles::default();
        Ok(Self { dialect, header, profile, currency, platform, account, date: options.date, styles })
    }

    /// How the numbers or dates of a column are written, for people.
    pub(super) fn style_example(&self, field: Field) -> Option<&'static str> {
        if NUMBERS.iter().any(|(number, _)| *number == field) {
            return Some(self.styles.number(field).example());
        }
        DATES.contains(&field).then(|| match self.styles.date(field) {
            None => "YYYY-MM-DD or DD.MM.YYYY",
            Some(DateOrder::Dmy) => "DD/MM/YYYY",
            Some(DateOrder::Mdy) => "MM/DD/YYYY",
        })
    }
}

impl Styles {
    pub(super) fn number(&self, field: Field) -> NumberStyle {
        NUMBERS
            .iter()
            .position(|(number, _)| *number == field)
            .map_or_else(Default::default, |at| self.numbers[at])
    }

    pub(super) fn date(&self, field: Field) -> Option<DateOrder> {
        DATES.iter().position(|date| *date == field).and_then(|at| self.dates[at])
    }
}

impl Evidence {
    /// Takes a row into account.
    pub(super) fn observe(&mut self, header: &Header, record: &str, fields: &Fields) {
        for (evidence, (field, count)) in self.numbers.iter_mut().zip(NUMBERS) {
            if let Some(column) = header.column(field) {
                evidence.observe(fields.get(record, column), count);
            }
        }
        for (evidence, field) in self.dates.iter_mut().zip(DATES) {
            let Some(text) = header.column(field).map(|column| fields.get(record, column)) else { continue };
            if self.last_day.parse(text).is_none() {
                evidence.observe(text);
            }
        }
    }

    /// The styles that the evidence shows, as far as it does.
    pub(super) fn styles(&self, options: &CsvOptions) -> Styles {
        let mut file = NumberEvidence::default();
        self.numbers.iter().for_each(|column| file.add(column));
        let dates =
            |at: usize| options.date_order.or(self.dates[at].order().or(self.dates_of_file()).ok().flatten());
        Styles {
            numbers: std::array::from_fn(|at| self.numbers[at].style(&file)),
            dates: std::array::from_fn(dates),
        }
    }

    /// Refuses a file whose dates can be read in two ways.
    pub(super) fn check(&self, header: &Header, options: &CsvOptions) -> Result<(), CsvError> {
        for (evidence, field) in self.dates.iter().zip(DATES) {
            let unknown = evidence.order().is_err()
                && options.date_order.is_none()
                && (evidence.is_contradictory() || self.dates_of_file().is_err());
            if let (true, Some(column)) = (unknown, header.column(field)) {
                let example = if evidence.is_contradictory() {
                    "some dates are only possible day first, others only month first".to_owned()
                } else {
                    format!(
                        "such as {:?}, and no other date shows which",
                        evidence.ambiguous.as_deref().unwrap_or("")
                    )
                };
                return Err(CsvError::DateOrder { column: header.names[column].clone(), example });
            }
        }
        Ok(())
    }

    fn dates_of_file(&self) -> Result<Option<DateOrder>, OrderUnknown> {
        let mut file = DateEvidence::default();
        self.dates.iter().for_each(|column| file.add(column));
        file.order()
    }
}
