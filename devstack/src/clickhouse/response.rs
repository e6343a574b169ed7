//! Answers in the form of ClickHouse's HTTP interface: headers, and errors with their codes.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use super::compression;
use super::library::{Answer, Refusal};
use super::request::Wishes;

/// An answer of the engine in the format that it was written in.
pub(super) fn success(answer: Answer, format: &str, wishes: &Wishes, timezone: &str) -> Response {
    let summary = serde_json::json!({
        "read_rows": answer.rows_read.to_string(),
        "read_bytes": answer.bytes_read.to_string(),
        "written_rows": answer.rows_written.to_string(),
        "written_bytes": answer.bytes_written.to_string(),
        "result_bytes": answer.body.len().to_string(),
        "elapsed_ns": format!("{:.0}", answer.elapsed_seconds * 1e9),
    });
    let body = if wishes.compress { compression::frame(&answer.body) } else { answer.body };
    let mut response = Response::new(Body::from(body));
    set(&mut response, CONTENT_TYPE, content_type(format));
    set(&mut response, HeaderName::from_static("x-clickhouse-format"), format);
    set(&mut response, HeaderName::from_static("x-clickhouse-timezone"), timezone);
    set(&mut response, HeaderName::from_static("x-clickhouse-summary"), &summary.to_string());
    if let Some(query_id) = &wishes.query_id {
        set(&mut response, HeaderName::from_static("x-clickhouse-query-id"), query_id);
    }
    response
}

/// The engine's reason with the status that the server gives to its code.
pub(super) fn failure(refusal: &Refusal) -> Response {
    let code = code_of(&refusal.0);
    let mut response = Response::new(Body::from(format!("{}\n", refusal.0.trim_end())));
    *response.status_mut() = status_of(code);
    set(&mut response, CONTENT_TYPE, "text/plain; charset=UTF-8");
    set(&mut response, HeaderName::from_static("x-clickhouse-exception-code"), &code.to_string());
    response
}

/// A refusal of this server itself, in the engine's form.
pub(super) fn refused(status: StatusCode, code: u32, reason: &str) -> Response {
    let mut response = failure(&Refusal(format!("Code: {code}. DB::Exception: {reason}")));
    *response.status_mut() = status;
    response
}

/// A value that is no header (such as a query id with a line break) is left out of the answer.
fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The code in `Code: 62. DB::Exception: …`; 1002 is the engine's "unknown exception".
fn code_of(reason: &str) -> u32 {
    const UNKNOWN: u32 = 1002;
    let after = reason.split_once("Code: ").map_or("", |(_, after)| after);
    after.split(|c: char| !c.is_ascii_digit()).next().and_then(|code| code.parse().ok()).unwrap_or(UNKNOWN)
}

fn status_of(code: u32) -> StatusCode {
    match code {
        // Text, numbers and dates that do not parse, wrong types, syntax, values out of bounds.
        6 | 25 | 26 | 27 | 33 | 38 | 41 | 53 | 62 | 66 | 69 | 72 | 117 | 167 | 168 | 223 | 321 | 441
        | 456 | 457 => StatusCode::BAD_REQUEST,
        // Functions, identifiers, types, engines, tables, settings, formats, databases that are not known.
        16 | 46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 336 => StatusCode::NOT_FOUND,
        164 => StatusCode::FORBIDDEN,
        48 => StatusCode::NOT_IMPLEMENTED,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn content_type(format: &str) -> &'static str {
    match format {
        "JSON" | "JSONStrings" | "JSONCompact" | "JSONCompactStrings" | "JSONColumns" => {
            "application/json; charset=UTF-8"
        }
        format if format.starts_with("JSON") => "application/x-ndjson; charset=UTF-8",
        format if format.starts_with("CSV") => "text/csv; charset=UTF-8; header=absent",
        format if format.starts_with("TSV") || format.starts_with("TabSeparated") => {
            "text/tab-separated-values; charset=UTF-8"
        }
        format if format.starts_with("Pretty") || format == "Vertical" => "text/plain; charset=UTF-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_carries_its_code_and_a_status() {
        let response = failure(&Refusal("Code: 62. DB::Exception: Syntax error. (SYNTAX_ERROR)".to_owned()));
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()["x-clickhouse-exception-code"], "62");
    }
}
