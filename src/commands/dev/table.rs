//! The campaigns as the API gives them, as a table for people and as JSON for scripts.

use anyhow::Context as _;
use comfy_table::{Attribute, Cell, CellAlignment, Color, Table};
use serde_json::Value;

/// Asks the API for all campaigns, page by page.
pub fn campaigns(api: &str) -> anyhow::Result<Vec<Value>> {
    let mut campaigns = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut request = ureq::get(format!("http://{api}/api/campaigns")).query("limit", "200");
        if let Some(cursor) = &cursor {
            request = request.query("cursor", cursor);
        }
        let text = request.call().context("asking the API for campaigns")?.body_mut().read_to_string()?;
        let mut page: Value = serde_json::from_str(&text).context("the API's answer")?;
        if let Some(Value::Array(rows)) = page.get_mut("items").map(Value::take) {
            campaigns.extend(rows);
        }
        match page.get("next_cursor").and_then(Value::as_str) {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(campaigns),
        }
    }
}

/// The table that a marketer reads.
pub fn render(campaigns: &[Value]) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "campaign",
        "spend",
        "leads",
        "cost",
        "quality",
        "volume",
        "trend",
        "engage",
        "score",
        "recommendation",
        "conf.",
    ]);
    for campaign in campaigns {
        let figure = |path: &str| campaign.pointer(path).and_then(Value::as_f64).unwrap_or_default();
        let text = |path: &str| campaign.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let points = |path: &str| right(format!("{:.2}", figure(path)));
        let name = match text("/name") {
            name if name.is_empty() => text("/campaign_id"),
            name => name,
        };
        let action = text("/recommendation");
        let money = format!("{} {}", two_decimals(&text("/spend")), text("/currency"));
        table.add_row([
            Cell::new(name),
            right(money),
            right(format!("{}", figure("/leads"))),
            points("/parts/cost_efficiency"),
            points("/parts/lead_quality"),
            points("/parts/volume"),
            points("/parts/trend"),
            points("/parts/engagement"),
            points("/total").add_attribute(Attribute::Bold),
            Cell::new(&action).fg(color(&action)),
            points("/confidence"),
        ]);
    }
    table.to_string()
}

/// Money in the API has up to six decimals; people read two.
fn two_decimals(amount: &str) -> String {
    schemas::Micros::parse(amount).map_or_else(|_| amount.to_owned(), |money| money.to_string())
}

fn color(action: &str) -> Color {
    match action {
        "INCREASE_BUDGET" => Color::Green,
        "CONTINUE_OPTIMIZE" => Color::Cyan,
        "TEST_CHANGES" => Color::Yellow,
        "REDUCE_BUDGET" => Color::Magenta,
        _ => Color::Red,
    }
}
