//! What files come to, read by other code than adpulse's own, so that the two can be held against each other.

use std::collections::HashMap;
use std::path::Path;

use schemas::{Day, TimestampMs};

use crate::generated::Life;
use crate::harness::{Figures, Totals};

/// Rows of a file as maps from column to text. Any line end; a byte-order mark is dropped.
fn rows(bytes: &[u8]) -> Vec<HashMap<String, String>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    csv::Reader::from_reader(bytes).deserialize().map(|row| row.unwrap()).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "amounts of one row are small")]
fn micros(text: &str) -> i64 {
    (number::<f64>(text) * 1e6).round() as i64
}

/// A blank is none.
fn number<T: std::str::FromStr<Err: std::fmt::Debug> + Default>(text: &str) -> T {
    if text.is_empty() { T::default() } else { text.parse().unwrap() }
}

/// Sums by campaign of a file of the kag kind.
pub fn kag_figures(bytes: &[u8]) -> Figures {
    let mut figures = Figures::new();
    for row in rows(bytes) {
        let sums = figures.entry(row["xyz_campaign_id"].clone()).or_default();
        sums.spend += micros(&row["Spent"]);
        sums.impressions += number::<i64>(&row["Impressions"]);
        sums.clicks += number::<i64>(&row["Clicks"]);
        sums.leads += number::<i64>(&row["Total_Conversion"]);
        sums.purchases += number::<i64>(&row["Approved_Conversion"]);
    }
    figures
}

/// Sums by ad name of a daily export.
pub fn ads_manager_figures(bytes: &[u8]) -> Figures {
    let mut figures = Figures::new();
    for row in rows(bytes) {
        let sums = figures.entry(row["Ad name"].clone()).or_default();
        sums.spend += micros(&row["Amount spent (USD)"]);
        sums.impressions += number::<i64>(&row["Impressions"]);
        sums.link_clicks += number::<i64>(&row["Link clicks"]);
        if row["Result type"] == "Website purchases" {
            sums.purchases += number::<i64>(&row["Results"]);
        }
    }
    figures
}

/// How many pairs of day and ad name occur more than once.
pub fn repeated_pairs(bytes: &[u8]) -> usize {
    let mut counts: HashMap<(String, String), usize> = HashMap::new();
    for row in rows(bytes) {
        *counts.entry((row["Day"].clone(), row["Ad name"].clone())).or_default() += 1;
    }
    counts.values().filter(|&&count| count > 1).count()
}

/// The sum over all campaigns.
pub fn total(figures: &Figures) -> Totals {
    figures.values().fold(Totals::default(), |mut sum, one| {
        sum.spend += one.spend;
        sum.impressions += one.impressions;
        sum.clicks += one.clicks;
        sum.link_clicks += one.link_clicks;
        sum.leads += one.leads;
        sum.purchases += one.purchases;
        sum.crm_leads += one.crm_leads;
        sum.qualified += one.qualified;
        sum.won += one.won;
        sum.revenue += one.revenue;
        sum
    })
}

/// Sums by origin of a funnel. A lead of unknown origin is nobody's. A won lead is a qualified one.
pub fn funnel_figures(lives: &[Life]) -> Figures {
    let mut figures = Figures::new();
    for life in lives {
        let Some(origin) = &life.origin else { continue };
        let sums = figures.entry(origin.clone()).or_default();
        let won = i64::from(life.won.is_some());
        sums.crm_leads += 1;
        sums.qualified += won;
        sums.won += won;
    }
    figures
}

/// The real funnel: leads and the deals won from them.
pub fn olist(folder: &Path) -> Vec<Life> {
    let read = |name: &str| rows(&std::fs::read(folder.join(name)).unwrap());
    let won: HashMap<String, TimestampMs> = read("olist_closed_deals.csv")
        .into_iter()
        .map(|deal| (deal["mql_id"].clone(), moment(&deal["won_date"])))
        .collect();
    read("olist_marketing_qualified_leads.csv")
        .into_iter()
        .map(|lead| Life {
            id: lead["mql_id"].clone(),
            created: moment(&lead["first_contact_date"]),
            origin: Some(lead["origin"].clone()).filter(|origin| !origin.is_empty()),
            won: won.get(&lead["mql_id"]).copied(),
        })
        .collect()
}

/// `DD-MM-YYYY`, or the same with ` HH:MM`.
fn moment(text: &str) -> TimestampMs {
    let (date, time) = text.split_once(' ').unwrap_or((text, "00:00"));
    let parts: Vec<u32> = date.split('-').map(|part| part.parse().unwrap()).collect();
    let day = Day::from_ymd(i32::try_from(parts[2]).unwrap(), parts[1], parts[0]).unwrap();
    let (hours, minutes) = time.split_once(':').unwrap();
    TimestampMs(day.midnight_utc().0 + (number::<i64>(hours) * 60 + number::<i64>(minutes)) * 60_000)
}
