//! Which fields a record has, which branches a union and which symbols an enum, in the order of the schemas.

use super::read::Datum;
use super::{Plain, TopicValue, write};
use crate::record::{
    Account, AccountObserved, Action, Alert, AlertState, Announcement, BatchRow, Campaign, CampaignDay,
    CampaignObserved, CampaignScore, Cohort, Contribution, DeadLetter, Doubt, Event, EventBody, FatigueLevel,
    FatigueSignal, Figures, Guard, Header, Lead, LeadChanged, LeadReading, LeadStage, MetricsObserved,
    MetricsReading, Origin, Parts, PendingBatch, QualityCounted, QualityFlag, QualityHour, RawEvent, RawKind,
    Reading, Reason, Recommendation, Severity, Source, SourceDay, Tick, Watermark, WindowTotals,
};

macro_rules! topic_values {
    ($($value:ident)*) => {$(
        impl<'a> TopicValue<'a> for $value<'a> {
            const RECORD: &'static str = stringify!($value);
        }
    )*};
}

topic_values! {
    RawEvent Event Lead Account Campaign CampaignDay CampaignScore Watermark Recommendation Alert DeadLetter
}

macro_rules! records {
    ($($record:ty { $($field:ident)* })*) => {$(
        impl<'a> Plain<'a> for $record {
            #[inline]
            #[allow(unused_variables, reason = "there is a record without fields")]
            fn read(from: &mut Datum<'a>) -> Self {
                // The fields of an expression are evaluated in the order in which they stand.
                Self { $($field: Plain::read(from)),* }
            }

            #[inline]
            #[allow(unused_variables, reason = "there is a record without fields")]
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }
        }
    )*};
}

records! {
    Origin<'a> { topic partition offset }
    BatchRow<'a> { batch_id row_index row_count }
    Figures { spend_micros impressions reach clicks link_clicks leads purchases purchase_value_micros }
    Parts { cost_efficiency lead_quality volume trend engagement }
    Reason<'a> { code figure target sentence }

    RawEvent<'a> {
        source kind platform account_id time_zone currency message_id batch observed_at payload reading
    }
    MetricsReading<'a> { campaign_id campaign_name day currency figures }
    LeadReading<'a> { lead_key stage occurred_at campaign_id amount_micros currency }

    Event<'a> { observed_at origin flags doubts body }
    MetricsObserved<'a> { source day batch currency figures }
    CampaignObserved<'a> {
        name status objective daily_budget_micros lifetime_budget_micros time_zone currency frequency_7d
    }
    LeadChanged<'a> { lead_key before after }
    Contribution { created_day qualified won revenue_micros }
    FatigueSignal<'a> { level message }
    Tick {}
    AccountObserved<'a> { name status time_zone currency failure_code failure }
    QualityCounted { hour_start records incomplete outlier rejected }

    Lead<'a> {
        platform account_id campaign_id campaign_at stage created_at qualified_at disqualified_at won_at lost_at
        amount_micros currency account_time_zone account_currency account_at counted observed_at origin
    }
    Account<'a> {
        platform account_id name status time_zone currency failure_code failure failure_at observed_at hours firing
        origin
    }
    QualityHour { hour_start records incomplete outlier rejected }
    Campaign<'a> {
        platform account_id campaign_id name status objective daily_budget_micros lifetime_budget_micros time_zone
        currency frequency_7d frequency_at fatigue_level fatigue_at fatigue_high_at fatigue_high_before_at
        observed_at name_at status_at objective_at budget_at time_zone_at currency_at known_since origin
    }

    CampaignDay<'a> {
        platform account_id campaign_id day currency figures flags doubts cohort revision first_seen first_figures
        last_seen sources origin
    }
    SourceDay<'a> { source batch_id observed_at currency figures flags doubts pending }
    PendingBatch<'a> { batch_id observed_at row_count rows currency figures flags doubts }
    Cohort { leads qualified won revenue_micros }

    CampaignScore<'a> {
        platform account_id campaign_id as_of parts total recommendation confidence actionable guard reasons window
        currency scored_at metrics_observed_at policy_version announced firing origin
    }
    WindowTotals {
        spend_micros impressions link_clicks leads crm_leads qualified won revenue_micros purchases active_days
    }
    Announcement { action total as_of announced_at }

    Watermark<'a> { log_time origin }
    Recommendation<'a> {
        platform account_id campaign_id campaign_name as_of parts total action previous_action confidence
        actionable guard reasons policy_version announced_at origin
    }
    Alert<'a> {
        code severity state platform account_id campaign_id figure threshold sentence raised_at origin
    }
    DeadLetter<'a> { stage reason_code sentence origin locator refused_at key payload headers }
    Header<'a> { name value }
}

macro_rules! unions {
    ($($union:ty { $($index:literal $branch:ident)* } or $any:ident)*) => {$(
        impl<'a> Plain<'a> for $union {
            #[inline]
            fn read(from: &mut Datum<'a>) -> Self {
                match from.index() {
                    $($index => Self::$branch(Plain::read(from)),)*
                    _ => {
                        from.fail();
                        Self::$any(Plain::read(from))
                    }
                }
            }

            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$branch(value) => {
                        write::index(out, $index);
                        value.write(out);
                    })*
                }
            }

            /// The branches of one that may be absent stand beside nothing, which comes first.
            #[inline]
            fn read_option(from: &mut Datum<'a>) -> Option<Self> {
                match from.index().checked_sub(1) {
                    None => None,
                    $(Some($index) => Some(Self::$branch(Plain::read(from))),)*
                    Some(_) => {
                        from.fail();
                        None
                    }
                }
            }

            #[inline]
            fn write_option(value: Option<&Self>, out: &mut Vec<u8>) {
                match value {
                    None => write::index(out, 0),
                    $(Some(Self::$branch(value)) => {
                        write::index(out, 1 + $index);
                        value.write(out);
                    })*
                }
            }
        }
    )*};
}

unions! {
    EventBody<'a> {
        0 MetricsObserved 1 CampaignObserved 2 LeadChanged 3 FatigueSignal 4 Tick 5 AccountObserved 6 QualityCounted
    } or Tick
    Reading<'a> { 0 MetricsReading 1 LeadReading } or MetricsReading
}

macro_rules! enums {
    ($($enum:ident { $any:literal $first:ident $($index:literal $symbol:ident)* })*) => {$(
        impl Plain<'_> for $enum {
            #[inline]
            fn read(from: &mut Datum<'_>) -> Self {
                match from.index() {
                    $any => Self::$first,
                    $($index => Self::$symbol,)*
                    _ => {
                        from.fail();
                        Self::$first
                    }
                }
            }

            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                let index = match self {
                    Self::$first => $any,
                    $(Self::$symbol => $index,)*
                };
                write::index(out, index);
            }
        }
    )*};
}

enums! {
    Source { 0 Facebook 1 Crm 2 Csv 3 Clock }
    QualityFlag { 0 Incomplete 1 Outlier }
    Doubt {
        0 SpendMissing 1 ImpressionsMissing 2 BudgetUnreadable 3 AmountInOtherCurrency 4 FigureNegative
        5 ClicksAboveImpressions 6 ReachAboveImpressions 7 CtrAboveLimit 8 SpendAboveMedian 9 DayAhead
        10 CurrencyUnlikeAccount
    }
    Action { 0 IncreaseBudget 1 ContinueOptimize 2 TestChanges 3 ReduceBudget 4 PauseCampaign }
    Guard { 0 NoLeadsAt3xTarget 1 NoLeadsAt5xTarget }
    FatigueLevel { 0 Low 1 Medium 2 High }
    LeadStage { 0 Created 1 Qualified 2 Disqualified 3 Won 4 Lost }
    RawKind { 0 Metrics 1 Campaign 2 Lead 3 Fatigue 4 Account 5 Tick }
    Severity { 0 Critical 1 High 2 Medium 3 Low }
    AlertState { 0 Firing 1 Resolved }
}
