//! Examples of every record, for the tests of every layer: what one crate writes, another must be able to read.

use serde::Deserialize;

use crate::Topic;

/// The examples of a topic's values, as JSON: bytes are strings, a union's member is tagged with its name.
#[must_use]
pub const fn json(topic: Topic) -> &'static str {
    match topic {
        Topic::RawFacebook | Topic::RawCrm | Topic::RawCsv | Topic::RawClock => {
            include_str!("../examples/raw_event.json")
        }
        Topic::Events => include_str!("../examples/event.json"),
        Topic::Accounts => include_str!("../examples/account.json"),
        Topic::Leads => include_str!("../examples/lead.json"),
        Topic::Campaigns => include_str!("../examples/campaign.json"),
        Topic::CampaignDays => include_str!("../examples/campaign_day.json"),
        Topic::Scores => include_str!("../examples/campaign_score.json"),
        Topic::Watermarks => include_str!("../examples/watermark.json"),
        Topic::Recommendations => include_str!("../examples/recommendation.json"),
        Topic::Alerts => include_str!("../examples/alert.json"),
        Topic::DeadLetters => include_str!("../examples/dead_letter.json"),
    }
}

/// The examples of a topic's values.
///
/// # Panics
/// When `T` is not the topic's record, or the examples do not fit it: a test that calls this fails.
#[must_use]
pub fn of<T: Deserialize<'static>>(topic: Topic) -> Vec<T> {
    let examples: Vec<serde_json::Value> =
        serde_json::from_str(json(topic)).expect("examples are a JSON array");
    // Records borrow their text, so the examples live as long as the process: they are few, and only tests ask.
    let examples: &'static [serde_json::Value] = examples.leak();
    examples
        .iter()
        .map(|value| T::deserialize(value).unwrap_or_else(|e| panic!("example of {topic:?}: {e}: {value}")))
        .collect()
}
