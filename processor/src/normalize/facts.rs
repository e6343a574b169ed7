//! Figures, campaigns and fatigue signals: read, judged, and passed on as facts about their campaign.

use chrono_tz::Tz;
use schemas::record::{
    BatchRow, CampaignObserved, Doubt, Event, EventBody, FatigueSignal, Figures, MetricsObserved,
    MetricsReading, Origin, RawEvent, Reading, Source,
};
use schemas::{CampaignKey, Day, TimestampMs};

use super::account::{currency, time_zone};
use super::{NormalizeOutput, Normalizer, Refusal, fact, flagged};
use crate::event::{self, COUNT_MAX, InsightsPeriod, MONEY_MAX, TEXT_BYTES_MAX};
use crate::outcome::quoted;
use crate::{EffectivePolicy, Outcome, Rejection, calendar, quality};

/// The figures of a day as a row tells them.
#[derive(Clone, Copy)]
struct DayRow<'a> {
    day: Day,
    /// The currency that the row itself names.
    currency: Option<&'a str>,
    figures: Figures,
}

impl Normalizer {
    pub(super) fn metrics<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        at: &Origin<'_>,
        out: &mut O,
    ) -> Result<Outcome, Refusal<O::Error>> {
        let in_force = self.policy.account(raw.platform, raw.account_id);
        if let Some(Reading::MetricsReading(reading)) = &raw.reading {
            return self.metrics_reading(raw, reading, &in_force, at, out);
        }
        if raw.source != Source::Facebook {
            let sentence =
                format!("a row of figures from {} needs its source's reading", raw.source.symbol());
            return Err(Rejection::new("READING_MISSING", sentence).into());
        }
        let row = event::insights_row(raw.payload, &in_force.facebook)?;
        match row.period {
            InsightsPeriod::Week { last, frequency } => {
                self.check_horizon(last, raw.observed_at)?;
                let observed =
                    CampaignObserved { frequency_7d: Some(frequency), ..CampaignObserved::default() };
                let body = EventBody::CampaignObserved(observed);
                self.emit(raw, &row.campaign_id, &fact(raw, at, Vec::new(), body), out)
            }
            InsightsPeriod::Day(day, figures) => {
                let day_row = DayRow { day, currency: row.currency.as_deref(), figures };
                let event = self.metrics_event(raw, day_row, &in_force, at)?;
                self.emit(raw, &row.campaign_id, &event, out)
            }
        }
    }

    /// A row that its source's mapping has read obeys the same limits as one that is read here.
    fn metrics_reading<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        reading: &MetricsReading<'_>,
        in_force: &EffectivePolicy,
        at: &Origin<'_>,
        out: &mut O,
    ) -> Result<Outcome, Refusal<O::Error>> {
        if reading.campaign_id.is_empty() {
            return Err(Rejection::new("FIELD_MISSING", "the record names no campaign").into());
        }
        event::bounded("the campaign", reading.campaign_id, TEXT_BYTES_MAX)?;
        reading.campaign_name.map_or(Ok(()), |name| event::bounded("the name", name, TEXT_BYTES_MAX))?;
        let row_currency = reading.currency.map(event::currency).transpose()?;
        check_bounds(&reading.figures)?;
        let day_row = DayRow { day: reading.day, currency: row_currency, figures: reading.figures };
        let event = self.metrics_event(raw, day_row, in_force, at)?;
        // A file's rows are the only ones that say how such a campaign is called; one row of a batch is enough.
        if raw.batch.is_some_and(|batch| batch.row_index == 0) {
            let observed = CampaignObserved {
                name: reading.campaign_name,
                currency: currency(in_force, raw.currency)?.or(row_currency),
                time_zone: time_zone(in_force, raw.time_zone)?.map(Tz::name),
                ..CampaignObserved::default()
            };
            if observed != CampaignObserved::default() {
                let body = EventBody::CampaignObserved(observed);
                self.emit(raw, reading.campaign_id, &fact(raw, at, Vec::new(), body), out)?;
            }
        }
        self.emit(raw, reading.campaign_id, &event, out)
    }

    pub(super) fn campaign<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        at: &Origin<'_>,
        out: &mut O,
    ) -> Result<Outcome, Refusal<O::Error>> {
        let in_force = self.policy.account(raw.platform, raw.account_id);
        let currency = currency(&in_force, raw.currency)?;
        let object = event::campaign_object(raw.payload, currency)?;
        let doubts = if object.budget_unreadable { vec![Doubt::BudgetUnreadable] } else { Vec::new() };
        let body = EventBody::CampaignObserved(CampaignObserved {
            name: object.name.as_deref(),
            status: object.status.as_deref(),
            objective: object.objective.as_deref(),
            daily_budget_micros: object.daily_budget,
            lifetime_budget_micros: object.lifetime_budget,
            time_zone: time_zone(&in_force, raw.time_zone)?.map(Tz::name),
            currency,
            frequency_7d: None,
        });
        self.emit(raw, &object.id, &fact(raw, at, doubts, body), out)
    }

    pub(super) fn fatigue<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        at: &Origin<'_>,
        out: &mut O,
    ) -> Result<Outcome, Refusal<O::Error>> {
        let signal = event::fatigue(raw.payload)?;
        let body = EventBody::FatigueSignal(FatigueSignal {
            level: signal.level,
            message: signal.message.as_deref(),
        });
        self.emit(raw, &signal.campaign_id, &fact(raw, at, Vec::new(), body), out)
    }

    /// Writes a fact about a campaign of the record's account; the parsers see to it that its id is not empty.
    fn emit<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        campaign_id: &str,
        event: &Event<'_>,
        out: &mut O,
    ) -> Result<Outcome, Refusal<O::Error>> {
        self.key.clear();
        CampaignKey { platform: raw.platform, account_id: raw.account_id, campaign_id }.write(&mut self.key);
        out.event(Some(&self.key), event).map_err(Refusal::Output)?;
        Ok(flagged(&event.flags))
    }

    fn metrics_event<'a>(
        &self,
        raw: &RawEvent<'a>,
        row: DayRow<'a>,
        in_force: &'a EffectivePolicy,
        at: &Origin<'a>,
    ) -> Result<Event<'a>, Rejection> {
        let batch = self.batch(raw)?;
        let DayRow { day, currency: row_currency, figures } = row;
        self.check_horizon(day, raw.observed_at)?;
        let account_currency = currency(in_force, raw.currency)?;
        let judged = quality::Row {
            figures: &figures,
            day,
            observed_at: raw.observed_at,
            currency: row_currency,
            account_currency,
        };
        let doubts = quality::doubts(&judged, &in_force.quality);
        let currency = row_currency.or(account_currency);
        let observed = MetricsObserved { source: raw.source, day, batch, currency, figures };
        Ok(fact(raw, at, doubts, EventBody::MetricsObserved(observed)))
    }

    /// The row's place in its batch, which must exist.
    fn batch<'a>(&self, raw: &RawEvent<'a>) -> Result<BatchRow<'a>, Rejection> {
        let Some(batch) = raw.batch else {
            return Err(Rejection::new("BATCH_MISSING", "a row of figures must name its batch"));
        };
        let rows_max = i32::from(self.policy.facts.batch_rows_max);
        let BatchRow { batch_id, row_index, row_count } = batch;
        if batch_id.is_empty() || row_index < 0 || row_index >= row_count || row_count > rows_max {
            let sentence = format!(
                "row {row_index} of {row_count} of the batch {} does not exist; a batch has a name and 1 to {rows_max} rows of a campaign and day",
                quoted(batch_id)
            );
            return Err(Rejection::new("BATCH_INVALID", sentence));
        }
        event::bounded("the batch", batch_id, TEXT_BYTES_MAX)?;
        Ok(batch)
    }

    /// Facts older than the horizon are refused, measured from their own observation.
    pub(super) fn check_horizon(&self, day: Day, observed_at: TimestampMs) -> Result<(), Rejection> {
        let months = self.policy.facts.horizon_months;
        let oldest = calendar::months_before(observed_at.day_utc(), months);
        if day >= oldest {
            return Ok(());
        }
        let sentence = format!("{day} lies more than {months} months before the record was observed");
        Err(Rejection::new("TOO_OLD", sentence))
    }
}

/// Figures read by the source's mapping obey the same limits as those parsed here.
fn check_bounds(figures: &Figures) -> Result<(), Rejection> {
    let money = [("spend", figures.spend_micros), ("purchase value", figures.purchase_value_micros)];
    for (field, amount) in money {
        if amount.is_some_and(|amount| amount.0.unsigned_abs() > MONEY_MAX.0.unsigned_abs()) {
            return Err(Rejection::new("NUMBER_INVALID", format!("the {field} is larger than {MONEY_MAX}")));
        }
    }
    let counts = [
        ("impressions", figures.impressions),
        ("reach", figures.reach),
        ("clicks", figures.clicks),
        ("link clicks", figures.link_clicks),
        ("leads", figures.leads),
        ("purchases", figures.purchases),
    ];
    for (field, count) in counts {
        if count.is_some_and(|count| count.unsigned_abs() > COUNT_MAX.unsigned_abs()) {
            return Err(Rejection::new("NUMBER_INVALID", format!("the {field} are more than a trillion")));
        }
    }
    Ok(())
}
