//! What a row can hold. Both stores refuse the same values, so that they never disagree about a record: ClickHouse's
//! dates end in 2299 and its decimals at 18 digits, and neither JSON nor a comparison survives a NaN.

use schemas::record::{
    Account, Alert, Campaign, CampaignDay, CampaignScore, DeadLetter, Lead, Parts, Reason, Recommendation,
};
use schemas::{Day, Micros, TimestampMs};

/// A reason code and a sentence.
pub(crate) type Refusal = (&'static str, String);

const FIRST_DAY: i32 = -25_567; // 1900-01-01
const LAST_DAY: i32 = 120_529; // 2299-12-31
const DAY_MS: i64 = 86_400_000;
/// Decimal(18, 6) has twelve digits before the point.
const MICROS_MAX: u64 = 999_999_999_999_999_999;

pub(crate) trait Bounded {
    /// Says what the stores cannot hold.
    fn check(&self) -> Result<(), Refusal>;
}

fn day(field: &str, day: Day) -> Result<(), Refusal> {
    if (FIRST_DAY..=LAST_DAY).contains(&day.0) {
        return Ok(());
    }
    Err((
        "day_out_of_range",
        format!("{field} is day {} since 1970, outside 1900-01-01 to 2299-12-31", day.0),
    ))
}

fn moment(field: &str, at: impl Into<Option<TimestampMs>>) -> Result<(), Refusal> {
    let Some(TimestampMs(ms)) = at.into() else { return Ok(()) };
    let range = i64::from(FIRST_DAY) * DAY_MS..i64::from(LAST_DAY + 1) * DAY_MS;
    if range.contains(&ms) {
        return Ok(());
    }
    Err(("time_out_of_range", format!("{field} is {ms} ms since 1970, outside the years 1900 to 2299")))
}

fn money(field: &str, amount: impl Into<Option<Micros>>) -> Result<(), Refusal> {
    let Some(Micros(micros)) = amount.into() else { return Ok(()) };
    if micros.unsigned_abs() <= MICROS_MAX {
        return Ok(());
    }
    Err(("money_out_of_range", format!("{field} is {micros} micros, which is a million millions or more")))
}

fn finite(field: &str, number: impl Into<Option<f64>>) -> Result<(), Refusal> {
    match number.into() {
        Some(number) if !number.is_finite() => Err(("not_finite", format!("{field} is {number}"))),
        _ => Ok(()),
    }
}

fn parts(parts: &Parts, total: f64, confidence: f64) -> Result<(), Refusal> {
    finite("parts.cost_efficiency", parts.cost_efficiency)?;
    finite("parts.lead_quality", parts.lead_quality)?;
    finite("parts.volume", parts.volume)?;
    finite("parts.trend", parts.trend)?;
    finite("parts.engagement", parts.engagement)?;
    finite("total", total)?;
    finite("confidence", confidence)
}

fn reasons(reasons: &[Reason<'_>]) -> Result<(), Refusal> {
    for reason in reasons {
        finite("reasons.figure", reason.figure)?;
        finite("reasons.target", reason.target)?;
    }
    Ok(())
}

impl Bounded for Campaign<'_> {
    fn check(&self) -> Result<(), Refusal> {
        money("daily_budget_micros", self.daily_budget_micros)?;
        money("lifetime_budget_micros", self.lifetime_budget_micros)?;
        finite("frequency_7d", self.frequency_7d)?;
        moment("frequency_at", self.frequency_at)?;
        moment("fatigue_at", self.fatigue_at)?;
        moment("observed_at", self.observed_at)?;
        moment("known_since", self.known_since)
    }
}

impl Bounded for CampaignDay<'_> {
    fn check(&self) -> Result<(), Refusal> {
        day("day", self.day)?;
        money("figures.spend_micros", self.figures.spend_micros)?;
        money("figures.purchase_value_micros", self.figures.purchase_value_micros)?;
        money("cohort.revenue_micros", self.cohort.revenue_micros)?;
        if let Some(first) = &self.first_figures {
            money("first_figures.spend_micros", first.spend_micros)?;
            money("first_figures.purchase_value_micros", first.purchase_value_micros)?;
        }
        moment("first_seen", self.first_seen)?;
        moment("last_seen", self.last_seen)
    }
}

impl Bounded for CampaignScore<'_> {
    fn check(&self) -> Result<(), Refusal> {
        day("as_of", self.as_of)?;
        parts(&self.parts, self.total, self.confidence)?;
        reasons(&self.reasons)?;
        money("window.spend_micros", self.window.spend_micros)?;
        money("window.revenue_micros", self.window.revenue_micros)?;
        moment("scored_at", self.scored_at)?;
        moment("metrics_observed_at", self.metrics_observed_at)?;
        moment("announced.announced_at", self.announced.map(|announced| announced.announced_at))
    }
}

impl Bounded for Recommendation<'_> {
    fn check(&self) -> Result<(), Refusal> {
        day("as_of", self.as_of)?;
        parts(&self.parts, self.total, self.confidence)?;
        reasons(&self.reasons)?;
        moment("announced_at", self.announced_at)
    }
}

impl Bounded for Lead<'_> {
    fn check(&self) -> Result<(), Refusal> {
        let times = [
            ("campaign_at", self.campaign_at),
            ("created_at", self.created_at),
            ("qualified_at", self.qualified_at),
            ("disqualified_at", self.disqualified_at),
            ("won_at", self.won_at),
            ("lost_at", self.lost_at),
            ("account_at", self.account_at),
            ("observed_at", Some(self.observed_at)),
        ];
        for (field, at) in times {
            moment(field, at)?;
        }
        money("amount_micros", self.amount_micros)
    }
}

impl Bounded for Account<'_> {
    fn check(&self) -> Result<(), Refusal> {
        moment("failure_at", self.failure_at)?;
        moment("observed_at", self.observed_at)?;
        for hour in &self.hours {
            moment("hours.hour_start", hour.hour_start)?;
        }
        Ok(())
    }
}

impl Bounded for Alert<'_> {
    fn check(&self) -> Result<(), Refusal> {
        finite("figure", self.figure)?;
        finite("threshold", self.threshold)?;
        moment("raised_at", self.raised_at)
    }
}

impl Bounded for DeadLetter<'_> {
    fn check(&self) -> Result<(), Refusal> {
        moment("refused_at", self.refused_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_days_is_what_clickhouse_can_hold() {
        assert_eq!(Day(FIRST_DAY).to_string(), "1900-01-01");
        assert_eq!(Day(LAST_DAY).to_string(), "2299-12-31");
        assert_eq!(day("day", Day(LAST_DAY + 1)).map_err(|e| e.0), Err("day_out_of_range"));
        assert_eq!(moment("at", TimestampMs(i64::MAX)).map_err(|e| e.0), Err("time_out_of_range"));
    }

    #[test]
    fn money_beyond_eighteen_digits_is_refused_and_the_last_that_fits_is_not() {
        assert_eq!(money("spend", Micros(999_999_999_999_999_999)), Ok(()));
        assert_eq!(
            money("spend", Micros(-1_000_000_000_000_000_000)).map_err(|e| e.0),
            Err("money_out_of_range")
        );
        assert_eq!(money("spend", Micros(i64::MIN)).map_err(|e| e.0), Err("money_out_of_range"));
    }

    #[test]
    fn a_figure_that_is_not_a_number_is_refused() {
        assert_eq!(finite("figure", f64::NAN).map_err(|e| e.0), Err("not_finite"));
        assert_eq!(finite("figure", None), Ok(()));
    }
}
