//! Logs go to the standard error, as JSON lines for machines or as text for people.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::ChronoUtc;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people; the default on a terminal.
    Pretty,
    /// One JSON object a line; the default elsewhere.
    Json,
}

/// Starts logging. `filter` is a level or a list such as `info,kafka=debug`.
pub fn start(format: Option<LogFormat>, filter: &str) {
    let format =
        format.unwrap_or(if std::io::stderr().is_terminal() { LogFormat::Pretty } else { LogFormat::Json });
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_timer(ChronoUtc::rfc_3339());
    match format {
        LogFormat::Pretty => {
            builder.with_target(false).with_ansi(std::env::var_os("NO_COLOR").is_none()).init();
        }
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
