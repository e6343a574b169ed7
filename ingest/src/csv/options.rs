//! What the caller decides about a file.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemas::{Day, TimestampMs};
use serde::{Deserialize, Serialize};

/// How to read a file. The default finds out everything it can and refuses what it cannot.
#[derive(Clone, Debug)]
pub struct CsvOptions {
    /// Names of columns.
    pub profile: ProfileChoice,
    /// Columns that the caller assigns; these come before the profile's.
    pub map: Vec<(String, Field)>,
    /// The day of all rows, for files without dates.
    pub date: Option<Day>,
    /// How dates with the day and the month in doubt are written.
    pub date_order: Option<DateOrder>,
    /// First part of the campaign key. Without it the profile's, which is `facebook` for the built-in ones.
    pub platform: Option<String>,
    /// Second part of the campaign key. Without it the account column's, or `default` where there is none.
    pub account_id: Option<String>,
    /// ISO 4217 currency, for files that do not say.
    pub currency: Option<String>,
    /// IANA time zone of the account's days.
    pub time_zone: Option<String>,
    /// When the figures were observed.
    pub observed_at: ObservedAt,
    /// The moment of the upload, which decides between uploads that were observed at the same moment: with
    /// [`ObservedAt::FromRows`] a corrected copy covers the same days as the original, and the later upload counts.
    pub uploaded_at: Option<TimestampMs>,
    /// Limits.
    pub limits: CsvLimits,
}

/// Which names of columns to expect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProfileChoice {
    /// The built-in profile that the header fits.
    #[default]
    Auto,
    /// A built-in profile.
    Named(String),
    /// A profile of the user's own, in the format of `ingest/profiles/*.toml`.
    File(PathBuf),
}

/// When the figures of a file were observed; newer observations replace older ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ObservedAt {
    /// At this moment, usually that of the upload.
    At(TimestampMs),
    /// At the end of the last day in the file (midnight UTC), so that the scoring window lies around old data.
    #[default]
    FromRows,
}

/// Which of day and month comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    /// 31/12/2026.
    Dmy,
    /// 12/31/2026.
    Mdy,
}

/// What a column can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Identity of the campaign, third part of its key.
    Campaign,
    /// Name shown to people.
    CampaignName,
    /// The day of the figures.
    Day,
    /// First day of the period the figures cover.
    PeriodStart,
    /// Last day of that period; a row with another first day is a period total and is refused.
    PeriodEnd,
    /// Spend.
    Spend,
    /// Currency of the row.
    Currency,
    /// Impressions.
    Impressions,
    /// People reached.
    Reach,
    /// All clicks.
    Clicks,
    /// Clicks on links.
    LinkClicks,
    /// Leads.
    Leads,
    /// Purchases.
    Purchases,
    /// Value of the purchases.
    PurchaseValue,
    /// Results of the kind that the result type names.
    Results,
    /// What the results are.
    ResultType,
    /// Ad account.
    Account,
}

/// Limits of a file. Beyond one the file is refused whole.
#[derive(Clone, Copy, Debug)]
pub struct CsvLimits {
    /// Bytes of one record, line breaks in quotes included.
    pub record_bytes_max: usize,
    /// Columns.
    pub columns_max: usize,
    /// Records.
    pub rows_max: u64,
    /// Different (campaign, day) pairs; each takes about 40 bytes of memory at most, 50 where days come out of turn, and each
    /// campaign about 200 more.
    pub keys_max: usize,
}

impl Default for CsvLimits {
    fn default() -> Self {
        Self { record_bytes_max: 1024 * 1024, columns_max: 1_024, rows_max: 100_000_000, keys_max: 1_000_000 }
    }
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            profile: ProfileChoice::Auto,
            map: Vec::new(),
            date: None,
            date_order: None,
            platform: None,
            account_id: None,
            currency: None,
            time_zone: None,
            observed_at: ObservedAt::FromRows,
            uploaded_at: None,
            limits: CsvLimits::default(),
        }
    }
}

impl Field {
    /// All of them, in the order in which they claim columns.
    pub const ALL: [Self; 17] = [
        Self::Campaign,
        Self::CampaignName,
        Self::Day,
        Self::PeriodStart,
        Self::PeriodEnd,
        Self::Spend,
        Self::Currency,
        Self::Impressions,
        Self::Reach,
        Self::LinkClicks,
        Self::Clicks,
        Self::Leads,
        Self::Purchases,
        Self::PurchaseValue,
        Self::Results,
        Self::ResultType,
        Self::Account,
    ];

    /// The name in profiles and in `--map`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Campaign => "campaign",
            Self::CampaignName => "campaign_name",
            Self::Day => "day",
            Self::PeriodStart => "period_start",
            Self::PeriodEnd => "period_end",
            Self::Spend => "spend",
            Self::Currency => "currency",
            Self::Impressions => "impressions",
            Self::Reach => "reach",
            Self::Clicks => "clicks",
            Self::LinkClicks => "link_clicks",
            Self::Leads => "leads",
            Self::Purchases => "purchases",
            Self::PurchaseValue => "purchase_value",
            Self::Results => "results",
            Self::ResultType => "result_type",
            Self::Account => "account",
        }
    }

    /// Reads an assignment such as `Ad name=campaign`. The column may itself contain equals signs.
    ///
    /// # Errors
    /// A sentence that says what is wrong, for the command line.
    pub fn parse_assignment(text: &str) -> Result<(String, Self), String> {
        let (column, field) = text
            .rsplit_once('=')
            .ok_or_else(|| format!("{text:?} is not COLUMN=FIELD, such as \"Ad name=campaign\""))?;
        if column.trim().is_empty() {
            return Err(format!("{text:?} names no column"));
        }
        Ok((column.trim().to_owned(), field.trim().parse()?))
    }
}

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|field| field.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!("{text:?} is not a field; the fields are {}", names.join(", "))
        })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DateOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "dmy" => Ok(Self::Dmy),
            "mdy" => Ok(Self::Mdy),
            _ => Err(format!("{text:?} is not a date format; use dmy or mdy")),
        }
    }
}
