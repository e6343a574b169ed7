//! What reading a raw record costs: an insights row as the platform's API writes it, to the fact that is made of it.

use std::convert::Infallible;
use std::sync::Arc;

use divan::{Bencher, black_box};
use processor::{NormalizeOutput, Normalizer, Policy, Rejection};
use schemas::TimestampMs;
use schemas::record::{BatchRow, Event, Lead, Origin, RawEvent, RawKind, Source};

const ROW: &str = concat!(
    r#"{"account_id":"123456789012345","account_currency":"USD","campaign_id":"120210000000000017","#,
    r#""campaign_name":"Leads | Lookalike | 17","date_start":"2026-10-01","date_stop":"2026-10-01","#,
    r#""objective":"OUTCOME_LEADS","impressions":"18500","reach":"14100","frequency":"1.312056","clicks":"520","#,
    r#""inline_link_clicks":"410","spend":"143.50","ctr":"2.810810","cpc":"0.275000","cpm":"7.756000","#,
    r#""attribution_setting":"7d_click_1d_view","actions":[{"action_type":"link_click","value":"410"},"#,
    r#"{"action_type":"landing_page_view","value":"328"},{"action_type":"post_engagement","value":"930"},"#,
    r#"{"action_type":"page_engagement","value":"931"},{"action_type":"lead","value":"9"},"#,
    r#"{"action_type":"offsite_conversion.fb_pixel_lead","value":"4"},"#,
    r#"{"action_type":"onsite_conversion.lead_grouped","value":"5"},{"action_type":"omni_purchase","value":"2"},"#,
    r#"{"action_type":"purchase","value":"2"},{"action_type":"offsite_conversion.fb_pixel_purchase","value":"2"}],"#,
    r#""action_values":[{"action_type":"omni_purchase","value":"310.00"}]}"#
);

fn main() {
    divan::main();
}

struct Nowhere;

impl NormalizeOutput for Nowhere {
    type Error = Infallible;
    fn event(&mut self, key: Option<&str>, event: &Event<'_>) -> Result<(), Infallible> {
        black_box((key, event));
        Ok(())
    }
    fn lead(&mut self, key: &str, lead: &Lead<'_>) -> Result<(), Infallible> {
        black_box((key, lead));
        Ok(())
    }
    fn reject(&mut self, rejection: &Rejection) -> Result<(), Infallible> {
        panic!("the row is sound: {rejection:?}");
    }
}

/// Transactions of 1,000 rows.
#[divan::bench(sample_size = 1_000, sample_count = 50)]
fn normalize_an_insights_row(bencher: Bencher<'_, '_>) {
    let mut normalizer = Normalizer::new(Arc::new(Policy::default()));
    let raw = RawEvent {
        source: Source::Facebook,
        kind: RawKind::Metrics,
        platform: "facebook",
        account_id: "123456789012345",
        time_zone: Some("America/New_York"),
        currency: Some("USD"),
        message_id: "poll-123456789012345-2026-10-02/0-17",
        batch: Some(BatchRow { batch_id: "poll-2026-10-02T06:00", row_index: 0, row_count: 1 }),
        observed_at: TimestampMs(1_790_920_800_000),
        payload: ROW.as_bytes(),
        reading: None,
    };
    let at = Origin { topic: "raw.facebook", partition: 0, offset: 0 };
    let mut step = 0_u64;
    bencher.bench_local(move || {
        step += 1;
        if step.is_multiple_of(1_000) {
            normalizer.commit();
        }
        normalizer.apply(black_box(&raw), &at, &mut Nowhere)
    });
}
