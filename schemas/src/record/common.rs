//! What several records share.

use serde::{Deserialize, Serialize};

use crate::Micros;

/// Where facts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Source {
    /// `FACEBOOK`.
    Facebook,
    /// `CRM`.
    Crm,
    /// `CSV`.
    Csv,
    /// `CLOCK`.
    Clock,
}

impl Source {
    /// The symbol on the wire, which is also what people and SQL see.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Facebook => "FACEBOOK",
            Self::Crm => "CRM",
            Self::Csv => "CSV",
            Self::Clock => "CLOCK",
        }
    }
}

/// Why a stored fact is doubtful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QualityFlag {
    /// `INCOMPLETE`.
    Incomplete,
    /// `OUTLIER`.
    Outlier,
}

impl QualityFlag {
    /// The symbol on the wire, which is also what people and SQL see.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Incomplete => "INCOMPLETE",
            Self::Outlier => "OUTLIER",
        }
    }
}

/// What exactly is doubtful about a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Doubt {
    /// `SPEND_MISSING`.
    SpendMissing,
    /// `IMPRESSIONS_MISSING`.
    ImpressionsMissing,
    /// `BUDGET_UNREADABLE`: minor units of a currency that nobody named.
    BudgetUnreadable,
    /// `AMOUNT_IN_OTHER_CURRENCY`: a won deal that the account's revenue cannot count.
    AmountInOtherCurrency,
    /// `FIGURE_NEGATIVE`.
    FigureNegative,
    /// `CLICKS_ABOVE_IMPRESSIONS`.
    ClicksAboveImpressions,
    /// `REACH_ABOVE_IMPRESSIONS`.
    ReachAboveImpressions,
    /// `CTR_ABOVE_LIMIT`.
    CtrAboveLimit,
    /// `SPEND_ABOVE_MEDIAN`: many times the campaign's median day.
    SpendAboveMedian,
    /// `DAY_AHEAD`: a day that has not begun anywhere.
    DayAhead,
    /// `CURRENCY_UNLIKE_ACCOUNT`.
    CurrencyUnlikeAccount,
}

impl Doubt {
    /// Every doubt, in the order of the enum.
    pub const ALL: [Self; 11] = [
        Self::SpendMissing,
        Self::ImpressionsMissing,
        Self::BudgetUnreadable,
        Self::AmountInOtherCurrency,
        Self::FigureNegative,
        Self::ClicksAboveImpressions,
        Self::ReachAboveImpressions,
        Self::CtrAboveLimit,
        Self::SpendAboveMedian,
        Self::DayAhead,
        Self::CurrencyUnlikeAccount,
    ];

    /// The symbol on the wire, which is also what people and SQL see.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::SpendMissing => "SPEND_MISSING",
            Self::ImpressionsMissing => "IMPRESSIONS_MISSING",
            Self::BudgetUnreadable => "BUDGET_UNREADABLE",
            Self::AmountInOtherCurrency => "AMOUNT_IN_OTHER_CURRENCY",
            Self::FigureNegative => "FIGURE_NEGATIVE",
            Self::ClicksAboveImpressions => "CLICKS_ABOVE_IMPRESSIONS",
            Self::ReachAboveImpressions => "REACH_ABOVE_IMPRESSIONS",
            Self::CtrAboveLimit => "CTR_ABOVE_LIMIT",
            Self::SpendAboveMedian => "SPEND_ABOVE_MEDIAN",
            Self::DayAhead => "DAY_AHEAD",
            Self::CurrencyUnlikeAccount => "CURRENCY_UNLIKE_ACCOUNT",
        }
    }

    /// The flag that follows from it: something is missing, or something cannot be.
    #[must_use]
    pub const fn flag(self) -> QualityFlag {
        match self {
            Self::SpendMissing
            | Self::ImpressionsMissing
            | Self::BudgetUnreadable
            | Self::AmountInOtherCurrency => QualityFlag::Incomplete,
            Self::FigureNegative
            | Self::ClicksAboveImpressions
            | Self::ReachAboveImpressions
            | Self::CtrAboveLimit
            | Self::SpendAboveMedian
            | Self::DayAhead
            | Self::CurrencyUnlikeAccount => QualityFlag::Outlier,
        }
    }
}

/// What to do with a campaign's budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// `INCREASE_BUDGET`.
    IncreaseBudget,
    /// `CONTINUE_OPTIMIZE`.
    ContinueOptimize,
    /// `TEST_CHANGES`.
    TestChanges,
    /// `REDUCE_BUDGET`.
    ReduceBudget,
    /// `PAUSE_CAMPAIGN`.
    PauseCampaign,
}

impl Action {
    /// The symbol on the wire, which is also what people and SQL see.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::IncreaseBudget => "INCREASE_BUDGET",
            Self::ContinueOptimize => "CONTINUE_OPTIMIZE",
            Self::TestChanges => "TEST_CHANGES",
            Self::ReduceBudget => "REDUCE_BUDGET",
            Self::PauseCampaign => "PAUSE_CAMPAIGN",
        }
    }
}

/// A rule that caps the total while money is spent without a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Guard {
    /// `NO_LEADS_AT_3X_TARGET`.
    #[serde(rename = "NO_LEADS_AT_3X_TARGET")]
    NoLeadsAt3xTarget,
    /// `NO_LEADS_AT_5X_TARGET`.
    #[serde(rename = "NO_LEADS_AT_5X_TARGET")]
    NoLeadsAt5xTarget,
}

impl Guard {
    /// The symbol on the wire, which is also what people and SQL see.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::NoLeadsAt3xTarget => "NO_LEADS_AT_3X_TARGET",
            Self::NoLeadsAt5xTarget => "NO_LEADS_AT_5X_TARGET",
        }
    }
}

/// A position in the log: the record that caused this one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin<'a> {
    /// Topic name.
    #[serde(borrow)]
    pub topic: &'a str,
    /// Partition number.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
}

/// Place of a row in its batch. A day's figures become true when all rows of the newest batch have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchRow<'a> {
    /// Identity of the batch at its source: a poll, an uploaded file.
    #[serde(borrow)]
    pub batch_id: &'a str,
    /// Which row of this campaign and day it is, from 0.
    pub row_index: i32,
    /// How many rows of this campaign and day the batch has.
    pub row_count: i32,
}

/// Figures of one campaign and day; an absent figure was not reported, which is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Spend, micros of the currency.
    #[serde(default)]
    pub spend_micros: Option<Micros>,
    /// Impressions.
    #[serde(default)]
    pub impressions: Option<i64>,
    /// People reached; not additive over days.
    #[serde(default)]
    pub reach: Option<i64>,
    /// All clicks.
    #[serde(default)]
    pub clicks: Option<i64>,
    /// Clicks on links.
    #[serde(default)]
    pub link_clicks: Option<i64>,
    /// Leads as the platform counts them.
    #[serde(default)]
    pub leads: Option<i64>,
    /// Purchases or approved conversions as the platform counts them.
    #[serde(default)]
    pub purchases: Option<i64>,
    /// Value of those purchases, micros of the currency.
    #[serde(default)]
    pub purchase_value_micros: Option<Micros>,
}

/// The five dimensions, points rounded to 2 decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// 0 to 25.
    pub cost_efficiency: f64,
    /// 0 to 25.
    pub lead_quality: f64,
    /// 0 to 20.
    pub volume: f64,
    /// 0 to 20.
    pub trend: f64,
    /// 0 to 10.
    pub engagement: f64,
}

/// Why a score is what it is; most important first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason<'a> {
    /// Code, see SCORING.md section 5.
    #[serde(borrow)]
    pub code: &'a str,
    /// The campaign's figure.
    pub figure: f64,
    /// What it is held against.
    pub target: f64,
    /// For a person.
    #[serde(borrow)]
    pub sentence: &'a str,
}
