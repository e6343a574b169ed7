//! Files and funnels of our own, made from a seed, with the quirks of the real ones: lines that end in CR alone, a
//! byte-order mark, names that are no keys, blanks instead of zeros, days without spend that have results, leads that are
//! won before they were created, leads that nobody can say the origin of.

use std::fmt::Write as _;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use schemas::{Day, TimestampMs};

/// One row for each ad and audience, without dates, `CR` line ends, amounts with nine decimals.
pub fn kag_like(seed: u64) -> Vec<u8> {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut text = String::from(
        "ad_id,xyz_campaign_id,fb_campaign_id,age,gender,interest,Impressions,Clicks,Spent,\
         Total_Conversion,Approved_Conversion",
    );
    let mut ad = 700_000;
    for (campaign, ads) in [(4101, 54), (4102, 464), (4103, 625)] {
        for _ in 0..ads {
            ad += dice.random_range(1..40);
            let impressions = dice.random_range(90..300_000);
            let clicks = dice.random_range(0..=impressions / 4_000);
            let spent = if clicks == 0 {
                "0".to_owned()
            } else {
                format!("{}.{:09}", dice.random_range(0..3) * clicks, dice.random_range(0..1_000_000_000))
            };
            let enquiries = dice.random_range(0..5);
            let approved = dice.random_range(0..=enquiries);
            let (age, gender) = (["30-34", "35-39", "40-44", "45-49"].choose(&mut dice).unwrap(), ["M", "F"]);
            let gender = gender.choose(&mut dice).unwrap();
            let interest = dice.random_range(2..115);
            write!(
                text,
                "\r{ad},{campaign},{},{age},{gender},{interest},{impressions},{clicks},{spent},{enquiries},{approved}",
                100_000 + ad
            )
            .unwrap();
        }
    }
    text.into_bytes()
}

/// A daily export by ad, byte-order mark first. Its last day is the one before `end`. Several ad sets have an ad of the
/// same name, so that a day and a name together occur more than once.
pub fn ads_manager_like(seed: u64, end: Day) -> Vec<u8> {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut text = String::from(
        "\u{feff}Day,\"Ad name\",\"Amount spent (USD)\",\"Result type\",Results,Impressions,\"Link clicks\",\
         \"Purchases conversion value\",\"Preview link\",\"Reporting starts\",\"Reporting ends\"\n",
    );
    let blank_or = |number: i64| if number == 0 { String::new() } else { number.to_string() };
    for day in (1..=7).rev().map(|back| Day(end.0 - back)) {
        for ad in 0..24_u32 {
            for _ in 0..dice.random_range(1..=3) {
                let impressions = dice.random_range(200..90_000_i64);
                let link_clicks = dice.random_range(0..=impressions / 60);
                let cents: i64 = if dice.random_ratio(1, 12) { 0 } else { dice.random_range(1..90_000) };
                let results = if cents == 0 { 2 } else { dice.random_range(0..4) };
                let kind = if results == 0 { "" } else { "Website purchases" };
                let value = if results == 0 { String::new() } else { format!("{}.50", results * 31) };
                writeln!(
                    text,
                    "{day},\"Ad - {ad}, \"\"spring\"\" – Größe {}\",{}.{:02},\"{kind}\",{},{impressions},{},{value},,{day},{day}",
                    ad % 5,
                    cents / 100,
                    cents % 100,
                    blank_or(results),
                    blank_or(link_clicks),
                )
                .unwrap();
            }
        }
    }
    text.into_bytes()
}

/// A lead's life as a CRM knows it.
#[derive(Clone, Debug)]
pub struct Life {
    pub id: String,
    pub created: TimestampMs,
    /// Where it came from; absent where nobody knows.
    pub origin: Option<String>,
    pub won: Option<TimestampMs>,
}

/// A funnel of leads over a year, the last of them long ago.
pub fn funnel(seed: u64, leads: u32, from: Day) -> Vec<Life> {
    const HOUR_MS: i64 = 3_600_000;
    let origins = ["organic_search", "paid_search", "social", "unknown", "e:mail", "50% off"];
    let mut dice = StdRng::seed_from_u64(seed);
    (0..leads)
        .map(|number| {
            let created = TimestampMs(Day(from.0 + dice.random_range(0..350)).midnight_utc().0);
            let origin =
                (!dice.random_ratio(1, 100)).then(|| (*origins.choose(&mut dice).unwrap()).to_owned());
            // Every fiftieth deal was won a few hours before its lead was noted.
            let delay_hours = if dice.random_ratio(1, 50) { -5 } else { dice.random_range(0..4_000) };
            let won = dice.random_ratio(1, 10).then(|| TimestampMs(created.0 + delay_hours * HOUR_MS));
            Life {
                id: format!("{:032x}", u128::from(number) << 64 | u128::from(dice.random::<u64>())),
                created,
                origin,
                won,
            }
        })
        .collect()
}
