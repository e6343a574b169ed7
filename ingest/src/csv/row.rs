//! One row becomes a reading, or is refused with a reason. Both passes read rows here, so that they agree.

use std::collections::HashMap;

use schemas::record::{Figures, MetricsReading};
use schemas::{Day, Micros};

use super::date::LastDay;
use super::fields::Fields;
use super::layout::Layout;
use super::number::{self, BadNumber};
use super::options::Field;
use super::{CsvSummary, date};
use crate::currency;

/// Ids become record keys; longer ones are not ids.
const ID_BYTES_MAX: usize = 256;
const CELL_CHARS_SHOWN: usize = 60;
/// Result types are a few dozen; a file where every row has its own does not fill memory.
const KINDS_MAX: usize = 1_000;

/// Reads the rows of a file.
pub(super) struct RowReader<'l> {
    layout: &'l Layout,
    kinds: HashMap<String, ResultKind>,
    last_day: LastDay,
}

/// What a row says.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadRow<'a> {
    pub(super) account: &'a str,
    pub(super) reading: MetricsReading<'a>,
    /// It has results that are neither leads nor purchases.
    pub(super) results_left_out: bool,
}

/// Why a row says nothing usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowRefusal {
    /// The line is not text in the file's encoding.
    Encoding,
    Misquoted,
    Width(usize),
    Total,
    Date(Field),
    /// The day lies outside the row's period.
    DayOutside,
    Period,
    Number(Field, BadNumber),
    Currency,
    Missing(Field),
    TooLong(Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ResultKind {
    Leads,
    Purchases,
    Other,
}

impl<'l> RowReader<'l> {
    pub(super) fn new(layout: &'l Layout) -> Self {
        Self { layout, kinds: HashMap::new(), last_day: LastDay::default() }
    }

    /// Reads a row that was split into fields.
    pub(super) fn read<'a>(&mut self, record: &'a str, fields: &'a Fields) -> Result<ReadRow<'a>, RowRefusal>
    where
        'l: 'a,
    {
        let layout = self.layout;
        if fields.len() != layout.header.names.len() {
            return Err(RowRefusal::Width(fields.len()));
        }
        let cell = |field| layout.header.column(field).map(|column| fields.get(record, column));
        let campaign = cell(Field::Campaign).unwrap_or("");
        if campaign.is_empty()
            || self.is_total(campaign)
            || cell(Field::Day).is_some_and(|day| self.is_total(day))
        {
            return Err(RowRefusal::Total);
        }
        let day = self.day(cell)?;
        for field in [Field::Campaign, Field::CampaignName, Field::Account] {
            if cell(field).is_some_and(|text| text.len() > ID_BYTES_MAX) {
                return Err(RowRefusal::TooLong(field));
            }
        }
        let account = match &layout.account {
            Some(account) => account,
            None => {
                cell(Field::Account).filter(|id| !id.is_empty()).ok_or(RowRefusal::Missing(Field::Account))?
            }
        };
        let currency = match (layout.currency, cell(Field::Currency)) {
            (None, Some("")) => return Err(RowRefusal::Missing(Field::Currency)),
            (None, Some(code)) => Some(currency::parse(code).ok_or(RowRefusal::Currency)?),
            (fixed, _) => fixed,
        };
        let campaign_name =
            if layout.header.campaign_is_name { Some(campaign) } else { cell(Field::CampaignName) };
        let (figures, results_left_out) = self.figures(cell)?;
        Ok(ReadRow {
            account,
            reading: MetricsReading {
                campaign_id: campaign,
                campaign_name: campaign_name.filter(|name| !name.is_empty()),
                day,
                currency,
                figures,
            },
            results_left_out,
        })
    }

    /// The day of a row: its own, that of its period if the period is one day, or that of all rows.
    fn day<'a>(&mut self, cell: impl Fn(Field) -> Option<&'a str>) -> Result<Day, RowRefusal> {
        let (last_day, styles) = (&mut self.last_day, &self.layout.styles);
        let mut parse = |field| match cell(field).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => last_day
                .parse(text)
                .or_else(|| date::parse(text, styles.date(field)))
                .map(Some)
                .ok_or(RowRefusal::Date(field)),
        };
        let (start, end) = (parse(Field::PeriodStart)?, parse(Field::PeriodEnd)?);
        let period = match (start, end) {
            (Some(start), Some(end)) if start == end => Some(start),
            (Some(_), Some(_)) => return Err(RowRefusal::Period),
            _ => None,
        };
        match (parse(Field::Day)?, period) {
            (Some(day), Some(period)) if day != period => Err(RowRefusal::DayOutside),
            (Some(day), _) | (None, Some(day)) => Ok(day),
            (None, None) => self.layout.date.ok_or(RowRefusal::Missing(Field::Day)),
        }
    }

    fn figures<'a>(
        &mut self,
        cell: impl Fn(Field) -> Option<&'a str>,
    ) -> Result<(Figures, bool), RowRefusal> {
        let styles = &self.layout.styles;
        let bad = |field| move |error| RowRefusal::Number(field, error);
        let count = |field| {
            cell(field).map_or(Ok(None), |text| number::count(text, styles.number(field)).map_err(bad(field)))
        };
        let money = |field| -> Result<Option<Micros>, RowRefusal> {
            cell(field).map_or(Ok(None), |text| number::money(text, styles.number(field)).map_err(bad(field)))
        };
        let mut figures = Figures {
            spend_micros: money(Field::Spend)?,
            impressions: count(Field::Impressions)?,
            reach: count(Field::Reach)?,
            clicks: count(Field::Clicks)?,
            link_clicks: count(Field::LinkClicks)?,
            leads: count(Field::Leads)?,
            purchases: count(Field::Purchases)?,
            purchase_value_micros: money(Field::PurchaseValue)?,
        };
        let Some(results) = count(Field::Results)? else { return Ok((figures, false)) };
        // A column of its own for leads or purchases says the same more exactly; the two are never added.
        let header = &self.layout.header;
        let (has_leads, has_purchases) =
            (header.column(Field::Leads).is_some(), header.column(Field::Purchases).is_some());
        match self.kind(cell(Field::ResultType).unwrap_or("")) {
            ResultKind::Leads if !has_leads => figures.leads = Some(results),
            ResultKind::Purchases if !has_purchases => figures.purchases = Some(results),
            ResultKind::Other => return Ok((figures, results > 0)),
            _ => (),
        }
        Ok((figures, false))
    }

    fn kind(&mut self, result_type: &str) -> ResultKind {
        if let Some(&kind) = self.kinds.get(result_type) {
            return kind;
        }
        let rules = &self.layout.profile.results;
        let lower = result_type.to_lowercase();
        let one_of = |words: &[String]| words.iter().any(|word| lower.contains(word.as_str()));
        let kind = if one_of(&rules.leads) {
            ResultKind::Leads
        } else if one_of(&rules.purchases) {
            ResultKind::Purchases
        } else {
            ResultKind::Other
        };
        if self.kinds.len() < KINDS_MAX {
            self.kinds.insert(result_type.to_owned(), kind);
        }
        kind
    }

    fn is_total(&self, text: &str) -> bool {
        let names = &self.layout.profile.totals.names;
        // Dates and ids begin with a digit; most rows are spared the comparison.
        !text.starts_with(|first: char| first.is_ascii_digit())
            && names.iter().any(|name| {
                name.eq_ignore_ascii_case(text) || (!text.is_ascii() && text.to_lowercase() == *name)
            })
    }
}

impl RowRefusal {
    /// The reason code of the dead letter.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Encoding => "ENCODING_INVALID",
            Self::Misquoted => "QUOTE_INVALID",
            Self::Width(_) => "COLUMN_COUNT",
            Self::Total => CsvSummary::TOTAL_ROW,
            Self::Date(_) => "DATE_INVALID",
            Self::DayOutside => "DAY_OUTSIDE_PERIOD",
            Self::Period => "PERIOD_TOTAL",
            Self::Number(_, BadNumber::Invalid) => "NUMBER_INVALID",
            Self::Number(_, BadNumber::Negative) => "NUMBER_NEGATIVE",
            Self::Number(_, BadNumber::Fraction) => "NUMBER_NOT_WHOLE",
            Self::Number(_, BadNumber::TooLarge) => "NUMBER_TOO_LARGE",
            Self::Currency => "CURRENCY_UNKNOWN",
            Self::Missing(_) => "FIELD_MISSING",
            Self::TooLong(_) => "FIELD_TOO_LONG",
        }
    }

    /// The sentence of the dead letter.
    pub(super) fn sentence(self, line: u64, layout: &Layout, record: &str, fields: &Fields) -> String {
        let cell = |field| {
            let text = layout.header.column(field).map_or("", |column| fields.get(record, column));
            let shown: String = text.chars().take(CELL_CHARS_SHOWN).collect();
            if shown.len() < text.len() { format!("{shown}…") } else { shown }
        };
        let what = match self {
            Self::Encoding => format!("the line is not {}", layout.dialect.encoding.name()),
            Self::Misquoted => "a quoted field is followed by something other than the delimiter".to_owned(),
            Self::Width(found) => {
                format!("the header has {} columns and the row {found}", layout.header.names.len())
            }
            Self::Total => "the row sums up others: its campaign is empty, or it says total".to_owned(),
            Self::Date(field) => {
                format!("{field} is not a date in the column's format: {:?}", cell(field))
            }
            Self::DayOutside => format!("the day {} is not the day of the period", cell(Field::Day)),
            Self::Period => format!(
                "the figures cover {} to {}, not one day; export with the breakdown by day",
                cell(Field::PeriodStart),
                cell(Field::PeriodEnd)
            ),
            Self::Number(field, BadNumber::Invalid) => format!(
                "{field} is not a number written like {}: {:?}",
                layout.styles.number(field).example(),
                cell(field)
            ),
            Self::Number(field, BadNumber::Negative) => format!("{field} is negative: {}", cell(field)),
            Self::Number(field, BadNumber::Fraction) => {
                format!("{field} is not a whole number: {}", cell(field))
            }
            Self::Number(field, BadNumber::TooLarge) => format!("{field} is too large: {}", cell(field)),
            Self::Currency => format!("{:?} is not an ISO 4217 currency", cell(Field::Currency)),
            Self::Missing(field) => format!("{field} is empty"),
            Self::TooLong(field) => format!("{field} is longer than {ID_BYTES_MAX} bytes"),
        };
        format!("line {line}: {what}")
    }
}
