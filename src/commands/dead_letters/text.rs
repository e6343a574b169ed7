//! A letter as people and scripts read it.

use comfy_table::{ContentArrangement, Table};
use serde_json::{Value, json};

use super::letters::Letter;

/// Columns of a terminal of ordinary width; more on a wider one.
const TABLE_WIDTH: u16 = 140;

/// A table with these columns.
pub fn table<const N: usize>(columns: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(TABLE_WIDTH);
    table.set_header(columns);
    table
}

/// A letter as JSON, with its bytes in base64 if asked for.
pub fn json(letter: &Letter<'_>, with_bytes: bool) -> Value {
    let record = &letter.record;
    let origin = record
        .origin
        .map(|origin| json!({"topic": origin.topic, "partition": origin.partition, "offset": origin.offset}));
    let mut value = json!({
        "at": letter.position.to_string(),
        "stage": record.stage,
        "reason": record.reason_code,
        "sentence": record.sentence,
        "state": letter.settled.unwrap_or("open"),
        "refused_at": record.refused_at.to_string(),
        "origin": origin,
        "locator": record.locator,
        "from": from(letter),
        "key": record.key.map(String::from_utf8_lossy),
        "payload_bytes": record.payload.len(),
    });
    if with_bytes {
        value["payload_text"] = json!(std::str::from_utf8(record.payload).ok());
        value["payload_hex"] = json!(hex(record.payload));
        let headers = record.headers.iter();
        value["headers"] =
            headers.map(|header| json!({"name": header.name, "value_hex": hex(header.value)})).collect();
    }
    value
}

/// Where the refused record lay.
fn from(letter: &Letter<'_>) -> String {
    match letter.record.origin {
        Some(origin) => format!("{} {}:{}", origin.topic, origin.partition, origin.offset),
        None => letter.record.locator.to_owned(),
    }
}

/// A letter with everything that is known of it.
pub fn whole(letter: &Letter<'_>) -> String {
    let record = &letter.record;
    let mut table = table(["dead letter", &letter.position.to_string()]);
    let key = record.key.map(String::from_utf8_lossy).unwrap_or_default();
    for (name, value) in [
        ("refused by", record.stage),
        ("reason", record.reason_code),
        ("why", record.sentence),
        ("state", letter.settled.unwrap_or("open")),
        ("refused at", &record.refused_at.to_string()),
        ("lay at", &from(letter)),
        ("at the source", record.locator),
        ("key", &key),
    ] {
        table.add_row([name, value]);
    }
    for header in &record.headers {
        table.add_row([&format!("header {}", header.name), &*String::from_utf8_lossy(header.value)]);
    }
    let payload = match std::str::from_utf8(record.payload) {
        Ok(text) => text.to_owned(),
        Err(_) => hex(record.payload),
    };
    format!("{table}\n\nPayload, {} bytes:\n{payload}", record.payload.len())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
    }
    text
}
