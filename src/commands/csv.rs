//! `adpulse csv FILE`: one file, one transaction. Its rows appear on the log all at once, or not at all.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use comfy_table::Table;
use indicatif::{ProgressBar, ProgressStyle};
use ingest::csv::{CsvItem, CsvOptions, CsvPlan, CsvSummary, Field, FileReport, ObservedAt, ProfileChoice};
use kafka::{KafkaError, KafkaSettings, Record, StageError, TransactionalUpload};
use schemas::{Schemas, Topic};
use serde_json::json;

use super::print;
use crate::cli::{ClockChoice, CsvArgs, CsvReading};
use crate::config::{Config, ms};
use crate::connect;
use crate::roles::now;
use crate::topics::TopicNames;

/// The exit status when rows were refused and the others have landed.
const ROWS_REFUSED: u8 = 3;

pub async fn run(config: &Config, args: &CsvArgs) -> anyhow::Result<ExitCode> {
    let upload = Upload::new(config)?;
    let (path, reading, dry_run) = (args.file.clone(), args.reading.clone(), args.dry_run);
    let work = tokio::task::spawn_blocking(move || {
        let plan = plan(&path, &reading)?;
        let summary = if dry_run { None } else { Some(upload.send(&plan)?) };
        anyhow::Ok((plan.report().clone(), summary))
    });
    let (report, summary) = work.await??;
    if args.json {
        print(&serde_json::to_string_pretty(&as_json(&args.file, &report, summary.as_ref()))?)?;
    } else {
        print(&as_text(&args.file, &report, summary.as_ref()))?;
    }
    let refused = summary.is_some_and(|summary| summary.broken() > 0);
    Ok(if refused { ExitCode::from(ROWS_REFUSED) } else { ExitCode::SUCCESS })
}

/// Reads a file once and decides how to send it.
pub fn plan(path: &Path, reading: &CsvReading) -> anyhow::Result<CsvPlan> {
    let bar = bar(path, "reading");
    let plan = ingest::csv::plan_with_progress(path, &options(reading), |done| bar.set_position(done));
    bar.finish_and_clear();
    plan.with_context(|| format!("{} was refused whole", path.display()))
}

fn options(reading: &CsvReading) -> CsvOptions {
    let profile = match &reading.profile {
        None => ProfileChoice::Auto,
        Some(path) if Path::new(path).extension().is_some_and(|e| e == "toml") => {
            ProfileChoice::File(path.into())
        }
        Some(name) => ProfileChoice::Named(name.clone()),
    };
    CsvOptions {
        profile,
        map: reading.map.clone(),
        date: reading.date,
        date_order: reading.date_format,
        platform: reading.platform.clone(),
        account_id: reading.account.clone(),
        currency: reading.currency.clone(),
        time_zone: reading.time_zone.clone(),
        observed_at: match reading.clock {
            ClockChoice::Wall => ObservedAt::At(now()),
            ClockChoice::Data => ObservedAt::FromRows,
        },
        uploaded_at: Some(now()),
        ..CsvOptions::default()
    }
}

/// What sending a file needs. Blocking.
pub struct Upload {
    kafka: KafkaSettings,
    names: TopicNames,
    schemas: std::sync::Arc<Schemas>,
    prefix: String,
    timeout: Duration,
}

impl Upload {
    /// Looks up the schemas; sends nothing yet.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            kafka: connect::kafka_settings(&config.kafka)?,
            names: TopicNames::new(&config.kafka),
            schemas: connect::schemas(config)?,
            prefix: config.kafka.topic_prefix.clone(),
            timeout: ms(config.csv.transaction_timeout_ms),
        })
    }

    /// Sends a planned file in one transaction.
    pub fn send(&self, plan: &CsvPlan) -> anyhow::Result<CsvSummary> {
        // Named after its content: a second upload of the same file fences the first instead of interleaving with it.
        let content = plan.report().batch_id.rsplit('-').next().unwrap_or_default();
        let id = format!("{}csv-{content}", self.prefix);
        let mut upload = TransactionalUpload::begin(&self.kafka, &id, self.timeout)
            .with_context(|| format!("Kafka at {}", self.kafka.brokers))?;
        let (raw, dead) = (self.names.name(Topic::RawCsv), self.names.name(Topic::DeadLetters));
        let mut events = self.schemas.encoder(Topic::RawCsv);
        let mut letters = self.schemas.encoder(Topic::DeadLetters);
        let mut value = Vec::with_capacity(1_024);
        let bar = bar(Path::new(plan.report().batch_id.as_str()), "sending");
        bar.set_length(plan.report().file_bytes);
        let sent = plan.send(
            |item| -> Result<(), KafkaError> {
                value.clear();
                let (topic, key, encoded) = match item {
                    CsvItem::Event { key, event } => {
                        (&raw, Some(key.as_bytes()), events.encode(event, &mut value))
                    }
                    CsvItem::Refused { letter } => (&dead, None, letters.encode(letter, &mut value)),
                };
                encoded.map_err(|error| KafkaError::Stage(StageError::failed(error)))?;
                fail::fail_point!("csv.mid_file");
                upload.send(&Record::new(topic, key, Some(&value)))
            },
            |done| bar.set_position(done),
        );
        bar.finish_and_clear();
        match sent {
            Ok(summary) => {
                fail::fail_point!("csv.before_commit");
                upload.commit().context("nothing of the file is visible")?;
                fail::fail_point!("csv.after_commit");
                Ok(summary)
            }
            Err(error) => {
                if let Err(abort) = upload.abort() {
                    tracing::warn!(error = %abort, "the upload was not aborted in order; the broker drops it by itself");
                }
                Err(anyhow::Error::msg(error.to_string()).context("nothing of the file is visible"))
            }
        }
    }
}

fn bar(path: &Path, verb: &'static str) -> ProgressBar {
    let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let style = ProgressStyle::with_template("{msg:8} {bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    // Draws on the standard error, and only on a terminal.
    ProgressBar::new(length).with_style(style).with_message(verb)
}

fn as_json(path: &Path, report: &FileReport, summary: Option<&CsvSummary>) -> serde_json::Value {
    let columns: Vec<_> = report
        .columns
        .iter()
        .map(|column| json!({"name": column.name, "field": column.field.map(Field::name), "style": column.style}))
        .collect();
    let text = |day: Option<schemas::Day>| day.map(|day| day.to_string());
    let sent = summary.map(|s| {
        let money = |sums: &std::collections::BTreeMap<String, schemas::Micros>| {
            sums.iter()
                .map(|(currency, sum)| (currency.clone(), sum.to_string()))
                .collect::<std::collections::BTreeMap<_, _>>()
        };
        json!({
            "rows": s.rows, "accepted": s.accepted, "refused": s.refused, "broken": s.broken(),
            "totals_skipped": s.totals_skipped(), "campaigns": s.campaigns, "campaign_days": s.keys,
            "repeated_campaign_days": s.repeated_keys, "spend": money(&s.spend), "impressions": s.impressions,
            "clicks": s.clicks, "link_clicks": s.link_clicks, "leads": s.leads, "purchases": s.purchases,
            "purchase_value": money(&s.purchase_value), "results_not_mapped": s.results_not_mapped,
        })
    });
    json!({
        "file": path.display().to_string(), "bytes": report.file_bytes, "encoding": report.encoding,
        "delimiter": report.delimiter, "line_end": report.line_end, "profile": report.profile, "columns": columns,
        "currency": report.currency, "platform": report.platform, "batch_id": report.batch_id,
        "observed_at": report.observed_at.to_string(), "rows": report.rows, "acceptable": report.accepted,
        "first_day": text(report.first_day), "last_day": text(report.last_day), "notes": report.notes, "sent": sent,
    })
}

fn as_text(path: &Path, report: &FileReport, summary: Option<&CsvSummary>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header(["column", "is", "written"]);
    for column in &report.columns {
        table.add_row([
            column.name.as_str(),
            column.field.map_or("–", Field::name),
            column.style.unwrap_or(""),
        ]);
    }
    let mut lines = vec![
        format!(
            "{}: {} with {:?} between columns, profile {}",
            path.display(),
            report.encoding,
            report.delimiter,
            report.profile
        ),
        table.to_string(),
    ];
    if let (Some(first), Some(last)) = (report.first_day, report.last_day) {
        lines.push(format!("{} rows for {} campaign days from {first} to {last}", report.rows, report.keys));
    }
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    match summary {
        None => lines.push("dry run: nothing was sent".to_owned()),
        Some(sent) => {
            let spend: Vec<_> =
                sent.spend.iter().map(|(currency, sum)| format!("{sum} {currency}")).collect();
            lines.push(format!(
                "sent {} of {} rows: {} campaigns, spend {}, {} impressions, {} leads, {} purchases",
                sent.accepted,
                sent.rows,
                sent.campaigns,
                spend.join(" + "),
                sent.impressions,
                sent.leads,
                sent.purchases
            ));
            for (code, count) in &sent.refused {
                lines.push(format!("refused {count}: {code} (kept as dead letters with line and reason)"));
            }
        }
    }
    lines.join("\n")
}
