//! Figures, campaigns and fatigue signals: read, judged, and passed on as facts about their campaign.

use schemas::record::{
    BatchRow, CampaignObserved, Event, EventBody, FatigueSignal, Figures, MetricsObserved, Origin,
    QualityFlag, RawEvent, Reading, Source,
};
use schemas::{CampaignKey, Day, TimestampMs};

use super::{NormalizeOutput, Normalizer, Refusal, flagged};
use crate::event::{self, COUNT_MAX, InsightsPeriod, MONEY_MAX};
use crate::outcome::quoted;
use crate::{Outcome, Rejection, calendar, quality};

impl Normalizer {
    pub(super) fn metrics<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        at: &Origin<'_>,
        out: &mut O,
    ) -> Result<Outcome, Refusal<O::Error>> {
        if let Some(Reading::MetricsReading(reading)) = &raw.reading {
            let batch = self.batch(raw)?;
            let currency = reading.currency.or(raw.currency);
            if let Some(code) = currency {
                event::currency(code)?;
            }
            check_bounds(&reading.figures)?;
            let fact = (reading.day, currency, reading.figures);
            let event = self.metrics_event(raw, at, batch, fact)?;
            // A file's rows are the only ones that say how such a campaign is called; one row of a batch is enough.
            if batch.row_index == 0 {
                let observed = CampaignObserved {
                    name: reading.campaign_name,
                    currency,
                    time_zone: self.checked_time_zone(raw)?,
                    ..CampaignObserved::default()
                };
                if observed != CampaignObserved::default() {
                    let body = EventBody::CampaignObserved(observed);
                    self.emit(raw, at, reading.campaign_id, Vec::new(), body, out)?;
                }
            }
            return self.emit_event(raw, reading.campaign_id, &event, out);
        }
        if raw.source != Source::Facebook {
            let sentence =
                format!("a row of figures from {} needs its source's reading", raw.source.symbol());
            return Err(Rejection::new("READING_MISSING", sentence).into());
        }
        let policy = self.policy.account(raw.platform, raw.account_id);
        let row = event::insights_row(raw.payload, &policy.facebook)?;
        match row.period {
            InsightsPeriod::Week { frequency } => {
                let observed =
                    CampaignObserved { frequency_7d: Some(frequency), ..CampaignObserved::default() };
                let body = EventBody::CampaignObserved(observed);
                self.emit(raw, at, &row.campaign_id, Vec::new(), body, out)
            }
            InsightsPeriod::Day(day, figures) => {
                let batch = self.batch(raw)?;
                let currency = row.currency.as_deref().or(raw.currency);
                let event = self.metrics_event(raw, at, batch, (day, currency, figures))?;
                self.emit_event(raw, &row.campaign_id, &event, out)
            }
        }
    }

    pub(super) fn campaign<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        at: &Origin<'_>,
        out: &mut O,
    ) -> Result<Outcome, Refusal<O::Error>> {
        let policy = std::sync::Arc::clone(&self.policy);
        let account = policy.account(raw.platform, raw.account_id);
        let currency = account.currency.as_deref().or(raw.currency);
        if let Some(code) = currency {
            event::currency(code)?;
        }
        let object = event::campaign_object(raw.payload, currency)?;
        let flags = if object.budget_unreadable { vec![QualityFlag::Incomplete] } else { Vec::new() };
        let time_zone = match account.time_zone {
            Some(zone) => Some(zone.name()),
            None => self.checked_time_zone(raw)?,
        };
        let body = EventBody::CampaignObserved(CampaignObserved {
            name: object.name.as_deref(),
            status: object.status.as_deref(),
            objective: object.objective.as_deref(),
            daily_budget_micros: object.daily_budget,
            lifetime_budget_micros: object.lifetime_budget,
            time_zone,
            currency,
            frequency_7d: None,
        });
        self.emit(raw, at, &object.id, flags, body, out)
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
        self.emit(raw, at, &signal.campaign_id, Vec::new(), body, out)
    }

    fn emit<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        at: &Origin<'_>,
        campaign_id: &str,
        flags: Vec<QualityFlag>,
        body: EventBody<'_>,
        out: &mut O,
    ) -> Result<Outcome, Refusal<O::Error>> {
        let event = Event { observed_at: raw.observed_at, origin: *at, flags, doubts: Vec::new(), body };
        self.emit_event(raw, campaign_id, &event, out)
    }

    fn emit_event<O: NormalizeOutput>(
        &mut self,
        raw: &RawEvent<'_>,
        campaign_id: &str,
        event: &Event<'_>,
        out: &mut O,
    ) -> Result<Outcome, Refusal<O::Error>> {
        if campaign_id.is_empty() {
            return Err(Rejection::new("FIELD_MISSING", "the record names no campaign").into());
        }
        self.campaign_key.clear();
        CampaignKey { platform: raw.platform, account_id: raw.account_id, campaign_id }
            .write(&mut self.campaign_key);
        out.event(Some(&self.campaign_key), event).map_err(Refusal::Output)?;
        Ok(flagged(&event.flags))
    }

    fn metrics_event<'a>(
        &self,
        raw: &RawEvent<'_>,
        at: &Origin<'a>,
        batch: BatchRow<'a>,
        (day, currency, figures): (Day, Option<&'a str>, Figures),
    ) -> Result<Event<'a>, Rejection> {
        self.check_horizon(day, raw.observed_at)?;
        let policy = self.policy.account(raw.platform, raw.account_id);
        let flags = quality::doubts(&figures, day, raw.observed_at, &policy.quality);
        let body =
            EventBody::MetricsObserved(MetricsObserved { source: raw.source, day, batch, currency, figures });
        Ok(Event { observed_at: raw.observed_at, origin: *at, flags, doubts: Vec::new(), body })
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

    fn checked_time_zone<'a>(&self, raw: &RawEvent<'a>) -> Result<Option<&'a str>, Rejection> {
        raw.time_zone.map(|name| event::time_zone(name).map(|_| name)).transpose()
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
