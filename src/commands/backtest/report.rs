//! A backtest in words, as one JSON object, and as a table of campaigns.

use std::fmt::Write as _;
use std::io::Write;

use comfy_table::{Cell, CellAlignment, Table};
use processor::Outcome;
use schemas::record::Action;
use serde_json::{Value, json};

use super::compare::{BANDS, Compared, Distribution, TENS, Under};
use super::side::{Announced, ScoreLine};
use super::{Backtest, Policied};

/// Changed campaigns that a terminal shows; the files have all of them.
const ROWS_SHOWN: usize = 40;
/// Announcements of a campaign that a row shows, the newest.
const ANNOUNCED_SHOWN: usize = 4;
const BAR_WIDTH: usize = 24;

/// For people.
pub fn as_text(done: &Backtest) -> String {
    let mut out = String::new();
    let written = write_text(&mut out, done);
    written.expect("writing to a String cannot fail");
    out.truncate(out.trim_end().len());
    out
}

fn write_text(out: &mut String, done: &Backtest) -> std::fmt::Result {
    let (read, comparison) = (&done.replayed, &done.comparison);
    let (seconds, rate) = speed(done);
    writeln!(
        out,
        "{} events of {} partitions in {seconds:.1} s: {rate:.0} events/s",
        read.events,
        read.spans.len()
    )?;
    if let Some((first, last)) = read.observed {
        writeln!(out, "log time {first} to {last}")?;
    }
    writeln!(out, "policy in force {}, new policy {}", done.before.version, done.after.version)?;
    if done.before.version == done.after.version {
        writeln!(out, "The two policies say the same.")?;
    }
    let undecodable: u64 = read.undecodable.values().sum();
    if undecodable > 0 {
        let codes: Vec<_> = read.undecodable.iter().map(|(code, count)| format!("{code} {count}")).collect();
        writeln!(out, "passed over {undecodable} records that are not events: {}", codes.join(", "))?;
    }
    for (name, policied) in [("in force", &done.before), ("new", &done.after)] {
        let refused = policied.outcomes[Outcome::Rejected as usize];
        if refused > 0 {
            writeln!(out, "events refused by the policy {name}: {refused}")?;
        }
    }
    let truncated: Vec<_> = read.truncated().map(|span| span.partition.to_string()).collect();
    if !truncated.is_empty() {
        writeln!(
            out,
            "The oldest events are gone by retention (partitions {}): both sides begin without what came before, so their first \
             announcements are not what was announced.",
            truncated.join(", ")
        )?;
    }
    write_changes(out, &comparison.campaigns)?;
    writeln!(out, "\nlast scores by band")?;
    let labels = BANDS.map(|band| band.symbol().to_owned());
    write_bars(out, &labels, &comparison.before.bands, &comparison.after.bands)?;
    writeln!(out, "\nlast scores by ten points")?;
    let labels: [String; TENS] = std::array::from_fn(|ten| {
        format!("{:>2} to {}", ten * 10, if ten == 9 { 100 } else { ten * 10 + 9 })
    });
    write_bars(out, &labels, &comparison.before.tens, &comparison.after.tens)?;
    if let Some((mean, median)) = comparison.change_mean.zip(comparison.change_median) {
        writeln!(out, "\nchange of the total: mean {mean:+.2}, median {median:+.2}")?;
    }
    Ok(())
}

fn write_changes(out: &mut String, campaigns: &[Compared]) -> std::fmt::Result {
    let changed: Vec<&Compared> = campaigns.iter().filter(|one| one.is_changed()).collect();
    writeln!(out, "\n{} of {} campaigns change their recommendation", changed.len(), campaigns.len())?;
    if changed.is_empty() {
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "campaign",
        "stands before",
        "after",
        "total before",
        "after",
        "differs from",
        "announced before",
        "announced after",
    ]);
    for one in changed.iter().take(ROWS_SHOWN) {
        let title =
            one.name.as_ref().map_or_else(|| one.key.to_string(), |name| format!("{name}\n{}", one.key));
        let total = |under: &Under| {
            let text = under.score.map_or("-".to_owned(), |score| format!("{:.2}", score.total));
            Cell::new(text).set_alignment(CellAlignment::Right)
        };
        table.add_row([
            Cell::new(title),
            Cell::new(symbol(one.before.stands)),
            Cell::new(symbol(one.after.stands)),
            total(&one.before),
            total(&one.after),
            Cell::new(one.first_day.map_or("-".to_owned(), |day| day.to_string())),
            Cell::new(announced_lines(&one.before.announced)),
            Cell::new(announced_lines(&one.after.announced)),
        ]);
    }
    writeln!(out, "{table}")?;
    if changed.len() > ROWS_SHOWN {
        writeln!(out, "… and {} more; --csv or --json has all of them", changed.len() - ROWS_SHOWN)?;
    }
    Ok(())
}

fn announced_lines(announced: &[Announced]) -> String {
    let hidden = announced.len().saturating_sub(ANNOUNCED_SHOWN);
    let mut lines = Vec::new();
    if hidden > 0 {
        lines.push(format!("({hidden} earlier)"));
    }
    lines.extend(announced[hidden..].iter().map(|one| format!("{} {}", one.day, one.action.symbol())));
    if lines.is_empty() { "-".to_owned() } else { lines.join("\n") }
}

fn write_bars(out: &mut String, labels: &[String], before: &[usize], after: &[usize]) -> std::fmt::Result {
    let most = before.iter().chain(after).copied().max().unwrap_or(0).max(1);
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    for (label, (before, after)) in labels.iter().zip(before.iter().zip(after)) {
        let bar = |count: usize| {
            // A campaign too few to fill a block is still seen.
            let blocks = (count * BAR_WIDTH).div_ceil(most);
            format!("{:<BAR_WIDTH$}", "█".repeat(blocks))
        };
        writeln!(
            out,
            "  {label:<width$} before {} {before:>6}   after {} {after:>6}",
            bar(*before),
            bar(*after)
        )?;
    }
    Ok(())
}

fn symbol(action: Option<Action>) -> &'static str {
    action.map_or("-", Action::symbol)
}

fn speed(done: &Backtest) -> (f64, f64) {
    let seconds = done.elapsed.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "events are far fewer than 2^53")]
    let rate = done.replayed.events as f64 / seconds.max(1e-6);
    (seconds, rate)
}

/// One object: what was read, both distributions, and the campaigns that change.
pub fn as_json(done: &Backtest) -> Value {
    let (read, comparison) = (&done.replayed, &done.comparison);
    let (seconds, rate) = speed(done);
    let changed: Vec<Value> =
        comparison.campaigns.iter().filter(|one| one.is_changed()).map(campaign_json).collect();
    json!({
        "events": read.events,
        "undecodable": read.undecodable,
        "partitions": read.spans.len(),
        "truncated_partitions": read.truncated().map(|span| span.partition).collect::<Vec<_>>(),
        "log_time": {
            "from": read.observed.map(|(first, _)| first.to_string()),
            "to": read.observed.map(|(_, last)| last.to_string()),
        },
        "seconds": seconds,
        "events_per_second": rate,
        "compared_days": {
            "from": done.span.from.map(|day| day.to_string()),
            "to": done.span.to.map(|day| day.to_string()),
        },
        "policy": {"before": policy_json(&done.before), "after": policy_json(&done.after)},
        "campaigns": comparison.campaigns.len(),
        "campaigns_changed": changed.len(),
        "distribution": {
            "before": distribution_json(&comparison.before),
            "after": distribution_json(&comparison.after),
            "change_mean": comparison.change_mean,
            "change_median": comparison.change_median,
        },
        "changed": changed,
    })
}

fn policy_json(policied: &Policied) -> Value {
    let outcomes: serde_json::Map<String, Value> = Outcome::ALL
        .into_iter()
        .map(|outcome| (outcome.as_str().to_owned(), policied.outcomes[outcome as usize].into()))
        .collect();
    json!({"version": policied.version, "outcomes": outcomes})
}

fn distribution_json(distribution: &Distribution) -> Value {
    let bands: serde_json::Map<String, Value> = BANDS
        .iter()
        .zip(distribution.bands)
        .map(|(band, count)| (band.symbol().to_owned(), count.into()))
        .collect();
    json!({"bands": bands, "tens": distribution.tens})
}

fn campaign_json(one: &Compared) -> Value {
    json!({
        "campaign": one.key,
        "name": one.name,
        "first_day_different": one.first_day.map(|day| day.to_string()),
        "announcements_different": one.differing,
        "before": under_json(&one.before),
        "after": under_json(&one.after),
    })
}

fn under_json(under: &Under) -> Value {
    let announced: Vec<Value> = under
        .announced
        .iter()
        .map(|one| {
            json!({
                "day": one.day.to_string(), "at": one.at.to_string(),
                "action": one.action.symbol(), "total": one.total,
            })
        })
        .collect();
    json!({
        "stands": under.stands.map(Action::symbol),
        "as_of": under.score.map(|score| score.as_of.to_string()),
        "total": under.score.map(|score| score.total),
        "band": under.score.map(|score| score.band.symbol()),
        "confidence": under.score.map(|score| score.confidence),
        "actionable": under.score.map(|score| score.actionable),
        "announced": announced,
    })
}

/// One row for each campaign.
pub fn write_csv(file: impl Write, done: &Backtest) -> anyhow::Result<()> {
    let mut rows = csv::Writer::from_writer(file);
    rows.write_record([
        "campaign",
        "name",
        "total_before",
        "band_before",
        "confidence_before",
        "actionable_before",
        "announced_before",
        "total_after",
        "band_after",
        "confidence_after",
        "actionable_after",
        "announced_after",
        "announcements_different",
        "first_day_different",
    ])?;
    for one in &done.comparison.campaigns {
        let mut row = vec![one.key.to_string(), one.name.as_deref().unwrap_or("").to_owned()];
        for under in [&one.before, &one.after] {
            row.extend(score_fields(under.score));
            row.push(under.stands.map_or("", Action::symbol).to_owned());
        }
        row.push(one.differing.to_string());
        row.push(one.first_day.map_or(String::new(), |day| day.to_string()));
        rows.write_record(&row)?;
    }
    rows.flush()?;
    Ok(())
}

fn score_fields(score: Option<ScoreLine>) -> [String; 4] {
    score.map_or_else(Default::default, |score| {
        [
            format!("{:.2}", score.total),
            score.band.symbol().to_owned(),
            format!("{:.2}", score.confidence),
            score.actionable.to_string(),
        ]
    })
}
